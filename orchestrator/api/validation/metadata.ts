// What holds for the metadata of every object, and what an update may not change in it.
// Counterpart: pkg/api/validation of k8s.io/apimachinery.

import type { FieldError } from '../kind.js'
import type { Json, KubeObject, ObjectMeta, OwnerReference } from '../object.js'
import {
  forbiddenField,
  invalidFor,
  invalidValue,
  notSupported,
  required,
  tooLong,
} from './field-errors.js'
import { labelValue, qualifiedName } from './names.js'

export type NameRule = (name: string) => string[]

const annotationsBytesMax = 256 * 1024
const encoder = new TextEncoder()

/** Finalizers that need no domain before their name. */
const standardFinalizers: ReadonlySet<string> = new Set([
  'foregroundDeletion',
  'kubernetes',
  'orphan',
])

const immutableMetadata = [
  'name',
  'namespace',
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
] as const

export const immutableText = 'field is immutable'

/** An update of a kind that must not be written blindly. The original prints the number so. */
export const resourceVersionRequired: FieldError = {
  reason: 'FieldValueInvalid',
  field: 'metadata.resourceVersion',
  message: 'Invalid value: 0x0: must be specified for an update',
}

/** Names differ by kind: subdomains mostly, labels for namespaces, DNS-1035 for services. */
export function validateObjectName({ metadata }: KubeObject, rule: NameRule): FieldError[] {
  const { name, generateName } = metadata
  if (name !== undefined && name !== '') return invalidFor('metadata.name', name, rule(name))
  if (generateName !== undefined && generateName !== '') {
    // A generated suffix follows, so a prefix may end where a name may not.
    const probe = generateName.endsWith('-') ? `${generateName}a` : generateName
    return invalidFor('metadata.generateName', generateName, rule(probe))
  }
  return [required('metadata.name', 'name or generateName is required')]
}

export function validateLabels(labels: ObjectMeta['labels'], field: string): FieldError[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) => [
    ...invalidFor(field, key, qualifiedName(key)),
    ...invalidFor(field, value, labelValue(value)),
  ])
}

export function validateAnnotations(
  annotations: ObjectMeta['annotations'],
  field: string,
): FieldError[] {
  const errors: FieldError[] = []
  let bytes = 0
  for (const [key, value] of Object.entries(annotations ?? {})) {
    errors.push(...invalidFor(field, key, qualifiedName(key.toLowerCase())))
    bytes += encoder.encode(key).length + encoder.encode(value).length
  }
  if (bytes > annotationsBytesMax) errors.push(tooLong(field, annotationsBytesMax))
  return errors
}

function validateOwnerReferences(references: readonly OwnerReference[]): FieldError[] {
  const field = 'metadata.ownerReferences'
  const errors = references.flatMap(({ apiVersion, kind, name, uid }) => {
    const wrong: FieldError[] = []
    if (apiVersion === '') {
      wrong.push(invalidValue(`${field}.apiVersion`, apiVersion, 'version must not be empty'))
    }
    for (const [key, value] of Object.entries({ kind, name, uid })) {
      if (value === '') wrong.push(invalidValue(`${field}.${key}`, value, 'must not be empty'))
    }
    if (kind === 'Event' && apiVersion === 'v1') {
      wrong.push(invalidValue(field, 'Event', 'v1, Kind=Event is disallowed from being an owner'))
    }
    return wrong
  })
  const controllers = references.filter(r => r.controller === true)
  const [first, second] = controllers
  if (first !== undefined && second !== undefined) {
    const text =
      'Only one reference can have Controller set to true. Found "true" in references for ' +
      `${first.name} and ${second.name}`
    errors.push(
      invalidValue(
        field,
        controllers.map(c => c.name),
        text,
      ),
    )
  }
  return errors
}

