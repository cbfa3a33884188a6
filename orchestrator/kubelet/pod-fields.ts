// Values of a pod's own fields for variables and files: the downward API. Counterpart: pkg/fieldpath
// and the resource extraction of pkg/api/v1/resource. Pure.

import { RaftsmanError } from '../../platform/errors.js'
import { parseQuantity } from '../api/quantity.js'
import type { Container } from '../api/types/core-container.js'
import type { Pod } from '../api/types/core-pod.js'
import type { ResourceFieldSelector } from '../api/types/core-reference.js'

/** What the user wrote, or what it names, does not fit; the message is for the container's status. */
export class PodConfigError extends RaftsmanError {
  constructor(message: string, cause?: unknown) {
    super(message, { code: 'pod-config', retryable: true, outcome: 'not-applied', cause })
  }
}

export interface PodPlace {
  readonly nodeName: string
  readonly hostAddress: string
  readonly podAddress: string
  /** The node's, in whole bytes and thousandths of a core; the limit of who has none. */
  readonly allocatable: { readonly [resource: string]: string }
}

type StringMap = { readonly [key: string]: string } | undefined

const own = (map: StringMap, key: string): string | undefined =>
  map !== undefined && Object.hasOwn(map, key) ? map[key] : undefined

/** All entries as `key="escaped value"` lines, sorted. */
function mapLines(map: StringMap): string {
  return Object.entries(map ?? {})
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .sort()
    .join('\n')
}

export function podField(pod: Pod, place: PodPlace, path: string): string {
  const { metadata, spec } = pod
  const subscript = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(path)
  if (subscript !== null) {
    const map = subscript[1] === 'labels' ? metadata.labels : metadata.annotations
    return own(map, subscript[2] ?? '') ?? ''
  }
  switch (path) {
    case 'metadata.name':
      return metadata.name ?? ''
    case 'metadata.namespace':
      return metadata.namespace ?? ''
    case 'metadata.uid':
      return metadata.uid ?? ''
    case 'metadata.labels':
      return mapLines(metadata.labels)
    case 'metadata.annotations':
      return mapLines(metadata.annotations)
    case 'spec.nodeName':
      return spec.nodeName ?? place.nodeName
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? 'default'
    case 'status.hostIP':
    case 'status.hostIPs':
      return place.hostAddress
    case 'status.podIP':
    case 'status.podIPs':
      return place.podAddress
    default:
      throw new PodConfigError(`unsupported fieldPath: ${path}`)
  }
}

const resourcePath = /^(limits|requests)\.(.+)$/

export function resourceField(
  pod: Pod,
  container: Container,
  place: PodPlace,
  selector: ResourceFieldSelector,
): string {
  const name = selector.containerName
  const all = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]
  const target = name ? all.find(candidate => candidate.name === name) : container
  if (target === undefined) throw new PodConfigError(`container ${name} not found`)
  const match = resourcePath.exec(selector.resource)
  if (match === null) {
    throw new PodConfigError(`unsupported container resource : ${selector.resource}`)
  }
  const [, side, resource = ''] = match
  const amounts = side === 'limits' ? target.resources?.limits : target.resources?.requests
  const fallback = side === 'limits' ? own(place.allocatable, resource) : undefined
  const amount = parseQuantity(own(amounts, resource) ?? fallback ?? '0')
  const divisor = parseQuantity(selector.divisor || '1')
  if (amount === null || divisor === null) {
    throw new PodConfigError(`resource ${selector.resource} is not a quantity`)
  }
  const by = divisor.nanos > 0n ? divisor.nanos : 1_000_000_000n
  return String((amount.nanos + by - 1n) / by)
}
