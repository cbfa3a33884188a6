// What every cluster has before anybody has written anything: the four namespaces, the two
// priorities of the system, the range of cluster IPs, the `kubernetes` Service, the day since which uses of
// kept tokens are noted, and in those namespaces the default account and the authority's certificate.
// Counterpart: controlplane/controller/{systemnamespaces,kubernetesservice}, registry/scheduling. Pure.

import { trackingConfigMap } from '../api/legacy-token.js'
import type { KubeObject } from '../api/object.js'
import { systemPriorities } from '../api/validation/priority-class.js'
import { systemNamespaces } from './admission.js'
import { asObject } from './object-fields.js'
import { defaultRangeName, firstAddress, formatCidr } from './service-ranges.js'
import type { Cidr } from './service-ranges.js'

export interface SystemObject {
  readonly group: string
  readonly version: string
  readonly plural: string
  readonly object: KubeObject
}

export const secureServicePort = 443

/**
 * In the order in which they must be made. `caPem`: the cluster's certificate authority; `now` in
 * RFC 3339.
 */
export function systemObjects(range: Cidr, caPem: string, now: string): readonly SystemObject[] {
  const core = (plural: string, object: KubeObject): SystemObject => ({
    group: '',
    version: 'v1',
    plural,
    object,
  })
  return [
    ...systemNamespaces.map(name =>
      core('namespaces', asObject({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
    ),
    ...[...systemPriorities].map(([name, value]) => systemPriority(name, value)),
    {
      group: 'networking.k8s.io',
      version: 'v1',
      plural: 'servicecidrs',
      object: serviceRange(range, now),
    },
    core('services', kubernetesService(firstAddress(range))),
    core(
      'configmaps',
      asObject({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: trackingConfigMap, namespace: 'kube-system' },
        data: { since: now.slice(0, 'yyyy-mm-dd'.length) },
      }),
    ),
    ...systemNamespaces.flatMap(namespace => [
      core(
        'serviceaccounts',
        asObject({
          apiVersion: 'v1',
          kind: 'ServiceAccount',
          metadata: { name: 'default', namespace },
        }),
      ),
      core(
        'configmaps',
        asObject({
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: {
            name: 'kube-root-ca.crt',
            namespace,
            annotations: { 'kubernetes.io/description': rootCaText },
          },
          data: { 'ca.crt': caPem },
        }),
      ),
    ]),
  ]
}

const rootCaText =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.'

function serviceRange(range: Cidr, now: string): KubeObject {
  return asObject({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    metadata: { name: defaultRangeName },
    spec: { cidrs: [formatCidr(range)] },
    status: {
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          reason: '',
          message: 'Kubernetes default Service CIDR is ready',
          lastTransitionTime: now,
        },
      ],
    },
  })
}

function systemPriority(name: string, value: number): SystemObject {
  return {
    group: 'scheduling.k8s.io',
    version: 'v1',
    plural: 'priorityclasses',
    object: asObject({
      apiVersion: 'scheduling.k8s.io/v1',
      kind: 'PriorityClass',
      metadata: { name },
      value,
      description: systemPriorityTexts.get(name) ?? '',
    }),
  }
}

const systemPriorityTexts: ReadonlyMap<string, string> = new Map([
  ['system-node-critical', 'For pods that their node cannot do without, and that must stay there.'],
  ['system-cluster-critical', 'For pods that the cluster needs, on whichever node they are.'],
])

function kubernetesService(ip: string): KubeObject {
  return asObject({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: 'kubernetes',
      namespace: 'default',
      labels: { component: 'apiserver', provider: 'kubernetes' },
    },
    spec: {
      type: 'ClusterIP',
      clusterIP: ip,
      sessionAffinity: 'None',
      ports: [{ name: 'https', port: secureServicePort, protocol: 'TCP', targetPort: 6443 }],
    },
  })
}
