// Mutants of log replication: sections 5.3, 5.4.2 and 7 of the paper, 3.5 and 10.2.1 of the thesis.

import type { Mutant } from './mutant.js'
import { unguarded } from './mutant.js'

const file = 'raft/core/replication.js'

export const replicationMutants: readonly Mutant[] = [
  {
    name: 'commit-by-counting-old-terms',
    rule: 'only entries of its own term does a leader commit by counting (5.4.2, figure 8)',
    edits: [{ file, find: 'if (core.log.termAt(index) !== core.term) return;', replace: '' }],
    seedsMax: 200,
  },
  {
    name: 'previous-term-not-compared',
    rule: 'entries are taken only behind one of the same index and term (5.3)',
    edits: [
      {
        file,
        find: '!log.matches(message.prevIndex, message.prevTerm)',
        replace: 'log.termAt(message.prevIndex) === null',
      },
    ],
    seedsMax: 40,
  },
  {
    name: 'follower-always-overwrites',
    rule: 'a follower cuts only where an entry conflicts (5.3)',
    edits: [
      unguarded,
      { file, find: 'if (log.matches(entry.index, entry.term)) continue;', replace: '' },
      {
        file: 'raft/core/log.js',
        find: "assert(index > this.commit, 'a committed entry is never cut');",
        replace: '',
      },
    ],
    seedsMax: 500,
  },
  {
    name: 'commit-beyond-the-last-new-entry',
    rule: 'a follower commits up to the last new entry at most (figure 2)',
    edits: [
      {
        file,
        find: 'Math.min(message.commit, lastNew)',
        replace: 'Math.min(message.commit, log.last)',
      },
    ],
    seedsMax: 40,
  },
  {
    name: 'heartbeat-commits-beyond-the-match',
    rule: 'a heartbeat commits what the follower is known to hold, no more (5.3)',
    edits: [
      {
        file: 'raft/core/feeding.js',
        find: 'Math.min(progress.match, core.commit)',
        replace: 'core.commit',
      },
    ],
    seedsMax: 40,
  },
  {
    name: 'released-before-durable',
    rule: 'votes and acknowledgements leave when they are durable (figure 2; thesis 10.2.1)',
    edits: [
      {
        file: 'raft/core/raft.js',
        find: 'const release = this.takeSealed();',
        replace: 'core.outbox.push(...this.takeSealed()); const release = [];',
      },
    ],
    seedsMax: 10,
  },
  {
    name: 'leader-counts-itself-too-early',
    rule: "the leader's own copy counts once it is on its disk (thesis 10.2.1)",
    edits: [
      unguarded,
      {
        file,
        find: 'if (core.log.stable > core.tracker.ownMatch) core.tracker.ownMatch = core.log.stable;',
        replace: 'core.tracker.ownMatch = core.log.last;',
      },
    ],
    seedsMax: 80,
  },
  {
    name: 'applied-before-durable',
    rule: 'what is applied here is durable here, or a crash puts the state before its log',
    edits: [
      unguarded,
      {
        file: 'raft/core/log.js',
        find: 'const to = Math.min(this.commit, this.stable, this.delivered + countMax);',
        replace: 'const to = Math.min(this.commit, this.delivered + countMax);',
      },
      {
        file: 'raft/core/log.js',
        find: 'return Math.min(this.commit, this.stable) > this.delivered;',
        replace: 'return this.commit > this.delivered;',
      },
      {
        file: 'raft/core/log.js',
        find: "assert(this.delivered <= Math.max(this.stable, this.start), 'only durable entries were handed out');",
        replace: '',
      },
    ],
    seedsMax: 120,
  },
  {
    name: 'next-never-retreats',
    rule: 'after a rejection the leader tries further back (5.3)',
    edits: [
      unguarded,
      {
        file: 'raft/core/progress.js',
        find: 'this.next = logIndex(Math.max(Math.min(rejected, hint + 1), this.match + 1)); this.paused = false; return true;',
        replace: 'return false;',
      },
    ],
    seedsMax: 20,
  },
  {
    name: 'older-snapshot-replaces-the-log',
    rule: 'a snapshot older than the log leaves the log alone (7)',
    edits: [
      {
        file,
        find: 'if (snapshot.index > log.commit) { if (log.matches(snapshot.index, snapshot.term)) log.commitTo(snapshot.index); else restore(core, snapshot); }',
        replace: 'restore(core, snapshot);',
      },
      {
        file: 'raft/core/log.js',
        find: "assert(snapshot.index > this.commit, 'a snapshot never takes the commit index back');",
        replace: '',
      },
    ],
    seedsMax: 60,
  },
  {
    name: 'snapshot-does-not-move-applied',
    rule: 'a snapshot that was taken in counts as applied (7)',
    edits: [
      {
        file: 'raft/core/raft.js',
        find: 'if (task.snapshotIndex > core.applied) core.applied = task.snapshotIndex;',
        replace: '',
      },
    ],
    seedsMax: 20,
  },
]
