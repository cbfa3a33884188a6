import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLogger } from '../../../../platform/logger.js'
import { nodeClock } from '../../../../platform/node/clock.js'
import { nodeFiles } from '../../../../platform/node/node-files.js'
import { nodeProcesses } from '../../../../platform/node/processes.js'
import { nodeRandom } from '../../../../platform/node/random.js'
import type { Container } from '../../../api/types/core-container.js'
import type { ContainerRecord, ContainerSpec, LogQuery, SandboxSpec } from '../../runtime.js'
import { ProcessRuntime } from './process-runtime.js'
import { reapPods } from './reap.js'

const everything: LogQuery = {
  follow: false,
  tailLines: null,
  sinceMs: null,
  timestamps: false,
  limitBytes: null,
}

const podUid = '0b7c2a58-0001-4c53-8c2e-000000000001'
let directory = ''
const opened: ProcessRuntime[] = []

async function runtimeOf(logBytesMax?: number): Promise<ProcessRuntime> {
  const runtime = new ProcessRuntime({
    dataDirectory: directory,
    files: nodeFiles,
    processes: nodeProcesses(),
    clock: nodeClock(),
    random: nodeRandom(),
    logger: silentLogger,
    searchPath: process.env['PATH'] ?? '/usr/bin:/bin',
    version: '0.1.0',
    ...(logBytesMax === undefined ? {} : { logBytesMax }),
  })
  opened.push(runtime)
  await runtime.restore()
  return runtime
}

async function withSandbox(logBytesMax?: number): Promise<ProcessRuntime> {
  const runtime = await runtimeOf(logBytesMax)
  await runtime.usePodCidr('127.64.0.0/24')
  await runtime.createSandbox(sandbox)
  return runtime
}

const sandbox: SandboxSpec = {
  pod: {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { uid: podUid, namespace: 'default', name: 'web-0' },
    spec: { containers: [] },
  },
  names: { hostname: 'web-0', qualified: null },
  dns: { servers: [], searches: [], options: [] },
  runtimeHandler: '',
}

interface Choices extends Partial<Pick<ContainerSpec, 'env' | 'mounts' | 'attempt'>> {
  readonly of?: Partial<Container>
}

function container(command: readonly string[], { of, ...more }: Choices = {}): ContainerSpec {
  return {
    sandbox,
    container: { name: 'main', image: 'host', ...of },
    attempt: 0,
    image: { id: 'process://host', builtIn: true, user: '' },
    command,
    args: [],
    env: [],
    mounts: [],
    ...more,
  }
}

const shell = (script: string, more: Choices = {}): ContainerSpec =>
  container(['sh', '-c', script], more)

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** Waits for what must come; the limit only ends a test that would hang. */
async function eventually<T>(
  probe: () => T | null | undefined | false | Promise<T | null>,
): Promise<T> {
  const deadline = Date.now() + 15_000
  for (;;) {
    const value = await probe()
    if (value !== null && value !== undefined && value !== false) return value
    if (Date.now() > deadline) throw new Error('it did not happen within 15 s')
    await pause(10)
  }
}

const ended = (runtime: ProcessRuntime, id: string): Promise<ContainerRecord> =>
  eventually(() =>
    runtime.containers(podUid).find(record => record.id === id && record.exit !== null),
  )

async function logOf(
  runtime: ProcessRuntime,
  id: string,
  query: Partial<LogQuery> = {},
  signal = new AbortController().signal,
): Promise<string> {
  let text = ''
  for await (const piece of runtime.readLog(id, { ...everything, ...query }, signal)) {
    text += Buffer.from(piece).toString('utf8')
  }
  return text
}

const alive = (pid: number): boolean => nodeProcesses().identify(pid) !== null

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'process-runtime-'))
})

afterEach(async () => {
  for (const runtime of opened.splice(0)) await runtime.close()
  const last = await runtimeOf()
  for (const sandbox of last.sandboxes()) await last.removeSandbox(sandbox.podUid)
  for (const runtime of opened.splice(0)) await runtime.close()
  rmSync(directory, { recursive: true, force: true })
})

