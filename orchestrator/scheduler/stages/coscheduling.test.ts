import { expect, test } from 'vitest'
import { VirtualClock } from '../../../platform/testing/virtual-clock.js'
import type { Gang } from '../core/gang.js'
import { ClusterState } from '../core/state/cluster-state.js'
import { podInfo } from '../core/state/pod-info.js'
import { noSurroundings } from '../core/state/snapshot.js'
import { node, pod } from '../testing/objects.js'
import { CoschedulingStage } from './coscheduling.js'
import type { PlacedPod } from './stage.js'
import { WaitingPods } from './waiting-pods.js'

function setUp(minMember = 2) {
  const clock = new VirtualClock()
  const gang: Gang = { key: 'shop/g', minMember, timeoutMs: 10_000, pods: 3 }
  const state = new ClusterState({
    ...noSurroundings,
    gangOf: ({ labels }) => (Object.keys(labels).length > 0 ? gang : null),
  })
  state.setNode(node('n'))
  const waiting = new WaitingPods(clock)
  const stage = new CoschedulingStage({ waiting, snapshot: state })
  const ends: string[] = []
  /** What the binding cycle does with a pod that has a node. */
  const begin = (name: string, grouped = true): string => {
    const labels = grouped ? { 'scheduling.x-k8s.io/pod-group': 'g' } : {}
    const info = podInfo(pod(name, { labels }))
    state.assume(info.pod, 'n')
    const placed: PlacedPod = { pod: info.pod, info, nodeName: 'n' }
    const permission = stage.permit(placed)
    if (permission.kind !== 'wait') return permission.kind
    waiting.wait(placed, new Map([['Coscheduling', permission.timeoutMs]])).then(
      () => ends.push(`${name} goes`),
      (error: Error) => {
        ends.push(`${name}: ${error.message}`)
        state.forget(info.uid)
        stage.unreserve(placed)
      },
    )
    return 'wait'
  }
  return { clock, begin, ends, waiting }
}

test('a pod that is alone does not wait', () => {
  expect(setUp().begin('p', false)).toBe('allow')
})

test('the pod that makes a gang complete lets the others go with it', async () => {
  const { clock, begin, ends, waiting } = setUp()
  expect([begin('a'), begin('b'), begin('c')]).toEqual(['wait', 'allow', 'allow'])
  await clock.pass(0)
  expect([ends, waiting.size]).toEqual([['a goes'], 0])
})

test('those that waited too long let go together', async () => {
  const { clock, begin, ends } = setUp(3)
  begin('a')
  await clock.pass(5_000)
  begin('b')
  await clock.pass(4_999)
  expect(ends).toEqual([])
  await clock.pass(1)
  expect(ends).toEqual([
    'a: rejected due to timeout after waiting 10s at plugin Coscheduling',
    'b: rejected while waiting for its gang: a pod of the gang gave its node up',
  ])
})
