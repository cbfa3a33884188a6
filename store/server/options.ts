// What one store member is told at its start, and what follows from it. Parsed and checked by the
// command line; this room takes it as it is, but for what would corrupt a cluster.

import { createHash } from 'node:crypto'
import { must, RaftsmanError } from '../../platform/errors.js'
import type { Clock } from '../../platform/clock.js'
import type { Disk } from '../../platform/disk.js'
import type { Logger } from '../../platform/logger.js'
import type { Metrics } from '../../platform/metrics.js'
import type { Address, Network, TlsFiles } from '../../platform/network.js'
import type { Processes } from '../../platform/processes.js'
import type { Random } from '../../platform/random.js'
import type { RaftNodeOptions, VersionRange } from '../../raft/index.js'
import { commandVersions } from '../core/command.js'
import type { DeriveKey, PasswordCost } from './auth/passwords.js'
import type { StoreCoreConfig } from '../core/store-core-config.js'
import type { OpenState } from './state-files.js'

export interface StoreMember {
  /** Integer in 1..2^53-1. */
  readonly id: number
  readonly name: string
  /** Where its peers reach it. */
  readonly peerAddress: Address
  /** Where clients, and the members that forward to it, reach it. */
  readonly clientAddress: Address
}

/** `revision` keeps the last `retain` revisions, `periodic` those of the last `retainMs`. */
export type AutoCompaction =
  | { readonly mode: 'off' }
  /** Every minute when `everyMs` is absent. */
  | { readonly mode: 'revision'; readonly retain: number; readonly everyMs?: number }
  | { readonly mode: 'periodic'; readonly retainMs: number }

/** Departures from the usual limits: simulations draw small ones, so that little data meets them. */
export interface StoreTuning {
  readonly raft?: NonNullable<RaftNodeOptions['limits']>
  readonly core?: Partial<StoreCoreConfig>
  /** Keys looked at in one slice of a compaction. */
  readonly compactionSliceKeys?: number
  /** Between marks at which members are compared. */
  readonly hashMarkMs?: number
}

export interface StoreServerOptions {
  readonly id: number
  readonly name: string
  /** Every member of the new cluster, this one included; the same list everywhere. */
  readonly members: readonly StoreMember[]
  /**
   * It is added to a cluster that exists: the others in `members` are what it finds that by, and an
   * empty directory waits to be told the membership.
   */
  readonly join?: boolean
  /** Tells clusters apart; `deriveClusterId(members)` when absent. */
  readonly clusterId?: number
  /** Owned by one process at a time; log and state live below it. */
  readonly dataDirectory: string
  readonly listenClient: Address
  readonly listenPeer: Address
  /** Null: a plain port. The same identity is used to forward to the leader. */
  readonly clientTls: TlsFiles | null
  readonly peerTls: TlsFiles | null
  /** 100 when absent. */
  readonly tickMs?: number
  /** Ticks without a leader before an election; 10 when absent. */
  readonly electionTicks?: number
  /** 5 s and two elections when absent. */
  readonly requestTimeoutMs?: number
  /** Off when absent: Kubernetes' apiserver asks for compactions itself. */
  readonly autoCompaction?: AutoCompaction
  /** Progress for idle watches that asked for it; ten minutes when absent. */
  readonly watchProgressMs?: number
  /** What may be stored, 0 for no limit; when absent what the cluster has, which is none at first. */
  readonly quotaBackendBytes?: number
  /** Log entries kept behind the state for slow followers; 5,000 when absent. */
  readonly entriesKept?: number
  /** After which the log goes on in the next file; 64 MiB when absent. */
  readonly segmentBytes?: number
  /** Members without a vote at a time; 1 when absent, as in etcd: each costs the leader a copy. */
  readonly learnersMax?: number
  /** Links of clients at a time; 4,096 when absent. */
  readonly clientLinksMax?: number
  /** How long a token is good for after a login; 300 s when absent. */
  readonly tokenTtlMs?: number
  /** Of hashing a password; `passwordCostDefault` when absent. */
  readonly passwordCost?: PasswordCost
  /** scrypt on the thread pool when absent. */
  readonly deriveKey?: DeriveKey
  /** Of this program, for `status` and `GET /version`. */
  readonly version: string
  /**
   * Opens the applied state in place of a SQLite file at that path; throws BackendError. `wrong`: what
   * is there is not to be used. For simulations.
   */
  readonly makeState?: (path: string, config: StoreCoreConfig, wrong: boolean) => OpenState
  readonly tuning?: StoreTuning
  readonly clock: Clock
  readonly random: Random
  readonly disk: Disk
  readonly network: Network
  readonly processes: Processes
  readonly logger: Logger
  readonly metrics: Metrics
  /** Body of `GET /metrics`; 404 without. */
  readonly metricsText?: () => Promise<string>
  /** The member was removed from its cluster; it stops nothing by itself. */
  readonly onRemoved?: () => void
  /** Told by a member whose state is not that of the others; whoever runs it starts it anew without. */
  readonly onStateWrong?: (reason: string) => void
  /** The member has stopped for good and the process must end. */
  readonly onFatal: (error: Error) => void
}

/** The member could not start; the sentence says what to do. */
export class StoreServerError extends RaftsmanError {
  constructor(message: string, cause?: unknown) {
    super(message, { code: 'start-failed', retryable: false, outcome: 'not-applied', cause })
  }
}

/**
 * The same number on every member that was given the same members; addresses may change later, so
 * they are left out. 1..2^53-1.
 */
export function deriveClusterId(members: readonly StoreMember[]): number {
  const lines = members.map(({ id, name }) => `${id} ${name}`).sort()
  const digest = createHash('sha256')
    .update(`raftsman\n${lines.join('\n')}`)
    .digest()
  return digest.readUIntBE(0, 6) * 32 + (digest.readUInt8(6) >> 3) || 1
}

/** Versions of the commands that this member tells its peers it knows. */
export function spokenBy({ tuning }: StoreServerOptions): VersionRange {
  return { ...commandVersions, max: tuning?.core?.versionMax ?? commandVersions.max }
}

/** @throws StoreServerError */
export function checkOptions(options: StoreServerOptions): void {
  const { members, id } = options
  const self = members.find(member => member.id === id)
  if (self === undefined) {
    throw new StoreServerError(`member ${id} is not in the list of members; add it there`)
  }
  for (const member of members) {
    if (!Number.isSafeInteger(member.id) || member.id < 1) {
      throw new StoreServerError(`member id ${member.id} is not an integer from 1 to 2^53-1`)
    }
  }
  const unique = (what: string, values: readonly (string | number)[]) => {
    if (new Set(values).size !== values.length) {
      throw new StoreServerError(`two members have the same ${what}; give each its own`)
    }
  }
  unique(
    'id',
    members.map(member => member.id),
  )
  unique(
    'name',
    members.map(member => member.name),
  )
}

/** What this member says of itself; `checkOptions` has seen that it stands in the list. */
export function selfOf({ id, members }: StoreServerOptions): StoreMember {
  return must(
    members.find(member => member.id === id),
    'a member is in its own list',
  )
}
