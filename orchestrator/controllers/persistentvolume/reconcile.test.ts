import { describe, expect, test } from 'vitest'
import type { PersistentVolume } from '../../api/types/core-persistent-volume.js'
import { localVolumesMark } from '../../api/local-volume.js'
import { node, pod } from '../testing/objects.js'
import type { BinderPlan } from './plan.js'
import { type ClaimInput, planClaim } from './reconcile.js'
import { claim, refTo, storageClass, volume } from './testing/storage-objects.js'
import { planVolume, type VolumeInput } from './volume-reconcile.js'

const now = '2026-01-01T12:00:00Z'
const deletionTimestamp = now
const done = { annotations: { 'pv.kubernetes.io/bind-completed': 'yes' } }
const local = storageClass('local', {
  provisioner: 'raftsman.dev/local',
  volumeBindingMode: 'WaitForFirstConsumer',
})
const classes = [
  storageClass('fast'),
  storageClass('late', { volumeBindingMode: 'WaitForFirstConsumer' }),
  storageClass('static', { provisioner: 'kubernetes.io/no-provisioner' }),
  local,
]
const home = node('n1', { labels: { 'kubernetes.io/hostname': 'n1' } })
const annotated = { ...home.metadata, annotations: { [localVolumesMark]: '/data/volumes' } }
const nodes = [{ ...home, metadata: annotated }, node('bare')]

function claimPlan(
  of: ClaimInput['claim'],
  volumes: readonly PersistentVolume[] = [],
  more: Partial<ClaimInput> = {},
): BinderPlan {
  return planClaim({
    claim: of,
    volumes,
    volumeNamed: name => volumes.find(({ metadata }) => metadata.name === name) ?? null,
    classNamed: name => classes.find(({ metadata }) => metadata.name === name) ?? null,
    defaultClass: null,
    consumers: { nodeName: null, waiting: [] },
    nodeNamed: name => nodes.find(({ metadata }) => metadata.name === name) ?? null,
    now,
    ...more,
  })
}

const told = ({ events }: BinderPlan): readonly string[] =>
  events.map(({ type, reason, message }) => `${type} ${reason}: ${message}`)

describe('a claim and its volume are bound by four writes, in this order:', () => {
  test('the volume names the claim, and whose idea that was', () => {
    const { step } = claimPlan(claim('data'), [volume('v')])
    expect(step).toMatchObject({
      kind: 'update-volume',
      volume: {
        metadata: { annotations: { 'pv.kubernetes.io/bound-by-controller': 'yes' } },
        spec: { claimRef: { kind: 'PersistentVolumeClaim', name: 'data', uid: 'uid-data' } },
      },
    })
  })

  const taken = volume('v', { claimRef: refTo(claim('data')) })
  test('the volume is said to be bound', () => {
    const { step } = claimPlan(claim('data'), [taken])
    const status = { phase: 'Bound', lastPhaseTransitionTime: now }
    expect(step).toMatchObject({ kind: 'volume-status', volume: { status } })
  })

  const bound = volume('v', { claimRef: refTo(claim('data')) }, { phase: 'Bound' })
  test('the claim names the volume, and says that this is complete', () => {
    const { step } = claimPlan(claim('data'), [bound])
    expect(step).toMatchObject({
      kind: 'update-claim',
      claim: {
        metadata: {
          annotations: {
            'pv.kubernetes.io/bind-completed': 'yes',
            'pv.kubernetes.io/bound-by-controller': 'yes',
          },
        },
        spec: { volumeName: 'v' },
      },
    })
  })

  const named = claim('data', { volumeName: 'v' }, { meta: done })
  test('the claim tells what it has', () => {
    const { step } = claimPlan(named, [bound])
    const status = {
      phase: 'Bound',
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '1Gi' },
    }
    expect(step).toMatchObject({ kind: 'claim-status', claim: { status } })
  })

  test('and nothing more, although the volume grows before the claim says so', () => {
    const status = {
      phase: 'Bound',
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '1Gi' },
    }
    const complete = claim('data', { volumeName: 'v' }, { meta: done, status })
    const grown = { ...bound, spec: { ...bound.spec, capacity: { storage: '2Gi' } } }
    expect(claimPlan(complete, [grown])).toEqual({ step: null, events: [] })
  })

  test('what a user reserved keeps the user for its author', () => {
    const reserved = volume('v', { claimRef: { namespace: 'shop', name: 'data' } })
    const { step } = claimPlan(claim('data'), [reserved])
    expect(step).toMatchObject({ volume: { spec: { claimRef: { uid: 'uid-data' } } } })
    expect(step).not.toHaveProperty('volume.metadata.annotations')
    const wish = claim('data', { volumeName: 'v' })
    const { step: last } = claimPlan(wish, [bound])
    expect(last).not.toHaveProperty([
      'claim',
      'metadata',
      'annotations',
      'pv.kubernetes.io/bound-by-controller',
    ])
  })
})

