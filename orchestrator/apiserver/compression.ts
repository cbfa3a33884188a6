// Large answers to readers who take gzip, as kubectl does, packed piece by piece as the client reads.
// Counterpart: the deferred response writer of apiserver/pkg/endpoints/handlers/responsewriters.

import type { Transform } from 'node:stream'
import { createGzip } from 'node:zlib'
import type { ApiResponse, RequestHead, ResponseBody } from './exchange.js'

/** As the original: what is smaller is not worth the work. */
const packedBytesMin = 128 * 1024

/** Fast and light: what is sent compresses well anyway. */
const level = 1

/** Streams are not packed: what a watch has to say must not wait in a window. */
export function wantsGzip(head: RequestHead, response: ApiResponse): boolean {
  if (head.method !== 'GET' || response.status !== 200) return false
  return isLarge(response.body) && acceptsGzip(head.headers.get('accept-encoding') ?? '')
}

/** What is made in pieces is. */
function isLarge(body: ResponseBody): boolean {
  if (body.kind !== 'bytes') return body.kind === 'pieces'
  return body.chunks.reduce((sum, chunk) => sum + chunk.length, 0) >= packedBytesMin
}

function acceptsGzip(header: string): boolean {
  return header.split(',').some(part => {
    const [coding = '', ...parameters] = part.split(';').map(text => text.trim().toLowerCase())
    const quality = parameters.find(parameter => parameter.startsWith('q='))?.slice(2) ?? '1'
    return (coding === 'gzip' || coding === '*') && Number(quality) > 0
  })
}

export function createPacker(): Transform {
  return createGzip({ level })
}
