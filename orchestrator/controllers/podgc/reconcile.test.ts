import { expect, test } from 'vitest'
import type { Node } from '../../api/types/core-node.js'
import type { Pod } from '../../api/types/core-pod.js'
import { node, pod } from '../testing/objects.js'
import { planPodGc } from './reconcile.js'

const names = (pods: readonly Pod[]) => pods.map(one => one.metadata.name)

function plan(
  pods: readonly Pod[],
  nodes: readonly Node[],
  missing: readonly [string, number][] = [],
) {
  return planPodGc({
    pods,
    nodes: new Map(nodes.map(one => [one.metadata.name ?? '', one])),
    missingSinceMs: new Map(missing),
    nowMs: 100_000,
    quarantineMs: 40_000,
    terminatedMax: 2,
  })
}

const off = {
  ready: 'Unknown',
  spec: { taints: [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }] },
}

const cases: readonly [string, Pod, readonly Node[], readonly [string, number][], string][] = [
  ['a pod of a living node stays', pod('p', { node: 'n1' }), [node('n1')], [], 'keep'],
  [
    'a pod of a missing node waits out the quarantine',
    pod('p', { node: 'n1' }),
    [],
    [['n1', 60_001]],
    'keep',
  ],
  [
    'a pod of a node long missing is an orphan',
    pod('p', { node: 'n1' }),
    [],
    [['n1', 60_000]],
    'orphan',
  ],
  ['a deleted pod without a node is forced', pod('p', { deleting: true }), [], [], 'force'],
  ['a pending pod without a node stays', pod('p'), [], [], 'keep'],
  [
    'a deleted pod of an unreachable node stays: it may still run there',
    pod('p', { node: 'n1', deleting: true }),
    [node('n1', { ready: 'Unknown' })],
    [],
    'keep',
  ],
  [
    'a deleted pod of a node vouched to be off is forced',
    pod('p', { node: 'n1', deleting: true }),
    [node('n1', off)],
    [],
    'force',
  ],
  ['a living pod of such a node stays', pod('p', { node: 'n1' }), [node('n1', off)], [], 'keep'],
]
for (const [name, one, nodes, missing, fate] of cases) {
  test(`Pod GC: ${name}`, () => {
    const { orphaned, force } = plan([one], nodes, missing)
    expect(names(orphaned)).toEqual(fate === 'orphan' ? ['p'] : [])
    expect(names(force)).toEqual(fate === 'force' ? ['p'] : [])
  })
}

test('Pod GC: of finished pods beyond the limit the oldest go', () => {
  const finished = ['03', '01', '02'].map(day =>
    pod(day, {
      node: 'n1',
      phase: 'Succeeded',
      meta: { creationTimestamp: `2025-12-${day}T00:00:00Z` },
    }),
  )
  expect(names(plan(finished, [node('n1')]).finished)).toEqual(['01'])
})
