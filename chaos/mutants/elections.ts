// Mutants of leader election: sections 5.2 and 5.4.1 of the paper, 4.2.3, 6.2 and 9.6 of the thesis.

import type { Mutant } from './mutant.js'
import { unguarded } from './mutant.js'

const file = 'raft/core/elections.js'

export const electionMutants: readonly Mutant[] = [
  {
    name: 'two-votes-a-term',
    rule: 'at most one vote a term (5.2)',
    edits: [
      { file, find: 'core.vote === noNode && core.leader === noNode &&', replace: '' },
      {
        file: 'raft/core/state.js',
        find: "assert(this.vote === noNode || this.vote === candidate, 'at most one vote a term');",
        replace: '',
      },
    ],
    seedsMax: 10,
  },
  {
    name: 'vote-not-persisted',
    rule: 'the vote is on stable storage before it is given (figure 2)',
    edits: [
      { file: 'raft/storage/payload.js', find: 'out.u64(state.vote);', replace: 'out.u64(0);' },
    ],
    seedsMax: 10,
  },
  {
    name: 'vote-for-a-shorter-log',
    rule: 'a vote only for a log that is at least as up to date (5.4.1)',
    edits: [
      {
        file,
        find: 'free && core.log.isUpToDate(message.lastIndex, message.lastTerm)',
        replace: 'free',
      },
    ],
    seedsMax: 30,
  },
  {
    name: 'last-term-not-compared',
    rule: 'the log with the later last term is the more up-to-date one (5.4.1)',
    edits: [
      {
        file: 'raft/core/log.js',
        find: 'lastTerm > this.lastTerm || (lastTerm === this.lastTerm && lastIndex >= this.last)',
        replace: 'lastIndex >= this.last',
      },
    ],
    seedsMax: 60,
  },
  {
    name: 'own-vote-before-durable',
    rule: "a candidate's own vote counts, and is told, once it is on its disk (thesis 10.2.1)",
    edits: [
      {
        file,
        find: 'if (preVote) core.send(request); else core.sendWhenDurable(request);',
        replace: 'core.send(request);',
      },
      {
        file,
        find: "core.role !== 'candidate' || durableTerm !== core.term || durableVote !== core.id",
        replace: "core.role !== 'candidate'",
      },
    ],
    seedsMax: 10,
  },
  {
    name: 'leads-on-in-a-newer-term',
    rule: 'who sees a newer term steps down (5.1)',
    edits: [
      unguarded,
      {
        file,
        find: "core.role = 'follower';",
        replace: "if (core.role !== 'leader' || newTerm === core.term) core.role = 'follower';",
      },
    ],
    seedsMax: 20,
  },
  {
    name: 'no-prevote-and-no-lease',
    rule: 'a member that was cut off does not disturb a leader (thesis 4.2.3 and 9.6)',
    edits: [
      { file, find: 'preCampaign(core);', replace: 'campaign(core, true);' },
      {
        file: 'raft/core/routing.js',
        find: '(core.inLease || hasPromised(core)) && !message.force',
        replace: 'false',
      },
    ],
    seedsMax: 200,
  },
  {
    name: 'no-check-of-the-quorum',
    rule: 'a leader that hears no quorum steps down (thesis 6.2)',
    edits: [{ file, find: '!core.tracker.takeQuorumActive()', replace: 'false' }],
    seedsMax: 150,
  },
]
