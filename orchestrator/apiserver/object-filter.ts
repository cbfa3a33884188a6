// Selects the objects of a list or watch: labels, fields, and the one name of a single-object
// watch. Pure.

import type { Kind } from '../api/kind.js'
import { fromStored } from '../api/stored-version.js'
import {
  compileFieldSelector,
  matchesLabels,
  parseFieldSelector,
  parseLabelSelector,
} from '../api/selectors.js'
import type { StoredObject } from './stored-object.js'

export type ObjectFilter = (stored: StoredObject) => boolean

/** Null: everything matches, so nothing has to be parsed. Throws ApiError BadRequest. */
export function compileFilter(
  kind: Kind,
  labelSelector: string,
  fieldSelector: string,
  name: string,
): ObjectFilter | null {
  const labels = labelSelector === '' ? [] : parseLabelSelector(labelSelector)
  const fields = fieldSelector === '' ? [] : parseFieldSelector(fieldSelector)
  if (labels.length === 0 && fields.length === 0 && name === '') return null
  const matchesFields = compileFieldSelector<StoredObject>(kind, fields, (stored, field, read) =>
    // Fields of another version than the stored one are not kept: two versions may call two things the same.
    kind.storedAs === undefined
      ? stored.field(field, read)
      : read(fromStored(kind, stored.glance())),
  )
  return stored =>
    (name === '' || stored.key.endsWith(`/${name}`)) &&
    matchesFields(stored) &&
    (labels.length === 0 || matchesLabels(labels, labelsIn(kind, stored)))
}

function labelsIn(kind: Kind, stored: StoredObject): StoredObject['labels'] {
  return kind.storedAs === undefined
    ? stored.labels
    : fromStored(kind, stored.glance()).metadata.labels
}
