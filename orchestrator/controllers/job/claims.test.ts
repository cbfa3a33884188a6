import { expect, test } from 'vitest'
import type { Job } from '../../api/types/batch.js'
import type { Pod } from '../../api/types/core-pod.js'
import { pod, secondsAgo } from '../testing/objects.js'
import { claimPods, matchesJob } from './claims.js'

const labels = { 'batch.kubernetes.io/controller-uid': 'uid-j' }

function job(matchLabels: Readonly<Record<string, string>> = labels, deleting = false): Job {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      namespace: 'shop',
      name: 'j',
      uid: 'uid-j',
      ...(deleting ? { deletionTimestamp: secondsAgo(1) } : {}),
    },
    spec: { template: {}, selector: { matchLabels } },
  }
}

const mine = job()
const predecessor: Job = { ...mine, metadata: { ...mine.metadata, uid: 'uid-before' } }
const other = { app: 'other' }

type Fate = 'owned' | 'adopt' | 'release' | null

test.each<readonly [string, Job, Pod, Fate]>([
  ['a pod that it made is its own', mine, pod('p', { labels, owner: mine }), 'owned'],
  ['an orphan that it selects is adopted', mine, pod('p', { labels }), 'adopt'],
  ['an orphan of other labels is not', mine, pod('p', { labels: other }), null],
  ['an orphan that is being deleted is not', mine, pod('p', { labels, deleting: true }), null],
  [
    'one that has other labels by now is let go',
    mine,
    pod('p', { labels: other, owner: mine }),
    'release',
  ],
  [
    'a pod of one of its name before it is not its own',
    mine,
    pod('p', { labels, owner: predecessor }),
    null,
  ],
  ['one that is being deleted adopts nothing', job(labels, true), pod('p', { labels }), null],
  ['and lets nothing go', job(labels, true), pod('p', { labels: other, owner: mine }), null],
  ['one that selects everything adopts nothing', job({}), pod('p', { labels }), null],
  ['and keeps what it made', job({}), pod('p', { labels, owner: mine }), 'owned'],
])('%s', (_, of, candidate, fate) => {
  const claims = claimPods(of, [candidate])
  const found = (['owned', 'adopt', 'release'] as const).find(one => claims[one].length > 0)
  expect(found ?? null).toBe(fate)
})

test('who owns a pod without controlling it has no claim to its end', () => {
  const owner = { apiVersion: 'batch/v1', kind: 'Job', name: 'j', uid: 'uid-j' }
  const shared = pod('p', { labels: other, meta: { ownerReferences: [owner] } })
  expect(claimPods(mine, [shared])).toEqual({ owned: [], adopt: [], release: [] })
})

test('an orphan tells those Jobs that select it', () => {
  expect(matchesJob(mine, pod('p', { labels }))).toBe(true)
  expect(matchesJob(mine, pod('p', { labels: other }))).toBe(false)
  expect(matchesJob(job({}), pod('p', { labels }))).toBe(false)
})