describe('a claim without a volume', () => {
  const selected = { annotations: { 'volume.kubernetes.io/selected-node': 'n1' } }
  const asked = (provisioner: string) => ({
    'volume.kubernetes.io/storage-provisioner': provisioner,
    'volume.beta.kubernetes.io/storage-provisioner': provisioner,
  })
  const cases: readonly [string, BinderPlan, readonly string[]][] = [
    [
      'of no class says so',
      claimPlan(claim('c')),
      [
        'Normal FailedBinding: no persistent volumes available for this claim and no storage class is set',
      ],
    ],
    [
      'of a class that is not there says so',
      claimPlan(claim('c', { storageClassName: 'gone' })),
      ['Warning ProvisioningFailed: storageclass.storage.k8s.io "gone" not found'],
    ],
    [
      'of a class that makes none says so',
      claimPlan(claim('c', { storageClassName: 'static' })),
      ['Warning ProvisioningFailed: no volume plugin matched name: kubernetes.io/no-provisioner'],
    ],
    [
      'waits for whoever is going to use it',
      claimPlan(claim('c', { storageClassName: 'late' })),
      ['Normal WaitForFirstConsumer: waiting for first consumer to be created before binding'],
    ],
    [
      'waits for its pod to get a node',
      claimPlan(claim('c', { storageClassName: 'late' }), [], {
        consumers: { nodeName: null, waiting: ['web-0', 'web-1'] },
      }),
      ['Normal WaitForPodScheduled: waiting for pod web-0,web-1 to be scheduled'],
    ],
    [
      'that names one which another has says so',
      claimPlan(claim('c', { volumeName: 'v' }), [volume('v', { claimRef: refTo(claim('d')) })]),
      ['Warning FailedBinding: volume "v" already bound to a different claim.'],
    ],
    [
      'that names one which does not suit says so',
      claimPlan(claim('c', { volumeName: 'v', size: '9Gi' }), [volume('v')]),
      ['Warning VolumeMismatch: Cannot bind to requested volume "v": requested PV is too small'],
    ],
    ['that names one which does not exist waits', claimPlan(claim('c', { volumeName: 'v' })), []],
    [
      'that is going gets none',
      claimPlan(claim('c', {}, { meta: { deletionTimestamp } }), [volume('v')]),
      [],
    ],
    [
      'is left to the provisioner outside once that has been asked',
      claimPlan(
        claim(
          'c',
          { storageClassName: 'fast' },
          { meta: { annotations: asked('example.com/disks') } },
        ),
      ),
      [
        "Normal ExternalProvisioning: Waiting for a volume to be created either by the external provisioner 'example.com/disks' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.",
      ],
    ],
  ]
  test.each(cases)('%s', (_, plan, events) => {
    expect(plan.step).toBeNull()
    expect(told(plan)).toEqual(events)
  })

  test('asks the provisioner of its class, by both names of the question', () => {
    const { step } = claimPlan(claim('c', { storageClassName: 'fast' }))
    expect(step).toMatchObject({
      kind: 'update-claim',
      claim: { metadata: { annotations: asked('example.com/disks') } },
    })
  })

  test('that names no class gets the one for that, also later; one that wishes for none does not', () => {
    const { storageClassName: _, ...spec } = claim('c').spec ?? {}
    const { step } = claimPlan({ ...claim('c'), spec }, [], { defaultClass: 'fast' })
    expect(step).toMatchObject({
      kind: 'update-claim',
      claim: { spec: { storageClassName: 'fast' } },
    })
    expect(claimPlan(claim('c'), [], { defaultClass: 'fast' }).step).toBeNull()
  })

  const wish = { storageClassName: 'local', size: '3Gi' }
  const annotations = asked('raftsman.dev/local')
  const ready = claim('c', wish, {
    meta: { annotations: { ...annotations, ...selected.annotations } },
  })
  test('of the local class gets a directory on the node that the scheduler has chosen', () => {
    const plan = claimPlan(ready)
    expect(plan.step).toMatchObject({
      kind: 'create-volume',
      volume: {
        metadata: {
          name: 'pvc-uid-c',
          labels: { 'raftsman.dev/node': 'n1' },
          finalizers: ['raftsman.dev/local-volume'],
        },
        spec: {
          capacity: { storage: '3Gi' },
          claimRef: { uid: 'uid-c' },
          local: { path: '/data/volumes/pvc-uid-c' },
          persistentVolumeReclaimPolicy: 'Delete',
          storageClassName: 'local',
        },
      },
    })
    expect(told(plan)).toEqual([
      'Normal ProvisioningSucceeded: Successfully provisioned volume pvc-uid-c using raftsman.dev/local',
    ])
  })

  test('gets it as well where its pod chose its node without the scheduler', () => {
    const consumers = { nodeName: 'n1', waiting: [] }
    const plan = claimPlan(claim('c', wish, { meta: { annotations } }), [], { consumers })
    expect(plan.step?.kind).toBe('create-volume')
  })

  test('is not made twice: the one that was made is found by its claim', () => {
    const { step } = claimPlan(ready)
    if (step?.kind !== 'create-volume') throw new Error('nothing was made')
    expect(claimPlan(ready, [step.volume]).step?.kind).toBe('volume-status')
  })

  test.each([
    ['a node that is gone', 'gone', 'node "gone" not found'],
    ['one that offers none', 'bare', 'node "bare" does not offer local volumes'],
  ])('asks the scheduler again after %s', (_, name, why) => {
    const meta = { annotations: { ...annotations, 'volume.kubernetes.io/selected-node': name } }
    const plan = claimPlan(claim('c', wish, { meta }))
    expect(told(plan)[0]).toContain(why)
    expect(plan.step).toMatchObject({ kind: 'update-claim', claim: { metadata: { annotations } } })
    expect(plan.step).not.toHaveProperty([
      'claim',
      'metadata',
      'annotations',
      'volume.kubernetes.io/selected-node',
    ])
  })

  test.each([
    ['modes of many nodes', { accessModes: ['ReadWriteMany'] }, 'only supports the access modes'],
    ['a block device', { volumeMode: 'Block' }, 'not volumes of volumeMode Block'],
    ['a selector', { selector: {} }, 'claim.spec.selector is not supported'],
  ])('of the local class is refused %s', (_, spec, why) => {
    const plan = claimPlan(claim('c', { ...wish, ...spec }, { meta: ready.metadata }))
    expect(plan.step).toBeNull()
    expect(told(plan)[0]).toContain(why)
  })
})

