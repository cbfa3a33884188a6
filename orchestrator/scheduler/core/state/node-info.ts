// A node with what its pods take of it, as filters and scores see it. Kept up to date in place, pod
// by pod, and never changed while a pod is being placed. Counterpart: NodeInfo of
// pkg/scheduler/framework.

import { assert } from '../../../../platform/errors.js'
import type { Node } from '../../../api/types/core-node.js'
import type { Pod } from '../../../api/types/core-pod.js'
import type { Taint } from '../../../api/types/core-scheduling.js'
import { type Amounts, amountsFromTexts, podInfo, type PodInfo } from './pod-info.js'

/** Amounts that pods come to and go from. */
export class Totals {
  milliCpu = 0
  memory = 0
  ephemeralStorage = 0
  others: Map<string, number> | null = null

  add({ milliCpu, memory, ephemeralStorage, others }: Amounts, sign: 1 | -1): void {
    this.milliCpu += sign * milliCpu
    this.memory += sign * memory
    this.ephemeralStorage += sign * ephemeralStorage
    if (others === null) return
    this.others ??= new Map()
    for (const [name, value] of others) {
      this.others.set(name, (this.others.get(name) ?? 0) + sign * value)
    }
  }
}

/** Places in `NodeInfo.room`: what is left of the node, and what it can hold. */
export const room = {
  slots: 0,
  milliCpu: 1,
  memory: 2,
  ephemeralStorage: 3,
  milliCpuMax: 4,
  memoryMax: 5,
  ephemeralStorageMax: 6,
} as const
const roomPlaces = 7

const noNode: Node = { apiVersion: 'v1', kind: 'Node', metadata: {} }
export const hostnameLabel = 'kubernetes.io/hostname'
export const zoneLabel = 'topology.kubernetes.io/zone'

const nobody: readonly PodInfo[] = []
const noLabels: ReadonlyMap<string, string> = new Map()

export class NodeInfo {
  name: string
  node: Node = noNode
  /** A map, for what users call their labels must not meet what objects have by themselves. */
  labels: ReadonlyMap<string, string> = noLabels
  /** What nearly all questions of topology are about, at hand. */
  private hostname: string | undefined = undefined
  private zone: string | undefined = undefined
  allocatable: Amounts = amountsFromTexts({})
  podsMax = 0
  unschedulable = false
  /** NoSchedule and NoExecute. */
  hardTaints: readonly Taint[] = []
  /** PreferNoSchedule. */
  softTaints: readonly Taint[] = []
  /** Bytes by name. */
  images: ReadonlyMap<string, number> = new Map()
  /** The worst of what it says of its processors, memory and disks, 0..100. */
  pressure = 0
  readonly requested = new Totals()
  /**
   * allocatable - requested and allocatable once more, by the places of `room`: in one line of memory, for most of what
   * a placement does is to see of thousands of nodes that they are full.
   */
  readonly room = new Float64Array(roomPlaces)
  scoredCpu = 0
  scoredMemory = 0
  readonly pods: PodInfo[] = []
  /** Pods for which others were removed from here, and which have not come yet. */
  nominated: readonly PodInfo[] = nobody
  /** Of its pods; null where it has to be looked for. */
  private lowest: number | null = Number.POSITIVE_INFINITY
  podsWithPorts = 0
  /** Pods that mount claims, or volumes that others may not mount beside them. */
  podsWithVolumes = 0

  constructor(name: string) {
    this.name = name
  }

  setNode(node: Node): void {
    this.node = node
    this.labels = new Map(Object.entries(node.metadata.labels ?? {}))
    this.hostname = this.labels.get(hostnameLabel)
    this.zone = this.labels.get(zoneLabel)
    this.allocatable = amountsFromTexts(node.status?.allocatable ?? node.status?.capacity ?? {})
    this.podsMax = this.allocatable.others?.get('pods') ?? 0
    this.reckonRoom()
    this.unschedulable = node.spec?.unschedulable === true
    const taints = node.spec?.taints ?? []
    this.hardTaints = taints.filter(
      ({ effect }) => effect === 'NoSchedule' || effect === 'NoExecute',
    )
    this.softTaints = taints.filter(({ effect }) => effect === 'PreferNoSchedule')
    this.images = imagesOf(node)
    this.pressure = pressureOf(node)
  }

  /** Its value of a topology key; undefined where it has none. */
  domainOf(topologyKey: string): string | undefined {
    if (topologyKey === hostnameLabel) return this.hostname
    return topologyKey === zoneLabel ? this.zone : this.labels.get(topologyKey)
  }

  add(pod: PodInfo): void {
    this.pods.push(pod)
    if (this.lowest !== null && pod.priority < this.lowest) this.lowest = pod.priority
    this.count(pod, 1)
  }

  /** Of its pods; infinite where there are none. */
  get lowestPriority(): number {
    this.lowest ??= lowestOf(this.pods)
    return this.lowest
  }

  remove(pod: PodInfo): void {
    // Who leaves a node that is tried out has often just come.
    const at = this.pods.lastIndexOf(pod)
    assert(at >= 0, 'a pod leaves the node it is on')
    this.pods[at] = this.pods[this.pods.length - 1] as PodInfo
    this.pods.pop()
    if (pod.priority === this.lowest) this.lowest = null
    this.count(pod, -1)
  }

