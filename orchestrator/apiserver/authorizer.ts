// The chain that every request and every review passes: members of system:masters, paths that are
// open to all, nodes, roles and bindings. Counterpart: the union authorizer of a kube-apiserver
// with the modes Node and RBAC. What nobody allows is refused, with what each had to say.

import { mastersGroup } from '../api/rbac/attributes.js'
import type { Attributes } from '../api/rbac/attributes.js'
import { fullAuthority } from '../api/rbac/escalation.js'
import type { RoleRules, Verdict } from '../api/rbac/policy-index.js'
import type { PolicyRule, RoleRef } from '../api/types/rbac.js'
import type { User } from './authentication.js'
import { NodeAuthorizer, nodeOf, rulesOfNodes } from './node-authorizer.js'
import type { ObjectReader } from './object-reader.js'
import { RbacAuthorizer } from './rbac-authorizer.js'
import type { RegistryCache } from './registry-cache.js'

/** Probes must be answered also while there are no roles yet. */
const openPaths = new Set(['/healthz', '/livez', '/readyz'])

const freshMs = 5_000

export class Authorizer {
  readonly #cache: Pick<RegistryCache, 'waitUntilFresh'>
  readonly #nodes: NodeAuthorizer
  readonly #rbac: RbacAuthorizer

  constructor(
    reader: Pick<ObjectReader, 'cachedAt'>,
    cache: Pick<RegistryCache, 'resource' | 'waitUntilFresh'>,
  ) {
    this.#cache = cache
    this.#nodes = new NodeAuthorizer(reader, cache)
    this.#rbac = new RbacAuthorizer(reader, cache)
  }

  /** By what has arrived here. */
  verdict(user: User, asked: Attributes): Verdict {
    if (user.groups.includes(mastersGroup)) return { allowed: true, reason: '' }
    if (asked.kind === 'non-resource' && openPaths.has(asked.path)) {
      return { allowed: true, reason: '' }
    }
    const ofNode = this.#nodes.verdict(user, asked)
    if (ofNode.allowed) return ofNode
    const ofRoles = this.#rbac.verdict(user, asked)
    if (ofRoles.allowed) return ofRoles
    const reasons = [ofNode.reason, ofRoles.reason].filter(reason => reason !== '')
    return { allowed: false, reason: reasons.join('\n') }
  }

  /** A refusal counts only when everything that any master confirmed has been looked at. */
  async freshVerdict(user: User, asked: Attributes): Promise<Verdict> {
    const verdict = this.verdict(user, asked)
    if (verdict.allowed) return verdict
    await this.settle()
    return this.verdict(user, asked)
  }

  /** Rejects when the store does not take part in time. */
  async settle(): Promise<void> {
    await this.#cache.waitUntilFresh(freshMs)
  }

  /** All that a user may do in a namespace, '' for the cluster as a whole. */
  rulesFor(
    user: User,
    namespace: string,
  ): { readonly rules: readonly PolicyRule[]; readonly error: string } {
    const found = this.#rbac.rulesFor(user, namespace)
    const above = user.groups.includes(mastersGroup) ? fullAuthority : []
    const ofNode = nodeOf(user) === null ? [] : rulesOfNodes
    return { rules: [...above, ...ofNode, ...found.rules], error: found.error }
  }

  rulesOfReference(reference: RoleRef, namespace: string): RoleRules {
    return this.#rbac.rulesOfReference(reference, namespace)
  }
}
