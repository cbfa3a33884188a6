// The IPAddress that says which Service holds a cluster IP. It is the claim itself: while its key is
// in the store, nobody else can be given the address. Counterpart:
// registry/core/service/ipallocator. Pure.

import type { KubeObject } from '../api/object.js'
import { objectKey, resourceId } from './keys.js'
import { asObject } from './object-fields.js'

export const addressResource = resourceId('networking.k8s.io', 'ipaddresses')

const managedByLabel = 'ipaddress.kubernetes.io/managed-by'
const familyLabel = 'ipaddress.kubernetes.io/ip-family'
const manager = 'ipallocator'

/** The key that holds a cluster IP. */
export function addressKey(ip: string): string {
  return objectKey(addressResource, '', ip)
}

/** Null for a key of something else. */
export function addressOfKey(key: string): string | null {
  const prefix = addressKey('')
  return key.startsWith(prefix) ? key.slice(prefix.length) : null
}

/** `creationTimestamp` in RFC 3339, `uid` in the usual form. */
export function serviceAddress(
  ip: string,
  service: KubeObject,
  { uid, creationTimestamp }: { readonly uid: string; readonly creationTimestamp: string },
): KubeObject {
  const { name = '', namespace = '' } = service.metadata
  return asObject({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IPAddress',
    metadata: {
      name: ip,
      uid,
      creationTimestamp,
      labels: { [familyLabel]: 'IPv4', [managedByLabel]: manager },
    },
    spec: { parentRef: { resource: 'services', namespace, name } },
  })
}

/** Made by us, not by a user who keeps an address for something else. */
export function isServiceAddress(address: KubeObject): boolean {
  return address.metadata.labels?.[managedByLabel] === manager
}
