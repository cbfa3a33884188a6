// Which pods of lower priority make room for one that no node has room for, and where. Pure.
// Counterpart: pkg/scheduler/framework/preemption and plugin defaultpreemption.

import { type PreemptionExplanation, tally } from '../explanation.js'
import type { Placement } from '../placement.js'
import type { Rejection } from '../plugin.js'
import type { NodeInfo } from '../state/node-info.js'
import type { PodInfo } from '../state/pod-info.js'
import type { Snapshot } from '../state/snapshot.js'
import { type Candidate, trialOf, victimsOn } from './victims.js'

/** DefaultPreemptionArgs. */
export interface PreemptionArgs {
  readonly minCandidateNodesPercentage: number
  readonly minCandidateNodesAbsolute: number
}

export const preemptionDefaults: PreemptionArgs = {
  minCandidateNodesPercentage: 10,
  minCandidateNodesAbsolute: 100,
}

export interface PreemptionPlan {
  /** Null: nobody is to go. */
  readonly chosen: Candidate | null
  /** Nominated to that node before, and of lower priority: they have to look again. */
  readonly superseded: readonly PodInfo[]
  /** The pod keeps the node that it was nominated to: those who leave it are on their way. */
  readonly waits: boolean
  readonly explanation: PreemptionExplanation
}

const notHelpful = 'Preemption is not helpful for scheduling'

/** For a placement that chose no node. `pick`: where the search begins, one of so many. */
export function planPreemption(
  placement: Placement,
  pick: (count: number) => number,
  args: PreemptionArgs = preemptionDefaults,
): PreemptionPlan {
  const { question, rejections, verdict } = placement
  const { pod, snapshot } = question
  const refusal = ineligible(placement)
  if (refusal) return withoutVictims(refusal.message, refusal.waits)
  const total = snapshot.nodes.length
  let helpful = 0
  for (const rejection of rejections) if (rejection.helpedByPreemption) helpful++
  if (verdict || helpful === 0) {
    return withoutVictims(sentence(total, new Map([[notHelpful, total]])), false)
  }
  const { best: chosen, candidates, refusals, tried } = tryNodes(placement, helpful, pick, args)
  if (chosen === null) {
    const counts = new Map<string, number>(refusals)
    if (total > tried) counts.set(notHelpful, (counts.get(notHelpful) ?? 0) + total - tried)
    const plan = withoutVictims(sentence(total, counts), false)
    return { ...plan, explanation: { ...plan.explanation, tried } }
  }
  return {
    chosen,
    superseded: (snapshot.node(chosen.node)?.nominated ?? []).filter(
      ({ priority }) => priority < pod.priority,
    ),
    waits: false,
    explanation: {
      node: chosen.node,
      victims: chosen.victims.map(({ key }) => key),
      budgetViolations: chosen.budgetViolations,
      tried,
      candidates,
      message: '',
    },
  }
}

function withoutVictims(message: string, waits: boolean): PreemptionPlan {
  const explanation: PreemptionExplanation = {
    node: null,
    victims: [],
    budgetViolations: 0,
    tried: 0,
    candidates: 0,
    message,
  }
  return { chosen: null, superseded: [], waits, explanation }
}

function sentence(total: number, counts: ReadonlyMap<string, number>): string {
  if (total === 0) return ''
  return `0/${total} nodes are available: ${tally(counts)}.`
}

/** Pods that may not, or need not, have others removed now. */
function ineligible({
  question: { pod, snapshot },
  rejected,
  rejections,
}: Placement): { readonly message: string; readonly waits: boolean } | null {
  const { spec, status } = pod.pod
  if (spec.preemptionPolicy === 'Never') {
    return { message: 'not eligible due to preemptionPolicy=Never.', waits: false }
  }
  const nominated = status?.nominatedNodeName ?? ''
  if (nominated === '') return null
  const at = rejected.findIndex(({ name }) => name === nominated)
  // Nothing that leaves will make that node do.
  if (at >= 0 && !rejections[at]?.helpedByPreemption) return null
  return hasVictimsLeaving(snapshot, nominated, pod)
    ? { message: 'not eligible due to a terminating pod on the nominated node.', waits: true }
    : null
}

function hasVictimsLeaving(snapshot: Snapshot, nodeName: string, pod: PodInfo): boolean {
  return (snapshot.node(nodeName)?.pods ?? []).some(
    other =>
      other.priority < pod.priority &&
      other.terminating &&
      (other.pod.status?.conditions ?? []).some(
        ({ type, status, reason }) =>
          type === 'DisruptionTarget' && status === 'True' && reason === 'PreemptionByScheduler',
      ),
  )
}

function tryNodes(
  { question, prepared, rejected, rejections }: Placement,
  helpful: number,
  pick: (count: number) => number,
  args: PreemptionArgs,
): {
  readonly best: Candidate | null
  /** How many there are. */
  readonly candidates: number
  readonly refusals: ReadonlyMap<string, number>
  readonly tried: number
} {
  const { snapshot, pod } = question
  const trial = trialOf(pod, prepared, snapshot.surroundings.budgets())
  const enough = Math.max(
    args.minCandidateNodesAbsolute,
    Math.trunc((helpful * args.minCandidateNodesPercentage) / 100),
  )
  let best: Candidate | null = null
  let least: Harm | null = null
  let candidates = 0
  const refusals = new Map<string, number>()
  let harmless = 0
  let tried = 0
  const total = rejected.length
  const first = pick(total)
  for (let seen = 0; seen < total && !(harmless > 0 && candidates >= enough); seen++) {
    const at = (first + seen) % total
    if (!(rejections[at] as Rejection).helpedByPreemption) continue
    tried++
    const node = rejected[at] as NodeInfo
    const answer: Candidate | Rejection = victimsOn(node, trial)
    if ('victims' in answer) {
      candidates++
      if (answer.budgetViolations === 0) harmless++
      const harm = harmOf(answer)
      if (least !== null && compareHarm(harm, least) >= 0) continue
      best = answer
      least = harm
    } else {
      for (const reason of answer.reasons) refusals.set(reason, (refusals.get(reason) ?? 0) + 1)
    }
  }
  return { best, candidates, refusals, tried }
}

/** Priorities may be negative; a victim more must cost more all the same. */
const priorityOffset = 2 ** 31

/** Each place is a criterion, the first that differs decides: less is the lesser harm. */
type Harm = readonly [
  budgetViolations: number,
  highestPriority: number,
  prioritySum: number,
  victims: number,
  /** Of those that matter most: whoever started last has lost least. */
  negativeStartMs: number,
]

export function harmOf({ victims, budgetViolations }: Candidate): Harm {
  const highest = victims[0]?.priority ?? 0
  let sum = 0
  let earliestMs = Number.POSITIVE_INFINITY
  for (const { priority, startedMs } of victims) {
    sum += priority + priorityOffset
    if (priority === highest && startedMs < earliestMs) earliestMs = startedMs
  }
  return [budgetViolations, highest, sum, victims.length, -earliestMs]
}

/** Below zero: `a` is the lesser harm. */
export function compareHarm(a: Harm, b: Harm): number {
  for (let at = 0; at < a.length; at++) {
    const [left, right] = [a[at] as number, b[at] as number]
    if (left !== right) return left < right ? -1 : 1
  }
  return 0
}
