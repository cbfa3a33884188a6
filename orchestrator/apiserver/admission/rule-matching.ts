// Which requests a rule is about, and which version of the object whoever wrote it gets to see. Pure.
// Counterpart: the predicates rules, namespace and object of apiserver/pkg/admission/plugin/webhook.

import type { Kind } from '../../api/kind.js'
import type { KubeObject } from '../../api/object.js'
import { matchesLabels } from '../../api/selectors.js'
import type { LabelSelector } from '../../api/selectors.js'
import { storedKind } from '../../api/stored-version.js'
import type { RuleWithOperations } from '../../api/types/admission-webhook.js'
import type { DynamicRequest } from './dynamic.js'
import { isKind } from './request.js'

const registration = 'admissionregistration.k8s.io'
const configurations: ReadonlySet<string> = new Set([
  'mutatingadmissionpolicies',
  'mutatingadmissionpolicybindings',
  'mutatingwebhookconfigurations',
  'validatingadmissionpolicies',
  'validatingadmissionpolicybindings',
  'validatingwebhookconfigurations',
])

/** What configures admission is not subject to it: a mistake could not be mended. */
export function isExempt({ kind }: DynamicRequest): boolean {
  return kind.group === registration && configurations.has(kind.plural)
}

/** A Namespace is in itself, also when it is made. */
export function namespaceOf({ kind, namespace, name, subresource }: DynamicRequest): string {
  return namespace === '' && subresource === '' && isKind(kind, '', 'namespaces') ? name : namespace
}

/** `kind`: as which version the request is taken. */
export function ruleMatches(
  rule: RuleWithOperations,
  request: DynamicRequest,
  kind: Kind = request.requestKind,
): boolean {
  const { operations = [], apiGroups = [], apiVersions = [], resources = [], scope = '*' } = rule
  return (
    scopeMatches(scope, request) &&
    has(operations, request.operation.toUpperCase()) &&
    has(apiGroups, kind.group) &&
    has(apiVersions, kind.version) &&
    resources.some(resource => resourceMatches(resource, kind.plural, request.subresource))
  )
}

function has(values: readonly string[], wanted: string): boolean {
  return values.includes('*') || values.includes(wanted)
}

function scopeMatches(scope: string, request: DynamicRequest): boolean {
  const inNamespace = request.namespace !== '' && !isKind(request.kind, '', 'namespaces')
  return scope === '*' || (scope === 'Namespaced') === inNamespace
}

function resourceMatches(pattern: string, plural: string, subresource: string): boolean {
  const slash = pattern.indexOf('/')
  const [name, below] =
    slash === -1 ? [pattern, ''] : [pattern.slice(0, slash), pattern.slice(slash + 1)]
  return (name === '*' || name === plural) && (below === '*' || below === subresource)
}

/**
 * The version in which the request matches: the client's where a rule speaks of it; else, where the
 * policy is Equivalent, the first other one that the earliest rule speaks of. Null: none.
 */
export function matchedKind(
  rules: readonly RuleWithOperations[],
  matchPolicy: string,
  request: DynamicRequest,
  served: readonly Kind[],
): Kind | null {
  const { requestKind } = request
  if (rules.some(rule => ruleMatches(rule, request))) return requestKind
  if (matchPolicy !== 'Equivalent') return null
  const others = served.filter(
    kind => kind !== requestKind && storedKind(kind) === storedKind(requestKind),
  )
  if (others.length === 0) return null
  for (const rule of rules) {
    const found = others.find(kind => ruleMatches(rule, request, kind))
    if (found !== undefined) return found
  }
  return null
}

/**
 * Labels of the request's namespace, as it will be; null where it is in none, so that no selector
 * exempts it. Undefined: there is no such namespace.
 */
export function namespaceLabels(
  request: DynamicRequest,
  namespace: (name: string) => KubeObject | null,
): KubeObject['metadata']['labels'] | null | 'missing' {
  const name = namespaceOf(request)
  const isNamespace = isKind(request.kind, '', 'namespaces')
  if (name === '' && !isNamespace) return null
  if (isNamespace && request.subresource === '' && request.operation !== 'delete') {
    return request.object?.metadata.labels
  }
  const found = namespace(name)
  return found === null ? 'missing' : found.metadata.labels
}

/** Whether what is written or what was there is selected. */
export function objectMatches(selector: LabelSelector, { object, old }: DynamicRequest): boolean {
  if (selector.length === 0) return true
  return [object, old].some(one => one !== null && matchesLabels(selector, labelsOf(one)))
}

/** The options of a stream have no metadata. */
function labelsOf({ metadata }: Partial<KubeObject>): KubeObject['metadata']['labels'] {
  return metadata?.labels
}
