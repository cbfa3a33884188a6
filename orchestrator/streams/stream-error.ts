// What goes wrong on a stream between a client and a node: the peer broke the protocol, or left.

import { RaftsmanError } from '../../platform/errors.js'

export type StreamErrorKind = 'protocol' | 'limit' | 'closed'

export class StreamError extends RaftsmanError {
  constructor(kind: StreamErrorKind, message: string, cause?: unknown) {
    super(message, { code: `stream-${kind}`, retryable: false, outcome: 'unknown', cause })
  }
}
