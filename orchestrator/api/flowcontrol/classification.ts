// Which flow schema a request belongs to, and which of its flows. Schemas are looked through in the
// order of their precedence; the first that matches has it. Counterpart: util/flowcontrol/rule.go of
// apiserver. Pure.

import type {
  FlowSchema,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  Subject,
} from '../types/flowcontrol.js'

/** What of a request counts. */
export type RequestDigest =
  | {
      readonly kind: 'resource'
      readonly verb: string
      readonly group: string
      /** '' outside of namespaces. */
      readonly namespace: string
      readonly resource: string
      readonly subresource: string
      /** These three only for those who look at what is under way. */
      readonly name: string
      readonly version: string
      readonly path: string
    }
  | { readonly kind: 'non-resource'; readonly verb: string; readonly path: string }

export interface RequestUser {
  readonly name: string
  readonly groups: readonly string[]
}

/** The lower goes first; of equal ones that whose name does. */
export function inPrecedence(schemas: readonly FlowSchema[]): readonly FlowSchema[] {
  return schemas.toSorted(
    (a, b) =>
      (a.spec.matchingPrecedence ?? 0) - (b.spec.matchingPrecedence ?? 0) ||
      ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1),
  )
}

export function matchesSchema(
  { spec }: FlowSchema,
  user: RequestUser,
  request: RequestDigest,
): boolean {
  const { rules = [] } = spec
  for (const rule of rules) {
    if (matchesRequest(rule, request) && rule.subjects.some(one => matchesSubject(one, user))) {
      return true
    }
  }
  return false
}

/** What tells the flows of a schema apart; '' where it has but one. */
export function distinguisherOf(
  { spec }: FlowSchema,
  user: RequestUser,
  request: RequestDigest,
): string {
  const type = spec.distinguisherMethod?.type
  if (type === 'ByUser') return user.name
  return type === 'ByNamespace' && request.kind === 'resource' ? request.namespace : ''
}

const accountPrefix = 'system:serviceaccount:'

function matchesSubject(subject: Subject, user: RequestUser): boolean {
  switch (subject.kind) {
    case 'User':
      return subject.user?.name === '*' || subject.user?.name === user.name
    case 'Group': {
      const name = subject.group?.name ?? ''
      return name === '*' || user.groups.includes(name)
    }
    case 'ServiceAccount': {
      const { namespace = '', name = '' } = subject.serviceAccount ?? {}
      const prefix = `${accountPrefix}${namespace}:`
      return name === '*' ? user.name.startsWith(prefix) : user.name === prefix + name
    }
    default:
      return false
  }
}

function matchesRequest(rule: PolicyRulesWithSubjects, request: RequestDigest): boolean {
  if (request.kind === 'resource') {
    return rule.resourceRules?.some(one => matchesResource(one, request)) ?? false
  }
  return rule.nonResourceRules?.some(one => matchesPath(one, request.verb, request.path)) ?? false
}

function matchesResource(
  rule: ResourcePolicyRule,
  request: RequestDigest & { readonly kind: 'resource' },
): boolean {
  const { resource, subresource, namespace } = request
  const name = subresource === '' ? resource : `${resource}/${subresource}`
  if (!has(rule.verbs, request.verb)) return false
  if (!has(rule.apiGroups, request.group) || !has(rule.resources, name)) return false
  return namespace === '' ? rule.clusterScope === true : has(rule.namespaces ?? [], namespace)
}

function matchesPath(rule: NonResourcePolicyRule, verb: string, path: string): boolean {
  if (!has(rule.verbs, verb)) return false
  return rule.nonResourceURLs.some(url => {
    if (url === '*' || url === path) return true
    return url.endsWith('/*') && path.startsWith(url.slice(0, -1))
  })
}

function has(list: readonly string[], value: string): boolean {
  return list.includes('*') || list.includes(value)
}
