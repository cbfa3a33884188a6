// The rules of filters and scores written down as plainly as they can be said, looking at every pod of every
// node for every question: what the incremental core has to agree with.

import { matchesNodeAffinity } from '../../../api/node-affinity.js'
import { labelSelectorFromObject, matchesLabels } from '../../../api/selectors.js'
import { toleratesAny } from '../../../api/tolerations.js'
import type { Node } from '../../../api/types/core-node.js'
import type { Pod } from '../../../api/types/core-pod.js'
import type {
  PodAffinityTerm,
  TopologySpreadConstraint,
} from '../../../api/types/core-scheduling.js'

export interface Place {
  readonly node: Node
  readonly pods: readonly Pod[]
}

export type NamespaceLabels = Readonly<Record<string, Readonly<Record<string, string>>>>

const labelOf = ({ node }: Place, key: string) => node.metadata.labels?.[key]
const required = (affinity?: {
  readonly requiredDuringSchedulingIgnoredDuringExecution?: readonly PodAffinityTerm[]
}) => affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []

const milli = (text: string | undefined) =>
  text === undefined ? 0 : text.endsWith('m') ? Number(text.slice(0, -1)) : Number(text) * 1000
const cpuOf = (pod: Pod) => milli(pod.spec.containers[0]?.resources?.requests?.['cpu'])

export class NaiveModel {
  readonly places: readonly Place[]
  readonly namespaces: NamespaceLabels

  constructor(places: readonly Place[], namespaces: NamespaceLabels) {
    this.places = places
    this.namespaces = namespaces
  }

  feasible(pod: Pod): readonly string[] {
    return this.places
      .filter(
        place =>
          this.hasRoom(pod, place) &&
          this.isTolerated(pod, place) &&
          matchesNodeAffinity(pod.spec, place.node) &&
          this.isSpread(pod, place) &&
          this.isNear(pod, place) &&
          this.isAway(pod, place) &&
          this.isWelcome(pod, place),
      )
      .map(({ node }) => node.metadata.name ?? '')
  }

  /** Of InterPodAffinity, before it is normalized. */
  attraction(pod: Pod, place: Place): number {
    let sum = 0
    for (const there of this.places) {
      for (const other of there.pods) {
        const near = other.spec.affinity?.podAffinity
        const far = other.spec.affinity?.podAntiAffinity
        const add = (term: PodAffinityTerm, owner: Pod, selected: Pod, weight: number) => {
          if (this.selects(term, owner, selected) && this.together(term, place, there))
            sum += weight
        }
        for (const { weight, podAffinityTerm } of preferred(pod.spec.affinity?.podAffinity)) {
          add(podAffinityTerm, pod, other, weight)
        }
        for (const { weight, podAffinityTerm } of preferred(pod.spec.affinity?.podAntiAffinity)) {
          add(podAffinityTerm, pod, other, -weight)
        }
        for (const term of required(near)) add(term, other, pod, 1)
        for (const { weight, podAffinityTerm } of preferred(near)) {
          add(podAffinityTerm, other, pod, weight)
        }
        for (const { weight, podAffinityTerm } of preferred(far)) {
          add(podAffinityTerm, other, pod, -weight)
        }
      }
    }
    return sum
  }

  /** Of PodTopologySpread, before it is turned round; null for a node that takes no part. */
  spreadCost(pod: Pod, place: Place, feasible: readonly string[]): number | null {
    const soft = (pod.spec.topologySpreadConstraints ?? []).filter(
      ({ whenUnsatisfiable }) => whenUnsatisfiable === 'ScheduleAnyway',
    )
    const keys = soft.map(({ topologyKey }) => topologyKey)
    const takesPart = (one: Place) => keys.every(key => labelOf(one, key) !== undefined)
    if (!takesPart(place)) return null
    const taking = this.places.filter(
      one => feasible.includes(one.node.metadata.name ?? '') && takesPart(one),
    )
    let cost = 0
    for (const constraint of soft) {
      const { topologyKey, maxSkew } = constraint
      const isHost = topologyKey === 'kubernetes.io/hostname'
      const domains = new Set(taking.map(one => labelOf(one, topologyKey)))
      const size = isHost ? taking.length : domains.size
      const counted = isHost
        ? [place]
        : this.places.filter(
            one =>
              takesPart(one) &&
              this.counts(constraint, pod, one) &&
              labelOf(one, topologyKey) === labelOf(place, topologyKey),
          )
      cost += this.countMatching(constraint, pod, counted) * Math.log(size + 2) + (maxSkew - 1)
    }
    return Math.round(cost)
  }

  private hasRoom(pod: Pod, { node, pods }: Place): boolean {
    const { allocatable = {} } = node.status ?? {}
    const used = pods.reduce((sum, other) => sum + cpuOf(other), 0)
    const fits = cpuOf(pod) === 0 || cpuOf(pod) + used <= milli(allocatable['cpu'])
    return fits && pods.length < Number(allocatable['pods'])
  }