describe('a claim that was bound', () => {
  const had = claim('c', { volumeName: 'v' }, { meta: done, status: { phase: 'Bound' } })
  test.each([
    ['is lost with its volume', had, [], 'ClaimLost'],
    [
      'is lost without a name',
      claim('c', {}, { meta: done, status: { phase: 'Bound' } }),
      [],
      'ClaimLost',
    ],
    [
      'is lost where another has its volume',
      had,
      [volume('v', { claimRef: refTo(claim('other')) })],
      'ClaimMisbound',
    ],
  ])('%s', (_, of, volumes, reason) => {
    const plan = claimPlan(of, volumes)
    expect(plan.step).toMatchObject({ kind: 'claim-status', claim: { status: { phase: 'Lost' } } })
    expect(plan.events.map(event => event.reason)).toEqual([reason])
    if (plan.step?.kind !== 'claim-status') throw new Error('no status')
    expect(claimPlan(plan.step.claim, volumes)).toEqual({ step: null, events: [] })
  })

  test('takes its volume back where that forgot it', () => {
    expect(claimPlan(had, [volume('v')]).step).toMatchObject({
      kind: 'update-volume',
      volume: { spec: { claimRef: { uid: 'uid-c' } } },
    })
  })
})

describe('a volume', () => {
  const owner = claim('c', { volumeName: 'v' })
  const plan = (of: PersistentVolume, more: Partial<VolumeInput> = {}) =>
    planVolume({ volume: of, claim: null, recycler: null, nodeGone: false, now, ...more })
  const phaseOf = ({ step }: BinderPlan) =>
    step?.kind === 'volume-status' ? step.volume.status?.phase : step?.kind

  test.each<[string, PersistentVolume, Partial<VolumeInput>, string | undefined]>([
    ['is available', volume('v', {}, { phase: 'Pending' }), {}, 'Available'],
    [
      'is available while the claim that it names is not there',
      volume('v', { claimRef: { namespace: 'shop', name: 'c' } }, { phase: 'Pending' }),
      {},
      'Available',
    ],
    ['is bound', volume('v', { claimRef: refTo(owner) }), { claim: owner }, 'Bound'],
    [
      'waits for its claim to go on',
      volume('v', { claimRef: refTo(owner) }),
      { claim: claim('c') },
      undefined,
    ],
    ['is released', volume('v', { claimRef: refTo(owner) }, { phase: 'Bound' }), {}, 'Released'],
    [
      'is kept where its policy is Retain',
      volume('v', { claimRef: refTo(owner) }, { phase: 'Released' }),
      {},
      undefined,
    ],
    [
      'that its claim does not want is given back',
      volume('v', { claimRef: refTo(owner) }),
      { claim: claim('c', { volumeName: 'other' }) },
      'update-volume',
    ],
    [
      'that was made for a claim which took another is released',
      volume(
        'v',
        { claimRef: refTo(owner), persistentVolumeReclaimPolicy: 'Delete' },
        { meta: { annotations: { 'pv.kubernetes.io/provisioned-by': 'x' } } },
      ),
      { claim: claim('c', { volumeName: 'other' }) },
      'Released',
    ],
  ])('%s', (_, of, more, expected) => {
    expect(phaseOf(plan(of, more))).toBe(expected)
  })

  test('given back is free where we took it, and stays reserved where a user did', () => {
    const elsewhere = { claim: claim('c', { volumeName: 'other' }) }
    const ours = { annotations: { 'pv.kubernetes.io/bound-by-controller': 'yes' } }
    const taken = plan(volume('v', { claimRef: refTo(owner) }, { meta: ours }), elsewhere).step
    expect(taken).not.toHaveProperty('volume.spec.claimRef')
    const reserved = plan(volume('v', { claimRef: refTo(owner) }), elsewhere).step
    expect(reserved).toMatchObject({ volume: { spec: { claimRef: { name: 'c' } } } })
    expect(reserved).not.toHaveProperty('volume.spec.claimRef.uid')
  })

  const deletable = { claimRef: refTo(owner), persistentVolumeReclaimPolicy: 'Delete' }
  test('to be deleted that nobody knows how to delete has failed, once', () => {
    const first = plan(volume('v', deletable, { phase: 'Released' }))
    expect(told(first)).toEqual([
      'Warning VolumeFailedDelete: error getting deleter volume plugin for volume "v": no deletable volume plugin matched',
    ])
    if (first.step?.kind !== 'volume-status') throw new Error('no status')
    expect(plan(first.step.volume)).toEqual({ step: null, events: [] })
  })

  test('to be deleted is left to the node, or to the driver, that made it', () => {
    const finalizers = ['raftsman.dev/local-volume']
    const ours = volume('v', deletable, { phase: 'Released', meta: { finalizers } })
    expect(plan(ours).step).toBeNull()
    const csi = { ...deletable, csi: { driver: 'd', volumeHandle: 'h' } }
    expect(plan(volume('v', csi, { phase: 'Released' })).step).toBeNull()
  })

  test('of a node that is gone goes with it', () => {
    const finalizers = ['raftsman.dev/local-volume', 'kubernetes.io/pv-protection']
    const meta = { finalizers }
    const gone = plan(volume('v', deletable, { phase: 'Released', meta }), { nodeGone: true })
    expect(gone.step?.kind).toBe('delete-volume')
    const going = volume('v', deletable, {
      phase: 'Released',
      meta: { ...meta, deletionTimestamp },
    })
    expect(plan(going, { nodeGone: true }).step).toMatchObject({
      kind: 'update-volume',
      volume: { metadata: { finalizers: ['kubernetes.io/pv-protection'] } },
    })
  })

  describe('to be recycled', () => {
    const recyclable = { claimRef: refTo(owner), persistentVolumeReclaimPolicy: 'Recycle' }
    const used = volume('v', recyclable, { phase: 'Released' })
    const ended = (phase: string, uid = 'uid-c') =>
      pod('recycler-for-v', {
        phase,
        meta: { namespace: 'default', annotations: { 'raftsman.dev/recycled-claim': uid } },
      })

    test('is emptied by a pod that mounts it', () => {
      expect(plan(used).step).toMatchObject({
        kind: 'create-pod',
        pod: {
          metadata: { name: 'recycler-for-v' },
          spec: { volumes: [{ hostPath: { path: '/srv/v' } }] },
        },
      })
    })
    test('is free again once that pod has succeeded', () => {
      const plan1 = plan(used, { recycler: ended('Succeeded') })
      expect(told(plan1)).toEqual(['Normal VolumeRecycled: Volume recycled'])
      expect(plan1.step).toMatchObject({ volume: { spec: { claimRef: { name: 'c' } } } })
    })
    test('is not free because a pod has emptied it after an earlier claim', () => {
      const plan1 = plan(used, { recycler: ended('Succeeded', 'uid-of-before') })
      expect(plan1.step?.kind).toBe('delete-pod')
    })
    test('has failed where that pod failed', () => {
      const first = plan(used, { recycler: ended('Failed') })
      expect(first.events[0]?.reason).toBe('VolumeFailedRecycle')
      if (first.step?.kind !== 'volume-status') throw new Error('no status')
      expect(plan(first.step.volume, { recycler: ended('Failed') }).step?.kind).toBe('delete-pod')
      expect(plan(first.step.volume).step).toBeNull()
    })
  })
})
