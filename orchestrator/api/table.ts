// Lists as kubectl prints them: rows of cells under the columns of the kind. Every kind has a Table,
// and its last column is always the age. Counterpart: meta.k8s.io/v1 Table and pkg/printers.

import { unreachable } from '../../platform/errors.js'
import type { Kind } from './kind.js'
import type { Json, JsonObject, KubeObject, ListMeta } from './object.js'

/** How much of each object goes along with its row, as includeObject of the request says. */
export type IncludeObject = 'None' | 'Metadata' | 'Object'

/** null when the query names something else; the default is Metadata. */
export function includeObjectOf(text: string): IncludeObject | null {
  if (text === '') return 'Metadata'
  return text === 'None' || text === 'Metadata' || text === 'Object' ? text : null
}

function rowObject(object: KubeObject, include: IncludeObject): JsonObject | undefined {
  switch (include) {
    case 'None':
      return undefined
    case 'Object':
      return object as unknown as JsonObject
    case 'Metadata':
      return {
        kind: 'PartialObjectMetadata',
        apiVersion: 'meta.k8s.io/v1',
        metadata: object.metadata as unknown as JsonObject,
      }
    default:
      return unreachable(include)
  }
}

/**
 * A Table of objects of one kind. Watch events carry one with a single row; a client that watches
 * expects column definitions in each. `nowMs`: wall time since the Unix epoch.
 */
export function toTable(
  kind: Kind,
  objects: readonly KubeObject[],
  listMeta: ListMeta,
  nowMs: number,
  includeObject: IncludeObject,
): JsonObject {
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: { ...listMeta },
    columnDefinitions: kind.columns.map(({ name, type, format, description, priority }) => ({
      name,
      type,
      format,
      description,
      priority,
    })),
    rows: objects.map(object => {
      const cells: Json[] = kind.columns.map(column => column.cell(object, nowMs))
      const attached = rowObject(object, includeObject)
      return { cells, ...(attached === undefined ? {} : { object: attached }) }
    }),
  }
}
