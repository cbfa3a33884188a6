// Checks of PersistentVolumeClaims. Counterpart: ValidatePersistentVolumeClaim and
// ValidatePersistentVolumeClaimUpdate of pkg/apis/core/validation. Whether a claim may grow at all is
// for its class to say, in admission.

import { sameJson } from '../equality.js'
import type { FieldError } from '../kind.js'
import type { JsonObject } from '../object.js'
import { canonicalQuantity, parseQuantity } from '../quantity.js'
import type { PersistentVolumeClaim } from '../types/core-persistent-volume.js'
import type { TypedLocalObjectReference, TypedObjectReference } from '../types/core-reference.js'
import type { PersistentVolumeClaimSpec } from '../types/core-volume.js'
import { validateAccessModes, volumeModes } from './access-modes.js'
import { forbiddenField, invalidFor, invalidValue, notSupported, required } from './field-errors.js'
import { immutableText, validateLabelSelector, validateObjectName } from './metadata.js'
import { dns1123Label, dns1123Subdomain } from './names.js'

const classAnnotation = 'volume.beta.kubernetes.io/storage-class'
const immutableSpec =
  'spec is immutable after creation except resources.requests and volumeAttributesClassName for ' +
  'bound claims'

function validateDataSource(
  source: TypedLocalObjectReference | TypedObjectReference,
  field: string,
): FieldError[] {
  const { apiGroup = '', kind, name } = source
  const errors: FieldError[] = []
  if (name === '') errors.push(required(`${field}.name`))
  if (kind === '') errors.push(required(`${field}.kind`))
  if (apiGroup === '' && kind !== 'PersistentVolumeClaim') {
    const text = "apiGroup is required when kind is not 'PersistentVolumeClaim'"
    errors.push(invalidValue(field, kind, text))
  }
  if (apiGroup !== '') {
    errors.push(...invalidFor(`${field}.apiGroup`, apiGroup, dns1123Subdomain(apiGroup)))
  }
  if ('namespace' in source && source.namespace !== undefined && source.namespace !== '') {
    const { namespace } = source
    errors.push(...invalidFor(`${field}.namespace`, namespace, dns1123Label(namespace)))
  }
  return errors
}

function validateSize(spec: PersistentVolumeClaimSpec, field: string): FieldError[] {
  const at = `${field}.resources[storage]`
  const size = spec.resources?.requests?.['storage']
  if (size === undefined) return [required(at)]
  const positive = (parseQuantity(size)?.nanos ?? 0n) > 0n
  return positive ? [] : [invalidValue(at, size, 'must be greater than zero')]
}

/** Also of the templates of claims that pods and stateful sets carry. */
export function validateClaimSpec(spec: PersistentVolumeClaimSpec, field: string): FieldError[] {
  const { accessModes = [], selector, storageClassName, volumeMode } = spec
  const { dataSource, dataSourceRef, volumeAttributesClassName } = spec
  const errors: FieldError[] = []
  if (accessModes.length === 0) {
    errors.push(required(`${field}.accessModes`, 'at least 1 access mode is required'))
  }
  if (selector !== undefined) errors.push(...validateLabelSelector(selector, `${field}.selector`))
  errors.push(...validateAccessModes(accessModes, `${field}.accessModes`))
  errors.push(...validateSize(spec, field))
  for (const [name, value] of Object.entries({ storageClassName, volumeAttributesClassName })) {
    if (value !== undefined && value !== '') {
      errors.push(...invalidFor(`${field}.${name}`, value, dns1123Subdomain(value)))
    }
  }
  if (volumeMode !== undefined && !volumeModes.some(known => known === volumeMode)) {
    errors.push(notSupported(`${field}.volumeMode`, volumeMode, volumeModes))
  }
  if (dataSource !== undefined) {
    errors.push(...validateDataSource(dataSource, `${field}.dataSource`))
  }
  if (dataSourceRef !== undefined) {
    errors.push(...validateDataSource(dataSourceRef, `${field}.dataSourceRef`))
  }
  if (dataSource !== undefined && dataSourceRef !== undefined) {
    if (!sameJson(dataSource, dataSourceRef)) {
      errors.push(invalidValue(field, `${field}.dataSource`, 'must match dataSourceRef'))
    }
  }
  return errors
}

