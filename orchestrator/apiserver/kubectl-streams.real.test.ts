// Streams as users meet them: the unmodified kubectl against a real API server, a real node and real
// processes. The oldest kubectl speaks SPDY, the newer ones WebSocket.

import { execFile, spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { kubectlBinaries, kubectlWith } from './testing/kubectl.js'
import type { Kubectl, KubectlResult } from './testing/kubectl.js'
import { startClusterWithNode } from './testing/running-node.js'
import type { SmallCluster } from './testing/small-cluster.js'

const all = kubectlBinaries(['1.27', '1.28', '1.29', '1.30', '1.31', '1.32', '1.33'])
const wanted = [all[0], all.find(([version]) => version === '1.32'), all.at(-1)]
const binaries = [...new Map(wanted.filter(found => found !== undefined))]

let cluster: SmallCluster

/** Echoes lines in capitals on port 7000, and answers HTTP on 8080 with what it was asked. */
const serverProgram = `
const { createServer } = require('node:net')
createServer({ allowHalfOpen: true }, socket => {
  socket.on('data', data => socket.write(String(data).toUpperCase()))
  socket.on('end', () => socket.end('BYE'))
  socket.on('error', () => {})
}).listen(7000, process.env.POD_IP)
require('node:http').createServer((request, response) => {
  let body = ''
  request.on('data', piece => { body += piece })
  request.on('end', () => {
    response.setHeader('x-pod', process.env.POD_NAME)
    response.statusCode = Number(request.headers['x-want'] ?? 200)
    response.end(request.method + ' ' + request.url + ' ' + body)
  })
}).listen(8080, process.env.POD_IP)
console.log('serving')
`

const fieldEnv = (name: string, fieldPath: string) => ({
  name,
  valueFrom: { fieldRef: { fieldPath } },
})

const serverContainer = {
  name: 'server',
  image: 'host',
  command: ['node', '-e', serverProgram],
  env: [
    fieldEnv('POD_IP', 'status.podIP'),
    fieldEnv('POD_NAME', 'metadata.name'),
    { name: 'GREETING', value: 'hello there' },
  ],
  ports: [{ name: 'echo', containerPort: 7000 }],
  readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
}

const pod = (name: string, spec: object, labels: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels },
  spec: { terminationGracePeriodSeconds: 1, ...spec },
})

const shell = (name: string, script: string, more: object = {}) => ({
  name,
  image: 'host',
  command: ['sh', '-c', script],
  ...more,
})

const objects = [
  pod('web', { containers: [serverContainer] }, { app: 'web' }),
  pod(
    'two',
    {
      containers: [
        shell('first', 'echo one of two; exec sleep 600'),
        shell('second', 'echo two of two; exec sleep 600'),
      ],
    },
    { app: 'two' },
  ),
  pod('done', { restartPolicy: 'Never', containers: [shell('only', 'echo was here')] }),
  pod('reader', {
    containers: [
      shell('reader', 'while read -r line; do echo "read $line"; done; echo end of input', {
        stdin: true,
      }),
    ],
  }),
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web' },
    spec: {
      selector: { app: 'web' },
      ports: [
        { name: 'echo', port: 70, targetPort: 'echo' },
        { name: 'http', port: 80, targetPort: 8080 },
      ],
    },
  },
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: 'deployed' } },
      template: {
        metadata: { labels: { app: 'deployed' } },
        spec: { terminationGracePeriodSeconds: 1, containers: [serverContainer] },
      },
    },
  },
]

beforeAll(async () => {
  cluster = await startClusterWithNode('n1')
  const kubectl = kubectlWith(binaries.at(-1)?.[1] ?? 'kubectl', cluster.server.kubeconfig)
  const list = { apiVersion: 'v1', kind: 'List', items: objects }
  await kubectl.ok('create', '-f', kubectl.file('objects.json', JSON.stringify(list)))
  await kubectl.ok('wait', '--for=condition=Ready', 'pod/web', 'pod/two', 'pod/reader')
  await kubectl.ok('wait', '--for=condition=Available', 'deployment/web')
  await kubectl.ok('wait', '--for=jsonpath={.status.phase}=Succeeded', 'pod/done')
})

afterAll(async () => {
  await cluster.close()
})

/** With an input of its own, closed behind it. */
function withInput(kubectl: Kubectl, input: string, ...args: string[]): Promise<KubectlResult> {
  const { binary, env } = kubectl
  return new Promise(resolve => {
    const child = execFile(
      binary,
      args,
      { env, timeout: 30_000, maxBuffer: 1 << 23 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1
        resolve({ code, stdout, stderr })
      },
    )
    child.stdin?.end(input)
  })
}

