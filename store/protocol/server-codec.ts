// What a member sends: messages to packed bytes, frames to messages. Watch events are packed once
// and shared between watchers; a decoded answer copies keys and values, since users keep them.

import { unreachable } from '../../platform/errors.js'
import type { PackedValue } from '../../platform/msgpack.js'
import { packArray } from '../../platform/msgpack.js'
import type { KeyValue, MemberStatus, ResponseHeader, Revision, WatchEvent } from '../core/types.js'
import { decodeAuthResponse, encodeAuthResponse } from './auth-codec.js'
import { ProtocolError, answerOffset, clientCode, protocolLimits, serverCode } from './messages.js'
import type { Answer, AnswerKind, ServerMessage, Welcome, WireError } from './messages.js'
import {
  decodeKeyValue,
  decodeOptionalKeyValue,
  decodeResponseBody,
  encodeKeyValue,
  encodeOptionalKeyValue,
  encodeResponseBody,
} from './kv-codec.js'
import { decodeMemberAnswer, memberAnswerBody } from './member-codec.js'
import { decodeUpkeepAnswer, encodeUpkeepAnswer } from './upkeep-codec.js'
import {
  arrayHeader,
  asBytes,
  asFields,
  asFlag,
  asInt,
  asList,
  asName,
  asText,
  asUint,
  frameRules,
  unpackFrame,
} from './wire.js'

const rules = frameRules(protocolLimits.serverItemsMax)
const outcomes = ['not-applied', 'unknown'] as const
const roles = ['follower', 'preCandidate', 'candidate', 'leader'] as const
const eventKinds = ['put', 'delete'] as const

/** Every message of a member but events, which are packed in pieces. */
type PlainServerMessage = Exclude<ServerMessage, { kind: 'watchEvents' }>

/** One packed message, to be put into a frame by FrameWriter. */
export function encodeServerMessage(message: PlainServerMessage): Uint8Array {
  return packArray(serverFields(message))
}

function serverFields(message: PlainServerMessage): readonly PackedValue[] {
  switch (message.kind) {
    case 'welcome':
      return [serverCode.welcome, ...welcomeFields(message.welcome)]
    case 'pong':
      return [serverCode.pong, message.id, message.leader]
    case 'leader':
      return [serverCode.leader, message.leader, message.raftTerm]
    case 'error':
      return [serverCode.error, message.id, ...errorFields(message.error)]
    case 'watchCreated':
      return [serverCode.watchCreated, message.watch, message.revision]
    case 'watchEnd': {
      const { watch, error, compactRevision } = message
      return [serverCode.watchEnd, watch, ...errorFields(error), compactRevision]
    }
    case 'rangePart':
      return [serverCode.rangePart, message.id, message.kvs.map(encodeKeyValue)]
    case 'snapshotPart':
      return [serverCode.snapshotPart, message.id, message.bytes]
    case 'answer': {
      const { kind, id, response } = message.answer
      const { revision, raftTerm } = response.header
      return [clientCode[kind] + answerOffset, id, revision, raftTerm, answerBody(message.answer)]
    }
    default:
      return unreachable(message)
  }
}

function welcomeFields(welcome: Welcome): readonly PackedValue[] {
  return [
    welcome.version,
    welcome.clusterId,
    welcome.memberId,
    welcome.name,
    welcome.serverVersion,
    welcome.leader,
    welcome.requestBytesMax,
    welcome.inFlightMax,
  ]
}

function errorFields(error: WireError): readonly PackedValue[] {
  return [error.code, error.message, error.retryable, outcomes.indexOf(error.outcome)]
}

