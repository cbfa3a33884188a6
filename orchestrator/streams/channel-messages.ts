// The channels inside one WebSocket: the first byte (or, in the base64 variant, the first digit)
// names a channel, the rest is its data; from version 5 on, channel 255 says which one has ended.
// Counterpart: apimachinery/pkg/util/remotecommand and apiserver's wsstream. Pure.

import { isBase64 } from '../api/base64.js'
import { StreamError } from './stream-error.js'

export const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const
const closeChannel = 255

export type ChannelProtocol =
  | 'v5.channel.k8s.io'
  | 'v4.channel.k8s.io'
  | 'v4.base64.channel.k8s.io'
  | 'channel.k8s.io'
  | 'base64.channel.k8s.io'

export type ChannelMessage =
  | { readonly kind: 'data'; readonly channel: number; readonly bytes: Uint8Array }
  | { readonly kind: 'close'; readonly channel: number }

const digitZero = 0x30

export const isTextProtocol = (protocol: ChannelProtocol): boolean => protocol.includes('base64')

/** Null for an empty message, which some clients send to keep a connection alive. Throws StreamError. */
export function decodeChannelMessage(
  protocol: ChannelProtocol,
  message: Uint8Array,
): ChannelMessage | null {
  const [first] = message
  if (first === undefined) return null
  const rest = message.subarray(1)
  if (isTextProtocol(protocol)) {
    const text = Buffer.from(rest.buffer, rest.byteOffset, rest.length).toString('latin1')
    if (first < digitZero || first > digitZero + 9 || !isBase64(text)) {
      throw new StreamError('protocol', 'a message is not a channel and base64')
    }
    return { kind: 'data', channel: first - digitZero, bytes: Buffer.from(text, 'base64') }
  }
  if (first === closeChannel && protocol === 'v5.channel.k8s.io') {
    const [channel] = rest
    if (channel === undefined || rest.length !== 1) {
      throw new StreamError('protocol', 'a message that closes a channel names one channel')
    }
    return { kind: 'close', channel }
  }
  return { kind: 'data', channel: first, bytes: rest }
}

export function encodeChannelMessage(
  protocol: ChannelProtocol,
  channel: number,
  bytes: Uint8Array,
): Uint8Array | string {
  if (isTextProtocol(protocol)) {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')
    return `${channel}${text}`
  }
  const message = new Uint8Array(bytes.length + 1)
  message[0] = channel
  message.set(bytes, 1)
  return message
}
