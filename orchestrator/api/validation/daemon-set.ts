// Checks of DaemonSets, and of the ControllerRevisions that they and StatefulSets leave behind.
// Counterpart: ValidateDaemonSet and ValidateControllerRevision of pkg/apis/apps/validation.

import { sameJson } from '../equality.js'
import type { FieldError } from '../kind.js'
import type {
  ControllerRevision,
  DaemonSet,
  DaemonSetSpec,
  RollingUpdateDaemonSet,
} from '../types/apps-daemon-set.js'
import { invalidValue, notSupported, required } from './field-errors.js'
import { immutableText, validateObjectName } from './metadata.js'
import { dns1123Subdomain } from './names.js'
import {
  isNothing,
  validateAtMostAll,
  validateCollisionCount,
  validateCount,
  validateCounts,
  validateLastingTemplate,
  validateSelection,
  validateSelectorUpdate,
  validateShare,
} from './workload-parts.js'

const statusCounts = [
  'currentNumberScheduled',
  'numberMisscheduled',
  'desiredNumberScheduled',
  'numberReady',
  'observedGeneration',
  'updatedNumberScheduled',
  'numberAvailable',
  'numberUnavailable',
  'collisionCount',
] as const

export function validateDaemonSet(set: DaemonSet, old: DaemonSet | null): FieldError[] {
  const { spec, status } = set
  return [
    ...validateObjectName(set, dns1123Subdomain),
    ...validateSelection(spec.selector, spec.template, 'daemonset'),
    ...validateLastingTemplate(spec.template, 'DaemonSet'),
    ...validateCount(spec.minReadySeconds, 'spec.minReadySeconds'),
    ...validateUpdateStrategy(spec),
    ...validateCount(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit'),
    ...validateSelectorUpdate(set, old),
    ...(status === undefined ? [] : validateCounts(status, statusCounts, 'status')),
    ...validateCollisionCount(status, old?.status),
  ]
}

function validateUpdateStrategy({ updateStrategy }: DaemonSetSpec): FieldError[] {
  const field = 'spec.updateStrategy'
  const { type = '', rollingUpdate } = updateStrategy ?? {}
  if (type === 'OnDelete') return []
  if (type !== 'RollingUpdate') {
    return [notSupported(field, { type }, ['RollingUpdate', 'OnDelete'])]
  }
  const at = `${field}.rollingUpdate`
  return rollingUpdate === undefined ? [required(at)] : validateRollingUpdate(rollingUpdate, at)
}

/** Either pods go before others come, or the other way round: a node has room for one of the two. */
function validateRollingUpdate(rolling: RollingUpdateDaemonSet, field: string): FieldError[] {
  const { maxUnavailable = 0, maxSurge = 0 } = rolling
  const errors = [
    ...validateShare(maxUnavailable, `${field}.maxUnavailable`),
    ...validateShare(maxSurge, `${field}.maxSurge`),
    ...validateAtMostAll(maxUnavailable, `${field}.maxUnavailable`),
    ...validateAtMostAll(maxSurge, `${field}.maxSurge`),
  ]
  if (!isNothing(maxUnavailable) && !isNothing(maxSurge)) {
    const text = 'may not be set when maxUnavailable is non-zero'
    errors.push(invalidValue(`${field}.maxSurge`, maxSurge, text))
  }
  if (isNothing(maxUnavailable) && isNothing(maxSurge)) {
    errors.push(required(`${field}.maxUnavailable`, 'cannot be 0 when maxSurge is 0'))
  }
  return errors
}

export function validateControllerRevision(
  revision: ControllerRevision,
  old: ControllerRevision | null,
): FieldError[] {
  const { data } = revision
  const errors = validateObjectName(revision, dns1123Subdomain)
  if (data === undefined) errors.push(required('data', 'data is mandatory'))
  errors.push(...validateCount(revision.revision, 'revision'))
  if (old !== null && !sameJson(data, old.data)) {
    errors.push(invalidValue('data', data, immutableText))
  }
  return errors
}
