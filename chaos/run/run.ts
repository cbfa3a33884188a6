// One attack on real processes: three members of the store, clients that write and remember, a nemesis, and
// afterwards a verdict on every answer that anybody was given. Counterpart: a test of jepsen-io/etcd.

import { performance } from 'node:perf_hooks'
import { unreachable } from '../../platform/errors.js'
import type { Random } from '../../platform/random.js'
import { seededRandom } from '../../platform/seeded-random.js'
import { SqliteBackend } from '../../store/backend/sqlite.js'
import type { WatchEvent } from '../../store/core/types.js'
import { StoreCore } from '../../store/core/store-core.js'
import { everyKey, Seen, text, utf8 } from '../../store/server/testing/clients.js'
import { memberIds, pause, StoreProcesses } from '../../store/server/testing/store-processes.js'
import type { RegisterOperation } from '../checker/linearizability.js'
import { checkRegister } from '../checker/linearizability.js'
import type { Change } from '../checker/revision-order.js'
import { nameOf, RevisionOrder } from '../checker/revision-order.js'
import type { WorkloadName } from './clients.js'
import { Clients } from './clients.js'
import { killAll } from './nemesis.js'
import type { NemesisName } from './nemesis.js'
import type { Operation } from './operation.js'

export interface RunOptions {
  readonly workload: WorkloadName
  readonly nemesis: NemesisName
  /** It ends after so many strikes, or after that time, whichever comes first. */
  readonly strikes: number
  readonly seconds: number
  readonly seed: number
  readonly say: (line: string) => void
}

export interface RunCheck {
  readonly name: string
  readonly verdict: 'valid' | 'invalid' | 'unknown'
  readonly detail: string
}

export interface RunResult {
  readonly verdict: 'valid' | 'invalid' | 'unknown'
  readonly seed: number
  readonly operations: number
  readonly acknowledged: number
  readonly unknown: number
  readonly revision: number
  readonly faults: Readonly<Record<string, number>>
  readonly errors: Readonly<Record<string, number>>
  readonly checks: readonly RunCheck[]
  readonly elapsedSeconds: number
  readonly history: readonly Operation[]
}

/** Little is kept, so that restarts compact, roll segments and take snapshots as well. */
const flags = [
  '--heartbeat-interval=50',
  '--election-timeout=500',
  '--entries-kept=500',
  '--segment-mib=1',
]
/** Acknowledged before the first strike: a cluster that does nothing passes every check. */
const calmWrites = 50
const betweenStrikesMs = [100, 1800] as const
/** Until a cluster of which all were killed has a leader again. */
const recoveryMsMax = 60_000
const linearizabilitySteps = 500_000

export async function run(options: RunOptions): Promise<RunResult> {
  const startedMs = performance.now()
  const random = seededRandom(options.seed)
  const cluster = await StoreProcesses.start({ flags })
  try {
    await cluster.leader()
    return await attack(cluster, options, random, startedMs)
  } finally {
    await cluster.end()
  }
}

async function attack(
  cluster: StoreProcesses,
  options: RunOptions,
  random: Random,
  startedMs: number,
): Promise<RunResult> {
  const { workload, nemesis, strikes, seconds, seed, say } = options
  const clients = new Clients({ random, pauseMs: 15, valueBytesMax: 500 })
  for (const id of memberIds) {
    const settings = { requestTimeoutMs: 6000 }
    for (let loop = 0; loop < 3; loop += 1)
      clients.start(workload, cluster.client(cluster.endpoints(id), settings))
    clients.start(workload, cluster.client([cluster.endpoint(id)], settings))
  }
  const watchers = memberIds.map(
    id => new Seen(cluster.client(cluster.endpoints(id)), { ...everyKey, startRevision: 1 }),
  )
  const checks: RunCheck[] = []
  const calm = await until(cluster, () => clients.floor > calmWrites)
  if (!calm) checks.push(sentence('liveness', 'too little was acknowledged before any strike'))
  const endMs = performance.now() + seconds * 1000
  let struck = 0
  const strikesMax = calm && nemesis !== 'none' ? strikes : 0
  while (struck < strikesMax && performance.now() < endMs) {
    const [min, max] = betweenStrikesMs
    await pause(min + random.integer(max - min))
    struck += 1
    say(`${struck}: all are killed at revision ${clients.floor}`)
    await killAll(cluster, random)
    const { floor } = clients
    if (!(await until(cluster, () => clients.floor > floor))) {
      const detail = `no write was acknowledged within ${recoveryMsMax} ms of strike ${struck}`
      checks.push({ name: 'liveness', verdict: 'invalid', detail })
      break
    }
    clients.epoch += 1
  }
  if (nemesis === 'none') await pause(Math.max(0, endMs - performance.now()))
  await clients.stop()
  if (checks.every(({ name }) => name !== 'liveness')) {
    checks.push(sentence('liveness', null))
    checks.push(...(await judge(cluster, clients, watchers)))
  }
  const verdict = checks.some(check => check.verdict === 'invalid')
    ? 'invalid'
    : checks.some(check => check.verdict === 'unknown')
      ? 'unknown'
      : 'valid'
  return {
    verdict,
    seed,
    operations: clients.operations.length,
    acknowledged: clients.acknowledged,
    unknown: clients.operations.filter(({ outcome }) => outcome === 'unknown').length,
    revision: clients.floor,
    faults: nemesis === 'none' ? {} : { [nemesis]: struck },
    errors: Object.fromEntries(clients.errors),
    checks,
    elapsedSeconds: Number(((performance.now() - startedMs) / 1000).toFixed(1)),
    history: clients.operations,
  }
}

