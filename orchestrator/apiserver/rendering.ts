// Objects, lists, tables and errors as HTTP answers. Stored bytes are passed on as they are where
// the client wants plain JSON, and their metadata where it wants nothing else. Pure.

import { unreachable } from '../../platform/errors.js'
import { wireTypeOf } from '../api/decode.js'
import type { Kind } from '../api/kind.js'
import { listSchema } from '../api/list-schema.js'
import type { Json, JsonObject, KubeObject, ListMeta } from '../api/object.js'
import { encodeProtobuf } from '../api/protobuf/encoder.js'
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
const comma = encoder.encode(',')
const listEnd = encoder.encode(']}\n')
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
  const shaped = shapeObject(kind, stored.object, negotiated, nowMs)
  return [encoder.encode(JSON.stringify(shaped))]
}

/** One object as YAML or protobuf, in the version of `kind`. */
export function objectBytes(
  kind: Kind,
  stored: StoredObject,
  negotiated: Negotiated,
  nowMs: number,
): Uint8Array {
  const shaped = shapeObject(kind, inVersion(kind, stored).object, negotiated, nowMs)
  if (negotiated.format === 'yaml') return encoder.encode(yamlText(shaped))
  if (negotiated.shape.kind === 'object') return encodeProtobuf(shaped, kind.schema)
  return protobufOf(shaped) ?? encoder.encode(JSON.stringify(shaped))
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

export function listResponse(
  kind: Kind,
  items: readonly StoredObject[],
  meta: ListMeta,
  negotiated: Negotiated,
  nowMs: number,
): ApiResponse {
  const { format, shape } = negotiated
  if (shape.kind === 'table') {
    const objects = items.map(item => inVersion(kind, item).object)
    const table = toTable(kind, objects, meta, nowMs, shape.include)
    return jsonResponse(200, withVersion(table, shape.version), format)
  }
  const partial = shape.kind === 'partial'
  const typed = {
    kind: partial ? 'PartialObjectMetadataList' : listKindOf(kind),
    apiVersion: partial ? `meta.k8s.io/${shape.version}` : apiVersionOf(kind),
    metadata: meta as unknown as JsonObject,
  }
  if (format === 'json') {
    const head = JSON.stringify(typed).slice(0, -1)
    const chunks: Uint8Array[] = [encoder.encode(`${head},"items":[`)]
    for (const [index, item] of items.entries()) {
      if (index > 0) chunks.push(comma)
      chunks.push(...jsonChunks(kind, item, negotiated, nowMs))
    }
    chunks.push(listEnd)
    return bytesResponse(200, mediaTypes.json, chunks)
  }
  const list = {
    ...typed,
    items: items.map(item => shapeObject(kind, inVersion(kind, item).object, negotiated, nowMs)),
  }
  if (format === 'protobuf' && !partial) {
    const bytes = encodeProtobuf(list, listSchema(kind.schema))
    return bytesResponse(200, mediaTypes.protobuf, [bytes])
  }
  return jsonResponse(200, list, format)
}

function listKindOf(kind: Kind): string {
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

function withVersion(table: JsonObject, version: 'v1' | 'v1beta1'): JsonObject {
  return version === 'v1' ? table : { ...table, apiVersion: `meta.k8s.io/${version}` }
}
