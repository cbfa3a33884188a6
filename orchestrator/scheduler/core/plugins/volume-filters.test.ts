import { expect, test } from 'vitest'
import type { Pod } from '../../../api/types/core-pod.js'
import { place, pod, type PodShape } from '../../testing/objects.js'
import {
  claim,
  storageClass,
  type VolumeSet,
  volume,
  volumeObjects,
} from '../../testing/volumes.js'
import { isRejection, type Plugin } from '../plugin.js'
import { stateOf } from '../state/cluster-state.js'
import { podInfo } from '../state/pod-info.js'
import { noSurroundings } from '../state/snapshot.js'
import { claimsOf, planVolumes } from './claims.js'
import {
  nodeVolumeLimits,
  volumeBinding,
  volumeRestrictions,
  volumeZone,
} from './volume-filters.js'

const mounting = (...claims: string[]): PodShape => ({
  volumes: claims.map(claimName => ({ name: claimName, persistentVolumeClaim: { claimName } })),
})

/** Host h1 in zone z1. */
const host = { labels: { host: 'h1', 'topology.kubernetes.io/zone': 'z1' } }

function reasons(
  { filter }: Plugin,
  one: Pod,
  set: VolumeSet,
  others: readonly Pod[] = [],
): readonly string[] {
  const surroundings = { ...noSurroundings, volumes: volumeObjects(set) }
  const snapshot = stateOf([place('n', host, others)], surroundings)
  const node = snapshot.node('n')
  if (!filter || !node) throw new Error('a filter and a node are needed')
  const answer = filter({ pod: podInfo(one), snapshot })
  if (answer === null) return []
  return isRejection(answer) ? answer.reasons : (answer.check(node)?.reasons ?? [])
}

const p = pod('p', mounting('data'))
const local = storageClass('local')
const made = storageClass('made', { provisioner: 'example.com/disk' })
const inLocal = { storageClassName: 'local' }
const inMade = { storageClassName: 'made' }
const conflict = ['node(s) had volume node affinity conflict']
const notFound = ["node(s) didn't find available persistent volumes to bind"]

type Row = readonly [string, Pod, VolumeSet, readonly string[]]

