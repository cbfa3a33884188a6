// What strangers, careless users and dying supervisors do to a cluster: a clear answer each time, and
// nothing lost.

import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { constants } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually, LocalCluster } from './testing/local-cluster.js'

const cluster = new LocalCluster(5000)

beforeAll(async () => {
  const { code, stderr } = await cluster.up('--masters', '1', '--nodes', '1')
  if (code !== 0) throw new Error(`up failed: ${stderr}\n${cluster.logs()}`)
}, 180_000)

afterAll(async () => {
  await cluster.dispose()
}, 120_000)

const apply = (
  manifest: string,
): Promise<{ code: number | null; stdout: string; stderr: string }> =>
  cluster.kubectl(['apply', '-f', '-'], manifest)

const configMap = (body: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: rough\n${body}`

/** Every port of the cluster: API, balancer, store clients, store peers, kubelet. */
const ports = [6443, 16_443, 12_379, 12_380, 10_250]

const pids = async (): Promise<readonly number[]> => {
  const status = await cluster.status()
  return [
    ...status.masters.flatMap(({ pids }) => Object.values(pids)),
    ...status.nodes.map(({ pid }) => pid),
  ]
}

function portOf(address: string): number {
  return Number(address.split(':')[1])
}

/** Processes whose command line names this cluster's folder. */
function processesOfCluster(): readonly string[] {
  return readdirSync('/proc')
    .filter(entry => /^\d+$/.test(entry))
    .flatMap(entry => {
      try {
        const commandLine = readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ')
        return commandLine.includes(cluster.directory) ? [commandLine] : []
      } catch {
        return []
      }
    })
}

describe('manifests that are not right', () => {
  it.each([
    ['broken YAML', 'apiVersion: v1\nkind: [ConfigMap\n', /error parsing|yaml/i],
    [
      'an unknown kind',
      'apiVersion: v1\nkind: Boat\nmetadata: {name: a}\n',
      /no matches for kind "Boat"/,
    ],
    ['an unknown field', configMap('sails: {a: b}\n'), /unknown field "sails"/],
    ['a wrong type', configMap('data: [1, 2]\n'), /data|unmarshal|map/i],
    [
      'a name that is none',
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: Not_A_Name}\n',
      /RFC 1123/,
    ],
    [
      'a Deployment whose selector misses its pods',
      `apiVersion: apps/v1
kind: Deployment
metadata: {name: d}
spec:
  selector: {matchLabels: {app: a}}
  template:
    metadata: {labels: {app: b}}
    spec: {containers: [{name: c, image: host}]}
`,
      /selector.*does not match template/,
    ],
  ])('%s is refused with a reason', async (_, manifest, reason) => {
    const { code, stderr } = await apply(manifest)
    expect(code).toBe(1)
    expect(stderr).toMatch(reason)
  })

  it('a body above the limit is refused and nothing of it is stored', async () => {
    const { code, stderr } = await apply(configMap(`data:\n  a: ${'x'.repeat(4 * 1024 * 1024)}\n`))
    expect(code).toBe(1)
    expect(stderr).toMatch(/too large|exceeds|Too long/i)
    expect((await cluster.kubectl(['get', 'configmap', 'rough'])).stderr).toContain('NotFound')
  })
})

describe('strangers on the ports', () => {
  it('garbage, half-open TLS and silence leave every process alive', {
    timeout: 120_000,
  }, async () => {
    const before = await pids()
    const sockets: Socket[] = []
    for (const port of ports.map(number => portOf(cluster.address(number)))) {
      for (let round = 0; round < 5; round += 1) {
        const garbage = connect({ host: '127.0.0.1', port })
        garbage.on('error', () => {})
        garbage.write(randomBytes(4096))
        const silent = connect({ host: '127.0.0.1', port })
        silent.on('error', () => {})
        const halfOpen = connect({ host: '127.0.0.1', port })
        halfOpen.on('error', () => {})
        // The first bytes of a TLS hello, and then nothing.
        halfOpen.write(Buffer.from('1603010200010001fc0303', 'hex'))
        sockets.push(garbage, silent, halfOpen)
      }
      const anonymous = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
        anonymous.write(randomBytes(4096))
      })
      anonymous.on('error', () => {})
      sockets.push(anonymous)
    }
    await cluster.must('create', 'configmap', 'among-strangers', '--from-literal=a=b')
    expect(await pids()).toEqual(before)
    for (const socket of sockets) socket.destroy()
    expect(await cluster.must('get', 'configmap', 'among-strangers', '-o', 'name')).toContain(
      'among-strangers',
    )
  })

  it('an API without credentials answers 401 or 403, and its health to everybody', async () => {
    const { stderr } = await cluster.kubectl([
      'get',
      'pods',
      '--kubeconfig=/dev/null',
      `--server=https://${cluster.address(6443)}`,
      '--insecure-skip-tls-verify',
      '--token=wrong',
    ])
    expect(stderr).toMatch(/Unauthorized|logged in/)
  })
})

describe('a reader who goes', () => {
  it('ends the command as it ends others, without a word', async () => {
    const child = cluster.spawnRaftsman(['kv', 'get', '--prefix', '/', '--keys-only'])
    child.stdout?.destroy()
    let stderr = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      stderr += chunk.toString()
    })
    const code = await new Promise(resolve => child.once('close', resolve))
    expect([code, stderr]).toEqual([128 + constants.signals.SIGPIPE, ''])
  })
})

