// Keeps the rules of ClusterRoles that are put together from others in step with those. Counterpart:
// pkg/controller/clusterroleaggregation, which is a controller and needs the right to escalate; here
// the servers do it themselves. All masters may do it at once: they come to the same rules.

import type { Clock, Timer } from '../../platform/clock.js'
import { must } from '../../platform/errors.js'
import type { Logger } from '../../platform/logger.js'
import { findKind } from '../api/kinds.js'
import { aggregatedRules } from '../api/rbac/aggregation.js'
import { rbacGroup } from '../api/rbac/attributes.js'
import { isStatusReason } from '../api/status.js'
import type { ClusterRole } from '../api/types/rbac.js'
import { resourceId } from './keys.js'
import type { ObjectReader } from './object-reader.js'
import type { ObjectWriter } from './object-writer.js'
import type { RegistryCache } from './registry-cache.js'

export interface RoleAggregationOptions {
  readonly reader: ObjectReader
  readonly writer: ObjectWriter
  readonly cache: RegistryCache
  readonly clock: Clock
  readonly logger: Logger
}

const retryMs = 1_000

/** One role may be part of another that is part of a third: rounds until nothing changes. */
const roundsMax = 16

export class RoleAggregation {
  readonly #options: RoleAggregationOptions
  readonly #unlisten: () => void
  #running = false
  #again = false
  #stopped = false
  #retry: Timer | null = null

  constructor(options: RoleAggregationOptions) {
    this.#options = options
    const look = () => this.#look()
    this.#unlisten = options.cache.listen(resourceId(rbacGroup, 'clusterroles'), {
      onChange: look,
      onReset: look,
    })
  }

  stop(): void {
    this.#stopped = true
    this.#unlisten()
    this.#retry?.cancel()
  }

  #look(): void {
    if (this.#stopped) return
    if (this.#running) {
      this.#again = true
      return
    }
    this.#running = true
    this.#again = false
    const { clock, logger } = this.#options
    this.settle()
      .then(() => {
        this.#running = false
        if (this.#again) this.#look()
      })
      .catch((error: unknown) => {
        this.#running = false
        logger.warn({ error: String(error) }, 'roles not put together yet, trying again')
        this.#retry?.cancel()
        this.#retry = this.#stopped ? null : clock.setTimer(retryMs, () => this.#look())
      })
  }

  /** Resolves when every aggregate says what the roles at hand make of it. Throws ApiError. */
  async settle(): Promise<void> {
    for (let round = 0; round < roundsMax && !this.#stopped; round++) {
      const roles = this.#roles()
      const wrong = roles.filter(role => aggregatedRules(role, roles) !== null)
      if (wrong.length === 0) return
      for (const role of wrong) await this.#write(role.metadata.name ?? '')
    }
  }

  #roles(): readonly ClusterRole[] {
    return this.#options.reader
      .cachedList(rbacGroup, 'clusterroles', '')
      .map(stored => stored.object as ClusterRole)
  }

  async #write(name: string): Promise<void> {
    const kind = must(findKind(rbacGroup, 'v1', 'clusterroles'), 'clusterroles are served')
    try {
      const { object } = await this.#options.writer.change(
        kind,
        '',
        name,
        current => {
          const rules = aggregatedRules(current, this.#roles())
          return rules === null
            ? { kind: 'none' }
            : { kind: 'put', object: { ...(current as ClusterRole), rules } }
        },
        false,
      )
      await this.#options.cache.waitFor(object.revision, retryMs)
    } catch (error) {
      // Deleted meanwhile: nothing to put together.
      if (!isStatusReason(error, 'NotFound')) throw error
    }
  }
}
