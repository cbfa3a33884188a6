import { describe, expect, test } from 'vitest'
import type { Lease } from '../../api/types/coordination.js'
import type { Taint, Toleration } from '../../api/types/core-scheduling.js'
import { node, nowMs, secondsAgo } from '../testing/objects.js'
import { evictionTimeMs } from './eviction.js'
import {
  evictionRate,
  isSilent,
  observeHealth,
  silentConditions,
  wantedTaints,
  zoneStates,
} from './reconcile.js'

const lease = (renewTime: string): Lease => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name: 'n1' },
  spec: { renewTime },
})

describe('Node lifecycle: signs of life', () => {
  const first = observeHealth(undefined, node('n1'), lease('t1'), 1000)
  test('the first look starts the time', () => expect(first.heardAtMs).toBe(1000))
  test('a renewed lease is a sign of life, whatever its clock says', () => {
    expect(observeHealth(first, node('n1'), lease('t0'), 9000).heardAtMs).toBe(9000)
  })
  test('an unchanged lease is none', () => {
    expect(observeHealth(first, node('n1'), lease('t1'), 9000).heardAtMs).toBe(1000)
  })
  test('a heartbeat of the Ready condition is one', () => {
    const beating = node('n1', { ready: 'False' })
    expect(observeHealth(first, beating, lease('t1'), 9000).heardAtMs).toBe(9000)
  })
  test('our own verdict is none', () => {
    const judged = node('n1', { ready: 'Unknown', reason: 'NodeStatusUnknown' })
    expect(observeHealth(first, judged, lease('t1'), 9000).heardAtMs).toBe(1000)
  })
})

describe('Node lifecycle: grace of 40 seconds, 60 for one that never reported', () => {
  const grace = { graceMs: 40_000, startupGraceMs: 60_000 }
  const heard = { leaseRenewTime: 't', readyHeartbeat: 'h', heardAtMs: 0 }
  const { status: _, ...unreported } = node('n1')
  const cases = [
    ['one that was heard of within them lives', node('n1'), 40_000, false],
    ['one that was not is silent', node('n1'), 40_001, true],
    ['one that is not ready is waited for as long', node('n1', { ready: 'False' }), 40_001, true],
    ['one that never reported has longer', unreported, 60_000, false],
    ['and not for ever', unreported, 60_001, true],
    ['what is told already is not told again', node('n1', { ready: 'Unknown' }), 90_000, false],
  ] as const
  test.each(cases)('%s', (_, of, nowMs, silent) => {
    expect(isSilent(of, heard, nowMs, grace)).toBe(silent)
  })
  test('one that is new to us lives', () => {
    expect(isSilent(node('n1'), undefined, 90_000, grace)).toBe(false)
  })
})

describe('Node lifecycle: Ready becomes Unknown', () => {
  test('with the reason and the time of the change', () => {
    const conditions = silentConditions(node('n1'), nowMs)
    expect(conditions?.find(one => one.type === 'Ready')).toMatchObject({
      status: 'Unknown',
      reason: 'NodeStatusUnknown',
      message: 'Kubelet stopped posting node status.',
      lastTransitionTime: secondsAgo(0),
      lastHeartbeatTime: secondsAgo(5),
    })
    expect(conditions?.find(one => one.type === 'MemoryPressure')?.reason).toBe(
      'NodeStatusNeverUpdated',
    )
  })
  test('once', () => {
    expect(silentConditions(node('n1', { ready: 'Unknown' }), nowMs)).toBeNull()
  })
})

