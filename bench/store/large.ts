// A store that is larger than memory would like: one member as a process, filled, started again,
// listed, overwritten, compacted, defragmented and emptied, with its resident memory and what a put takes
// meanwhile (beside the deletion, behind which puts wait, a read of the member's own state). Run from
// dist/: node dist/bench/store/large.js [GiB] [value bytes] [seconds for filling] [directory].
// Filling stops at the size or at the time, whichever comes first. Prints one line of JSON a step.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { RaftsmanError, assert, must } from '../../platform/errors.js'
import { freePort } from '../../platform/testing/free-port.js'
import { pagesOf } from '../../store/client/pages.js'
import type { StoreClient, StoreMember } from '../../store/index.js'
import { clientOf, everyKey } from '../../store/server/testing/clients.js'

const mebibyte = 1024 * 1024
const inFlight = 500
/** Between two puts that measure what others do to them. */
const probeMs = 10

const gibibytes = Number(process.argv[2] ?? 1)
const valueBytes = Number(process.argv[3] ?? 1_024)
const fillSeconds = Number(process.argv[4] ?? 300)
const parent = process.argv[5] ?? tmpdir()

const directory = mkdtempSync(join(parent, 'raftsman-large-'))
const seconds = (sinceMs: number) => Number(((performance.now() - sinceMs) / 1_000).toFixed(2))
const say = (step: string, figures: object) =>
  void process.stdout.write(`${JSON.stringify({ step, ...figures })}\n`)
const pause = (ms: number) =>
  new Promise<void>(resolve => {
    setTimeout(resolve, ms)
  })

class Member {
  readonly #child: ChildProcess
  #mostKib = 0
  readonly #sampler: NodeJS.Timeout

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#sampler = setInterval(() => this.#sample(), 100)
  }

  static async start(member: StoreMember): Promise<Member> {
    const plan = { id: member.id, members: [member], dataDirectory: join(directory, member.name) }
    const program = join(import.meta.dirname, 'member.js')
    const stdio: ['pipe', 'pipe', 'inherit'] = ['pipe', 'pipe', 'inherit']
    const child = spawn(process.execPath, [program, JSON.stringify(plan)], { stdio })
    const started = new Member(child)
    await once(child.stdout, 'data')
    return started
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  #sample(): number {
    let kib = 0
    try {
      const status = readFileSync(`/proc/${this.#child.pid ?? 0}/status`, 'utf8')
      kib = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0)
    } catch {
      // It has ended, or there is no /proc here.
    }
    this.#mostKib = Math.max(this.#mostKib, kib)
    return kib
  }

  /** Now, and at most since the last call. */
  residentMib() {
    const now = this.#sample()
    const most = this.#mostKib
    this.#mostKib = now
    return { residentMib: Math.round(now / 1024), residentMostMib: Math.round(most / 1024) }
  }

  /** Answers for how long its event loop was busy at a time. */
  async stop(): Promise<unknown> {
    clearInterval(this.#sampler)
    const exit = once(this.#child, 'exit')
    const last = once(must(this.#child.stdout, 'a pipe'), 'data')
    this.#child.stdin?.end()
    const [said]: unknown[] = await last
    await exit
    assert(said instanceof Uint8Array, 'a pipe gives bytes')
    return JSON.parse(Buffer.from(said).toString()) as unknown
  }
}

function diskMib(folder: string): number {
  let bytes = 0
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += statSync(join(entry.parentPath, entry.name)).size
  }
  return Math.round(bytes / mebibyte)
}

const keyPrefix = Buffer.from('/registry/')
const keyOf = (number: number) =>
  Buffer.from(
    `${keyPrefix.toString()}pods/namespace-${number % 1_000}/pod-${number.toString(36)}-abcdef`,
  )

/** Puts keys from `from` on, until `to` or the end of the time; answers how far it got. */
async function write(store: StoreClient, from: number, to: number, untilMs: number) {
  const value = Buffer.alloc(valueBytes, 'v')
  let next = from
  const failures: Record<string, number> = {}
  const slot = async () => {
    while (next < to && performance.now() < untilMs) {
      const number = next
      next += 1
      try {
        await store.put({ key: keyOf(number), value })
      } catch (error) {
        const code = error instanceof RaftsmanError ? error.code : String(error)
        failures[code] = (failures[code] ?? 0) + 1
      }
    }
  }
  await Promise.all(Array.from({ length: inFlight }, slot))
  return { reached: next, failures }
}

/** What `probe` takes while `work` goes on. */
async function beside<T>(work: () => Promise<T>, probe: () => Promise<unknown>) {
  const latencies: number[] = []
  const state = { running: true }
  const probeOften = async () => {
    while (state.running) {
      const startMs = performance.now()
      await probe()
      latencies.push(performance.now() - startMs)
      await pause(probeMs)
    }
  }
  const probing = probeOften()
  const startMs = performance.now()
  const result = await work()
  const took = seconds(startMs)
  state.running = false
  await probing
  latencies.sort((a, b) => a - b)
  const at = (part: number) =>
    Number(
      (latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * part))] ?? 0).toFixed(
        1,
      ),
    )
  const meanwhile = { count: latencies.length, p50Ms: at(0.5), p99Ms: at(0.99), mostMs: at(1) }
  return { result, seconds: took, meanwhile }
}

