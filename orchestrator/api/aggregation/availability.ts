// Whether an extension API server can be asked, as the condition Available of its APIService says it.
// Counterpart: controllers/status of kube-aggregator, with its reasons and texts. Pure.

import { unreachable } from '../../../platform/errors.js'
import type { ServiceBackends } from '../service-backends.js'
import type { APIService, APIServiceCondition, ServiceReference } from '../types/apiregistration.js'

export interface Verdict {
  readonly status: 'True' | 'False'
  readonly reason: string
  readonly message: string
}

/** Why an extension API server cannot be reached; null where it can be tried. */
export function backendProblem(
  { namespace = '', name = '', port = 443 }: ServiceReference,
  found: ServiceBackends,
): Verdict | null {
  const place = `service/${name} in "${namespace}"`
  const problem = (reason: string, message: string): Verdict => ({
    status: 'False',
    reason,
    message,
  })
  switch (found.kind) {
    case 'ready':
      return null
    case 'no-service':
      return problem('ServiceNotFound', `${place} is not present`)
    case 'no-port':
      return problem('ServicePortError', `${place} is not listening on port ${port}`)
    case 'no-slices':
      return problem('EndpointsNotFound', `cannot find endpointslices for ${place}`)
    case 'none-ready': {
      const text = `endpoints for ${place} have no addresses with port name "${found.portName}"`
      return problem('MissingEndpoints', text)
    }
    default:
      return unreachable(found)
  }
}

export const passed: Verdict = { status: 'True', reason: 'Passed', message: 'all checks passed' }

export function failedDiscovery(url: string, why: string): Verdict {
  const message = `failing or missing response from ${url}: ${why}`
  return { status: 'False', reason: 'FailedDiscoveryCheck', message }
}

/** `now`: RFC 3339. */
export function localCondition(now: string): APIServiceCondition {
  return {
    type: 'Available',
    status: 'True',
    lastTransitionTime: now,
    reason: 'Local',
    message: 'Local APIServices are always available',
  }
}

/** The service with what was found out about it; null where it says so already. */
export function withVerdict(service: APIService, verdict: Verdict, now: string): APIService | null {
  const conditions = service.status?.conditions ?? []
  const current = conditions.find(({ type }) => type === 'Available')
  const same = current?.status === verdict.status
  if (same && current.reason === verdict.reason && current.message === verdict.message) return null
  const lastTransitionTime = same ? (current.lastTransitionTime ?? now) : now
  const condition: APIServiceCondition = { type: 'Available', lastTransitionTime, ...verdict }
  const others = conditions.filter(({ type }) => type !== 'Available')
  return { ...service, status: { conditions: [...others, condition] } }
}

export function isAvailable({ status }: APIService): boolean {
  return status?.conditions?.some(one => one.type === 'Available' && one.status === 'True') ?? false
}
