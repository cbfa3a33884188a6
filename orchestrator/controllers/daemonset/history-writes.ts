// Writes what the history of a DaemonSet needs: a revision for each template, the newest number for the current one,
// and no more than are kept. Counterpart: snapshot in update.go of pkg/controller/daemon.

import { unreachable } from '../../../platform/errors.js'
import type { ControllerRevision, DaemonSet } from '../../api/types/apps-daemon-set.js'
import { isAlreadyExists, isNotFound } from '../../client/api-error.js'
import { controllerRevisions, daemonSets } from '../../client/resources.js'
import type { ApiClient } from '../../client/rest-client.js'
import { claim, controllerOf } from '../ownership.js'
import { planRevision, sameData } from '../revisions.js'
import { selectorOf } from './reconcile.js'
import { noStatus } from './status.js'

/**
 * The revision that the set's template is, with the newest number; made when there is none. `known` are all of the
 * set's, oldest first. Throws when its name is taken by something else: the next round finds another one.
 */
export async function ensureRevision(
  client: ApiClient,
  set: DaemonSet,
  known: readonly ControllerRevision[],
): Promise<ControllerRevision> {
  const { kind, revision } = planRevision(set, known, set.status?.collisionCount ?? 0)
  switch (kind) {
    case 'known':
      return revision
    case 'returned':
      return await client.update(controllerRevisions, revision)
    case 'new':
      return await makeRevision(client, set, revision)
    default:
      return unreachable(kind)
  }
}

export async function removeRevisions(
  client: ApiClient,
  revisions: readonly ControllerRevision[],
): Promise<void> {
  for (const { metadata } of revisions) {
    const { namespace = '', name = '', uid = '' } = metadata
    await client
      .delete(controllerRevisions, { namespace, name }, { uid })
      .catch((error: unknown) => {
        if (!isNotFound(error)) throw error
      })
  }
}

async function makeRevision(
  client: ApiClient,
  set: DaemonSet,
  wanted: ControllerRevision,
): Promise<ControllerRevision> {
  try {
    return await client.create(controllerRevisions, wanted)
  } catch (error) {
    if (!isAlreadyExists(error)) throw error
  }
  const { namespace = '', name = '' } = wanted.metadata
  const found = await client.get(controllerRevisions, { namespace, name })
  // Our own, which the informer has yet to show.
  const same = sameData(found.data, wanted.data)
  if (same && controllerOf(found)?.uid === set.metadata.uid) return found
  // What a set of the same name left behind is adopted once the informer shows that it is free.
  const adoptable = claim(set, selectorOf(set), [found]).adopt.length > 0
  if (same && adoptable) throw new Error(`${name} is yet to be adopted`)
  // With the version that the count was read from: two rounds never count the same collision.
  const { status = noStatus } = set
  const collisionCount = (status.collisionCount ?? 0) + 1
  await client.updateStatus(daemonSets, { ...set, status: { ...status, collisionCount } })
  throw new Error(`the name ${name} is taken: the next hash avoids it`)
}
