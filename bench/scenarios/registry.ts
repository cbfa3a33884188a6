// All scenarios there are, in the order in which they are run and listed.

import { checkPerfs } from './check-perf.js'
import { idles } from './idle.js'
import { keyScenarios } from './keys.js'
import { leases } from './lease.js'
import { puts } from './put.js'
import { ranges } from './range.js'
import { recoveries } from './recovery.js'
import { mvccs } from './mvcc.js'
import type { Scenario } from './scenario.js'
import { txns } from './txn.js'
import { upkeeps } from './upkeep.js'
import { watches } from './watch.js'

export const scenarios: readonly Scenario[] = [
  ...puts,
  ...ranges,
  ...txns,
  ...watches,
  ...leases,
  ...recoveries,
  ...upkeeps,
  ...keyScenarios,
  ...idles,
  ...mvccs,
  ...checkPerfs,
]

/**
 * Those that words name, by name or by group, each once and in our order; an unknown word as it is. Without
 * words all of them, of a quick run those that say most.
 */
export function scenariosOf(
  words: readonly string[],
  quick: boolean,
): readonly Scenario[] | string {
  if (words.length === 0) return scenarios.filter(({ slow }) => !quick || slow !== true)
  const named = new Set<Scenario>()
  for (const word of words) {
    const found = scenarios.filter(
      ({ name, group, also = [] }) =>
        name === word || group === word || also.some(row => row.name === word),
    )
    if (found.length === 0) return word
    for (const scenario of found) named.add(scenario)
  }
  return scenarios.filter(scenario => named.has(scenario))
}
