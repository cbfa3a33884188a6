// Namespaces and the small kinds in them: ConfigMap, Secret, ServiceAccount.
// Counterpart: core/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { localObjectReference, objectReference } from './core-reference.js'
import { objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import {
  always,
  bool,
  bytes,
  field,
  keyed,
  list,
  map,
  pointer,
  string,
  struct,
  time,
  typeMeta,
} from '../schema.js'

export const namespaceSpec: StructSchema = struct('io.k8s.api.core.v1.NamespaceSpec', {
  finalizers: field(1, list(string)),
})

export const namespaceCondition: StructSchema = struct('io.k8s.api.core.v1.NamespaceCondition', {
  type: always(1, string, { required: true }),
  status: always(2, string, { required: true }),
  lastTransitionTime: field(4, time),
  reason: field(5, string),
  message: field(6, string),
})

export const namespaceStatus: StructSchema = struct('io.k8s.api.core.v1.NamespaceStatus', {
  phase: field(1, string, { enum: ['Active', 'Terminating'] }),
  conditions: field(2, keyed(namespaceCondition, 'type'), { mergeKey: 'type' }),
})

export const namespace: StructSchema = struct(
  'io.k8s.api.core.v1.Namespace',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: field(2, namespaceSpec),
    status: field(3, namespaceStatus),
  },
  { description: 'A space for names; deleting it deletes all that is in it.' },
)

export const configMap: StructSchema = struct(
  'io.k8s.api.core.v1.ConfigMap',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    data: field(2, map(string), { description: 'Values as text.' }),
    binaryData: field(3, map(bytes), { description: 'Values as bytes, in base64.' }),
    immutable: pointer(4, bool, { description: 'Nothing of it can change any more.' }),
  },
  { description: 'Configuration as keys and values, for pods to read.' },
)

export const secret: StructSchema = struct(
  'io.k8s.api.core.v1.Secret',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    data: field(2, map(bytes), { description: 'Values as bytes, in base64.' }),
    type: field(3, string, { description: 'What the secret is for.' }),
    stringData: field(4, map(string), {
      description: 'Values as text, for writing; they end in data.',
    }),
    immutable: pointer(5, bool, { description: 'Nothing of it can change any more.' }),
  },
  { description: 'Confidential keys and values, for pods to read.' },
)

export const serviceAccount: StructSchema = struct(
  'io.k8s.api.core.v1.ServiceAccount',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    secrets: field(2, keyed(objectReference, 'name'), { mergeKey: 'name' }),
    imagePullSecrets: field(3, list(localObjectReference)),
    automountServiceAccountToken: pointer(4, bool),
  },
  { description: 'An identity for the processes in pods.' },
)
