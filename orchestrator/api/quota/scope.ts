// Which objects a quota is about: all, or the pods of its scopes.
// Counterpart: podMatchesScopeFunc of pkg/quota/v1/evaluator/core.

import type { Kind } from '../kind.js'
import type { KubeObject } from '../object.js'
import { podQosClass } from '../pod-resources.js'
import type { PodAffinityTerm } from '../types/core-scheduling.js'
import type { Pod } from '../types/core-pod.js'
import type { ResourceQuota, ScopedResourceSelectorRequirement } from '../types/core-quota.js'
import { countedResource } from './usage.js'

/** The names in the quota that objects of the kind use. */
export function namesFor(
  hard: { readonly [name: string]: string } | undefined,
  kind: Pick<Kind, 'group' | 'plural'>,
): readonly string[] {
  return Object.keys(hard ?? {}).filter(name => {
    const counted = countedResource(name)
    return counted?.group === kind.group && counted.plural === kind.plural
  })
}

/** The resources whose objects use any of the names, each once. */
export function countedResources(
  hard: { readonly [name: string]: string } | undefined,
): readonly Pick<Kind, 'group' | 'plural'>[] {
  const found = Object.keys(hard ?? {}).flatMap(name => countedResource(name) ?? [])
  return [...new Map(found.map(one => [`${one.group}/${one.plural}`, one])).values()]
}

export function inScope(
  { spec = {} }: ResourceQuota,
  kind: Pick<Kind, 'group' | 'plural'>,
  object: KubeObject,
): boolean {
  const scopes: readonly ScopedResourceSelectorRequirement[] = [
    ...(spec.scopes ?? []).map(scopeName => ({ scopeName, operator: 'Exists' })),
    ...(spec.scopeSelector?.matchExpressions ?? []),
  ]
  if (scopes.length === 0) return true
  // Scopes are of pods: a quota that has some is about nothing else.
  if (kind.group !== '' || kind.plural !== 'pods') return false
  return scopes.every(scope => podInScope(scope, object as Pod))
}

function podInScope(scope: ScopedResourceSelectorRequirement, { spec }: Pod): boolean {
  const { scopeName, operator, values = [] } = scope
  const terminating = (spec.activeDeadlineSeconds ?? -1) >= 0
  const bestEffort = podQosClass(spec) === 'BestEffort'
  switch (scopeName) {
    case 'Terminating':
      return terminating
    case 'NotTerminating':
      return !terminating
    case 'BestEffort':
      return bestEffort
    case 'NotBestEffort':
      return !bestEffort
    case 'CrossNamespacePodAffinity':
      return affinityTerms(spec).some(
        term => (term.namespaces ?? []).length > 0 || term.namespaceSelector !== undefined,
      )
    case 'PriorityClass': {
      const name = spec.priorityClassName ?? ''
      if (operator === 'Exists') return name !== ''
      if (operator === 'DoesNotExist') return name === ''
      const named = name !== '' && values.includes(name)
      return operator === 'In' ? named : !named
    }
    default:
      return false
  }
}

function affinityTerms({ affinity }: Pod['spec']): readonly PodAffinityTerm[] {
  return [affinity?.podAffinity, affinity?.podAntiAffinity].flatMap(side => [
    ...(side?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(side?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(
      ({ podAffinityTerm }) => podAffinityTerm,
    ),
  ])
}
