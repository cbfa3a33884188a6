// What a client sends: messages to packed bytes, frames to messages. Decoded keys and values are
// views of the frame; a member encodes writes into the log in the same turn and copies the rest.

import { unreachable } from '../../platform/errors.js'
import type { PackedValue } from '../../platform/msgpack.js'
import { packArray } from '../../platform/msgpack.js'
import type { KeyRange, Once, WatchRequest } from '../core/types.js'
import { decodeAuthRequest, encodeAuthRequest } from './auth-codec.js'
import { ProtocolError, clientCode, onceCode, protocolLimits } from './messages.js'
import type { ClientMessage, Request, Write } from './messages.js'
import {
  decodeDeleteRange,
  decodePut,
  decodeRange,
  decodeTxn,
  encodeDeleteRange,
  encodePut,
  encodeRange,
  encodeTxn,
} from './kv-codec.js'
import { decodeMemberChange, memberChangeFields } from './member-codec.js'
import { decodeUpkeep, encodeUpkeep } from './upkeep-codec.js'
import {
  asBits,
  asBytes,
  asFields,
  asFlag,
  asInt,
  asList,
  asText,
  asUint,
  frameRules,
  unpackFrame,
} from './wire.js'

const rules = frameRules(protocolLimits.clientItemsMax)
const watchBit = { prevKv: 1, progressNotify: 2, noPut: 4, noDelete: 8 } as const

/** One packed message, to be put into a frame by FrameWriter. */
export function encodeClientMessage(message: ClientMessage): Uint8Array {
  return packArray(clientFields(message))
}

/** What stands before a packed write that has this name. */
export function encodeOnceHead({ session, number, floor }: Once): Uint8Array {
  const head = packArray([onceCode, session, number, floor])
  // The write is the fifth of them.
  head[0] = 0x95
  return head
}

function clientFields(message: ClientMessage): readonly PackedValue[] {
  if (!('once' in message) || message.once === undefined) return plainFields(message)
  const { session, number, floor } = message.once
  return [onceCode, session, number, floor, plainFields(message)]
}

function plainFields(message: ClientMessage): readonly PackedValue[] {
  const code = clientCode[message.kind]
  switch (message.kind) {
    case 'hello':
      return [code, message.versionMin, message.versionMax, message.client, message.clusterId]
    case 'ping':
    case 'leaseLeases':
    case 'status':
      return [code, message.id]
    case 'openSession':
      return message.nonce === undefined ? [code, message.id] : [code, message.id, message.nonce]
    case 'snapshot':
      return [code, message.id, message.name, message.offset]
    case 'memberList':
      return [code, message.id, message.linearizable]
    case 'watchCreate':
      return [code, message.watch, encodeWatch(message.request), message.creditBytes]
    case 'watchCredit':
      return [code, message.watch, message.creditBytes]
    case 'watchCancel':
    case 'watchProgress':
      return [code, message.watch]
    case 'range':
      return [code, message.id, encodeRange(message.request)]
    case 'put':
      return [code, message.id, encodePut(message.request)]
    case 'deleteRange':
      return [code, message.id, encodeDeleteRange(message.request)]
    case 'txn':
      return [code, message.id, encodeTxn(message.request)]
    case 'compact':
      return [code, message.id, message.request.revision, message.request.physical === true]
    case 'leaseGrant':
      return [code, message.id, message.request.ttlSeconds, message.request.id ?? 0]
    case 'leaseRevoke':
      return [code, message.id, message.lease]
    case 'leaseKeepAlive':
      return [code, message.id, message.lease, message.forwarded]
    case 'leaseTimeToLive':
      return [code, message.id, message.lease, message.withKeys, message.forwarded]
    case 'moveLeader':
      return [code, message.id, message.target, message.forwarded]
    case 'memberAdd':
    case 'memberPromote':
    case 'memberUpdate':
    case 'memberRemove':
    case 'memberReplace':
      return [code, message.id, ...memberChangeFields(message)]
    case 'hashKv':
      return [code, message.id, message.revision]
    case 'authenticate':
      return [code, message.id, message.user, message.password]
    case 'useToken':
      return [code, message.id, message.token]
    case 'auth':
      return [code, message.id, encodeAuthRequest(message.request)]
    case 'withToken':
      return [code, message.token, clientFields(message.request)]
    case 'alarm':
    case 'space':
    case 'clusterVersion':
      return [code, message.id, ...encodeUpkeep(message)]
    default:
      return unreachable(message)
  }
}

/** @throws ProtocolError, and nothing else, whatever the bytes. */
export function decodeClientFrame(frame: Uint8Array): readonly ClientMessage[] {
  return unpackFrame(frame, rules).map(decodeClientMessage)
}

