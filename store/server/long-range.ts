// A range in pages, all at the revision of the first: nothing else waits for a long list, and a
// slow reader holds one page and not the list. Pages are cut only where the order is that of keys;
// anything sorted or filtered is answered in one piece.

import { RaftsmanError } from '../../platform/errors.js'
import type { Clock } from '../../platform/clock.js'
import { CompactedError } from '../core/errors.js'
import type { Replica as Machine } from '../core/replica.js'
import type { KeyValue, RangeRequest, RangeResponse } from '../core/types.js'
import { creditOf, protocolLimits } from '../protocol.js'
import type { Requester } from './requester.js'

const pageKeys = 512
/** Socket bytes above which the next page waits. */
const bufferedBytesMax = 4 * 1024 * 1024
const bufferedRetryMs = 5

export interface RangeSink {
  /** Key-values ahead of the answer. */
  readonly part: (kvs: readonly KeyValue[]) => void
  readonly done: (error: RaftsmanError | null, response?: RangeResponse) => void
}

export interface RangeContext {
  readonly machine: Machine
  readonly clock: Clock
  readonly reader: Pick<Requester, 'open' | 'bufferedBytes'>
}

/** Answers `sink.done` once, at once for short ranges; nothing when the reader has gone. */
export function answerRange(request: RangeRequest, context: RangeContext, sink: RangeSink): void {
  if (!isPageable(request)) {
    const response = attempt(() => context.machine.range(request), sink)
    if (response !== null) sendWhole(response, sink)
    return
  }
  const limit = request.limit ?? 0
  const first = attempt(
    () => context.machine.range({ ...request, limit: pageLimit(limit, 0) }),
    sink,
  )
  if (first === null) return
  if (!first.more || first.kvs.length === limit) {
    sendWhole(first, sink)
    return
  }
  sendParts(first.kvs, sink)
  const revision = request.revision || first.header.revision
  nextPage({ request, context, sink, first, revision, limit, sent: first.kvs.length })
}

interface Progress {
  readonly request: RangeRequest
  readonly context: RangeContext
  readonly sink: RangeSink
  readonly first: RangeResponse
  readonly revision: number
  readonly limit: number
  readonly sent: number
  readonly last?: Uint8Array
}

function nextPage(progress: Progress): void {
  const { clock, reader } = progress.context
  const run = () => {
    if (!reader.open) return
    if (reader.bufferedBytes > bufferedBytesMax) clock.setTimer(bufferedRetryMs, run)
    else page(progress)
  }
  clock.defer(run)
}

function page(progress: Progress): void {
  const { request, context, sink, first, revision, limit, sent } = progress
  const last = progress.last ?? first.kvs.at(-1)?.key
  if (last === undefined) {
    sink.done(null, first)
    return
  }
  // The next key after `last` is `last` and a zero byte.
  const key = new Uint8Array(last.length + 1)
  key.set(last)
  const response = attempt(
    () => context.machine.range({ ...request, key, revision, limit: pageLimit(limit, sent) }),
    { ...sink, done: error => sink.done(interrupted(request, error)) },
  )
  if (response === null) return
  const total = sent + response.kvs.length
  if (response.more && total !== limit) {
    sendParts(response.kvs, sink)
    const lastKey = response.kvs.at(-1)?.key
    nextPage({ ...progress, sent: total, ...(lastKey === undefined ? {} : { last: lastKey }) })
    return
  }
  // The header and the count are those of the first page, the moment that the range describes.
  sendWhole({ ...first, kvs: response.kvs, more: response.more }, sink)
}

/** Who asked for the newest state did nothing wrong when a compaction overtook the pages. */
function interrupted(request: RangeRequest, error: RaftsmanError | null): RaftsmanError | null {
  if (!(error instanceof CompactedError) || (request.revision ?? 0) !== 0) return error
  return new RaftsmanError('a compaction overtook the range; ask again', {
    code: 'range-interrupted',
    retryable: true,
    outcome: 'not-applied',
  })
}

function pageLimit(limit: number, sent: number): number {
  return limit === 0 ? pageKeys : Math.min(pageKeys, limit - sent)
}

function isPageable(request: RangeRequest): boolean {
  return (
    request.end !== undefined &&
    request.countOnly !== true &&
    (request.limit === undefined || request.limit === 0 || request.limit > pageKeys) &&
    (request.sortOrder ?? 'none') === 'none' &&
    (request.minModRevision ?? 0) === 0 &&
    (request.maxModRevision ?? 0) === 0 &&
    (request.minCreateRevision ?? 0) === 0 &&
    (request.maxCreateRevision ?? 0) === 0
  )
}

function attempt(range: () => RangeResponse, sink: RangeSink): RangeResponse | null {
  try {
    return range()
  } catch (error) {
    if (!(error instanceof RaftsmanError)) throw error
    sink.done(error)
    return null
  }
}

function sendWhole(response: RangeResponse, sink: RangeSink): void {
  const rest = sendParts(response.kvs, sink, true)
  sink.done(null, rest === response.kvs ? response : { ...response, kvs: rest })
}

/** Cuts key-values into parts of the protocol's length; with `keepRest` the last part is returned. */
function sendParts(
  kvs: readonly KeyValue[],
  sink: RangeSink,
  keepRest = false,
): readonly KeyValue[] {
  let from = 0
  let bytes = 0
  for (let at = 0; at < kvs.length; at++) {
    const kv = kvs[at]
    if (kv === undefined) break
    const cost = creditOf(kv)
    if (bytes > 0 && bytes + cost > protocolLimits.partBytes) {
      sink.part(kvs.slice(from, at))
      from = at
      bytes = 0
    }
    bytes += cost
  }
  const rest = from === 0 ? kvs : kvs.slice(from)
  if (keepRest) return rest
  if (rest.length > 0) sink.part(rest)
  return []
}
