// What storage drivers say of themselves, of nodes and of room.
// Counterpart: storage/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { labelSelector, objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import {
  always,
  bool,
  field,
  int32,
  int64,
  keyed,
  list,
  pointer,
  quantity,
  set,
  string,
  struct,
  typeMeta,
} from '../schema.js'

export const tokenRequest: StructSchema = struct('io.k8s.api.storage.v1.TokenRequest', {
  audience: always(1, string, { required: true }),
  expirationSeconds: pointer(2, int64),
})

export const csiDriverSpec: StructSchema = struct('io.k8s.api.storage.v1.CSIDriverSpec', {
  attachRequired: pointer(1, bool),
  podInfoOnMount: pointer(2, bool),
  volumeLifecycleModes: field(3, set(string)),
  storageCapacity: pointer(4, bool),
  fsGroupPolicy: pointer(5, string),
  tokenRequests: field(6, list(tokenRequest)),
  requiresRepublish: pointer(7, bool),
  seLinuxMount: pointer(8, bool),
  nodeAllocatableUpdatePeriodSeconds: pointer(9, int64),
  serviceAccountTokenInSecrets: pointer(10, bool),
  preventPodSchedulingIfMissing: pointer(11, bool),
})

export const csiDriver: StructSchema = struct(
  'io.k8s.api.storage.v1.CSIDriver',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: always(2, csiDriverSpec, { required: true }),
  },
  { description: 'A storage driver, and what the cluster must know of it.' },
)

export const volumeNodeResources: StructSchema = struct(
  'io.k8s.api.storage.v1.VolumeNodeResources',
  {
    count: pointer(1, int32),
  },
)

export const csiNodeDriver: StructSchema = struct('io.k8s.api.storage.v1.CSINodeDriver', {
  name: always(1, string, { required: true }),
  nodeID: always(2, string, { required: true }),
  topologyKeys: always(3, list(string)),
  allocatable: pointer(4, volumeNodeResources),
})

export const csiNodeSpec: StructSchema = struct('io.k8s.api.storage.v1.CSINodeSpec', {
  drivers: always(1, keyed(csiNodeDriver, 'name'), { required: true, mergeKey: 'name' }),
})

export const csiNode: StructSchema = struct(
  'io.k8s.api.storage.v1.CSINode',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: always(2, csiNodeSpec, { required: true }),
  },
  { description: 'The storage drivers of a node.' },
)

export const csiStorageCapacity: StructSchema = struct(
  'io.k8s.api.storage.v1.CSIStorageCapacity',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    nodeTopology: pointer(2, labelSelector),
    storageClassName: always(3, string, { required: true }),
    capacity: pointer(4, quantity),
    maximumVolumeSize: pointer(5, quantity),
  },
  { description: 'How much room there is for volumes of a class in a part of the cluster.' },
)
