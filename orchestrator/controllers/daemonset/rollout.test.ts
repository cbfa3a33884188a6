import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { DaemonSet } from '../../api/types/apps-daemon-set.js'
import type { Pod } from '../../api/types/core-pod.js'
import { node, nowMs } from '../testing/objects.js'
import { rolloutLimits } from './rollout.js'
import {
  daemonPodOn,
  daemonSet,
  namesOf,
  newest,
  nodesNamed,
  older,
  rolling,
  roundOf,
} from './testing/objects.js'

const all = nodesNamed('n1', 'n2', 'n3', 'n4')
const ready = { readySeconds: 60 }
const old = (on: string, shape = {}) =>
  daemonPodOn(on, `old-${on}`, { ...ready, hash: older, ...shape })
const fresh = (on: string, shape = {}) => daemonPodOn(on, `new-${on}`, { ...ready, ...shape })
const everyOld = ['n1', 'n2', 'n3', 'n4'].map(name => old(name))

function round(set: DaemonSet, pods: readonly Pod[], nodes = all) {
  const { creations, deletions } = roundOf(set, nodes, pods, { nowMs })
  return { creations, deletions: namesOf(deletions) }
}

describe('DaemonSet: how many pods a rollout may do without', () => {
  const cases: readonly [string, number | string, number | string, number, number][] = [
    ['a number', 2, 0, 2, 0],
    ['a percentage of the nodes rounds up', '30%', 0, 3, 0],
    ['so does that of a surge', 0, '11%', 0, 2],
    ['one when both are nothing', 0, '0%', 1, 0],
  ]
  test.each(cases)('%s', (_, unavailable, surge, maxUnavailable, maxSurge) => {
    const set = daemonSet(rolling(unavailable, surge))
    expect(rolloutLimits(set, 10)).toEqual({ maxUnavailable, maxSurge })
  })
})

describe('DaemonSet: old pods make room for new ones', () => {
  test('OnDelete leaves old pods to the user, whose deletions bring new ones', () => {
    const set = daemonSet({ updateStrategy: { type: 'OnDelete' } })
    expect(round(set, everyOld)).toEqual({ creations: [], deletions: [] })
    expect(round(set, everyOld.slice(1))).toEqual({ creations: ['n1'], deletions: [] })
  })
  test('no more at a time than may be unavailable', () => {
    expect(round(daemonSet(rolling(1, 0)), everyOld).deletions).toEqual(['old-n1'])
    expect(round(daemonSet(rolling('50%', 0)), everyOld).deletions).toEqual(['old-n1', 'old-n2'])
  })
  test('a node that has yet to get a pod is given one first', () => {
    const set = daemonSet(rolling(3, 0))
    expect(round(set, everyOld.slice(1))).toEqual({ creations: ['n1'], deletions: [] })
  })
  test('new pods that are not available count', () => {
    const pods = [fresh('n1', { readySeconds: undefined }), ...everyOld.slice(1)]
    expect(round(daemonSet(rolling(1, 0)), pods).deletions).toEqual([])
    expect(round(daemonSet(rolling(2, 0)), pods).deletions).toEqual(['old-n2'])
  })
  test('so do those that have not been ready for long enough', () => {
    const set = daemonSet({ ...rolling(1, 0), minReadySeconds: 30 })
    const pods = [fresh('n1', { readySeconds: 10 }), ...everyOld.slice(1)]
    expect(round(set, pods).deletions).toEqual([])
  })
  test('and those that leave', () => {
    const pods = [old('n1', { deleting: true }), ...everyOld.slice(1)]
    expect(round(daemonSet(rolling(1, 0)), pods).deletions).toEqual([])
  })
  test('old pods that do not work go at once, and count, too', () => {
    const broken = { readySeconds: undefined }
    const pods = [old('n1'), old('n2', broken), old('n3', broken), old('n4')]
    expect(round(daemonSet(rolling(1, 0)), pods).deletions).toEqual(['old-n2', 'old-n3'])
    expect(round(daemonSet(rolling(3, 0)), pods).deletions).toEqual(['old-n2', 'old-n3', 'old-n1'])
  })
  test('pods of a node that is gone hold nothing up', () => {
    const pods = [old('gone', { readySeconds: undefined }), ...everyOld]
    expect(round(daemonSet(rolling(1, 0)), pods).deletions).toEqual(['old-n1'])
  })
  test('once all are new there is nothing to do', () => {
    const pods = ['n1', 'n2', 'n3', 'n4'].map(name => fresh(name))
    expect(round(daemonSet(), pods)).toEqual({ creations: [], deletions: [] })
  })
})

