// The events of a watch as bytes: lines of JSON, or frames of protobuf. Counterpart: the WatchServer of
// endpoints/handlers. The column headers of a table travel once a watch.

import { unreachable } from '../../platform/errors.js'
import type { Kind } from '../api/kind.js'
import type { JsonObject, KubeObject } from '../api/object.js'
import { encodeProtobuf, encodeWatchFrame } from '../api/protobuf/encoder.js'
import type { Status } from '../api/status.js'
import { statusType } from '../api/wire-types.js'
import { mediaTypes } from './negotiation.js'
import type { Negotiated } from './negotiation.js'
import { asJson } from './object-fields.js'
import { apiVersionOf, jsonChunks, objectBytes, shapeObject } from './rendering.js'
import { encodeObject, inVersion, StoredObject } from './stored-object.js'

export interface EventEncoder {
  readonly contentType: string
  event(type: 'ADDED' | 'MODIFIED' | 'DELETED', stored: StoredObject): readonly Uint8Array[]
  bookmark(revision: number, initialEventsEnd: boolean): Uint8Array
  error(status: Status): Uint8Array
}

const encoder = new TextEncoder()

/** `negotiated.format` is one that has frames. */
export function eventEncoder(
  kind: Kind,
  negotiated: Negotiated,
  nowMs: () => number,
): EventEncoder {
  return negotiated.format === 'protobuf'
    ? frameEncoder(kind, negotiated, nowMs)
    : lineEncoder(kind, negotiated, nowMs)
}

function frameEncoder(kind: Kind, negotiated: Negotiated, nowMs: () => number): EventEncoder {
  const frame = (type: string, stored: StoredObject) =>
    encodeWatchFrame(type, objectBytes(kind, stored, negotiated, nowMs()))
  return {
    contentType: `${mediaTypes.protobuf};stream=watch`,
    event: (type, stored) => [frame(type, stored)],
    bookmark(revision, initialEventsEnd) {
      const object = emptyObject(kind, revision, initialEventsEnd)
      return frame('BOOKMARK', new StoredObject('', revision, encodeObject(object)))
    },
    error: status =>
      encodeWatchFrame('ERROR', encodeProtobuf(status as unknown as JsonObject, statusType.schema)),
  }
}

function lineEncoder(kind: Kind, negotiated: Negotiated, nowMs: () => number): EventEncoder {
  const { shape } = negotiated
  let headersSent = false
  const opening = {
    ADDED: encoder.encode('{"type":"ADDED","object":'),
    MODIFIED: encoder.encode('{"type":"MODIFIED","object":'),
    DELETED: encoder.encode('{"type":"DELETED","object":'),
  }
  const closing = encoder.encode('}\n')
  const line = (type: string, object: JsonObject | Status) =>
    encoder.encode(`${JSON.stringify({ type, object })}\n`)
  const row = (object: KubeObject): JsonObject => {
    const { columnDefinitions, ...rest } = shapeObject(kind, object, negotiated, nowMs())
    if (headersSent) return { ...rest, columnDefinitions: null }
    headersSent = true
    return { ...rest, columnDefinitions }
  }
  return {
    contentType: mediaTypes.json,
    event(type, stored) {
      if (shape.kind === 'table') return [line(type, row(inVersion(kind, stored).object))]
      return [opening[type], ...jsonChunks(kind, stored, negotiated, nowMs()), closing]
    },
    bookmark(revision, initialEventsEnd) {
      const object = asJson(emptyObject(kind, revision, initialEventsEnd))
      switch (shape.kind) {
        case 'object':
          return line('BOOKMARK', object)
        case 'partial':
          return line('BOOKMARK', {
            ...object,
            kind: 'PartialObjectMetadata',
            apiVersion: `meta.k8s.io/${shape.version}`,
          })
        case 'table':
          return line('BOOKMARK', {
            kind: 'Table',
            apiVersion: `meta.k8s.io/${shape.version}`,
            metadata: { resourceVersion: String(revision) },
            columnDefinitions: null,
            rows: [{ cells: [], object }],
          })
        default:
          return unreachable(shape)
      }
    },
    error: status => line('ERROR', status),
  }
}

/** What a bookmark carries: an object that is nothing but a version. */
function emptyObject(kind: Kind, revision: number, initialEventsEnd: boolean): KubeObject {
  const metadata = {
    resourceVersion: String(revision),
    creationTimestamp: null,
    ...(initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
  }
  return {
    kind: kind.kind,
    apiVersion: apiVersionOf(kind),
    metadata: metadata as unknown as KubeObject['metadata'],
  }
}