const kindByCode = new Map<number, ClientMessage['kind']>(
  (Object.keys(clientCode) as ClientMessage['kind'][]).map(kind => [clientCode[kind], kind]),
)

const messageFields: Readonly<Record<ClientMessage['kind'], number>> = {
  hello: 5,
  ping: 2,
  watchCreate: 4,
  watchCredit: 3,
  watchCancel: 2,
  watchProgress: 2,
  range: 3,
  put: 3,
  deleteRange: 3,
  txn: 3,
  compact: 4,
  leaseGrant: 4,
  leaseRevoke: 3,
  leaseKeepAlive: 4,
  leaseTimeToLive: 5,
  leaseLeases: 2,
  status: 2,
  memberList: 3,
  moveLeader: 4,
  memberAdd: 6,
  memberPromote: 4,
  memberUpdate: 6,
  memberRemove: 4,
  memberReplace: 6,
  snapshot: 4,
  hashKv: 3,
  openSession: 2,
  authenticate: 4,
  useToken: 3,
  auth: 3,
  withToken: 3,
  alarm: 5,
  space: 3,
  clusterVersion: 4,
}

function decodeClientMessage(value: unknown): ClientMessage {
  if (!Array.isArray(value)) throw new ProtocolError('a message is not an array')
  if (value[0] === onceCode) return decodeOnce(asFields(value, 5, 'once'))
  const kind = kindByCode.get(asUint(value[0], 'message code'))
  if (kind === undefined) throw new ProtocolError(`unknown message code ${String(value[0])}`)
  // The one message that has another form for newer members.
  const hasNonce = kind === 'openSession' && value.length === 3
  const fields = asFields(value, hasNonce ? 3 : messageFields[kind], kind)
  if (kind === 'withToken') return decodeWithToken(fields)
  // Second in every message but `hello`: the request id or the watch id.
  const id = asUint(fields[1], `${kind} id`)
  switch (kind) {
    case 'hello':
      return {
        kind,
        versionMin: id,
        versionMax: asUint(fields[2], 'hello versionMax'),
        client: asText(fields[3], 'hello client'),
        clusterId: asUint(fields[4], 'hello clusterId'),
      }
    case 'ping':
    case 'leaseLeases':
    case 'status':
      return { kind, id }
    case 'openSession':
      return fields.length === 2
        ? { kind, id }
        : { kind, id, nonce: asBytes(fields[2], 'openSession nonce') }
    case 'snapshot': {
      const offset = asUint(fields[3], 'snapshot offset')
      return { kind, id, name: asUint(fields[2], 'snapshot name'), offset }
    }
    case 'memberList':
      return { kind, id, linearizable: asFlag(fields[2], 'memberList linearizable') }
    case 'watchCreate':
      return { kind, watch: id, request: decodeWatch(fields[2]), creditBytes: asCredit(fields[3]) }
    case 'watchCredit':
      return { kind, watch: id, creditBytes: asCredit(fields[2]) }
    case 'watchCancel':
    case 'watchProgress':
      return { kind, watch: id }
    case 'range':
      return { kind, id, request: decodeRange(fields[2]) }
    case 'put':
      return { kind, id, request: decodePut(fields[2]) }
    case 'deleteRange':
      return { kind, id, request: decodeDeleteRange(fields[2]) }
    case 'txn':
      return { kind, id, request: decodeTxn(fields[2]) }
    case 'compact': {
      const physical = asFlag(fields[3], 'compact physical')
      return { kind, id, request: { revision: asUint(fields[2], 'compact revision'), physical } }
    }
    case 'leaseGrant': {
      const ttlSeconds = asInt(fields[2], 'leaseGrant ttlSeconds')
      return { kind, id, request: { ttlSeconds, id: asUint(fields[3], 'leaseGrant lease') } }
    }
    case 'leaseRevoke':
      return { kind, id, lease: asUint(fields[2], 'leaseRevoke lease') }
    case 'leaseKeepAlive': {
      const forwarded = asFlag(fields[3], 'leaseKeepAlive forwarded')
      return { kind, id, lease: asUint(fields[2], 'leaseKeepAlive lease'), forwarded }
    }
    case 'leaseTimeToLive': {
      const forwarded = asFlag(fields[4], 'leaseTimeToLive forwarded')
      const withKeys = asFlag(fields[3], 'leaseTimeToLive withKeys')
      return { kind, id, lease: asUint(fields[2], 'leaseTimeToLive lease'), withKeys, forwarded }
    }
    case 'moveLeader': {
      const forwarded = asFlag(fields[3], 'moveLeader forwarded')
      return { kind, id, target: asUint(fields[2], 'moveLeader target'), forwarded }
    }
    case 'memberAdd':
    case 'memberPromote':
    case 'memberUpdate':
    case 'memberRemove':
    case 'memberReplace':
      return decodeMemberChange(kind, id, fields)
    case 'hashKv':
      return { kind, id, revision: asUint(fields[2], 'hashKv revision') }
    case 'authenticate': {
      const user = asText(fields[2], 'authenticate user')
      return { kind, id, user, password: asText(fields[3], 'authenticate password') }
    }
    case 'useToken':
      return { kind, id, token: asText(fields[2], 'useToken token') }
    case 'auth':
      return { kind, id, request: decodeAuthRequest(fields[2]) }
    case 'alarm':
    case 'space':
    case 'clusterVersion':
      return decodeUpkeep(kind, id, fields)
    default:
      return unreachable(kind)
  }
}

