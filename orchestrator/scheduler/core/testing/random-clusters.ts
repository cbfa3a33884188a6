// Small clusters with few labels, so that everything meets everything.

import * as fc from 'fast-check'
import type { Node } from '../../../api/types/core-node.js'
import type { Pod } from '../../../api/types/core-pod.js'
import { node, pod } from '../../testing/objects.js'

export const namespaceLabels = { shop: { team: 'a' }, desk: { team: 'b' } }

const app = fc.constantFrom('web', 'db')
const topologyKey = fc.constantFrom('kubernetes.io/hostname', 'topology.kubernetes.io/zone', 'rack')
const labelSelector = fc.oneof(
  app.map(value => ({ matchLabels: { app: value } })),
  fc.constant({}),
  fc.constant({ matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['web'] }] }),
)
const optional = <K extends string, T>(key: K, values: fc.Arbitrary<T>) =>
  fc
    .option(values, { nil: undefined, freq: 2 })
    .map(value => (value === undefined ? {} : { [key]: value }) as Partial<Record<K, T>>)

const term = fc
  .tuple(
    fc.record({ topologyKey, labelSelector }),
    optional('namespaces', fc.constantFrom(['desk'], ['shop', 'desk'])),
    optional('namespaceSelector', fc.constantFrom({}, { matchLabels: { team: 'a' } })),
  )
  .map(parts => Object.assign({}, ...parts) as (typeof parts)[0])
const few = <T>(one: fc.Arbitrary<T>) => fc.array(one, { maxLength: 2 })
const weightedTerm = fc.record({ weight: fc.integer({ min: 1, max: 5 }), podAffinityTerm: term })
const affinityPart = fc.record({
  requiredDuringSchedulingIgnoredDuringExecution: few(term),
  preferredDuringSchedulingIgnoredDuringExecution: few(weightedTerm),
})
const constraint = fc
  .tuple(
    fc.record({
      maxSkew: fc.integer({ min: 1, max: 2 }),
      topologyKey,
      labelSelector,
      whenUnsatisfiable: fc.constantFrom('DoNotSchedule', 'ScheduleAnyway'),
    }),
    optional('minDomains', fc.integer({ min: 1, max: 3 })),
    optional('nodeAffinityPolicy', fc.constantFrom('Honor', 'Ignore')),
    optional('nodeTaintsPolicy', fc.constantFrom('Honor', 'Ignore')),
  )
  .map(parts => Object.assign({}, ...parts) as (typeof parts)[0])

const taint = fc.record({
  key: fc.constantFrom('gpu', 'spot'),
  effect: fc.constantFrom('NoSchedule', 'NoExecute', 'PreferNoSchedule'),
})

/** Of the given name, changing in all else. */
export const nodeNamed = (name: string): fc.Arbitrary<Node> =>
  fc
    .tuple(
      optional('topology.kubernetes.io/zone', fc.constantFrom('z1', 'z2')),
      optional('rack', fc.constantFrom('r1', 'r2')),
      optional('disk', fc.constant('ssd')),
      fc.array(taint, { maxLength: 1 }),
    )
    .map(([zone, rack, disk, taints]) => {
      const allocatable = { cpu: '4', memory: '8Gi', pods: '5' }
      return node(name, { labels: { ...zone, ...rack, ...disk }, taints, allocatable })
    })

/** Of the given name, changing in all else; without a node. */
export const podNamed = (name: string): fc.Arbitrary<Pod> =>
  fc
    .record({
      namespace: fc.constantFrom('shop', 'desk'),
      labels: optional('app', app),
      cpu: fc.constantFrom('0', '500m', '1', '2'),
      priority: fc.integer({ min: 0, max: 3 }),
      terminating: fc.boolean(),
      affinity: fc.option(fc.record({ podAffinity: affinityPart, podAntiAffinity: affinityPart }), {
        nil: undefined,
      }),
      constraints: few(constraint),
      nodeSelector: optional('disk', fc.constant('ssd')),
      tolerations: fc.constantFrom([], [{ key: 'gpu', operator: 'Exists' }]),
    })
    .map(shape => {
      const { namespace, labels, cpu, priority, terminating, affinity, constraints } = shape
      const made = pod(name, {
        labels,
        cpu,
        priority,
        ...(affinity ? { affinity } : {}),
        topologySpreadConstraints: constraints,
        nodeSelector: shape.nodeSelector,
        tolerations: shape.tolerations,
      })
      const deletion = terminating ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}
      return { ...made, metadata: { ...made.metadata, namespace, ...deletion } }
    })