describe('a cluster without its masters', () => {
  it('says so, and goes on when they are back', { timeout: 120_000 }, async () => {
    expect((await cluster.raftsman(['stop', 'master-1'])).code).toBe(0)
    const status = await cluster.raftsman(['status'])
    expect(status.code).toBe(1)
    expect(status.stdout).toContain(': no leader, so nothing can be written\n')
    expect((await cluster.raftsman(['start', 'master-1'])).code).toBe(0)
    await eventually(
      'master-1 leads again',
      60_000,
      async () => (await cluster.status()).leader !== null,
    )
    await eventually('the API answers', 60_000, () => cluster.must('get', 'namespaces'))
  })
})

describe('a careless start', () => {
  it('on a taken port says which and what to do', async () => {
    const other = new LocalCluster(5500)
    const squatter = createServer()
    await new Promise<void>(resolve => {
      squatter.listen(portOf(other.address(12_380)), '127.0.0.1', resolve)
    })
    const { code, stderr } = await other.up('--masters', '1', '--nodes', '1')
    squatter.close()
    await other.dispose()
    expect(code).toBe(1)
    expect(stderr).toContain('in use')
    expect(stderr).toContain('--port-offset')
  })

  it.each([
    [['up', '--masters', '2'], /1, 3 or 5/],
    [['up', '--masters', 'many'], /whole number/],
    [['up', '--runtime', 'steam'], /no runtime "steam"/],
    [['up', '--no-such-flag'], /unknown option/],
    [['stop', 'master-9'], /no "master-9"/],
  ])('with wrong flags %j says what is wrong', async (args, reason) => {
    const { code, stderr } = await cluster.raftsman(args)
    expect(code).not.toBe(0)
    expect(stderr).toMatch(reason)
    expect(stderr).not.toMatch(/^ +at /m)
  })

  it('with another number of masters than the data has is refused', async () => {
    const stopped = new LocalCluster(5600)
    writeFileSync(
      join(stopped.directory, 'cluster.json'),
      '{"masters": 3, "nodes": 2, "portOffset": 0}',
    )
    const { code, stderr } = await stopped.raftsman(['up', '--detach', '--masters', '1'])
    await stopped.dispose()
    expect(code).toBe(1)
    expect(stderr).toContain('a cluster of 3 masters')
  })

  it('of commands without a cluster says how to get one', async () => {
    const none = new LocalCluster(5700)
    for (const args of [['status'], ['kv', 'get', 'a'], ['stop', 'node-1']]) {
      const { code, stderr } = await none.raftsman(args)
      expect(code).toBe(1)
      expect(stderr).toContain('raftsman up')
    }
    await none.dispose()
  })
})

describe('the death of the supervisor', () => {
  it('leaves no process behind, and the next start finds all data', {
    timeout: 180_000,
  }, async () => {
    await cluster.must('create', 'configmap', 'before-the-end', '--from-literal=a=b')
    await cluster.must('apply', '-f', 'examples/hello.yaml')
    await cluster.must('rollout', 'status', 'deployment/hello', '--timeout=60s')
    const supervisor = JSON.parse(
      readFileSync(join(cluster.directory, 'run', 'supervisor.json'), 'utf8'),
    ) as { pid: number }
    process.kill(supervisor.pid, 'SIGKILL')
    await eventually(
      'no process of the cluster',
      60_000,
      async () => processesOfCluster().length === 0,
    )
    const { code, stderr } = await cluster.up()
    expect(code, stderr).toBe(0)
    expect(await cluster.must('get', 'configmap', 'before-the-end', '-o', 'name')).toContain(
      'before-the-end',
    )
    await cluster.must('rollout', 'status', 'deployment/hello', '--timeout=60s')
  })

  it('together with that of a node leaves pods, which `down` ends', {
    timeout: 120_000,
  }, async () => {
    const { nodes } = await cluster.status()
    const supervisor = JSON.parse(
      readFileSync(join(cluster.directory, 'run', 'supervisor.json'), 'utf8'),
    ) as { pid: number }
    // The node first: the supervisor would start it again.
    process.kill(supervisor.pid, 'SIGSTOP')
    process.kill(nodes[0]?.pid ?? 0, 'SIGKILL')
    process.kill(supervisor.pid, 'SIGKILL')
    await cluster.down()
    expect(processesOfCluster()).toEqual([])
    expect((await cluster.up()).code).toBe(0)
  })

  it('in the foreground, Ctrl-C ends everything in order', { timeout: 120_000 }, async () => {
    await cluster.down()
    const foreground = cluster.spawnRaftsman(['up'])
    let seen = ''
    foreground.stderr?.on('data', (chunk: Buffer) => {
      seen += chunk.toString()
    })
    await eventually('readiness', 60_000, async () => seen.includes('Type next'))
    foreground.kill('SIGINT')
    const code = await new Promise(resolve => {
      foreground.once('exit', resolve)
    })
    expect(code).toBe(0)
    expect(seen).toContain('Stopped')
    expect(processesOfCluster()).toEqual([])
  })
})
