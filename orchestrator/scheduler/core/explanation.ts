// Why a pod went where it did, or nowhere: what each filter said and how the nodes scored, within
// bounds. Pure. Counterpart: none; upstream keeps neither scores nor reasons. Its sentence is that of
// FitError of pkg/scheduler/framework.

import type { Placement, PluginScores } from './placement.js'
import type { PluginName, Rejection } from './plugin.js'

export interface NodeScores {
  readonly node: string
  readonly total: number
  /** Weighted, by plugin; those that found all nodes alike are left out. */
  readonly scores: Readonly<Partial<Record<PluginName, number>>>
}

export interface NodeRejection {
  readonly node: string
  readonly plugin: PluginName
  readonly reasons: readonly string[]
}

export interface RejectionCount {
  readonly plugin: PluginName
  readonly reason: string
  readonly nodes: number
}

export interface Explanation {
  readonly chosen: string | null
  /** In the cluster, looked at, and good enough. */
  readonly nodes: { readonly total: number; readonly seen: number; readonly passed: number }
  /** The best, at most 50. */
  readonly best: readonly NodeScores[]
  /** The first that were turned away, at most 50. */
  readonly rejected: readonly NodeRejection[]
  /** All that were turned away. */
  readonly rejections: readonly RejectionCount[]
  /** One filter turned down all nodes at once. */
  readonly verdict: NodeRejection | null
  readonly preemption: PreemptionExplanation | null
}

export interface PreemptionExplanation {
  /** Null where nobody was removed. */
  readonly node: string | null
  /** "namespace/name". */
  readonly victims: readonly string[]
  readonly budgetViolations: number
  /** Nodes that were tried, and on how many of them it would have helped. */
  readonly tried: number
  readonly candidates: number
  /** What the event says of it; empty where it was not asked. */
  readonly message: string
}

export const explainedNodesMax = 50

export function explain(
  placement: Placement,
  preemption: PreemptionExplanation | null = null,
): Explanation {
  const { question, chosen, feasible, rejected, rejections, verdict } = placement
  return {
    chosen: chosen?.name ?? null,
    nodes: {
      total: question.snapshot.nodes.length,
      seen: feasible.length + rejected.length,
      passed: feasible.length,
    },
    best: bestNodes(placement),
    rejected: rejections.slice(0, explainedNodesMax).map(({ plugin, reasons }, at) => ({
      node: rejected[at]?.name ?? '',
      plugin,
      reasons,
    })),
    rejections: countRejections(rejections),
    verdict: verdict && { node: '', plugin: verdict.plugin, reasons: verdict.reasons },
    preemption,
  }
}

function bestNodes({ feasible, totals, byPlugin, chosen }: Placement): readonly NodeScores[] {
  // Kept in order while they are found: most nodes fail the first comparison.
  const best: number[] = []
  for (let at = 0; at < totals.length; at++) {
    const total = totals[at] ?? 0
    if (best.length === explainedNodesMax) {
      if (total <= (totals[best[best.length - 1] ?? 0] ?? 0)) continue
      best.pop()
    }
    let place = best.length
    while (place > 0 && (totals[best[place - 1] ?? 0] ?? 0) < total) place--
    best.splice(place, 0, at)
  }
  const chosenAt = chosen === null ? -1 : feasible.indexOf(chosen)
  // Of many that are equal the one that was picked must be among those that are told of.
  if (chosenAt >= 0 && !best.includes(chosenAt)) best[best.length - 1] = chosenAt
  return best.map(at => ({
    node: feasible[at]?.name ?? '',
    total: totals[at] ?? 0,
    scores: scoresAt(byPlugin, at),
  }))
}

function scoresAt(
  byPlugin: readonly PluginScores[],
  at: number,
): Readonly<Partial<Record<PluginName, number>>> {
  const own: Partial<Record<PluginName, number>> = {}
  for (const { plugin, weight, scores } of byPlugin) own[plugin] = (scores[at] ?? 0) * weight
  return own
}

function countRejections(rejections: readonly Rejection[]): readonly RejectionCount[] {
  const times = new Map<Rejection, number>()
  // Rejections are shared, and neighbours often say the same: of a large cluster that is most of the time.
  let last: Rejection | null = null
  let run = 0
  const count = () => {
    if (last !== null) times.set(last, (times.get(last) ?? 0) + run)
  }
  for (const rejection of rejections) {
    if (rejection === last) {
      run++
      continue
    }
    count()
    last = rejection
    run = 1
  }
  count()
  const counts = new Map<string, RejectionCount>()
  for (const [{ plugin, reasons }, nodes] of times) {
    for (const reason of reasons) {
      const key = `${plugin} ${reason}`
      const known = counts.get(key)?.nodes ?? 0
      counts.set(key, { plugin, reason, nodes: known + nodes })
    }
  }
  return [...counts.values()]
}

/**
 * The sentence of a FailedScheduling event: "0/3 nodes are available: 1 Insufficient cpu, 2
 * node(s) had untolerated taint {a: b}. preemption: ...".
 */
export function unschedulableMessage(placement: Placement, preemption: string): string {
  const { question, rejections, verdict } = placement
  const total = question.snapshot.nodes.length
  const suffix = preemption === '' ? '' : ` preemption: ${preemption}`
  if (verdict) {
    return `0/${total} nodes are available: ${verdict.reasons.join(', ')}.${suffix}`
  }
  if (total === 0) return 'no nodes available to schedule pods'
  const counts = new Map<string, number>()
  for (const { reason, nodes } of countRejections(rejections)) {
    counts.set(reason, (counts.get(reason) ?? 0) + nodes)
  }
  // Nodes that a filter has left out without a look count as turned away by it.
  const unseen = total - rejections.length
  if (unseen > 0) {
    const reason = "node(s) didn't satisfy plugin(s) [NodeAffinity]"
    counts.set(reason, unseen)
  }
  return `0/${total} nodes are available: ${tally(counts)}.${suffix}`
}

/** "1 Insufficient cpu, 2 Too many pods", in the order of the texts. */
export function tally(counts: ReadonlyMap<string, number>): string {
  return [...counts]
    .map(([reason, count]) => `${count} ${reason}`)
    .sort()
    .join(', ')
}

/** The plugins that have turned nodes away, for the queue's hints. */
export function rejectingPlugins({ rejections, verdict }: Placement): ReadonlySet<PluginName> {
  const names = new Set<PluginName>()
  if (verdict) names.add(verdict.plugin)
  let last: Rejection | null = null
  for (const rejection of rejections) {
    // Runs over all nodes of a large cluster, most of which say the same.
    if (rejection !== last) names.add(rejection.plugin)
    last = rejection
  }
  return names
}
