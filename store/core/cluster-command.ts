// The version of the cluster: which commands may stand in the log. Counterpart: etcd's cluster
// version and its downgrade job. The leader raises it once every member knows the commands of the
// next version (store/server/version-desk.ts); a program that meets a command or a version it does
// not know stops, for what it would make of it the others do not have.
//
//   1  puts, deletions, transactions, compactions, leases
//   2  system records and what is kept in them
//   3  sessions of clients, and writes that are done once
//   4  openings of sessions that have a nonce, and are done once as well
//
// To users a version is the release that brought it: version n is release 0.(n-1).

import { unreachable } from '../../platform/errors.js'
import { type PackedValue, packArray, type UnpackRules } from '../../platform/msgpack.js'
import { unpackArray } from '../../platform/msgpack.js'
import type { AppliedState, EntryContext } from './applied-state.js'
import { BackendError } from './backend.js'
import { count, tuple, unknownCommand } from './command-fields.js'
import { StoreError, UnknownCommandError } from './errors.js'
import { noncesVersion, sessionsVersion } from './sessions/session-command.js'
import type { SystemRecords } from './system-records.js'
import type { ClusterVersionResponse, ResponseHeader } from './types.js'

export type ClusterChange =
  /** Lower than or equal to the present one: nothing happens. */
  | { readonly kind: 'raise'; readonly version: number }
  | { readonly kind: 'downgrade'; readonly target: number }
  | { readonly kind: 'endDowngrade' }

export interface ClusterCommand {
  readonly kind: 'cluster'
  readonly change: ClusterChange
}

export interface ClusterResult {
  readonly ok: true
  readonly kind: 'cluster'
  readonly response: ClusterVersionResponse
}

const code = { raise: 8, downgrade: 9 } as const
const recordName = 'cluster/version'
/** Of clusters without the record. */
const firstVersion = 1
/** Programs before it would leave the system records behind. */
const downgradeTargetMin = 2
const rules: UnpackRules = {
  itemsMax: 8,
  depthMax: 1,
  textBytesMax: 0,
  numbers: 'own',
  binaries: 'copies',
  error: detail => new BackendError('backend-corrupt', `${recordName} cannot be read: ${detail}`),
}

/** The record, read; made anew with the state. */
export class ClusterVersion {
  readonly #records: SystemRecords
  /** Newest that this program knows. */
  readonly #known: number
  #version = firstVersion
  #downgradeTo: number | null = null

  /** Throws UnknownCommandError for a cluster beyond `known`, BackendError for a damaged record. */
  constructor(records: SystemRecords, known: number) {
    this.#records = records
    this.#known = known
    const value = records.get(recordName)
    if (value === undefined) return
    const [version, target] = unpackArray(value, rules)
    if (!Number.isSafeInteger(version) || !Number.isSafeInteger(target)) {
      throw new BackendError('backend-corrupt', `${recordName} holds no versions`)
    }
    this.#version = this.#checked(version as number)
    this.#downgradeTo = target === 0 ? null : (target as number)
  }

  get version(): number {
    return this.#version
  }

  /** Nobody has told it yet. */
  get undecided(): boolean {
    return this.#records.get(recordName) === undefined
  }

  /** While members are being replaced by older ones. */
  get downgradeTo(): number | null {
    return this.#downgradeTo
  }

  response(header: ResponseHeader): ClusterVersionResponse {
    const version = this.#version
    const downgradeTo = this.#downgradeTo === null ? '' : releaseOf(this.#downgradeTo)
    return { header, release: releaseOf(version), version, downgradeTo }
  }

  /** Throws StoreError, in etcd's words, when the cluster cannot be brought to `target`. */
  checkDowngrade(target: number): void {
    if (this.undecided) throw new StoreError('cluster-version-unknown')
    if (target !== this.#version - 1 || target < downgradeTargetMin) {
      throw new StoreError('downgrade-target')
    }
    if (this.#downgradeTo !== null) throw new StoreError('downgrade-in-progress')
  }

  change(change: ClusterChange): void {
    switch (change.kind) {
      case 'raise':
        this.#checked(change.version)
        // A leader that has not heard of the downgrade yet.
        if (this.#downgradeTo !== null || change.version <= this.#version) return
        this.#set(change.version, null)
        return
      case 'downgrade':
        this.checkDowngrade(change.target)
        this.#set(change.target, change.target)
        return
      case 'endDowngrade':
        if (this.#downgradeTo === null) throw new StoreError('no-downgrade')
        this.#set(this.#version, null)
        return
      default:
        unreachable(change)
    }
  }

  #set(version: number, downgradeTo: number | null): void {
    this.#records.set(recordName, packArray([version, downgradeTo ?? 0]))
    this.#version = version
    this.#downgradeTo = downgradeTo
  }

  #checked(version: number): number {
    if (version <= this.#known) return version
    throw new UnknownCommandError(
      `the cluster is at version ${version} of the commands, and this program knows ${this.#known}`,
    )
  }
}

/** The release that a version came with, as etcd writes its own. */
export function releaseOf(version: number): string {
  return `0.${version - 1}.0`
}

/** The version that came with a release, as "0.1" or "0.1.3". Throws `downgrade-format`. */
export function versionOfRelease(release: string): number {
  const match = /^(\d{1,6})\.(\d{1,6})(?:\.\d{1,6})?$/.exec(release)
  if (match === null) throw new StoreError('downgrade-format')
  return match[1] === '0' ? Number(match[2]) + 1 : 0
}

export function encodeClusterCommand({ change }: ClusterCommand): PackedValue[] {
  switch (change.kind) {
    case 'raise':
      return [code.raise, change.version]
    case 'downgrade':
      return [code.downgrade, change.target]
    case 'endDowngrade':
      return [code.downgrade, 0]
    default:
      return unreachable(change)
  }
}

export function decodeClusterCommand(fields: unknown[]): ClusterCommand {
  const version = count(tuple(fields, 2)[1])
  switch (fields[0]) {
    case code.raise:
      return { kind: 'cluster', change: { kind: 'raise', version } }
    case code.downgrade:
      return version === 0
        ? { kind: 'cluster', change: { kind: 'endDowngrade' } }
        : { kind: 'cluster', change: { kind: 'downgrade', target: version } }
    default:
      return unknownCommand(fields[0])
  }
}

/** Throws StoreError, and has then changed nothing; or UnknownCommandError. */
export function applyClusterCommand(
  { kv, version, sessions }: AppliedState,
  { change }: ClusterCommand,
  { header }: EntryContext,
): ClusterResult {
  version.change(change)
  // The programs that are to come would take them for records of their own and sum them up otherwise.
  if (version.version < sessionsVersion) sessions.clear()
  else if (version.version < noncesVersion) sessions.forgetNonces()
  return { ok: true, kind: 'cluster', response: version.response(header(kv.revision)) }
}
