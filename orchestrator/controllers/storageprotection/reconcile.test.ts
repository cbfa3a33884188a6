import { describe, expect, test } from 'vitest'
import type { PersistentVolumeClaim } from '../../api/types/core-persistent-volume.js'
import { pod, secondsAgo } from '../testing/objects.js'
import { claimFinalizer, claimIsFree, isHeldBy, volumeIsFree, without } from './reconcile.js'

const claim: PersistentVolumeClaim = {
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { namespace: 'shop', name: 'data', finalizers: [claimFinalizer, 'example.com/own'] },
  spec: {},
}
const volumes = [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }]

describe('a claim that was deleted', () => {
  const cases: readonly [string, Parameters<typeof pod>, boolean][] = [
    ['is held while a pod on a node mounts it', ['p', { node: 'n1', spec: { volumes } }], false],
    [
      'even one that has ended',
      ['p', { node: 'n1', phase: 'Succeeded', spec: { volumes } }],
      false,
    ],
    ['not by a pod without a node', ['p', { spec: { volumes } }], true],
    ['not by a pod that mounts nothing', ['p', { node: 'n1' }], true],
  ]
  test.each(cases)('%s', (_, shape, free) => {
    expect(claimIsFree(claim, [pod(...shape)])).toBe(free)
  })
  test('is held by the pod that it was made for', () => {
    const user = pod('da', { node: 'n1', spec: { volumes: [{ name: 'ta', ephemeral: {} }] } })
    const made = { ...claim, metadata: { ...claim.metadata, name: 'da-ta' } }
    expect(claimIsFree(made, [user])).toBe(false)
  })
})

test('what is not deleted is not held, and only the own hold is taken off', () => {
  expect(isHeldBy(claim, claimFinalizer)).toBe(false)
  const metadata = { ...claim.metadata, deletionTimestamp: secondsAgo(1) }
  expect(isHeldBy({ ...claim, metadata }, claimFinalizer)).toBe(true)
  expect(without(claim, claimFinalizer).metadata.finalizers).toEqual(['example.com/own'])
})

test('a volume is held while it is bound', () => {
  const volume = { apiVersion: 'v1', kind: 'PersistentVolume', metadata: {}, spec: {} }
  expect(volumeIsFree({ ...volume, status: { phase: 'Bound' } })).toBe(false)
  expect(volumeIsFree({ ...volume, status: { phase: 'Released' } })).toBe(true)
})
