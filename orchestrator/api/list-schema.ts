// The shape of a list of objects, which follows from that of the objects. Counterpart: the *List types
// of k8s.io/api, all alike.

import { field, list, struct, typeMeta } from './schema.js'
import type { StructSchema } from './schema.js'
import { listMeta } from './schema/meta.js'

const lists = new WeakMap<StructSchema, StructSchema>()

export function listSchema(items: StructSchema): StructSchema {
  const known = lists.get(items)
  if (known !== undefined) return known
  const made = struct(`${items.name}List`, {
    ...typeMeta,
    metadata: field(1, listMeta),
    items: field(2, list(items), { required: true }),
  })
  lists.set(items, made)
  return made
}
