// All nodes with their pods, and the pods that are on their way to a node: assumed there until
// the informer shows them, so that the next pod is placed without waiting for the last bind. Each
// change costs what it touches: a pod its node, a node itself. Counterpart: pkg/scheduler/backend/cache.

import { assert } from '../../../../platform/errors.js'
import { sameJson } from '../../../api/equality.js'
import type { Node } from '../../../api/types/core-node.js'
import type { Pod } from '../../../api/types/core-pod.js'
import { NodeInfo } from './node-info.js'
import { PlacedTerms } from './placed-terms.js'
import { PodClasses } from './pod-classes.js'
import { podInfo, type PodInfo } from './pod-info.js'
import { type EligibleNodes, noSurroundings, type Snapshot, type Surroundings } from './snapshot.js'
import { inZoneOrder, zoneOf } from './zone-order.js'

interface Placed {
  readonly pod: PodInfo
  readonly place: NodeInfo
}

const nobody: readonly PodInfo[] = []
const nowhere: ReadonlyMap<NodeInfo, number> = new Map()

/** Different demands whose nodes are remembered; a change of nodes forgets them all. */
const eligibleMax = 512

export class ClusterState implements Snapshot {
  readonly surroundings: Surroundings
  readonly classes = new PodClasses()
  readonly terms = new PlacedTerms()
  /** By name: nodes that exist, and those that pods name which do not. */
  private readonly places = new Map<string, NodeInfo>()
  private readonly present = new Set<NodeInfo>()
  private readonly placed = new Map<string, Placed>()
  private readonly assumed = new Set<string>()
  private readonly imageNodes = new Map<string, Map<NodeInfo, number>>()
  private readonly claimUsers = new Map<string, Set<PodInfo>>()
  private readonly nominated = new Map<string, readonly PodInfo[]>()
  private readonly nominations = new Map<string, string>()
  private readonly eligible = new Map<string, EligibleNodes>()
  private ordered: readonly NodeInfo[] | null = null

  constructor(surroundings: Surroundings = noSurroundings) {
    this.surroundings = surroundings
  }

  // Changes

  setNode(node: Node): void {
    const place = this.place(node.metadata.name ?? '')
    const isNew = !this.present.has(place)
    const old = place.node
    const zone = zoneOf(place)
    this.removeImages(place)
    place.setNode(node)
    place.nominated = this.nominatedTo(place.name)
    this.addImages(place)
    if (isNew || zoneOf(place) !== zone) this.ordered = null
    this.present.add(place)
    const asked = ({ metadata, spec }: Node) => [metadata.labels, spec?.taints]
    if (isNew || !sameJson(asked(node), asked(old))) this.eligible.clear()
  }

  removeNode(name: string): void {
    const place = this.places.get(name)
    if (!place || !this.present.delete(place)) return
    this.removeImages(place)
    place.setNode({ apiVersion: 'v1', kind: 'Node', metadata: {} })
    this.ordered = null
    this.eligible.clear()
    if (place.pods.length === 0) this.places.delete(name)
  }

  /** A pod that has a node and still takes resources; replaces what was assumed of it. */
  setPod(pod: Pod): void {
    this.removePod(pod.metadata.uid ?? '')
    this.put(podInfo(pod), pod.spec.nodeName ?? '')
  }

  /** The pod is gone or finished. */
  removePod(uid: string): void {
    const known = this.placed.get(uid)
    this.assumed.delete(uid)
    if (!known) return
    const { pod, place } = known
    this.placed.delete(uid)
    place.remove(pod)
    this.classes.remove(pod, place)
    this.terms.remove(pod, place)
    for (const claim of pod.claims) {
      const key = `${pod.namespace}/${claim}`
      const users = this.claimUsers.get(key)
      users?.delete(pod)
      if (users?.size === 0) this.claimUsers.delete(key)
    }
    if (place.pods.length === 0 && !this.present.has(place)) this.places.delete(place.name)
  }

  assume(pod: Pod, nodeName: string): void {
    this.put(podInfo(pod), nodeName)
    this.assumed.add(pod.metadata.uid ?? '')
  }

  /** The bind failed. Nothing happens to a pod that the informer has shown in its place. */
  forget(uid: string): void {
    if (this.assumed.has(uid)) this.removePod(uid)
  }

  isAssumed(uid: string): boolean {
    return this.assumed.has(uid)
  }

