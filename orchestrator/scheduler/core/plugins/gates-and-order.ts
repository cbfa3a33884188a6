// Who may enter the queue, and who goes first. Counterpart: plugins schedulinggates and queuesort.

import type { Plugin, QueuedPod } from '../plugin.js'

export const schedulingGates: Plugin = {
  name: 'SchedulingGates',
  preEnqueue: ({ spec }) => {
    const gates = (spec.schedulingGates ?? []).map(({ name }) => name)
    if (gates.length === 0) return null
    const reasons = [`waiting for scheduling gates: ${gates.join(' ')}`]
    return { plugin: 'SchedulingGates', reasons, helpedByPreemption: false }
  },
}

/**
 * The highest priority, then the earliest deadline, then who has waited longest. Without deadlines that is
 * the order of the original.
 */
export const prioritySort: Plugin = {
  name: 'PrioritySort',
  queueSort: (a: QueuedPod, b: QueuedPod) => {
    if (a.priority !== b.priority) return b.priority - a.priority
    if (a.deadlineMs !== b.deadlineMs) return a.deadlineMs < b.deadlineMs ? -1 : 1
    return a.sinceMs === b.sinceMs ? a.sequence - b.sequence : a.sinceMs - b.sinceMs
  },
}
