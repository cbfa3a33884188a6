// What ReplicationControllers and PodTemplates mean when they do not say.
// Counterpart: SetDefaults_ReplicationController of pkg/apis/core/v1/defaults.go.

import type { KubeObject } from '../object.js'
import type { PodTemplate, ReplicationController } from '../types/core-replication-controller.js'
import { withLabelsOf } from './job.js'
import { templateOf } from './workload.js'

export function replicationControllerDefaults(object: KubeObject): KubeObject {
  const controller = object as ReplicationController
  const { spec } = controller
  if (spec === undefined) return object
  const labels = spec.template?.metadata?.labels
  const selecting = Object.keys(spec.selector ?? {}).length > 0
  const complete: ReplicationController = {
    ...controller,
    metadata: withLabelsOf(controller.metadata, labels),
    spec: {
      ...spec,
      ...templateOf(spec.template),
      ...(selecting || labels === undefined ? {} : { selector: labels }),
      replicas: spec.replicas ?? 1,
    },
    status: controller.status ?? { replicas: 0 },
  }
  return complete
}

export function podTemplateObjectDefaults(object: KubeObject): KubeObject {
  const complete: PodTemplate = { ...object, ...templateOf((object as PodTemplate).template) }
  return complete
}
