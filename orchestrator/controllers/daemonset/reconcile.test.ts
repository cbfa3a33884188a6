import { describe, expect, test } from 'vitest'
import type { DaemonSet } from '../../api/types/apps-daemon-set.js'
import type { Pod } from '../../api/types/core-pod.js'
import { node, nowMs, pod, secondsAgo } from '../testing/objects.js'
import { daemonPod, targetNode } from './daemon-pod.js'
import { burstMax, type DaemonSetInputs } from './reconcile.js'
import {
  daemonPodOn,
  daemonSet,
  namesOf,
  nodesNamed,
  older,
  rolling,
  roundOf,
} from './testing/objects.js'

const all = nodesNamed('n1', 'n2', 'n3')

function round(pods: readonly Pod[], more: Partial<DaemonSetInputs> = {}) {
  return roundOf(more.daemonSet ?? daemonSet(), more.nodes ?? all, pods, { nowMs, ...more })
}

const gpuOnly = [node('n1', { spec: { taints: [{ key: 'gpu', effect: 'NoSchedule' }] } })]
const away = [node('n1', { spec: { taints: [{ key: 'gpu', effect: 'NoExecute' }] } })]
const ready = { readySeconds: 60 }
const created = (seconds: number) => ({ meta: { creationTimestamp: secondsAgo(seconds) } })

describe('DaemonSet: one pod a node', () => {
  test('each node without one gets one', () => {
    expect(round([daemonPodOn('n2', 'a')]).creations).toEqual(['n1', 'n3'])
  })
  test('one that is made for a node counts before it is bound', () => {
    const { metadata, spec } = daemonPod(daemonSet(), 'new', 'n1')
    const made: Pod = { ...pod('a'), metadata: { ...metadata, name: 'a', uid: 'uid-a' }, spec }
    expect(round([made]).creations).toEqual(['n2', 'n3'])
  })
  test('one that leaves is waited for', () => {
    expect(round([daemonPodOn('n1', 'a', { deleting: true })]).creations).toEqual(['n2', 'n3'])
  })
  test('one that has ended and is only held back is not', () => {
    const held = daemonPodOn('n1', 'a', { deleting: true, phase: 'Failed' })
    expect(round([held]).creations).toEqual(['n1', 'n2', 'n3'])
  })
  test('surplus pods go, and the oldest ready one stays', () => {
    const pods = [
      daemonPodOn('n1', 'oldest', created(900)),
      daemonPodOn('n1', 'younger', { ...ready, ...created(10) }),
      daemonPodOn('n1', 'older', { ...ready, ...created(100) }),
    ]
    expect(namesOf(round(pods).deletions).toSorted()).toEqual(['oldest', 'younger'])
  })
  test('pods on a node that does not fit any more go, those that leave already apart', () => {
    const pods = [daemonPodOn('n1', 'a'), daemonPodOn('n1', 'b', { deleting: true })]
    const { creations, deletions } = round(pods, { nodes: away })
    expect([creations, namesOf(deletions)]).toEqual([[], ['a']])
  })
  test('a node that only turns new ones away keeps its own and gets none', () => {
    const { creations, deletions } = round([daemonPodOn('n1', 'a', ready)], { nodes: gpuOnly })
    expect([creations, deletions]).toEqual([[], []])
    expect(round([], { nodes: gpuOnly }).creations).toEqual([])
  })
  test('pods bound to a node that is gone are left to others; those made for it go', () => {
    const { metadata, spec } = daemonPod(daemonSet(), 'new', 'gone')
    const stranded: Pod = { ...pod('b'), metadata: { ...metadata, name: 'b', uid: 'uid-b' }, spec }
    const pods = [daemonPodOn('gone', 'a'), stranded]
    expect(namesOf(round(pods, { nodes: [] }).deletions)).toEqual(['b'])
  })
  test('a round makes at most a burst, and removes at most one', () => {
    const names = Array.from({ length: burstMax + 50 }, (_, index) => `n${index}`)
    expect(burstMax).toBe(250)
    expect(round([], { nodes: nodesNamed(...names) }).creations).toHaveLength(burstMax)
    const twice = names.flatMap(name => [
      daemonPodOn(name, `${name}a`),
      daemonPodOn(name, `${name}b`),
    ])
    expect(round(twice, { nodes: nodesNamed(...names) }).deletions).toHaveLength(burstMax)
  })
  test('nothing is made or removed while earlier writes are not visible', () => {
    const pods = [daemonPodOn('n1', 'a'), daemonPodOn('n1', 'b')]
    const plan = round(pods, { expectationsMet: false })
    expect([plan.creations, plan.deletions]).toEqual([[], []])
  })
  test('nor for a set that is being deleted', () => {
    const dying = daemonSet({ meta: { deletionTimestamp: secondsAgo(1) } })
    expect(round([], { daemonSet: dying }).creations).toEqual([])
  })
})

