// Answers on a watch stream as bytes. Events stand last in the message, so that an answer is a short head
// and behind it the bytes of its events, which are made once for all watchers that get them.

import protobuf from 'protobufjs/minimal.js'
import type { ResponseHeader, WatchEvent } from '../core/types.js'
import { SharedEncodings } from '../server/shared-encodings.js'
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

/** With tag and length, as it stands in the answer. */
const encodings = new SharedEncodings(({ kind, kv, prevKv }: WatchEvent) => {
  const writer = protobuf.Writer.create().uint32(eventTag).fork()
  Event.write(writer, { type: eventTypes[kind], kv, prevKv })
  return writer.ldelim().finish()
})

export function watchResponse(head: WatchHead, events: readonly WatchEvent[] = []): Uint8Array {
  const start = WatchResponse.encode(head)
  if (events.length === 0) return start
  return Buffer.concat([start, ...events.map(event => encodings.of(event))])
}
