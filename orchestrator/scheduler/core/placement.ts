// Where a pod goes: nodes are looked at in turn until enough of them would do, and the best of those is
// chosen. Pure. Counterpart: schedulePod of pkg/scheduler/schedule_one.go.

import { must } from '../../../platform/errors.js'
import type { Profile } from './profile.js'
import {
  isRejection,
  type PluginName,
  type PreparedFilter,
  type Question,
  type Rejection,
} from './plugin.js'
import { NodeInfo } from './state/node-info.js'
import type { PodInfo } from './state/pod-info.js'
import type { Snapshot } from './state/snapshot.js'

export interface PlacementInputs extends Question {
  readonly profile: Profile
  /** Index of the node that is looked at first, so that all have their turn. */
  readonly start: number
  /** Picks one of `count` equally good nodes. */
  readonly pick: (count: number) => number
  /** Where others were removed for the pod earlier: looked at before all others. */
  readonly nominatedNode?: string
}

/** What the filters said. */
export interface Filtered {
  readonly prepared: readonly PreparedFilter[]
  readonly feasible: readonly NodeInfo[]
  readonly rejected: readonly NodeInfo[]
  /** In the order of `rejected`. */
  readonly rejections: readonly Rejection[]
  /** Of a filter that has turned down all nodes at once. */
  readonly verdict: Rejection | null
}

export interface PluginScores {
  readonly plugin: PluginName
  readonly weight: number
  /** In 0..100, in the order of the feasible nodes. */
  readonly scores: Float64Array
}

export interface Placement extends Filtered {
  readonly question: Question
  /** Null when no node passed. */
  readonly chosen: NodeInfo | null
  /** Weighted sums, in the order of the feasible nodes. */
  readonly totals: Float64Array
  readonly byPlugin: readonly PluginScores[]
  readonly nextStart: number
}

export function placePod(inputs: PlacementInputs): Placement {
  const { pod, snapshot, profile, start, pick, nominatedNode } = inputs
  const question = { pod, snapshot }
  const total = snapshot.nodes.length
  const filtered = filterNodes(question, profile, start, nominatedNode)
  const { feasible, rejected } = filtered
  const nextStart = total === 0 ? 0 : (start + feasible.length + rejected.length) % total
  const { totals, byPlugin } = scoreNodes(question, profile, feasible)
  const chosen = best(feasible, totals, pick)
  return { question, ...filtered, chosen, totals, byPlugin, nextStart }
}

/** Of large clusters a part is enough: at least 100 nodes and 5 percent, less than half. */
const enoughNodesMin = 100
const percentMin = 5

export function nodesToFind(total: number, percentage: number): number {
  if (total <= enoughNodesMin || percentage >= 100) return total
  const adaptive = Math.max(percentMin, 50 - Math.trunc(total / 125))
  const percent = percentage > 0 ? percentage : adaptive
  return Math.max(enoughNodesMin, Math.trunc((total * percent) / 100))
}

/** Asks each filter what it makes of the pod. */
export function prepareFilters(
  question: Question,
  profile: Profile,
): { readonly prepared: readonly PreparedFilter[]; readonly verdict: Rejection | null } {
  const prepared: PreparedFilter[] = []
  for (const prepare of profile.filters) {
    const answer = prepare(question)
    if (answer === null) continue
    if (isRejection(answer)) return { prepared, verdict: answer }
    prepared.push(answer)
  }
  return { prepared, verdict: null }
}

function filterNodes(
  question: Question,
  profile: Profile,
  start: number,
  nominatedNode: string | undefined,
): Filtered {
  const { pod, snapshot } = question
  const feasible: NodeInfo[] = []
  const rejected: NodeInfo[] = []
  const rejections: Rejection[] = []
  const { prepared, verdict } = prepareFilters(question, profile)
  if (verdict) return { prepared, feasible, rejected, rejections, verdict }
  if (nominatedNode !== undefined) {
    const node = snapshot.node(nominatedNode)
    if (node && checkNode(prepared, node, pod) === null) {
      return { prepared, feasible: [node], rejected, rejections, verdict }
    }
  }
  const nodes = candidates(prepared, snapshot)
  const total = nodes.length
  const enough = nodesToFind(total, profile.percentageOfNodesToScore)
  let at = total === 0 ? 0 : start % total
  for (let seen = 0; seen < total && feasible.length < enough; seen++) {
    const node = nodes[at] as NodeInfo
    at = at + 1 === total ? 0 : at + 1
    const rejection = checkNode(prepared, node, pod)
    if (rejection === null) {
      feasible.push(node)
    } else {
      rejected.push(node)
      rejections.push(rejection)
    }
  }
  return { prepared, feasible, rejected, rejections, verdict }
}

