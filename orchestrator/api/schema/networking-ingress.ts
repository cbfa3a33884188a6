// Ingresses and their classes.
// Counterpart: networking/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { typedLocalObjectReference } from './core-reference.js'
import { objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import {
  always,
  field,
  inlined,
  int32,
  list,
  pointer,
  string,
  struct,
  typeMeta,
} from '../schema.js'

export const serviceBackendPort: StructSchema = struct(
  'io.k8s.api.networking.v1.ServiceBackendPort',
  {
    name: field(1, string),
    number: field(2, int32),
  },
  { atomic: true },
)

export const ingressServiceBackend: StructSchema = struct(
  'io.k8s.api.networking.v1.IngressServiceBackend',
  {
    name: always(1, string, { required: true }),
    port: field(2, serviceBackendPort),
  },
)

export const ingressBackend: StructSchema = struct('io.k8s.api.networking.v1.IngressBackend', {
  resource: pointer(3, typedLocalObjectReference),
  service: pointer(4, ingressServiceBackend),
})

export const httpIngressPath: StructSchema = struct('io.k8s.api.networking.v1.HTTPIngressPath', {
  path: field(1, string),
  backend: always(2, ingressBackend, { required: true }),
  pathType: pointer(3, string, {
    enum: ['Exact', 'ImplementationSpecific', 'Prefix'],
    required: true,
  }),
})

export const httpIngressRuleValue: StructSchema = struct(
  'io.k8s.api.networking.v1.HTTPIngressRuleValue',
  {
    paths: always(1, list(httpIngressPath), { required: true }),
  },
)

export const ingressRule: StructSchema = struct('io.k8s.api.networking.v1.IngressRule', {
  host: field(1, string),
  ...inlined(2, {
    http: pointer(1, httpIngressRuleValue),
  }),
})

export const ingressTLS: StructSchema = struct('io.k8s.api.networking.v1.IngressTLS', {
  hosts: field(1, list(string)),
  secretName: field(2, string),
})

export const ingressSpec: StructSchema = struct('io.k8s.api.networking.v1.IngressSpec', {
  defaultBackend: pointer(1, ingressBackend),
  tls: field(2, list(ingressTLS)),
  rules: field(3, list(ingressRule)),
  ingressClassName: pointer(4, string),
})

export const ingressPortStatus: StructSchema = struct(
  'io.k8s.api.networking.v1.IngressPortStatus',
  {
    port: always(1, int32, { required: true }),
    protocol: always(2, string, { required: true }),
    error: pointer(3, string),
  },
)

export const ingressLoadBalancerIngress: StructSchema = struct(
  'io.k8s.api.networking.v1.IngressLoadBalancerIngress',
  {
    ip: field(1, string),
    hostname: field(2, string),
    ports: field(4, list(ingressPortStatus)),
  },
)

export const ingressLoadBalancerStatus: StructSchema = struct(
  'io.k8s.api.networking.v1.IngressLoadBalancerStatus',
  {
    ingress: field(1, list(ingressLoadBalancerIngress)),
  },
)

export const ingressStatus: StructSchema = struct('io.k8s.api.networking.v1.IngressStatus', {
  loadBalancer: field(1, ingressLoadBalancerStatus),
})

export const ingress: StructSchema = struct(
  'io.k8s.api.networking.v1.Ingress',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: field(2, ingressSpec),
    status: field(3, ingressStatus),
  },
  { description: 'Which requests from outside go to which Service.' },
)

export const ingressClassParametersReference: StructSchema = struct(
  'io.k8s.api.networking.v1.IngressClassParametersReference',
  {
    apiGroup: pointer(1, string),
    kind: always(2, string, { required: true }),
    name: always(3, string, { required: true }),
    scope: pointer(4, string),
    namespace: pointer(5, string),
  },
)

export const ingressClassSpec: StructSchema = struct('io.k8s.api.networking.v1.IngressClassSpec', {
  controller: field(1, string),
  parameters: pointer(2, ingressClassParametersReference),
})

export const ingressClass: StructSchema = struct(
  'io.k8s.api.networking.v1.IngressClass',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: field(2, ingressClassSpec),
  },
  { description: 'Who serves Ingresses of a class.' },
)
