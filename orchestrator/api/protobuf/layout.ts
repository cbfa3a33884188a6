// How a struct lies on the protobuf wire: its fields by number, and the messages around some of them
// that JSON does not have. Reader and writer share it. Counterpart: the structs embedded in k8s.io/api.

import type { FieldSchema, StructSchema } from '../schema.js'

export type LayoutEntry =
  | {
      readonly kind: 'field'
      readonly number: number
      readonly name: string
      readonly field: FieldSchema
    }
  | { readonly kind: 'nested'; readonly number: number; readonly layout: Layout }

export interface Layout {
  readonly byNumber: ReadonlyMap<number, LayoutEntry>
  /** From the highest number to the lowest, as it is written. */
  readonly descending: readonly LayoutEntry[]
}

const layouts = new WeakMap<StructSchema, Layout>()

export function layoutOf(schema: StructSchema): Layout {
  const known = layouts.get(schema)
  if (known !== undefined) return known
  const result = layoutBelow([...schema.fields], 0)
  layouts.set(schema, result)
  return result
}

/** Whether objects of this shape can be sent as protobuf: those that users define cannot. */
export function hasWireForm(schema: StructSchema): boolean {
  return layoutOf(schema).byNumber.size > 0
}

function layoutBelow(all: readonly (readonly [string, FieldSchema])[], depth: number): Layout {
  const entries: LayoutEntry[] = []
  const deeper = new Map<number, (readonly [string, FieldSchema])[]>()
  for (const [name, field] of all) {
    // Without a number: apiVersion and kind, which the envelope carries.
    if (field.number === 0) continue
    const wrapper = field.within[depth]
    if (wrapper === undefined) entries.push({ kind: 'field', number: field.number, name, field })
    else deeper.set(wrapper, [...(deeper.get(wrapper) ?? []), [name, field]])
  }
  for (const [number, inner] of deeper) {
    entries.push({ kind: 'nested', number, layout: layoutBelow(inner, depth + 1) })
  }
  return {
    byNumber: new Map(entries.map(entry => [entry.number, entry])),
    descending: entries.toSorted((a, b) => b.number - a.number),
  }
}
