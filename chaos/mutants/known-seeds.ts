// The seeds in which mutants were found last, so that a test need not search. Those without one are hunted
// by `raftsman chaos mutants` alone. Written by the test of the mutants with UPDATE_MUTANTS=1.

export const knownSeeds: Readonly<Record<string, number>> = {
  canary: 1,
  'two-votes-a-term': 1,
  'vote-not-persisted': 1,
  'vote-for-a-shorter-log': 3,
  'own-vote-before-durable': 1,
  'leads-on-in-a-newer-term': 2,
  'previous-term-not-compared': 3,
  'released-before-durable': 1,
  'read-before-applied': 2,
  'proposed-again-to-the-next-leader': 1,
  'refused-and-taken': 4,
  'lost-leader-means-not-applied': 12,
  'answered-without-a-sync': 1,
  'old-segment-left-unsynced': 2,
  'name-of-a-segment-not-synced': 1,
  'compacted-beyond-the-durable-state': 3,
}
