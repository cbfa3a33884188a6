// The small parts of the real platform against the real operating system.

import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { DiskFile } from '../disk.js'
import { DiskError } from '../disk.js'
import { must } from '../errors.js'
import type { ExitStatus, ProcessSpec } from '../processes.js'
import { nodeClock } from './clock.js'
import { nodeDisk } from './disk.js'
import { nodeLogger } from './logger.js'
import { nodeMetrics } from './metrics.js'
import { nodeProcesses } from './processes.js'
import { nodeRandom } from './random.js'

let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'platform-'))
})

afterEach(() => rmSync(directory, { recursive: true }))

/** One disk call as a promise. */
async function call<T>(
  start: (done: (error: DiskError | null, value?: T) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => {
      if (error) reject(error)
      else resolve(value as T)
    })
  })
}

describe('nodeDisk', () => {
  const disk = nodeDisk()
  const open = async (name: string, exclusive = false): Promise<DiskFile> =>
    call(done => disk.open(join(directory, name), { create: true, write: true, exclusive }, done))

  test('writes several buffers behind one another and reads them back', async () => {
    const file = await open('a')
    const buffers = [Buffer.from('one'), Buffer.alloc(0), Buffer.from('two')]
    await call(done => file.write(buffers, 2, done))
    await call(done => file.datasync(done))
    const content = await call<Uint8Array>(done => file.read(0, 100, done))
    expect(Buffer.from(content).toString()).toBe('\0\0onetwo')
    await call(done => file.close(done))
  })

  test.each([true, false])('writes and syncs in one (opened for it: %s)', async synced => {
    const [path, renamed] = [join(directory, 'temporary'), join(directory, 'named')]
    const file = await call<DiskFile>(done =>
      disk.open(path, { create: true, write: true, synced }, done),
    )
    await call(done => file.write([Buffer.from('abcdef')], 0, done))
    await call(done => disk.rename(path, renamed, done))
    await call(done => file.writeSynced([Buffer.from('12'), Buffer.from('3')], 2, done))
    expect(readFileSync(renamed, 'utf8')).toBe('ab123f')
    await call(done => file.close(done))
    await expect(
      call(done => file.writeSynced([Buffer.from('x')], 0, done)),
    ).rejects.toBeInstanceOf(DiskError)
  })

  test('writes more buffers than one system call takes', async () => {
    const file = await open('many')
    const buffers = Array.from({ length: 3000 }, (_, at) => Buffer.from([at & 0xff]))
    await call(done => file.write(buffers, 0, done))
    expect(readFileSync(join(directory, 'many'))).toEqual(Buffer.concat(buffers))
    await call(done => file.close(done))
  })

  test('preallocates zeros without touching what is there', async () => {
    const file = await open('b')
    await call(done => file.write([Buffer.from('x')], 0, done))
    await call(done => file.preallocate(3_000_000, done))
    expect(await call(done => file.size(done))).toBe(3_000_000)
    const content = readFileSync(join(directory, 'b'))
    expect(content[0]).toBe(0x78)
    expect(content.subarray(1).every(byte => byte === 0)).toBe(true)
    await call(done => file.truncate(1, done))
    expect(await call(done => file.size(done))).toBe(1)
    await call(done => file.close(done))
  })

  test('replaces a file as a whole and leaves nothing beside it', async () => {
    const path = join(directory, 'state')
    await call(done => disk.replaceFile(path, Buffer.from('a long first version'), done))
    await call(done => disk.replaceFile(path, Buffer.from('second'), done))
    expect(readFileSync(path, 'utf8')).toBe('second')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(await call(done => disk.list(directory, done))).toEqual(['state'])
  })

  test('reads a file at its limit and refuses one above it', async () => {
    writeFileSync(join(directory, 'f'), 'four')
    expect(await call(done => disk.readFile(join(directory, 'f'), 4, done))).toHaveLength(4)
    await expect(call(done => disk.readFile(join(directory, 'f'), 3, done))).rejects.toMatchObject({
      kind: 'io',
    })
  })

  test('makes, lists, renames, removes and syncs', async () => {
    const nested = join(directory, 'x', 'y')
    await call(done => disk.makeDirectory(nested, done))
    await call(done => disk.makeDirectory(nested, done))
    writeFileSync(join(nested, 'b'), '')
    writeFileSync(join(nested, 'c'), '')
    await call(done => disk.rename(join(nested, 'c'), join(nested, 'a'), done))
    await call(done => disk.syncDirectory(nested, done))
    expect(await call(done => disk.list(nested, done))).toEqual(['a', 'b'])
    await call(done => disk.remove(join(nested, 'a'), done))
    expect(await call(done => disk.list(nested, done))).toEqual(['b'])
    expect(await call<number>(done => disk.freeBytes(nested, done))).toBeGreaterThan(0)
  })

  test('names what went wrong', async () => {
    await expect(
      call(done => disk.readFile(join(directory, 'none'), 1, done)),
    ).rejects.toMatchObject({ kind: 'not-found', code: 'disk-not-found', retryable: false })
    const file = await open('once', true)
    await call(done => file.close(done))
    await expect(open('once', true)).rejects.toMatchObject({ kind: 'exists' })
    await expect(call(done => file.datasync(done))).rejects.toBeInstanceOf(DiskError)
  })

  test('reports a full disk as retryable', async () => {
    const full = await call<DiskFile>(done =>
      disk.open('/dev/full', { create: false, write: true, synced: true }, done),
    )
    const refused = { kind: 'full', retryable: true }
    const content = [Buffer.from('x')]
    await expect(call(done => full.write(content, 0, done))).rejects.toMatchObject(refused)
    await expect(call(done => full.writeSynced(content, 0, done))).rejects.toMatchObject(refused)
    await call(done => full.close(done))
  })
})

