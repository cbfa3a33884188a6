// NodeMetrics and PodMetrics: made when somebody asks, and never stored. Counterpart: metrics-server.

import type { Kind, Verb } from '../../kind.js'
import { nodeMetrics as nodeSchema, podMetrics as podSchema } from '../../schema/metrics.js'
import { createdAtColumn, nameColumn } from '../columns.js'
import { ordinary } from '../kind-parts.js'

export const metricsGroup = 'metrics.k8s.io'

const verbs: readonly Verb[] = ['get', 'list']

const shared = {
  ...ordinary,
  group: metricsGroup,
  version: 'v1beta1',
  singular: '',
  verbs,
  columns: [nameColumn, createdAtColumn],
  validate: () => [],
}

export const nodeMetrics: Kind = {
  ...shared,
  kind: 'NodeMetrics',
  plural: 'nodes',
  namespaced: false,
  schema: nodeSchema,
}

export const podMetrics: Kind = { ...shared, kind: 'PodMetrics', plural: 'pods', schema: podSchema }
