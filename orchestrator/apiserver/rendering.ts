// Objects and errors as HTTP answers; lists are in list-rendering.ts. Stored bytes are passed on as they are where
// the client wants plain JSON, and their metadata where it wants nothing else. Pure.

import { must, unreachable } from '../../platform/errors.js'
import { wireTypeOf } from '../api/decode.js'
import type { Kind } from '../api/kind.js'
import type { Json, JsonObject, KubeObject, ListMeta } from '../api/object.js'
import { encodeMessage, encodeProtobuf, enveloped } from '../api/protobuf/encoder.js'
import { isJsonObject } from '../api/record.js'
import type { Status } from '../api/status.js'
import { toTable } from '../api/table.js'
import { yamlText } from '../api/yaml.js'
import { bytesResponse } from './exchange.js'
import type { ApiResponse, ResponseHeaders } from './exchange.js'
import { mediaTypes } from './negotiation.js'
import type { Format, Negotiated } from './negotiation.js'
import { asJson } from './object-fields.js'
import { inVersion } from './stored-object.js'
import type { StoredObject } from './stored-object.js'

const encoder = new TextEncoder()
const newline = encoder.encode('\n')
const objectEnd = encoder.encode('}')

export const plain: Negotiated = { format: 'json', shape: { kind: 'object' } }

/** An answer made here: Status, discovery, a Scale. JSON unless `format` says otherwise. */
export function jsonResponse(
  status: number,
  body: Json | Status,
  format: Format = 'json',
  headers: ResponseHeaders = {},
): ApiResponse {
  const wire = format === 'protobuf' ? protobufOf(body as Json) : null
  if (wire !== null) return bytesResponse(status, mediaTypes.protobuf, [wire], headers)
  if (format === 'yaml') {
    const text = yamlText(body as Json)
    return bytesResponse(status, mediaTypes.yaml, [encoder.encode(text)], headers)
  }
  const text = `${JSON.stringify(body)}\n`
  return bytesResponse(status, mediaTypes.json, [encoder.encode(text)], headers)
}

/** Null for what has no message, which clients take as JSON. */
function protobufOf(body: Json): Uint8Array | null {
  const type = isJsonObject(body) ? wireTypeOf(body) : null
  return type === null ? null : encodeProtobuf(body as JsonObject, type.schema)
}

export function statusResponse(status: Status, format: Format = 'json'): ApiResponse {
  const retryAfter = status.details?.retryAfterSeconds
  const headers = retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }
  return jsonResponse(status.code ?? 200, status, format, headers)
}

/** `nowMs`: wall time, for ages in tables. */
export function objectResponse(
  status: number,
  kind: Kind,
  stored: StoredObject,
  negotiated: Negotiated,
  nowMs: number,
  headers: ResponseHeaders = {},
): ApiResponse {
  if (negotiated.format === 'json') {
    const chunks = jsonChunks(kind, stored, negotiated, nowMs)
    return bytesResponse(status, mediaTypes.json, [...chunks, newline], headers)
  }
  const bytes = objectBytes(kind, stored, negotiated, nowMs)
  return bytesResponse(status, mediaTypes[negotiated.format], [bytes], headers)
}

/** One object as JSON text, in the version of `kind`, without a line break behind it. */
export function jsonChunks(
  kind: Kind,
  kept: StoredObject,
  negotiated: Negotiated,
  nowMs: number,
): readonly Uint8Array[] {
  const { shape } = negotiated
  const stored = shape.kind === 'partial' ? kept : inVersion(kind, kept)
  if (shape.kind === 'object') return stored.chunks()
  const metadata = shape.kind === 'partial' ? stored.metadataChunks() : null
  if (shape.kind === 'partial' && metadata !== null) {
    const head = `{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/${shape.version}","metadata":`
    return [encoder.encode(head), ...metadata, objectEnd]
  }
  const shaped = shapeObject(kind, stored.glance(), negotiated, nowMs)
  return [encoder.encode(JSON.stringify(shaped))]
}

/** One object as YAML or protobuf, in the version of `kind`. */
export function objectBytes(
  kind: Kind,
  stored: StoredObject,
  negotiated: Negotiated,
  nowMs: number,
): Uint8Array {
  const { format, shape } = negotiated
  if (format === 'protobuf' && shape.kind !== 'table') {
    const head = typeOf(kind, shape)
    return Buffer.concat(enveloped(head, [messageOf(kind, stored, negotiated)]))
  }
  const shaped = shapeObject(kind, inVersion(kind, stored).glance(), negotiated, nowMs)
  return encoder.encode(format === 'yaml' ? yamlText(shaped) : JSON.stringify(shaped))
}

/** One object, or its metadata, as a protobuf message without its envelope; of what is stored it is kept. */
export function messageOf(kind: Kind, stored: StoredObject, { shape }: Negotiated): Uint8Array {
  if (shape.kind === 'partial') {
    const { metadata } = inVersion(kind, stored).glance()
    const { schema } = must(wireTypeOf(typeOf(kind, shape)), 'metadata has a message')
    return encodeMessage({ metadata: metadata as unknown as JsonObject }, schema)
  }
  const encode = (object: KubeObject) => encodeMessage(asJson(object), kind.schema)
  return kind.storedAs === undefined
    ? stored.wire(encode)
    : encode(inVersion(kind, stored).glance())
}

function typeOf(kind: Kind, shape: Exclude<Negotiated['shape'], { kind: 'table' }>) {
  return shape.kind === 'partial'
    ? { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${shape.version}` }
    : { kind: kind.kind, apiVersion: apiVersionOf(kind) }
}

/** One object in the version of `kind`: of dry runs and subresources among others. */
export function shapeObject(
  kind: Kind,
  object: KubeObject,
  negotiated: Negotiated,
  nowMs: number,
): JsonObject {
  const { shape } = negotiated
  switch (shape.kind) {
    case 'object':
      return asJson(object)
    case 'table': {
      const { resourceVersion } = object.metadata
      const meta: ListMeta = resourceVersion === undefined ? {} : { resourceVersion }
      return withVersion(toTable(kind, [object], meta, nowMs, shape.include), shape.version)
    }
    case 'partial':
      return partialObject(object, shape.version)
    default:
      return unreachable(shape)
  }
}

export function listKindOf(kind: Kind): string {
  return kind.listKind ?? `${kind.kind}List`
}

export function apiVersionOf(kind: Kind): string {
  return kind.group === '' ? kind.version : `${kind.group}/${kind.version}`
}

function partialObject(object: KubeObject, version: string): JsonObject {
  return {
    kind: 'PartialObjectMetadata',
    apiVersion: `meta.k8s.io/${version}`,
    metadata: asJson(object)['metadata'] ?? {},
  }
}

export function withVersion(table: JsonObject, version: 'v1' | 'v1beta1'): JsonObject {
  return version === 'v1' ? table : { ...table, apiVersion: `meta.k8s.io/${version}` }
}
