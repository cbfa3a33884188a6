// Checks of roles and bindings. Counterpart: pkg/apis/rbac/validation.

import type { FieldError } from '../kind.js'
import { sameJson } from '../equality.js'
import { rbacGroup } from '../rbac/attributes.js'
import type { ClusterRole, PolicyRule, Role, RoleBinding, Subject } from '../types/rbac.js'
import { invalidFor, invalidValue, notSupported, required } from './field-errors.js'
import { validateLabelSelector, validateObjectName } from './metadata.js'
import { dns1123Subdomain } from './names.js'

/** Names of roles may hold anything that a path can: "system:node" among them. */
export function pathSegment(name: string): string[] {
  if (name === '.' || name === '..') return [`may not be '${name}'`]
  return ['/', '%'].filter(part => name.includes(part)).map(part => `may not contain '${part}'`)
}

export function validateRole(role: Role): FieldError[] {
  return [...validateObjectName(role, pathSegment), ...validateRules(role.rules ?? [], true)]
}

export function validateClusterRole(role: ClusterRole): FieldError[] {
  return [
    ...validateObjectName(role, pathSegment),
    ...validateRules(role.rules ?? [], false),
    ...validateAggregation(role),
  ]
}

function validateAggregation({ aggregationRule }: ClusterRole): FieldError[] {
  if (aggregationRule === undefined) return []
  const field = 'aggregationRule.clusterRoleSelectors'
  const selectors = aggregationRule.clusterRoleSelectors ?? []
  if (selectors.length === 0) {
    const text = 'at least one clusterRoleSelector required if aggregationRule is non-nil'
    return [required(field, text)]
  }
  return selectors.flatMap((selector, index) =>
    validateLabelSelector(selector, `${field}[${index}]`),
  )
}

function validateRules(rules: readonly PolicyRule[], namespaced: boolean): FieldError[] {
  return rules.flatMap((rule, index) => validateRule(rule, namespaced, `rules[${index}]`))
}

function validateRule(rule: PolicyRule, namespaced: boolean, field: string): FieldError[] {
  const { verbs, apiGroups = [], resources = [], resourceNames = [] } = rule
  const urls = rule.nonResourceURLs ?? []
  const errors: FieldError[] = []
  if (verbs.length === 0) {
    errors.push(required(`${field}.verbs`, 'verbs must contain at least one value'))
  }
  if (urls.length > 0) {
    const wrong = (text: string) =>
      errors.push(invalidValue(`${field}.nonResourceURLs`, urls, text))
    if (namespaced) wrong('namespaced rules cannot apply to non-resource URLs')
    if (apiGroups.length + resources.length + resourceNames.length > 0) {
      wrong('rules cannot apply to both regular resources and non-resource URLs')
    }
    return errors
  }
  if (apiGroups.length === 0) {
    const text = 'resource rules must supply at least one api group'
    errors.push(required(`${field}.apiGroups`, text))
  }
  if (resources.length === 0) {
    const text = 'resource rules must supply at least one resource'
    errors.push(required(`${field}.resources`, text))
  }
  return errors
}

/** Of RoleBindings and ClusterRoleBindings, which may refer to no Role. */
export function validateBinding(
  binding: RoleBinding,
  old: RoleBinding | null,
  namespaced: boolean,
): FieldError[] {
  const { roleRef, subjects = [] } = binding
  const kinds = namespaced ? ['Role', 'ClusterRole'] : ['ClusterRole']
  const errors = [...validateObjectName(binding, pathSegment)]
  if (roleRef.apiGroup !== rbacGroup) {
    errors.push(notSupported('roleRef.apiGroup', roleRef.apiGroup ?? '', [rbacGroup]))
  }
  if (!kinds.includes(roleRef.kind)) errors.push(notSupported('roleRef.kind', roleRef.kind, kinds))
  if (roleRef.name === '') errors.push(required('roleRef.name'))
  else errors.push(...invalidFor('roleRef.name', roleRef.name, pathSegment(roleRef.name)))
  errors.push(
    ...subjects.flatMap((subject, index) =>
      validateSubject(subject, namespaced, `subjects[${index}]`),
    ),
  )
  if (old !== null && !sameJson(old.roleRef, roleRef)) {
    errors.push(invalidValue('roleRef', { ...roleRef }, 'cannot change roleRef'))
  }
  return errors
}

function validateSubject(subject: Subject, namespaced: boolean, field: string): FieldError[] {
  const { kind, name, apiGroup = '', namespace = '' } = subject
  const errors = name === '' ? [required(`${field}.name`)] : []
  switch (kind) {
    case 'ServiceAccount':
      if (name !== '') errors.push(...invalidFor(`${field}.name`, name, dns1123Subdomain(name)))
      if (apiGroup !== '') errors.push(notSupported(`${field}.apiGroup`, apiGroup, ['']))
      if (!namespaced && namespace === '') errors.push(required(`${field}.namespace`))
      return errors
    case 'User':
    case 'Group':
      if (name === '') {
        const text = `${kind.toLowerCase()} name cannot be empty`
        errors.push(invalidValue(`${field}.name`, name, text))
      }
      if (apiGroup !== rbacGroup) {
        errors.push(notSupported(`${field}.apiGroup`, apiGroup, [rbacGroup]))
      }
      return errors
    default:
      errors.push(notSupported(`${field}.kind`, kind, ['ServiceAccount', 'User', 'Group']))
      return errors
  }
}
