// The older Endpoints object of a Service, which some clients still read. Pure.
// Counterpart: pkg/controller/endpoint. Cut off at 1000 addresses, as the original does.

import type { Pod } from '../../api/types/core-pod.js'
import type {
  EndpointAddress,
  EndpointPort,
  Endpoints,
  EndpointSubset,
  Service,
} from '../../api/types/core-service.js'
import { canonicalJson } from '../canonical-json.js'
import { isDeleting } from '../ownership.js'
import { backsServices, endpointOf, isHeadless, podAddresses, portsOf } from './backends.js'

const addressesMax = 1000

interface Subset {
  readonly ports: readonly EndpointPort[]
  readonly ready: EndpointAddress[]
  readonly notReady: EndpointAddress[]
}

export function classicEndpoints(service: Service, pods: readonly Pod[]): Endpoints {
  const subsets = new Map<string, Subset>()
  const family = service.spec?.ipFamilies?.[0] ?? 'IPv4'
  const published = service.spec?.publishNotReadyAddresses ?? false
  const listed = pods
    .filter(pod => backsServices(pod) && (published || !isDeleting(pod)))
    .toSorted((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1))
  for (const pod of listed.slice(0, addressesMax)) {
    const ip = podAddresses(pod).find(one => one.includes(':') === (family === 'IPv6'))
    const ports = classicPorts(service, pod)
    if (ip === undefined || (ports.length === 0 && (service.spec?.ports ?? []).length > 0)) continue
    const key = canonicalJson(ports)
    const subset = subsets.get(key) ?? { ports, ready: [], notReady: [] }
    subsets.set(key, subset)
    const { conditions, targetRef, hostname, nodeName } = endpointOf(service, pod, ip, undefined)
    const address: EndpointAddress = {
      ip,
      ...(hostname === undefined ? {} : { hostname }),
      ...(nodeName === undefined ? {} : { nodeName }),
      ...(targetRef === undefined ? {} : { targetRef }),
    }
    ;(conditions?.ready ? subset.ready : subset.notReady).push(address)
  }
  return {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: {
      name: service.metadata.name ?? '',
      namespace: service.metadata.namespace ?? '',
      labels: {
        ...service.metadata.labels,
        'endpoints.kubernetes.io/managed-by': 'endpoint-controller',
        ...(isHeadless(service) ? { 'service.kubernetes.io/headless': '' } : {}),
      },
    },
    subsets: [...subsets.values()].map(subsetObject),
  }
}

function classicPorts(service: Service, pod: Pod): readonly EndpointPort[] {
  return portsOf(service, pod).map(({ name, port = 0, protocol, appProtocol }) => ({
    port,
    ...(name ? { name } : {}),
    ...(protocol === undefined ? {} : { protocol }),
    ...(appProtocol === undefined ? {} : { appProtocol }),
  }))
}

function subsetObject({ ports, ready, notReady }: Subset): EndpointSubset {
  return {
    ...(ready.length === 0 ? {} : { addresses: ready }),
    ...(notReady.length === 0 ? {} : { notReadyAddresses: notReady }),
    ...(ports.length === 0 ? {} : { ports }),
  }
}
