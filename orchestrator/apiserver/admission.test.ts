import { describe, expect, test } from 'vitest'
import type { JsonObject, KubeObject } from '../api/object.js'
import { admitNamespace, check, mutate, restrictNode } from './admission.js'
import type { AdmissionRequest, AdmissionView } from './admission.js'
import type { User } from './authentication.js'
import { fieldAt } from './object-fields.js'
import { kindOf, objectOf } from './testing/objects.js'

const user = (name: string, ...groups: string[]): User => ({ name, uid: '', groups, extra: {} })
const admin = user('admin', 'system:masters')
const node = user('system:node:n1', 'system:nodes')

const defaultMark = (group: string) => ({ [`${group}.kubernetes.io/is-default-class`]: 'true' })

const storageClasses = [
  objectOf('StorageClass', { name: 'fixed' }),
  objectOf(
    'StorageClass',
    { name: 'growing', annotations: defaultMark('storageclass') },
    { allowVolumeExpansion: true },
  ),
]
const ingressClasses = [
  objectOf('IngressClass', { name: 'front', annotations: defaultMark('ingressclass') }),
]

const lists = new Map<string, readonly KubeObject[]>([
  ['storageclasses', storageClasses],
  ['ingressclasses', ingressClasses],
])

const view: AdmissionView = {
  namespace: name => (name === 'none' ? null : objectOf('Namespace', { name })),
  serviceAccountExists: (_, name) => name === 'robot',
  object: (_, plural, __, name) =>
    (plural === 'storageclasses' ? storageClasses : []).find(one => one.metadata.name === name) ??
    null,
  list: (_, plural) => lists.get(plural) ?? [],
}

const pod = (spec: JsonObject = {}, metadata: object = {}) =>
  objectOf('Pod', { name: 'p', ...metadata }, { spec })

const request = (changes: Partial<AdmissionRequest>): AdmissionRequest => ({
  kind: kindOf('pods'),
  subresource: '',
  operation: 'create',
  namespace: 'a',
  name: 'p',
  object: null,
  old: null,
  user: admin,
  ...changes,
})

const created = (object: KubeObject) => mutate(request({ object }), view) ?? object

describe('filling in pods', () => {
  test('an account, priority and tolerations are stated where the client left them out', () => {
    const spec = fieldAt(created(pod()), 'spec')
    expect(spec).toMatchObject({
      serviceAccountName: 'default',
      priority: 0,
      preemptionPolicy: 'PreemptLowerPriority',
      tolerations: [
        { key: 'node.kubernetes.io/not-ready', tolerationSeconds: 300 },
        { key: 'node.kubernetes.io/unreachable', tolerationSeconds: 300 },
      ],
    })
    expect(created(created(pod()))).toEqual(created(pod()))
  })

  test('one who tolerates everything, or one of the two, gets no more than is missing', () => {
    const tolerations = (given: JsonObject) => {
      const made = fieldAt(created(pod({ tolerations: [given] })), 'spec.tolerations')
      return Array.isArray(made) ? made.length : 0
    }
    expect(tolerations({ operator: 'Exists' })).toBe(1)
    expect(tolerations({ key: 'node.kubernetes.io/not-ready', operator: 'Exists' })).toBe(2)
    expect(tolerations({ key: 'other', operator: 'Exists' })).toBe(3)
  })

  test('an account that is not there is refused, one that is there is not', () => {
    expect(() => created(pod({ serviceAccountName: 'ghost' }))).toThrow(
      'pods "p" is forbidden: error looking up service account a/ghost: serviceaccount "ghost" not found',
    )
    expect(fieldAt(created(pod({ serviceAccountName: 'robot' })), 'spec.serviceAccount')).toBe(
      'robot',
    )
  })
})

