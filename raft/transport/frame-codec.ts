// The frames on a link between two nodes: a greeting, then messages and signs of life, or a
// snapshot in chunks. One frame is one MessagePack array whose first field is its kind. The welcome
// draws a number from which the frames with messages are counted, so that none that was recorded,
// on this link or on another, is taken twice.

import { unreachable } from '../../platform/errors.js'
import type { PackedValue, UnpackRules } from '../../platform/msgpack.js'
import { FieldReader, MalformedFrame, packArray, unpackArray } from '../../platform/msgpack.js'
import type { Message, NodeId } from '../core/types.js'
import { logIndex, nodeId } from '../core/types.js'
import type { Roster } from './contacts.js'
import { packMessage, readMessage } from './message-codec.js'
import type { RefusalReason } from './refusals.js'
import { refusalReasons } from './refusals.js'
import type { Peer, VersionRange } from './transport-options.js'

/**
 * Of the frames; a change of any of them makes a new one. Whoever makes a link names the version, and
 * goes back to an older one where it is refused (peer-link.ts). 3: the welcome carries what the node
 * speaks.
 */
export const protocolVersion = 3
export const protocolVersionMin = 2
export const linkPath = '/raft'
/** A message holds entries of about 1 MiB, or one entry of any permitted size. */
export const frameBytesMax = 32 * 1024 * 1024
/** Of one chunk of a snapshot. */
export const chunkBytesMax = 1024 * 1024
const textMax = 256
/** Members that a roster names. */
const rosterMax = 1024
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
  /** A greeting in another version, of which only the version can be read. */
  | { readonly kind: 'foreignHello'; readonly version: number }
  /**
   * The first frame of messages has the number behind `challenge`. `speaks` is null in a link of
   * version 2.
   */
  | { readonly kind: 'welcome'; readonly challenge: number; readonly speaks: VersionRange | null }
  | { readonly kind: 'refused'; readonly reason: RefusalReason; readonly detail: string }
  | { readonly kind: 'ping' }
  | { readonly kind: 'pong' }
  | {
      readonly kind: 'messages'
      readonly sequence: number
      readonly messages: readonly Message[]
    }
  /** Who the members are, as the node that was greeted knows it. */
  | { readonly kind: 'roster'; readonly roster: Roster }
  | {
      readonly kind: 'snapshotBegin'
      readonly challenge: number
      /** Drawn by the sender; the same again when it resumes. */
      readonly transfer: number
      readonly message: Message
    }
  /** Everything up to this chunk has been taken; 0 for none. */
  | { readonly kind: 'snapshotResume'; readonly sequence: number }
  | {
      readonly kind: 'snapshotChunk'
      readonly sequence: number
      /** CRC-32C of `bytes`. */
      readonly checksum: number
      readonly bytes: Uint8Array
    }
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
  roster: 11,
  snapshotResume: 12,
} as const satisfies Record<Exclude<Frame['kind'], 'foreignHello'>, number>

export function encodeFrame(frame: Exclude<Frame, { readonly kind: 'foreignHello' }>): Uint8Array {
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
      return packArray(
        frame.speaks === null
          ? [code, frame.challenge]
          : [code, frame.challenge, frame.speaks.min, frame.speaks.max],
      )
    case 'ping':
    case 'pong':
      return packArray([code])
    case 'refused':
      return packArray([code, refusalReasons.indexOf(frame.reason), frame.detail.slice(0, textMax)])
    case 'messages':
      return packArray([code, frame.sequence, frame.messages.map(packMessage)])
    case 'roster':
      return packArray([code, frame.roster.index, frame.roster.members.map(packPeer)])
    case 'snapshotBegin':
      return packArray([code, frame.challenge, frame.transfer, packMessage(frame.message)])
    case 'snapshotResume':
      return packArray([code, frame.sequence])
    case 'snapshotChunk':
      return packArray([code, frame.sequence, frame.checksum, frame.bytes])
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
  if (frame.kind !== 'foreignHello') fields.end()
  return frame
}

function readFrame(code: number, fields: FieldReader): Frame {
  switch (code) {
    case codes.hello:
      return readHello(fields)
    case codes.welcome:
      return readWelcome(fields)
    case codes.refused:
      return readRefused(fields)
    case codes.ping:
      return { kind: 'ping' }
    case codes.pong:
      return { kind: 'pong' }
    case codes.messages: {
      const sequence = fields.natural()
      const list = fields.array('messages')
      const messages: Message[] = []
      while (list.left > 0) messages.push(readMessage(list.array('message')))
      return { kind: 'messages', sequence, messages }
    }
    case codes.roster:
      return { kind: 'roster', roster: readRoster(fields) }
    case codes.snapshotBegin: {
      const challenge = fields.natural()
      const transfer = fields.natural()
      return {
        kind: 'snapshotBegin',
        challenge,
        transfer,
        message: readMessage(fields.array('message')),
      }
    }
    case codes.snapshotResume:
      return { kind: 'snapshotResume', sequence: fields.natural() }
    case codes.snapshotChunk:
      return readChunk(fields)
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
  if (version < protocolVersionMin || version > protocolVersion)
    return { kind: 'foreignHello', version }
  const clusterId = fields.natural()
  const from = nodeId(fields.natural())
  const to = nodeId(fields.natural())
  const name = fields.text(textMax)
  const channel = fields.natural() === 0 ? 'messages' : 'snapshot'
  return { kind: 'hello', version, clusterId, from, to, name, channel }
}

function readWelcome(fields: FieldReader): Frame {
  const challenge = fields.natural()
  if (fields.left === 0) return { kind: 'welcome', challenge, speaks: null }
  const min = fields.natural()
  return { kind: 'welcome', challenge, speaks: { min, max: fields.natural() } }
}

function readRefused(fields: FieldReader): Frame {
  const reason = refusalReasons[fields.natural()]
  if (reason === undefined) throw new MalformedFrame('unknown reason of refusal')
  return { kind: 'refused', reason, detail: fields.text(textMax) }
}

function packPeer({ id, name, address }: Peer): PackedValue[] {
  return [id, name, address]
}

function readRoster(fields: FieldReader): Roster {
  const index = logIndex(fields.natural())
  const list = fields.array('members')
  if (list.left > rosterMax) throw new MalformedFrame(`more than ${rosterMax} members`)
  const members: Peer[] = []
  while (list.left > 0) {
    const peer = list.array('member')
    const id = nodeId(peer.natural())
    const name = peer.text(textMax)
    members.push({ id, name, address: peer.text(textMax) })
    peer.end()
  }
  return { index, members }
}

function readChunk(fields: FieldReader): Frame {
  const sequence = fields.natural()
  const checksum = fields.natural()
  const bytes = fields.bytes()
  if (bytes.length > chunkBytesMax)
    throw new MalformedFrame(`a chunk of more than ${chunkBytesMax} bytes`)
  return { kind: 'snapshotChunk', sequence, checksum, bytes }
}
