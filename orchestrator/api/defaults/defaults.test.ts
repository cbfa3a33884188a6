import { describe, expect, test } from 'vitest'
import { findKindByName } from '../kinds.js'
import type { JsonObject, KubeObject } from '../object.js'
import { pullPolicyOf } from './container.js'

function defaulted(apiVersion: string, kindName: string, rest: JsonObject): KubeObject {
  const slash = apiVersion.indexOf('/')
  const group = slash === -1 ? '' : apiVersion.slice(0, slash)
  const kind = findKindByName(group, 'v1', kindName)
  if (kind === null) throw new Error(`no kind ${kindName}`)
  const object = { apiVersion, kind: kindName, metadata: { name: 'x' }, ...rest } as KubeObject
  const before = JSON.stringify(object)
  const once = kind.withDefaults(object)
  expect(kind.withDefaults(once)).toEqual(once)
  expect(JSON.stringify(object)).toBe(before)
  return once
}

const containerDefaults = {
  resources: {},
  terminationMessagePath: '/dev/termination-log',
  terminationMessagePolicy: 'File',
  imagePullPolicy: 'Always',
}

const specDefaults = {
  restartPolicy: 'Always',
  terminationGracePeriodSeconds: 30,
  dnsPolicy: 'ClusterFirst',
  securityContext: {},
  schedulerName: 'default-scheduler',
}

test('a small pod gets all that the original gives it', () => {
  const pod = defaulted('v1', 'Pod', { spec: { containers: [{ name: 'c', image: 'nginx' }] } })
  expect(pod).toEqual({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'x' },
    spec: {
      ...specDefaults,
      enableServiceLinks: true,
      containers: [{ name: 'c', image: 'nginx', ...containerDefaults }],
    },
    status: { phase: 'Pending', qosClass: 'BestEffort' },
  })
})

describe('parts of pods', () => {
  test.each([
    ['nginx', 'Always'],
    ['nginx:latest', 'Always'],
    ['nginx:1.27', 'IfNotPresent'],
    ['registry:5000/nginx', 'Always'],
    ['registry:5000/nginx:1', 'IfNotPresent'],
    ['nginx@sha256:abc', 'IfNotPresent'],
  ])('the image %s is pulled %s', (image, policy) => {
    expect(pullPolicyOf(image)).toBe(policy)
  })

  test('probes and hooks get timings, paths and schemes', () => {
    const container = {
      name: 'c',
      image: 'x:1',
      livenessProbe: { httpGet: { port: 80 } },
      lifecycle: { preStop: { httpGet: { port: 80, path: '/stop' } } },
    }
    expect(defaulted('v1', 'Pod', { spec: { containers: [container] } })).toMatchObject({
      spec: {
        containers: [
          {
            livenessProbe: {
              httpGet: { port: 80, path: '/', scheme: 'HTTP' },
              timeoutSeconds: 1,
              periodSeconds: 10,
              successThreshold: 1,
              failureThreshold: 3,
            },
            lifecycle: { preStop: { httpGet: { port: 80, path: '/stop', scheme: 'HTTP' } } },
          },
        ],
      },
    })
  })

  test('limits are requests where none are named, in pods but not in templates', () => {
    const resources = { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } }
    const spec = { containers: [{ name: 'c', image: 'x:1', resources }] }
    expect(defaulted('v1', 'Pod', { spec })).toMatchObject({
      spec: { containers: [{ resources: { requests: { cpu: '500m', memory: '1Gi' } } }] },
      status: { qosClass: 'Burstable' },
    })
    expect(defaulted('apps/v1', 'Deployment', { spec: { template: { spec } } })).toMatchObject({
      spec: { template: { spec: { containers: [{ resources }] } } },
    })
  })

  test('equal limits and requests make a pod guaranteed', () => {
    const resources = { limits: { cpu: '1', memory: '1Gi' } }
    const spec = { containers: [{ name: 'c', image: 'x:1', resources }] }
    expect(defaulted('v1', 'Pod', { spec })).toMatchObject({ status: { qosClass: 'Guaranteed' } })
  })

  test('on the network of the host, ports are ports of the host', () => {
    const spec = {
      hostNetwork: true,
      containers: [{ name: 'c', image: 'x:1', ports: [{ containerPort: 80 }] }],
    }
    expect(defaulted('v1', 'Pod', { spec })).toMatchObject({
      spec: { containers: [{ ports: [{ containerPort: 80, hostPort: 80, protocol: 'TCP' }] }] },
    })
  })

  test('volumes get modes, and one from nowhere is an empty directory', () => {
    const volumes = [
      { name: 'a' },
      { name: 'b', secret: { secretName: 's' } },
      { name: 'c', configMap: { name: 'm', defaultMode: 0 } },
      { name: 'd', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } },
      { name: 'e', hostPath: { path: '/x' } },
    ]
    const spec = { containers: [{ name: 'c', image: 'x:1' }], volumes }
    expect(defaulted('v1', 'Pod', { spec })).toMatchObject({
      spec: {
        volumes: [
          { name: 'a', emptyDir: {} },
          { name: 'b', secret: { secretName: 's', defaultMode: 420 } },
          { name: 'c', configMap: { name: 'm', defaultMode: 0 } },
          {
            name: 'd',
            projected: {
              sources: [{ serviceAccountToken: { path: 'token', expirationSeconds: 3600 } }],
              defaultMode: 420,
            },
          },
          { name: 'e', hostPath: { path: '/x', type: '' } },
        ],
      },
    })
  })

  test('the old name of the service account is kept in step', () => {
    const spec = { containers: [{ name: 'c' }], serviceAccount: 'robot' }
    expect(defaulted('v1', 'Pod', { spec })).toMatchObject({
      spec: { serviceAccount: 'robot', serviceAccountName: 'robot' },
    })
  })
})

