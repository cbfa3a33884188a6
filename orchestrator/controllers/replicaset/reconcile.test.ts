import { describe, expect, test } from 'vitest'
import type { Pod } from '../../api/types/core-pod.js'
import { nowMs, pod, replicaSet, secondsAgo } from '../testing/objects.js'
import { rankForDeletion } from './ranking.js'
import {
  burstMax,
  planReplicaSet,
  podFromTemplate,
  type ReplicaSetInputs,
  replicaSetStatus,
} from './reconcile.js'

const three = replicaSet('web', 3)

function plan(candidates: readonly Pod[], more: Partial<ReplicaSetInputs> = {}) {
  const inputs = { replicaSet: three, candidates, related: () => [], expectationsMet: true, nowMs }
  return planReplicaSet({ ...inputs, ...more })
}

const names = (pods: readonly Pod[]) => pods.map(one => one.metadata.name)
const owned = (name: string, shape = {}) => pod(name, { owner: three, ...shape })

describe('ReplicaSet: as many pods as wanted', () => {
  test('missing pods are created', () => {
    expect(plan([owned('a')])).toMatchObject({ creations: 2, deletions: [] })
  })
  test('finished pods and those being deleted do not count', () => {
    const pods = [owned('a'), owned('b', { phase: 'Failed' }), owned('c', { deleting: true })]
    expect(plan(pods).creations).toBe(2)
  })
  test('surplus pods are deleted', () => {
    const pods = ['a', 'b', 'c', 'd', 'e'].map(name => owned(name))
    expect(plan(pods).deletions).toHaveLength(2)
  })
  test('nothing is counted while earlier writes are not visible', () => {
    expect(plan([], { expectationsMet: false }).creations).toBe(0)
  })
  test('a set that is being deleted neither creates nor deletes', () => {
    const dying = replicaSet('web', 3, { deletionTimestamp: secondsAgo(1) })
    expect(plan([], { replicaSet: dying })).toMatchObject({ creations: 0, deletions: [] })
  })
  test('one round makes at most a burst', () => {
    expect(plan([], { replicaSet: replicaSet('web', 10_000) }).creations).toBe(burstMax)
  })
})

describe('ReplicaSet: adopt and release by uid', () => {
  const other = replicaSet('web', 1, { uid: 'uid-of-a-predecessor' })
  const cases: readonly [string, Pod, 'owned' | 'adopt' | 'release' | null][] = [
    ['its own matching pod is counted', owned('p'), 'owned'],
    ['its own pod that matches no longer is released', owned('p', { labels: {} }), 'release'],
    ['a matching orphan is adopted', pod('p'), 'adopt'],
    ['an orphan that is being deleted is left alone', pod('p', { deleting: true }), null],
    ['an orphan that does not match is left alone', pod('p', { labels: {} }), null],
    ['a finished orphan is left alone', pod('p', { phase: 'Succeeded' }), null],
    [
      'a pod of an owner of the same name and another uid is left',
      pod('p', { owner: other }),
      null,
    ],
  ]
  for (const [name, candidate, group] of cases) {
    test(name, () => {
      const { claims } = plan([candidate])
      for (const one of ['owned', 'adopt', 'release'] as const) {
        expect(names(claims[one])).toEqual(one === group ? ['p'] : [])
      }
    })
  }
  test('a set that is being deleted does not adopt', () => {
    const dying = replicaSet('web', 3, { deletionTimestamp: secondsAgo(1) })
    expect(plan([pod('p')], { replicaSet: dying }).claims.adopt).toEqual([])
  })
  test('an adopted pod counts at once', () => {
    expect(plan([pod('p')]).creations).toBe(2)
  })
})