describe('nodeProcesses', () => {
  const processes = nodeProcesses()
  const spec = (script: string, more: Partial<ProcessSpec> = {}): ProcessSpec => ({
    command: '/bin/sh',
    args: ['-c', script],
    env: { PATH: '/usr/bin:/bin' },
    directory,
    detached: false,
    stdin: 'ignore',
    stdout: { appendTo: join(directory, 'out') },
    stderr: 'ignore',
    ...more,
  })
  const run = async (what: ProcessSpec): Promise<ExitStatus> =>
    new Promise((resolve, reject) => {
      processes.spawn(what, resolve, reject)
    })

  test('runs a command with exactly the environment given', async () => {
    expect(await run(spec('env -u PWD -u SHLVL -u _ env | grep -v ^PWD; exit 3'))).toEqual({
      code: 3,
      signal: null,
    })
    expect(readFileSync(join(directory, 'out'), 'utf8')).toBe('PATH=/usr/bin:/bin\n')
  })

  test('reports a command that cannot be started', async () => {
    await expect(run(spec('', { command: '/nowhere/at/all' }))).rejects.toThrow('ENOENT')
  })

  test('ends the input of a lifeline when its holder lets go', async () => {
    const status = new Promise<ExitStatus>((resolve, reject) => {
      const child = processes.spawn(spec('cat', { stdin: 'lifeline' }), resolve, reject)
      must(child, 'cat starts').kill('SIGTERM')
    })
    expect(await status).toEqual({ code: null, signal: 'SIGTERM' })
  })

  test('identifies itself and signals nobody else with a recycled pid', () => {
    const self = processes.self()
    expect(self).toEqual(processes.identify(process.pid))
    expect(processes.signal({ ...self, startTicks: self.startTicks - 1 }, 'SIGKILL')).toBe(false)
    expect(processes.identify(2 ** 22 + 1)).toBeNull()
    expect(processes.identify(-1)).toBeNull()
  })

  test('signals a whole group, and reports it gone afterwards', async () => {
    let identity = processes.self()
    const status = await new Promise<ExitStatus>((resolve, reject) => {
      const child = processes.spawn(spec('sleep 60 & wait', { detached: true }), resolve, reject)
      identity = must(processes.identify(must(child, 'sh starts').pid), 'sh lives')
      expect(processes.signalGroup(identity, 'SIGKILL')).toBe(true)
    })
    expect(status.signal).toBe('SIGKILL')
    expect(processes.signalGroup(identity, 'SIGKILL')).toBe(false)
  })
})

