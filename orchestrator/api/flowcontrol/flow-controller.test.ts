import { describe, expect, test } from 'vitest'
import { mandatoryLevels, suggestedLevels, suggestedSchemas } from './bootstrap-objects.js'
import type { RequestDigest } from './classification.js'
import { levelLimits, shareOut, smoothedDemand } from './concurrency-limits.js'
import { FlowController } from './flow-controller.js'
import type { FlowTicket } from './flow-controller.js'
import { listWidth, narrow, widthMax, writeWidth } from './request-width.js'
import { RetryAfter } from './retry-after.js'
import { flowHash } from './shuffle-sharding.js'
import type { FlowSchema, PriorityLevelConfiguration } from '../types/flowcontrol.js'

const on = (
  verb: string,
  resource: string,
  group = '',
  namespace = '',
  subresource = '',
): RequestDigest => ({
  kind: 'resource',
  verb,
  group,
  namespace,
  resource,
  subresource,
  name: '',
  version: 'v1',
  path: '',
})
const path = (verb: string, its: string): RequestDigest => ({
  kind: 'non-resource',
  verb,
  path: its,
})
const account = (namespace: string, name: string) => ({
  name: `system:serviceaccount:${namespace}:${name}`,
  groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
})
const person = (name: string, ...groups: string[]) => ({
  name,
  groups: [...groups, 'system:authenticated'],
})

const controller = (
  schemas: readonly FlowSchema[] = suggestedSchemas,
  levels: readonly PriorityLevelConfiguration[] = suggestedLevels,
  seats = 600,
) => {
  const made = new FlowController({ seats, hash: flowHash }, 0)
  made.configure(schemas, levels, 0)
  return made
}

const node = person('system:node:n1', 'system:nodes')
const manager = person('system:kube-controller-manager')

describe('classification', () => {
  test.each([
    ['administrators', person('root', 'system:masters'), on('delete', 'pods'), 'exempt'],
    ['probes', person('joe'), path('get', '/readyz'), 'probes'],
    ['parts of probes', person('joe'), path('get', '/readyz/ping'), 'global-default'],
    ['nodes', node, on('list', 'pods'), 'system-nodes'],
    ['nodes on themselves', node, on('patch', 'nodes', '', '', 'status'), 'system-node-high'],
    [
      'nodes and leases',
      node,
      on('update', 'leases', 'coordination.k8s.io', 'kube-node-lease'),
      'system-node-high',
    ],
    [
      'elections',
      manager,
      on('update', 'leases', 'coordination.k8s.io', 'kube-system'),
      'system-leader-election',
    ],
    ['endpoints', manager, on('update', 'endpoints', '', 'default'), 'endpoint-controller'],
    ['controllers', manager, on('update', 'pods', '', 'default'), 'kube-controller-manager'],
    ['the scheduler', person('system:kube-scheduler'), on('list', 'pods'), 'kube-scheduler'],
    [
      'elections of accounts',
      account('kube-system', 'dns'),
      on('get', 'configmaps', '', 'a'),
      'workload-leader-election',
    ],
    [
      'accounts of the system',
      account('kube-system', 'dns'),
      on('list', 'pods'),
      'kube-system-service-accounts',
    ],
    ['accounts', account('a', 'robot'), on('list', 'pods', '', 'a'), 'service-accounts'],
    ['users', person('joe'), on('list', 'pods', '', 'a'), 'global-default'],
    ['users on paths', person('joe'), path('get', '/version'), 'global-default'],
    ['strangers', { name: 'x', groups: [] }, path('get', '/version'), 'catch-all'],
  ])('%s', (_, user, request, expected) => {
    expect(controller().classify(user, request).name).toBe(expected)
  })

  test('a schema whose level is missing is passed by, and what must be there always is', () => {
    expect(controller([], []).schemas.map(({ name }) => name)).toEqual(['exempt', 'catch-all'])
    const without = suggestedLevels.filter(level => level.metadata.name !== 'workload-high')
    const found = controller(suggestedSchemas, without).classify(manager, on('list', 'pods'))
    expect(found.name).toBe('global-default')
  })

  test('of equal precedence the first by name', () => {
    const twin = (name: string): FlowSchema => ({
      ...(suggestedSchemas.at(-1) as FlowSchema),
      metadata: { name },
    })
    const made = controller([twin('b'), twin('a')])
    expect(made.classify(person('joe'), on('list', 'pods')).name).toBe('a')
  })
})

