// Variables that tell a container where the services of its namespace are.
// Counterpart: pkg/kubelet/envvars. Pure.

import type { Service } from '../api/types/core-service.js'

const variableName = (name: string): string => name.toUpperCase().replaceAll(/[-.]/g, '_')

const hasAddress = ({ spec }: Service): boolean =>
  spec?.clusterIP !== undefined && spec.clusterIP !== '' && spec.clusterIP !== 'None'

/**
 * Of the services of `namespace`, if the pod wants links to them, and always of the API server's
 * own (`kubernetes` in `default`). One of the pod's namespace wins over it.
 */
export function serviceEnv(
  services: readonly Service[],
  namespace: string,
  links: boolean,
): ReadonlyMap<string, string> {
  const env = new Map<string, string>()
  const isMaster = ({ metadata }: Service): boolean =>
    metadata.name === 'kubernetes' && metadata.namespace === 'default'
  const chosen = [
    ...services.filter(isMaster),
    ...(links
      ? services.filter(service => service.metadata.namespace === namespace && !isMaster(service))
      : []),
  ]
  for (const service of chosen) if (hasAddress(service)) addService(env, service)
  return env
}

function addService(env: Map<string, string>, { metadata, spec }: Service): void {
  const name = variableName(metadata.name ?? '')
  const address = spec?.clusterIP ?? ''
  const [first, ...others] = spec?.ports ?? []
  if (first === undefined) return
  env.set(`${name}_SERVICE_HOST`, address)
  env.set(`${name}_SERVICE_PORT`, String(first.port))
  for (const port of [first, ...others]) {
    if (port.name) env.set(`${name}_SERVICE_PORT_${variableName(port.name)}`, String(port.port))
  }
  const url = (protocol: string, port: number): string => `${protocol}://${address}:${port}`
  env.set(`${name}_PORT`, url((first.protocol ?? 'TCP').toLowerCase(), first.port))
  for (const { protocol = 'TCP', port } of [first, ...others]) {
    const prefix = `${name}_PORT_${port}_${protocol}`
    env.set(prefix, url(protocol.toLowerCase(), port))
    env.set(`${prefix}_PROTO`, protocol.toLowerCase())
    env.set(`${prefix}_PORT`, String(port))
    env.set(`${prefix}_ADDR`, address)
  }
}
