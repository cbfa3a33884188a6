// Objects, lists, tables and errors as HTTP answers. Stored bytes are passed on as they are where
// the client wants plain JSON. Pure.

import { stringify } from 'yaml'
import { unreachable } from '../../platform/errors.js'
import type { Kind } from '../api/kind.js'
import type { Json, JsonObject, KubeObject, ListMeta } from '../api/object.js'
import type { Status } from '../api/status.js'
import { toTable } from '../api/table.js'
import { bytesResponse } from './exchange.js'
import type { ApiResponse } from './exchange.js'
import type { Negotiated } from './negotiation.js'
import { asJson } from './object-fields.js'
import { inVersion } from './stored-object.js'
import type { StoredObject } from './stored-object.js'

const encoder = new TextEncoder()
const comma = encoder.encode(',')
const listEnd = encoder.encode(']}\n')
const newline = encoder.encode('\n')

export const plain: Negotiated = { format: 'json', shape: { kind: 'object' } }

/** An answer made here: Status, discovery, a Scale. */
export function jsonResponse(
  status: number,
  body: Json | Status,
  format: 'json' | 'yaml' = 'json',
  headers: Readonly<Record<string, string | readonly string[]>> = {},
): ApiResponse {
  if (format === 'yaml') {
    // Readers speak YAML 1.1, to whom a bare yes is a boolean.
    const text = stringify(body, { aliasDuplicateObjects: false, version: '1.1' })
    return bytesResponse(status, 'application/yaml', [encoder.encode(text)], headers)
  }
  const text = `${JSON.stringify(body)}\n`
  return bytesResponse(status, 'application/json', [encoder.encode(text)], headers)
}

export function statusResponse(status: Status, format: 'json' | 'yaml' = 'json'): ApiResponse {
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
  headers: Readonly<Record<string, string | readonly string[]>> = {},
): ApiResponse {
  const served = inVersion(kind, stored)
  if (negotiated.format === 'json' && negotiated.shape.kind === 'object') {
    return bytesResponse(status, 'application/json', [...served.chunks(), newline], headers)
  }
  const shaped = shapeObject(kind, served.object, negotiated, nowMs)
  return jsonResponse(status, shaped, negotiated.format, headers)
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
  stored: readonly StoredObject[],
  meta: ListMeta,
  negotiated: Negotiated,
  nowMs: number,
): ApiResponse {
  const { format, shape } = negotiated
  const items = stored.map(item => inVersion(kind, item))
  if (format === 'json' && shape.kind === 'object') {
    const head = `{"kind":"${kind.kind}List","apiVersion":"${apiVersionOf(kind)}","metadata":${JSON.stringify(meta)},"items":[`
    const chunks: Uint8Array[] = [encoder.encode(head)]
    for (const [index, item] of items.entries()) {
      if (index > 0) chunks.push(comma)
      chunks.push(...item.chunks())
    }
    chunks.push(listEnd)
    return bytesResponse(200, 'application/json', chunks)
  }
  const objects = items.map(item => item.object)
  if (shape.kind === 'table') {
    const table = toTable(kind, objects, meta, nowMs, shape.include)
    return jsonResponse(200, withVersion(table, shape.version), format)
  }
  const partial = shape.kind === 'partial'
  return jsonResponse(
    200,
    {
      kind: partial ? 'PartialObjectMetadataList' : `${kind.kind}List`,
      apiVersion: partial ? `meta.k8s.io/${shape.version}` : apiVersionOf(kind),
      metadata: meta as unknown as JsonObject,
      items: objects.map(object =>
        partial ? partialObject(object, shape.version) : asJson(object),
      ),
    },
    format,
  )
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

/** Writes the objects of watch events. The column headers of a table travel once a watch. */
export interface EventEncoder {
  event(type: 'ADDED' | 'MODIFIED' | 'DELETED', stored: StoredObject): readonly Uint8Array[]
  bookmark(revision: number, initialEventsEnd: boolean): Uint8Array
  error(status: Status): Uint8Array
}

export function eventEncoder(
  kind: Kind,
  negotiated: Negotiated,
  nowMs: () => number,
): EventEncoder {
  let headersSent = false
  const opening = {
    ADDED: encoder.encode('{"type":"ADDED","object":'),
    MODIFIED: encoder.encode('{"type":"MODIFIED","object":'),
    DELETED: encoder.encode('{"type":"DELETED","object":'),
  }
  const closing = encoder.encode('}\n')
  const line = (type: string, object: Json | Status) =>
    encoder.encode(`${JSON.stringify({ type, object })}\n`)
  const shaped = (object: KubeObject): JsonObject => {
    const json = shapeObject(kind, object, negotiated, nowMs())
    if (negotiated.shape.kind !== 'table') return json
    const { columnDefinitions, ...rest } = json
    if (headersSent) return { ...rest, columnDefinitions: null }
    headersSent = true
    return { ...rest, columnDefinitions }
  }
  return {
    event(type, kept) {
      const stored = inVersion(kind, kept)
      if (negotiated.shape.kind === 'object') return [opening[type], ...stored.chunks(), closing]
      return [line(type, shaped(stored.object))]
    },
    bookmark(revision, initialEventsEnd) {
      const metadata = {
        resourceVersion: String(revision),
        creationTimestamp: null,
        ...(initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
      }
      if (negotiated.shape.kind === 'table') {
        const { version } = negotiated.shape
        const apiVersion = `meta.k8s.io/${version}`
        const own = { kind: kind.kind, apiVersion: apiVersionOf(kind), metadata }
        return line('BOOKMARK', {
          kind: 'Table',
          apiVersion,
          metadata: { resourceVersion: String(revision) },
          columnDefinitions: null,
          rows: [{ cells: [], object: own }],
        })
      }
      return line('BOOKMARK', { kind: kind.kind, apiVersion: apiVersionOf(kind), metadata })
    },
    error: status => line('ERROR', status),
  }
}