describe('a level', () => {
  const enter = (made: FlowController, user: string, nowMs: number) => {
    const who = person(user)
    const schema = made.classify(who, on('list', 'pods', '', 'a'))
    return made.arrive(schema, who, on('list', 'pods', '', 'a'), narrow, nowMs)
  }

  test('does not keep another from its seats', () => {
    const made = controller()
    const floods = Array.from({ length: 500 }, () => enter(made, 'joe', 0))
    expect(floods.filter(({ arrival }) => arrival === 'running')).toHaveLength(49)
    expect(floods.filter(({ arrival }) => arrival === 'waiting')).toHaveLength(300)
    expect(floods.filter(({ arrival }) => arrival === 'queue-full')).toHaveLength(151)
    const other = account('a', 'robot')
    const schema = made.classify(other, on('get', 'pods', '', 'a'))
    expect(made.arrive(schema, other, on('get', 'pods', '', 'a'), narrow, 0).arrival).toBe(
      'running',
    )
    // In the level of the flood another flow waits, but for its turn only.
    const ann = enter(made, 'ann', 1)
    expect(ann.arrival).toBe('waiting')
    const first = floods[0]?.ticket as FlowTicket
    expect(made.finish(first, 2)).toEqual([ann.ticket])
  })

  test('that is deleted serves whom it has, and goes', () => {
    const made = controller()
    const { ticket } = enter(made, 'joe', 0)
    const others = suggestedLevels.filter(level => level.metadata.name !== 'global-default')
    made.configure(suggestedSchemas, others, 1)
    const level = () => made.levels.find(({ name }) => name === 'global-default')
    expect(level()?.quiescing).toBe(true)
    expect(enter(made, 'joe', 2).ticket.owner.schema.name).toBe('catch-all')
    made.finish(ticket, 3)
    expect(level()).toBeUndefined()
  })

  test('that has much to do borrows from those that have not, and gives back', () => {
    const made = controller()
    const seats = () =>
      Object.fromEntries(made.levels.map(({ name, queues }) => [name, queues.seatsMax]))
    const tickets = Array.from({ length: 300 }, () => enter(made, 'joe', 0))
    const started = made.adjust(10_000)
    const lent = seats()
    expect(lent['global-default']).toBeGreaterThan(200)
    expect(lent['workload-low']).toBeLessThan(100)
    expect(lent['leader-election']).toBeGreaterThanOrEqual(25)
    expect(started.length).toBeGreaterThan(150)
    const all = Object.entries(lent).filter(([name]) => name !== 'exempt')
    expect(all.reduce((sum, [, one]) => sum + one, 0)).toBeLessThanOrEqual(610)
    for (const { ticket } of tickets) {
      if (ticket.state === 'waiting') made.cancel(ticket, 'cancelled', 10_001)
    }
    for (const { ticket } of tickets) if (ticket.state === 'running') made.finish(ticket, 10_002)
    for (let round = 2; round < 400; round++) made.adjust(round * 10_000)
    expect(seats()['global-default']).toBeLessThan(lent['global-default'] ?? 0)
  })
})

describe('limits', () => {
  test('follow the shares, and what may be lent and borrowed', () => {
    const specs = new Map(
      [...mandatoryLevels, ...suggestedLevels].map(({ metadata, spec }) => [
        metadata.name ?? '',
        spec,
      ]),
    )
    const limits = levelLimits(specs, 600)
    expect(limits.get('exempt')).toEqual({ nominal: 0, lower: 0, upper: 600 })
    expect(limits.get('workload-low')).toEqual({ nominal: 245, lower: 24, upper: 600 })
    expect(limits.get('catch-all')).toEqual({ nominal: 13, lower: 13, upper: 600 })
    const tight = new Map([
      [
        'a',
        { type: 'Limited', limited: { nominalConcurrencyShares: 1, borrowingLimitPercent: 50 } },
      ],
      ['b', { type: 'Limited', limited: { nominalConcurrencyShares: 1 } }],
    ])
    expect(levelLimits(tight, 100).get('a')).toEqual({ nominal: 50, lower: 50, upper: 75 })
  })

  test('are shared out by demand, within bounds', () => {
    const limits = { nominal: 50, lower: 10, upper: 80 }
    const { seats } = shareOut(
      [
        { limits, highest: 100, smoothed: 100 },
        { limits, highest: 0, smoothed: 0 },
      ],
      100,
    )
    expect(seats).toEqual([80, 20])
  })

  test('let go of a peak slowly', () => {
    expect(smoothedDemand(0, 10, 2)).toBe(12)
    expect(smoothedDemand(100, 0, 0)).toBeCloseTo(97.7)
  })
})

describe('width', () => {
  test.each([
    ['few objects', listWidth(99, 0, false, 10), 1],
    ['many', listWidth(950, 0, false, 10), 10],
    ['more than a request may take', listWidth(10_000, 0, false, 10), 10],
    ['a page', listWidth(10_000, 250, false, 10), 3],
    ['a page of those selected', listWidth(10_000, 250, true, 10), 10],
    ['on a small level', listWidth(10_000, 0, false, widthMax(20)), 3],
  ])('of a list of %s', (_, { seats }, expected) => {
    expect(seats).toBe(expected)
  })

  test('of a write grows with who is told', () => {
    expect(writeWidth(0, 10)).toBe(narrow)
    expect(writeWidth(25, 10)).toEqual({ seats: 1, finalSeats: 3, finalMs: 5 })
    expect(writeWidth(1_000, 10)).toEqual({ seats: 1, finalSeats: 10, finalMs: 50 })
  })
})

test('who is turned away is asked to stay away for longer while many are', () => {
  const retry = new RetryAfter()
  const secondOf = (second: number, dropped: number) => {
    let last = 0
    for (let one = 0; one < dropped; one++) last = retry.dropped(second)
    return last
  }
  const seen = Array.from({ length: 12 }, (_, second) => secondOf(100 + second, 50))
  expect(seen[0]).toBe(1)
  expect(seen).toEqual(seen.toSorted((a, b) => a - b))
  expect(seen.at(-1)).toBeGreaterThanOrEqual(8)
  const after = Array.from({ length: 60 }, (_, round) => secondOf(1_000 + 40 * round, 1))
  expect(after.at(-1)).toBe(1)
})