/** False when it took too long, or a member ended by itself. */
async function until(cluster: StoreProcesses, holds: () => boolean): Promise<boolean> {
  const endMs = performance.now() + recoveryMsMax
  while (!holds()) {
    if (performance.now() > endMs || cluster.surprises.length > 0) return false
    await pause()
  }
  return true
}

const sentence = (name: string, detail: string | null): RunCheck => ({
  name,
  verdict: detail === null ? 'valid' : 'invalid',
  detail: detail ?? '',
})

async function judge(
  cluster: StoreProcesses,
  clients: Clients,
  watchers: readonly Seen[],
): Promise<readonly RunCheck[]> {
  const last = cluster.client(cluster.endpoints(1))
  const { header } = await last.put({ key: utf8('the end'), value: utf8('the end') })
  const everything = new Seen(last, { ...everyKey, startRevision: 1 })
  const atEnd = (seen: Seen) =>
    seen.until(() => seen.end !== null || seen.revisions.at(-1) === header.revision)
  await Promise.all([everything, ...watchers].map(atEnd))
  const changes = everything.events.map(changeOf)
  const order = new RevisionOrder(changes)
  const findings = order.judge(clients.operations)
  const checks = (
    ['acknowledged-writes', 'not-applied', 'revision-witness', 'history'] as const
  ).map(name => sentence(name, findings.find(({ check }) => check === name)?.detail ?? null))
  checks.push(linearizable(clients.operations))
  const told = JSON.stringify(changes)
  const strange = watchers.findIndex(
    ({ events, end }) => end !== null || JSON.stringify(events.map(changeOf)) !== told,
  )
  checks.push(
    sentence('watch', strange === -1 ? null : `watcher ${strange + 1} saw another history`),
  )
  for (const id of memberIds) await cluster.stop(id)
  const states = memberIds.map(id => JSON.stringify(storedState(cluster, id)))
  checks.push(sentence('equal-states', new Set(states).size === 1 ? null : states.join(' ')))
  checks.push(
    sentence('no-crash', cluster.surprises.length === 0 ? null : cluster.surprises.join('; ')),
  )
  return checks
}

function changeOf({ kind, kv }: WatchEvent): Change {
  return {
    revision: kv.modRevision,
    kind,
    key: text(kv.key),
    value: kind === 'put' ? text(kv.value) : '',
    version: kv.version,
    createRevision: kv.createRevision,
  }
}

/** Registers once more, by their values alone. */
function linearizable(operations: readonly Operation[]): RunCheck {
  const byKey = new Map<string, RegisterOperation[]>()
  for (const operation of operations) {
    const { call } = operation
    if (call.kind === 'append' || !call.key.startsWith('r/')) continue
    const of = byKey.get(call.key) ?? []
    byKey.set(call.key, of)
    const register = registerOf(operation)
    if (register !== null) of.push(register)
  }
  let verdict: RunCheck['verdict'] = 'valid'
  let detail = ''
  for (const [key, history] of byKey) {
    const found = checkRegister(history, linearizabilitySteps)
    if (found.verdict === 'valid' || verdict === 'invalid') continue
    verdict = found.verdict
    detail = `${key}: ${found.linearized} of ${history.length} operations have an order`
  }
  return { name: 'linearizable-keys', verdict, detail }
}

/** Null: it certainly did not happen, or read nothing. */
function registerOf({ call, calledMs, answer, outcome }: Operation): RegisterOperation | null {
  if (outcome === 'not-applied' || (call.kind === 'read' && answer === null)) return null
  const at = (value: NonNullable<RegisterOperation['answer']>['value']) =>
    answer === null ? null : { atMs: answer.atMs, value }
  switch (call.kind) {
    case 'read': {
      const value = answer?.found?.value ?? null
      return { call: { kind: 'read' }, calledMs, answer: at(value === null ? null : nameOf(value)) }
    }
    case 'put':
      return { call: { kind: 'put', value: call.value }, calledMs, answer: at(undefined) }
    case 'delete':
      return { call: { kind: 'delete' }, calledMs, answer: at(answer?.succeeded) }
    case 'swap': {
      const from = call.seen.value === null ? null : nameOf(call.seen.value)
      return {
        call: { kind: 'swap', from, value: call.value },
        calledMs,
        answer: at(answer?.succeeded),
      }
    }
    case 'append':
      return null
    default:
      return unreachable(call)
  }
}

/** A member's own telling of its state, read from its files when it has stopped. */
function storedState(cluster: StoreProcesses, id: number) {
  const backend = new SqliteBackend({ path: `${cluster.dataDirectory(id)}/state.db` })
  const core = new StoreCore(backend, { clusterId: 1, memberId: id })
  const job = core.hashKv(0)
  let hash = job.step(1000)
  while (hash === null) hash = job.step(1000)
  const { revision } = core
  backend.close()
  return { revision, hash: hash.hash }
}
