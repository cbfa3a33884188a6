// An ApiTransport whose answers a test writes: requests by a function, streams by hand.

import type {
  ApiRequest,
  ApiResponse,
  ApiStream,
  ApiTransport,
  StreamHandlers,
} from '../transport.js'
import { TransportError } from '../transport.js'

export type Answer = { readonly status: number; readonly body: unknown } | 'no answer' | 'lost'

export class ScriptedStream {
  readonly request: ApiRequest
  cancelled = false
  private readonly handlers: StreamHandlers

  constructor(request: ApiRequest, handlers: StreamHandlers) {
    this.request = request
    this.handlers = handlers
  }

  /** Text as it would come off the wire, cut anywhere. */
  send(text: string): void {
    if (!this.cancelled) this.handlers.onChunk(text)
  }

  event(type: string, object: unknown): void {
    this.send(`${JSON.stringify({ type, object })}\n`)
  }

  end(): void {
    if (!this.cancelled) this.handlers.onEnd(null)
  }

  breakOff(): void {
    if (this.cancelled) return
    this.handlers.onEnd(new TransportError('api-connection-lost', 'broken by the test', 'unknown'))
  }

  refuse(status: number, body: unknown): void {
    if (!this.cancelled) {
      this.handlers.onRefused({ status, headers: {}, body: JSON.stringify(body) })
    }
  }
}

export class ScriptedTransport implements ApiTransport {
  readonly requests: ApiRequest[] = []
  readonly streams: ScriptedStream[] = []
  answer: (request: ApiRequest) => Answer | Promise<Answer>

  constructor(answer: (request: ApiRequest) => Answer | Promise<Answer>) {
    this.answer = answer
  }

  /** The stream opened last. */
  get stream0(): ScriptedStream {
    const stream = this.streams.at(-1)
    if (!stream) throw new Error('no stream was opened')
    return stream
  }

  async request(request: ApiRequest, signal?: AbortSignal): Promise<ApiResponse> {
    this.requests.push(request)
    const answer = await this.answer(request)
    if (answer === 'no answer') {
      return await new Promise((_resolve, reject) => {
        const cancel = () => reject(new TransportError('api-cancelled', 'cancelled', 'unknown'))
        if (signal?.aborted) cancel()
        else signal?.addEventListener('abort', cancel)
      })
    }
    if (answer === 'lost') {
      throw new TransportError('api-connection-lost', 'lost by the test', 'unknown')
    }
    return { status: answer.status, headers: {}, body: JSON.stringify(answer.body) }
  }

  stream(request: ApiRequest, handlers: StreamHandlers): ApiStream {
    const stream = new ScriptedStream(request, handlers)
    this.streams.push(stream)
    return {
      cancel: () => {
        stream.cancelled = true
      },
    }
  }

  close(): void {}
}

/** A Status as an apiserver answers it. */
export function status(code: number, reason: string, message = reason): Answer {
  return { status: code, body: { kind: 'Status', apiVersion: 'v1', code, reason, message } }
}
