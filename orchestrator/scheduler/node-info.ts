// A node with what its pods take of it, as filters and scores see it. Counterpart: NodeInfo of
// pkg/scheduler/framework. Quantities are plain numbers here: millicores of CPU, whole units else.

import { podRequests } from '../api/pod-resources.js'
import { parseQuantity, type Quantity, quantityMilliUnits, quantityUnits } from '../api/quantity.js'
import type { Node } from '../api/types/core-node.js'
import type { Pod } from '../api/types/core-pod.js'

export type Amounts = ReadonlyMap<string, number>

/** A pod with what scheduling needs of it, worked out once. */
export interface PodInfo {
  readonly pod: Pod
  readonly requests: Amounts
  readonly ports: readonly HostPort[]
}

export interface HostPort {
  readonly protocol: string
  readonly ip: string
  readonly port: number
}

export interface NodeInfo {
  readonly node: Node
  readonly name: string
  readonly allocatable: Amounts
  readonly requested: Amounts
  /** By uid. */
  readonly pods: ReadonlyMap<string, PodInfo>
}

/** What a container without requests counts for in scores: it does use something. */
export const nonZeroDefaults: Amounts = new Map([
  ['cpu', 100],
  ['memory', 200 * 1024 * 1024],
])

const podInfos = new WeakMap<Pod, PodInfo>()

/** Remembered for as long as the pod object lives. */
export function podInfo(pod: Pod): PodInfo {
  const known = podInfos.get(pod)
  if (known) return known
  const requests = new Map<string, number>()
  for (const [name, quantity] of podRequests(pod.spec)) requests.set(name, amount(name, quantity))
  const info = { pod, requests, ports: hostPorts(pod) }
  podInfos.set(pod, info)
  return info
}

export function allocatableOf(node: Node): Amounts {
  const texts = node.status?.allocatable ?? node.status?.capacity ?? {}
  const amounts = new Map<string, number>()
  for (const [name, text] of Object.entries(texts)) {
    const quantity = parseQuantity(text)
    if (quantity) amounts.set(name, amount(name, quantity))
  }
  return amounts
}

export function sumRequests(pods: Iterable<PodInfo>): Amounts {
  const total = new Map<string, number>()
  for (const { requests } of pods) {
    for (const [name, value] of requests) total.set(name, (total.get(name) ?? 0) + value)
  }
  return total
}

/** A value of our own for tests and what-if questions. */
export function nodeInfo(node: Node, pods: readonly Pod[]): NodeInfo {
  const infos = new Map(pods.map(pod => [pod.metadata.uid ?? '', podInfo(pod)] as const))
  return {
    node,
    name: node.metadata.name ?? '',
    allocatable: allocatableOf(node),
    requested: sumRequests(infos.values()),
    pods: infos,
  }
}

function amount(name: string, quantity: Quantity): number {
  return Number(name === 'cpu' ? quantityMilliUnits(quantity) : quantityUnits(quantity))
}

function hostPorts(pod: Pod): readonly HostPort[] {
  const ports: HostPort[] = []
  for (const container of pod.spec.containers) {
    for (const { hostPort, hostIP, protocol } of container.ports ?? []) {
      if (!hostPort) continue
      ports.push({ protocol: protocol ?? 'TCP', ip: hostIP || '0.0.0.0', port: hostPort })
    }
  }
  return ports
}
