// Checks of ReplicationControllers and PodTemplates. Counterpart: ValidateReplicationController and
// ValidatePodTemplate of pkg/apis/core/validation.

import type { FieldError } from '../kind.js'
import type { PodTemplate, ReplicationController } from '../types/core-replication-controller.js'
import { invalidValue, required } from './field-errors.js'
import { validateObjectName } from './metadata.js'
import { dns1123Subdomain } from './names.js'
import { validatePodTemplate } from './pod.js'
import {
  validateAtMostReplicas,
  validateCount,
  validateCounts,
  validateLastingTemplate,
  validateSelected,
} from './workload-parts.js'

const statusParts = ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'] as const
const statusCounts = ['replicas', ...statusParts, 'observedGeneration'] as const

export function validateReplicationController(controller: ReplicationController): FieldError[] {
  const { spec = {} } = controller
  const { selector = {}, template } = spec
  const errors = [
    ...validateObjectName(controller, dns1123Subdomain),
    ...validateCount(spec.minReadySeconds, 'spec.minReadySeconds'),
  ]
  if (Object.keys(selector).length === 0) errors.push(required('spec.selector'))
  if (spec.replicas === undefined) errors.push(required('spec.replicas'))
  errors.push(...validateCount(spec.replicas, 'spec.replicas'))
  if (template === undefined) errors.push(required('spec.template'))
  else {
    errors.push(
      ...validateSelected({ matchLabels: selector }, template),
      ...validateLastingTemplate(template, 'ReplicationController'),
    )
  }
  return [...errors, ...validateStatus(controller)]
}

function validateStatus({ status }: ReplicationController): FieldError[] {
  if (status === undefined) return []
  const { readyReplicas = 0, availableReplicas = 0 } = status
  const errors = [
    ...validateCounts(status, statusCounts, 'status'),
    ...validateAtMostReplicas(status, statusParts),
  ]
  if (availableReplicas > readyReplicas) {
    const text = 'cannot be greater than readyReplicas'
    errors.push(invalidValue('status.availableReplicas', availableReplicas, text))
  }
  return errors
}

export function validatePodTemplateObject(object: PodTemplate): FieldError[] {
  return [
    ...validateObjectName(object, dns1123Subdomain),
    ...validatePodTemplate(object.template ?? {}, 'template'),
  ]
}
