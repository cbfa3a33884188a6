// Large answers to readers who take gzip, as kubectl does, packed piece by piece as the client reads.
// Counterpart: the deferred response writer of apiserver/pkg/endpoints/handlers/responsewriters.

import { pipeline, Readable, type Writable } from 'node:stream'
import { createGzip } from 'node:zlib'
import type { ApiResponse, RequestHead } from './exchange.js'

/** As the original: what is smaller is not worth the work. */
const packedBytesMin = 128 * 1024

/** Fast and light: what is sent compresses well anyway. */
const level = 1

/** Streams are not packed: what a watch has to say must not wait in a window. */
export function wantsGzip(head: RequestHead, response: ApiResponse): boolean {
  if (response.body.kind !== 'bytes' || head.method !== 'GET' || response.status !== 200)
    return false
  const bytes = response.body.chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  return bytes >= packedBytesMin && acceptsGzip(head.headers.get('accept-encoding') ?? '')
}

function acceptsGzip(header: string): boolean {
  return header.split(',').some(part => {
    const [coding = '', ...parameters] = part.split(';').map(text => text.trim().toLowerCase())
    const quality = parameters.find(parameter => parameter.startsWith('q='))?.slice(2) ?? '1'
    return (coding === 'gzip' || coding === '*') && Number(quality) > 0
  })
}

/** Ends `outgoing`; `failed` is called when the client has gone before. */
export function sendGzip(
  pieces: Iterable<Uint8Array>,
  outgoing: Writable,
  failed: () => void,
): void {
  pipeline(Readable.from(pieces), createGzip({ level }), outgoing, error => {
    if (error !== undefined && error !== null) failed()
  })
}
