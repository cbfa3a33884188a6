import { expect, test } from 'vitest'
import { ApiError } from '../../orchestrator/client/api-error.js'
import { beginningOf, endOf, objectsAt } from './states.js'
import type { Asked } from './states.js'

const minuteMs = 60_000
const nowMs = Date.UTC(2026, 0, 31, 9)
const bornMs = nowMs - 3 * minuteMs
const expired = (message: string) =>
  new ApiError(message, { httpStatus: 410, reason: 'Expired', details: {}, retryAfterMs: null })
const at = (ms: number) => new Date(ms).toISOString()

/** A cluster of three minutes, or one where no time was noted yet; revisions below 5 are compacted. */
function cluster(born: number | null = bornMs): Asked {
  const answer = (path: string): unknown => {
    const url = new URL(path, 'http://cluster')
    if (url.pathname !== '/raftsman/history') throw expired('compacted')
    const asked = url.searchParams.get('at')
    if (asked === null) {
      const oldest = born === null ? null : { resourceVersion: '5', time: at(born) }
      return { oldest, newest: { resourceVersion: '90', time: at(nowMs) } }
    }
    if (born === null || Date.parse(asked) < born) throw expired(`no history is kept of ${asked}`)
    return { resourceVersion: '70', time: asked }
  }
  return { getJson: <T>(path: string) => Promise.resolve().then(() => answer(path) as T) }
}

test.each([
  ['2m', { resourceVersion: '70', timeMs: nowMs - 2 * minuteMs }, null],
  ['now', { resourceVersion: '90', timeMs: nowMs }, null],
  ['4', { resourceVersion: '4', timeMs: null }, null],
  [
    '5m',
    { resourceVersion: '5', timeMs: bornMs },
    'History begins at 2026-01-31T08:57:00.000Z, less than 5m ago: compared from there.',
  ],
])('a comparison from %s', async (from, end, notice) => {
  expect(await beginningOf(cluster(), from, nowMs)).toEqual({ end, notice })
})

test('only an age begins where history does', async () => {
  const early = at(bornMs - 1)
  await expect(beginningOf(cluster(), early, nowMs)).rejects.toThrow('no history is kept')
  await expect(endOf(cluster(), '5m', nowMs)).rejects.toThrow('no history is kept')
  await expect(beginningOf(cluster(null), '5m', nowMs)).rejects.toThrow('no history is kept')
})

test('a revision that was compacted is refused', async () => {
  const { end } = await beginningOf(cluster(), '4', nowMs)
  const pods = {
    group: '',
    version: 'v1',
    plural: 'pods',
    namespaced: true,
    kind: 'Pod',
    verbs: [],
  }
  await expect(objectsAt(cluster(), pods, undefined, end.resourceVersion)).rejects.toThrow(
    'Revision 4 is not kept any more',
  )
})
