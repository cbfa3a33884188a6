import { describe, expect, test } from 'vitest'
import type { Kind } from '../kind.js'
import { clusterRoleBinding, roleBinding } from '../kinds/rbac/role-binding.js'
import { clusterRole, role } from '../kinds/rbac/role.js'
import type { KubeObject } from '../object.js'
import type { ClusterRole } from '../types/rbac.js'
import { validateObject } from '../validation/object.js'
import { aggregatedRules } from './aggregation.js'
import { bootstrapPolicy } from './bootstrap-policy.js'
import { aggregateOf, bindingOf, clusterRoleOf, rule, user } from './policy-builders.js'
import { reconcileBinding, reconcileRole } from './reconciliation.js'

const { clusterRoles, clusterRoleBindings, roles, roleBindings } = bootstrapPolicy

describe('the policy that a cluster begins with', () => {
  const parts: readonly (readonly [Kind, readonly KubeObject[]])[] = [
    [clusterRole, clusterRoles],
    [role, roles],
    [clusterRoleBinding, clusterRoleBindings],
    [roleBinding, roleBindings],
  ]

  test.each(parts)('is valid, complete and without repeats: %o', (kind, objects) => {
    const names = objects.map(
      ({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name ?? ''}`,
    )
    expect(names).toEqual([...new Set(names)])
    for (const object of objects) {
      expect(kind.withDefaults(object)).toEqual(object)
      expect(validateObject(kind, object, null), object.metadata.name).toEqual([])
    }
  })

  test('binds to roles that are there', () => {
    const known = new Set(clusterRoles.map(({ metadata }) => metadata.name))
    const missing = clusterRoleBindings.filter(({ roleRef }) => !known.has(roleRef.name))
    expect(missing).toEqual([])
    for (const { metadata, roleRef } of roleBindings) {
      const found = roles.some(
        r => r.metadata.namespace === metadata.namespace && r.metadata.name === roleRef.name,
      )
      expect(found, metadata.name).toBe(true)
    }
  })

  test('gives nothing of ours all rights', () => {
    const all = clusterRoleBindings.filter(({ roleRef }) => roleRef.name === 'cluster-admin')
    expect(all.flatMap(({ subjects = [] }) => subjects.map(({ name }) => name))).toEqual([
      'system:masters',
    ])
  })
})

describe('roles that are made of others', () => {
  const one = clusterRoleOf('one', [rule('get', 'core', 'pods')], 'view')
  const two = clusterRoleOf('two', [rule('get', 'core', 'pods'), rule('get', 'apps', 'x')], 'view')
  const view = aggregateOf('view', null)

  test('have the rules of all that are labelled for them, each once, by name', () => {
    const rules = [rule('get', 'core', 'pods'), rule('get', 'apps', 'x')]
    expect(aggregatedRules(view, [two, view, one])).toEqual(rules)
    expect(aggregatedRules({ ...view, rules }, [two, view, one])).toBeNull()
    expect(aggregatedRules(one, [one, two])).toBeNull()
  })

  test('lose what is labelled no more', () => {
    const stale: ClusterRole = { ...view, rules: [rule('*', '*', '*')] }
    expect(aggregatedRules(stale, [stale])).toEqual([])
  })
})

describe('bringing stored policy up to date', () => {
  const expected = clusterRoleOf('r', [rule('get', 'core', 'pods'), rule('get', 'core', 'nodes')])

  test('adds what is missing and keeps what was added', () => {
    const own = rule('delete', 'core', 'pods')
    const current: ClusterRole = {
      ...expected,
      metadata: { ...expected.metadata, uid: 'u', labels: { mine: 'yes' } },
      rules: [rule('get', 'core', 'pods'), own],
    }
    expect(reconcileRole(current, expected)).toMatchObject({
      kind: 'update',
      object: {
        metadata: {
          uid: 'u',
          labels: { mine: 'yes', 'kubernetes.io/bootstrapping': 'rbac-defaults' },
        },
        rules: [rule('get', 'core', 'pods'), own, rule('get', 'core', 'nodes')],
      },
    })
    expect(reconcileRole(expected, expected)).toEqual({ kind: 'keep' })
  })

  test('leaves alone what is taken out of it, and the rules of aggregates', () => {
    const annotations = { 'rbac.authorization.kubernetes.io/autoupdate': 'false' }
    const mine: ClusterRole = { ...expected, metadata: { name: 'r', annotations }, rules: [] }
    expect(reconcileRole(mine, expected)).toEqual({ kind: 'keep' })
    const view = aggregateOf('view', null)
    expect(reconcileRole({ ...view, rules: expected.rules ?? [] }, view)).toEqual({ kind: 'keep' })
  })

  test('makes a binding anew whose role is another', () => {
    const binding = bindingOf('kube-system', 'r', [user('ann')])
    const more = bindingOf('kube-system', 'r', [user('ann'), user('bob')])
    expect(reconcileBinding(more, binding)).toEqual({ kind: 'keep' })
    expect(reconcileBinding(binding, more)).toMatchObject({
      kind: 'update',
      object: { subjects: [user('ann'), user('bob')] },
    })
    const other = { ...binding, roleRef: { ...binding.roleRef, name: 'x' } }
    expect(reconcileBinding(other, binding)).toEqual({ kind: 'recreate', object: binding })
  })
})
