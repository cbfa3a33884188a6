// StorageClasses and VolumeAttributesClasses.
// Counterpart: storage/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import { always, bool, field, list, map, pointer, string, struct, typeMeta } from '../schema.js'

export const topologySelectorLabelRequirement: StructSchema = struct(
  'io.k8s.api.core.v1.TopologySelectorLabelRequirement',
  {
    key: always(1, string, { required: true }),
    values: always(2, list(string), { required: true }),
  },
)

export const topologySelectorTerm: StructSchema = struct(
  'io.k8s.api.core.v1.TopologySelectorTerm',
  {
    matchLabelExpressions: field(1, list(topologySelectorLabelRequirement)),
  },
  { atomic: true },
)

export const storageClass: StructSchema = struct(
  'io.k8s.api.storage.v1.StorageClass',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    provisioner: always(2, string, { required: true }),
    parameters: field(3, map(string)),
    reclaimPolicy: pointer(4, string, { enum: ['Delete', 'Recycle', 'Retain'] }),
    mountOptions: field(5, list(string)),
    allowVolumeExpansion: pointer(6, bool),
    volumeBindingMode: pointer(7, string, { enum: ['Immediate', 'WaitForFirstConsumer'] }),
    allowedTopologies: field(8, list(topologySelectorTerm)),
  },
  { description: 'A kind of storage, and who makes it.' },
)

export const volumeAttributesClass: StructSchema = struct(
  'io.k8s.api.storage.v1.VolumeAttributesClass',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    driverName: always(2, string, { required: true }),
    parameters: field(3, map(string)),
  },
  { description: 'What a volume that exists can be changed to.' },
)
