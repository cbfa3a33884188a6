// What becomes of a node that does or does not report: conditions, taints, disruption of zones.
// Pure. Counterpart: pkg/controller/nodelifecycle. A node reports by renewing its Lease (every
// 10 s) or its Ready condition; only changes seen by our own clock count, never its timestamps.

import type { Node, NodeCondition } from '../../api/types/core-node.js'
import type { Lease } from '../../api/types/coordination.js'
import type { Taint } from '../../api/types/core-scheduling.js'
import { formatTime } from '../../client/timestamps.js'

export interface NodeHealth {
  readonly leaseRenewTime: string
  readonly readyHeartbeat: string
  /** Monotonic time at which a change of either was last seen. */
  readonly heardAtMs: number
}

export function observeHealth(
  before: NodeHealth | undefined,
  node: Node,
  lease: Lease | undefined,
  nowMs: number,
): NodeHealth {
  const leaseRenewTime = lease?.spec?.renewTime ?? ''
  const ready = readyCondition(node)
  // Our own verdict is no sign of life.
  const own = ready?.status === 'Unknown' && ready.reason === 'NodeStatusUnknown'
  const heartbeat = `${ready?.lastHeartbeatTime ?? ''} ${ready?.status ?? ''}`
  const readyHeartbeat = own ? (before?.readyHeartbeat ?? '') : heartbeat
  const same = before?.leaseRenewTime === leaseRenewTime && before.readyHeartbeat === readyHeartbeat
  return { leaseRenewTime, readyHeartbeat, heardAtMs: same ? before.heardAtMs : nowMs }
}

export function readyCondition(node: Node): NodeCondition | undefined {
  return node.status?.conditions?.find(condition => condition.type === 'Ready')
}

export interface NodeGrace {
  /** Silence after which a node is Unknown. */
  readonly graceMs: number
  /** The same for a node that has never reported. */
  readonly startupGraceMs: number
}

/** Silent for too long, and nobody has said so yet. `health` is undefined for one that is new to us. */
export function isSilent(
  node: Node,
  health: NodeHealth | undefined,
  nowMs: number,
  { graceMs, startupGraceMs }: NodeGrace,
): boolean {
  const ready = readyCondition(node)
  const silentMs = nowMs - (health?.heardAtMs ?? nowMs)
  return silentMs > (ready ? graceMs : startupGraceMs) && ready?.status !== 'Unknown'
}

/** Conditions that a silent node can no longer vouch for. */
const vouchedFor = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure']

/** The conditions of a node that has been silent for too long; null when they say so already. */
export function silentConditions(node: Node, wallMs: number): readonly NodeCondition[] | null {
  const conditions = node.status?.conditions ?? []
  if (readyCondition(node)?.status === 'Unknown') return null
  const now = formatTime(wallMs)
  const unknown = vouchedFor.map(type => {
    const known = conditions.find(condition => condition.type === type)
    if (known?.status === 'Unknown') return known
    return {
      type,
      status: 'Unknown',
      lastHeartbeatTime: known?.lastHeartbeatTime ?? node.metadata.creationTimestamp ?? now,
      lastTransitionTime: now,
      reason: known ? 'NodeStatusUnknown' : 'NodeStatusNeverUpdated',
      message: known ? 'Kubelet stopped posting node status.' : 'Kubelet never posted node status.',
    }
  })
  return [...conditions.filter(condition => !vouchedFor.includes(condition.type)), ...unknown]
}

export const notReadyTaint = 'node.kubernetes.io/not-ready'
export const unreachableTaint = 'node.kubernetes.io/unreachable'

/** [condition, its bad status, taint]. */
const conditionTaints = [
  ['Ready', 'False', notReadyTaint],
  ['Ready', 'Unknown', unreachableTaint],
  ['MemoryPressure', 'True', 'node.kubernetes.io/memory-pressure'],
  ['DiskPressure', 'True', 'node.kubernetes.io/disk-pressure'],
  ['PIDPressure', 'True', 'node.kubernetes.io/pid-pressure'],
  ['NetworkUnavailable', 'True', 'node.kubernetes.io/network-unavailable'],
] as const

const managedNoSchedule: ReadonlySet<string> = new Set([
  ...conditionTaints.map(([, , key]) => key),
  'node.kubernetes.io/unschedulable',
])