/** All nodes, or those that the filters have left of them. */
function candidates(prepared: readonly PreparedFilter[], snapshot: Snapshot): readonly NodeInfo[] {
  const limits = prepared.flatMap(({ only }) => (only ? [only] : []))
  const [first, ...others] = limits
  if (!first) return snapshot.nodes
  const names = [...first].filter(name => others.every(other => other.has(name)))
  return names.flatMap(name => snapshot.node(name) ?? [])
}

/** As if nobody was nominated to the node. */
export function checkAlone(prepared: readonly PreparedFilter[], node: NodeInfo): Rejection | null {
  for (let at = 0; at < prepared.length; at++) {
    const rejection = (prepared[at] as PreparedFilter).check(node)
    if (rejection !== null) return rejection
  }
  return null
}

/**
 * The node must do with the nominated pods that are at least as important, and without them too: they may
 * be what the pod wants to be near, and may never come.
 */
export function checkNode(
  prepared: readonly PreparedFilter[],
  node: NodeInfo,
  pod: PodInfo,
): Rejection | null {
  const rejection = checkAlone(prepared, node)
  if (rejection !== null || node.nominated.length === 0) return rejection
  return checkWith(prepared, node, pod)
}

/** Becomes each node that is tried with those nominated to it; nothing is left in it. */
const trial = new NodeInfo('')

function checkWith(
  prepared: readonly PreparedFilter[],
  node: NodeInfo,
  pod: PodInfo,
): Rejection | null {
  const coming = node.nominated.filter(
    ({ priority, uid }) => priority >= pod.priority && uid !== pod.uid,
  )
  if (coming.length === 0) return null
  trial.copy(node)
  for (const other of coming) move(prepared, other, trial, 1)
  const rejection = checkAlone(prepared, trial)
  for (const other of coming) move(prepared, other, trial, -1)
  return rejection
}

/** Lets a pod come to a node that is tried out, or leave it. */
export function move(
  prepared: readonly PreparedFilter[],
  other: PodInfo,
  trial: NodeInfo,
  by: 1 | -1,
): void {
  if (by === 1) trial.add(other)
  else trial.remove(other)
  for (let at = 0; at < prepared.length; at++) {
    const { podMoved } = prepared[at] as PreparedFilter
    if (podMoved !== undefined) podMoved(other, trial, by)
  }
}

function scoreNodes(
  question: Question,
  profile: Profile,
  nodes: readonly NodeInfo[],
): { readonly totals: Float64Array; readonly byPlugin: readonly PluginScores[] } {
  const totals = new Float64Array(nodes.length)
  const byPlugin: PluginScores[] = []
  if (nodes.length === 0) return { totals, byPlugin }
  for (const { name, weight, prepare } of profile.scores) {
    const prepared = prepare({ ...question, nodes })
    if (prepared === null) continue
    const { score, normalize } = prepared
    const scores = new Float64Array(nodes.length)
    for (let at = 0; at < nodes.length; at++) scores[at] = score(nodes[at] as NodeInfo)
    normalize?.(scores)
    for (let at = 0; at < nodes.length; at++) {
      totals[at] = (totals[at] as number) + (scores[at] as number) * weight
    }
    byPlugin.push({ plugin: name, weight, scores })
  }
  return { totals, byPlugin }
}

function best(
  nodes: readonly NodeInfo[],
  totals: Float64Array,
  pick: (count: number) => number,
): NodeInfo | null {
  if (nodes.length === 0) return null
  let highest = Number.NEGATIVE_INFINITY
  let count = 0
  for (const total of totals) {
    if (total > highest) {
      highest = total
      count = 1
    } else if (total === highest) {
      count++
    }
  }
  let left = count === 1 ? 0 : pick(count)
  for (let at = 0; at < nodes.length; at++) {
    if (totals[at] !== highest) continue
    if (left === 0) return must(nodes[at], 'a node has the highest score')
    left--
  }
  return must(null, 'one of the best nodes is picked')
}
