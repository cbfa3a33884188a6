// Where objects live in the store: /registry/<group or core>/<plural>/[<namespace>/]<name>.
// Counterpart: the key function of registry/generic. Pure.

import type { Kind } from '../api/kind.js'
import { storedKind } from '../api/stored-version.js'

export const registryPrefix = '/registry/'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** The part of the API that a key belongs to; what the cache keeps its tables by. */
export type ResourceId = string

export function resourceId(group: string, plural: string): ResourceId {
  return `${group === '' ? 'core' : group}/${plural}`
}

/** Where the objects of a kind are kept, whichever of its versions is asked for. */
export function resourceOfKind(kind: Kind): ResourceId {
  const { group, plural } = storedKind(kind)
  return resourceId(group, plural)
}

export function collectionPrefix(resource: ResourceId, namespace: string): string {
  const all = `${registryPrefix}${resource}/`
  return namespace === '' ? all : `${all}${namespace}/`
}

export function objectKey(resource: ResourceId, namespace: string, name: string): string {
  return `${collectionPrefix(resource, namespace)}${name}`
}

/** The resource of a key below /registry/, or null for a key that is no object's. */
export function resourceOfKey(key: string): ResourceId | null {
  if (!key.startsWith(registryPrefix)) return null
  const group = key.indexOf('/', registryPrefix.length)
  if (group === -1) return null
  const plural = key.indexOf('/', group + 1)
  if (plural === -1 || plural === key.length - 1) return null
  return key.slice(registryPrefix.length, plural)
}

export function keyBytes(key: string): Uint8Array {
  return encoder.encode(key)
}

export function keyText(key: Uint8Array): string {
  return decoder.decode(key)
}

/** The first key behind all that start with `prefix`; prefixes here end in '/', never in 0xff. */
export function prefixEnd(prefix: string): Uint8Array {
  const end = encoder.encode(prefix)
  const last = end.length - 1
  end[last] = (end[last] ?? 0) + 1
  return end
}
