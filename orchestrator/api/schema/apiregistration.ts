// APIServices: other API servers behind this one.
// Counterpart: apiregistration.k8s.io/v1 of k8s.io/kube-aggregator. Data only; what it means is in ../schema.ts.

import { objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import {
  always,
  bool,
  bytes,
  field,
  int32,
  keyed,
  pointer,
  string,
  struct,
  time,
  typeMeta,
} from '../schema.js'

export const serviceReference: StructSchema = struct(
  'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.ServiceReference',
  {
    namespace: field(1, string),
    name: field(2, string),
    port: pointer(3, int32),
  },
)

export const apiServiceSpec: StructSchema = struct(
  'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIServiceSpec',
  {
    service: pointer(1, serviceReference),
    group: field(2, string),
    version: field(3, string),
    insecureSkipTLSVerify: field(4, bool),
    caBundle: field(5, bytes),
    groupPriorityMinimum: always(7, int32, { required: true }),
    versionPriority: always(8, int32, { required: true }),
  },
)

export const apiServiceCondition: StructSchema = struct(
  'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIServiceCondition',
  {
    type: always(1, string, { required: true }),
    status: always(2, string, { required: true }),
    lastTransitionTime: field(3, time),
    reason: field(4, string),
    message: field(5, string),
  },
)

export const apiServiceStatus: StructSchema = struct(
  'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIServiceStatus',
  {
    conditions: field(1, keyed(apiServiceCondition, 'type'), { mergeKey: 'type' }),
  },
)

export const apiService: StructSchema = struct(
  'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIService',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: field(2, apiServiceSpec),
    status: field(3, apiServiceStatus),
  },
  { description: 'Who serves a group and version.' },
)
