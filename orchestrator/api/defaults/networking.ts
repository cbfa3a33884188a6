// What policies and ingress classes mean when they do not say.
// Counterpart: pkg/apis/networking/v1/defaults.go. An Ingress has no defaults.

import type { KubeObject } from '../object.js'
import type { IngressClass } from '../types/networking-ingress.js'
import type { NetworkPolicy, NetworkPolicyPort } from '../types/networking-policy.js'

function withProtocols<T extends { readonly ports?: readonly NetworkPolicyPort[] }>(rule: T): T {
  if (rule.ports === undefined) return rule
  return { ...rule, ports: rule.ports.map(port => ({ ...port, protocol: port.protocol ?? 'TCP' })) }
}

/** A policy is about incoming traffic, and about outgoing when it has rules for that. */
export function networkPolicyDefaults(object: KubeObject): NetworkPolicy {
  const policy = object as NetworkPolicy
  const spec = policy.spec ?? {}
  const { ingress, egress, policyTypes = [] } = spec
  const implied = (egress ?? []).length > 0 ? ['Ingress', 'Egress'] : ['Ingress']
  return {
    ...policy,
    spec: {
      ...spec,
      podSelector: spec.podSelector ?? {},
      ...(ingress === undefined ? {} : { ingress: ingress.map(withProtocols) }),
      ...(egress === undefined ? {} : { egress: egress.map(withProtocols) }),
      policyTypes: policyTypes.length === 0 ? implied : policyTypes,
    },
  }
}

export function ingressClassDefaults(object: KubeObject): IngressClass {
  const ingressClass = object as IngressClass
  const parameters = ingressClass.spec?.parameters
  if (parameters === undefined || parameters.scope !== undefined) return ingressClass
  return {
    ...ingressClass,
    spec: { ...ingressClass.spec, parameters: { ...parameters, scope: 'Cluster' } },
  }
}
