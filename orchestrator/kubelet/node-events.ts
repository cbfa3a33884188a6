// What a node says of its own turns: those of its conditions, by the reasons that users know. Pure.
// Counterpart: recordNodeStatusEvent of pkg/kubelet/nodestatus.

import type { NodeCondition } from '../api/types/core-node.js'

const reasons: ReadonlyMap<string, { readonly [status: string]: string }> = new Map([
  ['Ready', { True: 'NodeReady', False: 'NodeNotReady' }],
  ['MemoryPressure', { True: 'NodeHasInsufficientMemory', False: 'NodeHasSufficientMemory' }],
  ['DiskPressure', { True: 'NodeHasDiskPressure', False: 'NodeHasNoDiskPressure' }],
  ['PIDPressure', { True: 'NodeHasInsufficientPID', False: 'NodeHasSufficientPID' }],
])

/** Reasons of the conditions that are not as they were, in their order. */
export function turnsOf(
  before: readonly NodeCondition[],
  now: readonly NodeCondition[],
): readonly string[] {
  return now.flatMap(({ type, status }) => {
    const was = before.find(one => one.type === type)?.status
    // A node that has not been ready yet does not become unready.
    if (was === status || (was === undefined && type === 'Ready' && status === 'False')) return []
    return reasons.get(type)?.[status] ?? []
  })
}
