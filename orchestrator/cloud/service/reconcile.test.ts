import { describe, expect, test } from 'vitest'
import type { Node } from '../../api/types/core-node.js'
import type { Service } from '../../api/types/core-service.js'
import { balancedNodes, balancerFinalizer, type Ensured, planService } from './reconcile.js'

const service = (spec: Service['spec'] = {}, metadata: object = {}): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace: 'default', name: 'web', uid: 'u1', ...metadata },
  spec: { type: 'LoadBalancer', ports: [{ port: 80, nodePort: 30_080 }], ...spec },
})
const held = { finalizers: [balancerFinalizer] }
const node = (name: string, more: Partial<Node> = {}): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  status: { conditions: [{ type: 'Ready', status: 'True' }] },
  ...more,
})
const notReady = { status: { conditions: [{ type: 'Ready', status: 'Unknown' }] } }
const nodes = [node('b'), node('a')]

function ensuredFor(one: Service): Ensured {
  const plan = planService({ service: one, nodes, ensured: null })
  if (plan.kind !== 'ensure') throw new Error(`it is ${plan.kind}`)
  return plan.next
}

describe('the balancer of a Service', () => {
  const cases: readonly [string, Service, string][] = [
    ['of another type is none', service({ type: 'ClusterIP' }), 'none'],
    ['with a class is for others', service({ loadBalancerClass: 'x.com/y' }), 'none'],
    ['is held before it is made', service(), 'hold'],
    ['is made when it is held', service({}, held), 'ensure'],
    ['goes with its Service', service({}, { ...held, deletionTimestamp: 'now' }), 'release'],
    ['that nobody holds goes by itself', service({}, { deletionTimestamp: 'now' }), 'none'],
    ['goes when another type is wanted', service({ type: 'NodePort' }, held), 'release'],
    ['goes when a class is wanted', service({ loadBalancerClass: 'x.com/y' }, held), 'release'],
  ]
  test.each(cases)('%s', (_, one, kind) => {
    expect(planService({ service: one, nodes, ensured: null }).kind).toBe(kind)
  })

  test('that is as it should be is left alone', () => {
    const one = service({}, held)
    expect(planService({ service: one, nodes, ensured: ensuredFor(one) }).kind).toBe('none')
  })

  test('is brought to what its Service is now', () => {
    const before = ensuredFor(service({}, held))
    const changes: readonly Service['spec'][] = [
      { ports: [{ port: 81, nodePort: 30_080 }] },
      { sessionAffinity: 'ClientIP' },
      { loadBalancerSourceRanges: ['10.0.0.0/8'] },
      { externalTrafficPolicy: 'Local' },
      { loadBalancerIP: '10.0.0.9' },
    ]
    for (const change of changes) {
      const plan = planService({ service: service(change, held), nodes, ensured: before })
      expect(plan).toMatchObject({ kind: 'ensure', nodesOnly: false })
    }
    const again = service({}, { ...held, uid: 'u2' })
    expect(planService({ service: again, nodes, ensured: before }).kind).toBe('ensure')
  })

  test('is told of nodes that come and go', () => {
    const one = service({}, held)
    const plan = planService({
      service: one,
      nodes: [...nodes, node('c')],
      ensured: ensuredFor(one),
    })
    expect(plan).toMatchObject({ kind: 'ensure', nodesOnly: true })
    expect(plan.kind === 'ensure' && plan.next.nodes).toEqual(['a', 'b', 'c'])
  })
})

describe('traffic is sent to', () => {
  const label = 'node.kubernetes.io/exclude-from-external-load-balancers'
  const cases: readonly [string, Node, boolean, boolean][] = [
    ['a node that is well', node('n'), true, true],
    ['one that is not ready, where nodes are asked themselves', node('n', notReady), false, true],
    ['none that is excluded', node('n', { metadata: { labels: { [label]: '' } } }), false, false],
    ['none that goes', node('n', { metadata: { deletionTimestamp: 'now' } }), false, false],
    [
      'none that is about to go',
      node('n', {
        spec: { taints: [{ key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' }] },
      }),
      false,
      false,
    ],
    ['a cordoned one all the same', node('n', { spec: { unschedulable: true } }), true, true],
  ]
  test.each(cases)('%s', (_, one, cluster, local) => {
    expect(balancedNodes(service(), [one]).length === 1).toBe(cluster)
    const asking = service({ externalTrafficPolicy: 'Local' })
    expect(balancedNodes(asking, [one]).length === 1).toBe(local)
  })
})