describe('DaemonSet: pods that ended', () => {
  const failed = daemonPodOn('n1', 'a', { phase: 'Failed' })
  const others = [daemonPodOn('n2', 'b', ready), daemonPodOn('n3', 'c', ready)]

  test('a failed one is deleted, and made again once it is gone', () => {
    const plan = round([failed, ...others])
    expect([namesOf(plan.deletions), plan.creations]).toEqual([['a'], []])
    expect(plan.failedOn).toEqual(['n1'])
    expect(plan.events).toEqual([
      {
        type: 'Warning',
        reason: 'FailedDaemonPod',
        message: 'Found failed daemon pod shop/a on node n1, will try to kill it',
      },
    ])
    expect(round(others).creations).toEqual(['n1'])
  })
  test('it stays while the back-off lasts, and is looked at again after it', () => {
    const plan = round([failed, ...others], { failedWaitMs: () => 4000 })
    expect([plan.deletions, plan.events, plan.failedOn]).toEqual([[], [], []])
    expect(plan.requeueAfterMs).toBe(4000)
  })
  test('it stays alone while it does, with surge, too', () => {
    const surging = daemonSet(rolling(0, 1))
    const inBackoff = { daemonSet: surging, failedWaitMs: () => 4000 }
    expect(round([failed, ...others], inBackoff).creations).toEqual([])
  })
  test('one that succeeded is deleted without a wait', () => {
    const done = daemonPodOn('n1', 'a', { phase: 'Succeeded' })
    const plan = round([done, ...others], { failedWaitMs: () => 4000 })
    expect(namesOf(plan.deletions)).toEqual(['a'])
    expect(plan.events).toMatchObject([{ type: 'Normal', reason: 'SucceededDaemonPod' }])
    expect(plan.failedOn).toEqual([])
  })
})

describe('DaemonSet: adoption and release by uid', () => {
  const free = { meta: { ownerReferences: [] } }
  const owner = { kind: 'DaemonSet', apiVersion: 'apps/v1', name: 'agent', uid: 'uid-of-another' }
  const cases: readonly [string, Pod, 'owned' | 'adopt' | 'release' | null][] = [
    ['its own', daemonPodOn('n1', 'p'), 'owned'],
    [
      'its own that matches no longer is released',
      daemonPodOn('n1', 'p', { labels: {} }),
      'release',
    ],
    ['a matching orphan is adopted', daemonPodOn('n1', 'p', free), 'adopt'],
    ['an orphan that leaves is not', daemonPodOn('n1', 'p', { ...free, deleting: true }), null],
    [
      'one of a set of the same name and another uid is not',
      daemonPodOn('n1', 'p', { meta: { ownerReferences: [{ ...owner, controller: true }] } }),
      null,
    ],
  ]
  test.each(cases)('%s', (_, candidate, group) => {
    const { claims } = round([candidate])
    for (const one of ['owned', 'adopt', 'release'] as const) {
      expect(namesOf(claims[one])).toEqual(one === group ? ['p'] : [])
    }
  })
  test('an adopted pod counts at once, and a released one no more', () => {
    const pods = [daemonPodOn('n1', 'p', free), daemonPodOn('n2', 'q', { labels: {} })]
    expect(round(pods).creations).toEqual(['n2', 'n3'])
  })
})

