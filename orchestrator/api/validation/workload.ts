// Checks of Deployments and ReplicaSets. Counterpart: pkg/apis/apps/validation.

import { scaledValue } from '../int-or-string.js'
import type { FieldError } from '../kind.js'
import type { Deployment, DeploymentSpec, ReplicaSet } from '../types/apps.js'
import { forbiddenField, invalidValue, notSupported, required } from './field-errors.js'
import { validateObjectName } from './metadata.js'
import { dns1123Subdomain } from './names.js'
import {
  validateAtMostAll,
  validateCount,
  validateLastingTemplate,
  validateSelection,
  validateSelectorUpdate,
  validateShare,
} from './workload-parts.js'

function validateStrategy({ strategy }: DeploymentSpec): FieldError[] {
  const field = 'spec.strategy'
  const type = strategy?.type ?? ''
  const rolling = strategy?.rollingUpdate
  if (type === 'Recreate') {
    if (rolling === undefined) return []
    const text = "may not be specified when strategy `type` is 'Recreate'"
    return [forbiddenField(`${field}.rollingUpdate`, text)]
  }
  if (type !== 'RollingUpdate') {
    return [notSupported(`${field}.type`, type, ['Recreate', 'RollingUpdate'])]
  }
  const at = `${field}.rollingUpdate`
  if (rolling === undefined) {
    return [required(at, 'this should be defaulted and never be nil')]
  }
  const { maxUnavailable = 0, maxSurge = 0 } = rolling
  const errors = [
    ...validateShare(maxUnavailable, `${at}.maxUnavailable`),
    ...validateShare(maxSurge, `${at}.maxSurge`),
  ]
  const unavailable = scaledValue(maxUnavailable, 100, 'down')
  if (unavailable === 0 && scaledValue(maxSurge, 100, 'up') === 0) {
    const text = 'may not be 0 when `maxSurge` is 0'
    errors.push(invalidValue(`${at}.maxUnavailable`, maxUnavailable, text))
  }
  return [...errors, ...validateAtMostAll(maxUnavailable, `${at}.maxUnavailable`)]
}

export function validateDeployment(deployment: Deployment, old: Deployment | null): FieldError[] {
  const { spec } = deployment
  const errors = [
    ...validateObjectName(deployment, dns1123Subdomain),
    ...validateCount(spec.replicas, 'spec.replicas'),
    ...validateCount(spec.minReadySeconds, 'spec.minReadySeconds'),
    ...validateSelection(spec.selector, spec.template, 'deployment'),
    ...validateLastingTemplate(spec.template, 'ReplicaSet'),
    ...validateStrategy(spec),
    ...validateCount(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit'),
    ...validateCount(spec.progressDeadlineSeconds, 'spec.progressDeadlineSeconds'),
    ...validateSelectorUpdate(deployment, old),
  ]
  const { progressDeadlineSeconds: deadline, minReadySeconds = 0 } = spec
  if (deadline !== undefined && deadline >= 0 && deadline <= minReadySeconds) {
    const text = 'must be greater than minReadySeconds'
    errors.push(invalidValue('spec.progressDeadlineSeconds', deadline, text))
  }
  return errors
}

export function validateReplicaSet(replicaSet: ReplicaSet, old: ReplicaSet | null): FieldError[] {
  const { spec } = replicaSet
  return [
    ...validateObjectName(replicaSet, dns1123Subdomain),
    ...validateCount(spec.replicas, 'spec.replicas'),
    ...validateCount(spec.minReadySeconds, 'spec.minReadySeconds'),
    ...validateSelection(spec.selector, spec.template, 'deployment'),
    ...validateLastingTemplate(spec.template, 'ReplicaSet'),
    ...validateSelectorUpdate(replicaSet, old),
  ]
}