  /** Becomes what `other` is, to try things out on; shares what belongs to the node itself. */
  copy(other: NodeInfo): this {
    this.copyNode(other)
    const { pods } = other
    this.pods.length = pods.length
    for (let at = 0; at < pods.length; at++) this.pods[at] = pods[at] as PodInfo
    this.lowest = other.lowest
    return this
  }

  /** Becomes what `other` is without its pods of lower priority; answers those. */
  copyAbove(other: NodeInfo, priority: number): PodInfo[] {
    this.copyNode(other)
    this.lowest = null
    const { pods } = this
    const lower: PodInfo[] = []
    let kept = 0
    for (const pod of other.pods) {
      if (pod.priority >= priority) pods[kept++] = pod
      else lower.push(pod)
    }
    if (kept === 0) this.empty()
    else for (const pod of lower) this.count(pod, -1)
    // One by one keeps the room that the list has; a length of zero would give it back.
    while (pods.length > kept) pods.pop()
    return lower
  }

  /** All but the list of its pods. */
  private copyNode(other: NodeInfo): void {
    this.name = other.name
    this.node = other.node
    this.labels = other.labels
    this.hostname = other.hostname
    this.zone = other.zone
    this.allocatable = other.allocatable
    this.podsMax = other.podsMax
    this.unschedulable = other.unschedulable
    this.hardTaints = other.hardTaints
    this.softTaints = other.softTaints
    this.images = other.images
    this.pressure = other.pressure
    const { requested } = this
    requested.milliCpu = other.requested.milliCpu
    requested.memory = other.requested.memory
    requested.ephemeralStorage = other.requested.ephemeralStorage
    requested.others = other.requested.others && new Map(other.requested.others)
    this.scoredCpu = other.scoredCpu
    this.scoredMemory = other.scoredMemory
    for (let at = 0; at < roomPlaces; at++) this.room[at] = other.room[at] as number
    this.nominated = other.nominated
    this.podsWithPorts = other.podsWithPorts
    this.podsWithVolumes = other.podsWithVolumes
  }

  /** Of all that its pods take. */
  private empty(): void {
    const { requested, room: left } = this
    requested.milliCpu = 0
    requested.memory = 0
    requested.ephemeralStorage = 0
    requested.others = null
    this.scoredCpu = 0
    this.scoredMemory = 0
    this.podsWithPorts = 0
    this.podsWithVolumes = 0
    left[room.slots] = this.podsMax
    left[room.milliCpu] = left[room.milliCpuMax] as number
    left[room.memory] = left[room.memoryMax] as number
    left[room.ephemeralStorage] = left[room.ephemeralStorageMax] as number
  }

  private reckonRoom(): void {
    const { room: left, allocatable, requested } = this
    left[room.slots] = this.podsMax - this.pods.length
    left[room.milliCpu] = allocatable.milliCpu - requested.milliCpu
    left[room.memory] = allocatable.memory - requested.memory
    left[room.ephemeralStorage] = allocatable.ephemeralStorage - requested.ephemeralStorage
    left[room.milliCpuMax] = allocatable.milliCpu
    left[room.memoryMax] = allocatable.memory
    left[room.ephemeralStorageMax] = allocatable.ephemeralStorage
  }

  private count(pod: PodInfo, sign: 1 | -1): void {
    const { requests } = pod
    this.requested.add(requests, sign)
    const { room: left } = this
    left[room.slots] = (left[room.slots] as number) - sign
    left[room.milliCpu] = (left[room.milliCpu] as number) - sign * requests.milliCpu
    left[room.memory] = (left[room.memory] as number) - sign * requests.memory
    const storage = left[room.ephemeralStorage] as number
    left[room.ephemeralStorage] = storage - sign * requests.ephemeralStorage
    this.scoredCpu += sign * pod.scoredCpu
    this.scoredMemory += sign * pod.scoredMemory
    if (pod.hasPorts) this.podsWithPorts += sign
    if (pod.hasVolumes) this.podsWithVolumes += sign
  }
}

function lowestOf(pods: readonly PodInfo[]): number {
  let lowest = Number.POSITIVE_INFINITY
  for (const { priority } of pods) if (priority < lowest) lowest = priority
  return lowest
}

function imagesOf(node: Node): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>()
  for (const { names = [], sizeBytes = 0 } of node.status?.images ?? []) {
    for (const name of names) sizes.set(name, sizeBytes)
  }
  return sizes
}

/** Percent of time that work has waited, as whoever measures a node writes it there. */
const pressureAnnotations = ['cpu', 'memory', 'io'].map(what => `raftsman.dev/pressure-${what}`)
const pressureConditions: ReadonlySet<string> = new Set([
  'MemoryPressure',
  'DiskPressure',
  'PIDPressure',
])

function pressureOf({ metadata, status }: Node): number {
  const pressed = (status?.conditions ?? []).some(
    ({ type, status: is }) => is === 'True' && pressureConditions.has(type),
  )
  if (pressed) return 100
  let worst = 0
  for (const name of pressureAnnotations) {
    const value = Number(metadata.annotations?.[name] ?? 0)
    if (value > worst) worst = value
  }
  return Math.min(100, worst)
}

/** A value of our own for tests and what-if questions. */
export function nodeInfo(node: Node, pods: readonly Pod[]): NodeInfo {
  const info = new NodeInfo(node.metadata.name ?? '')
  info.setNode(node)
  for (const pod of pods) info.add(podInfo(pod))
  return info
}