function answerBody(answer: Answer): PackedValue {
  switch (answer.kind) {
    case 'range':
    case 'put':
    case 'deleteRange':
    case 'txn':
      return encodeResponseBody(answer)
    case 'compact':
    case 'leaseRevoke':
    case 'moveLeader':
    case 'useToken':
      return []
    case 'authenticate':
      return [answer.response.token]
    case 'auth':
      return encodeAuthResponse(answer.response)
    case 'leaseGrant':
    case 'leaseKeepAlive':
      return [answer.response.id, answer.response.ttlSeconds]
    case 'leaseTimeToLive': {
      const { id, ttlSeconds, grantedTtlSeconds, keys } = answer.response
      return [id, ttlSeconds, grantedTtlSeconds, keys]
    }
    case 'leaseLeases':
      return [answer.response.leases]
    case 'openSession':
      return [answer.response.session, answer.response.numbersMax]
    case 'status':
      return statusFields(answer.response)
    case 'memberList':
    case 'memberAdd':
    case 'memberPromote':
    case 'memberUpdate':
    case 'memberRemove':
    case 'memberReplace':
      return memberAnswerBody(answer)
    case 'snapshot':
      return [answer.response.bytes, answer.response.sha256]
    case 'hashKv': {
      const { hash, revision, compactRevision } = answer.response
      return [hash, revision, compactRevision]
    }
    case 'alarm':
    case 'space':
    case 'clusterVersion':
      return encodeUpkeepAnswer(answer)
    default:
      return unreachable(answer)
  }
}

function statusFields(status: MemberStatus): PackedValue {
  return [
    status.version,
    status.name,
    roles.indexOf(status.role),
    status.leader,
    status.commitIndex,
    status.appliedIndex,
    status.dbSizeBytes,
    status.learner,
    status.healthy,
    status.compactRevision,
    status.dbFileBytes,
    status.usedBytes,
    status.quotaBytes,
    status.clusterVersion,
    [...status.errors],
  ]
}

/** One packed event, for `watchEventsChunks` of any number of watches. */
export function encodeWatchEvent(event: WatchEvent): Uint8Array {
  return packArray([
    eventKinds.indexOf(event.kind),
    encodeKeyValue(event.kv),
    encodeOptionalKeyValue(event.prevKv),
  ])
}

/**
 * The chunks of one packed `watchEvents` message around events that are packed already. Several watches
 * only where the link speaks version 4.
 */
export function watchEventsChunks(
  watches: readonly number[],
  revision: Revision,
  more: boolean,
  events: readonly Uint8Array[],
): readonly Uint8Array[] {
  // An array of five whose last item follows: the head is packed as four and its count raised.
  const [only] = watches
  const told = watches.length === 1 && only !== undefined ? only : watches
  const head = packArray([serverCode.watchEvents, told, revision, more])
  return [arrayHeader(5), head.subarray(1), arrayHeader(events.length), ...events]
}

/** Who answers: completes the headers, which carry revision and term only. */
export interface AnsweringMember {
  readonly clusterId: number
  readonly memberId: number
}

/**
 * `member` is that of the welcome; null before it came, when answers are refused.
 *
 * @throws ProtocolError, and nothing else, whatever the bytes.
 */
export function decodeServerFrame(
  frame: Uint8Array,
  member: AnsweringMember | null,
): readonly ServerMessage[] {
  return unpackFrame(frame, rules).map(message => decodeServerMessage(message, member))
}

const answerKindByCode = new Map<number, AnswerKind>(
  (Object.keys(clientCode) as (keyof typeof clientCode)[])
    .filter(
      (kind): kind is AnswerKind => clientCode[kind] >= clientCode.range && kind !== 'withToken',
    )
    .map(kind => [clientCode[kind] + answerOffset, kind]),
)

function decodeServerMessage(value: unknown, member: AnsweringMember | null): ServerMessage {
  if (!Array.isArray(value)) throw new ProtocolError('a message is not an array')
  const code = asUint(value[0], 'message code')
  switch (code) {
    case serverCode.welcome:
      return { kind: 'welcome', welcome: decodeWelcome(asFields(value, 9, 'welcome')) }
    case serverCode.pong: {
      const fields = asFields(value, 3, 'pong')
      const id = asUint(fields[1], 'pong id')
      return { kind: 'pong', id, leader: asUint(fields[2], 'pong leader') }
    }
    case serverCode.leader: {
      const fields = asFields(value, 3, 'leader')
      const raftTerm = asUint(fields[2], 'leader term')
      return { kind: 'leader', leader: asUint(fields[1], 'leader'), raftTerm }
    }
    case serverCode.error: {
      const fields = asFields(value, 6, 'error')
      return { kind: 'error', id: asUint(fields[1], 'error id'), error: decodeError(fields, 2) }
    }
    case serverCode.watchCreated: {
      const fields = asFields(value, 3, 'watchCreated')
      const revision = asUint(fields[2], 'watchCreated revision')
      return { kind: 'watchCreated', watch: asUint(fields[1], 'watchCreated id'), revision }
    }
    case serverCode.watchEvents:
      return decodeWatchEvents(asFields(value, 5, 'watchEvents'))
    case serverCode.watchEnd: {
      const fields = asFields(value, 7, 'watchEnd')
      return {
        kind: 'watchEnd',
        watch: asUint(fields[1], 'watchEnd id'),
        error: decodeError(fields, 2),
        compactRevision: asUint(fields[6], 'watchEnd compactRevision'),
      }
    }
    case serverCode.rangePart: {
      const fields = asFields(value, 3, 'rangePart')
      const kvs = asList(fields[2], 'rangePart kvs').map(decodeKeyValue)
      return { kind: 'rangePart', id: asUint(fields[1], 'rangePart id'), kvs }
    }
    case serverCode.snapshotPart: {
      const fields = asFields(value, 3, 'snapshotPart')
      // A view of the frame: it is written to a file at once.
      const bytes = asBytes(fields[2], 'snapshotPart bytes')
      return { kind: 'snapshotPart', id: asUint(fields[1], 'snapshotPart id'), bytes }
    }
    default:
      return { kind: 'answer', answer: decodeAnswer(code, value, member) }
  }
}

