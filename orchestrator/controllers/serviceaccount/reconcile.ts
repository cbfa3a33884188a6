// What every namespace has without anybody asking: the ServiceAccount `default` and the ConfigMap
// `kube-root-ca.crt`. Pure. Counterpart: pkg/controller/serviceaccount and
// pkg/controller/certificates/rootcacertpublisher.

import type { ConfigMap, Namespace, ServiceAccount } from '../../api/types/core-config.js'

export const defaultAccountName = 'default'
export const rootCaName = 'kube-root-ca.crt'

/** Null when nothing is to be made. */
export function missingAccount(
  namespace: Namespace,
  account: ServiceAccount | undefined,
): ServiceAccount | null {
  if (account || !isActive(namespace)) return null
  const metadata = { namespace: namespace.metadata.name ?? '', name: defaultAccountName }
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata }
}

const rootCaDescription =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal ' +
  'endpoints such as the internal service IP or kubernetes.default.svc. No other usage is ' +
  'guaranteed across distributions of Kubernetes clusters.'

/** `create`, `update` with the version at hand, or null when the bundle is there. */
export function rootCaChange(
  namespace: Namespace,
  current: ConfigMap | undefined,
  rootCa: string,
): { readonly kind: 'create' | 'update'; readonly configMap: ConfigMap } | null {
  if (!isActive(namespace)) return null
  const data = { 'ca.crt': rootCa }
  if (!current) {
    const metadata = {
      namespace: namespace.metadata.name ?? '',
      name: rootCaName,
      annotations: { 'kubernetes.io/description': rootCaDescription },
    }
    return { kind: 'create', configMap: { apiVersion: 'v1', kind: 'ConfigMap', metadata, data } }
  }
  const keys = Object.keys(current.data ?? {})
  if (keys.length === 1 && current.data?.['ca.crt'] === rootCa) return null
  return { kind: 'update', configMap: { ...current, data } }
}

function isActive(namespace: Namespace): boolean {
  return namespace.metadata.deletionTimestamp === undefined
}