describe('other kinds', () => {
  test('deployments', () => {
    const template = { spec: { containers: [] } }
    expect(defaulted('apps/v1', 'Deployment', { spec: { template } })).toMatchObject({
      spec: {
        replicas: 1,
        strategy: {
          type: 'RollingUpdate',
          rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' },
        },
        revisionHistoryLimit: 10,
        progressDeadlineSeconds: 600,
        template: { spec: specDefaults },
      },
    })
    const given = { replicas: 0, strategy: { type: 'Recreate' }, revisionHistoryLimit: 0 }
    expect(defaulted('apps/v1', 'Deployment', { spec: { ...given, template } })).toMatchObject({
      spec: given,
    })
  })

  test('services', () => {
    expect(defaulted('v1', 'Service', { spec: { ports: [{ port: 80 }] } })).toMatchObject({
      spec: {
        type: 'ClusterIP',
        sessionAffinity: 'None',
        internalTrafficPolicy: 'Cluster',
        ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
      },
      status: { loadBalancer: {} },
    })
    const spec = { type: 'LoadBalancer', sessionAffinity: 'ClientIP', ports: [] }
    expect(defaulted('v1', 'Service', { spec })).toMatchObject({
      spec: {
        externalTrafficPolicy: 'Cluster',
        allocateLoadBalancerNodePorts: true,
        sessionAffinityConfig: { clientIP: { timeoutSeconds: 10800 } },
      },
    })
  })

  test('namespaces carry their name as a label and a finalizer until they are deleted', () => {
    expect(defaulted('v1', 'Namespace', {})).toEqual({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'x', labels: { 'kubernetes.io/metadata.name': 'x' } },
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Active' },
    })
    const metadata = { name: 'x', deletionTimestamp: '2026-01-01T00:00:00Z' }
    expect(defaulted('v1', 'Namespace', { metadata, spec: {} })).toMatchObject({
      spec: {},
      status: { phase: 'Terminating' },
    })
  })

  test('stringData of a secret ends in its data', () => {
    const secret = defaulted('v1', 'Secret', {
      data: { a: 'b2xk', b: 'Yg==' },
      stringData: { a: 'new ✓', ['__proto__']: 'x' },
    })
    expect(secret).not.toHaveProperty('stringData')
    expect(secret).toMatchObject({ type: 'Opaque', data: { a: 'bmV3IOKckw==', b: 'Yg==' } })
  })

  test('a node without reservations offers its capacity', () => {
    const status = { capacity: { cpu: '4' } }
    expect(defaulted('v1', 'Node', { status })).toMatchObject({
      status: { capacity: { cpu: '4' }, allocatable: { cpu: '4' } },
    })
  })

  test('ports of endpoints are TCP', () => {
    const subsets = [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80 }] }]
    expect(defaulted('v1', 'Endpoints', { subsets })).toMatchObject({
      subsets: [{ ports: [{ port: 80, protocol: 'TCP' }] }],
    })
    const slice = { addressType: 'IPv4', endpoints: [], ports: [{ port: 80 }] }
    expect(defaulted('discovery.k8s.io/v1', 'EndpointSlice', slice)).toMatchObject({
      ports: [{ port: 80, protocol: 'TCP', name: '' }],
    })
  })
})
