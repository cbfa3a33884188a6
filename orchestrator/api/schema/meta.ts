// Shapes that every group shares: metadata, selectors, conditions, Status and DeleteOptions.
// Counterpart: meta/v1 of k8s.io/apimachinery. Data only; what it means is in ../schema.ts.

import type { StructSchema } from '../schema.js'
import {
  always,
  bool,
  field,
  fieldsV1,
  int32,
  int64,
  keyed,
  list,
  map,
  pointer,
  set,
  string,
  struct,
  time,
  typeMeta,
} from '../schema.js'

export const managedFieldsEntry: StructSchema = struct(
  'io.k8s.apimachinery.pkg.apis.meta.v1.ManagedFieldsEntry',
  {
    manager: field(1, string),
    operation: field(2, string),
    apiVersion: field(3, string),
    time: pointer(4, time),
    fieldsType: field(6, string),
    fieldsV1: pointer(7, fieldsV1),
    subresource: field(8, string),
  },
)

export const ownerReference: StructSchema = struct(
  'io.k8s.apimachinery.pkg.apis.meta.v1.OwnerReference',
  {
    kind: always(1, string, { required: true }),
    name: always(3, string, { required: true }),
    uid: always(4, string, { required: true }),
    apiVersion: always(5, string, { required: true }),
    controller: pointer(6, bool),
    blockOwnerDeletion: pointer(7, bool),
  },
  { atomic: true },
)

export const objectMeta: StructSchema = struct(
  'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta',
  {
    name: field(1, string, {
      description: 'Unique among objects of its kind in its namespace; it never changes.',
    }),
    generateName: field(2, string, {
      description: 'A prefix that the server makes a unique name from.',
    }),
    namespace: field(3, string, { description: 'The namespace that the object lies in.' }),
    selfLink: field(4, string),
    uid: field(5, string, { description: 'Unique over time and space; given by the server.' }),
    resourceVersion: field(6, string, {
      description: 'The version of the object in the store. Opaque: send back what you got.',
    }),
    generation: field(7, int64, { description: 'Counts the changes of what is wanted.' }),
    creationTimestamp: field(8, time, { description: 'When the object was created.' }),
    deletionTimestamp: pointer(9, time, {
      description: 'When the object will be gone, once its deletion was asked for.',
    }),
    deletionGracePeriodSeconds: pointer(10, int64, {
      description: 'How long the object has to end in order.',
    }),
    labels: field(11, map(string), { description: 'Keys and values to select by.' }),
    annotations: field(12, map(string), { description: 'Keys and values that tools attach.' }),
    ownerReferences: field(13, keyed(ownerReference, 'uid'), {
      mergeKey: 'uid',
      description: 'The objects that this one lives and dies with.',
    }),
    finalizers: field(14, set(string), {
      merge: true,
      description: 'Who must have their say before the object is gone.',
    }),
    // Told apart from its absence: an empty list is how clients have it cleared.
    managedFields: pointer(17, list(managedFieldsEntry), {
      description: 'Which manager set which field.',
    }),
  },
  { description: 'What every stored object has: identity, labels, owners.' },
)

export const fieldSelectorRequirement: StructSchema = struct(
  'io.k8s.apimachinery.pkg.apis.meta.v1.FieldSelectorRequirement',
  {
    key: always(1, string, { required: true }),
    operator: always(2, string, { required: true }),
    values: field(3, list(string)),
  },
)

export const labelSelectorRequirement: StructSchema = struct(
  'io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelectorRequirement',
  {
    key: always(1, string, { required: true }),
    operator: always(2, string, { required: true }),
    values: field(3, list(string)),
  },
)

export const labelSelector: StructSchema = struct(
  'io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector',
  {
    matchLabels: field(1, map(string), { description: 'Labels and their values.' }),
    matchExpressions: field(2, list(labelSelectorRequirement), {
      description: 'Conditions on labels.',
    }),
  },
  { atomic: true, description: 'Selects by labels; all its parts must hold.' },
)

export const condition: StructSchema = struct('io.k8s.apimachinery.pkg.apis.meta.v1.Condition', {
  type: always(1, string, { required: true }),
  status: always(2, string, { required: true }),
  observedGeneration: field(3, int64),
  lastTransitionTime: always(4, time, { required: true }),
  reason: always(5, string, { required: true }),
  message: always(6, string, { required: true }),
})

export const preconditions: StructSchema = struct(
  'io.k8s.apimachinery.pkg.apis.meta.v1.Preconditions',
  {
    uid: pointer(1, string),
    resourceVersion: pointer(2, string),
  },
)

export const deleteOptions: StructSchema = struct(
  'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions',
  {
    ...typeMeta,
    gracePeriodSeconds: pointer(1, int64),
    preconditions: pointer(2, preconditions),
    orphanDependents: pointer(3, bool),
    propagationPolicy: pointer(4, string),
    dryRun: field(5, list(string)),
    ignoreStoreReadErrorWithClusterBreakingPotential: pointer(6, bool),
  },
)

export const shardInfo: StructSchema = struct('io.k8s.apimachinery.pkg.apis.meta.v1.ShardInfo', {
  selector: always(1, string, { required: true }),
})

export const listMeta: StructSchema = struct('io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta', {
  selfLink: field(1, string),
  resourceVersion: field(2, string),
  continue: field(3, string),
  remainingItemCount: pointer(4, int64),
  shardInfo: pointer(5, shardInfo),
})

/** What an object is without its content. */
export const partialObjectMetadata: StructSchema = struct(
  'io.k8s.apimachinery.pkg.apis.meta.v1.PartialObjectMetadata',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
  },
)

export const statusCause: StructSchema = struct(
  'io.k8s.apimachinery.pkg.apis.meta.v1.StatusCause',
  {
    reason: field(1, string),
    message: field(2, string),
    field: field(3, string),
  },
)

export const statusDetails: StructSchema = struct(
  'io.k8s.apimachinery.pkg.apis.meta.v1.StatusDetails',
  {
    name: field(1, string),
    group: field(2, string),
    kind: field(3, string),
    causes: field(4, list(statusCause)),
    retryAfterSeconds: field(5, int32),
    uid: field(6, string),
  },
)

export const status: StructSchema = struct('io.k8s.apimachinery.pkg.apis.meta.v1.Status', {
  ...typeMeta,
  metadata: field(1, listMeta),
  status: field(2, string),
  message: field(3, string),
  reason: field(4, string),
  details: pointer(5, statusDetails),
  code: field(6, int32),
})