/** How much a claim asks for, in billionths; 0 when it does not say. */
function requestedNanos(spec: PersistentVolumeClaimSpec): bigint {
  return parseQuantity(spec.resources?.requests?.['storage'] ?? '')?.nanos ?? 0n
}

/** The spec as it is compared: amounts by value, and without what may change. */
function fixedSpec(spec: PersistentVolumeClaimSpec, bound: boolean): JsonObject {
  const { resources, volumeAttributesClassName, ...rest } = spec
  const { storage, ...requests } = resources?.requests ?? {}
  return {
    ...(rest as JsonObject),
    limits: amounts(resources?.limits ?? {}),
    requests: amounts({ ...requests, ...(bound || storage === undefined ? {} : { storage }) }),
    ...(bound || volumeAttributesClassName === undefined ? {} : { volumeAttributesClassName }),
  }
}

function amounts(given: { readonly [name: string]: string }): JsonObject {
  return Object.fromEntries(
    Object.entries(given).map(([name, text]) => [name, canonicalQuantity(text) ?? text]),
  )
}

/** A class that stood in the older annotation may move to its field. */
function isClassUpgrade(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): boolean {
  const before = old.metadata.annotations?.[classAnnotation]
  const after = claim.metadata.annotations?.[classAnnotation]
  return (
    before !== undefined &&
    old.spec?.storageClassName === undefined &&
    claim.spec?.storageClassName === before &&
    (after === undefined || after === before)
  )
}

/** One that named no class at all gets that of those who name none, once there is one. */
function isLateDefault({ spec }: PersistentVolumeClaim, old: PersistentVolumeClaim): boolean {
  return (
    old.metadata.annotations?.[classAnnotation] === undefined &&
    old.spec?.storageClassName === undefined &&
    spec?.storageClassName !== undefined
  )
}

function validateUpdate(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  const spec = claim.spec ?? {}
  const was = old.spec ?? {}
  const bound = claim.status?.phase === 'Bound'
  const errors: FieldError[] = []
  // The controller that binds writes the volume's name, once.
  const named = (was.volumeName ?? '') === '' ? { ...was, volumeName: spec.volumeName ?? '' } : was
  let compared = { volumeName: '', ...spec }
  if (isClassUpgrade(claim, old)) {
    const { storageClassName: _, ...rest } = compared
    compared = rest
  } else {
    const annotation = claim.metadata.annotations?.[classAnnotation] ?? ''
    if (annotation !== (old.metadata.annotations?.[classAnnotation] ?? '')) {
      const at = `metadata.annotations[${classAnnotation}]`
      errors.push(invalidValue(at, annotation, immutableText))
    }
    if (isLateDefault(claim, old)) {
      const { storageClassName: _, ...rest } = compared
      compared = rest
    }
  }
  if (!sameJson(fixedSpec(compared, bound), fixedSpec(named, bound))) {
    errors.push(forbiddenField('spec', immutableSpec))
  }
  const capacity = parseQuantity(old.status?.capacity?.['storage'] ?? '')?.nanos ?? 0n
  const size = requestedNanos(spec)
  if (size < requestedNanos(was) && size <= capacity) {
    // Less than was asked for last is fine where the growth failed; less than there is never was.
    const at = 'spec.resources.requests.storage'
    errors.push(forbiddenField(at, 'field can not be less than status.capacity'))
  }
  if (spec.volumeMode !== was.volumeMode) {
    errors.push(invalidValue('volumeMode', spec.volumeMode, immutableText))
  }
  const attributes = spec.volumeAttributesClassName
  if (was.volumeAttributesClassName !== undefined && (attributes ?? '') === '') {
    if (attributes !== was.volumeAttributesClassName) {
      const what = attributes === undefined ? 'nil' : 'an empty string'
      const text = `update from non-nil value to ${what} is forbidden`
      errors.push(forbiddenField('spec.volumeAttributesClassName', text))
    }
  }
  return errors
}

export function validatePersistentVolumeClaim(
  claim: PersistentVolumeClaim,
  old: PersistentVolumeClaim | null,
): FieldError[] {
  return [
    ...validateObjectName(claim, dns1123Subdomain),
    ...validateClaimSpec(claim.spec ?? {}, 'spec'),
    ...(old === null ? [] : validateUpdate(claim, old)),
  ]
}
