// Writes what ownership.ts decided: adoption and release, each fenced by uid and version.

import type { KubeObject } from '../api/object.js'
import { isNotFound } from '../client/api-error.js'
import type { Resource } from '../client/resources.js'
import type { ApiClient } from '../client/rest-client.js'
import { type Claims, controllerReference } from './ownership.js'

/**
 * Adopts and releases. The owner is read afresh before the first adoption, since our copy may
 * show one that is gone or another of its name. Throws what the server refused, so that nothing
 * is counted on half-made claims; objects that are gone are passed over.
 */
export async function makeClaims<O extends KubeObject, T extends KubeObject>(
  client: ApiClient,
  owner: { readonly resource: Resource<O>; readonly object: O },
  resource: Resource<T>,
  claims: Claims<T>,
): Promise<void> {
  const { namespace = '', name = '', uid } = owner.object.metadata
  if (claims.adopt.length > 0) {
    const fresh = await client.get(owner.resource, { namespace, name })
    if (fresh.metadata.uid !== uid) throw new Error(`${name} is another object by now`)
    if (fresh.metadata.deletionTimestamp) throw new Error(`${name} has just been deleted`)
  }
  for (const object of claims.adopt) {
    const others = object.metadata.ownerReferences ?? []
    const references = [...others, controllerReference(owner.object)]
    await setOwners(client, resource, object, references)
  }
  for (const object of claims.release) {
    const others = (object.metadata.ownerReferences ?? []).filter(other => other.uid !== uid)
    await setOwners(client, resource, object, others).catch((error: unknown) => {
      if (!isNotFound(error)) throw error
    })
  }
}

async function setOwners(
  client: ApiClient,
  resource: Resource,
  object: KubeObject,
  ownerReferences: NonNullable<KubeObject['metadata']['ownerReferences']>,
): Promise<void> {
  const { namespace = '', name = '', uid = '', resourceVersion = '' } = object.metadata
  const references = ownerReferences.map(reference => ({ ...reference }))
  const metadata = { uid, resourceVersion, ownerReferences: references }
  await client.patch(resource, { namespace, name }, 'merge', { metadata })
}
