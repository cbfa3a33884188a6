// pods/proxy, services/proxy and nodes/proxy: HTTP to what runs in the cluster, through the API server
// and with its permissions. Counterpart: the proxy REST storages of registry/core.

import type { Clock } from '../../platform/clock.js'
import type { Random } from '../../platform/random.js'
import {
  ApiError,
  badRequest,
  internalError,
  methodNotAllowed,
  pathNotFound,
  serviceUnavailable,
} from '../api/status.js'
import type { ApiResponse } from './exchange.js'
import { textResponse } from './exchange.js'
import { kubeletAddress } from './kubelet-gateway.js'
import type { KubeletGateway } from './kubelet-gateway.js'
import type { ObjectReader } from './object-reader.js'
import type { ConnectionPool, KeptConnections } from './kept-connections.js'
import { passedHeaders, passRequest } from './proxy-request.js'
import { parseProxyName, podPlace, servicePlaces } from './proxy-target.js'
import type { ProxyName } from './proxy-target.js'
import type { Call } from './resource-endpoints.js'
import { openTunnel } from './tunnel.js'
import type { TunnelTarget } from './tunnel.js'

export interface ProxyServices {
  readonly reader: ObjectReader
  readonly clock: Clock
  readonly random: Random
  /** Null: this server has no client certificate for kubelets. */
  readonly kubelet: KubeletGateway | null
  readonly connections: KeptConnections
}

const verbs = ['get', 'create', 'update', 'patch', 'delete']

/** Throws ApiError. */
export async function passToProxied(services: ProxyServices, call: Call): Promise<ApiResponse> {
  const { info, kind, request } = call
  if (!verbs.includes(info.verb)) throw methodNotAllowed(kind, info.verb)
  const mark = request.url.indexOf('?')
  const path = mark === -1 ? request.url : request.url.slice(0, mark)
  const search = mark === -1 ? '' : request.url.slice(mark)
  const prefix = path.slice(0, path.length - info.subpath.length)
  if (info.subpath === '') {
    // As with the original: relative links of a page need a folder to start from.
    if (request.method !== 'GET' && request.method !== 'HEAD') return go('/')
    return { ...textResponse(301, ''), headers: { location: `${prefix}/${search}` } }
  }
  return go(info.subpath)

  async function go(subpath: string): Promise<ApiResponse> {
    const place = await placeOf(services, call)
    const target = { ...place, path: subpath + search }
    if ((request.headers.get('upgrade') ?? '') === '') {
      return passRequest(target, poolOf(services, kind.plural, place), request, prefix)
    }
    const headers = passedHeaders(request, path)
    return openTunnel(target, request, services.clock, notUpgraded, headers)
  }
}

/** One for each place, for what is there by another kind of name is shown other certificates. */
function poolOf(
  { connections }: ProxyServices,
  plural: string,
  place: Omit<TunnelTarget, 'path'>,
): ConnectionPool {
  const { secure, host, port, cert, key, ca = null, rejectUnauthorized = true } = place
  const identity = cert === undefined || key === undefined ? null : { cert, key }
  const trust = `${identity === null ? 'nobody' : 'kubelet'} ${rejectUnauthorized}`
  const owner = `${plural} ${secure ? 'https' : 'http'} ${host}:${port}`
  const settings = { secure, servername: '', ca, identity, insecure: !rejectUnauthorized }
  return connections.pool(owner, trust, () => settings)
}

function notUpgraded(status: number, text: string): ApiError {
  const message = text === '' ? `the server answered ${status}` : text
  return new ApiError({ ...internalError(message).status, code: status, message })
}

async function placeOf(services: ProxyServices, call: Call): Promise<Omit<TunnelTarget, 'path'>> {
  const { kind } = call
  switch (kind.plural) {
    case 'pods':
      return podTarget(services, call)
    case 'services':
      return serviceTarget(services, call)
    case 'nodes':
      return nodeTarget(services, call)
    default:
      throw pathNotFound(`${kind.plural}/proxy is not served`)
  }
}

/** Certificates of pods are of nobody we know, as with the original. */
const anyCertificate = { rejectUnauthorized: false }

async function podTarget({ reader }: ProxyServices, { kind, info }: Call) {
  const asked = parseProxyName('pod', info.name)
  const pod = await reader.get(kind, info.namespace, asked.name)
  return { ...podPlace(pod.object, asked), ...anyCertificate }
}

async function serviceTarget({ reader, random }: ProxyServices, { kind, info }: Call) {
  const asked = parseProxyName('service', info.name)
  const service = (await reader.get(kind, info.namespace, asked.name)).object
  const endpoints = reader.cachedAt('', 'endpoints', info.namespace, asked.name)?.object
  const places = servicePlaces(service, endpoints, asked)
  const place = places[random.integer(places.length)]
  if (place === undefined) throw serviceUnavailable('no endpoints available')
  return { ...place, ...anyCertificate }
}

async function nodeTarget({ reader, kubelet }: ProxyServices, { kind, info }: Call) {
  const asked: ProxyName = parseProxyName('node', info.name)
  const node = (await reader.get(kind, '', asked.name)).object
  const address = kubeletAddress(node)
  if (kubelet === null || address === null) {
    throw serviceUnavailable(`node ${asked.name} cannot be reached from here`)
  }
  // Our certificate is shown to kubelets and to nobody else.
  if (asked.port === '' || asked.port === String(address.port)) return kubelet.place(node)
  const port = /^\d{1,5}$/.test(asked.port) ? Number(asked.port) : 0
  if (port < 1 || port > 65_535) throw badRequest(`invalid node request "${info.name}"`)
  return { secure: asked.scheme === 'https', host: address.host, port, ...anyCertificate }
}
