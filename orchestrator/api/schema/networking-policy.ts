// NetworkPolicies.
// Counterpart: networking/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { labelSelector, objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import {
  always,
  field,
  int32,
  intOrString,
  list,
  pointer,
  string,
  struct,
  typeMeta,
} from '../schema.js'

export const ipBlock: StructSchema = struct('io.k8s.api.networking.v1.IPBlock', {
  cidr: always(1, string, { required: true }),
  except: field(2, list(string)),
})

export const networkPolicyPeer: StructSchema = struct(
  'io.k8s.api.networking.v1.NetworkPolicyPeer',
  {
    podSelector: pointer(1, labelSelector),
    namespaceSelector: pointer(2, labelSelector),
    ipBlock: pointer(3, ipBlock),
  },
)

export const networkPolicyPort: StructSchema = struct(
  'io.k8s.api.networking.v1.NetworkPolicyPort',
  {
    protocol: pointer(1, string, { enum: ['SCTP', 'TCP', 'UDP'] }),
    port: pointer(2, intOrString),
    endPort: pointer(3, int32),
  },
)

export const networkPolicyIngressRule: StructSchema = struct(
  'io.k8s.api.networking.v1.NetworkPolicyIngressRule',
  {
    ports: field(1, list(networkPolicyPort)),
    from: field(2, list(networkPolicyPeer)),
  },
)

export const networkPolicyEgressRule: StructSchema = struct(
  'io.k8s.api.networking.v1.NetworkPolicyEgressRule',
  {
    ports: field(1, list(networkPolicyPort)),
    to: field(2, list(networkPolicyPeer)),
  },
)

export const networkPolicySpec: StructSchema = struct(
  'io.k8s.api.networking.v1.NetworkPolicySpec',
  {
    podSelector: always(1, labelSelector),
    ingress: field(2, list(networkPolicyIngressRule)),
    egress: field(3, list(networkPolicyEgressRule)),
    policyTypes: field(4, list(string)),
  },
)

export const networkPolicy: StructSchema = struct(
  'io.k8s.api.networking.v1.NetworkPolicy',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: field(2, networkPolicySpec),
  },
  { description: 'Who may talk to some pods, and to whom these may talk.' },
)