describe('Node lifecycle: taints', () => {
  const added = secondsAgo(0)
  const taint = (key: string, effect: string): Taint => ({
    key: `node.kubernetes.io/${key}`,
    effect,
    timeAdded: added,
  })
  const foreign: Taint = { key: 'gpu', value: 'yes', effect: 'NoSchedule' }
  const cases: readonly [string, Parameters<typeof node>[1], readonly Taint[] | null][] = [
    ['a ready node has none', {}, null],
    [
      'an unready node is not-ready',
      { ready: 'False' },
      [taint('not-ready', 'NoSchedule'), taint('not-ready', 'NoExecute')],
    ],
    [
      'a silent node is unreachable',
      { ready: 'Unknown' },
      [taint('unreachable', 'NoSchedule'), taint('unreachable', 'NoExecute')],
    ],
    ['a cordoned node', { spec: { unschedulable: true } }, [taint('unschedulable', 'NoSchedule')]],
    [
      'a node that came back loses both',
      { spec: { taints: [taint('unreachable', 'NoSchedule'), taint('unreachable', 'NoExecute')] } },
      [],
    ],
    ["others' taints stay", { spec: { taints: [foreign] } }, null],
    [
      "others' taints stay beside ours",
      { ready: 'Unknown', spec: { taints: [foreign] } },
      [foreign, taint('unreachable', 'NoSchedule'), taint('unreachable', 'NoExecute')],
    ],
  ]
  for (const [name, shape, wanted] of cases) {
    test(name, () => expect(wantedTaints(node('n1', shape), 'allowed', nowMs)).toEqual(wanted))
  }
  test('an eviction that has to wait leaves NoExecute off', () => {
    const taints = wantedTaints(node('n1', { ready: 'Unknown' }), 'wait', nowMs)
    expect(taints?.map(one => one.effect)).toEqual(['NoSchedule'])
  })
  test('with all zones dark an eviction under way is taken back', () => {
    const taints = [taint('unreachable', 'NoSchedule'), taint('unreachable', 'NoExecute')]
    const shape = { ready: 'Unknown', spec: { taints } }
    expect(wantedTaints(node('n1', shape), 'off', nowMs)?.map(one => one.effect)).toEqual([
      'NoSchedule',
    ])
    expect(wantedTaints(node('n1', shape), 'wait', nowMs)).toBeNull()
  })
})

describe('Node lifecycle: eviction rate limits', () => {
  const zone = (name: string, ready: number, dark: number) =>
    Array.from({ length: ready + dark }, (_, index) =>
      node(`${name}${index}`, {
        ready: index < ready ? 'True' : 'Unknown',
        labels: { 'topology.kubernetes.io/zone': name },
      }),
    )
  const cases: readonly [string, number, number, string, number][] = [
    ['one of two', 1, 1, 'normal', 0.1],
    ['one of three', 2, 1, 'normal', 0.1],
    ['three of five', 2, 3, 'partial', 0],
    ['forty of sixty', 20, 40, 'partial', 0.01],
  ]
  for (const [name, ready, dark, state, rate] of cases) {
    test(`${name} dark is ${state}: ${rate} a second`, () => {
      const states = zoneStates([...zone('a', ready, dark), ...zone('b', 3, 0)])
      expect(states.get('/a')).toBe(state)
      expect(evictionRate('/a', states, ready + dark)).toBe(rate)
    })
  }
  test('a whole zone dark beside a healthy one is evicted', () => {
    const states = zoneStates([...zone('a', 0, 3), ...zone('b', 3, 0)])
    expect(states.get('/a')).toBe('full')
    expect(evictionRate('/a', states, 3)).toBe(0.1)
  })
  test('everything dark evicts nothing', () => {
    expect(evictionRate('/a', zoneStates(zone('a', 0, 2)), 2)).toBe('off')
  })
})

describe('Node lifecycle: NoExecute with tolerationSeconds', () => {
  const key = 'node.kubernetes.io/unreachable'
  const taint: Taint = { key, effect: 'NoExecute', timeAdded: secondsAgo(100) }
  const toleration = (more: Partial<Toleration>): Toleration => ({
    key,
    operator: 'Exists',
    effect: 'NoExecute',
    ...more,
  })
  const cases: readonly [string, readonly Toleration[], readonly Taint[], number | null][] = [
    ['no toleration: at once', [], [taint], nowMs],
    [
      '300 s: from the time of the taint',
      [toleration({ tolerationSeconds: 300 })],
      [taint],
      nowMs + 200_000,
    ],
    ['without a limit: never', [toleration({})], [taint], null],
    ['0 s and less: at once', [toleration({ tolerationSeconds: -5 })], [taint], nowMs - 100_000],
    [
      'the shortest limit counts',
      [toleration({ tolerationSeconds: 300 }), toleration({ tolerationSeconds: 150 })],
      [taint],
      nowMs + 50_000,
    ],
    ['a toleration of another taint does not help', [toleration({ key: 'x' })], [taint], nowMs],
    ['a toleration of everything helps', [{ operator: 'Exists' }], [taint], null],
    ['NoSchedule evicts nobody', [], [{ ...taint, effect: 'NoSchedule' }], null],
    [
      'one untolerated taint of two is enough',
      [toleration({})],
      [taint, { ...taint, key: 'y' }],
      nowMs,
    ],
  ]
  for (const [name, tolerations, taints, atMs] of cases) {
    test(name, () => expect(evictionTimeMs(tolerations, taints, nowMs)).toBe(atMs))
  }
})
