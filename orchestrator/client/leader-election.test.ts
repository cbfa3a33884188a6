import { expect, test } from 'vitest'
import { silentLogger } from '../../platform/logger.js'
import type { Lease } from '../api/types/coordination.js'
import { LeaderElection, type LeadershipTerm } from './leader-election.js'
import { decideLease, servingUrlAnnotation } from './lease-decision.js'
import { pods } from './resources.js'
import { ApiClient } from './rest-client.js'
import { type Answer, ScriptedTransport, status } from './testing/scripted-transport.js'
import { seededRandom } from '../../platform/seeded-random.js'
import { VirtualClock } from '../../platform/testing/virtual-clock.js'
import type { ApiRequest } from './transport.js'

/** One Lease with optimistic locking, as an apiserver keeps it. */
class LeaseServer {
  lease: Lease | null = null
  private version = 0

  answer(request: ApiRequest): Answer {
    if (request.method === 'GET') {
      return this.lease ? { status: 200, body: this.lease } : status(404, 'NotFound')
    }
    const sent = JSON.parse(request.body ?? '') as Lease
    if (request.method === 'POST' && this.lease) return status(409, 'AlreadyExists')
    const known = this.lease?.metadata.resourceVersion
    if (request.method === 'PUT' && sent.metadata.resourceVersion !== known) {
      return status(409, 'Conflict')
    }
    const metadata = { ...sent.metadata, resourceVersion: String(++this.version) }
    this.lease = { ...sent, metadata }
    return { status: 200, body: this.lease }
  }
}

function candidate(clock: VirtualClock, server: LeaseServer, identity: string) {
  const transport = new ScriptedTransport(request => server.answer(request))
  const log: string[] = []
  const state = { term: null as LeadershipTerm | null }
  const election = new LeaderElection({
    client: new ApiClient({ transport }),
    clock,
    random: seededRandom(7),
    logger: silentLogger,
    namespace: 'kube-system',
    name: 'kube-scheduler',
    identity,
    onStartedLeading: term => {
      state.term = term
      log.push(`${clock.monotonicMs()} started`)
    },
    onStoppedLeading: () => {
      expect(state.term?.signal.aborted).toBe(true)
      log.push(`${clock.monotonicMs()} stopped`)
    },
  })
  return { transport, election, log, state }
}

test('the first candidate leads at once and renews every two seconds', async () => {
  const clock = new VirtualClock()
  const server = new LeaseServer()
  const { election, transport } = candidate(clock, server, 'a')
  election.start()
  await clock.pass(0)
  expect(election.leading).toBe(true)
  const before = transport.requests.length
  await clock.pass(20_000)
  expect(transport.requests.slice(before).map(one => one.method)).toEqual(Array(10).fill('PUT'))
  expect(server.lease?.spec).toMatchObject({
    holderIdentity: 'a',
    leaseDurationSeconds: 15,
    leaseTransitions: 0,
    acquireTime: '2026-01-01T00:00:00.000000Z',
    renewTime: '2026-01-01T00:00:20.000000Z',
  })
})

test('a second candidate waits while the leader renews', async () => {
  const clock = new VirtualClock()
  const server = new LeaseServer()
  const a = candidate(clock, server, 'a')
  const b = candidate(clock, server, 'b')
  a.election.start()
  await clock.pass(0)
  b.election.start()
  await clock.pass(120_000)
  expect(a.election.leading).toBe(true)
  expect(b.log).toEqual([])
})

test('a leader that falls silent is followed 15 s after its last renewal was seen', async () => {
  const clock = new VirtualClock()
  const server = new LeaseServer()
  const a = candidate(clock, server, 'a')
  const b = candidate(clock, server, 'b')
  a.election.start()
  await clock.pass(0)
  b.election.start()
  await clock.pass(10_000)
  a.transport.answer = () => 'lost'
  await clock.pass(10_000)
  expect(a.election.leading).toBe(false)
  await clock.pass(4_999)
  expect(b.election.leading).toBe(false)
  await clock.pass(5_000)
  expect(b.election.leading).toBe(true)
  expect(server.lease?.spec?.leaseTransitions).toBe(1)
})

test('two never lead at one time, and the old one stops before the new one starts', async () => {
  const clock = new VirtualClock()
  const server = new LeaseServer()
  const all = ['a', 'b', 'c'].map(name => candidate(clock, server, name))
  for (const one of all) one.election.start()
  const random = seededRandom(3)
  const cuts = all.map(() => false)
  const lose = (request: ApiRequest): Answer => {
    // Half of what is lost was carried out: only the answer did not come back.
    if (random.next() < 0.5) server.answer(request)
    return 'lost'
  }
  for (let step = 0; step < 400; step++) {
    for (const [index, one] of all.entries()) {
      if (random.next() < 0.15) cuts[index] = !cuts[index]
      const cut = cuts[index]
      one.transport.answer = request => (cut ? lose(request) : server.answer(request))
    }
    await clock.pass(random.integer(4000))
    expect(all.filter(one => one.election.leading).length).toBeLessThanOrEqual(1)
    expect(all.filter(one => one.state.term?.permitted()).length).toBeLessThanOrEqual(1)
  }
  expect(all.filter(one => one.log.length > 0).length).toBeGreaterThan(1)
})

