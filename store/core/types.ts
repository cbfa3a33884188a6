// Requests and answers of the store: the vocabulary of etcd v3, in our form.
// Keys and values are bytes. Revisions are integers below 2^53. Lease ids too: a server picks them
// below 2^53 and refuses larger ones over the native protocol.

export type Bytes = Uint8Array
export type Revision = number
export type LeaseId = number

export interface KeyValue {
  readonly key: Bytes
  readonly value: Bytes
  readonly createRevision: Revision
  readonly modRevision: Revision
  /** 1 for a new key; 0 in a delete event. */
  readonly version: number
  /** 0 for none. */
  readonly lease: LeaseId
}

/** On every answer: the store's state when it was made. */
export interface ResponseHeader {
  readonly clusterId: number
  readonly memberId: number
  readonly revision: Revision
  readonly raftTerm: number
}

/**
 * A range of keys: `end` absent is the single key, the byte 0 alone is everything from `key` on,
 * else the half-open interval. As in etcd.
 */
export interface KeyRange {
  readonly key: Bytes
  readonly end?: Bytes
}

export type SortTarget = 'key' | 'version' | 'create' | 'mod' | 'value'

export interface RangeRequest extends KeyRange {
  /** 0: all. */
  readonly limit?: number
  /** 0 or absent: the newest. */
  readonly revision?: Revision
  readonly sortOrder?: 'none' | 'ascend' | 'descend'
  readonly sortTarget?: SortTarget
  /** Answered by any member without asking the quorum; may be stale. */
  readonly serializable?: boolean
  readonly keysOnly?: boolean
  readonly countOnly?: boolean
  readonly minModRevision?: Revision
  readonly maxModRevision?: Revision
  readonly minCreateRevision?: Revision
  readonly maxCreateRevision?: Revision
  /** The answer may end before the limit, with `more`, once it has become about 1 MiB long. */
  readonly paged?: boolean
}

export interface RangeResponse {
  readonly header: ResponseHeader
  readonly kvs: readonly KeyValue[]
  readonly more: boolean
  /** Keys in the range, whatever the limit and the filters. */
  readonly count: number
}

export interface PutRequest {
  readonly key: Bytes
  readonly value: Bytes
  readonly lease?: LeaseId
  readonly prevKv?: boolean
  readonly ignoreValue?: boolean
  readonly ignoreLease?: boolean
}

export interface PutResponse {
  readonly header: ResponseHeader
  readonly prevKv: KeyValue | null
}

export interface DeleteRangeRequest extends KeyRange {
  readonly prevKv?: boolean
}

export interface DeleteRangeResponse {
  readonly header: ResponseHeader
  readonly deleted: number
  readonly prevKvs: readonly KeyValue[]
}

export type CompareResult = 'equal' | 'notEqual' | 'greater' | 'less'

export type Compare = KeyRange & { readonly result: CompareResult } & (
    | { readonly target: 'version'; readonly version: number }
    | { readonly target: 'create'; readonly createRevision: Revision }
    | { readonly target: 'mod'; readonly modRevision: Revision }
    | { readonly target: 'value'; readonly value: Bytes }
    | { readonly target: 'lease'; readonly lease: LeaseId }
  )

export type RequestOp =
  | { readonly kind: 'range'; readonly request: RangeRequest }
  | { readonly kind: 'put'; readonly request: PutRequest }
  | { readonly kind: 'deleteRange'; readonly request: DeleteRangeRequest }
  | { readonly kind: 'txn'; readonly request: TxnRequest }

export interface TxnRequest {
  readonly compare: readonly Compare[]
  readonly success: readonly RequestOp[]
  readonly failure: readonly RequestOp[]
}

export type ResponseOp =
  | { readonly kind: 'range'; readonly response: RangeResponse }
  | { readonly kind: 'put'; readonly response: PutResponse }
  | { readonly kind: 'deleteRange'; readonly response: DeleteRangeResponse }
  | { readonly kind: 'txn'; readonly response: TxnResponse }

