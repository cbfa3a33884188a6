// NodeMetrics and PodMetrics: what nodes and pods use at the moment.
// Counterpart: metrics/v1beta1 of k8s.io/metrics, as JSON alone. Data only; what it means is in ../schema.ts.

import { objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import { always, list, map, quantity, string, struct, time, typeMeta } from '../schema.js'

const measured = {
  timestamp: always(0, time, { description: 'The end of the time that was measured.' }),
  window: always(0, string, { description: 'How long was measured, as in "15s".' }),
}

export const containerMetrics: StructSchema = struct(
  'io.k8s.metrics.pkg.apis.metrics.v1beta1.ContainerMetrics',
  {
    name: always(0, string, { required: true }),
    usage: always(0, map(quantity)),
  },
)

export const nodeMetrics: StructSchema = struct(
  'io.k8s.metrics.pkg.apis.metrics.v1beta1.NodeMetrics',
  {
    ...typeMeta,
    metadata: always(0, objectMeta),
    ...measured,
    usage: always(0, map(quantity)),
  },
  { description: 'What a node uses.' },
)

export const podMetrics: StructSchema = struct(
  'io.k8s.metrics.pkg.apis.metrics.v1beta1.PodMetrics',
  {
    ...typeMeta,
    metadata: always(0, objectMeta),
    ...measured,
    containers: always(0, list(containerMetrics)),
  },
  { description: 'What the containers of a pod use.' },
)
