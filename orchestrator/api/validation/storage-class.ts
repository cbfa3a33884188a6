// Checks of StorageClasses and VolumeAttributesClasses. Counterpart: pkg/apis/storage/validation.

import { sameJson } from '../equality.js'
import type { FieldError } from '../kind.js'
import type {
  StorageClass,
  TopologySelectorTerm,
  VolumeAttributesClass,
} from '../types/storage-class.js'
import {
  duplicate,
  forbiddenField,
  invalidFor,
  invalidValue,
  notSupported,
  required,
  tooLong,
} from './field-errors.js'
import { immutableText, validateObjectName } from './metadata.js'
import { dns1123Subdomain, qualifiedName } from './names.js'

const parametersMax = 512
const parametersBytesMax = 256 * 1024
const reclaimPolicies = ['Delete', 'Retain'] as const
const bindingModes = ['Immediate', 'WaitForFirstConsumer'] as const
const encoder = new TextEncoder()

function validateDriver(name: string, field: string): FieldError[] {
  if (name === '') return [required(field)]
  const lower = name.toLowerCase()
  return invalidFor(field, lower, qualifiedName(lower))
}

function validateParameters(parameters: StorageClass['parameters']): FieldError[] {
  const entries = Object.entries(parameters ?? {})
  if (entries.length > parametersMax) return [tooLong('parameters', parametersMax)]
  const errors = entries
    .filter(([key]) => key === '')
    .map(([key]) => invalidValue('parameters', key, 'field can not be empty.'))
  const bytes = entries.reduce(
    (sum, [key, value]) => sum + encoder.encode(key).length + encoder.encode(value).length,
    0,
  )
  if (bytes > parametersBytesMax) errors.push(tooLong('parameters', parametersBytesMax))
  return errors
}

/** Every key once, each with values that are there once. */
function validateTopology(term: TopologySelectorTerm, field: string): FieldError[] {
  const keys = new Set<string>()
  return (term.matchLabelExpressions ?? []).flatMap(({ key, values }, index) => {
    const at = `${field}.matchLabelExpressions[${index}]`
    const errors = values.length === 0 ? [required(`${at}.values`)] : []
    for (const [position, value] of values.entries()) {
      if (values.indexOf(value) < position)
        errors.push(duplicate(`${at}.values[${position}]`, value))
    }
    errors.push(...invalidFor(`${at}.key`, key, qualifiedName(key)))
    if (keys.has(key)) errors.push(duplicate(`${at}.key`, key))
    keys.add(key)
    return errors
  })
}

function validateTopologies(terms: readonly TopologySelectorTerm[]): FieldError[] {
  return terms.flatMap((term, index) => {
    const at = `allowedTopologies[${index}]`
    const errors = validateTopology(term, at)
    if (terms.slice(0, index).some(earlier => sameTopology(earlier, term))) {
      errors.push(duplicate(`${at}.matchLabelExpressions`, ''))
    }
    return errors
  })
}

/** Neither the order of keys nor that of their values matters. */
function sameTopology(a: TopologySelectorTerm, b: TopologySelectorTerm): boolean {
  const sorted = (term: TopologySelectorTerm) =>
    Object.fromEntries(
      (term.matchLabelExpressions ?? []).map(({ key, values }) => [key, [...values].sort()]),
    )
  return sameJson(sorted(a), sorted(b))
}

function validateStorageClassUpdate(storageClass: StorageClass, old: StorageClass): FieldError[] {
  const errors: FieldError[] = []
  for (const name of ['parameters', 'provisioner', 'reclaimPolicy'] as const) {
    const empty = name === 'parameters' ? {} : ''
    if (!sameJson(storageClass[name] ?? empty, old[name] ?? empty)) {
      errors.push(forbiddenField(name, `updates to ${name} are forbidden.`))
    }
  }
  const mode = storageClass.volumeBindingMode
  if (mode !== old.volumeBindingMode) {
    errors.push(invalidValue('volumeBindingMode', mode, immutableText))
  }
  return errors
}

export function validateStorageClass(
  storageClass: StorageClass,
  old: StorageClass | null,
): FieldError[] {
  const { reclaimPolicy = '', volumeBindingMode } = storageClass
  const errors = [
    ...validateObjectName(storageClass, dns1123Subdomain),
    ...validateDriver(storageClass.provisioner, 'provisioner'),
    ...validateParameters(storageClass.parameters),
  ]
  if (reclaimPolicy !== '' && !reclaimPolicies.some(known => known === reclaimPolicy)) {
    errors.push(notSupported('reclaimPolicy', reclaimPolicy, reclaimPolicies))
  }
  if (volumeBindingMode === undefined) errors.push(required('volumeBindingMode'))
  else if (!bindingModes.some(known => known === volumeBindingMode)) {
    errors.push(notSupported('volumeBindingMode', volumeBindingMode, bindingModes))
  }
  return [
    ...errors,
    ...validateTopologies(storageClass.allowedTopologies ?? []),
    ...(old === null ? [] : validateStorageClassUpdate(storageClass, old)),
  ]
}

export function validateVolumeAttributesClass(
  attributesClass: VolumeAttributesClass,
  old: VolumeAttributesClass | null,
): FieldError[] {
  const { driverName, parameters = {} } = attributesClass
  const errors = validateObjectName(attributesClass, dns1123Subdomain)
  if (old !== null && old.driverName !== driverName) {
    errors.push(forbiddenField('driverName', 'updates to driverName are forbidden.'))
  }
  if (old !== null && !sameJson(old.parameters ?? {}, parameters)) {
    errors.push(forbiddenField('parameters', 'updates to parameters are forbidden.'))
  }
  errors.push(...validateDriver(driverName, 'driverName'), ...validateParameters(parameters))
  if (Object.keys(parameters).length === 0) {
    errors.push(required('parameters', 'must contain at least one key/value pair'))
  }
  return errors
}