describe('nodeLogger', () => {
  test('writes JSON lines with its bindings, below its level nothing, and no secrets', () => {
    const lines: string[] = []
    const log = nodeLogger({
      process: 'store',
      level: 'info',
      destination: { write: line => lines.push(line) },
    })
    log.debug({}, 'unseen')
    log.child({ node: 3 }).warn({ token: 't0p', user: { password: 'hush', name: 'a' } }, 'seen')
    log.error({ error: new Error('broken') }, 'failed')
    expect(lines.map(line => JSON.parse(line) as unknown)).toMatchObject([
      {
        level: 'warn',
        process: 'store',
        node: 3,
        token: '[redacted]',
        user: { password: '[redacted]', name: 'a' },
        msg: 'seen',
      },
      { level: 'error', error: { message: 'broken' } },
    ])
  })

  test('writes each field once, the innermost binding of it', () => {
    const lines: string[] = []
    const log = nodeLogger({
      process: 'store',
      level: 'info',
      bindings: { name: 'master-1' },
      destination: { write: line => lines.push(line) },
    })
    const child = log.child({ component: 'a', password: 'hush' }).child({ component: 'b' })
    child.info({ pid: 7, name: 'other' }, 'seen')
    log.info({}, 'apart')
    const fields = (line: string | undefined) =>
      [...(line ?? '').matchAll(/"(\w+)":/g)].map(m => m[1])
    for (const line of lines) expect(fields(line)).toEqual([...new Set(fields(line))])
    expect(lines.map(line => JSON.parse(line) as unknown)).toMatchObject([
      { process: 'store', name: 'other', component: 'b', pid: 7, password: '[redacted]' },
      { process: 'store', name: 'master-1', pid: process.pid, msg: 'apart' },
    ])
    expect(fields(lines[1])).not.toContain('component')
  })
})

describe('nodeMetrics', () => {
  test('exposes counters, gauges and histograms as Prometheus text', async () => {
    const metrics = nodeMetrics()
    metrics.counter('jobs_total', 'Jobs.', ['kind']).add(2, { kind: 'a' })
    metrics.counter('jobs_total', 'Jobs.', ['kind']).add(1, { kind: 'a' })
    metrics.gauge('depth', 'Depth.').set(7)
    metrics.histogram('wait_seconds', 'Wait.', [0.1, 1]).observe(0.5)
    const text = await metrics.text()
    expect(text).toContain('jobs_total{kind="a"} 3')
    expect(text).toContain('depth 7')
    expect(text).toContain('wait_seconds_bucket{le="1"} 1')
    expect(text).toContain('process_cpu_seconds_total')
    expect(() => metrics.gauge('depth', 'Depth.', ['other'])).toThrow('other labels')
  })
})

describe('nodeClock', () => {
  test('fires timers, tickers until cancelled, and deferred calls behind the current turn', async () => {
    const clock = nodeClock()
    const order: string[] = []
    const start = clock.monotonicMs()
    await new Promise<void>(resolve => {
      let ticks = 0
      const ticker = clock.setTicker(5, () => {
        ticks += 1
        if (ticks === 3) {
          ticker.cancel()
          order.push('ticked')
          resolve()
        }
      })
      clock.setTimer(1, () => order.push('never')).cancel()
      clock.defer(() => order.push('deferred'))
      order.push('turn')
    })
    expect(order).toEqual(['turn', 'deferred', 'ticked'])
    expect(clock.monotonicMs()).toBeGreaterThan(start)
    expect(Math.abs(clock.wallMs() - Date.now())).toBeLessThan(60_000)
  })
})

describe('nodeRandom', () => {
  test('stays within its bounds, also where they are large', () => {
    const random = nodeRandom()
    for (let round = 0; round < 2000; round += 1) {
      expect(random.integer(3)).toBeOneOf([0, 1, 2])
      expect(random.integer(Number.MAX_SAFE_INTEGER)).toBeLessThan(Number.MAX_SAFE_INTEGER)
      expect(random.next()).toBeLessThan(1)
    }
    expect(random.integer(1)).toBe(0)
    const drawn = Array.from({ length: 2000 }, (_, at) => random.bytes(at % 3 === 0 ? 100 : 16))
    expect(drawn.slice(0, 2).map(({ length }) => length)).toEqual([100, 16])
    expect(new Set(drawn.map(bytes => Buffer.from(bytes).toString('hex'))).size).toBe(2000)
    expect(drawn.every(bytes => bytes.some(byte => byte !== 0))).toBe(true)
    expect(() => random.integer(0)).toThrow('bound')
  })
})
