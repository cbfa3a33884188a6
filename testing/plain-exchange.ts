// One request through the pipeline of an API server without HTTP: a value in, a head and chunks out. It does
// what orchestrator/apiserver/server.ts and sending.ts do, less sockets, TLS, compression and pacing.

import { badRequest } from '../orchestrator/api/status.js'
import type { ApiResponse, PeerCertificate } from '../orchestrator/apiserver/exchange.js'
import type { Pipeline } from '../orchestrator/apiserver/pipeline.js'
import { RequestAbandon } from '../orchestrator/apiserver/request-abandon.js'

export interface PlainRequest {
  readonly method: string
  /** Path with query. */
  readonly path: string
  readonly accept: string
  readonly contentType: string | null
  readonly body: string | null
  /** Who a verified certificate would say is asking; null: nobody shows one. */
  readonly peer: PeerCertificate | null
  /** For logs, and for the fair queues. */
  readonly userAgent: string
}

export interface PlainHandlers {
  readonly onHead: (status: number, headers: Readonly<Record<string, string>>) => void
  readonly onChunk: (bytes: Uint8Array) => void
  /** Once, after the head; not `whole` when the server broke the body off. */
  readonly onEnd: (whole: boolean) => void
  /** An invariant was broken. */
  readonly onBroken: (error: unknown) => void
}

/** Calls back later. Answers what to call when the client has gone; nothing follows then. */
export function exchange(
  pipeline: Pipeline,
  request: PlainRequest,
  handlers: PlainHandlers,
): () => void {
  const abandon = new RequestAbandon()
  answer(pipeline, request, abandon).then(
    response => deliver(response, handlers, abandon),
    error => handlers.onBroken(error),
  )
  return () => abandon.fire()
}

async function answer(
  pipeline: Pipeline,
  request: PlainRequest,
  abandon: RequestAbandon,
): Promise<ApiResponse> {
  const { method, path, accept, contentType, body, peer, userAgent } = request
  const headers = new Map([
    ['accept', accept],
    ['user-agent', userAgent],
  ])
  if (contentType !== null) headers.set('content-type', contentType)
  const acceptance = pipeline.accept({ method, url: path, headers, peer, remote: 'in process' })
  if (acceptance.kind === 'refused') return acceptance.response
  const refusal = await acceptance.wait?.(abandon)
  if (refusal) return refusal
  if (abandon.abandoned) return acceptance.drop(badRequest('the request was cut off'))
  const response = await acceptance.run(new TextEncoder().encode(body ?? ''), abandon)
  return { ...response, headers: { ...response.headers, ...acceptance.headers } }
}

function deliver(response: ApiResponse, handlers: PlainHandlers, abandon: RequestAbandon): void {
  const { status, body } = response
  const heard = () => !abandon.abandoned
  if (heard()) handlers.onHead(status, plainHeaders(response))
  switch (body.kind) {
    case 'bytes':
    case 'pieces':
      for (const chunk of body.kind === 'bytes' ? body.chunks : body.pieces)
        if (heard() && chunk.length > 0) handlers.onChunk(chunk)
      if (heard()) handlers.onEnd(true)
      return
    case 'stream': {
      let over = false
      const end = (whole: boolean) => {
        if (over || !heard()) return
        over = true
        handlers.onEnd(whole)
      }
      const cancel = body.open({
        write: chunk => {
          if (heard() && !over) handlers.onChunk(chunk)
          return true
        },
        end: () => end(true),
        abort: () => end(false),
        onDrain: () => {},
      })
      abandon.onAbandon(cancel)
      return
    }
    case 'tunnel':
      // There is no connection that could become one.
      if (heard()) handlers.onEnd(false)
  }
}

function plainHeaders({ headers }: ApiResponse): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : value.join(', '),
    ]),
  )
}