describe('a container of the process runtime', () => {
  it('ends with the exit code of its main process and the log of both streams', async () => {
    const runtime = await withSandbox()
    const { id, pid } = await runtime.startContainer(shell('echo out; echo err >&2; exit 7'))
    const record = await ended(runtime, id)
    expect(record).toMatchObject({ pid, exit: { code: 7, reason: 'Error' } })
    const lines = (await logOf(runtime, id)).split('\n').sort()
    expect(lines).toEqual(['', 'err', 'out'])
  })

  it('counts a signal as 128 and its number, as shells do', async () => {
    const runtime = await withSandbox()
    const { id, pid } = await runtime.startContainer(container(['sleep', '600']))
    process.kill(pid ?? 0, 'SIGKILL')
    expect((await ended(runtime, id)).exit).toMatchObject({ code: 137, reason: 'Error' })
  })

  it('gets its environment, odd names included, and nothing of ours', async () => {
    process.env['OUR_SECRET'] = 'hidden'
    const runtime = await withSandbox()
    const env = [
      { name: 'GREETING', value: 'two words; $(id)' },
      { name: 'dotted.name', value: 'kept' },
    ]
    const { id } = await runtime.startContainer(container(['env'], { env }))
    await ended(runtime, id)
    const lines = (await logOf(runtime, id)).split('\n')
    expect(lines).toContain('GREETING=two words; $(id)')
    expect(lines).toContain('dotted.name=kept')
    expect(lines).toContain('HOSTNAME=web-0')
    expect(lines.filter(line => line.startsWith('OUR_SECRET'))).toEqual([])
    delete process.env['OUR_SECRET']
  })

  it('sees its volumes below its root, and cannot climb out of it by a mount path', async () => {
    const runtime = await withSandbox()
    const volume = join(directory, 'volume')
    await nodeFiles.makeDirectory(volume, 0o700)
    await nodeFiles.write(join(volume, 'key'), Buffer.from('value'), 0o600)
    const mounts = [
      { hostPath: volume, containerPath: '/etc/config', readOnly: true },
      { hostPath: volume, containerPath: '/../../../../escaped', readOnly: true },
    ].map(mount => ({ ...mount, propagation: 'None' as const }))
    const { id } = await runtime.startContainer(
      shell('cat etc/config/key "$RAFTSMAN_ROOT/escaped/key"', { mounts }),
    )
    await ended(runtime, id)
    expect(await logOf(runtime, id)).toBe('valuevalue')
  })

  it('says which program was not found, and leaves nothing behind', async () => {
    const runtime = await withSandbox()
    await expect(runtime.startContainer(container(['no-such-program']))).rejects.toThrow(
      'exec: "no-such-program": executable file not found in $PATH',
    )
    expect(runtime.containers(podUid)).toEqual([])
    expect(existsSync(join(runtime.podDirectory(podUid), 'containers/main/0'))).toBe(false)
  })

  it('takes what its main process forked with it when that one ends', async () => {
    const runtime = await withSandbox()
    const { id } = await runtime.startContainer(shell('sleep 600 & echo $!; exit 0'))
    await ended(runtime, id)
    const forked = Number(await logOf(runtime, id))
    expect(forked).toBeGreaterThan(1)
    await eventually(() => !alive(forked))
  })

  it('is asked to end by SIGTERM to its main process alone', async () => {
    const runtime = await withSandbox()
    const { id } = await runtime.startContainer(
      shell('trap "echo asked; exit 3" TERM; echo ready; while :; do sleep 0.05; done'),
    )
    await eventually(async () => ((await logOf(runtime, id)) === 'ready\n' ? true : null))
    runtime.terminateContainer(id)
    expect((await ended(runtime, id)).exit?.code).toBe(3)
    expect(await logOf(runtime, id)).toBe('ready\nasked\n')
  })

  it('is killed with all it forked even when it ignores SIGTERM', async () => {
    const runtime = await withSandbox()
    const { id, pid } = await runtime.startContainer(
      shell('trap "" TERM; sleep 600 & echo $!; wait; while :; do sleep 600; done'),
    )
    const forked = Number(await eventually(async () => (await logOf(runtime, id)) || null))
    runtime.terminateContainer(id)
    expect(alive(pid ?? 0)).toBe(true)
    runtime.killContainer(id)
    expect((await ended(runtime, id)).exit?.code).toBe(137)
    expect(alive(forked)).toBe(false)
  })

  it('runs a command beside its main process, in its environment', async () => {
    const runtime = await withSandbox()
    const env = [{ name: 'COLOUR', value: 'green' }]
    const { id } = await runtime.startContainer(container(['sleep', '600'], { env }))
    const command = ['sh', '-c', 'echo $COLOUR; exit 4']
    expect(await runtime.exec(id, command, 5000)).toEqual({
      code: 4,
      output: 'green\n',
      timedOut: false,
    })
    const slow = await runtime.exec(id, ['sleep', '600'], 50)
    expect(slow.timedOut).toBe(true)
  })

  it('does not start as another user than it was asked to run as', async () => {
    const runtime = await withSandbox()
    const ours = process.getuid?.() ?? 0
    const other = container(['true'], { of: { securityContext: { runAsUser: ours + 1 } } })
    await expect(runtime.startContainer(other)).rejects.toThrow(
      `cannot run a container as user ${ours + 1}`,
    )
    const same = await runtime.startContainer(
      container(['true'], { of: { securityContext: { runAsUser: ours } } }),
    )
    expect((await ended(runtime, same.id)).exit?.code).toBe(0)
  })

  it('knows no image but the machine itself', async () => {
    const runtime = await withSandbox()
    expect(await runtime.findImage('host')).toMatchObject({ id: 'process://host' })
    expect(await runtime.findImage('nginx')).toBeNull()
    await expect(runtime.pullImage('nginx')).rejects.toThrow('pulls no images: "nginx"')
  })
})

