import { expect, test } from 'vitest'
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeClaimStatus,
} from '../../api/types/core-persistent-volume.js'
import { claim, refTo, volume } from '../persistentvolume/testing/storage-objects.js'
import { planExpansion } from './reconcile.js'

const now = '2026-01-01T12:00:00Z'
const bound: PersistentVolumeClaimStatus = { phase: 'Bound', capacity: { storage: '1Gi' } }
const wants = (size: string, status = bound) => claim('c', { size, volumeName: 'v' }, { status })
const annotations = { 'pv.kubernetes.io/provisioned-by': 'raftsman.dev/local' }
const local = (size: string) =>
  volume('v', { size, claimRef: refTo(claim('c')) }, { phase: 'Bound', meta: { annotations } })

test('a directory grows in three writes, and then there is nothing left to do', () => {
  let one: PersistentVolumeClaim = wants('3Gi')
  let its: PersistentVolume = local('1Gi')
  const seen: unknown[] = []
  for (let round = 0; round < 5; round++) {
    const { step, event } = planExpansion(one, its, now)
    if (step === null) break
    if (step.kind === 'claim-status') one = step.claim
    else its = step.volume
    seen.push([step.kind, event?.reason, one.status, its.spec?.capacity])
  }
  const busy = {
    ...bound,
    allocatedResources: { storage: '3Gi' },
    allocatedResourceStatuses: { storage: 'ControllerResizeInProgress' },
    conditions: [{ type: 'Resizing', status: 'True', lastTransitionTime: now }],
  }
  expect(seen).toEqual([
    ['claim-status', undefined, busy, { storage: '1Gi' }],
    ['update-volume', undefined, busy, { storage: '3Gi' }],
    [
      'claim-status',
      'VolumeResizeSuccessful',
      {
        phase: 'Bound',
        capacity: { storage: '3Gi' },
        allocatedResources: { storage: '3Gi' },
        allocatedResourceStatuses: {},
        conditions: [],
      },
      { storage: '3Gi' },
    ],
  ])
})

test('a wish that was taken back leaves no trace of being under way', () => {
  const conditions = [{ type: 'Resizing', status: 'True' }]
  const { step } = planExpansion(wants('1Gi', { ...bound, conditions }), local('1Gi'), now)
  expect(step).toMatchObject({ kind: 'claim-status', claim: { status: { conditions: [] } } })
})

const csi = { driver: 'd', volumeHandle: 'h' }
const claimRef = refTo(claim('c'))
test.each<[string, PersistentVolume | null, string | undefined]>([
  ['of a driver is left to its resizer', volume('v', { claimRef, csi }), 'Normal'],
  ['of no driver is left to whoever can', volume('v', { claimRef }), 'Warning'],
  ['that is not its own is let alone', local('1Gi'), undefined],
  ['that is gone is let alone', null, undefined],
])('a volume %s', (what, of, type) => {
  const other = what.startsWith('that is not')
    ? { ...wants('3Gi'), metadata: { uid: 'x' } }
    : wants('3Gi')
  const { step, event } = planExpansion(other, of, now)
  expect(step).toBeNull()
  expect(event?.type).toBe(type)
  if (type !== undefined) expect(event?.reason).toBe('ExternalExpanding')
})

test('a claim that has what it asks for is let alone', () => {
  expect(planExpansion(wants('1Gi'), local('1Gi'), now)).toEqual({ step: null, event: null })
  expect(planExpansion(wants('1Gi'), volume('v', { claimRef, csi }), now).event).toBeNull()
})
