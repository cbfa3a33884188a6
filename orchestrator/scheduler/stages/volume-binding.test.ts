import { expect, test } from 'vitest'
import { VirtualClock } from '../../../platform/testing/virtual-clock.js'
import type { PersistentVolumeClaim } from '../../api/types/core-persistent-volume.js'
import type { ApiClient } from '../../client/rest-client.js'
import { podInfo } from '../core/state/pod-info.js'
import { node, pod } from '../testing/objects.js'
import { claim, storageClass, volume, volumeObjects } from '../testing/volumes.js'
import type { PlacedPod } from './stage.js'
import { PromisedVolumes, VolumeBindingStage } from './volume-binding.js'

function setUp() {
  const clock = new VirtualClock()
  const promised = new PromisedVolumes()
  const claims: PersistentVolumeClaim[] = [claim('data', { storageClassName: 'local' })]
  const written: string[] = []
  const objects = volumeObjects({
    claims,
    volumes: [volume('v', { storageClassName: 'local' })],
    classes: [storageClass('local')],
  })
  const client = {
    patch: (resource: { readonly kind: string }, at: { readonly name: string }) => {
      written.push(`${resource.kind} ${at.name}`)
      return Promise.resolve({})
    },
  } as unknown as ApiClient
  const stage = new VolumeBindingStage({
    client,
    clock,
    promised,
    volumes: { ...objects, promisedTo: name => promised.claimOf(name) },
    nodeOf: name => node(name),
    timeoutMs: 600_000,
  })
  const placed = (name: string): PlacedPod => {
    const volumes = [{ name: 'd', persistentVolumeClaim: { claimName: 'data' } }]
    const info = podInfo(pod(name, { volumes }))
    return { pod: info.pod, info, nodeName: 'n' }
  }
  /** What became of the pod: `waits` until then. */
  const begin = (one: PlacedPod): { end: string } => {
    const result = { end: 'waits' }
    stage.preBind(one).then(
      () => (result.end = 'goes on'),
      (error: Error) => (result.end = error.message),
    )
    return result
  }
  return { clock, promised, claims, written, stage, placed, begin }
}

test('a volume is promised, claimed, and waited for', async () => {
  const { clock, promised, claims, written, stage, placed, begin } = setUp()
  const one = placed('p')
  expect(stage.reserve(one)).toBeNull()
  expect(promised.claimOf('v')).toBe('shop/data')
  const result = begin(one)
  await clock.pass(1000)
  expect([written, result.end]).toEqual([['PersistentVolume v'], 'waits'])
  claims[0] = claim('data', { storageClassName: 'local', volumeName: 'v' })
  stage.check()
  await clock.pass(0)
  expect([result.end, clock.pending]).toEqual(['goes on', 0])
  stage.postBind(one)
  expect(promised.claimOf('v')).toBeUndefined()
})

test('a volume that does not come is not waited for for ever', async () => {
  const { clock, stage, placed, begin } = setUp()
  const one = placed('p')
  stage.reserve(one)
  const result = begin(one)
  await clock.pass(599_999)
  expect(result.end).toBe('waits')
  await clock.pass(1)
  expect(result.end).toBe('binding volumes: timed out waiting for the condition')
})

test('a pod that goes away waits no longer, and gives back what was promised', async () => {
  const { clock, promised, stage, placed, begin } = setUp()
  const one = placed('p')
  stage.reserve(one)
  const result = begin(one)
  await clock.pass(1000)
  stage.abandon(one.info.uid)
  stage.unreserve(one)
  await clock.pass(0)
  expect([result.end, clock.pending]).toEqual(['the pod is going away', 0])
  expect(promised.claimOf('v')).toBeUndefined()
})

test('what somebody else took meanwhile is not reserved', () => {
  const { promised, stage, placed } = setUp()
  promised.promise('v', 'shop/other')
  expect(stage.reserve(placed('p'))?.reasons).toEqual([
    "node(s) didn't find available persistent volumes to bind",
  ])
})
