// Writes the roles and bindings that every cluster begins with, or brings them up to date. Every
// master does this at its start. Counterpart: registry/rbac/rest/storage_rbac.go.

import { must } from '../../platform/errors.js'
import type { Kind } from '../api/kind.js'
import { findKind } from '../api/kinds.js'
import type { KubeObject } from '../api/object.js'
import { rbacGroup } from '../api/rbac/attributes.js'
import { bootstrapPolicy } from '../api/rbac/bootstrap-policy.js'
import { reconcileBinding, reconcileRole } from '../api/rbac/reconciliation.js'
import type { Reconciliation } from '../api/rbac/reconciliation.js'
import { isStatusReason } from '../api/status.js'
import type { RoleBinding } from '../api/types/rbac.js'
import type { ObjectReader } from './object-reader.js'
import type { ObjectWriter } from './object-writer.js'
import type { RegistryCache } from './registry-cache.js'
import type { ResourceEndpoints } from './resource-endpoints.js'
import { serverUser } from './system-bootstrap.js'

export interface RbacBootstrap {
  readonly endpoints: ResourceEndpoints
  readonly reader: ObjectReader
  readonly writer: ObjectWriter
  readonly cache: RegistryCache
}

type Reconcile = (current: KubeObject, expected: KubeObject) => Reconciliation<KubeObject>

/** Written side by side: one after another they would take as long as as many round trips. */
const batch = 32
const freshMs = 5_000

/** Rejects with ApiError when the store does not take part; call again. */
export async function ensureRbacPolicy(options: RbacBootstrap): Promise<void> {
  await options.cache.waitUntilFresh(freshMs)
  const { clusterRoles, clusterRoleBindings, roles, roleBindings } = bootstrapPolicy
  const ofRole: Reconcile = (current, expected) => reconcileRole(current, expected)
  const ofBinding: Reconcile = (current, expected) =>
    reconcileBinding(current as RoleBinding, expected as RoleBinding)
  const work = [
    ...clusterRoles.map(object => ({ plural: 'clusterroles', object, reconcile: ofRole })),
    ...roles.map(object => ({ plural: 'roles', object, reconcile: ofRole })),
    ...clusterRoleBindings.map(object => ({
      plural: 'clusterrolebindings',
      object,
      reconcile: ofBinding,
    })),
    ...roleBindings.map(object => ({ plural: 'rolebindings', object, reconcile: ofBinding })),
  ]
  for (let at = 0; at < work.length; at += batch) {
    await Promise.all(
      work.slice(at, at + batch).map(({ plural, object, reconcile }) => {
        const kind = must(findKind(rbacGroup, 'v1', plural), `${plural} are served`)
        return ensureOne(options, kind, object, reconcile)
      }),
    )
  }
}

async function ensureOne(
  options: RbacBootstrap,
  kind: Kind,
  expected: KubeObject,
  reconcile: Reconcile,
): Promise<void> {
  const { endpoints, reader, writer } = options
  const { namespace = '', name = '' } = expected.metadata
  const current = reader.cached(kind, namespace, name)?.object
  if (current === undefined) return create(endpoints, kind, expected)
  const planned = reconcile(current, expected)
  switch (planned.kind) {
    case 'keep':
      return
    case 'update':
      await writer.change(
        kind,
        namespace,
        name,
        stored => {
          const again = reconcile(stored, expected)
          return again.kind === 'update' ? { kind: 'put', object: again.object } : { kind: 'none' }
        },
        false,
      )
      return
    case 'recreate':
      await writer.change(kind, namespace, name, () => ({ kind: 'remove' }), false)
      return create(endpoints, kind, expected)
  }
}

async function create(
  endpoints: ResourceEndpoints,
  kind: Kind,
  expected: KubeObject,
): Promise<void> {
  try {
    await endpoints.createOwn(kind, expected, serverUser)
  } catch (error) {
    // Another master was faster.
    if (!isStatusReason(error, 'AlreadyExists')) throw error
  }
}
