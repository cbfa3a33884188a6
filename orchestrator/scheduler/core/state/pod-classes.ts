// Where pods are, by what selectors can tell of them: pods of one namespace with the same labels are
// one class, and a class knows how many it has on each node. What a selector counts is then a sum
// over few classes, not a walk over all pods. Counterpart: none; upstream walks all nodes for each pod.

import { assert } from '../../../../platform/errors.js'
import { type LabelSelector, type Labels, matchesLabels } from '../../../api/selectors.js'
import type { NodeInfo } from './node-info.js'
import { type AffinityTerm, type NamespaceLabels, type PodInfo, termSelects } from './pod-info.js'

export type NodeCounts = ReadonlyMap<NodeInfo, number>

export interface PodClass {
  readonly namespace: string
  readonly labels: Labels
  readonly terminating: boolean
  readonly nodes: NodeCounts
}

interface OwnClass extends PodClass {
  readonly nodes: Map<NodeInfo, number>
}

interface Question {
  readonly selects: (one: PodClass) => boolean
  readonly answer: Set<OwnClass>
}

/** Selectors whose answers are kept up to date; a pod of the class of an earlier one asks nothing new. */
const questionsMax = 1024

export class PodClasses {
  private readonly classes = new Map<string, OwnClass>()
  private readonly questions = new Map<string, Question>()

  get size(): number {
    return this.classes.size
  }

  add(pod: PodInfo, node: NodeInfo): void {
    const known = this.classes.get(pod.classKey)
    if (known) {
      known.nodes.set(node, (known.nodes.get(node) ?? 0) + 1)
      return
    }
    const { namespace, labels, terminating } = pod
    const fresh: OwnClass = { namespace, labels, terminating, nodes: new Map([[node, 1]]) }
    this.classes.set(pod.classKey, fresh)
    for (const { selects, answer } of this.questions.values()) {
      if (selects(fresh)) answer.add(fresh)
    }
  }

  remove(pod: PodInfo, node: NodeInfo): void {
    const known = this.classes.get(pod.classKey)
    const count = known?.nodes.get(node) ?? 0
    assert(known && count > 0, 'a pod that leaves was counted')
    if (count > 1) {
      known.nodes.set(node, count - 1)
      return
    }
    known.nodes.delete(node)
    if (known.nodes.size > 0) return
    this.classes.delete(pod.classKey)
    for (const { answer } of this.questions.values()) answer.delete(known)
  }

  /** Pods of one namespace that are not on their way out. */
  ofNamespace(namespace: string, selector: LabelSelector, key: string): Iterable<PodClass> {
    const selects = (one: PodClass) =>
      one.namespace === namespace && !one.terminating && matchesLabels(selector, one.labels)
    return this.ask(`namespace ${namespace} ${key}`, selects)
  }

  /** Pods of all namespaces with a label. */
  ofLabel(key: string, value: string): Iterable<PodClass> {
    const selector = [{ key, operator: 'In', values: [value] }] as const
    return this.ask(`label ${key} ${value}`, ({ labels }) => matchesLabels(selector, labels))
  }

  /** Pods that a term of affinity selects, those on their way out with them. */
  ofTerm(term: AffinityTerm, namespaceLabels: NamespaceLabels): Iterable<PodClass> {
    const selects = (one: PodClass) => termSelects(term, one.namespace, one.labels, namespaceLabels)
    return this.ask(`term ${term.key}`, selects)
  }

  /** What namespaces are labelled with has changed. */
  forgetAnswers(): void {
    this.questions.clear()
  }

  private ask(key: string, selects: (one: PodClass) => boolean): Iterable<PodClass> {
    const known = this.questions.get(key)
    if (known) return known.answer
    const answer = new Set<OwnClass>()
    for (const one of this.classes.values()) if (selects(one)) answer.add(one)
    if (this.questions.size >= questionsMax) {
      const oldest = this.questions.keys().next().value
      if (oldest !== undefined) this.questions.delete(oldest)
    }
    this.questions.set(key, { selects, answer })
    return answer
  }
}
