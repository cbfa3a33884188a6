// A watch as an answer that does not end by itself: where it begins, for how long it may last, and when the kind
// that it is of has changed or gone. Counterpart: endpoints/handlers/watch.go.

import { eventEncoder } from './event-encoder.js'
import { ApiError } from '../api/status.js'
import type { ApiResponse, BodySink } from './exchange.js'
import { collectionPrefix, resourceOfKind } from './keys.js'
import { compileFilter } from './object-filter.js'
import { parseListOptions } from './query-options.js'
import type { Call, EndpointServices } from './resource-endpoints.js'
import { WatchStream } from './watch-stream.js'

/** A watch lives for half an hour to an hour unless its client says otherwise. */
const watchMsMin = 30 * 60_000

/** Throws ApiError, but for a beginning that is gone. */
export async function watchResponse(services: EndpointServices, call: Call): Promise<ApiResponse> {
  const { info, kind } = call
  const { cache, clock, random, reader, watches, conversions, kinds } = services
  const options = parseListOptions(info.query, true)
  const filter = compileFilter(kind, options.labelSelector, options.fieldSelector, info.name)
  const encoder = eventEncoder(kind, call.negotiated, () => clock.wallMs())
  const answer = (open: (sink: BodySink) => () => void): ApiResponse => ({
    status: 200,
    headers: { 'content-type': encoder.contentType, 'cache-control': 'no-cache, private' },
    body: { kind: 'stream', open },
  })
  const ticket = watches.enter()
  try {
    const start = await reader.startWatch(kind, info.namespace, options, filter)
    const resource = resourceOfKind(kind)
    const timeoutMs =
      options.timeoutSeconds > 0
        ? Math.min(options.timeoutSeconds * 1000, 2 * watchMsMin)
        : watchMsMin + random.integer(watchMsMin)
    return answer(sink => {
      const stream = new WatchStream(
        {
          cache,
          resource,
          prefix: collectionPrefix(resource, kind.namespaced ? info.namespace : ''),
          filter,
          start,
          encoder,
          bookmarks: options.allowWatchBookmarks,
          initialEventsEnd: options.sendInitialEvents === true && options.allowWatchBookmarks,
          timeoutMs,
          clock,
          convert: needed => conversions.ask([needed]),
          onClose: () => {
            unlisten()
            ticket.leave()
          },
        },
        sink,
      )
      // The client finds out by its next watch whether the kind has changed or gone.
      const unlisten = kinds.onChange(() => {
        if (!kinds.serves(kind)) stream.close()
      })
      ticket.attach(stream)
      return () => stream.abandon()
    })
  } catch (error) {
    ticket.leave()
    if (!(error instanceof ApiError && error.status.code === 410)) throw error
    // What a watch of the original says of a beginning that is gone is its only event.
    return answer(sink => {
      sink.write(encoder.error(error.status))
      sink.end()
      return () => {}
    })
  }
}
