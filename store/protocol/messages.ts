// The messages of the native store protocol as values, and its numbers. How they stand on the wire
// is docs/protocol.md. Counterpart: etcd's KV, Watch and Lease services, folded into one stream of
// small messages so that many operations share one frame.

import { RaftsmanError } from '../../platform/errors.js'
import type { Outcome } from '../../platform/errors.js'
import type {
  AuthRequest,
  AuthResponse,
  AuthenticateResponse,
  AlarmRequest,
  AlarmResponse,
  Bytes,
  ClusterVersionRequest,
  ClusterVersionResponse,
  CompactionRequest,
  DeleteRangeRequest,
  DeleteRangeResponse,
  HashKvResponse,
  KeyValue,
  LeaseGrantRequest,
  LeaseGrantResponse,
  LeaseId,
  LeaseKeepAliveResponse,
  LeaseLeasesResponse,
  LeaseTimeToLiveResponse,
  Member,
  MemberStatus,
  Once,
  OpenSessionResponse,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  ResponseHeader,
  Revision,
  TxnRequest,
  SpaceResponse,
  TxnResponse,
  WatchEvent,
  WatchRequest,
} from '../core/types.js'

/** Upgrade path of the WebSocket. */
export const protocolPath = '/v1/store'

/**
 * The newest version; `hello` carries a range, and `welcome` says which of them the link speaks. Version 2
 * has sessions: openSession and the name of a write. Version 3 has the nonce of openSession. Version 4 has
 * events that are told to several watches at once.
 */
export const protocolVersion = 4
/** The oldest one that is still spoken. */
export const protocolVersionMin = 1
export const sessionsProtocolVersion = 2
export const noncesProtocolVersion = 3
export const sharedEventsProtocolVersion = 4

/** Every limit of a link. A frame or message beyond one closes the link with a sentence. */
export const protocolLimits = {
  /** Client to server. One request of `requestBytesMax` and its framing fit. */
  clientFrameBytesMax: 2 * 1024 * 1024,
  /** Server to client: one answer of `answerBytesMax` and its framing fit. */
  serverFrameBytesMax: 9 * 1024 * 1024,
  /** One answer that cannot be cut: transactions, deletes with previous values, keys of a lease. */
  answerBytesMax: 8 * 1024 * 1024,
  /** A sender cuts its frame once it is this long. */
  frameBytesSoft: 512 * 1024,
  /** Length at which a long range and a long batch of events are cut into parts. */
  partBytes: 256 * 1024,
  messagesMax: 8_192,
  /** Arrays, numbers, texts and binaries in one frame of a client. */
  clientItemsMax: 1 << 20,
  /** In one frame of a server, whom a client trusts more; never fewer than its bytes allow. */
  serverItemsMax: 9 * 1024 * 1024,
  /** Array nesting: four levels for each transaction, of which 128 may stand in one another. */
  depthMax: 528,
  /** One encoded request, as etcd's default. */
  requestBytesMax: 1_572_864,
  /** Requests sent on a link and not answered. */
  inFlightMax: 16_384,
  watchesMax: 4_096,
  /** Ranges of one watch. */
  watchRangesMax: 1_024,
  /** Credit that a watch may hold. */
  creditBytesMax: 64 * 1024 * 1024,
  /** Text fields: names, versions, error messages. */
  textBytesMax: 4_096,
  /** Of one kind, of one member. */
  addressesMax: 16,
  /** Of openSession: no more, no less. */
  nonceBytes: 16,
} as const

/** The peer does not speak the protocol; the link is closed with the message. */
export class ProtocolError extends RaftsmanError {
  constructor(message: string, cause?: unknown) {
    super(`bad frame: ${message}`, {
      code: 'bad-frame',
      retryable: false,
      outcome: 'not-applied',
      cause,
    })
  }
}

/** Codes on the wire, client to server. An answer to request code N is N + 32. */
export const clientCode = {
  hello: 0,
  ping: 1,
  watchCreate: 4,
  watchCredit: 5,
  watchCancel: 6,
  watchProgress: 7,
  range: 16,
  put: 17,
  deleteRange: 18,
  txn: 19,
  compact: 20,
  leaseGrant: 21,
  leaseRevoke: 22,
  leaseKeepAlive: 23,
  leaseTimeToLive: 24,
  leaseLeases: 25,
  status: 26,
  memberList: 27,
  moveLeader: 28,
  memberAdd: 29,
  memberPromote: 30,
  memberUpdate: 31,
  memberRemove: 32,
  memberReplace: 33,
  snapshot: 34,
  hashKv: 35,
  openSession: 43,
  authenticate: 44,
  useToken: 45,
  auth: 46,
  withToken: 47,
  alarm: 40,
  space: 41,
  clusterVersion: 42,
} as const

/** Before a write and its name: [code, session, number, floor, the message of the write]. */
export const onceCode = 8

