// Affinity and anti-affinity between pods, in both directions: what the pod wants of those that are
// there, and what they want of it. Counterpart: plugin interpodaffinity.

import type { Plugin, PreparedFilter, Rejection, ScoreQuestion } from '../plugin.js'
import { type PreparedScore, scoreMax } from '../plugin.js'
import type { NodeInfo } from '../state/node-info.js'
import type { TermKind } from '../state/placed-terms.js'
import type { NodeCounts } from '../state/pod-classes.js'
import {
  type AffinityTerm,
  type NamespaceLabels,
  type PodInfo,
  termSelects,
} from '../state/pod-info.js'
import type { Snapshot } from '../state/snapshot.js'

const rejection = (reason: string, helpedByPreemption: boolean): Rejection => ({
  plugin: 'InterPodAffinity',
  reasons: [reason],
  helpedByPreemption,
})
const notNear = rejection("node(s) didn't match pod affinity rules", false)
const notAway = rejection("node(s) didn't match pod anti-affinity rules", true)
const shunned = rejection("node(s) didn't satisfy existing pods anti-affinity rules", true)

export interface InterPodAffinityArgs {
  /** What a required term of a pod that is there counts for the one that comes; 0..100. */
  readonly hardPodAffinityWeight: number
  readonly ignorePreferredTermsOfExistingPods: boolean
}

const affinityDefaults: InterPodAffinityArgs = {
  hardPodAffinityWeight: 1,
  ignorePreferredTermsOfExistingPods: false,
}

export function interPodAffinity(args: InterPodAffinityArgs = affinityDefaults): Plugin {
  return {
    name: 'InterPodAffinity',
    filter: ({ pod, snapshot }) => filterOf(pod, snapshot),
    score: question => scoreOf(question, args),
    hints: {
      'node-added': () => true,
      'node-labels': () => true,
      'pod-assigned': (event, pod) =>
        event.kind === 'pod-assigned' && mayBeWanted(event.pod, pod.affinity.required),
      'pod-freed': (event, pod) => event.kind === 'pod-freed' && mayHaveKeptAway(event.pod, pod),
      'pod-changed': () => true,
    },
  }
}

/** Labels of namespaces are not at hand here: terms that select by them are taken as met. */
const mayBeWanted = (other: PodInfo, terms: readonly AffinityTerm[]) =>
  terms.some(
    term =>
      term.namespaceSelector !== null ||
      termSelects(term, other.namespace, other.labels, () => undefined),
  )

const mayHaveKeptAway = (other: PodInfo, pod: PodInfo) =>
  mayBeWanted(other, pod.antiAffinity.required) || mayBeWanted(pod, other.antiAffinity.required)

/** Pods by domain, for one topology key. */
class Tally {
  readonly topologyKey: string
  private readonly counts = new Map<string, number>()

  constructor(topologyKey: string) {
    this.topologyKey = topologyKey
  }

  get isEmpty(): boolean {
    return this.counts.size === 0
  }

  addAll(nodes: NodeCounts): void {
    for (const [node, count] of nodes) this.add(node, count)
  }

  add(node: NodeInfo, by: number): void {
    const domain = node.domainOf(this.topologyKey)
    if (domain === undefined) return
    const count = (this.counts.get(domain) ?? 0) + by
    if (count === 0) this.counts.delete(domain)
    else this.counts.set(domain, count)
  }

  has(node: NodeInfo): boolean {
    const domain = node.domainOf(this.topologyKey)
    return domain !== undefined && this.counts.has(domain)
  }

  at(node: NodeInfo): number {
    const domain = node.domainOf(this.topologyKey)
    return domain === undefined ? 0 : (this.counts.get(domain) ?? 0)
  }
}

