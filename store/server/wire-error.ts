// Errors on their way to a client: typed ones as they are, anything else is not an answer but the
// end of the process, so it is thrown on.

import { RaftsmanError } from '../../platform/errors.js'
import { protocolLimits } from '../protocol.js'
import type { WireError } from '../protocol.js'

/** @throws what is no RaftsmanError, a broken invariant above all */
export function wireError(error: unknown): WireError {
  if (!(error instanceof RaftsmanError)) throw error
  const { code, message, retryable, outcome } = error
  return { code, message: shortened(message), retryable, outcome }
}

/** Within the protocol's limit for texts, in whatever alphabet. */
function shortened(message: string): string {
  const charactersMax = Math.floor(protocolLimits.textBytesMax / 4)
  return message.length <= charactersMax ? message : `${message.slice(0, charactersMax - 1)}…`
}
