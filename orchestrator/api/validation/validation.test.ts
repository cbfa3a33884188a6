import { describe, expect, test } from 'vitest'
import { checkShape } from '../decode.js'
import { findKindByName } from '../kinds.js'
import type { Kind } from '../kind.js'
import type { Json, JsonObject, KubeObject } from '../object.js'
import { mergePatch } from '../merge/merge-patch.js'
import { validateObject } from './object.js'

function kindOf(kind: string): Kind {
  const group =
    {
      Deployment: 'apps',
      ReplicaSet: 'apps',
      Lease: 'coordination.k8s.io',
      EndpointSlice: 'discovery.k8s.io',
    }[kind] ?? ''
  const found = findKindByName(group, 'v1', kind)
  if (found === null) throw new Error(`no kind ${kind}`)
  return found
}

const podSpec = { containers: [{ name: 'c', image: 'x:1' }] }
const template = { metadata: { labels: { app: 'x' } }, spec: podSpec }
const workload = { selector: { matchLabels: { app: 'x' } }, template }

const good: Readonly<Record<string, JsonObject>> = {
  Pod: { spec: podSpec },
  Deployment: { spec: workload },
  ReplicaSet: { spec: workload },
  Service: { spec: { ports: [{ port: 80 }], selector: { app: 'x' } } },
  Node: { spec: { podCIDR: '10.244.0.0/24', podCIDRs: ['10.244.0.0/24'] } },
  Namespace: {},
  ConfigMap: { data: { a: 'b' } },
  Secret: { data: { a: 'Yg==' } },
  ServiceAccount: {},
  Endpoints: { subsets: [{ addresses: [{ ip: '127.64.0.1' }], ports: [{ port: 80 }] }] },
  EndpointSlice: { addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.1'] }] },
  Event: { involvedObject: { kind: 'Pod', namespace: 'default' } },
  Lease: { spec: { holderIdentity: 'me', leaseDurationSeconds: 40 } },
}

/** A good object of the kind with a merge patch applied, decoded and defaulted as a request is. */
function made(kindName: string, patch: Json): KubeObject {
  const kind = kindOf(kindName)
  const metadata = { name: 'x', ...(kind.namespaced ? { namespace: 'default' } : {}) }
  const version = kind.group === '' ? 'v1' : `${kind.group}/v1`
  const object = { apiVersion: version, kind: kindName, metadata, ...good[kindName] }
  const shape = checkShape(kind, mergePatch(object, patch))
  expect(shape.typeErrors).toEqual([])
  return kind.withDefaults(shape.object as unknown as KubeObject)
}

function errorsOf(kindName: string, patch: Json, old: KubeObject | null = null): string[] {
  const errors = validateObject(kindOf(kindName), made(kindName, patch), old)
  return errors.map(error => `${error.field}: ${error.message}`)
}

test.each(Object.keys(good))('a good %s has no errors, new or unchanged', kind => {
  expect(errorsOf(kind, {})).toEqual([])
  expect(errorsOf(kind, {}, made(kind, {}))).toEqual([])
})

/** The good container with a patch. */
function container(patch: JsonObject): JsonObject {
  return { spec: { containers: [{ name: 'c', image: 'x:1', ...patch }] } }
}

const at = 'spec.containers[0]'

describe('pods', () => {
  test.each<readonly [string, Json, string]>([
    ['no containers', { spec: { containers: [] } }, 'spec.containers: Required value'],
    ['no image', container({ image: '' }), `${at}.image: Required value`],
    ['no container name', container({ name: '' }), `${at}.name: Required value`],
    [
      'two containers of one name',
      { spec: { containers: [...podSpec.containers, ...podSpec.containers] } },
      'spec.containers[1].name: Duplicate value: "c"',
    ],
    [
      'an unknown restart policy',
      { spec: { restartPolicy: 'Sometimes' } },
      'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"',
    ],
    [
      'a port out of range',
      container({ ports: [{ containerPort: 70000 }] }),
      `${at}.ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive`,
    ],
    [
      'an unknown protocol',
      container({ ports: [{ containerPort: 80, protocol: 'ICMP' }] }),
      `${at}.ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"`,
    ],
    [
      'a mount of a volume that is not there',
      container({ volumeMounts: [{ name: 'v', mountPath: '/v' }] }),
      `${at}.volumeMounts[0].name: Not found: "v"`,
    ],
    [
      'a request above its limit',
      container({ resources: { limits: { cpu: '1' }, requests: { cpu: '2' } } }),
      `${at}.resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1`,
    ],
    [
      'a negative limit',
      container({ resources: { limits: { cpu: '-1' } } }),
      `${at}.resources.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0`,
    ],
    [
      'a probe that probes nothing',
      container({ livenessProbe: {} }),
      `${at}.livenessProbe: Required value: must specify a handler type`,
    ],
    [
      'two handlers',
      container({ livenessProbe: { exec: { command: ['x'] }, tcpSocket: { port: 80 } } }),
      `${at}.livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type`,
    ],
    [
      'a secret volume without a secret',
      { spec: { volumes: [{ name: 'v', secret: {} }] } },
      'spec.volumes[0].secret.secretName: Required value',
    ],
    [
      'a volume from two sources',
      { spec: { volumes: [{ name: 'v', emptyDir: {}, hostPath: { path: '/x' } }] } },
      'spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type',
    ],
    [
      'a toleration without key or operator',
      { spec: { tolerations: [{ effect: 'NoSchedule' }] } },
      'spec.tolerations[0].operator: Invalid value: "": operator must be Exists when `key` is empty, which means "match all values and all keys"',
    ],
    [
      'an affinity without a topology key',
      {
        spec: {
          affinity: {
            podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{}] },
          },
        },
      },
      'spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Required value: can not be empty',
    ],
    [
      'a bad node selector',
      { spec: { nodeSelector: { a: '-' } } },
      'spec.nodeSelector: Invalid value: "-": ',
    ],
    [
      'a probed init container',
      {
        spec: {
          initContainers: [
            { name: 'i', image: 'x:1', livenessProbe: { exec: { command: ['x'] } } },
          ],
        },
      },
      'spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
    ],
    [
      'an environment variable from nowhere',
      container({ env: [{ name: 'A', valueFrom: {} }] }),
      `${at}.env[0].valueFrom: Invalid value: "": must specify one of`,
    ],
  ])('%s', (_, patch, expected) => {
    expect(errorsOf('Pod', patch).filter(text => text.startsWith(expected))).toHaveLength(1)
  })

  test('a running pod may change images, and little else', () => {
    const old = made('Pod', { spec: { nodeName: 'n' } })
    const image = { spec: { nodeName: 'n', containers: [{ name: 'c', image: 'x:2' }] } }
    const changed = mergePatch(old as unknown as Json, {
      spec: {
        containers: [
          {
            ...(old as unknown as { spec: { containers: JsonObject[] } }).spec.containers[0],
            image: 'x:2',
          },
        ],
      },
    })
    const kind = kindOf('Pod')
    expect(validateObject(kind, changed as unknown as KubeObject, old)).toEqual([])
    expect(errorsOf('Pod', mergePatch(image, { spec: { nodeName: 'm' } }), old)).toEqual([
      expect.stringContaining('spec: Forbidden: pod updates may not change fields other than'),
    ])
    expect(errorsOf('Pod', { spec: { containers: [] } }, old)).toEqual([
      'spec.containers: Forbidden: pod updates may not add or remove containers',
    ])
  })
})