function decodeOnce(fields: readonly unknown[]): ClientMessage {
  const inner = asList(fields[4], 'the write of once')
  // Looked at before it is decoded, as below.
  const code = asUint(inner[0], 'message code')
  if (code < clientCode.put || code > clientCode.leaseRevoke) {
    throw new ProtocolError('once goes with one write')
  }
  const once = {
    session: asUint(fields[1], 'once session'),
    number: asUint(fields[2], 'once number'),
    floor: asUint(fields[3], 'once floor'),
  }
  const write = decodeClientMessage(inner) as Write
  // The usual ones as literals: an object spread into another with one property more takes a microsecond.
  if (write.kind === 'put') return { kind: 'put', id: write.id, request: write.request, once }
  if (write.kind === 'txn') return { kind: 'txn', id: write.id, request: write.request, once }
  return { ...write, once }
}

function decodeWithToken(fields: readonly unknown[]): ClientMessage {
  const token = asText(fields[1], 'withToken token')
  const inner = asList(fields[2], 'withToken request')
  // Looked at before it is decoded: a chain of them would be followed to its end.
  const code = asUint(inner[0], 'message code')
  const isRequest = code === onceCode || code >= clientCode.range
  if (!isRequest || code === clientCode.useToken || code === clientCode.withToken) {
    throw new ProtocolError('withToken goes with one request')
  }
  return { kind: 'withToken', token, request: decodeClientMessage(inner) as Request }
}

function asCredit(value: unknown): number {
  const creditBytes = asUint(value, 'watch credit')
  if (creditBytes > protocolLimits.creditBytesMax) {
    throw new ProtocolError(`watch credit above ${protocolLimits.creditBytesMax}`)
  }
  return creditBytes
}

function encodeWatch(request: WatchRequest): PackedValue {
  return [
    request.key,
    request.end ?? null,
    request.startRevision ?? 0,
    (request.prevKv === true ? watchBit.prevKv : 0) |
      (request.progressNotify === true ? watchBit.progressNotify : 0) |
      (request.noPut === true ? watchBit.noPut : 0) |
      (request.noDelete === true ? watchBit.noDelete : 0),
    (request.moreRanges ?? []).map(({ key, end }) => [key, end ?? null]),
  ]
}

/** Copies its keys: a watch outlives its frame. */
function decodeWatch(body: unknown): WatchRequest {
  const fields = asFields(body, 5, 'watch')
  const bits = asBits(fields[3], 15, 'watch flags')
  const moreRanges = asList(fields[4], 'watch ranges')
  if (moreRanges.length >= protocolLimits.watchRangesMax) {
    throw new ProtocolError(`a watch of more than ${protocolLimits.watchRangesMax} ranges`)
  }
  return {
    ...decodeWatchedRange(fields[0], fields[1]),
    ...(moreRanges.length === 0 ? {} : { moreRanges: moreRanges.map(decodeMoreRange) }),
    startRevision: asUint(fields[2], 'watch startRevision'),
    prevKv: (bits & watchBit.prevKv) !== 0,
    progressNotify: (bits & watchBit.progressNotify) !== 0,
    noPut: (bits & watchBit.noPut) !== 0,
    noDelete: (bits & watchBit.noDelete) !== 0,
  }
}

function decodeMoreRange(value: unknown): KeyRange {
  const fields = asFields(value, 2, 'watch range')
  return decodeWatchedRange(fields[0], fields[1])
}

function decodeWatchedRange(key: unknown, end: unknown): KeyRange {
  const start = Buffer.from(asBytes(key, 'watch key'))
  return end === null ? { key: start } : { key: start, end: Buffer.from(asBytes(end, 'watch end')) }
}
