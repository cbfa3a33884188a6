// Lists and tables as HTTP answers, made in steps of a few objects while they are sent: a list of ten
// thousand must not keep everybody else waiting. What is small is made at once, with its length known.
// Stored bytes are passed on as they are where the client wants plain JSON. Pure.

import { must, unreachable } from '../../platform/errors.js'
import { wireTypeOf } from '../api/decode.js'
import type { Kind } from '../api/kind.js'
import { listSchema } from '../api/list-schema.js'
import type { JsonObject, ListMeta } from '../api/object.js'
import { envelopedList } from '../api/protobuf/encoder.js'
import { toTable } from '../api/table.js'
import { bytesResponse, piecesResponse } from './exchange.js'
import type { ApiResponse } from './exchange.js'
import { mediaTypes } from './negotiation.js'
import type { Negotiated } from './negotiation.js'
import {
  apiVersionOf,
  jsonChunks,
  jsonResponse,
  listKindOf,
  messageOf,
  shapeObject,
  withVersion,
} from './rendering.js'
import { inVersion } from './stored-object.js'
import type { StoredObject } from './stored-object.js'

const encoder = new TextEncoder()
const comma = encoder.encode(',')
const listEnd = encoder.encode(']}\n')
const nothing = new Uint8Array()

/** Lists of up to so many objects are made at once. */
const atOnceMax = 100
/** Objects a step. The slowest takes a quarter of a millisecond. */
const stepObjects = 16

export function listResponse(
  kind: Kind,
  items: readonly StoredObject[],
  meta: ListMeta,
  negotiated: Negotiated,
  nowMs: number,
): ApiResponse {
  const { format } = negotiated
  const list = { kind, items, meta, negotiated, nowMs }
  // Nobody asks for long lists of YAML.
  if (format === 'yaml') return jsonResponse(200, wholeList(list), format)
  const pieces = format === 'protobuf' ? protobufPieces(list) : jsonPieces(list)
  if (items.length > atOnceMax) return piecesResponse(mediaTypes[format], pieces)
  return bytesResponse(200, mediaTypes[format], [...pieces])
}

interface List {
  readonly kind: Kind
  readonly items: readonly StoredObject[]
  readonly meta: ListMeta
  readonly negotiated: Negotiated
  readonly nowMs: number
}

function wholeList({ kind, items, meta, negotiated, nowMs }: List): JsonObject {
  const { shape } = negotiated
  if (shape.kind === 'table') {
    const objects = items.map(item => inVersion(kind, item).glance())
    return withVersion(toTable(kind, objects, meta, nowMs, shape.include), shape.version)
  }
  return {
    ...listHead({ kind, meta, negotiated }),
    items: items.map(item => shapeObject(kind, inVersion(kind, item).glance(), negotiated, nowMs)),
  }
}

function listHead({ kind, meta, negotiated }: Pick<List, 'kind' | 'meta' | 'negotiated'>) {
  const { shape } = negotiated
  const partial = shape.kind === 'partial'
  return {
    kind: partial ? 'PartialObjectMetadataList' : listKindOf(kind),
    apiVersion: partial ? `meta.k8s.io/${shape.version}` : apiVersionOf(kind),
    metadata: meta as unknown as JsonObject,
  }
}

function* jsonPieces(list: List): Generator<Uint8Array, void> {
  const { kind, meta, negotiated, nowMs } = list
  const { shape } = negotiated
  switch (shape.kind) {
    case 'table': {
      const { rows: _, ...table } = toTable(kind, [], meta, nowMs, shape.include)
      yield openedAt('rows', withVersion(table, shape.version))
      yield* itemPieces(list, item => [rowText(list, item, shape.include)])
      break
    }
    case 'object':
    case 'partial':
      yield openedAt('items', listHead(list))
      yield* itemPieces(list, item => jsonChunks(kind, item, negotiated, nowMs))
      break
    default:
      unreachable(shape)
  }
  yield listEnd
}

/** JSON text up to the first element of an array that is its last field. */
function openedAt(field: string, head: JsonObject): Uint8Array {
  return encoder.encode(`${JSON.stringify(head).slice(0, -1)},"${field}":[`)
}

function rowText(
  { kind, meta, nowMs }: List,
  item: StoredObject,
  include: Parameters<typeof toTable>[4],
): Uint8Array {
  const { rows } = toTable(kind, [inVersion(kind, item).glance()], meta, nowMs, include)
  return encoder.encode(JSON.stringify(rows).slice(1, -1))
}

function* itemPieces(
  { items }: List,
  chunksOf: (item: StoredObject) => readonly Uint8Array[],
): Generator<Uint8Array, void> {
  for (let from = 0; from < items.length; from += stepObjects) {
    const step: Uint8Array[] = []
    for (const [at, item] of items.slice(from, from + stepObjects).entries()) {
      if (from + at > 0) step.push(comma)
      step.push(...chunksOf(item))
    }
    yield Buffer.concat(step)
  }
}

/** The envelope says first how long everything is, so that all of it is made before the first byte. */
function* protobufPieces(list: List): Generator<Uint8Array, void> {
  const { kind, items, negotiated } = list
  const head = listHead(list)
  const partial = negotiated.shape.kind === 'partial'
  const schema = partial
    ? must(wireTypeOf(head), 'lists of metadata have a message').schema
    : listSchema(kind.schema)
  const messages: Uint8Array[] = []
  for (let from = 0; from < items.length; from += stepObjects) {
    for (const item of items.slice(from, from + stepObjects)) {
      messages.push(messageOf(kind, item, negotiated))
    }
    yield nothing
  }
  yield* envelopedList(head, schema, messages)
}