describe('DaemonSet: the pod for a node', () => {
  const annotated = { annotations: { 'deprecated.daemonset.template.generation': '7' } }
  const preferred = [
    { weight: 1, preference: { matchExpressions: [{ key: 'a', operator: 'Exists' }] } },
  ]
  const made = daemonPod(
    daemonSet({
      meta: annotated,
      pod: {
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{ matchExpressions: [{ key: 'disk', operator: 'Exists' }] }],
            },
            preferredDuringSchedulingIgnoredDuringExecution: preferred,
          },
        },
      },
    }),
    'h4sh',
    'n1',
  )
  test('it may only go there', () => {
    expect(made.spec.affinity?.nodeAffinity).toEqual({
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [
          { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n1'] }] },
        ],
      },
      preferredDuringSchedulingIgnoredDuringExecution: preferred,
    })
    expect(targetNode(made)).toBe('n1')
  })
  test('it tolerates what ails nodes', () => {
    expect(made.spec.tolerations?.map(({ key, effect }) => `${key}:${effect}`)).toEqual([
      'node.kubernetes.io/not-ready:NoExecute',
      'node.kubernetes.io/unreachable:NoExecute',
      'node.kubernetes.io/disk-pressure:NoSchedule',
      'node.kubernetes.io/memory-pressure:NoSchedule',
      'node.kubernetes.io/pid-pressure:NoSchedule',
      'node.kubernetes.io/unschedulable:NoSchedule',
    ])
  })
  test('it says which revision it is of, and to whom it belongs', () => {
    expect(made.metadata).toMatchObject({
      generateName: 'agent-',
      namespace: 'shop',
      labels: { app: 'web', 'controller-revision-hash': 'h4sh', 'pod-template-generation': '7' },
      ownerReferences: [{ kind: 'DaemonSet', name: 'agent', uid: 'uid-agent', controller: true }],
    })
  })
  test('where a pod is bound counts for more than where it may go', () => {
    expect(targetNode({ ...made, spec: { ...made.spec, nodeName: 'n2' } })).toBe('n2')
    expect(targetNode(pod('p'))).toBeNull()
  })
})

describe('DaemonSet: status', () => {
  const seen = (set: DaemonSet) => ({
    ...set,
    metadata: { ...set.metadata, generation: 3 },
    status: {
      currentNumberScheduled: 0,
      numberMisscheduled: 0,
      desiredNumberScheduled: 0,
      numberReady: 0,
      observedGeneration: 2,
    },
  })
  const nodes = [...all, node('n4'), ...gpuOnly.map(one => ({ ...one, metadata: { name: 'n5' } }))]
  const pods = [
    daemonPodOn('n1', 'a', { readySeconds: 60 }),
    daemonPodOn('n2', 'b', { readySeconds: 10, hash: older }),
    daemonPodOn('n3', 'c'),
    daemonPodOn('n5', 'e', { readySeconds: 60 }),
  ]
  test('nodes are counted by whether they are to run a pod, run one, and how it is', () => {
    const set = seen(daemonSet({ minReadySeconds: 30 }))
    const { status } = round(pods, { daemonSet: set, nodes, collisionCount: 4 })
    expect(status).toEqual({
      desiredNumberScheduled: 4,
      currentNumberScheduled: 3,
      numberMisscheduled: 1,
      numberReady: 2,
      updatedNumberScheduled: 2,
      numberAvailable: 1,
      numberUnavailable: 3,
      observedGeneration: 3,
      collisionCount: 4,
    })
  })
  test('a generation for which nothing can be done yet is not observed', () => {
    const waiting = { daemonSet: seen(daemonSet()), expectationsMet: false }
    expect(round(pods, waiting).status.observedGeneration).toBe(2)
  })
  test('of two pods of a node the better one counts', () => {
    const two = [
      daemonPodOn('n1', 'a', { ...ready, deleting: true, hash: older, ...created(900) }),
      daemonPodOn('n1', 'b', { ...ready, ...created(60) }),
    ]
    expect(round(two, { nodes: nodesNamed('n1') }).status).toMatchObject({
      currentNumberScheduled: 1,
      updatedNumberScheduled: 1,
      numberAvailable: 1,
    })
  })
  test('a pod that will become available is waited for', () => {
    const set = daemonSet({ minReadySeconds: 30 })
    expect(round(pods, { daemonSet: set, nodes: all }).requeueAfterMs).toBe(20_000)
    expect(round(pods, { nodes: all }).requeueAfterMs).toBeNull()
  })
})