const bindingRows: readonly Row[] = [
  ['no claims', pod('p'), {}, []],
  ['a claim that is not there', p, {}, ['persistentvolumeclaim "data" not found']],
  [
    'a claim that goes away',
    p,
    {
      claims: [
        {
          ...claim('data'),
          metadata: { ...claim('data').metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
        },
      ],
    },
    ['persistentvolumeclaim "data" is being deleted'],
  ],
  [
    'a claim that lost its volume',
    p,
    { claims: [claim('data', { volumeName: 'v', status: { phase: 'Lost' } })] },
    ['persistentvolumeclaim "data" bound to non-existent persistentvolume "v"'],
  ],
  [
    'a claim that is to be bound at once, and is not',
    p,
    { claims: [claim('data')] },
    ['pod has unbound immediate PersistentVolumeClaims'],
  ],
  [
    'a volume that the node reaches',
    p,
    { claims: [claim('data', { volumeName: 'v' })], volumes: [volume('v', { host: 'h1' })] },
    [],
  ],
  [
    'a volume of another node',
    p,
    { claims: [claim('data', { volumeName: 'v' })], volumes: [volume('v', { host: 'h2' })] },
    conflict,
  ],
  [
    'a volume that is gone',
    p,
    { claims: [claim('data', { volumeName: 'v' })] },
    ['node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)'],
  ],
  [
    'a volume to choose',
    p,
    {
      claims: [claim('data', inLocal)],
      volumes: [volume('v', { host: 'h1', ...inLocal })],
      classes: [local],
    },
    [],
  ],
  [
    'nothing to choose here',
    p,
    {
      claims: [claim('data', inLocal)],
      volumes: [volume('v', { host: 'h2', ...inLocal })],
      classes: [local],
    },
    notFound,
  ],
  ...(
    [
      ['too small a volume', volume('v', { storage: '512Mi', ...inLocal })],
      ['a volume of another class', volume('v', { storageClassName: 'other' })],
      ['a volume of another mode', volume('v', { volumeMode: 'Block', ...inLocal })],
      ['a volume of other access', volume('v', { accessModes: ['ReadOnlyMany'], ...inLocal })],
      [
        'a volume that is taken',
        volume('v', { claimRef: { namespace: 'shop', name: 'x' }, ...inLocal }),
      ],
    ] as const
  ).map(
    ([what, one]): Row => [
      what,
      p,
      { claims: [claim('data', inLocal)], volumes: [one], classes: [local] },
      notFound,
    ],
  ),
  [
    'a volume that is promised to another',
    p,
    {
      claims: [claim('data', inLocal)],
      volumes: [volume('v', inLocal)],
      classes: [local],
      promised: { v: 'shop/other' },
    },
    notFound,
  ],
  [
    'one volume for two claims',
    pod('p', mounting('data', 'more')),
    {
      claims: [claim('data', inLocal), claim('more', inLocal)],
      volumes: [volume('v', inLocal)],
      classes: [local],
    },
    notFound,
  ],
  ['a volume that can be made', p, { claims: [claim('data', inMade)], classes: [made] }, []],
  [
    'a volume that cannot be made here',
    p,
    {
      claims: [claim('data', inMade)],
      classes: [
        {
          ...made,
          allowedTopologies: [
            { matchLabelExpressions: [{ key: 'topology.kubernetes.io/zone', values: ['z2'] }] },
          ],
        },
      ],
    },
    notFound,
  ],
  [
    'a volume that is being made for another node',
    p,
    {
      claims: [
        claim('data', {
          ...inMade,
          annotations: { 'volume.kubernetes.io/selected-node': 'elsewhere' },
        }),
      ],
      classes: [made],
    },
    notFound,
  ],
]
const telling: VolumeSet = {
  claims: [claim('data', { ...inMade, storage: '5Gi' })],
  classes: [made],
  drivers: [
    {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'CSIDriver',
      metadata: { name: 'example.com/disk' },
      spec: { storageCapacity: true },
    },
  ],
}
const capacity = (more: object) => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'CSIStorageCapacity',
  metadata: { name: 'c' },
  storageClassName: 'made',
  nodeTopology: { matchLabels: { host: 'h1' } },
  ...more,
})
const capacityRows: readonly [string, object, boolean][] = [
  ['enough', { capacity: '5Gi' }, true],
  ['too little', { capacity: '4Gi' }, false],
  ['too little at once', { capacity: '9Gi', maximumVolumeSize: '4Gi' }, false],
  [
    'that of another node',
    { capacity: '9Gi', nodeTopology: { matchLabels: { host: 'h2' } } },
    false,
  ],
  ['that of nowhere', { capacity: '9Gi', nodeTopology: undefined }, false],
  ['that of another class', { capacity: '9Gi', storageClassName: 'other' }, false],
]
for (const [what, more, fits] of capacityRows) {
  test(`VolumeBinding: of a driver that tells of its capacity, ${what}`, () => {
    const set = { ...telling, capacities: [capacity(more)] }
    expect(reasons(volumeBinding, p, set)).toEqual(
      fits ? [] : ['node(s) did not have enough free storage'],
    )
  })
}

for (const [what, one, set, wanted] of bindingRows) {
  test(`VolumeBinding: ${what}`, () => expect(reasons(volumeBinding, one, set)).toEqual(wanted))
}

test('VolumeBinding: the claim of an ephemeral volume has to be the pod’s own', () => {
  const one = pod('p', { volumes: [{ name: 'scratch', ephemeral: {} }] })
  expect(reasons(volumeBinding, one, {})).toEqual([
    'waiting for ephemeral volume controller to create the persistentvolumeclaim "p-scratch"',
  ])
  expect(reasons(volumeBinding, one, { claims: [claim('p-scratch')] })).toEqual([
    'PVC shop/p-scratch was not created for pod shop/p (pod is not owner)',
  ])
})