  /** Room is kept for the pod there, against those of lower priority. */
  nominate(pod: PodInfo, nodeName: string): void {
    this.endNomination(pod.uid)
    this.nominations.set(pod.uid, nodeName)
    this.setNominated(nodeName, [...this.nominatedTo(nodeName), pod])
  }

  endNomination(uid: string): void {
    const nodeName = this.nominations.get(uid)
    if (nodeName === undefined) return
    this.nominations.delete(uid)
    this.setNominated(
      nodeName,
      this.nominatedTo(nodeName).filter(pod => pod.uid !== uid),
    )
  }

  namespacesChanged(): void {
    this.classes.forgetAnswers()
  }

  // The snapshot

  get nodes(): readonly NodeInfo[] {
    this.ordered ??= inZoneOrder(this.present)
    return this.ordered
  }

  node(name: string): NodeInfo | undefined {
    const place = this.places.get(name)
    return place && this.present.has(place) ? place : undefined
  }

  nodeOf(pod: PodInfo): NodeInfo | undefined {
    return this.placed.get(pod.uid)?.place
  }

  nodesWithImage(name: string): ReadonlyMap<NodeInfo, number> {
    return this.imageNodes.get(name) ?? nowhere
  }

  eligibleNodes(key: string, build: () => EligibleNodes): EligibleNodes {
    const known = this.eligible.get(key)
    if (known) return known
    const built = build()
    if (this.eligible.size >= eligibleMax) this.eligible.clear()
    this.eligible.set(key, built)
    return built
  }

  usersOfClaim(key: string): Iterable<PodInfo> {
    return this.claimUsers.get(key) ?? []
  }

  nominatedTo(nodeName: string): readonly PodInfo[] {
    return this.nominated.get(nodeName) ?? nobody
  }

  nominationOf(uid: string): string | undefined {
    return this.nominations.get(uid)
  }

  /** A copy that may be changed, for what-if questions: the cost of all pods once. */
  fork(surroundings: Surroundings = this.surroundings): ClusterState {
    const copy = new ClusterState(surroundings)
    for (const { node } of this.nodes) copy.setNode(node)
    for (const { pod, place } of this.placed.values()) copy.put(pod, place.name)
    for (const pods of this.nominated.values()) {
      for (const pod of pods) copy.nominate(pod, this.nominations.get(pod.uid) ?? '')
    }
    return copy
  }

  private setNominated(nodeName: string, pods: readonly PodInfo[]): void {
    if (pods.length === 0) this.nominated.delete(nodeName)
    else this.nominated.set(nodeName, pods)
    const place = this.places.get(nodeName)
    if (place) place.nominated = pods
  }

  private put(pod: PodInfo, nodeName: string): void {
    assert(!this.placed.has(pod.uid), 'a pod is in one place')
    const place = this.place(nodeName)
    place.add(pod)
    this.classes.add(pod, place)
    this.terms.add(pod, place)
    for (const claim of pod.claims) {
      const key = `${pod.namespace}/${claim}`
      const users = this.claimUsers.get(key)
      if (users) users.add(pod)
      else this.claimUsers.set(key, new Set([pod]))
    }
    this.placed.set(pod.uid, { pod, place })
  }

  private place(name: string): NodeInfo {
    const known = this.places.get(name)
    if (known) return known
    const place = new NodeInfo(name)
    this.places.set(name, place)
    return place
  }

  private addImages(place: NodeInfo): void {
    for (const [name, bytes] of place.images) {
      const nodes = this.imageNodes.get(name)
      if (nodes) nodes.set(place, bytes)
      else this.imageNodes.set(name, new Map([[place, bytes]]))
    }
  }

  private removeImages(place: NodeInfo): void {
    for (const name of place.images.keys()) {
      const nodes = this.imageNodes.get(name)
      nodes?.delete(place)
      if (nodes?.size === 0) this.imageNodes.delete(name)
    }
  }
}

/** Of nodes with their pods, for tests and questions. */
export function stateOf(
  nodes: readonly NodeInfo[],
  surroundings: Surroundings = noSurroundings,
): ClusterState {
  const state = new ClusterState(surroundings)
  for (const { node, name, pods } of nodes) {
    state.setNode(node)
    for (const { pod } of pods) state.assume(pod, name)
  }
  return state
}
