// Roles and bindings as the cache has them. Counterpart: plugin/pkg/auth/authorizer/rbac.
// The index is brought up to date by each question; without changes that is two comparisons.

import { rbacGroup } from '../api/rbac/attributes.js'
import type { Attributes, Subject } from '../api/rbac/attributes.js'
import { PolicyIndex } from '../api/rbac/policy-index.js'
import type { RoleRules, Verdict } from '../api/rbac/policy-index.js'
import type { PolicyRule, RoleBinding, RoleRef } from '../api/types/rbac.js'
import { CacheFollower } from './cache-follower.js'
import { resourceId } from './keys.js'
import type { ObjectReader } from './object-reader.js'
import type { RegistryCache } from './registry-cache.js'

export class RbacAuthorizer {
  readonly #clusterBindings: CacheFollower
  readonly #bindings: CacheFollower
  readonly #index: PolicyIndex

  constructor(reader: Pick<ObjectReader, 'cachedAt'>, cache: Pick<RegistryCache, 'resource'>) {
    const index = new PolicyIndex({
      role: (namespace, name) => reader.cachedAt(rbacGroup, 'roles', namespace, name)?.object,
      clusterRole: name => reader.cachedAt(rbacGroup, 'clusterroles', '', name)?.object,
    })
    this.#index = index
    const follow = (plural: string) => {
      const own = new Set<string>()
      return new CacheFollower(cache, resourceId(rbacGroup, plural), {
        // The other kind of binding shares the index and is not touched.
        clear: () => {
          for (const key of own) index.delete(key)
          own.clear()
        },
        put: stored => {
          own.add(stored.key)
          index.put(stored.key, stored.object as RoleBinding)
        },
        remove: key => {
          own.delete(key)
          index.delete(key)
        },
      })
    }
    this.#clusterBindings = follow('clusterrolebindings')
    this.#bindings = follow('rolebindings')
  }

  verdict(user: Subject, asked: Attributes): Verdict {
    return this.#current().verdict(user, asked)
  }

  rulesFor(
    user: Subject,
    namespace: string,
  ): { readonly rules: readonly PolicyRule[]; readonly error: string } {
    return this.#current().rulesFor(user, namespace)
  }

  rulesOfReference(reference: RoleRef, namespace: string): RoleRules {
    return this.#current().rulesOfReference(reference, namespace)
  }

  #current(): PolicyIndex {
    this.#clusterBindings.catchUp()
    this.#bindings.catchUp()
    return this.#index
  }
}
