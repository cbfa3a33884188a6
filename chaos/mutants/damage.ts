// Mutants of what a member does whose log has lost durable records: docs/wal.md, and the idea of
// protocol-aware recovery (Alagappan and others, FAST 2018).

import type { Mutant } from './mutant.js'

export const damageMutants: readonly Mutant[] = [
  {
    name: 'damage-taken-for-a-torn-tail',
    rule: 'a damaged record is never cut off as if it had never been durable (docs/wal.md, Recovery)',
    edits: [
      {
        file: 'raft/storage/segment-scan.js',
        find: 'if (scan.evidence !== null)',
        replace: 'if (false)',
      },
    ],
    seedsMax: 400,
  },
  {
    name: 'whole-too-early',
    rule: 'a damaged member takes part again when all that it lost is back on its disk',
    edits: [
      {
        file: 'raft/core/damage.js',
        find: 'if (core.log.commit < core.floor || core.log.stable < core.floor) return;',
        replace: '',
      },
    ],
    seedsMax: 150,
  },
  {
    name: 'damaged-and-voting',
    rule: 'a member that may have lost what it acknowledged helps to elect nobody',
    edits: [
      {
        file: 'raft/core/routing.js',
        find: "if (message.kind === 'voteRequest' && isDamaged(core)) return;",
        replace: '',
      },
    ],
    seedsMax: 400,
  },
  {
    name: 'loss-not-heard-of',
    rule: 'a leader forgets what a member acknowledged that has lost it',
    edits: [
      {
        file: 'raft/core/replication.js',
        find: 'if (message.lost === true)',
        replace: 'if (false)',
      },
    ],
    seedsMax: 200,
  },
]
