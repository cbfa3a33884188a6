// Frames between simulated clients of the API and its servers: a line of JSON, and the text that it is about.

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

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export function encodeFrame(head: FromClient | FromServer, text: string): Uint8Array {
  return encoder.encode(`${JSON.stringify(head)}\n${text}`)
}

export function decodeFrame<T extends FromClient | FromServer>(
  bytes: Uint8Array,
): { readonly head: T; readonly text: string } {
  const whole = decoder.decode(bytes)
  const at = whole.indexOf('\n')
  return { head: JSON.parse(whole.slice(0, at)) as T, text: whole.slice(at + 1) }
}
