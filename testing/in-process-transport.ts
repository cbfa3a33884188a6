// An ApiTransport to an API server in the same process: no port, no TLS, no waiting but the server's own.
// Counterpart: orchestrator/client/http-transport.ts.

import type {
  ApiRequest,
  ApiResponse,
  ApiStream,
  ApiTransport,
  StreamHandlers,
} from '../orchestrator/client/transport.js'
import { TransportError } from '../orchestrator/client/transport.js'
import type { PeerCertificate } from '../orchestrator/apiserver/exchange.js'
import type { Pipeline } from '../orchestrator/apiserver/pipeline.js'
import type { Clock } from '../platform/clock.js'
import { exchange } from './plain-exchange.js'

export interface InProcessTransportOptions {
  readonly pipeline: Pipeline
  /** Who asks. */
  readonly peer: PeerCertificate
  readonly clock: Clock
  readonly onBroken: (error: unknown) => void
}

export class InProcessTransport implements ApiTransport {
  readonly #options: InProcessTransportOptions
  /** How to break each request under way. */
  readonly #underWay = new Set<(error: TransportError) => void>()
  #closed = false

  constructor(options: InProcessTransportOptions) {
    this.#options = options
  }

  request(request: ApiRequest, signal?: AbortSignal): Promise<ApiResponse> {
    return new Promise((resolve, reject) => {
      if (this.#closed || signal?.aborted === true) {
        reject(cancelled('not-applied'))
        return
      }
      const { clock } = this.#options
      let status = 0
      let headers: Readonly<Record<string, string>> = {}
      const chunks: Uint8Array[] = []
      const over = () => {
        timer.cancel()
        signal?.removeEventListener('abort', onAbort)
        this.#underWay.delete(fail)
      }
      const fail = (error: TransportError) => {
        over()
        abandon()
        reject(error)
      }
      const onAbort = () => fail(cancelled('unknown'))
      const timer = clock.setTimer(request.timeoutMs, () => {
        const message = `${request.method} ${request.path}: no answer within ${request.timeoutMs} ms`
        fail(new TransportError('api-timeout', message, 'unknown'))
      })
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#underWay.add(fail)
      const abandon = this.#exchange(request, {
        onHead: (answered, given) => {
          status = answered
          headers = given
        },
        onChunk: bytes => chunks.push(bytes),
        onEnd: whole => {
          if (!whole) {
            fail(brokenOff(request))
            return
          }
          over()
          resolve({ status, headers, body: Buffer.concat(chunks).toString('utf8') })
        },
      })
    })
  }

  stream(request: ApiRequest, handlers: StreamHandlers): ApiStream {
    const { clock } = this.#options
    let refused: { status: number; headers: Readonly<Record<string, string>> } | null = null
    let refusal = ''
    const decoder = new TextDecoder()
    const over = () => {
      timer.cancel()
      this.#underWay.delete(fail)
    }
    const fail = (error: TransportError) => {
      over()
      abandon()
      handlers.onEnd(error)
    }
    const timer = clock.setTimer(request.timeoutMs, () => {
      const message = `${request.path}: no head within ${request.timeoutMs} ms`
      fail(new TransportError('api-timeout', message, 'not-applied'))
    })
    this.#underWay.add(fail)
    const abandon = this.#exchange(request, {
      onHead: (status, headers) => {
        timer.cancel()
        if (status !== 200) refused = { status, headers }
      },
      onChunk: bytes => {
        const text = decoder.decode(bytes, { stream: true })
        if (refused === null) handlers.onChunk(text)
        else refusal += text
      },
      onEnd: whole => {
        over()
        if (whole && refused !== null) handlers.onRefused({ ...refused, body: refusal })
        else handlers.onEnd(whole ? null : brokenOff(request))
      },
    })
    return {
      cancel: () => {
        over()
        abandon()
      },
    }
  }

  close(): void {
    this.#closed = true
    for (const fail of this.#underWay) fail(cancelled('unknown'))
  }

  #exchange(
    request: ApiRequest,
    handlers: Omit<Parameters<typeof exchange>[2], 'onBroken'>,
  ): () => void {
    const { pipeline, peer, onBroken } = this.#options
    const userAgent = peer.commonName
    return exchange(pipeline, { ...request, peer, userAgent }, { ...handlers, onBroken })
  }
}

function cancelled(outcome: 'not-applied' | 'unknown'): TransportError {
  return new TransportError('api-cancelled', 'the request was cancelled', outcome)
}

function brokenOff({ method, path }: ApiRequest): TransportError {
  return new TransportError('api-connection-lost', `${method} ${path}: broken off`, 'unknown')
}
