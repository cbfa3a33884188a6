// Writes what ownership.ts decided: adoption and release, each fenced by uid and version.

import type { KubeObject } from '../api/object.js'
import { isNotFound } from '../client/api-error.js'
import type { Resource } from '../client/resources.js'
import type { ApiClient } from '../client/rest-client.js'
import { type Claims, controllerReference } from './ownership.js'

/**
 * Adopts and releases. The owner is read afresh before the first adoption, since our copy may
 * show one that is gone or another of its name. Throws what the server refused, so that nothing
 * is counted on half-made claims; what was to be released and is gone is passed over.
 * `finalizer` comes with the ownership and goes with it.
 */
export async function makeClaims<O extends KubeObject, T extends KubeObject>(
  client: ApiClient,
  owner: { readonly resource: Resource<O>; readonly object: O },
  resource: Resource<T>,
  claims: Claims<T>,
  finalizer: string | null = null,
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
    const finalizers = [
      ...otherFinalizers(object, finalizer),
      ...(finalizer === null ? [] : [finalizer]),
    ]
    await setOwners(client, resource, object, { ownerReferences: references, finalizers })
  }
  for (const object of claims.release) {
    const others = (object.metadata.ownerReferences ?? []).filter(other => other.uid !== uid)
    const change = { ownerReferences: others, finalizers: otherFinalizers(object, finalizer) }
    await setOwners(client, resource, object, change).catch((error: unknown) => {
      if (!isNotFound(error)) throw error
    })
  }
}

function otherFinalizers({ metadata }: KubeObject, finalizer: string | null): readonly string[] {
  return (metadata.finalizers ?? []).filter(one => one !== finalizer)
}

async function setOwners(
  client: ApiClient,
  resource: Resource,
  object: KubeObject,
  change: Required<Pick<KubeObject['metadata'], 'ownerReferences' | 'finalizers'>>,
): Promise<void> {
  const { namespace = '', name = '', uid = '', resourceVersion = '' } = object.metadata
  const ownerReferences = change.ownerReferences.map(reference => ({ ...reference }))
  const metadata = { uid, resourceVersion, ownerReferences, finalizers: [...change.finalizers] }
  await client.patch(resource, { namespace, name }, 'merge', { metadata })
}