function decodeWelcome(fields: readonly unknown[]): Welcome {
  return {
    version: asUint(fields[1], 'welcome version'),
    clusterId: asUint(fields[2], 'welcome clusterId'),
    memberId: asUint(fields[3], 'welcome memberId'),
    name: asText(fields[4], 'welcome name'),
    serverVersion: asText(fields[5], 'welcome serverVersion'),
    leader: asUint(fields[6], 'welcome leader'),
    requestBytesMax: asUint(fields[7], 'welcome requestBytesMax'),
    inFlightMax: asUint(fields[8], 'welcome inFlightMax'),
  }
}

function decodeError(fields: readonly unknown[], at: number): WireError {
  return {
    code: asText(fields[at], 'error code'),
    message: asText(fields[at + 1], 'error message'),
    retryable: asFlag(fields[at + 2], 'error retryable'),
    outcome: asName(fields[at + 3], outcomes, 'error outcome'),
  }
}

function decodeWatchEvents(fields: readonly unknown[]): ServerMessage {
  let bytes = 0
  const events = asList(fields[4], 'watchEvents events').map((value): WatchEvent => {
    const event = asFields(value, 3, 'event')
    const kv = decodeKeyValue(event[1])
    const prevKv = decodeOptionalKeyValue(event[2])
    bytes += creditOf(kv) + (prevKv === null ? 0 : creditOf(prevKv))
    return { kind: asName(event[0], eventKinds, 'event kind'), kv, prevKv }
  })
  return {
    kind: 'watchEvents',
    watches: decodeWatches(fields[1]),
    revision: asUint(fields[2], 'watchEvents revision'),
    more: asFlag(fields[3], 'watchEvents more'),
    events,
    bytes,
  }
}

function decodeWatches(value: unknown): readonly number[] {
  if (!Array.isArray(value)) return [asUint(value, 'watchEvents id')]
  return value.map(watch => asUint(watch, 'watchEvents id'))
}

/**
 * What a key-value costs of a watch's credit, computed alike on both sides from lengths alone, so
 * that it does not depend on how either encodes numbers.
 */
export function creditOf(kv: KeyValue): number {
  return kv.key.length + kv.value.length + 32
}

