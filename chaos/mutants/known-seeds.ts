// Where each mutant was found last, so that a test need not search. Written by the test of the mutants
// with UPDATE_MUTANTS=1; a stale one costs time and nothing else.

export const knownSeeds: Readonly<Record<string, number>> = {}
