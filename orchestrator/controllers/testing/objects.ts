// Objects for tests, with what a test does not care about filled in.

import type { KubeObject, ObjectMeta } from '../../api/object.js'
import type { Deployment, DeploymentSpec, ReplicaSet } from '../../api/types/apps.js'
import type { StatefulSet, StatefulSetSpec } from '../../api/types/apps-stateful-set.js'
import type { Node, NodeSpec } from '../../api/types/core-node.js'
import type { Pod, PodSpec } from '../../api/types/core-pod.js'
import type { Service, ServiceSpec } from '../../api/types/core-service.js'
import type {
  PodDisruptionBudget,
  PodDisruptionBudgetSpec,
  PodDisruptionBudgetStatus,
} from '../../api/types/policy-disruption-budget.js'
import { formatTime } from '../../client/timestamps.js'
import { controllerReference } from '../ownership.js'

export const nowMs = Date.UTC(2026, 0, 1, 12)
export const secondsAgo = (seconds: number): string => formatTime(nowMs - seconds * 1000)

export interface PodShape {
  readonly owner?: KubeObject
  readonly labels?: Readonly<Record<string, string>>
  readonly phase?: string
  /** How long it has been ready; absent: it is not. */
  readonly readySeconds?: number
  readonly node?: string
  readonly ip?: string
  readonly deleting?: boolean
  readonly meta?: Partial<ObjectMeta>
  readonly spec?: Partial<PodSpec>
  readonly restarts?: number
}

export function pod(name: string, shape: PodShape = {}): Pod {
  const { owner, labels = { app: 'web' }, readySeconds, node, ip, restarts } = shape
  const ready = readySeconds === undefined ? 'False' : 'True'
  const lastTransitionTime = secondsAgo(readySeconds ?? 0)
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      namespace: 'shop',
      name,
      uid: `uid-${name}`,
      resourceVersion: '1',
      labels,
      creationTimestamp: secondsAgo(3600),
      ...(owner ? { ownerReferences: [controllerReference(owner)] } : {}),
      ...(shape.deleting ? { deletionTimestamp: secondsAgo(1) } : {}),
      ...shape.meta,
    },
    spec: { containers: [{ name: 'c' }], ...(node ? { nodeName: node } : {}), ...shape.spec },
    status: {
      phase: shape.phase ?? 'Running',
      conditions: [{ type: 'Ready', status: ready, lastTransitionTime }],
      ...(ip ? { podIP: ip, podIPs: [{ ip }] } : {}),
      ...(restarts === undefined
        ? {}
        : {
            containerStatuses: [
              { name: 'c', ready: true, restartCount: restarts, image: '', imageID: '' },
            ],
          }),
    },
  }
}

export function replicaSet(
  name: string,
  replicas: number,
  meta: Partial<ObjectMeta> = {},
): ReplicaSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { namespace: 'shop', name, uid: `uid-${name}`, generation: 1, ...meta },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c' }] } },
    },
  }
}

export function deployment(replicas: number, spec: Partial<DeploymentSpec> = {}): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace: 'shop', name: 'web', uid: 'uid-web', generation: 1 },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'c', image: 'web:1' }] },
      },
      strategy: {
        type: 'RollingUpdate',
        rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' },
      },
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      ...spec,
    },
  }
}

export function statefulSet(replicas: number, spec: Partial<StatefulSetSpec> = {}): StatefulSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { namespace: 'shop', name: 'db', uid: 'uid-db', generation: 1 },
    spec: {
      replicas,
      serviceName: 'db',
      selector: { matchLabels: { app: 'db' } },
      template: {
        metadata: { labels: { app: 'db' } },
        spec: { containers: [{ name: 'c', image: 'db:1' }] },
      },
      podManagementPolicy: 'OrderedReady',
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      ...spec,
    },
  }
}

export function budget(
  spec: PodDisruptionBudgetSpec,
  status?: PodDisruptionBudgetStatus,
): PodDisruptionBudget {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { namespace: 'shop', name: 'web', uid: 'uid-budget', generation: 2 },
    spec: { selector: { matchLabels: { app: 'web' } }, ...spec },
    ...(status === undefined ? {} : { status }),
  }
}

export function service(spec: Partial<ServiceSpec> = {}): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: 'shop', name: 'web', uid: 'uid-service', labels: { team: 'a' } },
    spec: {
      selector: { app: 'web' },
      clusterIP: '10.96.0.9',
      ipFamilies: ['IPv4'],
      ports: [{ name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' }],
      ...spec,
    },
  }
}

export interface NodeShape {
  readonly ready?: string
  readonly reason?: string
  readonly spec?: NodeSpec
  readonly labels?: Readonly<Record<string, string>>
  readonly allocatable?: Readonly<Record<string, string>>
}

export function node(name: string, shape: NodeShape = {}): Node {
  const heartbeat = secondsAgo(5)
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, uid: `uid-${name}`, labels: shape.labels ?? {} },
    spec: shape.spec ?? {},
    status: {
      allocatable: shape.allocatable ?? { cpu: '4', memory: '8Gi', pods: '110' },
      conditions: [
        {
          type: 'Ready',
          status: shape.ready ?? 'True',
          reason: shape.reason ?? 'KubeletReady',
          lastHeartbeatTime: heartbeat,
          lastTransitionTime: heartbeat,
        },
      ],
    },
  }
}
