// Streams as the client library of Kubernetes uses them: WebSocket channels of versions 4 and 5.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable, Writable } from 'node:stream'
import * as k8s from '@kubernetes/client-node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { startClusterWithNode } from './testing/running-node.js'
import type { SmallCluster } from './testing/small-cluster.js'

let cluster: SmallCluster
let config: k8s.KubeConfig
let folder: string

const program = `
require('node:net').createServer(socket => {
  socket.on('data', data => socket.end('got ' + data))
  socket.on('error', () => {})
}).listen(7000, process.env.POD_IP)
process.stdin.on('data', data => console.log('read ' + String(data).trim()))
console.log('started')
`

beforeAll(async () => {
  cluster = await startClusterWithNode('n1')
  folder = mkdtempSync(join(tmpdir(), 'client-streams-'))
  config = new k8s.KubeConfig()
  config.loadFromFile(cluster.server.kubeconfig)
  const api = config.makeApiClient(k8s.CoreV1Api)
  await api.createNamespacedPod({
    namespace: 'default',
    body: {
      metadata: { name: 'p' },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [
          {
            name: 'c',
            image: 'host',
            command: ['node', '-e', program],
            stdin: true,
            env: [{ name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }],
            readinessProbe: { tcpSocket: { port: 7000 }, periodSeconds: 1 },
          },
        ],
      },
    },
  })
  const ready = async () => {
    const { status } = await api.readNamespacedPod({ namespace: 'default', name: 'p' })
    return status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True')
  }
  while (!(await ready())) await new Promise(resolve => setTimeout(resolve, 100))
})

afterAll(async () => {
  await cluster.close()
  rmSync(folder, { recursive: true, force: true })
})

class Collected extends Writable {
  text = ''
  override _write(chunk: Buffer, _: string, callback: () => void): void {
    this.text += chunk.toString()
    callback()
  }
}

function exec(
  command: string[],
  stdin: Readable | null,
): Promise<{ out: string; err: string; status: k8s.V1Status }> {
  const [out, err] = [new Collected(), new Collected()]
  return new Promise((resolve, reject) => {
    new k8s.Exec(config)
      .exec('default', 'p', 'c', command, out, err, stdin, false, status =>
        resolve({ out: out.text, err: err.text, status }),
      )
      .catch(reject)
  })
}

test('Exec runs a command, with both outputs and the exit code', async () => {
  const { out, err, status } = await exec(['sh', '-c', 'echo out; echo err >&2; exit 3'], null)
  expect([out, err]).toEqual(['out\n', 'err\n'])
  expect(status).toMatchObject({
    status: 'Failure',
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: '3' }] },
  })
  expect((await exec(['true'], null)).status.status).toBe('Success')
})

test('Exec closes the input of the command alone', async () => {
  const { out, status } = await exec(['wc', '-c'], Readable.from([Buffer.from('12345')]))
  expect([out.trim(), status.status]).toEqual(['5', 'Success'])
})

test('Attach joins the output and the input of the container', async () => {
  const out = new Collected()
  const input = new PassThrough()
  const socket = await new k8s.Attach(config).attach('default', 'p', 'c', out, null, input, false)
  input.write('typed\n')
  await expect.poll(() => out.text, { timeout: 15_000 }).toContain('read typed')
  socket.close()
})

test('PortForward reaches the pod', async () => {
  const [out, err] = [new Collected(), new Collected()]
  const input = new PassThrough()
  await new k8s.PortForward(config).portForward('default', 'p', [7000], out, err, input)
  input.write('this')
  await expect.poll(() => out.text, { timeout: 15_000 }).toBe('got this')
  expect(err.text).toBe('')
})

// Its other direction packs with gzip and unpacks without, whatever the server.
test('Cp copies into the pod', async () => {
  const [from, there] = [join(folder, 'from'), join(folder, 'there')]
  for (const path of [from, there]) mkdirSync(path)
  writeFileSync(join(from, 'file'), 'what is copied')
  const cp = new k8s.Cp(config)
  await cp.cpToPod('default', 'p', 'c', from, there)
  await expect
    .poll(() => readFileSync(join(there, 'file'), 'utf8'), { timeout: 15_000 })
    .toBe('what is copied')
})

test('Log follows', async () => {
  const out = new Collected()
  const stop = await new k8s.Log(config).log('default', 'p', 'c', out, { follow: true })
  await expect.poll(() => out.text, { timeout: 15_000 }).toContain('started\n')
  stop.abort()
})

/** The channels by hand: what the library does not do. */
async function dial(path: string, protocol: string): Promise<WebSocket> {
  const { caFile, certFile, keyFile } = cluster.server.admin
  const socket = new WebSocket(cluster.server.url.replace('https', 'wss') + path, [protocol], {
    ca: readFileSync(caFile),
    cert: readFileSync(certFile),
    key: readFileSync(keyFile),
  })
  await new Promise((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('unexpected-response', (_, response) => {
      let body = ''
      response.on('data', (chunk: Buffer) => {
        body += chunk.toString()
      })
      response.on('end', () => reject(new Error(`${response.statusCode} ${body}`)))
    })
    socket.once('error', reject)
  })
  return socket
}

const pod = '/api/v1/namespaces/default/pods/p'

test('base64 is spoken where it is asked for', async () => {
  const path = `${pod}/exec?stdout=true&command=echo&command=hi`
  const socket = await dial(path, 'v4.base64.channel.k8s.io')
  const messages: string[] = []
  socket.on('message', (data: Buffer) => messages.push(data.toString()))
  await new Promise(resolve => socket.once('close', resolve))
  expect(messages[0]).toBe(`1${Buffer.from('hi\n').toString('base64')}`)
  expect(Buffer.from(messages.at(-1)?.slice(1) ?? '', 'base64').toString()).toContain('"Success"')
})

test.each([
  [`${pod}/exec?stdout=true&command=true`, 'chat', 403, 'unable to negotiate protocol'],
  [`${pod}/exec?command=true`, 'v4.channel.k8s.io', 400, 'at least 1 of stdin, stdout, stderr'],
  [`${pod}/exec?stdout=true`, 'v4.channel.k8s.io', 400, 'you must specify a command'],
  [`${pod}/portforward?ports=0`, 'v4.channel.k8s.io', 400, 'invalid port'],
  [`${pod}x/exec?stdout=true&command=true`, 'v4.channel.k8s.io', 404, 'pods \\"px\\" not found'],
])('an upgrade of %s to %s is refused with %i and a Status', async (path, protocol, code, why) => {
  const refused = await dial(path, protocol).then(
    () => 'was accepted',
    (error: Error) => error.message,
  )
  expect(refused).toContain(`${code} {`)
  expect(refused).toContain('"kind":"Status"')
  expect(refused).toContain(why)
})

// The second may read everything: to get a stream takes what creating one takes.
test.each(['nobody', 'system:kube-controller-manager'])(
  '%s may not exec, and is told so before anything is upgraded',
  async user => {
    const identity = await cluster.server.identity(user)
    const socket = new WebSocket(
      `${cluster.server.url.replace('https', 'wss')}${pod}/exec?stdout=true&command=true`,
      ['v5.channel.k8s.io'],
      {
        ca: readFileSync(identity.caFile),
        cert: readFileSync(identity.certFile),
        key: readFileSync(identity.keyFile),
      },
    )
    const status = await new Promise(resolve => {
      socket.once('unexpected-response', (_, response) => resolve(response.statusCode))
      socket.once('error', () => {})
    })
    expect(status).toBe(403)
  },
)
