// Bindings by whom they bind, so that a request looks at those of its user and groups and at no
// others. Counterpart: DefaultRuleResolver of pkg/registry/rbac/validation, which goes through all
// bindings of a namespace each time. Roles are looked up when a binding is used. Pure.

import type { ClusterRole, PolicyRule, Role, RoleBinding, RoleRef, Subject } from '../types/rbac.js'
import { rbacGroup, serviceAccountUser } from './attributes.js'
import type { Attributes, Subject as User } from './attributes.js'
import { ruleAllows } from './rule.js'

/** Finds what a binding refers to; undefined when it is not there. */
export interface RoleLookup {
  readonly role: (namespace: string, name: string) => Role | undefined
  readonly clusterRole: (name: string) => ClusterRole | undefined
}

/** A binding through one of its subjects, as reasons name it. */
export interface Grant {
  readonly binding: RoleBinding
  readonly subject: Subject
}

export type RoleRules =
  | { readonly kind: 'rules'; readonly rules: readonly PolicyRule[] }
  | { readonly kind: 'missing'; readonly message: string }

export interface Verdict {
  readonly allowed: boolean
  /** What allowed it, or which roles could not be found; '' when there is nothing to say. */
  readonly reason: string
}

/** Grants of one scope, by user name and by group; inner keys are the bindings' own. */
interface Scope {
  readonly users: Map<string, Map<string, Grant>>
  readonly groups: Map<string, Map<string, Grant>>
}

const wholeCluster = ''

export class PolicyIndex {
  readonly #scopes = new Map<string, Scope>()
  readonly #bindings = new Map<string, RoleBinding>()
  readonly #roles: RoleLookup

  constructor(roles: RoleLookup) {
    this.#roles = roles
  }

  clear(): void {
    this.#scopes.clear()
    this.#bindings.clear()
  }

  /** A ClusterRoleBinding is one without a namespace. `key` is unique among bindings of both kinds. */
  put(key: string, binding: RoleBinding): void {
    this.delete(key)
    this.#bindings.set(key, binding)
    const namespace = binding.metadata.namespace ?? wholeCluster
    for (const subject of binding.subjects ?? []) {
      const grants = this.#grantsTo(namespace, subject)
      // The first subject that fits is the one that a reason names.
      if (grants !== null && !grants.has(key)) grants.set(key, { binding, subject })
    }
  }

  delete(key: string): void {
    const binding = this.#bindings.get(key)
    if (binding === undefined) return
    this.#bindings.delete(key)
    const namespace = binding.metadata.namespace ?? wholeCluster
    const scope = this.#scopes.get(namespace)
    if (scope === undefined) return
    for (const subject of binding.subjects ?? []) {
      const place = placeOf(namespace, subject)
      if (place === null) continue
      const grants = scope[place.table].get(place.name)
      grants?.delete(key)
      if (grants?.size === 0) scope[place.table].delete(place.name)
    }
    if (scope.users.size === 0 && scope.groups.size === 0) this.#scopes.delete(namespace)
  }

  verdict(user: User, asked: Attributes): Verdict {
    const missing = new Set<string>()
    const namespace = asked.kind === 'resource' ? asked.namespace : wholeCluster
    for (const grant of this.#grantsOf(user, namespace)) {
      const found = this.rulesOfReference(
        grant.binding.roleRef,
        grant.binding.metadata.namespace ?? wholeCluster,
      )
      if (found.kind === 'missing') {
        missing.add(found.message)
        continue
      }
      if (found.rules.some(rule => ruleAllows(rule, asked))) {
        return { allowed: true, reason: `RBAC: allowed by ${grantText(grant)}` }
      }
    }
    return { allowed: false, reason: missing.size === 0 ? '' : `RBAC: ${errorList(missing)}` }
  }

  /** Everything that a user may do in a namespace ('' for the whole cluster only). */
  rulesFor(
    user: User,
    namespace: string,
  ): { readonly rules: readonly PolicyRule[]; readonly error: string } {
    const missing = new Set<string>()
    const rules: PolicyRule[] = []
    for (const { binding } of this.#grantsOf(user, namespace)) {
      const place = binding.metadata.namespace ?? wholeCluster
      const found = this.rulesOfReference(binding.roleRef, place)
      if (found.kind === 'missing') missing.add(found.message)
      else rules.push(...found.rules)
    }
    return { rules, error: errorList(missing) }
  }

  /** `namespace`: that of the binding, '' for a ClusterRoleBinding. */
  rulesOfReference({ kind, name }: RoleRef, namespace: string): RoleRules {
    const role = kind === 'Role' ? this.#roles.role(namespace, name) : this.#roles.clusterRole(name)
    if (role !== undefined) return { kind: 'rules', rules: role.rules ?? [] }
    return { kind: 'missing', message: `${kind.toLowerCase()}.${rbacGroup} "${name}" not found` }
  }

  *#grantsOf(user: User, namespace: string): Generator<Grant> {
    const scopes = namespace === wholeCluster ? [wholeCluster] : [wholeCluster, namespace]
    for (const name of scopes) {
      const scope = this.#scopes.get(name)
      if (scope === undefined) continue
      yield* scope.users.get(user.name)?.values() ?? []
      for (const group of user.groups) yield* scope.groups.get(group)?.values() ?? []
    }
  }

  #grantsTo(namespace: string, subject: Subject): Map<string, Grant> | null {
    const place = placeOf(namespace, subject)
    if (place === null) return null
    let scope = this.#scopes.get(namespace)
    if (scope === undefined) {
      scope = { users: new Map(), groups: new Map() }
      this.#scopes.set(namespace, scope)
    }
    let grants = scope[place.table].get(place.name)
    if (grants === undefined) {
      grants = new Map()
      scope[place.table].set(place.name, grants)
    }
    return grants
  }
}

/** Where a subject stands in a scope; null for one that is nobody. */
function placeOf(
  namespace: string,
  { kind, name, namespace: own = '' }: Subject,
): { readonly table: 'users' | 'groups'; readonly name: string } | null {
  switch (kind) {
    case 'User':
      return { table: 'users', name }
    case 'Group':
      return { table: 'groups', name }
    case 'ServiceAccount': {
      const home = own === '' ? namespace : own
      return home === '' ? null : { table: 'users', name: serviceAccountUser(home, name) }
    }
    default:
      return null
  }
}

function grantText({ binding, subject }: Grant): string {
  const { name = '', namespace = '' } = binding.metadata
  const { roleRef } = binding
  const what =
    namespace === '' ? `ClusterRoleBinding "${name}"` : `RoleBinding "${name}/${namespace}"`
  const home = subject.namespace ?? namespace
  const who = subject.kind === 'ServiceAccount' ? `${subject.name}/${home}` : subject.name
  return `${what} of ${roleRef.kind} "${roleRef.name}" to ${subject.kind} "${who}"`
}

/** As the original lists errors: one bare, several in brackets. */
function errorList(messages: ReadonlySet<string>): string {
  const list = [...messages]
  return list.length > 1 ? `[${list.join(', ')}]` : (list[0] ?? '')
}
