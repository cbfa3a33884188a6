// The frames on a link between two nodes: a greeting, then messages and signs of life, or a
// snapshot in chunks. One frame is one MessagePack array whose first field is its kind.

import { unreachable } from '../../platform/errors.js'
import type { UnpackRules } from '../../platform/msgpack.js'
import { FieldReader, MalformedFrame, packArray, unpackArray } from '../../platform/msgpack.js'
import type { Message, NodeId } from '../core/types.js'
import { nodeId } from '../core/types.js'
import { packMessage, readMessage } from './message-codec.js'

/** Nodes speak with nodes of the same version; a change of any frame makes a new one. */
export const protocolVersion = 1
export const linkPath = '/raft'
/** A message holds entries of about 1 MiB, or one entry of any permitted size. */
export const frameBytesMax = 32 * 1024 * 1024
const textMax = 256
const rules: UnpackRules = {
  itemsMax: 4_000_000,
  depthMax: 8,
  // A unit of UTF-16 takes three bytes of UTF-8 at most.
  textBytesMax: 3 * textMax,
  numbers: 'own',
  binaries: 'views',
  error: (detail, cause) => new MalformedFrame(detail, cause),
}

export type Channel = 'messages' | 'snapshot'

export type Frame =
  | {
      readonly kind: 'hello'
      readonly version: number
      readonly clusterId: number
      readonly from: NodeId
      readonly to: NodeId
      readonly name: string
      readonly channel: Channel
    }
  | { readonly kind: 'welcome' }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'ping' }
  | { readonly kind: 'pong' }
  | { readonly kind: 'messages'; readonly messages: readonly Message[] }
  | { readonly kind: 'snapshotBegin'; readonly message: Message }
  | { readonly kind: 'snapshotChunk'; readonly sequence: number; readonly bytes: Uint8Array }
  | { readonly kind: 'snapshotAck'; readonly sequence: number }
  | {
      readonly kind: 'snapshotEnd'
      readonly chunks: number
      readonly totalBytes: number
      /** CRC-32C over all chunks. */
      readonly checksum: number
    }
  /** Everything arrived and was verified; or why not. */
  | { readonly kind: 'snapshotResult'; readonly ok: boolean; readonly reason: string }

const codes = {
  hello: 0,
  welcome: 1,
  refused: 2,
  ping: 3,
  pong: 4,
  messages: 5,
  snapshotBegin: 6,
  snapshotChunk: 7,
  snapshotAck: 8,
  snapshotEnd: 9,
  snapshotResult: 10,
} as const satisfies Record<Frame['kind'], number>

export function encodeFrame(frame: Frame): Uint8Array {
  const code = codes[frame.kind]
  switch (frame.kind) {
    case 'hello':
      return packArray([
        code,
        frame.version,
        frame.clusterId,
        frame.from,
        frame.to,
        frame.name,
        frame.channel === 'messages' ? 0 : 1,
      ])
    case 'welcome':
    case 'ping':
    case 'pong':
      return packArray([code])
    case 'refused':
      return packArray([code, frame.reason.slice(0, textMax)])
    case 'messages':
      return packArray([code, frame.messages.map(packMessage)])
    case 'snapshotBegin':
      return packArray([code, packMessage(frame.message)])
    case 'snapshotChunk':
      return packArray([code, frame.sequence, frame.bytes])
    case 'snapshotAck':
      return packArray([code, frame.sequence])
    case 'snapshotEnd':
      return packArray([code, frame.chunks, frame.totalBytes, frame.checksum])
    case 'snapshotResult':
      return packArray([code, frame.ok, frame.reason.slice(0, textMax)])
    default:
      return unreachable(frame)
  }
}

/** Throws MalformedFrame, and nothing else, whatever the bytes are. */
export function decodeFrame(bytes: Uint8Array): Frame {
  const fields = new FieldReader(unpackArray(bytes, rules), 'frame')
  const frame = readFrame(fields.natural(), fields)
  fields.end()
  return frame
}

function readFrame(code: number, fields: FieldReader): Frame {
  switch (code) {
    case codes.hello:
      return readHello(fields)
    case codes.welcome:
      return { kind: 'welcome' }
    case codes.refused:
      return { kind: 'refused', reason: fields.text(textMax) }
    case codes.ping:
      return { kind: 'ping' }
    case codes.pong:
      return { kind: 'pong' }
    case codes.messages: {
      const list = fields.array('messages')
      const messages: Message[] = []
      while (list.left > 0) messages.push(readMessage(list.array('message')))
      return { kind: 'messages', messages }
    }
    case codes.snapshotBegin:
      return { kind: 'snapshotBegin', message: readMessage(fields.array('message')) }
    case codes.snapshotChunk:
      return { kind: 'snapshotChunk', sequence: fields.natural(), bytes: fields.bytes() }
    case codes.snapshotAck:
      return { kind: 'snapshotAck', sequence: fields.natural() }
    case codes.snapshotEnd: {
      const chunks = fields.natural()
      const totalBytes = fields.natural()
      return { kind: 'snapshotEnd', chunks, totalBytes, checksum: fields.natural() }
    }
    case codes.snapshotResult:
      return { kind: 'snapshotResult', ok: fields.boolean(), reason: fields.text(textMax) }
    default:
      throw new MalformedFrame(`unknown kind of frame ${code}`)
  }
}

function readHello(fields: FieldReader): Frame {
  const version = fields.natural()
  // Only the version is promised to stand where it stands in every version.
  if (version !== protocolVersion)
    throw new MalformedFrame(`protocol version ${version}, spoken here is ${protocolVersion}`)
  const clusterId = fields.natural()
  const from = nodeId(fields.natural())
  const to = nodeId(fields.natural())
  const name = fields.text(textMax)
  const channel = fields.natural() === 0 ? 'messages' : 'snapshot'
  return { kind: 'hello', version, clusterId, from, to, name, channel }
}
