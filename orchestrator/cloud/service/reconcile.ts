// Which load balancer a Service has to have, and which step comes next. Pure. Counterpart: controller/service of
// k8s.io/cloud-provider. The finalizer comes before the balancer and goes after it, so that none is forgotten.

import type { Node } from '../../api/types/core-node.js'
import type { LoadBalancerStatus, Service } from '../../api/types/core-service.js'
import { isReady } from '../node/reconcile.js'

export const balancerFinalizer = 'service.kubernetes.io/load-balancer-cleanup'
const excludedLabel = 'node.kubernetes.io/exclude-from-external-load-balancers'
/** An autoscaler takes the node away soon. */
const leavingTaint = 'ToBeDeletedByClusterAutoscaler'

/** What a balancer was brought to last, by this process. */
export interface Ensured {
  readonly uid: string
  readonly shape: string
  /** Names, sorted. */
  readonly nodes: readonly string[]
}

export type ServicePlan =
  | { readonly kind: 'none' }
  /** The finalizer first. */
  | { readonly kind: 'hold' }
  | {
      readonly kind: 'ensure'
      readonly nodes: readonly Node[]
      readonly next: Ensured
      /** Only its nodes have changed. */
      readonly nodesOnly: boolean
    }
  /** The balancer, then what the status says of it, then the finalizer. */
  | { readonly kind: 'release' }

export interface ServiceInputs {
  readonly service: Service
  readonly nodes: readonly Node[]
  readonly ensured: Ensured | null
}

export function planService({ service, nodes, ensured }: ServiceInputs): ServicePlan {
  const held = (service.metadata.finalizers ?? []).includes(balancerFinalizer)
  if (!wantsBalancer(service)) return { kind: held ? 'release' : 'none' }
  if (!held) return { kind: 'hold' }
  const chosen = balancedNodes(service, nodes)
  const next: Ensured = {
    uid: service.metadata.uid ?? '',
    shape: shapeOf(service),
    nodes: chosen.map(({ metadata }) => metadata.name ?? '').sort(),
  }
  const sameService = ensured?.uid === next.uid && ensured.shape === next.shape
  if (sameService && ensured.nodes.join() === next.nodes.join()) return { kind: 'none' }
  return { kind: 'ensure', nodes: chosen, next, nodesOnly: sameService }
}

/** One with a class is for whoever knows the class. */
export function wantsBalancer({ metadata, spec }: Service): boolean {
  return (
    metadata.deletionTimestamp === undefined &&
    spec?.type === 'LoadBalancer' &&
    (spec.loadBalancerClass ?? '') === ''
  )
}

/**
 * Nodes that traffic may be sent to. With externalTrafficPolicy Local the balancer asks each node itself whether
 * it has endpoints, so that one that is not ready is none of our business.
 */
export function balancedNodes(service: Service, nodes: readonly Node[]): readonly Node[] {
  const local = service.spec?.externalTrafficPolicy === 'Local'
  return nodes.filter(node => mayServe(node) && (local || isReady(node)))
}

function mayServe({ metadata, spec }: Node): boolean {
  return (
    metadata.deletionTimestamp === undefined &&
    metadata.labels?.[excludedLabel] === undefined &&
    !(spec?.taints ?? []).some(({ key }) => key === leavingTaint)
  )
}

/** All of a Service that a balancer is made from. */
function shapeOf({ metadata, spec = {} }: Service): string {
  return JSON.stringify([
    metadata.annotations ?? {},
    spec.ports ?? [],
    spec.sessionAffinity,
    spec.sessionAffinityConfig,
    spec.externalTrafficPolicy,
    spec.healthCheckNodePort,
    spec.loadBalancerIP,
    spec.loadBalancerSourceRanges ?? [],
    spec.ipFamilies ?? [],
  ])
}

export const sameStatus = (one: LoadBalancerStatus = {}, other: LoadBalancerStatus = {}): boolean =>
  JSON.stringify(one.ingress ?? []) === JSON.stringify(other.ingress ?? [])