export interface TxnResponse {
  readonly header: ResponseHeader
  readonly succeeded: boolean
  readonly responses: readonly ResponseOp[]
}

/** The name of a write, by which the store knows it when it is sent again. */
export interface Once {
  readonly session: number
  /** Of the write in its session, from 1 on; another one has another. */
  readonly number: number
  /** The client has seen the answers of all numbers below, or has given them up. At most `number`. */
  readonly floor: number
}

export interface OpenSessionResponse {
  readonly header: ResponseHeader
  readonly session: number
  /** A number must be below the floor and this. */
  readonly numbersMax: number
}

export interface CompactionRequest {
  readonly revision: Revision
  /** Answer only when the space has been given back. */
  readonly physical?: boolean
}

export interface CompactionResponse {
  readonly header: ResponseHeader
}

export interface LeaseGrantRequest {
  readonly ttlSeconds: number
  /** 0 or absent: the server picks. */
  readonly id?: LeaseId
}

export interface LeaseGrantResponse {
  readonly header: ResponseHeader
  readonly id: LeaseId
  readonly ttlSeconds: number
}

export interface LeaseRevokeResponse {
  readonly header: ResponseHeader
}

export interface LeaseKeepAliveResponse {
  readonly header: ResponseHeader
  readonly id: LeaseId
  /** 0: no such lease. */
  readonly ttlSeconds: number
}

export interface LeaseTimeToLiveResponse {
  readonly header: ResponseHeader
  readonly id: LeaseId
  /** Remaining; -1: no such lease. */
  readonly ttlSeconds: number
  readonly grantedTtlSeconds: number
  readonly keys: readonly Bytes[]
}

export interface LeaseLeasesResponse {
  readonly header: ResponseHeader
  readonly leases: readonly LeaseId[]
}

export interface WatchRequest extends KeyRange {
  /** Further ranges of the same watch; an event in several of them comes once. */
  readonly moreRanges?: readonly KeyRange[]
  /** 0 or absent: from now on. */
  readonly startRevision?: Revision
  readonly prevKv?: boolean
  /** Empty progress messages while idle. */
  readonly progressNotify?: boolean
  readonly noPut?: boolean
  readonly noDelete?: boolean
}

export interface WatchEvent {
  readonly kind: 'put' | 'delete'
  readonly kv: KeyValue
  readonly prevKv: KeyValue | null
}

/** All events of one revision stand in one batch, or in consecutive ones that say `more`. */
export interface WatchBatch {
  /** Everything up to and including this revision has been delivered, unless there is more of it. */
  readonly revision: Revision
  /** Empty: progress. */
  readonly events: readonly WatchEvent[]
  /** The next batch begins with further events of the same revision. */
  readonly more?: boolean
}

export interface MemberStatus {
  readonly header: ResponseHeader
  readonly version: string
  readonly name: string
  readonly role: 'follower' | 'preCandidate' | 'candidate' | 'leader'
  /** Member id of the leader; 0 when unknown. */
  readonly leader: number
  readonly raftTerm: number
  readonly commitIndex: number
  readonly appliedIndex: number
  /** Without what is free in the file. */
  readonly dbSizeBytes: number
  /** It has no vote. */
  readonly learner: boolean
  readonly healthy: boolean
  readonly compactRevision: Revision
  readonly dbFileBytes: number
  /** What the quota is compared with. */
  readonly usedBytes: number
  /** 0: none. */
  readonly quotaBytes: number
  /** As "0.1.0"; empty where it is not known. */
  readonly clusterVersion: string
  /** Why it is not healthy, and which alarms are on. */
  readonly errors: readonly string[]
}

export interface Member {
  readonly id: number
  readonly name: string
  /** Peers use the first. */
  readonly peerAddresses: readonly string[]
  /** Empty while it has never started. */
  readonly clientAddresses: readonly string[]
  readonly learner: boolean
}