describe('DaemonSet: new pods beside old ones', () => {
  const surging = daemonSet(rolling(0, 1))

  test('as many as the surge allows', () => {
    expect(round(surging, everyOld)).toEqual({ creations: ['n1'], deletions: [] })
    expect(round(daemonSet(rolling(0, '50%')), everyOld).creations).toEqual(['n1', 'n2'])
  })
  test('the old one stays until the new one is available', () => {
    const waiting = [...everyOld, fresh('n1', { readySeconds: undefined })]
    expect(round(surging, waiting)).toEqual({ creations: [], deletions: [] })
    expect(round(surging, [...everyOld, fresh('n1')])).toEqual({
      creations: [],
      deletions: ['old-n1'],
    })
  })
  test('an old one that has become useless goes before that', () => {
    const pods = [
      old('n1', { readySeconds: undefined }),
      fresh('n1', { readySeconds: undefined }),
      ...everyOld.slice(1),
    ]
    expect(round(surging, pods).deletions).toEqual(['old-n1'])
  })
  test('beside one that does not work a new one comes whatever the surge', () => {
    const broken = { readySeconds: undefined }
    const pods = [old('n1'), old('n2', broken), old('n3', broken), old('n4')]
    expect(round(surging, pods).creations).toEqual(['n2', 'n3', 'n1'])
  })
  test('a third pod of a node goes', () => {
    const third = daemonPodOn('n1', 'third', { ...ready, hash: older })
    expect(round(surging, [...everyOld, third]).deletions).toEqual(['third'])
  })
  test('a node whose pod leaves gets the next at once', () => {
    const pods = [old('n1', { deleting: true }), ...everyOld.slice(1)]
    expect(round(surging, pods).creations).toEqual(['n1'])
  })
  test('where only what is there may stay it goes once there are enough others', () => {
    const closed = node('n1', { spec: { taints: [{ key: 'gpu', effect: 'NoSchedule' }] } })
    const nodes = [closed, ...nodesNamed('n2')]
    const missing = fresh('n2', { readySeconds: undefined })
    expect(round(surging, [old('n1'), missing], nodes).deletions).toEqual([])
    expect(round(surging, [old('n1'), fresh('n2')], nodes).deletions).toEqual(['old-n1'])
  })
})

// Model: pods that leave do so, and new ones become ready, in an order of the test's choice.
test('a rollout ends, and on its way there are always as many available as there must be', () => {
  const shape = fc.record({
    nodes: fc.integer({ min: 1, max: 6 }),
    surge: fc.boolean(),
    limit: fc.integer({ min: 1, max: 3 }),
  })
  const choices = fc.array(fc.nat({ max: 5 }), { minLength: 30, maxLength: 60 })
  fc.assert(
    fc.property(shape, choices, ({ nodes: count, surge, limit }, steps) => {
      const names = Array.from({ length: count }, (_, index) => `n${index}`)
      const nodes = nodesNamed(...names)
      const set = daemonSet(surge ? rolling(0, limit) : rolling(limit, 0))
      const isReady = (pod: Pod) => pod.status?.conditions?.[0]?.status === 'True'
      const isNew = (pod: Pod) => pod.metadata.labels?.['controller-revision-hash'] === newest
      const isLeaving = (pod: Pod) => pod.metadata.deletionTimestamp !== undefined
      const settled = (pods: readonly Pod[]) =>
        pods.length === count && pods.every(pod => isNew(pod) && isReady(pod) && !isLeaving(pod))
      let pods: readonly Pod[] = names.map(name => old(name))
      let made = 0
      for (let at = 0; at < 300 && !settled(pods); at++) {
        const plan = roundOf(set, nodes, pods, { nowMs })
        const leaving = new Set(namesOf(plan.deletions))
        const kept = pods.map(pod =>
          leaving.has(pod.metadata.name ?? '')
            ? { ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }
            : pod,
        )
        const more = plan.creations.map(name => daemonPodOn(name, `p${made++}`))
        pods = [...kept, ...more]
        const serving = pods.filter(pod => isReady(pod) && !isLeaving(pod)).length
        expect(serving).toBeGreaterThanOrEqual(surge ? count : count - limit)
        const staying = pods.filter(pod => !isLeaving(pod))
        expect(staying.length).toBeLessThanOrEqual(surge ? count + limit : count)
        // One that leaves is gone, or one that came is ready; without a choice left, both.
        const step = steps[at] ?? 5
        if (step !== 0) pods = pods.filter(pod => !isLeaving(pod))
        const next = pods.find(pod => !isReady(pod))
        if (step !== 1 && next !== undefined) {
          const name = next.metadata.name ?? ''
          const on = next.spec.nodeName ?? ''
          pods = pods.map(pod => (pod === next ? daemonPodOn(on, name, ready) : pod))
        }
      }
      expect(settled(pods)).toBe(true)
    }),
  )
})
