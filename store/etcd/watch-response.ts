// Answers on a watch stream as bytes. An event is encoded once for all watchers that get it: it stands
// last in the message, so that an answer is a short head and the events' bytes behind it.

import protobuf from 'protobufjs/minimal.js'
import type { ResponseHeader, WatchEvent } from '../core/types.js'
import { Event } from './messages/kv.js'
import { WatchResponse } from './messages/watch.js'

/** What an answer says beside its events. */
export interface WatchHead {
  readonly header: ResponseHeader
  readonly watchId: number
  readonly created?: boolean
  readonly canceled?: boolean
  readonly compactRevision?: number
  readonly cancelReason?: string
  readonly fragment?: boolean
}

const eventTag = (11 << 3) | 2
const eventTypes = { put: 0, delete: 1 } as const

const encodedEvents = new WeakMap<WatchEvent, Uint8Array>()

/** With tag and length, as it stands in the answer. */
export function encodedEvent(event: WatchEvent): Uint8Array {
  let bytes = encodedEvents.get(event)
  if (bytes === undefined) {
    const { kv, prevKv } = event
    const writer = protobuf.Writer.create().uint32(eventTag).fork()
    Event.write(writer, { type: eventTypes[event.kind], kv, prevKv })
    bytes = writer.ldelim().finish()
    encodedEvents.set(event, bytes)
  }
  return bytes
}

export function watchResponse(head: WatchHead, events: readonly Uint8Array[] = []): Uint8Array {
  const start = WatchResponse.encode(head)
  return events.length === 0 ? start : Buffer.concat([start, ...events])
}
