// One WebSocket seen as a Link: binary frames in order, and exactly one onClose at its end. Shared
// by the two halves of the network.

import { TLSSocket } from 'node:tls'
import type { RawData, WebSocket } from 'ws'
import type { Link, LinkHandlers } from '../network.js'
import { frameTooLarge } from '../network.js'

/** A peer that does not answer our close is cut off after this time. */
const closeMsMax = 1000
/** Of a WebSocket close reason, by RFC 6455. */
const reasonBytesMax = 123

export interface LinkState {
  readonly link: Link
  opened(): void
  received(frame: Uint8Array, isBinary: boolean): void
}

export function linkOver(
  socket: WebSocket,
  remote: string,
  peerName: () => string | null,
  handlers: LinkHandlers,
): LinkState {
  let closing = false
  let closeReason: string | null = null
  const link: Link = {
    remote,
    get peerName() {
      return peerName()
    },
    get bufferedBytes() {
      return socket.bufferedAmount
    },
    get open() {
      return !closing && socket.readyState === socket.OPEN
    },
    send(frame) {
      // A failed send is followed by `close`, which tells the whole story.
      if (link.open) socket.send(frame, { binary: true }, ignore)
    },
    close(reason) {
      if (closing) return
      closing = true
      closeReason ??= reason
      if (socket.readyState === socket.CONNECTING) {
        socket.terminate()
        return
      }
      socket.close(1000, shortened(reason))
      setTimeout(() => socket.terminate(), closeMsMax).unref()
    },
  }
  socket.on('error', error => {
    if (!closing && isRefusal(error)) handlers.onRefused?.(link)
    closeReason ??= isTooLarge(error) ? frameTooLarge : error.message
  })
  socket.on('close', (code, reason) => {
    closing = true
    closeReason ??= reason.length > 0 ? reason.toString() : `connection closed (${code})`
    handlers.onClose(link, closeReason)
  })
  return {
    link,
    opened() {
      if (!closing) handlers.onOpen?.(link)
    },
    received(frame, isBinary) {
      if (closing) return
      if (isBinary) handlers.onFrame(link, frame)
      else link.close('text frames are not spoken here')
    },
  }
}

function ignore(): void {}

/** As the library calls it, in `code`. */
function isTooLarge(error: Error): boolean {
  return 'code' in error && error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'
}

/** A name may stand for several addresses, which fail together: one that is only silent refuses nothing. */
function isRefusal(error: Error): boolean {
  if (error instanceof AggregateError) return error.errors.every(isRefusal)
  return 'code' in error && error.code === 'ECONNREFUSED'
}

function shortened(reason: string): Buffer {
  return Buffer.from(Buffer.from(reason).subarray(0, reasonBytesMax).toString('ascii'))
}

export function frameOf(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data)
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data
}

/** Of the other side's verified certificate. */
export function commonName(socket: unknown): string | null {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return null
  const name: unknown = socket.getPeerCertificate().subject?.CN
  return typeof name === 'string' ? name : null
}
