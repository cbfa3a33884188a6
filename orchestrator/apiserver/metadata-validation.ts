// Rules for metadata that hold for every kind. Counterpart: ValidateObjectMeta of apimachinery.
// Pure; kinds check their own spec.

import type { FieldError, Kind } from '../api/kind.js'
import type { KubeObject, ObjectMeta } from '../api/object.js'
import {
  forbiddenField,
  invalidFor,
  invalidValue,
  required,
  tooLong,
} from '../api/validation/field-errors.js'
import {
  dns1035,
  dns1123Label,
  dns1123Subdomain,
  labelValue,
  qualifiedName,
} from '../api/validation/names.js'

const annotationBytesMax = 256 * 1024

/** Kinds whose names are more, or less, than a subdomain. */
const nameChecks: ReadonlyMap<string, (name: string) => readonly string[]> = new Map([
  ['/namespaces', dns1123Label],
  ['/services', dns1035],
  ['rbac.authorization.k8s.io/roles', pathSegment],
  ['rbac.authorization.k8s.io/rolebindings', pathSegment],
  ['rbac.authorization.k8s.io/clusterroles', pathSegment],
  ['rbac.authorization.k8s.io/clusterrolebindings', pathSegment],
])

function pathSegment(name: string): readonly string[] {
  if (name === '.' || name === '..') return [`may not be '${name}'`]
  return ['/', '%'].filter(part => name.includes(part)).map(part => `may not contain '${part}'`)
}

/** Errors of metadata on create. */
export function validateMetadata(kind: Kind, object: KubeObject): readonly FieldError[] {
  const { name = '' } = object.metadata
  const check = nameChecks.get(`${kind.group}/${kind.plural}`) ?? dns1123Subdomain
  return [
    ...(name === ''
      ? [required('metadata.name', 'name or generateName is required')]
      : invalidFor('metadata.name', name, check(name))),
    ...commonErrors(object.metadata),
  ]
}

/** Errors of metadata on update: immutable fields have been restored before. */
export function validateMetadataUpdate(object: KubeObject, old: KubeObject): readonly FieldError[] {
  const before = old.metadata.finalizers ?? []
  const added = (object.metadata.finalizers ?? []).filter(found => !before.includes(found))
  const late = old.metadata.deletionTimestamp !== undefined && added.length > 0
  const list = added.map(found => JSON.stringify(found)).join(', ')
  return [
    ...commonErrors(object.metadata),
    ...(late
      ? [
          forbiddenField(
            'metadata.finalizers',
            `no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`,
          ),
        ]
      : []),
  ]
}

function commonErrors(meta: ObjectMeta): readonly FieldError[] {
  return [
    ...Object.entries(meta.labels ?? {}).flatMap(([key, value]) => [
      ...invalidFor('metadata.labels', key, qualifiedName(key)),
      ...invalidFor('metadata.labels', value, labelValue(value)),
    ]),
    ...annotationErrors(meta),
    ...ownerErrors(meta),
    ...(meta.finalizers ?? []).flatMap(finalizer =>
      invalidFor('metadata.finalizers', finalizer, qualifiedName(finalizer)),
    ),
  ]
}

function annotationErrors(meta: ObjectMeta): readonly FieldError[] {
  const entries = Object.entries(meta.annotations ?? {})
  const bytes = entries.reduce((sum, [key, value]) => sum + key.length + value.length, 0)
  return [
    ...entries.flatMap(([key]) =>
      invalidFor('metadata.annotations', key, qualifiedName(key.toLowerCase())),
    ),
    ...(bytes > annotationBytesMax ? [tooLong('metadata.annotations', annotationBytesMax)] : []),
  ]
}

function ownerErrors(meta: ObjectMeta): readonly FieldError[] {
  const references = meta.ownerReferences ?? []
  const controllers = references.filter(reference => reference.controller === true)
  return [
    ...references.flatMap((reference, index) =>
      (['apiVersion', 'kind', 'name', 'uid'] as const)
        .filter(field => (reference[field] ?? '') === '')
        .map(field =>
          invalidValue(
            `metadata.ownerReferences[${index}].${field}`,
            '',
            field === 'apiVersion' ? 'version must not be empty' : 'must not be empty',
          ),
        ),
    ),
    ...(controllers.length > 1
      ? [
          invalidValue(
            'metadata.ownerReferences',
            controllers.map(reference => reference.name),
            'Only one reference can have Controller set to true',
          ),
        ]
      : []),
  ]
}
