// What every cluster has before anybody has written anything: the four namespaces, the
// `kubernetes` Service, and in those namespaces the default account and the authority's
// certificate. Counterpart: controlplane/controller/{systemnamespaces,kubernetesservice}. Pure.

import type { KubeObject } from '../api/object.js'
import { systemNamespaces } from './admission.js'
import { asObject } from './object-fields.js'

export interface SystemObject {
  readonly group: string
  readonly version: string
  readonly plural: string
  readonly object: KubeObject
}

export const secureServicePort = 443

/** In the order in which they must be made. `caPem`: the cluster's certificate authority. */
export function systemObjects(serviceIp: string, caPem: string): readonly SystemObject[] {
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
    core('services', kubernetesService(serviceIp)),
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
