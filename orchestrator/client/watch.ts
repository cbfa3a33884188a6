// One watch request: lines of JSON cut out of text chunks and handed on as typed events.
// Counterpart: apimachinery's StreamWatcher. It does not resume; informer.ts does.

import type { JsonObject, KubeObject } from '../api/object.js'
import type { RaftsmanError } from '../../platform/errors.js'
import { apiErrorFromResponse, apiErrorFromStatus, isObject } from './api-error.js'
import { type ApiStream, type ApiTransport, TransportError } from './transport.js'

export interface WatchOptions {
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  /** Events after this one; from a list or an earlier event. */
  readonly resourceVersion: string
  /** The server ends the watch in order after this long. */
  readonly timeoutSeconds: number
}

export type WatchEvent<T extends KubeObject> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string }

export interface WatchHandlers<T extends KubeObject> {
  readonly onEvent: (event: WatchEvent<T>) => void
  /** Once, unless stopped. Null: ended in order. A 410 says that the version is too old. */
  readonly onEnd: (error: RaftsmanError | null) => void
}

export interface Watch {
  /** No handler is called any more. */
  stop(): void
}

/** No object comes near; a line without end must not eat the memory. */
const lineCharsMax = 16 * 1024 * 1024
const headTimeoutMs = 15_000

export class ResourceWatch<T extends KubeObject> implements Watch {
  private readonly handlers: WatchHandlers<T>
  private readonly path: string
  private readonly onOver: () => void
  private readonly stream: ApiStream
  private pending: string[] = []
  private pendingChars = 0
  private over = false

  /** `onOver` is called once, however it ends. */
  constructor(
    transport: ApiTransport,
    path: string,
    handlers: WatchHandlers<T>,
    onOver: () => void,
  ) {
    this.handlers = handlers
    this.path = path
    this.onOver = onOver
    const request = {
      method: 'GET',
      path,
      accept: 'application/json',
      contentType: null,
      body: null,
      timeoutMs: headTimeoutMs,
    } as const
    this.stream = transport.stream(request, {
      onChunk: text => this.chunk(text),
      onEnd: error => this.end(error),
      onRefused: response => this.end(apiErrorFromResponse(response, `watch ${path}`)),
    })
  }

  stop(): void {
    if (this.over) return
    this.over = true
    this.pending = []
    this.stream.cancel()
    this.onOver()
  }

  private end(error: RaftsmanError | null): void {
    if (this.over) return
    this.stop()
    this.handlers.onEnd(error)
  }

  private chunk(text: string): void {
    let from = 0
    for (;;) {
      const newline = text.indexOf('\n', from)
      if (newline < 0 || this.over) break
      const tail = text.slice(from, newline)
      from = newline + 1
      if (this.pending.length === 0) {
        this.line(tail)
        continue
      }
      const line = this.pending.join('') + tail
      this.pending = []
      this.pendingChars = 0
      this.line(line)
    }
    if (this.over || from >= text.length) return
    this.pending.push(from === 0 ? text : text.slice(from))
    this.pendingChars += text.length - from
    if (this.pendingChars > lineCharsMax) this.end(this.broken('a line is too long'))
  }

  private line(line: string): void {
    if (line.trim() === '') return
    let event: unknown
    try {
      event = JSON.parse(line)
    } catch {
      this.end(this.broken('a line is not JSON'))
      return
    }
    const object = isObject(event) ? event['object'] : undefined
    if (!isObject(event) || !isObject(object)) {
      this.end(this.broken('a line is not a watch event'))
      return
    }
    this.event(event['type'], object)
  }

  private event(type: unknown, object: JsonObject): void {
    switch (type) {
      case 'ADDED':
      case 'MODIFIED':
      case 'DELETED':
        this.handlers.onEvent({ type, object: object as unknown as T })
        return
      case 'BOOKMARK': {
        const metadata = object['metadata']
        const version = isObject(metadata) ? metadata['resourceVersion'] : undefined
        if (typeof version !== 'string') return
        this.handlers.onEvent({ type, resourceVersion: version })
        return
      }
      case 'ERROR':
        this.end(apiErrorFromStatus(object, `watch ${this.path}`))
        return
      default:
        this.end(this.broken(`an event of unknown type ${JSON.stringify(type)}`))
    }
  }

  private broken(what: string): TransportError {
    return new TransportError('api-connection-lost', `watch ${this.path}: ${what}`, 'not-applied')
  }
}