describe('the log of a container', () => {
  it('is read from the end, with times, and up to a number of bytes', async () => {
    const runtime = await withSandbox()
    const { id } = await runtime.startContainer(container(['seq', '1', '1000']))
    await ended(runtime, id)
    expect(await logOf(runtime, id, { tailLines: 3 })).toBe('998\n999\n1000\n')
    expect(await logOf(runtime, id, { tailLines: 0 })).toBe('')
    expect(await logOf(runtime, id, { limitBytes: 5 })).toBe('1\n2\n3')
    expect(await logOf(runtime, id, { tailLines: 1, timestamps: true })).toMatch(
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z 1000\n$/,
    )
    expect(await logOf(runtime, id, { sinceMs: Date.now() + 60_000 })).toBe('')
    expect(await logOf(runtime, id, { sinceMs: Date.now() - 60_000 })).toMatch(/^1\n2\n/)
  })

  it('keeps lines longer than a part whole, and an end without a newline', async () => {
    const runtime = await withSandbox()
    const { id } = await runtime.startContainer(
      shell('head -c 100000 /dev/zero | tr "\\0" x; echo; printf end'),
    )
    await ended(runtime, id)
    expect(await logOf(runtime, id)).toBe(`${'x'.repeat(100_000)}\nend`)
  })

  it('is followed until the container ends', async () => {
    const runtime = await withSandbox()
    const { id } = await runtime.startContainer(
      shell('for i in 1 2 3 4 5; do echo $i; sleep 0.03; done'),
    )
    expect(await logOf(runtime, id, { follow: true })).toBe('1\n2\n3\n4\n5\n')
  })

  it('stops being followed when the reader goes away', async () => {
    const runtime = await withSandbox()
    const { id } = await runtime.startContainer(shell('echo first; sleep 600'))
    const reader = new AbortController()
    const text = logOf(runtime, id, { follow: true }, reader.signal)
    await eventually(async () => ((await logOf(runtime, id)) === 'first\n' ? true : null))
    reader.abort()
    expect(await text).toBe('first\n')
  })

  it('is rotated: the newest lines stay, and a follower misses none of them', async () => {
    const runtime = await withSandbox(64 * 1024)
    const { id } = await runtime.startContainer(
      shell('for i in $(seq 1 20); do seq $((i * 1000)) $((i * 1000 + 999)); sleep 0.01; done'),
    )
    const followed = await logOf(runtime, id, { follow: true })
    await ended(runtime, id)
    const wanted = Array.from({ length: 20_000 }, (_, at) => String(at + 1000))
    expect(followed.trimEnd().split('\n')).toEqual(wanted)
    const kept = (await logOf(runtime, id)).trimEnd().split('\n').map(Number)
    expect(kept.at(-1)).toBe(20_999)
    expect(kept.length).toBeLessThan(20_000)
    expect(kept).toEqual(kept.map((_, at) => (kept[0] ?? 0) + at))
  })
})

describe('what a container wrote', () => {
  it('is given back to the disk once it is in the log', async () => {
    const runtime = await withSandbox()
    const megabytes = 10
    const { id } = await runtime.startContainer(
      shell(`yes ${'x'.repeat(999)} | head -c ${megabytes}000000; sleep 600`),
    )
    const output = join(runtime.podDirectory(podUid), 'containers/main/0/io/stdout')
    await eventually(() => statSync(output).size === megabytes * 1_000_000)
    await eventually(async () => {
      await runtime.exec(id, ['true'], 5000)
      return statSync(output).blocks * 512 < 7_000_000 ? true : null
    })
    expect(statSync(output).size).toBe(megabytes * 1_000_000)
  })
})

