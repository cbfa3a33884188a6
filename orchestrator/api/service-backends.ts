// Where a Service can be reached at the moment: its ready endpoints behind one of its ports, or why
// there are none. Counterpart: util/proxy of apiserver. Pure.

import type { Service } from './types/core-service.js'
import type { EndpointSlice } from './types/discovery.js'

export interface Backend {
  readonly host: string
  readonly port: number
}

export type ServiceBackends =
  /** At least one. */
  | { readonly kind: 'ready'; readonly backends: readonly Backend[] }
  | { readonly kind: 'no-service' }
  | { readonly kind: 'no-port' }
  | { readonly kind: 'no-slices' }
  | { readonly kind: 'none-ready'; readonly portName: string }

/** `port`: of the Service. `slices`: of its namespace or more. */
export function serviceBackends(
  service: Service | undefined,
  slices: readonly EndpointSlice[],
  port: number,
): ServiceBackends {
  if (service === undefined) return { kind: 'no-service' }
  const { type, externalName, ports = [] } = service.spec ?? {}
  if (type === 'ExternalName') {
    return { kind: 'ready', backends: [{ host: externalName ?? '', port }] }
  }
  const servicePort = ports.find(one => one.port === port)
  if (servicePort === undefined) return { kind: 'no-port' }
  const { name, namespace } = service.metadata
  const own = slices.filter(
    ({ metadata }) =>
      metadata.namespace === namespace && metadata.labels?.['kubernetes.io/service-name'] === name,
  )
  if (own.length === 0) return { kind: 'no-slices' }
  const portName = servicePort.name ?? ''
  const backends = own.flatMap(slice => {
    const sliced = slice.ports?.find(one => (one.name ?? '') === portName)?.port
    if (sliced === undefined) return []
    return (slice.endpoints ?? [])
      .filter(endpoint => endpoint.conditions?.ready !== false)
      .flatMap(endpoint => endpoint.addresses.map(host => ({ host, port: sliced })))
  })
  return backends.length > 0 ? { kind: 'ready', backends } : { kind: 'none-ready', portName }
}
