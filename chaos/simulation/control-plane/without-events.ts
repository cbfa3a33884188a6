// A transport on which events of the API go nowhere: they are taken and never written. Events are nobody's truth
// and a fifth of all that is written, so most seeds spend their time on something else.

import type {
  ApiRequest,
  ApiResponse,
  ApiStream,
  ApiTransport,
  StreamHandlers,
} from '../../../orchestrator/client/transport.js'

const events = /\/namespaces\/[^/]+\/events(\/|\?|$)/

export class WithoutEvents implements ApiTransport {
  readonly #transport: ApiTransport

  constructor(transport: ApiTransport) {
    this.#transport = transport
  }

  async request(request: ApiRequest, signal?: AbortSignal): Promise<ApiResponse> {
    const { method, path, body } = request
    if (method === 'GET' || !events.test(path)) return this.#transport.request(request, signal)
    return {
      status: method === 'POST' ? 201 : 200,
      headers: { 'content-type': 'application/json' },
      body: body ?? '{}',
    }
  }

  stream(request: ApiRequest, handlers: StreamHandlers): ApiStream {
    return this.#transport.stream(request, handlers)
  }

  close(): void {
    this.#transport.close()
  }
}