/** Under a terminal of our own, as users are. */
function inTerminal(kubectl: Kubectl, typed: string, args: string): Promise<string> {
  return new Promise(resolve => {
    const command = `stty rows 33 cols 99; ${kubectl.binary} ${args}`
    const child = spawn('script', ['-q', '-e', '-c', command, '/dev/null'], { env: kubectl.env })
    let output = ''
    let told = false
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      if (told || !output.includes('$') || typed === '') return
      told = true
      child.stdin.write(typed)
    })
    child.on('close', () => resolve(output))
  })
}

/** What an echo answers until it ends. */
function talk(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true })
    let answer = ''
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString()
    })
    socket.on('end', () => resolve(answer))
    socket.on('error', reject)
    socket.end(text)
  })
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}

describe.each(binaries)('kubectl %s', (version, binary) => {
  let kubectl: Kubectl
  beforeAll(() => {
    kubectl = kubectlWith(binary, cluster.server.kubeconfig)
  })

  test('exec runs a command with the environment of the container', async () => {
    expect(await kubectl.ok('exec', 'web', '--', 'printenv', 'GREETING')).toBe('hello there\n')
    const both = await kubectl.run('exec', 'web', '--', 'sh', '-c', 'echo out; echo err >&2')
    expect(both).toMatchObject({ code: 0, stdout: 'out\n' })
    expect(both.stderr).toContain('err\n')
    expect(await kubectl.ok('exec', 'deploy/web', '--', 'printenv', 'POD_NAME')).toMatch(/^web-/)
  })

  test('exec answers with the exit code of the command', async () => {
    const failed = await kubectl.run('exec', 'web', '--', 'sh', '-c', 'exit 42')
    expect(failed).toMatchObject({ code: 42, stdout: '' })
    expect(failed.stderr).toContain('command terminated with exit code 42')
    const missing = await kubectl.run('exec', 'web', '--', 'no-such-program')
    expect(missing.code).not.toBe(0)
    expect(missing.stderr).toContain('executable file not found in $PATH')
  })

  test('exec -i hands on the input to its end, and a megabyte comes back whole', async () => {
    const counted = await withInput(kubectl, 'a b\nc\n', 'exec', '-i', 'web', '--', 'wc', '-w')
    expect(counted.stdout.trim()).toBe('3')
    const long = 'all work and no play\n'.repeat(50_000)
    const echoed = await withInput(kubectl, long, 'exec', '-i', 'web', '--', 'cat')
    expect(echoed.stdout === long).toBe(true)
  })

  test('exec -t has a terminal of the size of the user’s', async () => {
    const args =
      'exec -it web -- sh -c \'echo ready $; read x; stty size; tty; echo "got $x"; exit 5\''
    const output = await inTerminal(kubectl, 'typed\r', args)
    expect(output).toContain('33 99')
    expect(output).toMatch(/\/dev\/pts\/\d+/)
    expect(output).toContain('got typed')
    expect(output).toContain('exit code 5')
  })

  test('exec says what is wrong in the words of the original', async () => {
    const unknown = await kubectl.run('exec', 'web', '-c', 'nope', '--', 'true')
    expect(unknown.stderr).toContain('container nope is not valid for pod web')
    expect((await kubectl.run('exec', 'nobody', '--', 'true')).stderr).toContain(
      'pods "nobody" not found',
    )
    const done = await kubectl.run('exec', 'done', '--', 'true')
    expect(done.stderr).toContain('cannot exec into a container in a completed pod')
  })

  test('the command ends when the client is gone', async () => {
    const marker = `marker-${version}`
    const running = kubectl.follow('exec', 'web', '--', 'sh', '-c', `echo $$ ${marker}; sleep 600`)
    const output = await running.until(new RegExp(marker))
    const pid = Number(/(\d+) marker/.exec(output)?.[1])
    await running.stop()
    await expect.poll(() => alive(pid), { timeout: 15_000 }).toBe(false)
  })

  test('attach shows what the container writes, and types for it', async () => {
    const { stdout } = await new Promise<{ stdout: string }>(resolve => {
      const child = spawn(binary, ['attach', '-i', 'reader'], { env: kubectl.env })
      let output = ''
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString()
        if (output.includes('read second')) child.kill('SIGINT')
        else if (output.includes('read first')) child.stdin.write(`second ${version}\n`)
      })
      child.stdin.write('first\n')
      child.on('close', () => resolve({ stdout: output }))
    })
    expect(stdout).toContain(`read first\nread second ${version}\n`)
  })

  test('cp copies both ways', async () => {
    const home = dirname(kubectl.file('here', 'x'))
    const there = `copied-${version}`
    mkdirSync(join(home, 'folder'), { recursive: true })
    const bytes = Buffer.alloc(300_000, version)
    writeFileSync(join(home, 'folder', 'file'), bytes)
    await kubectl.ok('cp', join(home, 'folder'), `web:${there}`)
    expect(await kubectl.ok('exec', 'web', '--', 'wc', '-c', `${there}/file`)).toContain('300000')
    await kubectl.ok('cp', `web:${there}/file`, join(home, 'back'))
    expect(readFileSync(join(home, 'back')).equals(bytes)).toBe(true)
  })

  test.each(['pod/web', 'service/web', 'deployment/web'])('port-forward to %s', async target => {
    const local = await freePort()
    const remote = target.startsWith('service') ? 70 : 7000
    const forward = kubectl.follow('port-forward', target, `${local}:${remote}`)
    await forward.until(/Forwarding from 127/)
    const answers = await Promise.all(['one', 'two', 'three'].map(word => talk(local, word)))
    expect(answers).toEqual(['ONEBYE', 'TWOBYE', 'THREEBYE'])
    const long = 'x'.repeat(500_000)
    expect(await talk(local, long)).toBe(`${long.toUpperCase()}BYE`)
    await forward.stop()
  })

  test('port-forward to a port where nobody listens says so', async () => {
    const local = await freePort()
    const forward = kubectl.follow('port-forward', 'pod/web', `${local}:7999`)
    await forward.until(/Forwarding from 127/)
    await talk(local, 'x').catch(() => {})
    await forward.until(/error forwarding port 7999 to pod web.*ECONNREFUSED/)
    await forward.stop()
  })

  test('get --raw reaches pods, services and nodes through their proxies', async () => {
    const raw = (path: string) => kubectl.ok('get', '--raw', `/api/v1/${path}`)
    const inside = 'namespaces/default'
    expect(await raw(`${inside}/pods/web:8080/proxy/a/b%20c?d=e`)).toBe('GET /a/b%20c?d=e ')
    expect(await raw(`${inside}/services/http:web:http/proxy/x/`)).toBe('GET /x/ ')
    expect(await raw(`${inside}/services/web:80/proxy/`)).toBe('GET / ')
    expect(await raw('nodes/n1/proxy/healthz')).toBe('ok')
    const texts = [
      [`${inside}/services/web:81/proxy/`, 'no service port 81 found for service "web"'],
      [`${inside}/services/web:none/proxy/`, 'no endpoints available for service "web"'],
      [`${inside}/pods/web:7999/proxy/`, 'error trying to reach service'],
      [`${inside}/pods/a:b:c/proxy/`, 'invalid pod request "a:b:c"'],
    ] as const
    for (const [path, text] of texts) {
      expect((await kubectl.run('get', '--raw', `/api/v1/${path}`)).stderr).toContain(text)
    }
  })

  test('proxy hands on methods, bodies, headers and answers as they are', async () => {
    const proxy = kubectl.follow('proxy', '--port=0')
    const port = /127\.0\.0\.1:(\d+)/.exec(await proxy.until(/127\.0\.0\.1:\d+/))?.[1]
    const url = `http://127.0.0.1:${port}/api/v1/namespaces/default/services/web:http/proxy`
    const answer = await fetch(`${url}/put`, {
      method: 'PUT',
      body: 'a body',
      headers: { 'x-want': '418', authorization: 'Basic abc' },
    })
    expect([answer.status, await answer.text()]).toEqual([418, 'PUT /put a body'])
    expect(answer.headers.get('x-pod')).toBe('web')
    const root = await fetch(url, { redirect: 'manual' })
    expect(root.status).toBe(301)
    expect(root.headers.get('location')).toMatch(/services\/web:http\/proxy\/$/)
    await proxy.stop()
  })

  test('logs of all containers, by label, with prefix, tail, times and limits', async () => {
    const every = await kubectl.ok('logs', '-l', 'app=two', '--all-containers', '--prefix')
    expect(every.trim().split('\n').toSorted()).toEqual([
      '[pod/two/first] one of two',
      '[pod/two/second] two of two',
    ])
    expect(await kubectl.ok('logs', 'two', '-c', 'first', '--limit-bytes=3')).toBe('one')
    expect(await kubectl.ok('logs', 'two', '-c', 'first', '--since=1h')).toBe('one of two\n')
    expect(await kubectl.ok('logs', 'two', '-c', 'first', '--tail=0')).toBe('')
    const timed = await kubectl.ok('logs', 'two', '-c', 'second', '--timestamps')
    expect(timed).toMatch(/^\d{4}-\d\d-\d\dT\S+Z two of two\n$/)
    expect(await kubectl.ok('logs', 'done')).toBe('was here\n')
    expect((await kubectl.run('logs', 'done', '--previous')).stderr).toContain(
      'previous terminated container "only" in pod "done" not found',
    )
    const follow = kubectl.follow('logs', '-f', 'deploy/web')
    await follow.until(/serving/)
    await follow.stop()
  })
})

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