/** Codes on the wire, server to client, beside the answers. */
export const serverCode = {
  welcome: 0,
  pong: 1,
  leader: 2,
  error: 3,
  watchCreated: 4,
  watchEvents: 5,
  watchEnd: 6,
  rangePart: 7,
  snapshotPart: 8,
} as const

export const answerOffset = 32

/** `id` is chosen by the client and not reused while it is unanswered. */
export type Request =
  | { readonly kind: 'range'; readonly id: number; readonly request: RangeRequest }
  | Write
  /** For writes that are to be done once, however often they are sent. With a nonce so is itself. */
  | { readonly kind: 'openSession'; readonly id: number; readonly nonce?: Bytes }
  | (Forwardable & { readonly kind: 'leaseKeepAlive'; readonly lease: LeaseId })
  | (Forwardable & {
      readonly kind: 'leaseTimeToLive'
      readonly lease: LeaseId
      readonly withKeys: boolean
    })
  | { readonly kind: 'leaseLeases'; readonly id: number }
  | { readonly kind: 'status'; readonly id: number }
  /** `linearizable`: as new as any change that was answered; else what this member knows. */
  | { readonly kind: 'memberList'; readonly id: number; readonly linearizable: boolean }
  | (Forwardable & { readonly kind: 'moveLeader'; readonly target: number })
  | MemberChange
  /** `name` is the client's, to come back to it with the bytes that it has got; 0: it will not. */
  | {
      readonly kind: 'snapshot'
      readonly id: number
      readonly name: number
      readonly offset: number
    }
  /** Revision 0: the newest. */
  | { readonly kind: 'hashKv'; readonly id: number; readonly revision: Revision }
  /** Answered with a token; requests do not act for the user before `useToken`. */
  | {
      readonly kind: 'authenticate'
      readonly id: number
      readonly user: string
      readonly password: string
    }
  | { readonly kind: 'auth'; readonly id: number; readonly request: AuthRequest }
  | { readonly kind: 'alarm'; readonly id: number; readonly request: AlarmRequest }
  | { readonly kind: 'space'; readonly id: number; readonly defragment: boolean }
  | {
      readonly kind: 'clusterVersion'
      readonly id: number
      readonly request: ClusterVersionRequest
    }

/** With a name it is done once; without, as often as it is sent. */
export type Write = { readonly id: number; readonly once?: Once } & (
  | { readonly kind: 'put'; readonly request: PutRequest }
  | { readonly kind: 'deleteRange'; readonly request: DeleteRangeRequest }
  | { readonly kind: 'txn'; readonly request: TxnRequest }
  | { readonly kind: 'compact'; readonly request: CompactionRequest }
  | { readonly kind: 'leaseGrant'; readonly request: LeaseGrantRequest }
  | { readonly kind: 'leaseRevoke'; readonly lease: LeaseId }
)

export type MemberChange =
  | (Forwardable & {
      readonly kind: 'memberAdd'
      /** Empty when it is not known yet. */
      readonly name: string
      readonly peerAddresses: readonly string[]
      /** A learner that becomes a voter by itself, one that waits to be promoted, or a voter at once. */
      readonly mode: 'promoted' | 'learner' | 'voter'
    })
  | (Forwardable & { readonly kind: 'memberPromote'; readonly member: number })
  | (Forwardable & {
      readonly kind: 'memberUpdate'
      readonly member: number
      /** Empty: as it is. */
      readonly name: string
      readonly peerAddresses: readonly string[]
    })
  | (Forwardable & { readonly kind: 'memberRemove'; readonly member: number })
  | (Forwardable & {
      readonly kind: 'memberReplace'
      /** The one that goes. */
      readonly member: number
      readonly name: string
      readonly peerAddresses: readonly string[]
    })

export type MemberChangeKind = MemberChange['kind']

/** Answered by the leader alone. A member passes it on once; `forwarded` stops a second hop. */
interface Forwardable {
  readonly id: number
  readonly forwarded: boolean
}

export type RequestKind = Request['kind']
export type AnswerKind = Answer['kind']

export type ClientMessage =
  | {
      readonly kind: 'hello'
      readonly versionMin: number
      readonly versionMax: number
      /** For logs. */
      readonly client: string
      /** 0: whichever; else the link is refused when the cluster is another one. */
      readonly clusterId: number
    }
  | { readonly kind: 'ping'; readonly id: number }
  | {
      readonly kind: 'watchCreate'
      readonly watch: number
      readonly request: WatchRequest
      readonly creditBytes: number
    }
  | { readonly kind: 'watchCredit'; readonly watch: number; readonly creditBytes: number }
  | { readonly kind: 'watchCancel'; readonly watch: number }
  | { readonly kind: 'watchProgress'; readonly watch: number }
  /** What comes behind it on the link is done for the user of the token; empty: for nobody. */
  | { readonly kind: 'useToken'; readonly id: number; readonly token: string }
  /** One request for the user of another token than the link's. */
  | { readonly kind: 'withToken'; readonly token: string; readonly request: Request }
  | Request

