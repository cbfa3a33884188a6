// Holds a value against the schema of its type: fields nobody knows are dropped and reported, nulls
// mean absent, and a value of the wrong type is an error in the words of Go's decoder.
// Counterpart: the typed decoding of k8s.io/apimachinery, with its strict mode.

import { unreachable } from '../../../platform/errors.js'
import { isBase64 } from '../base64.js'
import type { CheckedShape, FieldError } from '../kind.js'
import type { Json, JsonObject } from '../object.js'
import { canonicalQuantity, quantityPattern } from '../quantity.js'
import { isJsonObject, put } from '../record.js'
import type {
  FieldSchema,
  ListSchema,
  MapSchema,
  ScalarSchema,
  StructSchema,
  TypeSchema,
  UnionSchema,
} from '../schema.js'
import { formatMicroTime, formatTime, parseTime } from '../time.js'
import { typeInvalid } from '../validation/field-errors.js'

/** More of either is noise, and an answer has limits too. */
export const findingsMax = 100

const int32Max = 2 ** 31 - 1

/** The struct that a value stands in, and its field: what Go's messages name. */
interface Place {
  readonly struct: string
  readonly path: string
}

class ShapeChecker {
  readonly unknownFields: string[] = []
  readonly typeErrors: FieldError[] = []

  #wrong(place: Place, message: string): undefined {
    if (this.typeErrors.length < findingsMax) {
      this.typeErrors.push(typeInvalid(place.path, message))
    }
  }

  #mismatch(value: Json, type: TypeSchema, place: Place): undefined {
    const field = place.path.replace(/\[[0-9]+\]/g, '')
    const into = field === '' ? 'Go value' : `Go struct field ${place.struct}.${field}`
    this.#wrong(
      place,
      `json: cannot unmarshal ${jsonTypeOf(value)} into ${into} of type ${goType(type)}`,
    )
  }

  check(value: Json, type: TypeSchema, place: Place): Json | undefined {
    if (type.type === 'struct') return this.struct(value, type, place)
    if (type.type === 'list') return this.#list(value, type, place)
    if (type.type === 'map') return this.#map(value, type, place)
    if (type.type === 'union') return this.#union(value, type, place)
    return this.#scalar(value, type, place)
  }

  struct(value: Json, type: StructSchema, place: Place): JsonObject | undefined {
    if (!isJsonObject(value)) return this.#mismatch(value, type, place)
    const result: { [key: string]: Json } = {}
    for (const key of Object.keys(value)) {
      const path = place.path === '' ? key : `${place.path}.${key}`
      const field = type.fields.get(key)
      const inner = value[key]
      if (field === undefined) {
        if (this.unknownFields.length < findingsMax) this.unknownFields.push(path)
      } else if (inner !== null && inner !== undefined) {
        const checked = this.check(inner, field.type, { struct: shortName(type), path })
        if (checked !== undefined && !isLeftOut(checked, field)) put(result, key, checked)
      }
    }
    for (const [name, field] of type.guaranteed) {
      if (Object.hasOwn(result, name)) continue
      const path = place.path === '' ? name : `${place.path}.${name}`
      const inner = this.check(emptyOf(field.type) ?? null, field.type, {
        struct: shortName(type),
        path,
      })
      if (inner !== undefined) put(result, name, inner)
    }
    return result
  }

  #list(value: Json, type: ListSchema, place: Place): Json | undefined {
    if (!Array.isArray(value)) return this.#mismatch(value, type, place)
    const items = value as readonly Json[]
    return items.map((item, index) => {
      const at = { struct: place.struct, path: `${place.path}[${index}]` }
      return (item === null ? emptyOf(type.items) : this.check(item, type.items, at)) ?? null
    })
  }

  #map(value: Json, type: MapSchema, place: Place): Json | undefined {
    if (!isJsonObject(value)) return this.#mismatch(value, type, place)
    const result: { [key: string]: Json } = {}
    for (const key of Object.keys(value)) {
      const at = { struct: place.struct, path: `${place.path}.${key}` }
      const inner = value[key] ?? null
      const checked = inner === null ? emptyOf(type.values) : this.check(inner, type.values, at)
      if (checked !== undefined) put(result, key, checked)
    }
    return result
  }

  #union(value: Json, type: UnionSchema, place: Place): Json | undefined {
    if (typeof value === 'boolean' && type.bool) return value
    if (Array.isArray(value) && type.list !== null) return this.#list(value, type.list, place)
    return isJsonObject(value)
      ? this.struct(value, type.struct, place)
      : this.#mismatch(value, type, place)
  }

  #scalar(value: Json, type: ScalarSchema, place: Place): Json | undefined {
    switch (type.type) {
      case 'string':
        return typeof value === 'string' ? value : this.#mismatch(value, type, place)
      case 'bool':
        return typeof value === 'boolean' ? value : this.#mismatch(value, type, place)
      case 'double':
        return typeof value === 'number' ? value : this.#mismatch(value, type, place)
      case 'int32':
        return isInt32(value) ? value : this.#mismatch(value, type, place)
      case 'int64':
        return Number.isSafeInteger(value) ? value : this.#mismatch(value, type, place)
      case 'int-or-string':
        if (typeof value === 'string' || isInt32(value)) return value
        return this.#mismatch(value, type, place)
      case 'bytes':
        if (typeof value !== 'string') return this.#mismatch(value, type, place)
        return isBase64(value) ? value : this.#wrong(place, 'illegal base64 data at input byte 0')
      case 'quantity':
        return this.#quantity(value, place)
      case 'time':
      case 'micro-time':
        return this.#time(value, type, place)
      case 'fields-v1':
      case 'raw':
        return isJsonObject(value) ? value : this.#mismatch(value, type, place)
      case 'json':
        return value
      default:
        return unreachable(type.type)
    }
  }

  #quantity(value: Json, place: Place): Json | undefined {
    const text = typeof value === 'number' ? String(value) : value
    const canonical = typeof text === 'string' ? canonicalQuantity(text.trim()) : null
    if (canonical !== null) return canonical
    return this.#wrong(place, `quantities must match the regular expression '${quantityPattern}'`)
  }

  #time(value: Json, type: ScalarSchema, place: Place): Json | undefined {
    if (typeof value !== 'string') return this.#mismatch(value, type, place)
    // The original's zero time: absent.
    if (value === '') return undefined
    const time = parseTime(value)
    if (time === null) {
      const layout =
        type.type === 'time' ? '2006-01-02T15:04:05Z07:00' : '2006-01-02T15:04:05.000000Z07:00'
      const shown = JSON.stringify(value.slice(0, 100))
      return this.#wrong(place, `parsing time ${shown} as "${layout}": cannot parse it`)
    }
    return type.type === 'time' ? formatTime(time) : formatMicroTime(time)
  }
}