function decodeAnswer(
  code: number,
  value: readonly unknown[],
  member: AnsweringMember | null,
): Answer {
  const kind = answerKindByCode.get(code)
  if (kind === undefined) throw new ProtocolError(`unknown message code ${code}`)
  if (member === null) throw new ProtocolError('an answer before the welcome')
  const fields = asFields(value, 5, `${kind} answer`)
  const id = asUint(fields[1], 'answer id')
  const header: ResponseHeader = {
    clusterId: member.clusterId,
    memberId: member.memberId,
    revision: asUint(fields[2], 'answer revision'),
    raftTerm: asUint(fields[3], 'answer term'),
  }
  const body = fields[4]
  switch (kind) {
    case 'range':
      return { kind, id, response: decodeResponseBody(kind, body, header).response }
    case 'put':
      return { kind, id, response: decodeResponseBody(kind, body, header).response }
    case 'deleteRange':
      return { kind, id, response: decodeResponseBody(kind, body, header).response }
    case 'txn':
      return { kind, id, response: decodeResponseBody(kind, body, header).response }
    case 'compact':
    case 'leaseRevoke':
    case 'moveLeader':
    case 'useToken':
      asFields(body, 0, `${kind} answer`)
      return { kind, id, response: { header } }
    case 'authenticate': {
      const token = asText(asFields(body, 1, 'authenticate answer')[0], 'token')
      return { kind, id, response: { header, token } }
    }
    case 'auth':
      return { kind, id, response: decodeAuthResponse(body, header) }
    case 'leaseGrant':
    case 'leaseKeepAlive': {
      const lease = asFields(body, 2, `${kind} answer`)
      const ttlSeconds = asInt(lease[1], 'ttlSeconds')
      return { kind, id, response: { header, id: asUint(lease[0], 'lease'), ttlSeconds } }
    }
    case 'leaseTimeToLive':
      return { kind, id, response: decodeTimeToLive(body, header) }
    case 'openSession': {
      const fields = asFields(body, 2, 'openSession answer')
      const session = asUint(fields[0], 'openSession answer session')
      const numbersMax = asUint(fields[1], 'openSession answer numbersMax')
      return { kind, id, response: { header, session, numbersMax } }
    }
    case 'leaseLeases': {
      const list = asFields(body, 1, 'leaseLeases answer')
      const leases = asList(list[0], 'leases').map(lease => asUint(lease, 'lease'))
      return { kind, id, response: { header, leases } }
    }
    case 'status':
      return { kind, id, response: decodeStatus(body, header) }
    case 'memberList':
    case 'memberAdd':
    case 'memberPromote':
    case 'memberUpdate':
    case 'memberRemove':
    case 'memberReplace':
      return decodeMemberAnswer(kind, id, header, body)
    case 'snapshot': {
      const fields = asFields(body, 2, 'snapshot answer')
      const sha256 = Buffer.from(asBytes(fields[1], 'snapshot sha256'))
      return { kind, id, response: { header, bytes: asUint(fields[0], 'snapshot bytes'), sha256 } }
    }
    case 'hashKv': {
      const fields = asFields(body, 3, 'hashKv answer')
      const hash = asText(fields[0], 'hashKv hash')
      const revision = asUint(fields[1], 'hashKv revision')
      const compactRevision = asInt(fields[2], 'hashKv compactRevision')
      return { kind, id, response: { header, hash, revision, compactRevision } }
    }
    case 'alarm':
    case 'space':
    case 'clusterVersion':
      return decodeUpkeepAnswer(kind, id, body, header)
    default:
      return unreachable(kind)
  }
}

function decodeTimeToLive(body: unknown, header: ResponseHeader) {
  const fields = asFields(body, 4, 'leaseTimeToLive answer')
  return {
    header,
    id: asUint(fields[0], 'lease'),
    ttlSeconds: asInt(fields[1], 'ttlSeconds'),
    grantedTtlSeconds: asInt(fields[2], 'grantedTtlSeconds'),
    keys: asList(fields[3], 'keys').map(key => Buffer.from(asBytes(key, 'key'))),
  }
}

function decodeStatus(body: unknown, header: ResponseHeader): MemberStatus {
  const fields = asFields(body, 15, 'status answer')
  return {
    header,
    raftTerm: header.raftTerm,
    version: asText(fields[0], 'status version'),
    name: asText(fields[1], 'status name'),
    role: asName(fields[2], roles, 'status role'),
    leader: asUint(fields[3], 'status leader'),
    commitIndex: asUint(fields[4], 'status commitIndex'),
    appliedIndex: asUint(fields[5], 'status appliedIndex'),
    dbSizeBytes: asUint(fields[6], 'status dbSizeBytes'),
    learner: asFlag(fields[7], 'status learner'),
    healthy: asFlag(fields[8], 'status healthy'),
    compactRevision: asInt(fields[9], 'status compactRevision'),
    dbFileBytes: asUint(fields[10], 'status dbFileBytes'),
    usedBytes: asUint(fields[11], 'status usedBytes'),
    quotaBytes: asUint(fields[12], 'status quotaBytes'),
    clusterVersion: asText(fields[13], 'status clusterVersion'),
    errors: asList(fields[14], 'status errors').map(error => asText(error, 'status error')),
  }
}
