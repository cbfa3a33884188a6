// How a request reaches an apiserver, as an argument. In production it is HTTP/2 over mutual TLS
// (http-transport.ts); in simulation a queue on the virtual clock. A transport knows nothing of
// kinds or objects: it moves a request value and brings back a response value or text chunks.

import { type Outcome, RaftsmanError } from '../../platform/errors.js'

export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

export interface ApiRequest {
  readonly method: HttpMethod
  /** Path with query, as in "/api/v1/pods?limit=500". */
  readonly path: string
  readonly accept: string
  readonly contentType: string | null
  readonly body: string | null
  /** For `request` the whole exchange; for `stream` the time until the response's head. */
  readonly timeoutMs: number
}

export interface ApiResponse {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface StreamHandlers {
  /** Text as it comes in; cut anywhere, but never inside a character. */
  readonly onChunk: (text: string) => void
  /** Once, and nothing after it; null is an orderly end by the server. Not called after cancel. */
  readonly onEnd: (error: RaftsmanError | null) => void
  /** A head with another status than 200: the whole response, in place of chunks and `onEnd`. */
  readonly onRefused: (response: ApiResponse) => void
}

export interface ApiStream {
  cancel(): void
}

export interface ApiTransport {
  /**
   * Resolves for every status. Rejects with a TransportError when there is no whole response;
   * its `outcome` says whether a write may have happened.
   */
  request(request: ApiRequest, signal?: AbortSignal): Promise<ApiResponse>
  /** Calls back later, never before it returned. */
  stream(request: ApiRequest, handlers: StreamHandlers): ApiStream
  /** Breaks everything under way. */
  close(): void
}

export type TransportErrorCode =
  | 'api-unreachable'
  | 'api-timeout'
  | 'api-connection-lost'
  | 'api-cancelled'
  | 'api-response-too-large'

/** No answer came. Retryable unless the caller cancelled it or the answer was too large. */
export class TransportError extends RaftsmanError {
  constructor(code: TransportErrorCode, message: string, outcome: Outcome, cause?: unknown) {
    super(message, {
      code,
      retryable: code !== 'api-cancelled' && code !== 'api-response-too-large',
      outcome,
      cause,
    })
  }
}
