import { describe, expect, test } from 'vitest'
import type { Node } from '../../api/types/core-node.js'
import type { Instance } from '../provider.js'
import {
  planNode,
  planSilentNode,
  shutdownTaint,
  uninitializedTaint,
  withoutShutdown,
} from './reconcile.js'

const instance: Instance = {
  providerId: 'local://n1',
  instanceType: 'large',
  addresses: [
    { type: 'InternalIP', address: '10.0.0.1' },
    { type: 'Hostname', address: 'n1' },
  ],
  zone: 'a',
  region: 'here',
  shutdown: false,
}
const taint = (key: string) => ({ key, effect: 'NoSchedule' })
const other = taint('other')
const node = (more: Partial<Node> = {}): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'n1' },
  ...more,
})

describe('a node that has just registered', () => {
  const plan = planNode(node({ spec: { taints: [taint(uninitializedTaint), other] } }), instance)
  test('gets its id, labels by today’s names and the former, and loses the taint', () => {
    expect(plan.node).toEqual({
      metadata: {
        labels: {
          'topology.kubernetes.io/zone': 'a',
          'failure-domain.beta.kubernetes.io/zone': 'a',
          'topology.kubernetes.io/region': 'here',
          'failure-domain.beta.kubernetes.io/region': 'here',
          'node.kubernetes.io/instance-type': 'large',
          'beta.kubernetes.io/instance-type': 'large',
        },
      },
      spec: { providerID: 'local://n1', taints: [other] },
    })
  })
  test('gets its addresses', () => {
    expect(plan.status).toEqual({ addresses: instance.addresses })
  })
})

test('a node that is as its machine is left alone', () => {
  const known = node({
    metadata: {
      name: 'n1',
      labels: Object.fromEntries(
        Object.entries(planNode(node(), instance).node?.['metadata'] ?? {}).flatMap(([, labels]) =>
          Object.entries(labels as Record<string, string>),
        ),
      ),
    },
    spec: { providerID: 'local://n1', taints: [other] },
    status: { addresses: [...instance.addresses].reverse() },
  })
  expect(planNode(known, instance)).toEqual({ node: null, status: null })
})

test('an id that is there stays, and a cloud without addresses takes none away', () => {
  const known = node({ spec: { providerID: 'other://x' }, status: { addresses: [] } })
  const bare = { ...instance, zone: '', region: '', instanceType: '', addresses: [] }
  expect(planNode(known, bare)).toEqual({ node: null, status: null })
})

describe('a node that does not answer', () => {
  test('goes when its machine is gone', () => {
    expect(planSilentNode(node(), null, 'now')).toEqual({ kind: 'delete' })
  })
  test('stays when its machine is there', () => {
    expect(planSilentNode(node({ spec: { taints: [other] } }), instance, 'now')).toEqual({
      kind: 'none',
    })
  })
  test('is marked once when its machine is switched off, and unmarked when it is on again', () => {
    const off = { ...instance, shutdown: true }
    const plan = planSilentNode(node({ spec: { taints: [other] } }), off, 'now')
    const taints = [other, { ...taint(shutdownTaint), timeAdded: 'now' }]
    expect(plan).toEqual({ kind: 'taints', taints })
    const marked = node({ spec: { taints } })
    expect(planSilentNode(marked, off, 'later')).toEqual({ kind: 'none' })
    expect(planSilentNode(marked, instance, 'later')).toEqual({ kind: 'taints', taints: [other] })
    expect(withoutShutdown(marked)).toEqual({ kind: 'taints', taints: [other] })
  })
})
