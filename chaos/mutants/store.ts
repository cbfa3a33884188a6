// Mutants of the store: what etcd promises of keys, revisions, watches, leases and compactions, and what a
// state must keep through crashes and snapshots. Hunted through whole members and their clients.

import type { Mutant } from './mutant.js'

const scenario = 'store'

export const storeMutants: readonly Mutant[] = [
  {
    name: 'create-revision-moves',
    rule: 'a key keeps its create revision until it is deleted',
    edits: [
      {
        file: 'store/core/kv.js',
        find: 'createRevision: before?.createRevision ?? modRevision,',
        replace: 'createRevision: modRevision,',
      },
    ],
    seedsMax: 10,
    scenario,
  },
  {
    name: 'key-keeps-its-old-lease',
    rule: 'a put takes the key off the lease that it had before',
    edits: [
      {
        file: 'store/core/kv.js',
        find: 'if (previousLease !== 0) this.#moves.push({ key, from: previousLease });',
        replace: '',
      },
    ],
    seedsMax: 30,
    scenario,
  },
  {
    name: 'one-comparison-is-enough',
    rule: 'a transaction succeeds when all of its comparisons hold',
    edits: [
      {
        file: 'store/core/txn.js',
        find: 'return matches(compare.result, version.modRevision - compare.modRevision);',
        replace: 'return true;',
      },
    ],
    seedsMax: 10,
    scenario,
  },
  {
    name: 'read-without-a-quorum',
    rule: 'a linearizable read waits until a quorum has confirmed who leads',
    edits: [
      {
        file: 'store/server/read-batcher.js',
        find: 'this.#raft.readIndex(error => {',
        replace: '(answer => answer(null))(error => {',
      },
    ],
    seedsMax: 10,
    scenario,
  },
  {
    name: 'compaction-takes-what-can-be-read',
    rule: 'a compaction keeps the version that its own revision sees',
    edits: [
      {
        file: 'store/core/keys/key-entry.js',
        find: 'return version > 0 || modRevision === revision ? kept : kept + 1;',
        replace: 'return modRevision === revision ? kept : kept + 1;',
      },
    ],
    seedsMax: 20,
    scenario,
  },
  {
    name: 'compaction-takes-a-late-deletion',
    rule: 'a watch may start at the compacted revision, and sees a deletion there',
    edits: [
      {
        file: 'store/core/keys/key-entry.js',
        find: 'const dead = this.version === 0 && this.modRevision < revision;',
        replace: 'const dead = this.version === 0 && this.modRevision <= revision;',
      },
    ],
    seedsMax: 300,
    scenario,
  },
  {
    name: 'durable-before-it-is',
    rule: 'the log is kept until the state is durable',
    edits: [
      {
        file: 'store/core/store-core.js',
        find: 'return logIndex(this.#backend.durableIndex);',
        replace: 'return logIndex(this.#appliedIndex);',
      },
    ],
    seedsMax: 20,
    scenario,
  },
  {
    name: 'slow-watcher-skips',
    rule: 'a watcher that falls behind goes on with the first event that it was not sent',
    edits: [
      {
        file: 'store/core/watch/watch-cursor.js',
        find: 'this.#place = this.#due[0] ?? this.#ground.log.endOrdinal;',
        replace: 'this.#place = this.#ground.log.endOrdinal;',
      },
    ],
    seedsMax: 100,
    scenario,
  },
  {
    name: 'progress-before-the-events',
    rule: 'progress at a revision is told when all events up to it have been sent',
    edits: [
      {
        file: 'store/core/watch/watch-cursor.js',
        find: 'if (!this.#following || this.#due.length > 0) return this.#from;',
        replace: '',
      },
    ],
    seedsMax: 50,
    scenario,
  },
  {
    name: 'revision-torn-apart',
    rule: 'all events of one revision come in one batch',
    edits: [
      {
        file: 'store/core/watch/watch-cursor.js',
        find: 'return this.#fragments || this.mayEndBefore(revision);',
        replace: 'return true;',
      },
      {
        file: 'store/core/watch/watch-cursor.js',
        find: 'return { revision, events: this.#events, more: true };',
        replace: 'return { revision, events: this.#events, more: false };',
      },
    ],
    seedsMax: 50,
    scenario,
  },
  {
    name: 'compacted-watch-goes-on',
    rule: 'who watches from a compacted revision is told so',
    edits: [
      {
        file: 'store/core/watch/watch-cursor.js',
        find: 'this.#startedBehind = start > 0 && start < compactRevision;',
        replace: 'this.#startedBehind = false;',
      },
      {
        file: 'store/core/watch/watch-cursor.js',
        find: 'if (this.#from < compactRevision) throw new CompactedError(compactRevision);',
        replace: '',
      },
    ],
    seedsMax: 50,
    scenario,
  },
  {
    name: 'stale-leader-revokes',
    rule: 'a lease ends by the clock of the leader of this term alone',
    edits: [
      {
        file: 'store/core/leases/lease-command.js',
        find: 'if (leaderTerm !== 0 && leaderTerm !== entryTerm)',
        replace: 'if (false)',
      },
    ],
    seedsMax: 200,
    scenario,
  },
  {
    name: 'renewed-behind-a-checkpoint',
    rule: 'a renewal takes back what was written down of the time left',
    edits: [
      {
        file: 'store/core/leases/lease-clock.js',
        find: 'if (lease.remainingSeconds === 0 && !this.#underWay.has(lease.id)) return null;',
        replace: 'return null;',
      },
    ],
    seedsMax: 200,
    scenario,
  },
  {
    name: 'lease-that-never-ends',
    rule: 'a new leader goes on with the time left of every lease',
    edits: [
      {
        file: 'store/core/leases/lease-clock.js',
        find: 'for (const lease of this.#table.all()) this.#start(lease, nowMs);',
        replace: '',
      },
    ],
    seedsMax: 50,
    scenario,
  },
  {
    name: 'watch-resumes-too-late',
    rule: 'a watch that moves to another member goes on behind the last event that it has told',
    edits: [
      {
        file: 'store/client/watch-set.js',
        find: 'entry.nextRevision = Math.max(entry.nextRevision, revision + 1);',
        replace: 'entry.nextRevision = Math.max(entry.nextRevision, revision + 2);',
      },
    ],
    seedsMax: 30,
    scenario,
  },
]
