// Pods and nodes for tests, with what a test does not care about filled in.

import type { Node, NodeSpec } from '../../api/types/core-node.js'
import type { Pod, PodSpec } from '../../api/types/core-pod.js'
import { type NodeInfo, nodeInfo } from '../core/state/node-info.js'

export interface PodShape extends Partial<PodSpec> {
  readonly labels?: Readonly<Record<string, string>>
  readonly cpu?: string
  readonly memory?: string
  readonly hostPort?: number
  readonly hostIP?: string
}

export function pod(name: string, shape: PodShape = {}): Pod {
  const { labels = {}, cpu, memory, hostPort, hostIP, ...spec } = shape
  const requests = { ...(cpu ? { cpu } : {}), ...(memory ? { memory } : {}) }
  const port = { containerPort: 80, hostPort: hostPort ?? 0, ...(hostIP ? { hostIP } : {}) }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'shop', name, uid: `uid-${name}`, labels },
    spec: {
      containers: [{ name: 'c', resources: { requests }, ports: hostPort ? [port] : [] }],
      ...spec,
    },
  }
}

export interface NodeShape extends NodeSpec {
  readonly labels?: Readonly<Record<string, string>>
  readonly allocatable?: Readonly<Record<string, string>>
}

export function node(name: string, shape: NodeShape = {}): Node {
  const { labels, allocatable = { cpu: '4', memory: '8Gi', pods: '110' }, ...spec } = shape
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } },
    spec,
    status: { allocatable },
  }
}

export function place(name: string, shape: NodeShape = {}, pods: readonly Pod[] = []): NodeInfo {
  return nodeInfo(node(name, shape), pods)
}
