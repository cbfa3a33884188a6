// An answer on its way out: with its length where that is known, in pieces as the client takes them where it
// is large, packed where the client likes that. Counterpart: responsewriters of apiserver/pkg/endpoints.

import type { ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import { pipeline, Readable } from 'node:stream'
import type { Clock } from '../../platform/clock.js'
import { assert } from '../../platform/errors.js'
import type { Logger } from '../../platform/logger.js'
import { piecesInTurns } from '../../platform/turns.js'
import { createPacker, wantsGzip } from './compression.js'
import type { ApiResponse, BodySink, RequestHead, ResponseHeaders } from './exchange.js'
import { indented, wantsIndents } from './indenting.js'
import type { RequestAbandon } from './request-abandon.js'

export type Outgoing = ServerResponse | Http2ServerResponse

export interface SendingServices {
  readonly clock: Clock
  readonly logger: Logger
}

/** Answers above this are written piece by piece as the client takes them. */
const writeBytesMax = 256 * 1024

export function send(
  services: SendingServices,
  head: RequestHead,
  answer: ApiResponse,
  outgoing: Outgoing,
  abandon: RequestAbandon,
  closeAfter: boolean,
  moreHeaders: ResponseHeaders = {},
): void {
  const plain = answer.headers['content-type'] === 'application/json' && wantsIndents(head)
  const response = plain ? { ...answer, body: indented(answer.body) } : answer
  if (abandon.abandoned || outgoing.headersSent) {
    if (response.body.kind === 'stream') response.body.open(closedSink)()
    return
  }
  assert(response.body.kind !== 'tunnel', 'a tunnel answers only an upgrade')
  const http1 = !('stream' in outgoing)
  const headers: Record<string, string | string[]> = {}
  for (const given of [response.headers, moreHeaders]) {
    for (const name in given) {
      const value = given[name] ?? ''
      headers[name] = typeof value === 'string' ? value : [...value]
    }
  }
  if (closeAfter && http1) headers['connection'] = 'close'
  const packed = wantsGzip(head, response)
  if (packed) {
    headers['content-encoding'] = 'gzip'
    const vary = headers['vary'] ?? []
    headers['vary'] = [...(typeof vary === 'string' ? [vary] : vary), 'Accept-Encoding']
  }
  if (response.body.kind === 'pieces' || (response.body.kind === 'bytes' && packed)) {
    const { body } = response
    outgoing.writeHead(response.status, headers)
    if (head.method === 'HEAD') outgoing.end()
    else {
      const pieces = body.kind === 'bytes' ? body.chunks : body.pieces
      sendPieces(services, pieces, packed, outgoing, abandon)
    }
    return
  }
  if (response.body.kind === 'bytes') {
    const { chunks } = response.body
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    if (response.status !== 304) headers['content-length'] = String(bytes)
    outgoing.writeHead(response.status, headers)
    if (head.method === 'HEAD' || bytes === 0) outgoing.end()
    else writePieces(chunks, outgoing, abandon)
    return
  }
  outgoing.writeHead(response.status, headers)
  if ('flushHeaders' in outgoing) outgoing.flushHeaders()
  if (head.method === 'HEAD') {
    outgoing.end()
    response.body.open(closedSink)()
    return
  }
  const cancel = response.body.open(sinkOf(outgoing, abandon))
  abandon.onAbandon(cancel)
}

function writePieces(
  chunks: readonly Uint8Array[],
  outgoing: Outgoing,
  abandon: RequestAbandon,
): void {
  const pieces = piecesOf(chunks)
  let piece = pieces.next().value ?? new Uint8Array()
  const pump = () => {
    while (!abandon.abandoned) {
      const following = pieces.next()
      // The last one goes out together with the end.
      if (following.done === true) {
        outgoing.end(piece)
        return
      }
      const sent = writeTo(outgoing, piece)
      piece = following.value
      if (!sent) {
        outgoing.once('drain', pump)
        return
      }
    }
  }
  pump()
}

/** Others have their turn between two pieces where those take long to make. */
function sendPieces(
  { clock, logger }: SendingServices,
  pieces: Iterable<Uint8Array>,
  packed: boolean,
  outgoing: Outgoing,
  abandon: RequestAbandon,
): void {
  const source = Readable.from(piecesInTurns(piecesOf(pieces), clock))
  const done = (error?: Error | null) => {
    if (error === undefined || error === null) return
    // A client that has gone is none of our business.
    if (!abandon.abandoned) logger.error({ error: error.message }, 'an answer broke off')
    abandon.fire()
  }
  if (packed) pipeline(source, createPacker(), outgoing, done)
  else pipeline(source, outgoing, done)
}

/** Objects of a list are small: many of them are written at once. What has nothing yet stays apart. */
function* piecesOf(chunks: Iterable<Uint8Array>): Generator<Uint8Array, void> {
  let gathered: Uint8Array[] = []
  let bytes = 0
  for (const chunk of chunks) {
    if (chunk.length === 0) yield chunk
    else gathered.push(chunk)
    bytes += chunk.length
    if (bytes < writeBytesMax) continue
    yield joined(gathered)
    gathered = []
    bytes = 0
  }
  if (bytes > 0) yield joined(gathered)
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  return chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks)
}

function writeTo(outgoing: Outgoing, chunk: Uint8Array): boolean {
  return (outgoing as ServerResponse).write(chunk)
}

function sinkOf(outgoing: Outgoing, abandon: RequestAbandon): BodySink {
  return {
    write: chunk => abandon.abandoned || writeTo(outgoing, chunk),
    end: () => {
      if (!abandon.abandoned) outgoing.end()
    },
    abort: () => {
      if ('stream' in outgoing) outgoing.stream.close()
      else outgoing.destroy()
    },
    onDrain: callback => outgoing.on('drain', callback),
  }
}

/** For a body nobody is there to read. */
const closedSink: BodySink = {
  write: () => true,
  end: () => {},
  abort: () => {},
  onDrain: () => {},
}