describe('namespaces', () => {
  test('the ones of the cluster itself cannot be deleted', () => {
    const remove = (name: string) => () =>
      admitNamespace(
        request({ kind: kindOf('namespaces'), operation: 'delete', name, namespace: name }),
        view,
      )
    expect(remove('kube-system')).toThrow('this namespace may not be deleted')
    expect(remove('mine')).not.toThrow()
  })

  test.each([
    ['pods', '', 'eviction', 'not found'],
    ['serviceaccounts', '', 'token', 'not found'],
    ['localsubjectaccessreviews', 'authorization.k8s.io', '', null],
  ])(
    'in one that is not there, a create of %s %s %s is: %s',
    (plural, group, subresource, refusal) => {
      const kind = kindOf(plural, group)
      const admit = () => admitNamespace(request({ kind, subresource, namespace: 'none' }), view)
      if (refusal === null) expect(admit).not.toThrow()
      else expect(admit).toThrow(`namespaces "none" ${refusal}`)
    },
  )

  test('one that is going takes changes and deletions, but nothing new', () => {
    const going: AdmissionView = {
      ...view,
      namespace: name => objectOf('Namespace', { name, deletionTimestamp: 'x' }),
    }
    const admit = (operation: AdmissionRequest['operation']) => () =>
      admitNamespace(request({ operation }), going)
    expect(admit('create')).toThrow('because it is being terminated')
    expect(admit('update')).not.toThrow()
    expect(admit('delete')).not.toThrow()
  })
})

describe('what a node may touch', () => {
  const may = (changes: Partial<AdmissionRequest>) => {
    try {
      restrictNode(request({ user: node, ...changes }))
      return true
    } catch {
      return false
    }
  }
  const nodes = kindOf('nodes')
  const leases = kindOf('leases', 'coordination.k8s.io')
  const self = objectOf('Node', { name: 'n1' })
  const tainted = objectOf('Node', { name: 'n1' }, { spec: { taints: [{ key: 'x' }] } })
  const labelled = (key: string) => objectOf('Node', { name: 'n1', labels: { [key]: 'x' } })
  const volumes = kindOf('persistentvolumes')
  const volume = (finalizers: string[], path = '/data') =>
    objectOf('PersistentVolume', { name: 'v', finalizers }, { spec: { local: { path } } })
  const mirror = { annotations: { 'kubernetes.io/config.mirror': 'x' } }
  const status = { operation: 'update', subresource: 'status' } as const

  test.each<readonly [string, Partial<AdmissionRequest>, boolean]>([
    ['create itself', { kind: nodes, object: self }, true],
    ['create another', { kind: nodes, object: objectOf('Node', { name: 'n2' }) }, false],
    ['write its own status', { kind: nodes, name: 'n1', ...status }, true],
    ['write the status of another', { kind: nodes, name: 'n2', ...status }, false],
    [
      'take its own taints off',
      { kind: nodes, name: 'n1', operation: 'update', object: self, old: tainted },
      false,
    ],
    [
      'renew its lease',
      { kind: leases, namespace: 'kube-node-lease', name: 'n1', operation: 'update' },
      true,
    ],
    [
      'renew another lease',
      { kind: leases, namespace: 'kube-node-lease', name: 'n2', operation: 'update' },
      false,
    ],
    ['write the status of its pod', { ...status, old: pod({ nodeName: 'n1' }) }, true],
    ['write the status of a pod elsewhere', { ...status, old: pod({ nodeName: 'n2' }) }, false],
    ['write the status of a pod without a node', { ...status, old: pod() }, false],
    ['delete its pod', { operation: 'delete', old: pod({ nodeName: 'n1' }) }, true],
    ['delete a pod elsewhere', { operation: 'delete', old: pod({ nodeName: 'n2' }) }, false],
    ['create a mirror of its own', { object: pod({ nodeName: 'n1' }, mirror) }, true],
    ['create a mirror elsewhere', { object: pod({ nodeName: 'n2' }, mirror) }, false],
    ['create a pod', { object: pod({ nodeName: 'n1' }) }, false],
    [
      'let go of the directory behind a volume',
      { kind: volumes, operation: 'update', object: volume([]), old: volume(['held']) },
      true,
    ],
    [
      'say where a volume is',
      { kind: volumes, operation: 'update', object: volume([], '/etc'), old: volume([]) },
      false,
    ],
    [
      'create a mirror that reads a secret',
      {
        object: pod(
          { nodeName: 'n1', volumes: [{ name: 's', secret: { secretName: 's' } }] },
          mirror,
        ),
      },
      false,
    ],
    ['say where it stands', { kind: nodes, object: labelled('topology.kubernetes.io/zone') }, true],
    ['carry labels of its owner', { kind: nodes, object: labelled('acme.com/rack') }, true],
    ['take a role', { kind: nodes, object: labelled('node-role.kubernetes.io/master') }, false],
    [
      'lose a label that others put on it',
      {
        kind: nodes,
        name: 'n1',
        operation: 'update',
        object: self,
        old: labelled('node-restriction.kubernetes.io/team'),
      },
      false,
    ],
  ])('%s', (_, changes, expected) => {
    expect(may(changes)).toBe(expected)
  })
})

