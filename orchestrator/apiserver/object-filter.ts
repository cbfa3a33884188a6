// Selects the objects of a list or watch: labels, fields, and the one name of a single-object
// watch. Pure.

import type { Kind } from '../api/kind.js'
import type { KubeObject } from '../api/object.js'
import { fromStored } from '../api/stored-version.js'
import {
  compileFieldSelector,
  matchesLabels,
  parseFieldSelector,
  parseLabelSelector,
} from '../api/selectors.js'

export type ObjectFilter = (object: KubeObject) => boolean

/** Null: everything matches, so nothing has to be parsed. Takes objects as they are kept. Throws ApiError BadRequest. */
export function compileFilter(
  kind: Kind,
  labelSelector: string,
  fieldSelector: string,
  name: string,
): ObjectFilter | null {
  const labels = labelSelector === '' ? [] : parseLabelSelector(labelSelector)
  const fields = fieldSelector === '' ? [] : parseFieldSelector(fieldSelector)
  if (labels.length === 0 && fields.length === 0 && name === '') return null
  const matchesFields = fields.length === 0 ? () => true : compileFieldSelector(kind, fields)
  const matches = (object: KubeObject): boolean =>
    (name === '' || object.metadata.name === name) &&
    matchesLabels(labels, object.metadata.labels) &&
    matchesFields(object)
  return kind.storedAs === undefined ? matches : object => matches(fromStored(kind, object))
}
