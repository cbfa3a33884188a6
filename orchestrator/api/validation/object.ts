// The one entry of validation: metadata and the kind's own rules, on create and on update.

import type { FieldError, Kind } from '../kind.js'
import type { KubeObject } from '../object.js'
import { validateMetadata, validateMetadataUpdate } from './metadata.js'

/** `old` is null on create. The object has its defaults; an empty answer means it may be stored. */
export function validateObject(
  kind: Kind,
  object: KubeObject,
  old: KubeObject | null,
): readonly FieldError[] {
  return [
    ...(old === null ? [] : validateMetadataUpdate(object, old)),
    ...validateMetadata(object, kind.namespaced),
    ...kind.validate(object, old),
  ]
}