/** 'wait' keeps pods where they are for now, without taking back an eviction under way. */
export type Eviction = 'allowed' | 'wait' | 'off'

/** The taints the node should have; null when it has them. */
export function wantedTaints(
  node: Node,
  eviction: Eviction,
  wallMs: number,
): readonly Taint[] | null {
  const taints = node.spec?.taints ?? []
  const bad = conditionTaints
    .filter(([type, status]) => statusOf(node, type) === status)
    .map(([, , key]) => key)
  const noSchedule: string[] = [...bad]
  if (node.spec?.unschedulable) noSchedule.push('node.kubernetes.io/unschedulable')
  const noExecute = bad.filter(key => key === notReadyTaint || key === unreachableTaint)
  const has = (key: string, effect: string) =>
    taints.find(taint => taint.key === key && taint.effect === effect)
  const foreign = taints.filter(({ key, effect }) => {
    if (effect === 'NoSchedule') return !managedNoSchedule.has(key)
    if (effect === 'NoExecute') return key !== notReadyTaint && key !== unreachableTaint
    return true
  })
  const timeAdded = formatTime(wallMs)
  const wanted: Taint[] = [...foreign]
  for (const key of noSchedule) {
    wanted.push(has(key, 'NoSchedule') ?? { key, effect: 'NoSchedule', timeAdded })
  }
  for (const key of noExecute) {
    const present = has(key, 'NoExecute')
    if (eviction === 'off') continue
    if (present) wanted.push(present)
    else if (eviction === 'allowed') wanted.push({ key, effect: 'NoExecute', timeAdded })
  }
  const same = wanted.length === taints.length && wanted.every(taint => taints.includes(taint))
  return same ? null : wanted
}

function statusOf(node: Node, type: string): string | undefined {
  return node.status?.conditions?.find(condition => condition.type === type)?.status
}

/** True when the next `wantedTaints` with 'allowed' would begin an eviction. */
export function beginsEviction(node: Node): boolean {
  const ready = readyCondition(node)?.status
  if (ready !== 'False' && ready !== 'Unknown') return false
  const key = ready === 'False' ? notReadyTaint : unreachableTaint
  return !(node.spec?.taints ?? []).some(t => t.key === key && t.effect === 'NoExecute')
}

export type ZoneState = 'normal' | 'partial' | 'full'

const partialFraction = 0.55
const largeClusterNodes = 50

export function zoneOf(node: Node): string {
  const labels = node.metadata.labels ?? {}
  const region = labels['topology.kubernetes.io/region'] ?? ''
  return `${region}/${labels['topology.kubernetes.io/zone'] ?? ''}`
}

/** full: no node is ready. partial: more than two and over 55% are not. */
export function zoneStates(nodes: readonly Node[]): ReadonlyMap<string, ZoneState> {
  const counts = new Map<string, { ready: number; notReady: number }>()
  for (const node of nodes) {
    const zone = zoneOf(node)
    const count = counts.get(zone) ?? { ready: 0, notReady: 0 }
    if (readyCondition(node)?.status === 'True') count.ready++
    else count.notReady++
    counts.set(zone, count)
  }
  const states = new Map<string, ZoneState>()
  for (const [zone, { ready, notReady }] of counts) {
    const fraction = notReady / (ready + notReady)
    if (ready === 0 && notReady > 0) states.set(zone, 'full')
    else if (notReady > 2 && fraction >= partialFraction) states.set(zone, 'partial')
    else states.set(zone, 'normal')
  }
  return states
}

/** Not one node reports: the fault is more likely ours. */
export function allDark(states: ReadonlyMap<string, ZoneState>): boolean {
  return [...states.values()].every(state => state === 'full')
}

/**
 * Nodes a second whose pods may be evicted. With all zones dark nothing is evicted; a small cluster in partial disruption has no room for the pods anyway.
 */
export function evictionRate(
  zone: string,
  states: ReadonlyMap<string, ZoneState>,
  zoneNodes: number,
): number | 'off' {
  if (allDark(states)) return 'off'
  if (states.get(zone) !== 'partial') return 0.1
  return zoneNodes > largeClusterNodes ? 0.01 : 0
}
