import { describe, expect, test } from 'vitest'
import type { Json, JsonObject } from '../object.js'
import { checked, errorLines } from '../testing/checked-object.js'

const good: Readonly<Record<string, JsonObject>> = {
  PersistentVolume: {
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      hostPath: { path: '/data' },
    },
  },
  PersistentVolumeClaim: {
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  },
  StorageClass: { provisioner: 'example.com/disk', parameters: { type: 'fast' } },
  VolumeAttributesClass: { driverName: 'disk.example.com', parameters: { iops: '100' } },
  CSIDriver: { spec: {} },
  CSINode: {
    spec: { drivers: [{ name: 'disk.example.com', nodeID: 'n', topologyKeys: ['zone'] }] },
  },
  CSIStorageCapacity: { storageClassName: 'fast', capacity: '1Gi' },
  VolumeAttachment: {
    spec: { attacher: 'disk.example.com', nodeName: 'n', source: { persistentVolumeName: 'v' } },
  },
}

const made = (kind: string, patch: Json = {}) => checked(kind, good[kind] ?? {}, patch)

test.each(Object.keys(good))('a good %s has no errors, new or unchanged', kind => {
  expect(errorLines(made(kind))).toEqual([])
  expect(errorLines(made(kind), made(kind))).toEqual([])
})

