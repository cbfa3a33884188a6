// Writes what revisions.ts decided: revisions adopted, made, given a newer number, and taken away. Counterpart:
// realHistory of pkg/controller/history.

import type { ControllerRevision } from '../api/types/apps-daemon-set.js'
import type { LabelSelector } from '../api/selectors.js'
import { isAlreadyExists, isNotFound } from '../client/api-error.js'
import { controllerRevisions, type Resource } from '../client/resources.js'
import type { ApiClient } from '../client/rest-client.js'
import { makeClaims } from './claiming.js'
import { claim, controllerOf } from './ownership.js'
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

export class RevisionHistory<T extends RevisedOwner> {
  readonly #client: ApiClient
  readonly #resource: Resource<T>
  readonly #selectorOf: (owner: T) => LabelSelector

  /** `resource` and `selectorOf` are the owners'. */
  constructor(client: ApiClient, resource: Resource<T>, selectorOf: (owner: T) => LabelSelector) {
    this.#client = client
    this.#resource = resource
    this.#selectorOf = selectorOf
  }

  /**
   * `candidates` are those that it owns or could adopt, as our copy shows them, in any order. Throws what the
   * server refused.
   */
  async update(owner: T, candidates: readonly ControllerRevision[]): Promise<UpdatedHistory> {
    const claims = claim(owner, this.#selectorOf(owner), candidates)
    const at = { resource: this.#resource, object: owner }
    await makeClaims(this.#client, at, controllerRevisions, claims)
    const revisions = inOrder([...claims.owned, ...claims.adopt])
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
    owner: T,
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
  async #make(owner: T, revision: ControllerRevision): Promise<ControllerRevision | null> {
    try {
      return await this.#client.create(controllerRevisions, revision)
    } catch (error) {
      if (!isAlreadyExists(error)) throw error
    }
    const { namespace = '', name = '' } = revision.metadata
    const found = await this.#client.get(controllerRevisions, { namespace, name })
    if (!sameData(found.data, revision.data)) return null
    // Our copy was behind: it is the one that was to be made.
    if (controllerOf(found)?.uid === owner.metadata.uid) return found
    // What an owner of the same name left behind is adopted once our copy shows that it is free.
    const adoptable = claim(owner, this.#selectorOf(owner), [found]).adopt.length > 0
    if (adoptable) throw new Error(`${name} is yet to be adopted`)
    return null
  }
}
