// Short ways to write down rules, roles and bindings of the policy that every cluster begins with.
// Everything made here is kept up to date at each start, as its annotation says.

import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  Subject,
} from '../types/rbac.js'
import { rbacGroup } from './attributes.js'

export const autoUpdateAnnotation = 'rbac.authorization.kubernetes.io/autoupdate'

const apiVersion = `${rbacGroup}/v1`

/** Words separated by spaces; `core` in groups is the core group. */
export function rule(verbs: string, groups: string, resources: string, names = ''): PolicyRule {
  return {
    verbs: verbsOf(verbs),
    apiGroups: words(groups).map(group => (group === 'core' ? '' : group)),
    resources: words(resources),
    ...(names === '' ? {} : { resourceNames: words(names) }),
  }
}

export function urlRule(verbs: string, urls: string): PolicyRule {
  return { verbs: words(verbs), nonResourceURLs: words(urls) }
}

const verbSets: ReadonlyMap<string, readonly string[]> = new Map([
  ['READ', ['get', 'list', 'watch']],
  ['WRITE', ['create', 'delete', 'deletecollection', 'patch', 'update']],
])

/** READ and WRITE stand for the verbs that they mean. */
function verbsOf(text: string): readonly string[] {
  return words(text).flatMap(word => verbSets.get(word) ?? [word])
}

function words(text: string): readonly string[] {
  return text.split(' ')
}

export const eventsRule = rule('create patch update', 'core events.k8s.io', 'events')

/** To ask who somebody is and what they may do, for servers that have clients of their own. */
export const delegationRules: readonly PolicyRule[] = [
  rule('create', 'authentication.k8s.io', 'tokenreviews'),
  rule('create', 'authorization.k8s.io', 'subjectaccessreviews'),
]

function metadataOf(name: string, labels: Readonly<Record<string, string>> = {}) {
  return {
    name,
    annotations: { [autoUpdateAnnotation]: 'true' },
    labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults', ...labels },
  }
}

function aggregateLabel(to: string): Readonly<Record<string, string>> {
  return { [`${rbacGroup}/aggregate-to-${to}`]: 'true' }
}

/** `into`: the role that takes these rules up. */
export function clusterRoleOf(
  name: string,
  rules: readonly PolicyRule[],
  into: string | null = null,
): ClusterRole {
  const labels = into === null ? {} : aggregateLabel(into)
  return { apiVersion, kind: 'ClusterRole', metadata: metadataOf(name, labels), rules }
}

/** A role that is put together from those which are labelled for it. */
export function aggregateOf(name: string, into: string | null): ClusterRole {
  return {
    ...clusterRoleOf(name, [], into),
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: aggregateLabel(name) }] },
  }
}

export function roleOf(namespace: string, name: string, rules: readonly PolicyRule[]): Role {
  return { apiVersion, kind: 'Role', metadata: { ...metadataOf(name), namespace }, rules }
}

export function user(name: string): Subject {
  return { kind: 'User', apiGroup: rbacGroup, name }
}

export function group(name: string): Subject {
  return { kind: 'Group', apiGroup: rbacGroup, name }
}

export function account(name: string): Subject {
  return { kind: 'ServiceAccount', name, namespace: 'kube-system' }
}

export function clusterBindingOf(
  role: string,
  subjects: readonly Subject[],
  name = role,
): ClusterRoleBinding {
  return {
    apiVersion,
    kind: 'ClusterRoleBinding',
    metadata: metadataOf(name),
    roleRef: { apiGroup: rbacGroup, kind: 'ClusterRole', name: role },
    ...(subjects.length === 0 ? {} : { subjects }),
  }
}

export function bindingOf(
  namespace: string,
  role: string,
  subjects: readonly Subject[],
  name = role,
): RoleBinding {
  return {
    apiVersion,
    kind: 'RoleBinding',
    metadata: { ...metadataOf(name), namespace },
    roleRef: { apiGroup: rbacGroup, kind: 'Role', name: role },
    subjects,
  }
}