  private isTolerated(pod: Pod, { node }: Place): boolean {
    return (node.spec?.taints ?? []).every(
      taint =>
        taint.effect === 'PreferNoSchedule' || toleratesAny(pod.spec.tolerations ?? [], taint),
    )
  }

  private isSpread(pod: Pod, place: Place): boolean {
    const hard = (pod.spec.topologySpreadConstraints ?? []).filter(
      ({ whenUnsatisfiable }) => whenUnsatisfiable === 'DoNotSchedule',
    )
    const keys = hard.map(({ topologyKey }) => topologyKey)
    return hard.every(constraint => {
      const { topologyKey, maxSkew, minDomains = 1 } = constraint
      const own = labelOf(place, topologyKey)
      if (own === undefined) return false
      const counted = this.places.filter(
        one =>
          keys.every(key => labelOf(one, key) !== undefined) && this.counts(constraint, pod, one),
      )
      const countIn = (domain: string | undefined) =>
        this.countMatching(
          constraint,
          pod,
          counted.filter(one => labelOf(one, topologyKey) === domain),
        )
      const domains = [...new Set(counted.map(one => labelOf(one, topologyKey)))]
      const fewest =
        domains.length < minDomains || domains.length === 0 ? 0 : Math.min(...domains.map(countIn))
      const selector = labelSelectorFromObject(constraint.labelSelector)
      const self = selector && matchesLabels(selector, pod.metadata.labels) ? 1 : 0
      return countIn(own) + self - fewest <= maxSkew
    })
  }

  private counts(constraint: TopologySpreadConstraint, pod: Pod, place: Place): boolean {
    const { nodeAffinityPolicy, nodeTaintsPolicy } = constraint
    if (nodeAffinityPolicy !== 'Ignore' && !matchesNodeAffinity(pod.spec, place.node)) return false
    return nodeTaintsPolicy !== 'Honor' || this.isTolerated(pod, place)
  }

  private countMatching(
    { labelSelector }: TopologySpreadConstraint,
    pod: Pod,
    places: readonly Place[],
  ): number {
    const selector = labelSelectorFromObject(labelSelector)
    if (!selector) return 0
    return places
      .flatMap(({ pods }) => pods)
      .filter(
        ({ metadata }) =>
          metadata.namespace === pod.metadata.namespace &&
          metadata.deletionTimestamp === undefined &&
          matchesLabels(selector, metadata.labels),
      ).length
  }

  private isNear(pod: Pod, place: Place): boolean {
    const terms = required(pod.spec.affinity?.podAffinity)
    if (terms.some(term => labelOf(place, term.topologyKey) === undefined)) return false
    const friends = this.places.flatMap(there =>
      there.pods
        .filter(other => terms.every(term => this.selects(term, pod, other)))
        .map(() => there),
    )
    const met = terms.every(term => friends.some(there => this.together(term, place, there)))
    if (met) return true
    const anywhere = terms.some(term =>
      friends.some(there => labelOf(there, term.topologyKey) !== undefined),
    )
    return !anywhere && terms.every(term => this.selects(term, pod, pod))
  }

  private isAway(pod: Pod, place: Place): boolean {
    return required(pod.spec.affinity?.podAntiAffinity).every(term =>
      this.places.every(
        there =>
          !this.together(term, place, there) ||
          there.pods.every(other => !this.selects(term, pod, other)),
      ),
    )
  }

  private isWelcome(pod: Pod, place: Place): boolean {
    return this.places.every(there =>
      there.pods.every(other =>
        required(other.spec.affinity?.podAntiAffinity).every(
          term => !this.together(term, place, there) || !this.selects(term, other, pod),
        ),
      ),
    )
  }

  private together({ topologyKey }: PodAffinityTerm, a: Place, b: Place): boolean {
    const domain = labelOf(a, topologyKey)
    return domain !== undefined && domain === labelOf(b, topologyKey)
  }

  private selects(term: PodAffinityTerm, owner: Pod, other: Pod): boolean {
    const selector = labelSelectorFromObject(term.labelSelector)
    if (!selector || !matchesLabels(selector, other.metadata.labels)) return false
    const namespace = other.metadata.namespace ?? ''
    const names = term.namespaces ?? []
    if (names.includes(namespace)) return true
    const ofNamespaces = labelSelectorFromObject(term.namespaceSelector)
    if (ofNamespaces) return matchesLabels(ofNamespaces, this.namespaces[namespace])
    return names.length === 0 && namespace === owner.metadata.namespace
  }
}

function preferred(affinity?: {
  readonly preferredDuringSchedulingIgnoredDuringExecution?: readonly {
    readonly weight: number
    readonly podAffinityTerm: PodAffinityTerm
  }[]
}) {
  return affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []
}