describe('classes', () => {
  const claims = kindOf('persistentvolumeclaims')
  const claim = (spec: JsonObject, metadata: object = {}, status: JsonObject = {}) =>
    objectOf('PersistentVolumeClaim', { name: 'c', ...metadata }, { spec, status })

  test.each<readonly [string, JsonObject, object, unknown]>([
    ['names none', {}, {}, 'growing'],
    ['names one', { storageClassName: 'fixed' }, {}, 'fixed'],
    ['wants none', { storageClassName: '' }, {}, ''],
    [
      'names one as long ago',
      {},
      { annotations: { 'volume.beta.kubernetes.io/storage-class': 'fixed' } },
      undefined,
    ],
  ])('a claim that %s', (_, spec, metadata, expected) => {
    const object = claim(spec, metadata)
    const admitted = mutate(request({ kind: claims, object }), view) ?? object
    expect(fieldAt(admitted, 'spec.storageClassName')).toBe(expected)
  })

  test('a claim that is there gets none any more', () => {
    const object = claim({})
    expect(mutate(request({ kind: claims, operation: 'update', object }), view)).toBe(object)
  })

  test.each<readonly [string, JsonObject, object, unknown]>([
    ['names none', {}, {}, 'front'],
    ['names one', { ingressClassName: 'back' }, {}, 'back'],
    [
      'names one as long ago',
      {},
      { annotations: { 'kubernetes.io/ingress.class': 'back' } },
      undefined,
    ],
  ])('an ingress that %s', (_, spec, metadata, expected) => {
    const object = objectOf('Ingress', { name: 'i', ...metadata }, { spec })
    const kind = kindOf('ingresses', 'networking.k8s.io')
    const admitted = mutate(request({ kind, object }), view) ?? object
    expect(fieldAt(admitted, 'spec.ingressClassName')).toBe(expected)
  })

  const sized = (storage: string, storageClassName: string, phase = 'Bound') =>
    claim({ storageClassName, resources: { requests: { storage } } }, {}, { phase })
  const grow = (before: KubeObject, after: KubeObject) => () =>
    check(
      request({ kind: claims, operation: 'update', name: 'c', object: after, old: before }),
      view,
    )

  test('a claim grows where its class lets it, once it has a volume', () => {
    expect(grow(sized('1Gi', 'growing'), sized('2Gi', 'growing'))).not.toThrow()
    expect(grow(sized('1Gi', 'fixed'), sized('1024Mi', 'fixed'))).not.toThrow()
    expect(grow(sized('2Gi', 'fixed'), sized('1Gi', 'fixed'))).not.toThrow()
    const refusal =
      'persistentvolumeclaims "c" is forbidden: only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize'
    for (const name of ['fixed', 'gone', '']) {
      expect(grow(sized('1Gi', name), sized('2Gi', name))).toThrow(refusal)
    }
    expect(grow(sized('1Gi', 'growing', 'Pending'), sized('2Gi', 'growing'))).toThrow(
      'persistentvolumeclaims "c" is forbidden: Only bound persistent volume claims can be expanded',
    )
  })
})
