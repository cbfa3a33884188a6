// The one entry of validation: metadata and the kind's own rules, on create and on update.

import type { FieldError, Kind, ObjectPart } from '../kind.js'
import type { KubeObject } from '../object.js'
import { fromStored, storedKind } from '../stored-version.js'
import { validateMetadata, validateMetadataUpdate } from './metadata.js'

/**
 * `old` is null on create. The object has its defaults and its stored form; an empty answer means it
 * may be stored. `kind` is the version under which it was sent. `part`: what alone was written.
 */
export function validateObject(
  kind: Kind,
  object: KubeObject,
  old: KubeObject | null,
  part: ObjectPart | null = null,
): readonly FieldError[] {
  const ofKind =
    part?.validate === undefined || old === null
      ? [...storedKind(kind).validate(object, old), ...ofVersion(kind, object, old)]
      : part.validate(object, old)
  const ofName = (error: FieldError): boolean =>
    error.field === 'metadata.name' || error.field === 'metadata.generateName'
  return [
    ...ofKind.filter(ofName),
    ...(old === null ? [] : validateMetadataUpdate(object, old)),
    ...validateMetadata(object, kind.namespaced),
    ...ofKind.filter(error => !ofName(error)),
  ]
}

function ofVersion(kind: Kind, object: KubeObject, old: KubeObject | null): readonly FieldError[] {
  if (kind.storedAs === undefined) return []
  return kind.validate(fromStored(kind, object), old === null ? null : fromStored(kind, old))
}
