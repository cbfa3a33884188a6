// Schemas as OpenAPI v3 components, with the extensions that clients merge and explain by.
// Counterpart: the generated OpenAPI of k8s.io/api. Every struct is a component of its own.

import { unreachable } from '../../../platform/errors.js'
import type { GroupVersionKind } from '../kind.js'
import type { JsonObject } from '../object.js'
import type { FieldSchema, ScalarSchema, StructSchema, TypeSchema, UnionSchema } from '../schema.js'
import { fieldDescription, structDescription } from './descriptions.js'
import type { Descriptions } from './descriptions.js'

type Building = { [key: string]: JsonObject }

const machinery = 'io.k8s.apimachinery.pkg'
const extensions = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1'

/** Scalars that are components of their own, so that `explain` can name them. */
const namedScalars: ReadonlyMap<string, readonly [name: string, schema: JsonObject]> = new Map([
  [
    'quantity',
    [
      `${machinery}.api.resource.Quantity`,
      {
        description: 'A decimal number with a suffix, such as 500m, 1.5 or 2Gi.',
        oneOf: [{ type: 'string' }, { type: 'number' }],
      },
    ],
  ],
  [
    'int-or-string',
    [
      `${machinery}.util.intstr.IntOrString`,
      {
        description: 'A number, or a text such as a percentage or the name of a port.',
        format: 'int-or-string',
        oneOf: [{ type: 'integer' }, { type: 'string' }],
      },
    ],
  ],
  [
    'time',
    [
      `${machinery}.apis.meta.v1.Time`,
      { description: 'A time in RFC 3339, to the second.', type: 'string', format: 'date-time' },
    ],
  ],
  [
    'micro-time',
    [
      `${machinery}.apis.meta.v1.MicroTime`,
      {
        description: 'A time in RFC 3339, to the microsecond.',
        type: 'string',
        format: 'date-time',
      },
    ],
  ],
  [
    'fields-v1',
    [
      `${machinery}.apis.meta.v1.FieldsV1`,
      { description: 'A set of fields, as a tree.', type: 'object' },
    ],
  ],
  ['raw', [`${machinery}.runtime.RawExtension`, { description: 'Any object.', type: 'object' }]],
  // Without a type, as the original has it: anything goes. `explain` fails over a schema that is empty.
  ['json', [`${extensions}.JSON`, { description: 'Any value of JSON.' }]],
])

const plainScalars: ReadonlyMap<string, JsonObject> = new Map([
  ['int32', { type: 'integer', format: 'int32' }],
  ['int64', { type: 'integer', format: 'int64' }],
  ['double', { type: 'number', format: 'double' }],
  ['bool', { type: 'boolean' }],
  ['bytes', { type: 'string', format: 'byte' }],
])

function unionDescription({ bool, list }: UnionSchema): string {
  if (bool) return 'A schema, or true or false.'
  return list?.items.type === 'string'
    ? 'A schema, or names of fields.'
    : 'A schema, or a list of schemas.'
}

export function reference(name: string): JsonObject {
  return { $ref: `#/components/schemas/${name}` }
}

/** Collects the components that the structs added to it need. */
export class Components {
  readonly #schemas = new Map<string, JsonObject>()
  readonly #texts: Descriptions

  constructor(texts: Descriptions) {
    this.#texts = texts
  }

  /** Adds a struct and all that it refers to; `types` are the kinds that it is the shape of. */
  addStruct(struct: StructSchema, types: readonly GroupVersionKind[] = []): string {
    if (this.#schemas.has(struct.name) && types.length === 0) return struct.name
    this.#schemas.set(struct.name, {})
    const properties: Building = {}
    const required: string[] = []
    for (const [name, field] of struct.fields) {
      properties[name] = this.#property(field, fieldDescription(this.#texts, struct, name, field))
      if (field.required) required.push(name)
    }
    const description = structDescription(this.#texts, struct)
    this.#schemas.set(struct.name, {
      ...(description === '' ? {} : { description }),
      type: 'object',
      ...(required.length === 0 ? {} : { required }),
      properties,
      ...(struct.mapType === 'atomic' ? { 'x-kubernetes-map-type': 'atomic' } : {}),
      ...(types.length === 0
        ? {}
        : {
            'x-kubernetes-group-version-kind': types.map(({ group, version, kind }) => ({
              group,
              version,
              kind,
            })),
          }),
    })
    return struct.name
  }

  add(name: string, schema: JsonObject): void {
    this.#schemas.set(name, schema)
  }

  /** By name, sorted. */
  toJson(): JsonObject {
    return Object.fromEntries([...this.#schemas].sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  #property(field: FieldSchema, description: string): JsonObject {
    const { type, patch, enum: choices, default: fallback } = field
    const strategies = [
      ...(patch.merge ? ['merge'] : []),
      ...(patch.retainKeys ? ['retainKeys'] : []),
    ]
    const extras: JsonObject = {
      ...(description === '' ? {} : { description }),
      ...(choices.length === 0 ? {} : { enum: choices }),
      ...(fallback === undefined ? {} : { default: fallback }),
      ...(strategies.length === 0 ? {} : { 'x-kubernetes-patch-strategy': strategies.join(',') }),
      ...(patch.mergeKey === null ? {} : { 'x-kubernetes-patch-merge-key': patch.mergeKey }),
    }
    const schema = this.#type(type)
    // A reference allows nothing beside it, so what else there is to say needs an allOf around it.
    if ('$ref' in schema && Object.keys(extras).length > 0) return { allOf: [schema], ...extras }
    return { ...schema, ...extras }
  }

  #type(type: TypeSchema): JsonObject {
    switch (type.type) {
      case 'struct':
        return reference(this.addStruct(type))
      case 'list':
        return {
          type: 'array',
          items: this.#type(type.items),
          'x-kubernetes-list-type': type.listType,
          ...(type.listKeys.length === 0 ? {} : { 'x-kubernetes-list-map-keys': type.listKeys }),
        }
      case 'map':
        return {
          type: 'object',
          additionalProperties: this.#type(type.values),
          ...(type.mapType === 'atomic' ? { 'x-kubernetes-map-type': 'atomic' } : {}),
        }
      case 'union':
        this.addStruct(type.struct)
        this.#schemas.set(type.name, { description: unionDescription(type) })
        return reference(type.name)
      case 'string':
      case 'int32':
      case 'int64':
      case 'bool':
      case 'double':
      case 'bytes':
      case 'quantity':
      case 'int-or-string':
      case 'time':
      case 'micro-time':
      case 'fields-v1':
      case 'raw':
      case 'json':
        return this.#scalar(type)
      default:
        return unreachable(type)
    }
  }

  #scalar({ type }: ScalarSchema): JsonObject {
    const named = namedScalars.get(type)
    if (named !== undefined) {
      this.#schemas.set(...named)
      return reference(named[0])
    }
    return plainScalars.get(type) ?? { type: 'string' }
  }
}
