// From the bytes of a request to an object that can be trusted to have the shape of its kind.
// Counterpart: the serializers of k8s.io/apimachinery. Whether unknown fields are ignored, warned
// about or refused is decided by the caller, from the request's fieldValidation.

import { unreachable } from '../../platform/errors.js'
import { decodeProtobuf, ProtobufError } from './protobuf/decoder.js'
import { JsonTextError, parseJsonText } from './decode/json-text.js'
import type { ParsedText } from './decode/json-text.js'
import { checkStruct } from './decode/shape.js'
import { parseYamlText } from './decode/yaml-text.js'
import { findKindByName } from './kinds.js'
import type { CheckedShape, FieldError, GroupVersionKind } from './kind.js'
import { listSchema } from './list-schema.js'
import type { Json, JsonObject } from './object.js'
import type { ApiError } from './status.js'
import { badRequest, requestEntityTooLarge, unsupportedMediaType } from './status.js'
import type { WireType } from './wire-types.js'
import { wireTypes } from './wire-types.js'

export type { CheckedShape } from './kind.js'
export type { WireType } from './wire-types.js'

/** As the original: 3 MiB. */
export const bodyBytesMax = 3 * 1024 * 1024

const jsonTypes = ['application/json']
const yamlTypes = ['application/yaml', 'application/apply-patch+yaml']
const protobufTypes = ['application/vnd.kubernetes.protobuf']

/** Media types that parseBody reads. */
export const bodyMediaTypes: readonly string[] = [
  'application/json',
  'application/yaml',
  'application/vnd.kubernetes.protobuf',
]

type Format = 'json' | 'yaml' | 'protobuf'

function formatOf(contentType: string): Format {
  const mediaType = (contentType.split(';', 1)[0] ?? '').trim().toLowerCase()
  // kubectl sends some bodies without any type; and so do people with curl.
  if (mediaType === '' || jsonTypes.includes(mediaType)) return 'json'
  if (mediaType.endsWith('+json')) return 'json'
  if (yamlTypes.includes(mediaType)) return 'yaml'
  if (protobufTypes.includes(mediaType)) return 'protobuf'
  throw unsupportedMediaType(bodyMediaTypes)
}

/**
 * A request body as JSON, with the keys that it names twice (of those the last counts).
 * `contentType` '' stands for JSON.
 * @throws ApiError BadRequest, UnsupportedMediaType or RequestEntityTooLarge
 */
export function parseBody(bytes: Uint8Array, contentType: string): ParsedText {
  const format = formatOf(contentType)
  if (bytes.length > bodyBytesMax) throw requestEntityTooLarge(bodyBytesMax)
  try {
    return parseFormat(bytes, format)
  } catch (error) {
    if (error instanceof JsonTextError || error instanceof ProtobufError) {
      throw badRequest(`the object provided is unrecognized (${format}): ${error.message}`)
    }
    throw error
  }
}

function parseFormat(bytes: Uint8Array, format: Format): ParsedText {
  switch (format) {
    case 'json':
      return parseJsonText(textOf(bytes))
    case 'yaml':
      return parseYamlText(textOf(bytes))
    case 'protobuf':
      return { value: decodeProtobuf(bytes, findWireType), duplicateFields: [] }
    default:
      return unreachable(format)
  }
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new JsonTextError('the text is not UTF-8')
  }
}

/** Stored kinds, those that only travel, and lists of both; null for what we do not know. */
export function findWireType(group: string, version: string, kind: string): WireType | null {
  const stored = findKindByName(group, version, kind)
  if (stored !== null) return stored
  // DeleteOptions are sent under the group and version of the resource they are about.
  const other = wireTypes.find(type => {
    if (type.kind !== kind) return false
    return kind === 'DeleteOptions' || (type.group === group && type.version === version)
  })
  if (other !== undefined) return other
  const items = kind.endsWith(listSuffix)
    ? findWireType(group, version, kind.slice(0, -listSuffix.length))
    : null
  return items === null ? null : { group, version, kind, schema: listSchema(items.schema) }
}

const listSuffix = 'List'

/** The type that an object says it is of; null for what we do not know. */
export function wireTypeOf({ apiVersion, kind }: JsonObject): WireType | null {
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') return null
  const slash = apiVersion.indexOf('/')
  return findWireType(apiVersion.slice(0, Math.max(slash, 0)), apiVersion.slice(slash + 1), kind)
}

/** Prunes and checks a parsed body; see CheckedShape. Every Kind is a WireType. */
export function checkShape(type: WireType, value: Json): CheckedShape {
  return type.checkShape?.(value) ?? checkStruct(type.schema, value)
}

function unhandled({ version, kind }: GroupVersionKind, why: string): ApiError {
  return badRequest(`${kind} in version "${version}" cannot be handled as a ${kind}: ${why}`)
}

/** The 400 for a body whose fields have the wrong types. `errors` must not be empty. */
export function typeError(type: GroupVersionKind, errors: readonly FieldError[]): ApiError {
  return unhandled(type, errors[0]?.message ?? '')
}

/** The texts of Warning headers: `unknown field "spec.foo"`, `duplicate field "spec.bar"`. */
export function fieldWarnings(
  unknownFields: readonly string[],
  duplicateFields: readonly string[],
): readonly string[] {
  return [
    ...duplicateFields.map(path => `duplicate field "${path}"`),
    ...unknownFields.map(path => `unknown field "${path}"`),
  ]
}

/** The 400 of fieldValidation=Strict. `warnings` are those of fieldWarnings, and not empty. */
export function strictError(type: GroupVersionKind, warnings: readonly string[]): ApiError {
  return unhandled(type, `strict decoding error: ${warnings.join(', ')}`)
}
