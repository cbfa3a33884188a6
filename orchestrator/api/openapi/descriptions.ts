// What structs and fields mean, by the names that OpenAPI has for them. The texts are no part of the
// schemas: a build gathers them (scripts/describe.mjs), and a server does without where there are none.

import type { FieldSchema, StructSchema } from '../schema.js'

export interface StructDescription {
  readonly description: string
  /** By JSON name. */
  readonly fields: Readonly<Record<string, string>>
}

/** By the name of the struct. */
export type Descriptions = ReadonlyMap<string, StructDescription>

/** '' where nobody says anything. */
export function structDescription(texts: Descriptions, struct: StructSchema): string {
  return texts.get(struct.name)?.description || struct.description
}

/** A field without words of its own has those of its type. '' where nobody says anything. */
export function fieldDescription(
  texts: Descriptions,
  struct: StructSchema,
  name: string,
  field: FieldSchema,
): string {
  const fields = texts.get(struct.name)?.fields ?? {}
  const text = (Object.hasOwn(fields, name) ? fields[name] : undefined) ?? field.description
  return text === '' && field.type.type === 'struct' ? structDescription(texts, field.type) : text
}
