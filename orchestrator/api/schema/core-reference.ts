// How objects point at one another and at parts of themselves.
// Counterpart: core/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import type { StructSchema } from '../schema.js'
import { always, field, pointer, quantity, string, struct } from '../schema.js'

export const objectFieldSelector: StructSchema = struct(
  'io.k8s.api.core.v1.ObjectFieldSelector',
  {
    apiVersion: field(1, string),
    fieldPath: always(2, string, { required: true }),
  },
  { atomic: true },
)

export const resourceFieldSelector: StructSchema = struct(
  'io.k8s.api.core.v1.ResourceFieldSelector',
  {
    containerName: field(1, string),
    resource: always(2, string, { required: true }),
    divisor: field(3, quantity),
  },
  { atomic: true },
)

export const localObjectReference: StructSchema = struct(
  'io.k8s.api.core.v1.LocalObjectReference',
  {
    name: field(1, string),
  },
  { atomic: true },
)

export const typedLocalObjectReference: StructSchema = struct(
  'io.k8s.api.core.v1.TypedLocalObjectReference',
  {
    apiGroup: pointer(1, string),
    kind: always(2, string, { required: true }),
    name: always(3, string, { required: true }),
  },
  { atomic: true },
)

export const typedObjectReference: StructSchema = struct(
  'io.k8s.api.core.v1.TypedObjectReference',
  {
    apiGroup: pointer(1, string),
    kind: always(2, string, { required: true }),
    name: always(3, string, { required: true }),
    namespace: pointer(4, string),
  },
)

export const objectReference: StructSchema = struct(
  'io.k8s.api.core.v1.ObjectReference',
  {
    kind: field(1, string),
    namespace: field(2, string),
    name: field(3, string),
    uid: field(4, string),
    apiVersion: field(5, string),
    resourceVersion: field(6, string),
    fieldPath: field(7, string),
  },
  { atomic: true },
)
