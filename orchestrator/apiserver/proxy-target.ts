// Where a request to a proxy subresource goes: from the name in the URL ("https:web:443") and the
// objects to a host and a port. Counterpart: ResourceLocation of registry/core/pod, service and node,
// with their texts. Pure: which of several endpoints is taken is the caller's choice.

import type { KubeObject } from '../api/object.js'
import { isJsonObject } from '../api/record.js'
import { badRequest, serviceUnavailable } from '../api/status.js'
import { listAt, textAt } from './object-fields.js'

export interface ProxyName {
  readonly scheme: 'http' | 'https' | ''
  readonly name: string
  /** A number or a name; '' for none. */
  readonly port: string
}

export interface ProxyPlace {
  readonly secure: boolean
  readonly host: string
  readonly port: number
}

/** "name", "name:port" or "scheme:name:port". Throws ApiError BadRequest; `what` is "pod" and so on. */
export function parseProxyName(what: string, text: string): ProxyName {
  const parts = text.split(':')
  const [scheme = '', name = '', port = ''] =
    parts.length === 1 ? ['', text, ''] : parts.length === 2 ? ['', ...parts] : parts
  const known = scheme === '' || scheme === 'http' || scheme === 'https'
  if (parts.length > 3 || !known || name === '') {
    throw badRequest(`invalid ${what} request ${JSON.stringify(text)}`)
  }
  return { scheme, name, port }
}

const portOf = (text: string): number | null => {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
  return port >= 1 && port <= 65_535 ? port : null
}

/** Throws ApiError. Without a port it is the first that a container declares. */
export function podPlace(pod: KubeObject, { scheme, port }: ProxyName): ProxyPlace {
  const host = textAt(pod, 'status.podIP')
  if (host === '') throw badRequest('address not allowed')
  const secure = scheme === 'https'
  if (port !== '') return { secure, host, port: checkedPort(port) }
  for (const container of listAt(pod, 'spec.containers').filter(isJsonObject)) {
    const [first] = listAt(container, 'ports').filter(isJsonObject)
    const declared = first?.['containerPort']
    if (typeof declared === 'number') return { secure, host, port: declared }
  }
  return { secure, host, port: secure ? 443 : 80 }
}

function checkedPort(text: string): number {
  const port = portOf(text)
  if (port === null) throw badRequest(`invalid port ${JSON.stringify(text)}`)
  return port
}

/**
 * All that are ready behind the port. `endpoints` are the Endpoints of the Service, if there are any.
 * Throws ApiError ServiceUnavailable when there is none.
 */
export function servicePlaces(
  service: KubeObject,
  endpoints: KubeObject | undefined,
  asked: ProxyName,
): readonly ProxyPlace[] {
  const { name = '' } = service.metadata
  const secure = asked.scheme === 'https'
  const portName = servicePortName(service, asked)
  const places: ProxyPlace[] = []
  for (const subset of listAt(endpoints ?? emptyObject, 'subsets').filter(isJsonObject)) {
    const ports = listAt(subset, 'ports').filter(isJsonObject)
    const port = ports.find(candidate => (candidate['name'] ?? '') === portName)?.['port']
    if (typeof port !== 'number') continue
    for (const address of listAt(subset, 'addresses').filter(isJsonObject)) {
      const host = address['ip']
      if (typeof host === 'string') places.push({ secure, host, port })
    }
  }
  if (places.length > 0) return places
  throw serviceUnavailable(`no endpoints available for service "${name}"`)
}

const emptyObject: KubeObject = { apiVersion: '', kind: '', metadata: {} }

function servicePortName(service: KubeObject, { name, port }: ProxyName): string {
  const number = portOf(port)
  if (number === null) return port
  const declared = listAt(service, 'spec.ports').filter(isJsonObject)
  const found = declared.find(candidate => candidate['port'] === number)
  if (found === undefined) {
    throw serviceUnavailable(`no service port ${number} found for service "${name}"`)
  }
  const portName = found['name']
  return typeof portName === 'string' ? portName : ''
}
