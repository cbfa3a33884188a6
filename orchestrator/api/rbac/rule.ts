// Whether one rule allows one request. Counterpart: RuleAllows of plugin/pkg/auth/authorizer/rbac and
// the matchers of pkg/apis/rbac/v1. Pure; runs for every rule of every request.

import type { PolicyRule } from '../types/rbac.js'
import type { Attributes } from './attributes.js'

export function ruleAllows(rule: PolicyRule, asked: Attributes): boolean {
  if (!has(rule.verbs, asked.verb)) return false
  if (asked.kind === 'non-resource') return urlsMatch(rule.nonResourceURLs ?? [], asked.path)
  return (
    has(rule.apiGroups ?? [], asked.group) &&
    resourcesMatch(rule.resources ?? [], asked.resource, asked.subresource) &&
    namesMatch(rule.resourceNames ?? [], asked.name)
  )
}

function has(list: readonly string[], value: string): boolean {
  return list.includes(value) || list.includes('*')
}

function resourcesMatch(
  resources: readonly string[],
  resource: string,
  subresource: string,
): boolean {
  if (resources.includes('*')) return true
  if (subresource === '') return resources.includes(resource)
  return resources.includes(`${resource}/${subresource}`) || resources.includes(`*/${subresource}`)
}

/** A rule with names says nothing of requests without one, such as lists and creates. */
function namesMatch(names: readonly string[], name: string): boolean {
  return names.length === 0 || names.includes(name)
}

/** A URL of a rule may end in `*`, which stands for anything from there on. */
export function urlsMatch(urls: readonly string[], path: string): boolean {
  return urls.some(
    url => url === '*' || url === path || (url.endsWith('*') && path.startsWith(url.slice(0, -1))),
  )
}
