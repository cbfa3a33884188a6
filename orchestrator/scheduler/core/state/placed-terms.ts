// Terms of affinity of the pods that have a node, each kind once with where its pods are: what they
// say about a pod that comes must be heard too. Counterpart: PodsWithAffinity and
// PodsWithRequiredAntiAffinity of NodeInfo.

import { assert } from '../../../../platform/errors.js'
import type { NodeInfo } from './node-info.js'
import type { NodeCounts } from './pod-classes.js'
import type { AffinityTerm, PodInfo } from './pod-info.js'

export type TermKind = 'required' | 'preferred' | 'anti-required' | 'anti-preferred'

export interface PlacedTerm {
  readonly kind: TermKind
  readonly term: AffinityTerm
  readonly nodes: NodeCounts
}

interface OwnTerm extends PlacedTerm {
  readonly nodes: Map<NodeInfo, number>
}

export class PlacedTerms {
  private readonly byKind: Readonly<Record<TermKind, Map<string, OwnTerm>>> = {
    required: new Map(),
    preferred: new Map(),
    'anti-required': new Map(),
    'anti-preferred': new Map(),
  }

  add(pod: PodInfo, node: NodeInfo): void {
    this.count(pod, node, 1)
  }

  remove(pod: PodInfo, node: NodeInfo): void {
    this.count(pod, node, -1)
  }

  of(kind: TermKind): Iterable<PlacedTerm> {
    return this.byKind[kind].values()
  }

  private count(pod: PodInfo, node: NodeInfo, by: 1 | -1): void {
    const { affinity, antiAffinity } = pod
    for (const term of affinity.required) this.countTerm('required', term, node, by)
    for (const term of affinity.preferred) this.countTerm('preferred', term, node, by)
    for (const term of antiAffinity.required) this.countTerm('anti-required', term, node, by)
    for (const term of antiAffinity.preferred) this.countTerm('anti-preferred', term, node, by)
  }

  private countTerm(kind: TermKind, term: AffinityTerm, node: NodeInfo, by: 1 | -1): void {
    const terms = this.byKind[kind]
    let known = terms.get(term.key)
    if (!known) {
      known = { kind, term, nodes: new Map() }
      terms.set(term.key, known)
    }
    const count = (known.nodes.get(node) ?? 0) + by
    assert(count >= 0, 'a term that leaves was counted')
    if (count > 0) known.nodes.set(node, count)
    else known.nodes.delete(node)
    if (known.nodes.size === 0) terms.delete(term.key)
  }
}
