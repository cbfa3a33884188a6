// Whom a node would have to lose for a pod to fit: all of lower priority leave, and then come back one
// by one as long as the pod still fits, the most important first. Pure.
// Counterpart: SelectVictimsOnNode of plugin defaultpreemption.

import { labelSelectorFromObject, matchesLabels } from '../../../api/selectors.js'
import type { PodDisruptionBudget } from '../../../api/types/policy-disruption-budget.js'
import { checkNode, move } from '../placement.js'
import type { PreparedFilter, Rejection } from '../plugin.js'
import { NodeInfo } from '../state/node-info.js'
import type { PodInfo } from '../state/pod-info.js'

export interface Candidate {
  readonly node: string
  /** The most important first; never empty. */
  readonly victims: readonly PodInfo[]
  /** Victims whose budget does not allow that they go. */
  readonly budgetViolations: number
}

export const noVictims: Rejection = {
  plugin: 'DefaultPreemption',
  reasons: ['No preemption victims found for incoming pod'],
  helpedByPreemption: false,
}

/** For the nodes that are tried one after the other for one pod. */
export interface Trial {
  readonly pod: PodInfo
  readonly prepared: readonly PreparedFilter[]
  /** Those that go by who else is there. */
  readonly byPods: readonly PreparedFilter[]
  /** Some of them count pods, which has to be undone after each node. */
  readonly counts: boolean
  readonly budgets: readonly PodDisruptionBudget[]
  /** Becomes each node in turn. */
  readonly scratch: NodeInfo
}

export function trialOf(
  pod: PodInfo,
  prepared: readonly PreparedFilter[],
  budgets: readonly PodDisruptionBudget[],
): Trial {
  return {
    pod,
    prepared,
    byPods: prepared.filter(({ nodeOnly }) => nodeOnly !== true),
    counts: prepared.some(({ podMoved }) => podMoved !== undefined),
    budgets,
    scratch: new NodeInfo(''),
  }
}

/** The node as a candidate, or what stands against it even without them all. */
export function victimsOn(node: NodeInfo, trial: Trial): Candidate | Rejection {
  const { pod, prepared, byPods, counts, scratch } = trial
  if (node.lowestPriority >= pod.priority) return noVictims
  const lower = withoutLower(node, trial)
  const rejection = checkNode(prepared, scratch, pod)
  if (rejection) {
    if (counts) for (const other of lower) move(prepared, other, scratch, 1)
    return rejection
  }
  const { violating, others } = byBudget(lower.sort(moreImportantFirst), trial.budgets)
  const victims: PodInfo[] = []
  let budgetViolations = 0
  const reprieve = (other: PodInfo): boolean => {
    move(prepared, other, scratch, 1)
    if (checkNode(byPods, scratch, pod) === null) return true
    move(prepared, other, scratch, -1)
    victims.push(other)
    return false
  }
  for (const other of violating) if (!reprieve(other)) budgetViolations++
  for (const other of others) reprieve(other)
  if (counts) for (const other of victims) move(prepared, other, scratch, 1)
  if (victims.length === 0) return noVictims
  if (budgetViolations > 0) victims.sort(moreImportantFirst)
  return { node: node.name, victims, budgetViolations }
}

/** The scratch node becomes the node without its pods of lower priority; answers those. */
function withoutLower(node: NodeInfo, { pod, prepared, counts, scratch }: Trial): PodInfo[] {
  if (!counts) return scratch.copyAbove(node, pod.priority)
  scratch.copy(node)
  const lower = node.pods.filter(other => other.priority < pod.priority)
  for (const other of lower) move(prepared, other, scratch, -1)
  return lower
}

/** The higher priority, then who has run longer. */
export function moreImportantFirst(a: PodInfo, b: PodInfo): number {
  if (a.priority !== b.priority) return b.priority - a.priority
  return a.startedMs === b.startedMs ? 0 : a.startedMs - b.startedMs
}

/** Each budget lets so many go, in the order of the pods; those beyond that violate it. */
function byBudget(
  pods: readonly PodInfo[],
  budgets: readonly PodDisruptionBudget[],
): { readonly violating: readonly PodInfo[]; readonly others: readonly PodInfo[] } {
  if (budgets.length === 0) return { violating: [], others: pods }
  const left = budgets.map(({ status }) => status?.disruptionsAllowed ?? 0)
  const violating: PodInfo[] = []
  const others: PodInfo[] = []
  for (const pod of pods) {
    let violates = false
    for (const [at, budget] of budgets.entries()) {
      if (!guards(budget, pod)) continue
      const allowed = (left[at] ?? 0) - 1
      left[at] = allowed
      if (allowed < 0) violates = true
    }
    if (violates) violating.push(pod)
    else others.push(pod)
  }
  return { violating, others }
}

export function guards({ metadata, spec, status }: PodDisruptionBudget, pod: PodInfo): boolean {
  if (metadata.namespace !== pod.namespace) return false
  const selector = labelSelectorFromObject(spec?.selector)
  // An empty selector guards nobody here, as in the original.
  if (!selector || selector.length === 0 || !matchesLabels(selector, pod.labels)) return false
  // It is counted as gone already.
  return !Object.hasOwn(status?.disruptedPods ?? {}, pod.pod.metadata.name ?? '')
}
