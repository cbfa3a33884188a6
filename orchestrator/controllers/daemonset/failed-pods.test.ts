import { expect, test } from 'vitest'
import { FailedPods } from './failed-pods.js'
import { daemonSet } from './testing/objects.js'

const set = daemonSet()

test('the first failure on a node costs nothing, and each further one twice the wait', () => {
  const failed = new FailedPods()
  expect(failed.waitMs(set, 'n1', 0)).toBe(0)
  failed.note(set, 'n1', 0)
  expect(failed.waitMs(set, 'n1', 400)).toBe(600)
  expect(failed.waitMs(set, 'n1', 1000)).toBe(0)
  failed.note(set, 'n1', 1000)
  expect(failed.waitMs(set, 'n1', 1000)).toBe(2000)
  expect(failed.waitMs(set, 'n2', 1000)).toBe(0)
})

test('the wait is never longer than a quarter of an hour', () => {
  const failed = new FailedPods()
  for (let times = 0; times < 20; times++) failed.note(set, 'n1', 0)
  expect(failed.waitMs(set, 'n1', 0)).toBe(15 * 60_000)
})

test('what is long ago is forgotten, and so is what a set was before it changed', () => {
  const failed = new FailedPods()
  failed.note(set, 'n1', 0)
  failed.note(set, 'n1', 0)
  failed.note(set, 'n1', 31 * 60_000)
  expect(failed.waitMs(set, 'n1', 31 * 60_000)).toBe(1000)
  expect(failed.waitMs(daemonSet({ meta: { generation: 2 } }), 'n1', 31 * 60_000)).toBe(0)
  failed.forget(set)
  expect(failed.waitMs(set, 'n1', 31 * 60_000)).toBe(0)
})
