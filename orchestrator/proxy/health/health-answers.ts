// What the proxy says when it is asked how it is, and whether a Service has somebody on this node. Counterpart:
// pkg/proxy/healthcheck. Pure.

import type { Node } from '../../api/types/core-node.js'
import type { ServicePortPlan } from '../service-ports.js'

export interface HealthAnswer {
  readonly status: 200 | 503
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const jsonHeaders = { 'content-type': 'application/json', 'x-content-type-options': 'nosniff' }
/** The cluster autoscaler is about to take the node away. */
const deletionTaint = 'ToBeDeletedByClusterAutoscaler'
/** A change that is not in force by then is stuck. */
export const healthTimeoutMs = 120_000

export interface ProxyState {
  /** Monotonic time since when a change waits; null when all is in force. */
  readonly pendingSinceMs: number | null
  /** Wall time of the last sync; null before the first. */
  readonly lastUpdatedMs: number | null
}

export const isHealthy = ({ pendingSinceMs }: ProxyState, monotonicMs: number): boolean =>
  pendingSinceMs === null || monotonicMs - pendingSinceMs < healthTimeoutMs

/** Whether balancers may send something to this node; a node that is not known of is not in doubt. */
export const isEligible = (node: Node | undefined): boolean =>
  node === undefined ||
  (node.metadata.deletionTimestamp === undefined &&
    !(node.spec?.taints ?? []).some(({ key }) => key === deletionTaint))

const timeText = (wallMs: number | null): string =>
  wallMs === null ? '0001-01-01T00:00:00Z' : new Date(wallMs).toISOString()

/** `eligible` is null for /livez, which does not ask for it. */
export function stateAnswer(
  state: ProxyState,
  now: { readonly monotonicMs: number; readonly wallMs: number },
  eligible: boolean | null,
): HealthAnswer {
  const healthy = isHealthy(state, now.monotonicMs)
  const body = {
    // Of a proxy that is well, now; else when it last was.
    lastUpdated: timeText(healthy ? now.wallMs : state.lastUpdatedMs),
    currentTime: timeText(now.wallMs),
    ...(eligible === null ? {} : { nodeEligible: eligible }),
  }
  const status = healthy && eligible !== false ? 200 : 503
  return { status, headers: jsonHeaders, body: JSON.stringify(body) }
}

/** Of one Service whose balancer asks on its own port. */
export interface LocalService {
  readonly namespace: string
  readonly name: string
  readonly port: number
  /** Addresses on this node that are ready. */
  readonly endpoints: number
}

/** By "namespace/name". */
export function localServices(
  families: readonly ReadonlyMap<string, readonly ServicePortPlan[]>[],
): ReadonlyMap<string, LocalService> {
  const found = new Map<string, LocalService>()
  const addresses = new Map<string, Set<string>>()
  for (const [key, plans] of families.flatMap(plans => [...plans])) {
    for (const { namespace, service, healthCheckNodePort, local } of plans) {
      if (healthCheckNodePort === null) continue
      const ready = addresses.get(key) ?? new Set<string>()
      for (const backend of local) if (backend.ready) ready.add(backend.address)
      addresses.set(key, ready)
      const endpoints = ready.size
      found.set(key, { namespace, name: service, port: healthCheckNodePort, endpoints })
    }
  }
  return found
}

export function serviceAnswer(service: LocalService, proxyHealthy: boolean): HealthAnswer {
  const { namespace, name, endpoints } = service
  const body = {
    service: { namespace, name },
    localEndpoints: endpoints,
    serviceProxyHealthy: proxyHealthy,
  }
  return {
    status: endpoints > 0 && proxyHealthy ? 200 : 503,
    headers: { ...jsonHeaders, 'x-load-balancing-endpoint-weight': String(endpoints) },
    body: JSON.stringify(body),
  }
}
