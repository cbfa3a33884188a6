// Nobody may give others more than they may do themselves: which of the wanted rights are not held.
// Counterpart: rbac/validation of k8s.io/component-helpers and ConfirmNoEscalation. Pure.

import type { PolicyRule } from '../types/rbac.js'
import type { Subject } from './attributes.js'
import { urlsMatch } from './rule.js'

/** What a cluster administrator holds: needed to let roles aggregate others. */
export const fullAuthority: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
]

/** The sentence of the refusal; null when all of `wanted` is covered by `held`. */
export function escalationProblem(
  user: Subject,
  held: readonly PolicyRule[],
  wanted: readonly PolicyRule[],
  lookupError: string,
): string | null {
  const missing = missingRights(held, wanted)
  if (missing.length === 0) return null
  const texts = [...new Set(compacted(missing).map(ruleText))].sort()
  const groups = quotedList(user.groups)
  const sentence = `user ${JSON.stringify(user.name)} (groups=${groups}) is attempting to grant RBAC permissions not currently held:\n${texts.join('\n')}`
  return lookupError === '' ? sentence : `${sentence}; resolution errors: [${lookupError}]`
}

/** Each of the wanted rights by itself: one verb, one group, one resource, one name. */
export function missingRights(
  held: readonly PolicyRule[],
  wanted: readonly PolicyRule[],
): readonly PolicyRule[] {
  return wanted.flatMap(breakdown).filter(right => !held.some(owned => ruleCovers(owned, right)))
}

function breakdown(rule: PolicyRule): readonly PolicyRule[] {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule
  const rights: PolicyRule[] = []
  for (const group of apiGroups) {
    for (const resource of resources) {
      for (const verb of verbs) {
        const right = { verbs: [verb], apiGroups: [group], resources: [resource] }
        if (resourceNames.length === 0) rights.push(right)
        for (const name of resourceNames) rights.push({ ...right, resourceNames: [name] })
      }
    }
  }
  for (const url of nonResourceURLs) {
    for (const verb of verbs) rights.push({ verbs: [verb], nonResourceURLs: [url] })
  }
  return rights
}

/** Does the first rule allow all that the second does? */
function ruleCovers(owned: PolicyRule, right: PolicyRule): boolean {
  const names = owned.resourceNames ?? []
  const wantedNames = right.resourceNames ?? []
  return (
    coversAll(owned.verbs, right.verbs) &&
    coversAll(owned.apiGroups ?? [], right.apiGroups ?? []) &&
    resourcesCover(owned.resources ?? [], right.resources ?? []) &&
    (right.nonResourceURLs ?? []).every(url => urlsMatch(owned.nonResourceURLs ?? [], url)) &&
    (names.length === 0 ||
      (wantedNames.length > 0 && wantedNames.every(name => names.includes(name))))
  )
}

function coversAll(owned: readonly string[], wanted: readonly string[]): boolean {
  return owned.includes('*') || wanted.every(value => owned.includes(value))
}

function resourcesCover(owned: readonly string[], wanted: readonly string[]): boolean {
  if (owned.includes('*')) return true
  return wanted.every(resource => {
    if (owned.includes(resource)) return true
    const slash = resource.indexOf('/')
    return slash !== -1 && owned.includes(`*/${resource.slice(slash + 1)}`)
  })
}

/** Rights to the same resource become one rule with several verbs. */
function compacted(rights: readonly PolicyRule[]): readonly PolicyRule[] {
  const simple = new Map<string, PolicyRule>()
  const others: PolicyRule[] = []
  for (const right of rights) {
    const { verbs, apiGroups = [], resources = [], resourceNames = [] } = right
    if (resourceNames.length > 0 || apiGroups.length !== 1 || resources.length !== 1) {
      others.push(right)
      continue
    }
    const key = `${apiGroups[0] ?? ''}/${resources[0] ?? ''}`
    const known = simple.get(key)
    const added = verbs.filter(verb => known?.verbs.includes(verb) !== true)
    simple.set(key, known === undefined ? right : { ...known, verbs: [...known.verbs, ...added] })
  }
  return [...simple.values(), ...others]
}

/** As users know it: {APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}. */
function ruleText(rule: PolicyRule): string {
  const parts: string[] = []
  const add = (name: string, values: readonly string[] | undefined) => {
    if (values !== undefined && values.length > 0) parts.push(`${name}:${quotedList(values)}`)
  }
  add('APIGroups', rule.apiGroups)
  add('Resources', rule.resources)
  add('NonResourceURLs', rule.nonResourceURLs)
  add('ResourceNames', rule.resourceNames)
  add('Verbs', rule.verbs)
  return `{${parts.join(', ')}}`
}

function quotedList(values: readonly string[]): string {
  return `[${values.map(value => JSON.stringify(value)).join(' ')}]`
}