/** What a member says of itself, first on every link. */
export interface Welcome {
  readonly version: number
  readonly clusterId: number
  readonly memberId: number
  readonly name: string
  readonly serverVersion: string
  /** Member id of the leader; 0 while there is none. */
  readonly leader: number
  readonly requestBytesMax: number
  readonly inFlightMax: number
}

export interface WireError {
  readonly code: string
  readonly message: string
  readonly retryable: boolean
  readonly outcome: Outcome
}

/** Answers carry the header's revision and term; cluster and member are those of the welcome. */
export type Answer =
  | { readonly kind: 'range'; readonly id: number; readonly response: RangeResponse }
  | { readonly kind: 'put'; readonly id: number; readonly response: PutResponse }
  | { readonly kind: 'deleteRange'; readonly id: number; readonly response: DeleteRangeResponse }
  | { readonly kind: 'txn'; readonly id: number; readonly response: TxnResponse }
  | { readonly kind: 'compact'; readonly id: number; readonly response: Headed }
  | { readonly kind: 'leaseGrant'; readonly id: number; readonly response: LeaseGrantResponse }
  | { readonly kind: 'leaseRevoke'; readonly id: number; readonly response: Headed }
  | { readonly kind: 'openSession'; readonly id: number; readonly response: OpenSessionResponse }
  | {
      readonly kind: 'leaseKeepAlive'
      readonly id: number
      readonly response: LeaseKeepAliveResponse
    }
  | {
      readonly kind: 'leaseTimeToLive'
      readonly id: number
      readonly response: LeaseTimeToLiveResponse
    }
  | { readonly kind: 'leaseLeases'; readonly id: number; readonly response: LeaseLeasesResponse }
  | { readonly kind: 'status'; readonly id: number; readonly response: MemberStatus }
  | { readonly kind: 'memberList'; readonly id: number; readonly response: MemberListResponse }
  | { readonly kind: 'moveLeader'; readonly id: number; readonly response: Headed }
  | { readonly kind: 'memberAdd'; readonly id: number; readonly response: MemberAddedResponse }
  | { readonly kind: 'memberPromote'; readonly id: number; readonly response: MemberListResponse }
  | { readonly kind: 'memberUpdate'; readonly id: number; readonly response: MemberListResponse }
  | { readonly kind: 'memberRemove'; readonly id: number; readonly response: MemberListResponse }
  | { readonly kind: 'memberReplace'; readonly id: number; readonly response: MemberAddedResponse }
  | { readonly kind: 'snapshot'; readonly id: number; readonly response: SnapshotResponse }
  | { readonly kind: 'hashKv'; readonly id: number; readonly response: HashKvResponse }
  | { readonly kind: 'authenticate'; readonly id: number; readonly response: AuthenticateResponse }
  | { readonly kind: 'useToken'; readonly id: number; readonly response: Headed }
  | { readonly kind: 'auth'; readonly id: number; readonly response: AuthResponse }
  | { readonly kind: 'alarm'; readonly id: number; readonly response: AlarmResponse }
  | { readonly kind: 'space'; readonly id: number; readonly response: SpaceResponse }
  | {
      readonly kind: 'clusterVersion'
      readonly id: number
      readonly response: ClusterVersionResponse
    }

export interface Headed {
  readonly header: ResponseHeader
}

export interface MemberListResponse extends Headed {
  readonly members: readonly Member[]
}

export interface MemberAddedResponse extends MemberListResponse {
  readonly member: Member
}

/** After all parts of the snapshot. */
export interface SnapshotResponse extends Headed {
  /** Of all parts. */
  readonly bytes: number
  readonly sha256: Uint8Array
}

export type ServerMessage =
  | { readonly kind: 'welcome'; readonly welcome: Welcome }
  | { readonly kind: 'pong'; readonly id: number; readonly leader: number }
  /** The member has learnt of another leader, or (0) has lost it. */
  | { readonly kind: 'leader'; readonly leader: number; readonly raftTerm: number }
  | { readonly kind: 'error'; readonly id: number; readonly error: WireError }
  | { readonly kind: 'watchCreated'; readonly watch: number; readonly revision: Revision }
  | {
      readonly kind: 'watchEvents'
      /** One or more, each of which is told all of it. */
      readonly watches: readonly number[]
      readonly revision: Revision
      /** More events of the same batch follow in the next message of these watches. */
      readonly more: boolean
      readonly events: readonly WatchEvent[]
      /** What this message costs of the credit of each watch; see creditOf. */
      readonly bytes: number
    }
  | {
      readonly kind: 'watchEnd'
      readonly watch: number
      readonly error: WireError
      /** 0 unless history that the watch needs has been compacted. */
      readonly compactRevision: Revision
    }
  /** Key-values of a long range; the answer brings the last of them. */
  | { readonly kind: 'rangePart'; readonly id: number; readonly kvs: readonly KeyValue[] }
  /** Bytes of a snapshot, in order; the answer follows behind the last. */
  | { readonly kind: 'snapshotPart'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly kind: 'answer'; readonly answer: Answer }
