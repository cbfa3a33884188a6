// What must hold of who acts: only the holder of the lease, on a live look at what is garbage, and with patience
// where nodes are given up.

import type { KubeObject } from '../../../orchestrator/api/object.js'
import type { Lease } from '../../../orchestrator/api/types/coordination.js'
import type { Node } from '../../../orchestrator/api/types/core-node.js'
import type { DeleteOptions } from '../../../orchestrator/api/types/meta.js'
import type { ApiRequest } from '../../../orchestrator/client/transport.js'
import { holds } from '../failure.js'
import type { View } from './view.js'
import { isDeleting, nameOf } from './view.js'

const leaseResource = 'coordination.k8s.io/leases'

export function holderOf(view: View, lease: string): string {
  const object: Lease | null = view.history.at(leaseResource, 'kube-system', lease)
  return object?.spec?.holderIdentity ?? ''
}

/** What controllers and schedulers ask for, as it leaves them. */
export class LeaderChecks {
  private readonly view: View
  private readonly evictions: EvictionsPaced

  constructor(view: View) {
    this.view = view
    this.evictions = new EvictionsPaced(view)
  }

  wished(identity: string, request: ApiRequest, leading: boolean): void {
    if (!leading) this.evictions.anew(identity)
    else if (request.method === 'PATCH') this.evictions.wished(identity, request)
  }

  asked(identity: string, lease: string, request: ApiRequest): void {
    if (request.method === 'GET' || request.path.includes('/leases')) return
    const holder = holderOf(this.view, lease)
    this.view.mark(`${lease} writes`)
    holds(
      holder === identity,
      'leader-fenced',
      () => `${identity} sends ${request.method} ${request.path}; ${lease} is held by ${holder}`,
    )
    if (request.method === 'DELETE' && request.path.includes('/pods/')) this.garbage(request)
  }

  /** Nobody but the garbage collector says of pods what is to become of their dependents. */
  private garbage({ body }: ApiRequest): void {
    const { preconditions, propagationPolicy } = JSON.parse(body ?? '{}') as DeleteOptions
    const pod = this.view.history.uids.get(preconditions?.uid ?? '')
    if (propagationPolicy === undefined || pod === undefined) return
    this.view.mark('garbage collected')
    const owners = pod.metadata.ownerReferences ?? []
    const living = owners
      .map(({ uid }) => this.view.history.uids.get(uid))
      .find(owner => owner !== undefined && !isDeleting(owner))
    holds(
      living === undefined,
      'garbage-only',
      () => `${nameOf(pod)} is collected, and ${nameOf(living as KubeObject)} is there`,
    )
  }
}

/** A leader gives up one node in ten seconds by its own clock, which may be fast. */
const pauseMsMin = 7_500
const lostTaints = ['node.kubernetes.io/unreachable', 'node.kubernetes.io/not-ready']
const nodePath = /^\/api\/v1\/nodes\/([^/?]+)(\?|$)/

/** By when they decide so: how long a write takes is the network's business. */
class EvictionsPaced {
  private readonly view: View
  private last: { readonly by: string; readonly atMs: number; readonly node: string } | null = null

  constructor(view: View) {
    this.view = view
  }

  /** Who wants to lead has everything before it, even where it has led before. */
  anew(identity: string): void {
    if (this.last?.by === identity) this.last = null
  }

  wished(by: string, { path, body }: ApiRequest): void {
    const node = nodePath.exec(path)?.[1]
    if (node === undefined || !givenUp(JSON.parse(body ?? '{}') as Node)) return
    if (givenUp(this.view.history.at('core/nodes', '', node))) return
    const atMs = this.view.nowMs()
    const { last } = this
    this.view.mark('node given up')
    holds(
      last?.by !== by || last.node === node || atMs - last.atMs >= pauseMsMin,
      'evictions-paced',
      () => `${node} is given up ${(atMs - (last?.atMs ?? 0)).toFixed(0)} ms after ${last?.node}`,
    )
    this.last = { by, atMs, node }
  }
}

function givenUp(node: Node | null): boolean {
  return (
    node?.spec?.taints?.some(
      ({ key, effect }) => effect === 'NoExecute' && lostTaints.includes(key),
    ) === true
  )
}