test('the smallest volume is chosen, and one that was meant for the claim before it', () => {
  const node = place('n', host).node
  const choose = (volumes: VolumeSet['volumes'] = []) => {
    const objects = volumeObjects({ claims: [claim('data', inLocal)], volumes, classes: [local] })
    const claims = claimsOf(podInfo(p), objects)
    const plan = typeof claims === 'string' ? claims : planVolumes(claims, node, objects)
    if (typeof plan === 'string') throw new Error(plan)
    return plan.bindings.map(one => one.volume.metadata.name)
  }
  const big = volume('big', { storage: '9Gi', ...inLocal })
  const small = volume('small', { storage: '2Gi', ...inLocal })
  const meant = volume('meant', {
    storage: '10Gi',
    claimRef: { namespace: 'shop', name: 'data' },
    ...inLocal,
  })
  expect(choose([big, small])).toEqual(['small'])
  expect(choose([big, small, meant])).toEqual(['meant'])
})

const inZone = (value: string, key = 'topology.kubernetes.io/zone'): VolumeSet => ({
  claims: [claim('data', { volumeName: 'v' })],
  volumes: [volume('v', { labels: { [key]: value } })],
})
const zoneRows: readonly [string, VolumeSet, boolean][] = [
  ['of this zone', inZone('z1'), true],
  ['of another zone', inZone('z2'), false],
  ['of several zones', inZone('z2__z1'), true],
  ['of this zone, by the old label', inZone('z1', 'failure-domain.beta.kubernetes.io/zone'), true],
  ['of a region that the node does not name', inZone('r1', 'topology.kubernetes.io/region'), false],
]
for (const [what, set, fits] of zoneRows) {
  test(`VolumeZone: a volume ${what} ${fits ? 'fits' : 'does not'}`, () => {
    expect(reasons(volumeZone, p, set)).toEqual(
      fits ? [] : ['node(s) had no available volume zone'],
    )
  })
}

test('VolumeRestrictions: a claim for one pod alone is not given to a second', () => {
  const set = { claims: [claim('data', { accessModes: ['ReadWriteOncePod'] })] }
  const other = pod('q', mounting('data'))
  expect(reasons(volumeRestrictions, p, set)).toEqual([])
  expect(reasons(volumeRestrictions, p, set, [other])).toEqual([
    'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode',
  ])
  expect(reasons(volumeRestrictions, p, { claims: [claim('data')] }, [other])).toEqual([])
})

test('VolumeRestrictions: a disk is used by one, unless all only read it', () => {
  const disk = (name: string, readOnly: boolean) =>
    pod(name, { volumes: [{ name: 'd', gcePersistentDisk: { pdName: 'disk', readOnly } }] })
  const inUse = ['node(s) had no available disk']
  expect(reasons(volumeRestrictions, disk('p', false), {}, [disk('q', true)])).toEqual(inUse)
  expect(reasons(volumeRestrictions, disk('p', true), {}, [disk('q', true)])).toEqual([])
})

test('NodeVolumeLimits: volumes that are attached already do not count again', () => {
  const csi = (volumeHandle: string) => ({ csi: { driver: 'example.com/disk', volumeHandle } })
  const names = ['a', 'b', 'c']
  const set: VolumeSet = {
    claims: [...names.map(name => claim(name, { volumeName: `v-${name}` })), claim('new', inMade)],
    volumes: names.map(name => volume(`v-${name}`, csi(name))),
    classes: [made],
    csiNodes: [
      {
        apiVersion: 'storage.k8s.io/v1',
        kind: 'CSINode',
        metadata: { name: 'n' },
        spec: { drivers: [{ name: 'example.com/disk', nodeID: 'n', allocatable: { count: 2 } }] },
      },
    ],
  }
  const there = [pod('q', mounting('a', 'b'))]
  const full = ['node(s) exceed max volume count']
  expect(reasons(nodeVolumeLimits, pod('p', mounting('a')), set, there)).toEqual([])
  expect(reasons(nodeVolumeLimits, pod('p', mounting('c')), set, there)).toEqual(full)
  expect(reasons(nodeVolumeLimits, pod('p', mounting('new')), set, there)).toEqual(full)
  expect(reasons(nodeVolumeLimits, pod('p', mounting('c', 'new')), set)).toEqual([])
})
