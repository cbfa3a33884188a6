// All mutants, and the canary: a mistake so gross that the very first seed has to show it.

import { controlPlaneMutants } from './control-plane.js'
import { damageMutants } from './damage.js'
import { electionMutants } from './elections.js'
import { membershipMutants } from './membership.js'
import type { Mutant } from './mutant.js'
import { clientMutants } from './reads.js'
import { replicationMutants } from './replication.js'
import { storageMutants } from './storage.js'
import { storeMutants } from './store.js'

export const canary: Mutant = {
  name: 'canary',
  rule: 'a majority is more than half (5.2)',
  edits: [
    {
      file: 'raft/core/quorum.js',
      find: 'return Math.floor(votersCount / 2) + 1;',
      replace: 'return 1;',
    },
  ],
  seedsMax: 1,
}

export const mutants: readonly Mutant[] = [
  canary,
  ...electionMutants,
  ...replicationMutants,
  ...clientMutants,
  ...storageMutants,
  ...damageMutants,
  ...membershipMutants,
  ...storeMutants,
  ...controlPlaneMutants,
]
