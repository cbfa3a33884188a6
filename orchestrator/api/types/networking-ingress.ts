// The types of ../schema/networking-ingress.ts, written by source.ts: change the schema, then run the
// tests of this folder with -u.

import type { KubeObject } from '../object.js'
import type { TypedLocalObjectReference } from './core-reference.js'

export interface ServiceBackendPort {
  readonly name?: string
  readonly number?: number
}

export interface IngressServiceBackend {
  readonly name: string
  readonly port?: ServiceBackendPort
}

export interface IngressBackend {
  readonly resource?: TypedLocalObjectReference
  readonly service?: IngressServiceBackend
}

export interface HTTPIngressPath {
  readonly path?: string
  readonly backend: IngressBackend
  readonly pathType: string
}

export interface HTTPIngressRuleValue {
  readonly paths: readonly HTTPIngressPath[]
}

export interface IngressRule {
  readonly host?: string
  readonly http?: HTTPIngressRuleValue
}

export interface IngressTLS {
  readonly hosts?: readonly string[]
  readonly secretName?: string
}

export interface IngressSpec {
  readonly defaultBackend?: IngressBackend
  readonly tls?: readonly IngressTLS[]
  readonly rules?: readonly IngressRule[]
  readonly ingressClassName?: string
}

export interface IngressPortStatus {
  readonly port: number
  readonly protocol: string
  readonly error?: string
}

export interface IngressLoadBalancerIngress {
  readonly ip?: string
  readonly hostname?: string
  readonly ports?: readonly IngressPortStatus[]
}

export interface IngressLoadBalancerStatus {
  readonly ingress?: readonly IngressLoadBalancerIngress[]
}

export interface IngressStatus {
  readonly loadBalancer?: IngressLoadBalancerStatus
}

export interface Ingress extends KubeObject {
  readonly spec?: IngressSpec
  readonly status?: IngressStatus
}

export interface IngressClassParametersReference {
  readonly apiGroup?: string
  readonly kind: string
  readonly name: string
  readonly scope?: string
  readonly namespace?: string
}

export interface IngressClassSpec {
  readonly controller?: string
  readonly parameters?: IngressClassParametersReference
}

export interface IngressClass extends KubeObject {
  readonly spec?: IngressClassSpec
}