function filterOf(pod: PodInfo, snapshot: Snapshot): PreparedFilter | null {
  const { namespaceLabels } = snapshot.surroundings
  const wanted = pod.affinity.required
  const unwanted = pod.antiAffinity.required
  const shunners = new Map<string, Tally>()
  for (const { term, nodes } of snapshot.terms.of('anti-required')) {
    if (!termSelects(term, pod.namespace, pod.labels, namespaceLabels)) continue
    tallyOf(shunners, term.topologyKey).addAll(nodes)
  }
  if (wanted.length === 0 && unwanted.length === 0 && shunners.size === 0) return null
  const near = wanted.map(term => new Tally(term.topologyKey))
  countNear(wanted, near, snapshot)
  const far = unwanted.map(term => {
    const tally = new Tally(term.topologyKey)
    for (const { nodes } of snapshot.classes.ofTerm(term, namespaceLabels)) tally.addAll(nodes)
    return tally
  })
  // The first of a group that wants to be together must be let in somewhere.
  const wantsItself = matchesAll(wanted, pod, namespaceLabels)
  const shunning = [...shunners.values()]
  return {
    check: node => {
      if (near.length > 0 && !isNear(near, node, wantsItself)) return notNear
      for (const tally of far) if (tally.has(node)) return notAway
      for (const tally of shunning) if (tally.has(node)) return shunned
      return null
    },
    podMoved: (other, node, by) => {
      if (wanted.length > 0 && matchesAll(wanted, other, namespaceLabels)) {
        for (const tally of near) tally.add(node, by)
      }
      for (const [at, term] of unwanted.entries()) {
        if (termSelects(term, other.namespace, other.labels, namespaceLabels)) {
          far[at]?.add(node, by)
        }
      }
      for (const term of other.antiAffinity.required) {
        if (!termSelects(term, pod.namespace, pod.labels, namespaceLabels)) continue
        const known = shunners.get(term.topologyKey)
        const tally = known ?? tallyOf(shunners, term.topologyKey)
        if (!known) shunning.push(tally)
        tally.add(node, by)
      }
    },
  }
}

function tallyOf(tallies: Map<string, Tally>, topologyKey: string): Tally {
  const known = tallies.get(topologyKey)
  if (known) return known
  const tally = new Tally(topologyKey)
  tallies.set(topologyKey, tally)
  return tally
}

/** Only pods that all terms select count for any of them. */
function countNear(
  terms: readonly AffinityTerm[],
  tallies: readonly Tally[],
  snapshot: Snapshot,
): void {
  const [first, ...others] = terms
  if (!first) return
  const { namespaceLabels } = snapshot.surroundings
  for (const one of snapshot.classes.ofTerm(first, namespaceLabels)) {
    const all = others.every(term => termSelects(term, one.namespace, one.labels, namespaceLabels))
    if (all) for (const tally of tallies) tally.addAll(one.nodes)
  }
}

const matchesAll = (terms: readonly AffinityTerm[], pod: PodInfo, labels: NamespaceLabels) =>
  terms.every(term => termSelects(term, pod.namespace, pod.labels, labels))

function isNear(tallies: readonly Tally[], node: NodeInfo, wantsItself: boolean): boolean {
  let near = true
  for (const tally of tallies) {
    if (node.domainOf(tally.topologyKey) === undefined) return false
    if (!tally.has(node)) near = false
  }
  return near || (wantsItself && tallies.every(tally => tally.isEmpty))
}

function scoreOf(
  { pod, snapshot }: ScoreQuestion,
  args: InterPodAffinityArgs,
): PreparedScore | null {
  const { namespaceLabels } = snapshot.surroundings
  const tallies = new Map<string, Tally>()
  const addClasses = (term: AffinityTerm, sign: 1 | -1) => {
    const tally = tallyOf(tallies, term.topologyKey)
    for (const { nodes } of snapshot.classes.ofTerm(term, namespaceLabels)) {
      for (const [node, count] of nodes) tally.add(node, sign * term.weight * count)
    }
  }
  const addPlaced = (kind: TermKind, factor: number) => {
    for (const { term, nodes } of snapshot.terms.of(kind)) {
      if (!termSelects(term, pod.namespace, pod.labels, namespaceLabels)) continue
      const tally = tallyOf(tallies, term.topologyKey)
      for (const [node, count] of nodes) tally.add(node, factor * term.weight * count)
    }
  }
  for (const term of pod.affinity.preferred) addClasses(term, 1)
  for (const term of pod.antiAffinity.preferred) addClasses(term, -1)
  const hasPreferences = pod.affinity.preferred.length + pod.antiAffinity.preferred.length > 0
  if (hasPreferences || !args.ignorePreferredTermsOfExistingPods) {
    if (args.hardPodAffinityWeight > 0) addPlaced('required', args.hardPodAffinityWeight)
    addPlaced('preferred', 1)
    addPlaced('anti-preferred', -1)
  }
  const used = [...tallies.values()].filter(tally => !tally.isEmpty)
  if (used.length === 0) return null
  return {
    score: node => {
      let sum = 0
      for (const tally of used) sum += tally.at(node)
      return sum
    },
    normalize: stretch,
  }
}

/** From the least to the most; nothing where all are equal. */
function stretch(scores: Float64Array): void {
  let lowest = Number.POSITIVE_INFINITY
  let highest = Number.NEGATIVE_INFINITY
  for (const score of scores) {
    if (score < lowest) lowest = score
    if (score > highest) highest = score
  }
  const range = highest - lowest
  for (let at = 0; at < scores.length; at++) {
    scores[at] = range > 0 ? Math.floor((scoreMax * ((scores[at] ?? 0) - lowest)) / range) : 0
  }
}
