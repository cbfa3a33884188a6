// Objects that travel but are not stored: options of a request, and bodies of subresources.

import type { CheckedShape, GroupVersionKind } from './kind.js'
import type { Json } from './object.js'
import type { StructSchema } from './schema.js'
import { tokenRequest } from './schema/authentication.js'
import { scale } from './schema/autoscaling.js'
import { deleteOptions, partialObjectMetadata, status } from './schema/meta.js'
import { eviction } from './schema/policy.js'

/** What decoding must know of a type. Every Kind is one too. */
export interface WireType extends GroupVersionKind {
  readonly schema: StructSchema
  readonly checkShape?: (value: Json) => CheckedShape
}

export const deleteOptionsType: WireType = {
  group: '',
  version: 'v1',
  kind: 'DeleteOptions',
  schema: deleteOptions,
}

export const statusType: WireType = { group: '', version: 'v1', kind: 'Status', schema: status }

/** What any object is without its content, as clients ask for it. */
const partialTypes: readonly WireType[] = ['v1', 'v1beta1'].map(version => ({
  group: 'meta.k8s.io',
  version,
  kind: 'PartialObjectMetadata',
  schema: partialObjectMetadata,
}))

/** Of every /scale. */
export const scaleType: WireType = {
  group: 'autoscaling',
  version: 'v1',
  kind: 'Scale',
  schema: scale,
}

/** Of pods/eviction. */
export const evictionType: WireType = {
  group: 'policy',
  version: 'v1',
  kind: 'Eviction',
  schema: eviction,
}

/** Of serviceaccounts/token. */
export const tokenRequestType: WireType = {
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'TokenRequest',
  schema: tokenRequest,
}

export const wireTypes: readonly WireType[] = [
  deleteOptionsType,
  statusType,
  ...partialTypes,
  scaleType,
  evictionType,
  tokenRequestType,
]