describe('ReplicaSet: deletion ranking', () => {
  const cost = (value: string) => ({
    meta: { annotations: { 'controller.kubernetes.io/pod-deletion-cost': value } },
  })
  const old = { readySeconds: 5000, node: 'n1' }
  const cases: readonly [string, Pod, Pod][] = [
    ['without a node before placed', pod('first'), pod('last', { node: 'n1' })],
    [
      'pending before running',
      pod('first', { node: 'n1', phase: 'Pending' }),
      pod('last', { node: 'n1' }),
    ],
    ['unready before ready', pod('first', { node: 'n1' }), pod('last', old)],
    [
      'pod-deletion-cost: the lower first',
      pod('first', { ...old, ...cost('-5') }),
      pod('last', old),
    ],
    [
      'a cost that is no number counts as 0',
      pod('first', old),
      pod('last', { ...old, ...cost('9') }),
    ],
    [
      'ready for a shorter time first',
      pod('first', { ...old, readySeconds: 10 }),
      pod('last', old),
    ],
    [
      'more restarts first',
      pod('first', { ...old, restarts: 4 }),
      pod('last', { ...old, restarts: 1 }),
    ],
    [
      'the younger first',
      pod('first', { ...old, meta: { creationTimestamp: secondsAgo(60) } }),
      pod('last', { ...old, meta: { creationTimestamp: secondsAgo(9000) } }),
    ],
  ]
  for (const [name, first, last] of cases) {
    test(name, () => {
      expect(names(rankForDeletion([last, first], [], nowMs))).toEqual(['first', 'last'])
      expect(names(rankForDeletion([first, last], [], nowMs))).toEqual(['first', 'last'])
    })
  }
  test('on the more crowded node first', () => {
    const lonely = pod('lonely', { ...old, node: 'n2' })
    const crowded = pod('crowded', old)
    const related = [lonely, crowded, pod('other', old)]
    expect(names(rankForDeletion([lonely, crowded], related, nowMs))).toEqual(['crowded', 'lonely'])
  })
  test('readiness counts before deletion cost', () => {
    const unready = pod('unready', { node: 'n1', ...cost('1000') })
    const cheap = pod('cheap', { ...old, ...cost('-1000') })
    expect(names(rankForDeletion([cheap, unready], [], nowMs))).toEqual(['unready', 'cheap'])
  })
})

describe('ReplicaSet: status', () => {
  test('ready, available and fully labelled pods are counted apart', () => {
    const set = { ...three, spec: { ...three.spec, minReadySeconds: 30 } }
    const pods = [
      owned('a', { readySeconds: 60 }),
      owned('b', { readySeconds: 10 }),
      owned('c'),
      owned('d', { readySeconds: 60, labels: { app: 'other' } }),
    ]
    expect(replicaSetStatus(set, pods, null, nowMs)).toEqual({
      replicas: 4,
      readyReplicas: 3,
      availableReplicas: 2,
      fullyLabeledReplicas: 3,
      observedGeneration: 1,
    })
  })
  test('a pod that will become available is waited for', () => {
    const set = { ...three, spec: { ...three.spec, minReadySeconds: 30 } }
    const pods = [owned('a', { readySeconds: 10 }), owned('b', { readySeconds: 25 }), owned('c')]
    expect(plan(pods, { replicaSet: set }).requeueAfterMs).toBe(5000)
  })
  test('a failure is a condition until it is over', () => {
    const failure = { reason: 'FailedCreate', message: 'quota' } as const
    const status = replicaSetStatus(three, [], failure, nowMs)
    expect(status.conditions).toEqual([
      {
        type: 'ReplicaFailure',
        status: 'True',
        reason: 'FailedCreate',
        message: 'quota',
        lastTransitionTime: '2026-01-01T12:00:00Z',
      },
    ])
    expect(replicaSetStatus({ ...three, status }, [], null, nowMs).conditions).toBeUndefined()
  })
})

test('a pod from the template is owned by the set and blocks its foreground deletion', () => {
  expect(podFromTemplate(three).metadata).toEqual({
    generateName: 'web-',
    namespace: 'shop',
    labels: { app: 'web' },
    ownerReferences: [
      {
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        name: 'web',
        uid: 'uid-web',
        controller: true,
        blockOwnerDeletion: true,
      },
    ],
  })
})
