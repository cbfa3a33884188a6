// Frames between simulated clients of the API and its servers: a head, and the text that it is about.

import type { PeerCertificate } from '../../../orchestrator/apiserver/exchange.js'

export type FromClient =
  | { readonly kind: 'hello'; readonly peer: PeerCertificate; readonly userAgent: string }
  /** The text is the body. */
  | {
      readonly kind: 'ask'
      readonly id: number
      readonly method: string
      readonly path: string
      readonly accept: string
      readonly contentType: string | null
    }
  | { readonly kind: 'cancel'; readonly id: number }
  | { readonly kind: 'ping' }

export type FromServer =
  /** Any part of an answer; the first has the head, the last the end, the text is of the body. */
  | {
      readonly kind: 'answer'
      readonly id: number
      readonly status?: number
      readonly headers?: Readonly<Record<string, string>>
      readonly end?: 'whole' | 'broken'
    }
  | { readonly kind: 'pong' }

/** As long as it would be on a wire, and carried across as it is: nothing changes frames on their way. */
type Frame<T> = Uint8Array & { readonly head: T; readonly text: string }

/** Of a head in JSON, about. */
const headBytes = 100

export function encodeFrame<T extends FromClient | FromServer>(head: T, text: string): Frame<T> {
  return Object.assign(new Uint8Array(headBytes + text.length), { head, text })
}

export function decodeFrame<T extends FromClient | FromServer>(bytes: Uint8Array): Frame<T> {
  return bytes as Frame<T>
}
