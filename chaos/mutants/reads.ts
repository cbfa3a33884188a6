// Mutants of reads and of answers to clients: section 8 of the paper, 6.3 and 6.4 of the thesis.

import type { Mutant } from './mutant.js'
import { unguarded } from './mutant.js'

export const clientMutants: readonly Mutant[] = [
  {
    name: 'read-without-a-round',
    rule: 'a leader makes sure that it still leads before it answers a read (8)',
    edits: [
      unguarded,
      {
        file: 'raft/core/read-index.js',
        find: 'if (core.tracker.isAlone) confirmRounds(core); else core.heartbeatDue = true;',
        replace: 'confirmRounds(core);',
      },
      {
        file: 'raft/core/read-index.js',
        find: 'const confirmed = core.tracker.quorumRound();',
        replace: 'const confirmed = Number.MAX_SAFE_INTEGER;',
      },
    ],
    seedsMax: 150,
  },
  {
    name: 'early-election-beside-a-lease',
    rule: 'nobody is elected before the lease of a leader has ended, gone or not (raft/core/gone-leader.ts)',
    edits: [
      unguarded,
      {
        file: 'raft/core/gone-leader.js',
        find: 'if (core.config.leaseReads !== undefined) return false;',
        replace: '',
      },
      {
        file: 'raft/core/elections.js',
        find: '(message.force || !hasPromised(core))',
        replace: 'true',
      },
      {
        file: 'raft/core/routing.js',
        find: '(core.inLease || hasPromised(core))',
        replace: 'core.inLease',
      },
    ],
    seedsMax: 300,
  },
  {
    name: 'read-before-the-first-commit',
    rule: 'a leader knows what is committed once an entry of its own term is (8)',
    edits: [
      unguarded,
      {
        file: 'raft/core/read-index.js',
        find: 'reads.waiting.length === 0 || !core.committedInTerm',
        replace: 'reads.waiting.length === 0',
      },
    ],
    seedsMax: 80,
  },
  {
    name: 'read-before-applied',
    rule: 'a read is served from a state that has applied its index (thesis 6.4)',
    edits: [
      { file: 'raft/read-book.js', find: 'else if (index <= applied)', replace: 'else if (true)' },
    ],
    seedsMax: 20,
  },
  {
    name: 'sequences-start-over',
    rule: 'a sequence number is never used twice, not after a restart either (thesis 6.3)',
    edits: [
      {
        file: 'raft/proposal-book.js',
        find: 'return Math.max(byClock, highestInLog + 1) + Math.floor(random * sequencesPerSecond);',
        replace: 'return 1;',
      },
    ],
    seedsMax: 150,
  },
  {
    name: 'proposed-again-to-the-next-leader',
    rule: 'what an earlier leader may have taken is not proposed again (thesis 6.3)',
    edits: [
      {
        file: 'raft/node.js',
        find: '(sequences, payloads) => raft.propose(sequences, payloads)',
        replace:
          '(sequences, payloads) => { this.again = [sequences, payloads]; raft.propose(sequences, payloads); }',
      },
      {
        file: 'raft/node.js',
        find: 'if (soft.leader !== noNode) this.proposals.noteLeader(soft.term);',
        replace:
          'if (soft.leader !== noNode) { this.proposals.noteLeader(soft.term); if (this.again) this.raft.propose(...this.again); this.again = undefined; }',
      },
    ],
    seedsMax: 10,
  },
  {
    name: 'refused-and-taken',
    rule: 'what is answered "not applied" is never applied',
    edits: [
      {
        file: 'raft/core/proposals.js',
        find: "refuse(core, origin, sequences, 'transferring'); return;",
        replace: "refuse(core, origin, sequences, 'transferring');",
      },
    ],
    seedsMax: 30,
  },
  {
    name: 'lost-leader-means-not-applied',
    rule: 'what a lost leader may have taken has an unknown outcome',
    edits: [
      {
        file: 'raft/proposal-book.js',
        find: "const lost = raftNodeError('leader-lost', 'unknown');",
        replace: "const lost = raftNodeError('leader-lost', 'not-applied');",
      },
    ],
    seedsMax: 50,
  },
]