function isInt32(value: Json): value is number {
  return Number.isInteger(value) && Math.abs(value as number) <= int32Max
}

/** Go's omitempty: such a value was never told apart from an absent one. Structs are never empty. */
function isLeftOut(value: Json, { type, presence }: FieldSchema): boolean {
  if (presence !== 'omitempty') return false
  switch (type.type) {
    case 'string':
    case 'bytes':
      return value === ''
    case 'bool':
      return value === false
    case 'int32':
    case 'int64':
    case 'double':
      return value === 0
    case 'list':
      return Array.isArray(value) && value.length === 0
    case 'map':
      return isJsonObject(value) && Object.keys(value).length === 0
    case 'struct':
    case 'quantity':
    case 'int-or-string':
    case 'time':
    case 'micro-time':
    case 'raw':
    case 'json':
    case 'fields-v1':
    case 'union':
      return false
    default:
      return unreachable(type)
  }
}

/** What null means inside a list or map: the type's empty value. */
function emptyOf(type: TypeSchema): Json | undefined {
  switch (type.type) {
    case 'string':
    case 'bytes':
      return ''
    case 'bool':
      return false
    case 'int32':
    case 'int64':
    case 'double':
    case 'int-or-string':
      return 0
    case 'quantity':
      return '0'
    case 'list':
      return []
    case 'map':
    case 'struct':
    case 'raw':
    case 'fields-v1':
    case 'union':
      return {}
    case 'json':
      return null
    case 'time':
    case 'micro-time':
      return undefined
    default:
      return unreachable(type)
  }
}

function jsonTypeOf(value: Json): string {
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'number' && !Number.isInteger(value)) return `number ${value}`
  return value === null ? 'null' : typeof value
}

function shortName(struct: StructSchema): string {
  return struct.name.slice(struct.name.lastIndexOf('.') + 1)
}

function goType(type: TypeSchema): string {
  switch (type.type) {
    case 'struct':
      return `v1.${shortName(type)}`
    case 'list':
      return `[]${goType(type.items)}`
    case 'map':
      return `map[string]${goType(type.values)}`
    case 'double':
      return 'float64'
    case 'bytes':
      return '[]uint8'
    case 'quantity':
      return 'resource.Quantity'
    case 'int-or-string':
      return 'intstr.IntOrString'
    case 'time':
      return 'v1.Time'
    case 'micro-time':
      return 'v1.MicroTime'
    case 'fields-v1':
      return 'v1.FieldsV1'
    case 'raw':
      return 'runtime.RawExtension'
    case 'json':
      return 'v1.JSON'
    case 'union':
      return `v1.${type.name.slice(type.name.lastIndexOf('.') + 1)}`
    case 'string':
    case 'bool':
    case 'int32':
    case 'int64':
      return type.type
    default:
      return unreachable(type)
  }
}

export function checkStruct(schema: StructSchema, value: Json): CheckedShape {
  const checker = new ShapeChecker()
  const object = checker.struct(value, schema, { struct: shortName(schema), path: '' }) ?? {}
  const { unknownFields, typeErrors } = checker
  return { object, unknownFields, typeErrors }
}