test('after 10 s without a renewal the term is over, though requests still hang', async () => {
  const clock = new VirtualClock()
  const server = new LeaseServer()
  const a = candidate(clock, server, 'a')
  a.election.start()
  await clock.pass(1000)
  a.transport.answer = () => 'no answer'
  await clock.pass(8_999)
  expect(a.log).toEqual(['0 started'])
  await clock.pass(1)
  expect(a.log).toEqual(['0 started', '10000 stopped'])
})

test('a lease that somebody else took ends the term at the next renewal', async () => {
  const clock = new VirtualClock()
  const server = new LeaseServer()
  const a = candidate(clock, server, 'a')
  a.election.start()
  await clock.pass(0)
  const metadata = { ...server.lease?.metadata, resourceVersion: '99' }
  server.lease = { ...(server.lease as Lease), metadata, spec: { holderIdentity: 'thief' } }
  await clock.pass(2000)
  expect(a.log).toEqual(['0 started', '2000 stopped'])
})

test('an orderly stop hands the lease over, so that the next leads within its next turn', async () => {
  const clock = new VirtualClock()
  const server = new LeaseServer()
  const a = candidate(clock, server, 'a')
  const b = candidate(clock, server, 'b')
  a.election.start()
  await clock.pass(0)
  b.election.start()
  await clock.pass(5000)
  await a.election.stop()
  expect(server.lease?.spec?.holderIdentity).toBe('')
  await clock.pass(2400)
  expect(b.election.leading).toBe(true)
})

test('calls of a lost term are refused, those under way are broken', async () => {
  const clock = new VirtualClock()
  const server = new LeaseServer()
  const a = candidate(clock, server, 'a')
  a.election.start()
  await clock.pass(0)
  const term = a.state.term as LeadershipTerm
  const work = new ScriptedTransport(() => 'no answer')
  const client = new ApiClient({ transport: work }).forTerm(term)
  const pending = client.get(pods, { namespace: 'n', name: 'x' })
  const outcome = expect(pending).rejects.toMatchObject({ code: 'api-cancelled' })
  await a.election.stop()
  await outcome
  const later = client.get(pods, { namespace: 'n', name: 'x' })
  await expect(later).rejects.toMatchObject({ code: 'api-cancelled', outcome: 'not-applied' })
  expect(work.requests).toHaveLength(1)
})

test('a process that was frozen past its deadline sends nothing when it wakes', async () => {
  const clock = new VirtualClock()
  const server = new LeaseServer()
  const a = candidate(clock, server, 'a')
  a.election.start()
  await clock.pass(0)
  const term = a.state.term as LeadershipTerm
  const frozen = { ...term, permitted: term.permitted }
  // The clock has moved on and no timer of ours has run yet.
  const monotonicMs = clock.monotonicMs.bind(clock)
  clock.monotonicMs = () => monotonicMs() + 10_001
  expect(frozen.permitted()).toBe(false)
  expect(term.signal.aborted).toBe(false)
})

test('a lease of broken seconds is written in whole ones, and nobody follows sooner', async () => {
  const clock = new VirtualClock()
  const decision = decideLease(
    { lease: null, changedAtMs: 0 },
    { namespace: 'n', name: 'l', identity: 'a', leaseDurationMs: 1500, servingUrl: null },
    { monotonicMs: 0, wallMs: clock.wallMs() },
  )
  expect(decision).toMatchObject({ lease: { spec: { leaseDurationSeconds: 2 } } })
})

test('the lease says where its holder is, and never where another one was', () => {
  const candidate = { namespace: 'n', name: 'l', leaseDurationMs: 15_000 }
  const decided = (lease: Lease | null, identity: string, servingUrl: string | null): Lease => {
    const decision = decideLease(
      { lease, changedAtMs: 0 },
      { ...candidate, identity, servingUrl },
      { monotonicMs: 20_000, wallMs: 0 },
    )
    if (decision.action === 'wait') throw new Error('the lease was to be had')
    return decision.lease
  }
  const urlOf = ({ metadata }: Lease) => metadata.annotations?.[servingUrlAnnotation]
  const first = decided(null, 'a', 'https://10.0.0.1:10259')
  expect(urlOf(first)).toBe('https://10.0.0.1:10259')
  expect(urlOf(decided(first, 'a', 'https://10.0.0.1:10259'))).toBe('https://10.0.0.1:10259')
  expect(urlOf(decided(first, 'b', 'https://10.0.0.2:10259'))).toBe('https://10.0.0.2:10259')
  const silent = decided(first, 'b', null)
  expect(urlOf(silent)).toBeUndefined()
  expect(silent.spec?.holderIdentity).toBe('b')
})
