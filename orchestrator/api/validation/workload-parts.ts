// What the kinds that own pods have in common: counts, a selector that selects the pods of their
// template, templates whose pods run for ever, and shares of pods. Counterpart: the shared functions of
// pkg/apis/apps/validation.

import { sameJson } from '../equality.js'
import type { IntOrString } from '../int-or-string.js'
import { percentOf } from '../int-or-string.js'
import type { FieldError } from '../kind.js'
import type { JsonObject, KubeObject } from '../object.js'
import { labelSelectorFromObject, matchesLabels } from '../selectors.js'
import type { LabelSelectorObject } from '../selectors.js'
import type { PodTemplateSpec } from '../types/core-pod.js'
import { forbiddenField, invalidValue, notSupported, required } from './field-errors.js'
import { immutableText, validateLabelSelector } from './metadata.js'
import { validatePodTemplate } from './pod.js'
import { notNegative } from './resources.js'

export function validateCount(value: number | undefined, field: string): FieldError[] {
  return value === undefined || value >= 0 ? [] : [invalidValue(field, value, notNegative)]
}

/** Every count of `object` that is named must be there to be wrong, and then not negative. */
export function validateCounts<T extends object>(
  object: T,
  names: readonly (keyof T & string)[],
  field: string,
): FieldError[] {
  return names.flatMap(name => {
    const value = object[name]
    return typeof value === 'number' ? validateCount(value, `${field}.${name}`) : []
  })
}

/** Parts of the pods can be no more than all of them. */
export function validateAtMostReplicas<T extends { readonly replicas: number }>(
  status: T,
  names: readonly (keyof T & string)[],
): FieldError[] {
  return names.flatMap(name => {
    const value = status[name]
    if (typeof value !== 'number' || value <= status.replicas) return []
    return [invalidValue(`status.${name}`, value, 'cannot be greater than status.replicas')]
  })
}

/** It makes names of revisions differ, so that a smaller one would make an old name again. */
export function validateCollisionCount(
  status: { readonly collisionCount?: number } | undefined,
  old: { readonly collisionCount?: number } | undefined,
): FieldError[] {
  const before = old?.collisionCount
  const count = status?.collisionCount
  if (before === undefined || (count !== undefined && count >= before)) return []
  return [invalidValue('status.collisionCount', count ?? 0, 'cannot be decremented')]
}

/** The selector must be there, select something, and select the pods of the template. */
export function validateSelection(
  selector: LabelSelectorObject | undefined,
  template: PodTemplateSpec | undefined,
  kind: 'deployment' | 'statefulset' | 'daemonset',
): FieldError[] {
  const field = 'spec.selector'
  const errors: FieldError[] = []
  if (selector === undefined) errors.push(required(field))
  else {
    errors.push(...validateLabelSelector(selector, field))
    const { matchLabels = {}, matchExpressions = [] } = selector
    if (Object.keys(matchLabels).length + matchExpressions.length === 0) {
      const text = `empty selector is invalid for ${kind}`
      errors.push(invalidValue(field, selector as JsonObject, text))
    }
  }
  if (template === undefined) return [...errors, required('spec.template')]
  return errors.length === 0 ? validateSelected(selector, template) : errors
}

export function validateSelected(
  selector: LabelSelectorObject | undefined,
  template: PodTemplateSpec,
): FieldError[] {
  const labels = template.metadata?.labels
  const parsed = labelSelectorFromObject(selector)
  if (parsed === null || matchesLabels(parsed, labels)) return []
  const text = '`selector` does not match template `labels`'
  return [invalidValue('spec.template.metadata.labels', labels, text)]
}

/** Pods of these workloads are started again for ever, so nothing may end them for good. */
export function validateLastingTemplate(
  template: PodTemplateSpec | undefined,
  kind: 'ReplicaSet' | 'StatefulSet' | 'DaemonSet' | 'ReplicationController',
): FieldError[] {
  if (template === undefined) return []
  const field = 'spec.template.spec'
  const errors = validatePodTemplate(template, 'spec.template')
  const restartPolicy = template.spec?.restartPolicy
  if (restartPolicy !== undefined && restartPolicy !== 'Always') {
    errors.push(notSupported(`${field}.restartPolicy`, restartPolicy, ['Always']))
  }
  if (template.spec?.activeDeadlineSeconds !== undefined) {
    const text = `activeDeadlineSeconds in ${kind} is not Supported`
    errors.push(forbiddenField(`${field}.activeDeadlineSeconds`, text))
  }
  return errors
}

export function validateSelectorUpdate(
  object: KubeObject & { readonly spec?: { readonly selector?: LabelSelectorObject } },
  old: typeof object | null,
): FieldError[] {
  const selector = object.spec?.selector
  if (old === null || sameJson(selector, old.spec?.selector)) return []
  return [invalidValue('spec.selector', selector as JsonObject | undefined, immutableText)]
}

/** A count of pods, or a percentage of them. */
export function validateShare(value: IntOrString, field: string): FieldError[] {
  if (typeof value === 'number') return validateCount(value, field)
  if (percentOf(value) !== null) return []
  const text =
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or " +
    "'93%', regex used for validation is '[0-9]+%')"
  return [invalidValue(field, value, text)]
}

export function validateAtMostAll(value: IntOrString, field: string): FieldError[] {
  return (percentOf(value) ?? 0) > 100
    ? [invalidValue(field, value, 'must not be greater than 100%')]
    : []
}

/** What the share amounts to, taken by its number alone. */
export function isNothing(value: IntOrString): boolean {
  return (typeof value === 'number' ? value : (percentOf(value) ?? 0)) === 0
}