describe('on create', () => {
  test.each<readonly [string, string, Json, readonly string[]]>([
    [
      'PersistentVolume',
      'says nothing',
      { spec: null },
      [
        'spec.accessModes: Required value',
        'spec.capacity: Required value',
        'spec.capacity: Unsupported value: {}: supported values: "storage"',
        'spec: Required value: must specify a volume type',
      ],
    ],
    [
      'PersistentVolume',
      'has modes that exclude each other',
      { spec: { accessModes: ['ReadWriteOncePod', 'ReadOnlyMany', 'Never'] } },
      [
        'spec.accessModes: Unsupported value: "Never": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"',
        'spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes',
      ],
    ],
    [
      'PersistentVolume',
      'holds nothing',
      { spec: { capacity: { storage: '0' } } },
      ['spec.capacity[storage]: Invalid value: "0": must be greater than zero'],
    ],
    [
      'PersistentVolume',
      'is in two places',
      { spec: { nfs: { server: 's', path: '/' } } },
      ['spec.nfs: Forbidden: may not specify more than 1 volume type'],
    ],
    [
      'PersistentVolume',
      'climbs',
      { spec: { hostPath: { path: '/a/../b', type: 'Dir' } } },
      [
        `spec.hostPath.path: Invalid value: "/a/../b": must not contain '..'`,
        'spec.hostPath.type: Unsupported value: "Dir": supported values: "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"',
      ],
    ],
    [
      'PersistentVolume',
      'is local to nowhere',
      { spec: { hostPath: null, local: { path: '/d' } } },
      ['spec.nodeAffinity: Required value: Local volume requires node affinity'],
    ],
    [
      'PersistentVolume',
      'has an affinity to nothing',
      { spec: { nodeAffinity: {} } },
      ['spec.nodeAffinity.required: Required value: must specify required node constraints'],
    ],
    [
      'PersistentVolume',
      'recycles a whole machine',
      { spec: { hostPath: { path: '/' }, persistentVolumeReclaimPolicy: 'Recycle' } },
      [
        "spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'",
      ],
    ],
    [
      'PersistentVolume',
      'has words that nobody knows',
      { spec: { persistentVolumeReclaimPolicy: 'Keep', volumeMode: 'Tape' } },
      [
        'spec.persistentVolumeReclaimPolicy: Unsupported value: "Keep": supported values: "Delete", "Recycle", "Retain"',
        'spec.volumeMode: Unsupported value: "Tape": supported values: "Block", "Filesystem"',
      ],
    ],
    [
      'PersistentVolume',
      'has a driver without a volume, and half a secret',
      {
        spec: { hostPath: null, csi: { driver: '', controllerPublishSecretRef: { name: 's' } } },
      },
      [
        'spec.csi.driver: Required value',
        'spec.csi.volumeHandle: Required value',
        'spec.csi.controllerPublishSecretRef.namespace: Required value',
      ],
    ],
    [
      'PersistentVolume',
      'is on a disk without an address',
      { spec: { hostPath: null, iscsi: { lun: 300 } } },
      [
        'spec.iscsi.targetPortal: Required value',
        'spec.iscsi.iqn: Required value',
        'spec.iscsi.lun: Invalid value: 300: must be between 0 and 255, inclusive',
      ],
    ],
    [
      'PersistentVolume',
      'has attributes but no driver',
      { spec: { volumeAttributesClassName: '' } },
      [
        'spec.volumeAttributesClassName: Required value: an empty string is disallowed',
        'spec.csi: Required value: has to be specified when using volumeAttributesClassName',
      ],
    ],
    [
      'PersistentVolumeClaim',
      'asks for nothing',
      { spec: null },
      [
        'spec.accessModes: Required value: at least 1 access mode is required',
        'spec.resources[storage]: Required value',
      ],
    ],
    [
      'PersistentVolumeClaim',
      'asks for less than nothing',
      { spec: { resources: { requests: { storage: '-1Gi' } } } },
      ['spec.resources[storage]: Invalid value: "-1Gi": must be greater than zero'],
    ],
    [
      'PersistentVolumeClaim',
      'names a class that cannot be',
      { spec: { storageClassName: 'A' } },
      [
        `spec.storageClassName: Invalid value: "A": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
      ],
    ],
    [
      'PersistentVolumeClaim',
      'copies from two',
      {
        spec: {
          dataSource: { kind: 'PersistentVolumeClaim', name: 'a' },
          dataSourceRef: { kind: 'PersistentVolumeClaim', name: 'b' },
        },
      },
      ['spec: Invalid value: "spec.dataSource": must match dataSourceRef'],
    ],
    ['StorageClass', 'has nobody', { provisioner: '' }, ['provisioner: Required value']],
    [
      'StorageClass',
      'recycles later',
      { reclaimPolicy: 'Recycle', volumeBindingMode: 'Later' },
      [
        'reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"',
        'volumeBindingMode: Unsupported value: "Later": supported values: "Immediate", "WaitForFirstConsumer"',
      ],
    ],
    [
      'StorageClass',
      'says a place twice',
      {
        allowedTopologies: [
          { matchLabelExpressions: [{ key: 'zone', values: ['a', 'b'] }] },
          { matchLabelExpressions: [{ key: 'zone', values: ['b', 'a'] }] },
          { matchLabelExpressions: [{ key: 'zone', values: [] }] },
        ],
      },
      [
        'allowedTopologies[1].matchLabelExpressions: Duplicate value: ""',
        'allowedTopologies[2].matchLabelExpressions[0].values: Required value',
      ],
    ],
    [
      'VolumeAttributesClass',
      'changes nothing',
      { parameters: null },
      ['parameters: Required value: must contain at least one key/value pair'],
    ],
    [
      'CSIDriver',
      'has words that nobody knows',
      { spec: { fsGroupPolicy: 'Some', volumeLifecycleModes: ['Eternal'] } },
      [
        'spec.fsGroupPolicy: Unsupported value: "Some": supported values: "File", "None", "ReadWriteOnceWithFSType"',
        'spec.volumeLifecycleModes: Unsupported value: "Eternal": supported values: "Ephemeral", "Persistent"',
      ],
    ],
    [
      'CSIDriver',
      'wants tokens too short and twice',
      { spec: { tokenRequests: [{ audience: '', expirationSeconds: 9 }, { audience: '' }] } },
      [
        'spec.tokenRequests[0].expirationSeconds: Invalid value: 9: may not specify a duration less than 10 minutes',
        'spec.tokenRequests[1].audience: Duplicate value: ""',
      ],
    ],
    [
      'CSINode',
      'has a driver twice, once nowhere',
      {
        spec: {
          drivers: [
            { name: 'a', nodeID: 'n' },
            { name: 'a', nodeID: '', allocatable: { count: -1 } },
          ],
        },
      },
      [
        'spec.drivers[1].nodeID: Required value',
        'spec.drivers[1].allocatable.count: Invalid value: -1: must be greater than or equal to 0',
        'spec.drivers[1].name: Duplicate value: "a"',
      ],
    ],
    [
      'CSIStorageCapacity',
      'has less than no room',
      { capacity: '-1' },
      ['capacity: Invalid value: "-1": must be greater than or equal to 0'],
    ],
    [
      'VolumeAttachment',
      'attaches nothing',
      { spec: { attacher: '', source: { persistentVolumeName: null } } },
      [
        'spec.attacher: Required value',
        'spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName',
      ],
    ],
    [
      'VolumeAttachment',
      'attaches a machine to itself',
      {
        spec: {
          source: {
            persistentVolumeName: null,
            inlineVolumeSpec: { accessModes: ['ReadWriteOnce'], hostPath: { path: '/' } },
          },
        },
      },
      [
        'spec.source.inlineVolumeSpec.csi: Required value: has to be specified in the context of inline volumes',
      ],
    ],
  ])('a %s that %s', (kind, _, patch, expected) => {
    expect(errorLines(made(kind, patch))).toEqual(expected)
  })
})

describe('on update', () => {
  const immutable = 'field is immutable'

  test.each<readonly [string, string, Json, Json, readonly string[]]>([
    [
      'PersistentVolume',
      'moves',
      {},
      { spec: { hostPath: { path: '/other' } } },
      [
        'spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation',
      ],
    ],
    [
      'PersistentVolume',
      'becomes a block device',
      {},
      { spec: { volumeMode: 'Block' } },
      [`volumeMode: Invalid value: "Block": ${immutable}`],
    ],
    [
      'PersistentVolume',
      'grows, changes its policy and gets a claim',
      {},
      {
        spec: {
          capacity: { storage: '2Gi' },
          persistentVolumeReclaimPolicy: 'Delete',
          claimRef: { name: 'c', namespace: 'n' },
        },
      },
      [],
    ],
    [
      'PersistentVolume',
      'gets a secret to grow with',
      { spec: { hostPath: null, csi: { driver: 'd', volumeHandle: 'h' } } },
      {
        spec: {
          hostPath: null,
          csi: {
            driver: 'd',
            volumeHandle: 'h',
            controllerExpandSecretRef: { name: 's', namespace: 'n' },
          },
        },
      },
      [],
    ],
    [
      'StorageClass',
      'is another',
      {},
      {
        provisioner: 'other',
        parameters: null,
        reclaimPolicy: 'Retain',
        volumeBindingMode: 'WaitForFirstConsumer',
      },
      [
        'parameters: Forbidden: updates to parameters are forbidden.',
        'provisioner: Forbidden: updates to provisioner are forbidden.',
        'reclaimPolicy: Forbidden: updates to reclaimPolicy are forbidden.',
        `volumeBindingMode: Invalid value: "WaitForFirstConsumer": ${immutable}`,
      ],
    ],
    [
      'StorageClass',
      'lets volumes grow, elsewhere',
      {},
      { allowVolumeExpansion: true, mountOptions: ['ro'] },
      [],
    ],
    [
      'VolumeAttributesClass',
      'is another',
      {},
      { driverName: 'other', parameters: { iops: '200' } },
      [
        'driverName: Forbidden: updates to driverName are forbidden.',
        'parameters: Forbidden: updates to parameters are forbidden.',
      ],
    ],
    [
      'CSIDriver',
      'attaches no more',
      {},
      {
        spec: { attachRequired: false, volumeLifecycleModes: ['Ephemeral'], podInfoOnMount: true },
      },
      [
        `spec.attachedRequired: Invalid value: false: ${immutable}`,
        `spec.volumeLifecycleModes: Invalid value: ["Ephemeral"]: ${immutable}`,
      ],
    ],
    [
      'CSINode',
      'knows its driver by another id',
      {},
      { spec: { drivers: [{ name: 'disk.example.com', nodeID: 'm', topologyKeys: ['zone'] }] } },
      [
        `spec.drivers: Invalid value: {"name":"disk.example.com","nodeID":"m","topologyKeys":["zone"]}: ${immutable}`,
      ],
    ],
    [
      'CSIStorageCapacity',
      'is of another class',
      {},
      { storageClassName: 'slow', capacity: '2Gi' },
      [`storageClassName: Invalid value: "slow": ${immutable}`],
    ],
    [
      'VolumeAttachment',
      'goes to another node',
      {},
      { spec: { nodeName: 'm' } },
      [
        `spec: Invalid value: {"attacher":"disk.example.com","nodeName":"m","source":{"persistentVolumeName":"v"}}: ${immutable}`,
      ],
    ],
  ])('a %s that %s', (kind, _, before, patch, expected) => {
    expect(errorLines(made(kind, patch), made(kind, before))).toEqual(expected)
  })

  const fixed =
    'spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims'
  const bound = { phase: 'Bound', capacity: { storage: '1Gi' } }
  const sized = (storage: string) => ({ spec: { resources: { requests: { storage } } } })

  test.each<readonly [string, JsonObject, JsonObject, readonly string[]]>([
    ['grows before it has a volume', {}, sized('2Gi'), [fixed]],
    ['grows', { status: bound }, { status: bound, ...sized('2Gi') }, []],
    ['says the same size in other words', {}, sized('1024Mi'), []],
    [
      'asks for less, but more than it has',
      { status: bound, ...sized('5Gi') },
      { status: bound, ...sized('2Gi') },
      [],
    ],
    [
      'asks for less than it has',
      { status: bound, ...sized('2Gi') },
      { status: bound, ...sized('512Mi') },
      ['spec.resources.requests.storage: Forbidden: field can not be less than status.capacity'],
    ],
    ['is bound', {}, { spec: { volumeName: 'v' } }, []],
    ['is bound again', { spec: { volumeName: 'v' } }, { spec: { volumeName: 'w' } }, [fixed]],
    ['wants another mode', {}, { spec: { accessModes: ['ReadWriteMany'] } }, [fixed]],
    ['gets the class of those who name none', {}, { spec: { storageClassName: 'fast' } }, []],
    [
      'wants another class',
      { spec: { storageClassName: 'slow' } },
      { spec: { storageClassName: 'fast' } },
      [fixed],
    ],
    [
      'wants a class after all',
      { spec: { storageClassName: '' } },
      { spec: { storageClassName: 'fast' } },
      [fixed],
    ],
    [
      'says in a field what stood in an annotation',
      { metadata: { annotations: { 'volume.beta.kubernetes.io/storage-class': 'fast' } } },
      { spec: { storageClassName: 'fast' } },
      [],
    ],
    [
      'forgets its attributes',
      { status: bound, spec: { volumeAttributesClassName: 'a' } },
      { status: bound },
      ['spec.volumeAttributesClassName: Forbidden: update from non-nil value to nil is forbidden'],
    ],
    [
      'gets other attributes',
      { status: bound, spec: { volumeAttributesClassName: 'a' } },
      { status: bound, spec: { volumeAttributesClassName: 'b' } },
      [],
    ],
  ])('a claim that %s', (_, before, patch, expected) => {
    const old = made('PersistentVolumeClaim', before)
    expect(errorLines(made('PersistentVolumeClaim', patch), old)).toEqual(expected)
  })
})
