// Who writes a role or a binding may give no more than they may do themselves, unless they are
// allowed to `escalate` the role or to `bind` it. Counterpart: registry/rbac/*/policybased.

import { must } from '../../platform/errors.js'
import { sameJson } from '../api/equality.js'
import { mastersGroup, rbacGroup } from '../api/rbac/attributes.js'
import { escalationProblem, fullAuthority, missingRights } from '../api/rbac/escalation.js'
import { ApiError, forbidden } from '../api/status.js'
import type { ClusterRole, PolicyRule, RoleBinding } from '../api/types/rbac.js'
import type { AdmissionRequest } from './admission.js'
import type { User } from './authentication.js'
import type { Authorizer } from './authorizer.js'

type Rights = Pick<Authorizer, 'verdict' | 'rulesFor' | 'rulesOfReference'>

/** Throws ApiError Forbidden, or NotFound for a binding to a role that is not there. */
export function guardRoles(request: AdmissionRequest, authorizer: Rights): void {
  const { kind, object, user } = request
  if (kind.group !== rbacGroup || object === null || user.groups.includes(mastersGroup)) return
  if (kind.plural === 'roles' || kind.plural === 'clusterroles') guardRole(request, authorizer)
  else guardBinding(request, authorizer)
}

function guardRole(request: AdmissionRequest, authorizer: Rights): void {
  const { kind, user, namespace } = request
  const role: ClusterRole = must(request.object, 'a role is written')
  const old: ClusterRole | null = request.old
  const name = role.metadata.name ?? ''
  const sameRules = old !== null && sameJson(old.rules ?? [], role.rules ?? [])
  const sameSources = sameJson(old?.aggregationRule, role.aggregationRule)
  if (sameRules && sameSources) return
  if (may(authorizer, user, 'escalate', kind.plural, namespace, name)) return
  const held = authorizer.rulesFor(user, namespace)
  if (!sameSources && missingRights(held.rules, fullAuthority).length > 0) {
    const text = 'must have cluster-admin privileges to use the aggregationRule'
    throw forbidden(kind, name, text)
  }
  if (!sameRules) confirm(request, authorizer, role.rules ?? [])
}

function guardBinding(request: AdmissionRequest, authorizer: Rights): void {
  const { user, namespace } = request
  const binding = request.object as RoleBinding
  const old = request.old as RoleBinding | null
  const { roleRef } = binding
  const unchanged =
    old !== null &&
    sameJson(old.roleRef, roleRef) &&
    sameJson(old.subjects ?? [], binding.subjects ?? [])
  if (unchanged) return
  const roles = roleRef.kind === 'Role' ? 'roles' : 'clusterroles'
  if (may(authorizer, user, 'bind', roles, namespace, roleRef.name)) return
  const found = authorizer.rulesOfReference(roleRef, namespace)
  if (found.kind === 'missing') {
    throw new ApiError({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: found.message,
      reason: 'NotFound',
      details: { name: roleRef.name, group: rbacGroup, kind: roleRef.kind.toLowerCase() },
      code: 404,
    })
  }
  confirm(request, authorizer, found.rules)
}

function confirm(
  { kind, user, namespace, object }: AdmissionRequest,
  authorizer: Rights,
  wanted: readonly PolicyRule[],
): void {
  const held = authorizer.rulesFor(user, namespace)
  const problem = escalationProblem(user, held.rules, wanted, held.error)
  if (problem !== null) throw forbidden(kind, object?.metadata.name ?? '', problem)
}

function may(
  authorizer: Rights,
  user: User,
  verb: 'escalate' | 'bind',
  resource: string,
  namespace: string,
  name: string,
): boolean {
  return authorizer.verdict(user, {
    kind: 'resource',
    verb,
    group: rbacGroup,
    resource,
    subresource: '',
    namespace,
    name,
  }).allowed
}