function validateFinalizers(finalizers: readonly string[]): FieldError[] {
  const field = 'metadata.finalizers'
  return finalizers.flatMap(name => {
    const wrong = invalidFor(field, name, qualifiedName(name))
    if (wrong.length === 0 && !name.includes('/') && !standardFinalizers.has(name)) {
      const text = 'name is neither a standard finalizer name nor is it fully qualified'
      return [invalidValue(field, name, text)]
    }
    return wrong
  })
}

/** All but the name, for which kinds have their own rules. */
export function validateMetadata(object: KubeObject, namespaced: boolean): FieldError[] {
  const { metadata } = object
  const errors: FieldError[] = []
  const namespace = metadata.namespace ?? ''
  if (namespaced && namespace === '') errors.push(required('metadata.namespace'))
  if (!namespaced && namespace !== '') {
    errors.push(forbiddenField('metadata.namespace', 'not allowed on this type'))
  }
  const generation = metadata.generation ?? 0
  if (generation < 0) {
    const text = 'must be greater than or equal to 0'
    errors.push(invalidValue('metadata.generation', generation, text))
  }
  errors.push(...validateLabels(metadata.labels, 'metadata.labels'))
  errors.push(...validateAnnotations(metadata.annotations, 'metadata.annotations'))
  errors.push(...validateOwnerReferences(metadata.ownerReferences ?? []))
  errors.push(...validateFinalizers(metadata.finalizers ?? []))
  return errors
}

export function validateMetadataUpdate(object: KubeObject, old: KubeObject): FieldError[] {
  const errors: FieldError[] = []
  for (const key of immutableMetadata) {
    const value: Json = object.metadata[key] ?? null
    if (value !== (old.metadata[key] ?? null)) {
      errors.push(invalidValue(`metadata.${key}`, value, immutableText))
    }
  }
  const generation = object.metadata.generation ?? 0
  if (generation < (old.metadata.generation ?? 0)) {
    errors.push(invalidValue('metadata.generation', generation, 'must not be decremented'))
  }
  if (old.metadata.deletionTimestamp !== undefined) {
    const before = new Set(old.metadata.finalizers ?? [])
    const added = (object.metadata.finalizers ?? []).filter(f => !before.has(f))
    if (added.length > 0) {
      const list = added.map(f => JSON.stringify(f)).join(', ')
      const text =
        'no new finalizers can be added if the object is being deleted, found new finalizers ' +
        `[]string{${list}}`
      errors.push(forbiddenField('metadata.finalizers', text))
    }
  }
  return errors
}

const selectorOperators = ['DoesNotExist', 'Exists', 'In', 'NotIn'] as const

export interface SelectorExpression {
  readonly key: string
  readonly operator: string
  readonly values?: readonly string[]
}

/** matchLabels and matchExpressions. */
export function validateLabelSelector(
  selector: {
    readonly matchLabels?: ObjectMeta['labels']
    readonly matchExpressions?: readonly SelectorExpression[]
  },
  field: string,
): FieldError[] {
  const errors = validateLabels(selector.matchLabels, `${field}.matchLabels`)
  for (const [index, expression] of (selector.matchExpressions ?? []).entries()) {
    errors.push(...validateExpression(expression, `${field}.matchExpressions[${index}]`))
  }
  return errors
}

function validateExpression(
  { key, operator, values = [] }: SelectorExpression,
  field: string,
): FieldError[] {
  const errors: FieldError[] = []
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0) {
        const text = "must be specified when `operator` is 'In' or 'NotIn'"
        errors.push(required(`${field}.values`, text))
      }
      break
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0) {
        const text = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
        errors.push(forbiddenField(`${field}.values`, text))
      }
      break
    default:
      errors.push(notSupported(`${field}.operator`, operator, selectorOperators))
  }
  errors.push(...invalidFor(`${field}.key`, key, qualifiedName(key)))
  for (const [index, value] of values.entries()) {
    errors.push(...invalidFor(`${field}.values[${index}]`, value, labelValue(value)))
  }
  return errors
}