/** Of everything that can be read at `revision` and below; equal on members that hold the same. */
export interface HashKvResponse {
  readonly header: ResponseHeader
  /** Sixteen hexadecimal digits. */
  readonly hash: string
  readonly revision: Revision
  readonly compactRevision: Revision
}

export type Access = 'read' | 'write' | 'readwrite'

/** What a role may do over a range of keys. */
export interface Permission extends KeyRange {
  readonly access: Access
}

export interface AuthStatus {
  readonly enabled: boolean
  /** Goes up with every change of users and roles. */
  readonly authRevision: Revision
}

/**
 * What clients ask about users and roles. `password` null: the user has none, and only a client
 * certificate opens it. `passwordHash` stands for a password that was hashed elsewhere: the text form
 * of docs/auth.md.
 */
export type AuthRequest =
  | { readonly action: 'status' }
  | { readonly action: 'enable' }
  | { readonly action: 'disable' }
  | {
      readonly action: 'userAdd'
      readonly user: string
      readonly password: string | null
      readonly passwordHash?: string
    }
  | {
      readonly action: 'userChangePassword'
      readonly user: string
      readonly password: string
      readonly passwordHash?: string
    }
  | { readonly action: 'userGet'; readonly user: string }
  | { readonly action: 'userList' }
  | { readonly action: 'userDelete'; readonly user: string }
  | { readonly action: 'userGrantRole'; readonly user: string; readonly role: string }
  | { readonly action: 'userRevokeRole'; readonly user: string; readonly role: string }
  | { readonly action: 'roleAdd'; readonly role: string }
  | { readonly action: 'roleGet'; readonly role: string }
  | { readonly action: 'roleList' }
  | { readonly action: 'roleDelete'; readonly role: string }
  | {
      readonly action: 'roleGrantPermission'
      readonly role: string
      readonly permission: Permission
    }
  | { readonly action: 'roleRevokePermission'; readonly role: string; readonly range: KeyRange }

export interface AuthResponse extends AuthStatus {
  readonly header: ResponseHeader
  /** Users, roles, or the roles of a user, in byte order; empty where none were asked for. */
  readonly names: readonly string[]
  readonly permissions: readonly Permission[]
}

export interface AuthenticateResponse {
  readonly header: ResponseHeader
  readonly token: string
}

/** 'none' stands for all kinds where alarms are listed. */
export type AlarmKind = 'none' | 'nospace' | 'corrupt'

export interface Alarm {
  readonly kind: AlarmKind
  /** Id of the member that it is about. */
  readonly member: number
}

export interface AlarmRequest extends Alarm {
  readonly action: 'get' | 'activate' | 'deactivate'
}

export interface AlarmResponse {
  readonly header: ResponseHeader
  /** Those asked for, or the one that was changed. */
  readonly alarms: readonly Alarm[]
}

export interface SpaceResponse {
  readonly header: ResponseHeader
  /** Of this member's file, and of what is stored in it. */
  readonly fileBytes: number
  readonly inUseBytes: number
  /** What the log amounts to, and its limit (0: none): the same on all members. */
  readonly usedBytes: number
  readonly quotaBytes: number
  readonly defragmenting: boolean
  /** Given back to the disk by this round of defragmentation, or by the last one. */
  readonly givenBytes: number
}

export interface ClusterVersionRequest {
  /** `validate`: whether a downgrade could be begun now. */
  readonly action: 'get' | 'validate' | 'downgrade' | 'cancel'
  /** A release, as "0.1"; empty where none is needed. */
  readonly target: string
}

export interface ClusterVersionResponse {
  readonly header: ResponseHeader
  /** What the cluster's commands amount to as a release, as "0.1.0". */
  readonly release: string
  /** Version of the commands. */
  readonly version: number
  /** Release that members are being replaced with; empty for none. */
  readonly downgradeTo: string
}
