// pods/exec, pods/attach and pods/portforward: finds out whether there is anything to talk to, and
// what the node shall do, then lets the node talk. Counterpart: registry/core/pod's streamLocation and
// the REST storages around it.

import type { KubeObject } from '../api/object.js'
import { badRequest, methodNotAllowed, notFound, serviceUnavailable } from '../api/status.js'
import type { ApiResponse } from './exchange.js'
import { textAt } from './object-fields.js'
import { isTrue } from './request-info.js'
import type { KubeletGateway } from './kubelet-gateway.js'
import type { ObjectReader } from './object-reader.js'
import { podContainer } from './pod-container.js'
import type { Call } from './resource-endpoints.js'

export interface StreamServices {
  readonly reader: ObjectReader
  /** Null: this server has no client certificate for kubelets. */
  readonly kubelet: KubeletGateway | null
}

/** Throws ApiError, in the original's words. */
export async function openPodStream(services: StreamServices, call: Call): Promise<ApiResponse> {
  const { info, kind, request } = call
  if (info.verb !== 'get' && info.verb !== 'create') throw methodNotAllowed(kind, info.verb)
  const pod = (await services.reader.get(kind, info.namespace, info.name)).object
  const nodeName = textAt(pod, 'spec.nodeName')
  const path = streamPath(pod, info.namespace, info.subresource, info.query)
  if (nodeName === '') throw badRequest(`pod ${info.name} does not have a host assigned`)
  if ((request.headers.get('upgrade') ?? '') === '') throw badRequest('Upgrade request required')
  const node = services.reader.cachedAt('', 'nodes', '', nodeName)
  if (node === undefined) throw notFound({ group: '', plural: 'nodes' }, nodeName)
  if (services.kubelet === null) {
    throw serviceUnavailable('this API server has no client certificate for kubelets')
  }
  return services.kubelet.stream(node.object, path, call)
}

/** As kubelets take it. */
function streamPath(
  pod: KubeObject,
  namespace: string,
  subresource: string,
  query: URLSearchParams,
): string {
  const { name = '' } = pod.metadata
  const asked = new URLSearchParams()
  if (subresource === 'portforward') {
    for (const ports of query.getAll('ports')) asked.append('ports', ports)
    return `/portForward/${place([namespace, name])}${searchOf(asked)}`
  }
  const container = podContainer(pod, query.get('container') ?? '')
  for (const [ours, theirs] of [
    ['stdin', 'input'],
    ['stdout', 'output'],
    ['stderr', 'error'],
    ['tty', 'tty'],
  ] as const) {
    const value = query.get(ours)
    if (value !== null && isTrue(value)) asked.set(theirs, '1')
  }
  if (subresource === 'exec') {
    for (const word of query.getAll('command')) asked.append('command', word)
  }
  return `/${subresource}/${place([namespace, name, container])}${searchOf(asked)}`
}

const place = (segments: readonly string[]): string => segments.map(encodeURIComponent).join('/')

const searchOf = (query: URLSearchParams): string =>
  query.size === 0 ? '' : `?${query.toString()}`
