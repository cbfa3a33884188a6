// What a member shows of itself to Prometheus, listed with its meaning in docs/metrics.md. Where etcd has
// the same thing it has etcd's name and type, so that alerts and dashboards made for etcd work here;
// what is ours alone begins with `raftsman_`. Values are read when somebody asks. Elsewhere: the
// write-ahead log's (raft/storage/log.ts), the peers' (raft/transport/), gRPC's (store/etcd/).

import type { Metrics, Sample } from '../../platform/metrics.js'
import { nodeId, noNode } from '../../raft/core/types.js'
import type { SoftState } from '../../raft/core/types.js'
import type { Replica as Raft } from '../../raft/index.js'
import type { Counts } from '../core/counts.js'
import { releaseOf } from '../core/cluster-command.js'
import type { Replica as Machine } from '../core/replica.js'
import type { Maintenance } from './maintenance.js'
import type { StoreServerOptions } from './options.js'
import type { StoreService } from './service.js'

export interface MemberMetricsParts {
  readonly options: StoreServerOptions
  readonly raft: Raft
  readonly machine: Machine
  readonly service: StoreService
  readonly maintenance: Maintenance
  readonly clients: ClientCounts
  /** Answers of /health. */
  readonly probes: { readonly passed: number; readonly failed: number }
}

export interface ClientCounts {
  /** Of the native protocol. */
  links(): number
  rpcConnections(): number
  watchStreams(): number
}

export function memberMetrics(parts: MemberMetricsParts): void {
  const registry = new Registry(parts.options.metrics)
  observeRaft(registry, parts)
  observeVersions(registry, parts)
  observeKeys(registry, parts)
  observeStorage(registry, parts)
  observeClients(registry, parts)
}

class Registry {
  readonly #metrics: Metrics

  constructor(metrics: Metrics) {
    this.#metrics = metrics
  }

  gauge(name: string, help: string, read: () => number): void {
    this.#metrics.observed({ type: 'gauge', name, help, read })
  }

  flag(name: string, help: string, read: () => boolean): void {
    this.gauge(name, help, () => (read() ? 1 : 0))
  }

  counter(name: string, help: string, read: () => number): void {
    this.#metrics.observed({ type: 'counter', name, help, read })
  }

  /** Always 1: what it says stands in the label. */
  label(name: string, help: string, label: string, read: () => string): void {
    this.labelled(name, help, label, () => [[read(), 1]])
  }

  labelled(
    name: string,
    help: string,
    label: string,
    read: () => readonly (readonly [string, number])[],
  ): void {
    const samples = (): Sample[] =>
      read().map(([text, value]) => ({ value, labels: { [label]: text } }))
    this.#metrics.observed({ type: 'gauge', name, help, labelNames: [label], read: samples })
  }
}

function observeRaft(registry: Registry, { options, raft, service }: MemberMetricsParts): void {
  const changes = new LeaderChanges(raft.status().leader)
  raft.onSoftState(state => changes.note(state))
  registry.flag(
    'etcd_server_has_leader',
    '1 while this member knows a leader.',
    () => raft.status().leader !== noNode,
  )
  registry.flag(
    'etcd_server_is_leader',
    '1 while this member leads.',
    () => raft.status().role === 'leader',
  )
  registry.flag('etcd_server_is_learner', '1 while this member has no vote.', () =>
    raft.status().confState.learners.includes(nodeId(options.id)),
  )
  registry.counter(
    'etcd_server_leader_changes_seen_total',
    'Times that a leader was known anew.',
    () => changes.seen,
  )
  registry.gauge(
    'etcd_server_proposals_committed_total',
    'Index of the last committed entry of the log.',
    () => raft.status().commitIndex,
  )
  registry.gauge(
    'etcd_server_proposals_applied_total',
    'Index of the last applied entry of the log.',
    () => raft.status().appliedIndex,
  )
  registry.gauge(
    'etcd_server_proposals_pending',
    'Proposals without an answer yet; one may carry many writes.',
    () => raft.status().pendingProposals,
  )
  registry.counter(
    'etcd_server_proposals_failed_total',
    'Proposals that came to nothing, or of which nobody knows.',
    () => service.writes.failed,
  )
  registry.counter(
    'etcd_server_read_indexes_failed_total',
    'Linearizable reads, a turn of them at a time, that the quorum did not confirm.',
    () => service.reads.failed,
  )
  registry.gauge('raftsman_raft_term', 'Current term.', () => raft.status().term)
  registry.gauge(
    'raftsman_raft_last_index',
    'Index of the last entry of the log, committed or not.',
    () => raft.status().lastIndex,
  )
  registry.flag(
    'raftsman_raft_damaged',
    '1 while entries that this member lost are brought back by a leader.',
    () => raft.status().damaged,
  )
  registry.flag(
    'raftsman_raft_disk_full',
    '1 while the log cannot be written for want of room.',
    () => raft.status().diskFull,
  )
}