describe('pods whose node is dead', () => {
  it('are reaped by their notes, gently or not', async () => {
    const runtime = await withSandbox()
    const gentle = await runtime.startContainer(
      shell('trap "exit 0" TERM; echo ready; while :; do sleep 0.05; done'),
    )
    const stubborn = await runtime.startContainer(
      shell('trap "" TERM; echo ready; while :; do sleep 0.05; done', { of: { name: 'stubborn' } }),
    )
    for (const { id } of [gentle, stubborn]) {
      await eventually(async () => ((await logOf(runtime, id)) === 'ready\n' ? true : null))
    }
    await runtime.close()
    const reaped = await reapPods({
      dataDirectory: directory,
      files: nodeFiles,
      processes: nodeProcesses(),
      clock: nodeClock(),
      graceMs: 300,
    })
    expect(reaped).toBe(2)
    expect([gentle, stubborn].map(({ pid }) => alive(pid ?? 0))).toEqual([false, false])
    const next = await runtimeOf()
    expect((await ended(next, gentle.id)).exit?.code).toBe(0)
    expect((await ended(next, stubborn.id)).exit?.code).toBe(137)
  })
})

describe('a new runtime over the directory of a dead one', () => {
  it('finds the running container with its pid and its exit code, and loses no line', async () => {
    const first = await withSandbox()
    const { id, pid } = await first.startContainer(
      shell('i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo line $i; sleep 0.005; done; exit 9'),
    )
    await eventually(async () => ((await logOf(first, id)).includes('line 20\n') ? true : null))
    await first.close()
    await pause(100)
    const second = await runtimeOf()
    expect(second.sandboxes()).toMatchObject([{ podUid, address: '127.64.0.2' }])
    expect(second.containers(podUid)).toMatchObject([{ id, pid, attempt: 0 }])
    expect((await ended(second, id)).exit).toMatchObject({ code: 9 })
    const wanted = Array.from({ length: 300 }, (_, at) => `line ${at + 1}\n`).join('')
    expect(await logOf(second, id)).toBe(wanted)
  })

  it('learns how a container ended while nobody looked', async () => {
    const first = await withSandbox()
    const { id, pid } = await first.startContainer(shell('sleep 0.1; echo last words; exit 5'))
    await first.close()
    await eventually(() => !alive(pid ?? 0))
    const second = await runtimeOf()
    const record = await ended(second, id)
    expect(record.exit).toMatchObject({ code: 5, reason: 'Error' })
    expect(await logOf(second, id)).toBe('last words\n')
  })

  it('takes no stranger for its own that has the pid of a container by now', async () => {
    const first = await withSandbox()
    const { id } = await first.startContainer(container(['sleep', '600']))
    await first.close()
    const io = join(first.podDirectory(podUid), 'containers/main/0/io')
    const note = readFileSync(join(io, 'started'), 'latin1').trim().split(' ')
    const [main = '', mainTicks = '', supervisor = '', supervisorTicks = ''] = note
    process.kill(Number(supervisor), 'SIGKILL')
    process.kill(Number(main), 'SIGKILL')
    await eventually(() => !alive(Number(main)) && !alive(Number(supervisor)))
    // As after pid reuse: our own pid stands in the note, with other start times.
    const stranger = `${process.pid} ${mainTicks} ${process.ppid} ${supervisorTicks}\n`
    await nodeFiles.write(join(io, 'started'), Buffer.from(stranger), 0o600)
    const second = await runtimeOf()
    expect((await ended(second, id)).exit).toMatchObject({
      code: 137,
      reason: 'ContainerStatusUnknown',
    })
  })

  it('ends a container whose supervisor was killed', async () => {
    const runtime = await withSandbox()
    const { id, pid } = await runtime.startContainer(container(['sleep', '600']))
    const io = join(runtime.podDirectory(podUid), 'containers/main/0/io')
    const [, , supervisor] = readFileSync(join(io, 'started'), 'latin1').split(' ')
    process.kill(Number(supervisor), 'SIGKILL')
    expect((await ended(runtime, id)).exit?.code).toBe(137)
    expect(alive(pid ?? 0)).toBe(false)
  })

  it('forgets a start that was never noted, and that start ends itself', async () => {
    const first = await withSandbox()
    const { id } = await first.startContainer(container(['sleep', '600']))
    await first.close()
    const run = join(first.podDirectory(podUid), 'containers/main/0')
    const [main = ''] = readFileSync(join(run, 'io/started'), 'latin1').split(' ')
    process.kill(Number(main), 'SIGKILL')
    rmSync(join(run, 'io/started'))
    const second = await runtimeOf()
    expect(second.containers(podUid).map(record => record.id)).not.toContain(id)
    expect(existsSync(run)).toBe(false)
  })
})
