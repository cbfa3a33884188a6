// Checks of Deployments and ReplicaSets. Counterpart: pkg/apis/apps/validation.

import { sameJson } from '../equality.js'
import type { IntOrString } from '../int-or-string.js'
import { percentOf, scaledValue } from '../int-or-string.js'
import type { FieldError } from '../kind.js'
import type { JsonObject, KubeObject } from '../object.js'
import { labelSelectorFromObject, matchesLabels } from '../selectors.js'
import type { LabelSelectorObject } from '../selectors.js'
import type { Deployment, DeploymentSpec, ReplicaSet } from '../types/apps.js'
import type { PodTemplateSpec } from '../types/core-pod.js'
import { forbiddenField, invalidValue, notSupported, required } from './field-errors.js'
import { immutableText, validateLabelSelector, validateObjectName } from './metadata.js'
import { dns1123Subdomain } from './names.js'
import { validatePodTemplate } from './pod.js'
import { notNegative } from './resources.js'

function validateCount(value: number | undefined, field: string): FieldError[] {
  return value === undefined || value >= 0 ? [] : [invalidValue(field, value, notNegative)]
}

/** The selector must be there, select something, and select the pods of the template. */
function validateSelection(
  selector: LabelSelectorObject | undefined,
  template: PodTemplateSpec | undefined,
): FieldError[] {
  const field = 'spec.selector'
  const errors: FieldError[] = []
  if (selector === undefined) errors.push(required(field))
  else {
    errors.push(...validateLabelSelector(selector, field))
    const { matchLabels = {}, matchExpressions = [] } = selector
    if (Object.keys(matchLabels).length + matchExpressions.length === 0) {
      const text = 'empty selector is invalid for deployment'
      errors.push(invalidValue(field, selector as JsonObject, text))
    }
  }
  if (template === undefined) return [...errors, required('spec.template')]
  const labels = template.metadata?.labels
  const parsed = errors.length === 0 ? labelSelectorFromObject(selector) : null
  if (parsed !== null && !matchesLabels(parsed, labels)) {
    const text = '`selector` does not match template `labels`'
    errors.push(invalidValue('spec.template.metadata.labels', labels ?? null, text))
  }
  return errors
}

/** Pods of these workloads are started again for ever, so nothing may end them for good. */
function validateTemplate(template: PodTemplateSpec | undefined): FieldError[] {
  if (template === undefined) return []
  const field = 'spec.template.spec'
  const errors = validatePodTemplate(template, 'spec.template')
  const restartPolicy = template.spec?.restartPolicy
  if (restartPolicy !== undefined && restartPolicy !== 'Always') {
    errors.push(notSupported(`${field}.restartPolicy`, restartPolicy, ['Always']))
  }
  if (template.spec?.activeDeadlineSeconds !== undefined) {
    const text = 'activeDeadlineSeconds in ReplicaSet is not Supported'
    errors.push(forbiddenField(`${field}.activeDeadlineSeconds`, text))
  }
  return errors
}

function validateSelectorUpdate(
  object: KubeObject & { readonly spec?: { readonly selector?: LabelSelectorObject } },
  old: typeof object | null,
): FieldError[] {
  const selector = object.spec?.selector
  if (old === null || sameJson(selector, old.spec?.selector)) return []
  return [invalidValue('spec.selector', (selector ?? null) as JsonObject, immutableText)]
}

function validateShare(value: IntOrString, field: string): FieldError[] {
  if (typeof value === 'number') return validateCount(value, field)
  if (percentOf(value) !== null) return []
  const text =
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or " +
    "'93%', regex used for validation is '[0-9]+%')"
  return [invalidValue(field, value, text)]
}

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
  if ((percentOf(maxUnavailable) ?? 0) > 100) {
    const text = 'must not be greater than 100%'
    errors.push(invalidValue(`${at}.maxUnavailable`, maxUnavailable, text))
  }
  return errors
}

export function validateDeployment(deployment: Deployment, old: Deployment | null): FieldError[] {
  const { spec } = deployment
  const errors = [
    ...validateObjectName(deployment, dns1123Subdomain),
    ...validateCount(spec.replicas, 'spec.replicas'),
    ...validateCount(spec.minReadySeconds, 'spec.minReadySeconds'),
    ...validateSelection(spec.selector, spec.template),
    ...validateTemplate(spec.template),
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
    ...validateSelection(spec.selector, spec.template),
    ...validateTemplate(spec.template),
    ...validateSelectorUpdate(replicaSet, old),
  ]
}