const probeKey = Buffer.from('probe')

async function besidePuts<T>(store: StoreClient, work: () => Promise<T>) {
  const put = () => store.put({ key: probeKey, value: Buffer.from('x') })
  const { meanwhile, ...rest } = await beside(work, put)
  return { ...rest, putsMeanwhile: meanwhile }
}

async function besideReads<T>(store: StoreClient, work: () => Promise<T>) {
  const read = () => store.range({ key: probeKey, serializable: true })
  const { meanwhile, ...rest } = await beside(work, read)
  return { ...rest, readsMeanwhile: meanwhile }
}

async function list(store: StoreClient) {
  let keys = 0
  let bytes = 0
  for await (const { kvs } of pagesOf(store, everyKey, { pageKeys: 1_000 })) {
    keys += kvs.length
    for (const { key, value } of kvs) bytes += key.length + value.length
  }
  return { keys, mib: Math.round(bytes / mebibyte) }
}

/** Bytes that were given back, once nothing is left to give. */
async function defragment(store: StoreClient): Promise<number> {
  let space = await store.space(true)
  while (space.defragmenting) {
    await pause(200)
    space = await store.space(false)
  }
  return space.givenBytes
}

const member: StoreMember = {
  id: 1,
  name: 'large',
  peerAddress: `127.0.0.1:${await freePort()}`,
  clientAddress: `127.0.0.1:${await freePort()}`,
}
const connect = () => clientOf([member.clientAddress], { requestTimeoutMs: 120_000 })

let running = await Member.start(member)
let store = connect()
try {
  const wanted = Math.floor((gibibytes * 1024 * mebibyte) / (valueBytes + 45))
  let startMs = performance.now()
  const filled = await write(store, 0, wanted, startMs + fillSeconds * 1_000)
  const keys = filled.reached
  const fillTook = seconds(startMs)
  const putsPerSecond = Math.round(keys / fillTook)
  const size = { diskMib: diskMib(directory), ...running.residentMib() }
  say('fill', {
    keys,
    failures: filled.failures,
    wanted,
    valueBytes,
    seconds: fillTook,
    putsPerSecond,
    ...size,
  })

  store.close()
  startMs = performance.now()
  const busyFilling = await running.stop()
  const stopSeconds = seconds(startMs)
  startMs = performance.now()
  running = await Member.start(member)
  const readySeconds = seconds(startMs)
  store = connect()
  await store.put({ key: Buffer.from('probe'), value: Buffer.from('x') })
  const firstPutSeconds = seconds(startMs)
  say('restart', {
    busyFilling,
    stopSeconds,
    readySeconds,
    firstPutSeconds,
    ...running.residentMib(),
  })

  startMs = performance.now()
  const { count } = await store.range({ ...everyKey, countOnly: true })
  say('count', { count, ms: Number((performance.now() - startMs).toFixed(1)) })

  const { result: listed, ...listing } = await besidePuts(store, () => list(store))
  say('list', { ...listed, ...listing, ...running.residentMib() })

  const again = Math.floor(keys / 5)
  const overwriteUntilMs = performance.now() + (fillSeconds / 5) * 1_000
  const overwritten = await write(store, 0, again, overwriteUntilMs)
  const { header } = await store.put({ key: Buffer.from('probe'), value: Buffer.from('x') })
  say('overwrite', { ...overwritten, ...running.residentMib() })

  const compaction = { revision: header.revision, physical: true }
  const { result: _result, ...compacting } = await besidePuts(store, () =>
    store.compact(compaction),
  )
  const after = await store.status()
  const sizes = { dbMib: Math.round(after.dbSizeBytes / mebibyte), diskMib: diskMib(directory) }
  say('compact', { ...compacting, ...sizes, ...running.residentMib() })

  const { result: given, ...defragmenting } = await besidePuts(store, () => defragment(store))
  const givenMib = Math.round(given / mebibyte)
  const left = { diskMib: diskMib(directory), ...running.residentMib() }
  say('defragment', { givenMib, ...defragmenting, ...left })

  const everything = { key: keyPrefix, end: Buffer.from('/registry0') }
  const { result: emptied, ...deleting } = await besideReads(store, () =>
    store.deleteRange(everything),
  )
  say('delete', { deleted: emptied.deleted, ...deleting, ...running.residentMib() })
  say('stop', { busySinceRestart: await running.stop() })
} finally {
  store.close()
  if (running.alive) await running.stop()
  rmSync(directory, { recursive: true, force: true })
}
