// All nodes with their pods, and the pods that are on their way to a node: assumed there until
// the informer shows them, so that the next pod is placed without waiting for the last bind.
// Counterpart: pkg/scheduler/backend/cache.

import type { Node } from '../api/types/core-node.js'
import type { Pod } from '../api/types/core-pod.js'
import { allocatableOf, type NodeInfo, podInfo, type PodInfo, sumRequests } from './node-info.js'

interface Place {
  node: Node | null
  readonly pods: Map<string, PodInfo>
  /** Rebuilt on demand after a change. */
  info: NodeInfo | null
}

export class ClusterState {
  private readonly places = new Map<string, Place>()
  /** Pod uid to node name, for assumed and bound pods. */
  private readonly nodeOfPod = new Map<string, string>()
  private readonly assumed = new Set<string>()

  setNode(node: Node): void {
    const place = this.place(node.metadata.name ?? '')
    place.node = node
    place.info = null
  }

  removeNode(name: string): void {
    const place = this.places.get(name)
    if (!place) return
    place.node = null
    place.info = null
    if (place.pods.size === 0) this.places.delete(name)
  }

  /** A pod that has a node and still takes resources; replaces what was assumed of it. */
  setPod(pod: Pod): void {
    const uid = pod.metadata.uid ?? ''
    this.removePod(uid)
    this.put(pod, pod.spec.nodeName ?? '')
  }

  /** The pod is gone or finished. */
  removePod(uid: string): void {
    const name = this.nodeOfPod.get(uid)
    this.assumed.delete(uid)
    if (name === undefined) return
    this.nodeOfPod.delete(uid)
    const place = this.places.get(name)
    if (!place) return
    place.pods.delete(uid)
    place.info = null
    if (!place.node && place.pods.size === 0) this.places.delete(name)
  }

  assume(pod: Pod, nodeName: string): void {
    this.put(pod, nodeName)
    this.assumed.add(pod.metadata.uid ?? '')
  }

  /** The bind failed. Nothing happens to a pod that the informer has shown in its place. */
  forget(uid: string): void {
    if (this.assumed.has(uid)) this.removePod(uid)
  }

  isAssumed(uid: string): boolean {
    return this.assumed.has(uid)
  }

  /** Nodes that exist. Unchanged nodes are the same values as in the last answer. */
  nodes(): readonly NodeInfo[] {
    const infos: NodeInfo[] = []
    for (const place of this.places.values()) {
      if (!place.node) continue
      place.info ??= {
        node: place.node,
        name: place.node.metadata.name ?? '',
        allocatable: allocatableOf(place.node),
        requested: sumRequests(place.pods.values()),
        pods: place.pods,
      }
      infos.push(place.info)
    }
    return infos
  }

  private put(pod: Pod, nodeName: string): void {
    const uid = pod.metadata.uid ?? ''
    const place = this.place(nodeName)
    place.pods.set(uid, podInfo(pod))
    place.info = null
    this.nodeOfPod.set(uid, nodeName)
  }

  private place(name: string): Place {
    const known = this.places.get(name)
    if (known) return known
    const place: Place = { node: null, pods: new Map(), info: null }
    this.places.set(name, place)
    return place
  }
}
