import { expect, test } from 'vitest'
import type { Job } from '../../api/types/batch.js'
import { nowMs, secondsAgo } from '../testing/objects.js'
import { keptForMs } from './reconcile.js'

function job(ttl: number | undefined, ended: string | null, deleting = false): Job {
  const condition = { type: ended ?? '', status: 'True', lastTransitionTime: secondsAgo(30) }
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      namespace: 'shop',
      name: 'j',
      ...(deleting ? { deletionTimestamp: secondsAgo(1) } : {}),
    },
    spec: { template: {}, ...(ttl === undefined ? {} : { ttlSecondsAfterFinished: ttl }) },
    status: ended === null ? {} : { conditions: [condition] },
  }
}

test.each([
  ['one that has finished is kept for its time', job(100, 'Complete'), 70_000],
  ['one that has failed, too', job(100, 'Failed'), 70_000],
  ['and not longer', job(30, 'Complete'), 0],
  ['nor when its time is long over', job(0, 'Complete'), 0],
  ['one without such a time is kept', job(undefined, 'Complete'), null],
  ['one that goes on is kept', job(0, null), null],
  ['the aim is not the end', job(0, 'SuccessCriteriaMet'), null],
  ['one that is being deleted needs no second deletion', job(0, 'Complete', true), null],
])('TTL after finished: %s', (_, of, expected) => {
  expect(keptForMs(of, nowMs)).toBe(expected)
})
