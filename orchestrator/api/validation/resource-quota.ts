// Checks of ResourceQuotas. Counterpart: ValidateResourceQuota of pkg/apis/core/validation.

import { sameJson } from '../equality.js'
import type { FieldError } from '../kind.js'
import type { Json } from '../object.js'
import { parseQuantity } from '../quantity.js'
import type { ResourceQuota, ScopedResourceSelectorRequirement } from '../types/core-quota.js'
import { invalidFor, invalidValue, required } from './field-errors.js'
import { immutableText, validateObjectName } from './metadata.js'
import { dns1123Subdomain, qualifiedName } from './names.js'
import { notNegative } from './resources.js'

const computeResources: ReadonlySet<string> = new Set([
  'cpu',
  'memory',
  'limits.cpu',
  'limits.memory',
  'requests.cpu',
  'requests.memory',
])

const quotaResources: ReadonlySet<string> = new Set([
  ...computeResources,
  'ephemeral-storage',
  'requests.ephemeral-storage',
  'limits.ephemeral-storage',
  'requests.storage',
  'pods',
  'resourcequotas',
  'services',
  'services.nodeports',
  'services.loadbalancers',
  'replicationcontrollers',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
])

const counted: ReadonlySet<string> = new Set(
  [...quotaResources].filter(name =>
    /^(pods|resourcequotas|services|replication|secrets|config|persist)/.test(name),
  ),
)

function isQuotaResource(name: string): boolean {
  return quotaResources.has(name) || /^(requests\.)?hugepages-/.test(name)
}

function validateHard(hard: { readonly [name: string]: string }, field: string): FieldError[] {
  return Object.entries(hard).flatMap(([name, text]) => {
    const at = `${field}[${name}]`
    const errors = invalidFor(at, name, qualifiedName(name))
    if (!name.includes('/') && !isQuotaResource(name)) {
      errors.push(
        invalidValue(at, name, 'must be a standard resource type or fully qualified'),
        invalidValue(at, name, 'must be a standard resource for quota'),
      )
    }
    const nanos = parseQuantity(text)?.nanos ?? -1n
    if (nanos < 0n) errors.push(invalidValue(at, text, notNegative))
    const whole = counted.has(name) || name.startsWith('count/')
    if (whole && nanos % 1_000_000_000n !== 0n) {
      errors.push(invalidValue(at, text, 'must be an integer'))
    }
    return errors
  })
}

const scopes = [
  'BestEffort',
  'CrossNamespacePodAffinity',
  'NotBestEffort',
  'NotTerminating',
  'PriorityClass',
  'Terminating',
  'VolumeAttributesClass',
] as const

function isScope(name: string): boolean {
  return (scopes as readonly string[]).includes(name)
}

function scopeApplies(scope: string, resource: string): boolean {
  if (scope === 'BestEffort') return resource === 'pods'
  if (scope === 'VolumeAttributesClass') {
    return resource === 'persistentvolumeclaims' || resource === 'requests.storage'
  }
  return resource === 'pods' || computeResources.has(resource)
}

const opposites = [
  ['BestEffort', 'NotBestEffort'],
  ['Terminating', 'NotTerminating'],
] as const

/** What holds for scopes however they are written. `shown` is the value that errors show. */
function validateScopes(
  names: readonly string[],
  hard: readonly string[],
  field: (index: number) => string,
  whole: string,
  shown: Json,
): FieldError[] {
  const errors: FieldError[] = []
  for (const [index, scope] of names.entries()) {
    if (!isScope(scope)) {
      errors.push(invalidValue(field(index), shown, 'unsupported scope'))
      continue
    }
    for (const resource of hard.filter(isQuotaResource)) {
      if (!scopeApplies(scope, resource)) {
        errors.push(invalidValue(field(index), shown, 'unsupported scope applied to resource'))
      }
    }
  }
  if (opposites.some(pair => pair.every(scope => names.includes(scope)))) {
    errors.push(invalidValue(whole, shown, 'conflicting scopes'))
  }
  return errors
}

const existsOnly =
  "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"

function validateRequirement(
  { scopeName, operator, values = [] }: ScopedResourceSelectorRequirement,
  field: string,
): FieldError[] {
  const errors: FieldError[] = []
  const selects = scopeName === 'PriorityClass' || scopeName === 'VolumeAttributesClass'
  if (isScope(scopeName) && !selects && operator !== 'Exists') {
    errors.push(invalidValue(`${field}.operator`, operator, existsOnly))
  }
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length === 0) {
      const text =
        "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
      errors.push(required(`${field}.values`, text))
    }
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    if (values.length > 0) {
      const text =
        "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
      errors.push(invalidValue(`${field}.values`, values, text))
    }
  } else {
    errors.push(invalidValue(`${field}.operator`, operator, 'not a valid selector operator'))
  }
  return errors
}

export function validateResourceQuota(
  quota: ResourceQuota,
  old: ResourceQuota | null,
): FieldError[] {
  const { spec = {}, status = {} } = quota
  const { hard = {}, scopes: plain = [], scopeSelector } = spec
  const errors = [
    ...validateObjectName(quota, dns1123Subdomain),
    ...validateHard(hard, 'spec.hard'),
    ...validateHard(status.hard ?? {}, 'status.hard'),
    ...validateHard(status.used ?? {}, 'status.used'),
  ]
  const names = Object.keys(hard)
  const here = () => 'spec.scopes'
  errors.push(...validateScopes(plain, names, here, 'spec.scopes', plain))
  const requirements = scopeSelector?.matchExpressions ?? []
  const at = 'spec.scopeSelector.matchExpressions'
  errors.push(
    ...validateScopes(
      requirements.map(requirement => requirement.scopeName),
      names,
      () => `${at}.scopeName`,
      at,
      requirements as unknown as Json,
    ),
    ...requirements.flatMap(requirement => validateRequirement(requirement, at)),
  )
  if (old !== null && !sameJson([...plain].sort(), [...(old.spec?.scopes ?? [])].sort())) {
    errors.push(invalidValue('spec.scopes', plain, immutableText))
  }
  return errors
}