describe('workloads', () => {
  test.each<readonly [string, Json, string]>([
    [
      'negative replicas',
      { spec: { replicas: -1 } },
      'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    ],
    ['no selector', { spec: { selector: null } }, 'spec.selector: Required value'],
    [
      'an empty selector',
      { spec: { selector: { matchLabels: null } } },
      'spec.selector: Invalid value: {}: empty selector is invalid for deployment',
    ],
    [
      'a selector that selects others',
      { spec: { selector: { matchLabels: { app: 'y' } } } },
      'spec.template.metadata.labels: Invalid value: {"app":"x"}: `selector` does not match template `labels`',
    ],
    [
      'pods that end',
      { spec: { template: { spec: { restartPolicy: 'Never' } } } },
      'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
    ],
    [
      'a container without an image',
      { spec: { template: { spec: { containers: [{ name: 'c' }] } } } },
      'spec.template.spec.containers[0].image: Required value',
    ],
  ])('%s', (_, patch, expected) => {
    expect(errorsOf('Deployment', patch)).toContain(expected)
    expect(errorsOf('ReplicaSet', patch)).toContain(expected)
  })

  test.each<readonly [string, Json, string]>([
    [
      'an unknown strategy',
      { type: 'BigBang' },
      'spec.strategy.type: Unsupported value: "BigBang": supported values: "Recreate", "RollingUpdate"',
    ],
    [
      'a rollout that cannot move',
      { rollingUpdate: { maxSurge: 0, maxUnavailable: '0%' } },
      'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "0%": may not be 0 when `maxSurge` is 0',
    ],
    [
      'parameters of another strategy',
      { type: 'Recreate', rollingUpdate: { maxSurge: 1 } },
      "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
    ],
  ])('%s', (_, strategy, expected) => {
    expect(errorsOf('Deployment', { spec: { strategy } })).toContain(expected)
  })

  test('the selector stays for ever', () => {
    const patch = {
      spec: {
        selector: { matchLabels: { app: 'y' } },
        template: { metadata: { labels: { app: 'y' } } },
      },
    }
    expect(errorsOf('Deployment', patch, made('Deployment', {}))).toEqual([
      'spec.selector: Invalid value: {"matchLabels":{"app":"y"}}: field is immutable',
    ])
  })
})

describe('services and endpoints', () => {
  test.each<readonly [string, Json, string]>([
    ['no ports', { spec: { ports: [] } }, 'spec.ports: Required value'],
    [
      'an unknown type',
      { spec: { type: 'Magic' } },
      'spec.type: Unsupported value: "Magic": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
    ],
    [
      'two ports without names',
      { spec: { ports: [{ port: 1 }, { port: 2 }] } },
      'spec.ports[1].name: Required value',
    ],
    [
      'a node port of a cluster IP',
      { spec: { ports: [{ port: 80, nodePort: 30000 }] } },
      "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
    ],
    [
      'an address that is none',
      { spec: { clusterIP: 'ten' } },
      'spec.clusterIPs[0]: Invalid value: "ten": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ],
    [
      'an external name without a name',
      { spec: { type: 'ExternalName' } },
      'spec.externalName: Required value',
    ],
    [
      'a name that begins with a digit',
      { metadata: { name: '1x' } },
      "metadata.name: Invalid value: \"1x\": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
    ],
  ])('%s', (_, patch, expected) => {
    expect(errorsOf('Service', patch)).toContain(expected)
  })

  test('a headless service needs no ports', () => {
    expect(errorsOf('Service', { spec: { clusterIP: 'None', ports: null } })).toEqual([])
  })

  test('the cluster IP stays once it is set', () => {
    const old = made('Service', { spec: { clusterIP: '10.96.0.1', clusterIPs: ['10.96.0.1'] } })
    const patch = { spec: { clusterIP: '10.96.0.2', clusterIPs: ['10.96.0.2'] } }
    expect(errorsOf('Service', patch, old)).toEqual([
      'spec.clusterIPs[0]: Invalid value: ["10.96.0.2"]: may not change once set',
    ])
  })

  test('endpoints need addresses that are some', () => {
    expect(errorsOf('Endpoints', { subsets: [{ ports: [{ port: 1 }] }] })).toEqual([
      'subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`',
    ])
    expect(errorsOf('EndpointSlice', { endpoints: [{ addresses: ['::1'] }] })).toEqual([
      'endpoints[0].addresses[0]: Invalid value: "::1": must be a valid IPv4 address',
    ])
    expect(
      errorsOf('EndpointSlice', { addressType: 'IPv6', endpoints: [] }, made('EndpointSlice', {})),
    ).toEqual(['addressType: Invalid value: "IPv6": field is immutable'])
  })
})

describe('small kinds', () => {
  test.each<readonly [string, Json, string]>([
    [
      'Namespace',
      { metadata: { name: 'a.b' } },
      'metadata.name: Invalid value: "a.b": a lowercase RFC 1123 label',
    ],
    ['ConfigMap', { data: { 'a/b': '' } }, 'data[a/b]: Invalid value: "a/b": a valid config key'],
    [
      'ConfigMap',
      { binaryData: { a: '' } },
      'data[a]: Invalid value: "a": duplicate of key present',
    ],
    [
      'ConfigMap',
      { data: { a: 'x'.repeat(1_048_577) } },
      ': Too long: may not be more than 1048576 bytes',
    ],
    [
      'Secret',
      { type: 'kubernetes.io/tls', data: { 'tls.crt': '' } },
      'data[tls.key]: Required value',
    ],
    [
      'Event',
      { involvedObject: { namespace: 'other' } },
      'involvedObject.namespace: Invalid value: "other"',
    ],
    [
      'Lease',
      { spec: { leaseDurationSeconds: 0 } },
      'spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0',
    ],
    [
      'Node',
      { spec: { taints: [{ key: 'a', effect: 'Never' }] } },
      'spec.taints[0].effect: Unsupported value: "Never"',
    ],
    [
      'Node',
      { metadata: { namespace: 'x' } },
      'metadata.namespace: Forbidden: not allowed on this type',
    ],
  ])('%s %j', (kind, patch, expected) => {
    expect(errorsOf(kind, patch).filter(text => text.startsWith(expected))).toHaveLength(1)
  })

  test('what is sealed stays as it is', () => {
    const sealed = made('ConfigMap', { immutable: true })
    expect(errorsOf('ConfigMap', { data: { a: 'c' } }, sealed)).toEqual([
      'immutable: Forbidden: field is immutable when `immutable` is set',
      'data: Forbidden: field is immutable when `immutable` is set',
    ])
    expect(errorsOf('Secret', { type: 'other' }, made('Secret', {}))).toEqual([
      'type: Invalid value: "other": field is immutable',
    ])
  })
})

describe('metadata', () => {
  test.each<readonly [Json, string]>([
    [{ name: null }, 'metadata.name: Required value: name or generateName is required'],
    [{ namespace: null }, 'metadata.namespace: Required value'],
    [{ labels: { 'a b': '' } }, 'metadata.labels: Invalid value: "a b": name part must consist of'],
    [{ labels: { a: '-' } }, 'metadata.labels: Invalid value: "-": a valid label must be'],
    [
      { annotations: { a: 'x'.repeat(262_145) } },
      'metadata.annotations: Too long: may not be more than 262144 bytes',
    ],
    [
      { finalizers: ['mine'] },
      'metadata.finalizers: Invalid value: "mine": name is neither a standard',
    ],
    [
      { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p' }] },
      'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
    ],
  ])('%j', (metadata, expected) => {
    expect(errorsOf('ConfigMap', { metadata }).filter(t => t.startsWith(expected))).toHaveLength(1)
  })

  test('identity never changes, and finalizers are not added to what is being deleted', () => {
    const old = made('ConfigMap', {
      metadata: { uid: 'u', deletionTimestamp: '2026-01-01T00:00:00Z' },
    })
    const patch = {
      metadata: { uid: 'v', deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['a/b'] },
    }
    expect(errorsOf('ConfigMap', patch, old)).toEqual([
      'metadata.uid: Invalid value: "v": field is immutable',
      'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being ' +
        'deleted, found new finalizers []string{"a/b"}',
    ])
  })
})
