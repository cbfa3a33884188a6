// All scenarios there are, in the order in which they are run and listed.

import { puts } from './put.js'
import type { Scenario } from './scenario.js'

export const scenarios: readonly Scenario[] = [...puts]

/** Those that words name, by name or by group, each once and in our order; an unknown word as it is. */
export function scenariosOf(words: readonly string[]): readonly Scenario[] | string {
  if (words.length === 0) return scenarios
  const named = new Set<Scenario>()
  for (const word of words) {
    const found = scenarios.filter(({ name, group }) => name === word || group === word)
    if (found.length === 0) return word
    for (const scenario of found) named.add(scenario)
  }
  return scenarios.filter(scenario => named.has(scenario))
}
