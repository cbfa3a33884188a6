// Writes what revisions.ts decided: revisions made, given a newer number, and taken away. Counterpart:
// realHistory of pkg/controller/history.

import type { ControllerRevision } from '../api/types/apps-daemon-set.js'
import { isAlreadyExists, isNotFound } from '../client/api-error.js'
import { controllerRevisions } from '../client/resources.js'
import type { ApiClient } from '../client/rest-client.js'
import { controllerOf } from './ownership.js'
import {
  inOrder,
  planRevision,
  type RevisedOwner,
  sameData,
  surplusRevisions,
} from './revisions.js'

/** Two templates of one hash are rare, a dozen of them a broken hash. */
const collisionsMax = 12

interface UpdatedHistory {
  /** What the template is now. */
  readonly update: ControllerRevision
  /** All of them, oldest first. */
  readonly revisions: readonly ControllerRevision[]
  /** To be kept in the owner's status. */
  readonly collisionCount: number
}

export class RevisionHistory {
  readonly #client: ApiClient

  constructor(client: ApiClient) {
    this.#client = client
  }

  /** `known` are those of the owner that our copy shows, in any order. Throws what the server refused. */
  async update(owner: RevisedOwner, known: readonly ControllerRevision[]): Promise<UpdatedHistory> {
    const revisions = inOrder(known)
    let collisionCount = owner.status?.collisionCount ?? 0
    for (let collisions = 0; collisions <= collisionsMax; collisions++) {
      const { kind, revision } = planRevision(owner, revisions, collisionCount)
      const update =
        kind === 'known'
          ? revision
          : kind === 'returned'
            ? await this.#client.update(controllerRevisions, revision)
            : await this.#make(owner, revision)
      if (update !== null) {
        const others = revisions.filter(({ metadata }) => metadata.name !== update.metadata.name)
        return { update, revisions: [...others, update], collisionCount }
      }
      collisionCount += 1
    }
    throw new Error(`no name is free for a revision of ${owner.metadata.name}`)
  }

  async truncate(
    owner: RevisedOwner,
    revisions: readonly ControllerRevision[],
    inUse: ReadonlySet<string>,
  ): Promise<void> {
    for (const { metadata } of surplusRevisions(owner, revisions, inUse)) {
      const { namespace = '', name = '', uid = '' } = metadata
      await this.#client
        .delete(controllerRevisions, { namespace, name }, { uid })
        .catch((error: unknown) => {
          if (!isNotFound(error)) throw error
        })
    }
  }

  /** Null when another revision has its name. */
  async #make(
    owner: RevisedOwner,
    revision: ControllerRevision,
  ): Promise<ControllerRevision | null> {
    try {
      return await this.#client.create(controllerRevisions, revision)
    } catch (error) {
      if (!isAlreadyExists(error)) throw error
    }
    const { namespace = '', name = '' } = revision.metadata
    const found = await this.#client.get(controllerRevisions, { namespace, name })
    const ours = controllerOf(found)?.uid === owner.metadata.uid
    // Our copy was behind: it is the one that was to be made.
    return ours && sameData(found.data, revision.data) ? found : null
  }
}
