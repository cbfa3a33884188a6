import { expect, test } from 'vitest'
import { Expectations } from './expectations.js'
import { VirtualClock } from '../../platform/testing/virtual-clock.js'

test('creations and deletions must all be seen before the copy can be trusted', () => {
  const expectations = new Expectations(new VirtualClock())
  expect(expectations.satisfied('rs')).toBe(true)
  expectations.expect('rs', 2, [])
  expectations.creationObserved('rs')
  expect(expectations.satisfied('rs')).toBe(false)
  expectations.creationObserved('rs')
  expect(expectations.satisfied('rs')).toBe(true)
  expectations.expect('rs', 0, ['p1', 'p2'])
  expectations.deletionObserved('rs', 'p1')
  expectations.deletionObserved('rs', 'p1')
  expect(expectations.satisfied('rs')).toBe(false)
  expectations.deletionObserved('rs', 'p2')
  expect(expectations.satisfied('rs')).toBe(true)
})

test('an expectation that is never met expires after five minutes', async () => {
  const clock = new VirtualClock()
  const expectations = new Expectations(clock)
  expectations.expect('rs', 1, [])
  await clock.pass(5 * 60_000)
  expect(expectations.satisfied('rs')).toBe(false)
  await clock.pass(1)
  expect(expectations.satisfied('rs')).toBe(true)
})