/** A leader that is known again after a time without one counts as well, as in etcd. */
class LeaderChanges {
  seen: number
  #leader: number

  constructor(leader: number) {
    this.#leader = leader
    this.seen = leader === noNode ? 0 : 1
  }

  note({ leader }: SoftState): void {
    if (leader !== noNode && leader !== this.#leader) this.seen += 1
    this.#leader = leader
  }
}

function observeVersions(registry: Registry, { options, machine }: MemberMetricsParts): void {
  registry.label('etcd_server_id', 'Id of this member, hexadecimal.', 'server_id', () =>
    options.id.toString(16),
  )
  registry.label(
    'raftsman_server_version',
    'Version of this program.',
    'server_version',
    () => options.version,
  )
  registry.label(
    'raftsman_cluster_version',
    'Version that the whole cluster works by.',
    'cluster_version',
    () => releaseOf(machine.clusterVersion.version),
  )
}

function observeKeys(registry: Registry, { machine }: MemberMetricsParts): void {
  const { counts } = machine
  const operations: readonly (readonly [string, string, keyof Counts])[] = [
    ['range_total', 'Ranges read, those in transactions with them.', 'ranges'],
    ['put_total', 'Puts applied.', 'puts'],
    ['delete_total', 'Deletions applied, those of keys of ended leases with them.', 'deletes'],
    ['txn_total', 'Transactions of more than one operation.', 'transactions'],
  ]
  for (const [name, help, count] of operations) {
    registry.counter(`etcd_mvcc_${name}`, help, () => counts[count])
    // Its name before etcd 3.5, which older dashboards have.
    registry.counter(`etcd_debugging_mvcc_${name}`, help, () => counts[count])
  }
  registry.gauge(
    'etcd_debugging_mvcc_total_put_size_in_bytes',
    'Bytes of keys and values put since the process began.',
    () => counts.putBytes,
  )
  registry.gauge('etcd_debugging_mvcc_keys_total', 'Keys that there are.', () => machine.keyCount)
  registry.gauge(
    'etcd_debugging_mvcc_current_revision',
    'Revision of the applied state.',
    () => machine.revision,
  )
  registry.gauge(
    'etcd_debugging_mvcc_compact_revision',
    'Revision of the last compaction; -1 before the first.',
    () => machine.compactRevision,
  )
  registry.counter(
    'etcd_debugging_mvcc_db_compaction_keys_total',
    'Versions of keys that compactions have deleted.',
    () => counts.compactedVersions,
  )
  registry.gauge(
    'etcd_debugging_mvcc_watcher_total',
    'Watches that are open.',
    () => machine.watcherCount,
  )
  registry.gauge(
    'etcd_debugging_mvcc_slow_watcher_total',
    'Watches that have still to catch up with what has happened.',
    () => machine.slowWatcherCount,
  )
  registry.counter(
    'etcd_debugging_mvcc_events_total',
    'Events given to watches; one counts once for each.',
    () => counts.events,
  )
  registry.counter(
    'etcd_debugging_lease_granted_total',
    'Leases granted.',
    () => counts.leasesGranted,
  )
  registry.counter(
    'etcd_debugging_lease_renewed_total',
    'Leases renewed by this member as the leader.',
    () => counts.leasesRenewed,
  )
  registry.counter(
    'etcd_debugging_lease_revoked_total',
    'Leases that have ended, by a client or by their time.',
    () => counts.leasesRevoked,
  )
  registry.counter(
    'etcd_debugging_server_lease_expired_total',
    'Leases that have ended by their time.',
    () => counts.leasesExpired,
  )
  registry.gauge('raftsman_store_leases', 'Leases that there are.', () => machine.leaseCount)
  registry.gauge(
    'etcd_debugging_auth_revision',
    'Revision of users, roles and permissions.',
    () => machine.auth.revision,
  )
}

function observeStorage(
  registry: Registry,
  { raft, machine, maintenance }: MemberMetricsParts,
): void {
  registry.gauge(
    'etcd_mvcc_db_total_size_in_bytes',
    'Size of the file with the applied state.',
    () => machine.dbFileBytes,
  )
  registry.gauge(
    'etcd_mvcc_db_total_size_in_use_in_bytes',
    'The same without what is free in it, and with what is not written yet.',
    () => machine.dbSizeBytes,
  )
  registry.gauge(
    'etcd_server_quota_backend_bytes',
    'What may be stored; +Inf without a limit.',
    () => (machine.quotaBytes === 0 ? Number.POSITIVE_INFINITY : machine.quotaBytes),
  )
  registry.gauge(
    'raftsman_store_used_bytes',
    'What counts towards the limit: the same on all members, whatever their files take.',
    () => machine.usedBytes,
  )
  registry.labelled('raftsman_store_alarms', 'Members that the alarm is on for.', 'alarm', () =>
    (['nospace', 'corrupt'] as const).map(kind => [kind, machine.alarms.list(kind).length]),
  )
  registry.flag(
    'etcd_disk_defrag_inflight',
    '1 while free space is given back to the disk.',
    () => maintenance.defragmentation.running,
  )
  registry.gauge(
    'raftsman_store_pending_bytes',
    'Applied and not written to the file yet; the log has it.',
    () => machine.pendingBytes,
  )
  registry.gauge(
    'raftsman_store_durable_index',
    'Last entry of the log that the file holds durably.',
    () => machine.durableIndex,
  )
  registry.flag(
    'raftsman_store_compacting',
    '1 while compacted versions wait to be deleted.',
    () => machine.compacting,
  )
  registry.gauge('raftsman_cluster_members', 'Members, learners with them.', () => {
    const { voters, learners } = raft.status().confState
    return voters.length + learners.length
  })
}

function observeClients(
  registry: Registry,
  { service, clients, probes }: MemberMetricsParts,
): void {
  registry.gauge('raftsman_store_client_links', 'Links of clients over the native protocol.', () =>
    clients.links(),
  )
  registry.gauge('raftsman_store_grpc_connections', 'Connections of clients over gRPC.', () =>
    clients.rpcConnections(),
  )
  registry.gauge(
    'etcd_debugging_mvcc_watch_stream_total',
    'Clients with watches: links of the native protocol and streams of gRPC.',
    () => clients.watchStreams(),
  )
  registry.gauge(
    'raftsman_store_pending_writes',
    'Writes without an answer yet.',
    () => service.writes.pending,
  )
  registry.gauge(
    'raftsman_store_pending_reads',
    'Linearizable reads that wait for the quorum.',
    () => service.reads.pending,
  )
  registry.counter(
    'etcd_server_health_success',
    'Answers of /health that all is well.',
    () => probes.passed,
  )
  registry.counter(
    'etcd_server_health_failures',
    'Answers of /health that something is not.',
    () => probes.failed,
  )
  registry.flag(
    'raftsman_store_healthy',
    '1 while this member can serve reads and writes, as far as it knows.',
    () => service.health.good,
  )
}
