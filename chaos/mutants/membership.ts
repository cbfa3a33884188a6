// Mutants of changes of membership and of snapshots that carry one: sections 6 and 7 of the paper,
// chapter 4 of the thesis.

import type { Mutant } from './mutant.js'

const file = 'raft/core/membership.js'

export const membershipMutants: readonly Mutant[] = [
  {
    name: 'learners-in-the-quorum',
    rule: 'learners acknowledge, and count for no quorum (thesis 4.2.1)',
    edits: [
      {
        file: 'raft/core/tracker.js',
        find: 'return logIndex(jointAcknowledged(this.confState, this));',
        replace:
          'const { confState: c } = this; const all = [...c.voters, ...c.learners].map(id => this.acknowledged(id)).sort((a, b) => b - a); return c.votersOutgoing.length > 0 ? logIndex(jointAcknowledged(c, this)) : logIndex(all[Math.floor(c.voters.length / 2)]);',
      },
    ],
    seedsMax: 100,
  },
  {
    name: 'joint-quorum-of-the-new-half-alone',
    rule: 'a joint membership needs a majority of either half (6)',
    edits: [
      {
        file: 'raft/core/quorum.js',
        find: 'const both = Math.min(incoming, outgoing);',
        replace: 'const both = incoming;',
      },
      {
        file: 'raft/core/quorum.js',
        find: "if (incoming === 'lost' || outgoing === 'lost') return 'lost'; return incoming === 'won' && outgoing === 'won' ? 'won' : 'pending';",
        replace: 'return incoming;',
      },
    ],
    seedsMax: 200,
  },
  {
    name: 'two-changes-at-a-time',
    rule: 'a change of membership waits until the one before it is applied (thesis 4.1)',
    edits: [
      {
        file,
        find: 'core.pendingConfIndex > core.applied || isJoint(confState)',
        replace: 'isJoint(confState)',
      },
      {
        file: 'raft/membership.js',
        find: "else if (this.pursuit !== null) refuse('change-pending');",
        replace: '',
      },
    ],
    seedsMax: 200,
  },
  {
    name: 'campaigns-by-an-old-membership',
    rule: 'nobody campaigns with a committed change of membership unapplied (6)',
    edits: [
      {
        file: 'raft/core/elections.js',
        find: 'if (index <= core.commit) return false;',
        replace: '',
      },
    ],
    seedsMax: 400,
  },
  {
    name: 'snapshot-labelled-as-asked-for',
    rule: 'a snapshot is labelled with the index of its content (7)',
    edits: [
      {
        file: 'raft/slow-followers.js',
        find: 'raft.snapshotAt(source.index)',
        replace: 'message.snapshot',
      },
    ],
    seedsMax: 50,
  },
  {
    name: 'snapshot-with-a-later-membership',
    rule: 'a snapshot carries the membership of its own index (7)',
    edits: [{ file: 'raft/core/feeding.js', find: 'if (at.index <= index)', replace: '' }],
    seedsMax: 500,
  },
]
