import { expect, test } from 'vitest'
import { roundsOf } from './run.js'

test.each([
  [{ repetitions: 3 }, {}, 3],
  [{ repetitions: 3 }, { repetitionsMax: 1 }, 1],
  [{ repetitions: 1 }, { repetitionsMax: 2 }, 1],
  [{ repetitions: 3, repeatsLong: true }, { repetitionsMax: 1 }, 3],
])('Of %j a scenario with %j plays %i rounds.', (plan, scenario, rounds) => {
  expect(roundsOf(plan, scenario)).toBe(rounds)
})
