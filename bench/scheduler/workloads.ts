// Nodes and pods as a large cluster has them: three zones, workloads of a hundred pods each.

import type { Node } from '../../orchestrator/api/types/core-node.js'
import type { Pod, PodSpec } from '../../orchestrator/api/types/core-pod.js'

export type WorkloadName = 'default' | 'affinity' | 'preemption'

export const podsPerWorkload = 100
const namespaces = 20

export function nodeOf(at: number, cpu = '32'): Node {
  const name = `node-${at}`
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      uid: name,
      labels: {
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'topology.kubernetes.io/region': 'r1',
        'topology.kubernetes.io/zone': `z${at % 3}`,
      },
    },
    spec: {},
    status: {
      allocatable: { cpu, memory: '128Gi', 'ephemeral-storage': '100Gi', pods: '110' },
      images: Array.from({ length: 20 }, (_, image) => ({
        names: [`registry.local/image-${(at + image) % 50}:1`],
        sizeBytes: 200_000_000,
      })),
    },
  }
}

/** The pods of one workload differ in their names alone. */
export function podOf(workload: WorkloadName, at: number): Pod {
  const app = `app-${Math.floor(at / podsPerWorkload)}`
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      namespace: `ns-${Math.floor(at / podsPerWorkload) % namespaces}`,
      name: `${app}-${at}`,
      uid: `${workload}-${at}`,
      labels: { app, 'pod-template-hash': 'abc123' },
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: {
      schedulerName: 'default-scheduler',
      containers: [
        {
          name: 'main',
          image: `registry.local/image-${at % 50}:1`,
          resources: { requests: { cpu: '100m', memory: '256Mi' } },
        },
      ],
      ...more[workload](app),
    },
    status: { phase: 'Pending' },
  }
}

const selecting = (app: string) => ({ matchLabels: { app } })

const more: Readonly<Record<WorkloadName, (app: string) => Partial<PodSpec>>> = {
  default: () => ({}),
  affinity: app => ({
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'topology.kubernetes.io/zone',
        whenUnsatisfiable: 'DoNotSchedule',
        labelSelector: selecting(app),
      },
      {
        maxSkew: 1,
        topologyKey: 'kubernetes.io/hostname',
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: selecting(app),
      },
    ],
    affinity: {
      podAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          {
            weight: 50,
            podAffinityTerm: {
              topologyKey: 'topology.kubernetes.io/zone',
              labelSelector: selecting(app),
            },
          },
        ],
      },
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          { topologyKey: 'kubernetes.io/hostname', labelSelector: selecting(app) },
        ],
      },
    },
  }),
  preemption: () => ({
    priority: 1000,
    containers: [{ name: 'main', resources: { requests: { cpu: '4', memory: '1Gi' } } }],
  }),
}
