// A quota's status after a write: what the write adds to what is used, or why it may not.
// Counterpart: CheckRequest of apiserver/pkg/admission/plugin/resourcequota.

import { sameJson } from '../equality.js'
import type { Kind } from '../kind.js'
import type { KubeObject } from '../object.js'
import type { ResourceTotals } from '../pod-resources.js'
import type { Quantity } from '../quantity.js'
import {
  addQuantities,
  compareQuantities,
  formatQuantity,
  parseQuantity,
  zeroQuantity,
} from '../quantity.js'
import { own } from '../record.js'
import type { Container } from '../types/core-container.js'
import type { Pod } from '../types/core-pod.js'
import type { ResourceQuota, ResourceQuotaStatus } from '../types/core-quota.js'
import { countedResources, inScope, namesFor } from './scope.js'
import { usageOf } from './usage.js'

type Counted = Pick<Kind, 'group' | 'plural'>
type Amounts = { readonly [name: string]: string }

export type Charge =
  | { readonly kind: 'none' }
  | { readonly kind: 'charged'; readonly status: ResourceQuotaStatus }
  /** `why` follows "is forbidden: ". */
  | { readonly kind: 'refused'; readonly why: string }

/** The hard limits that count: those of the spec, whether or not the status has them yet. */
function hardOf({ spec }: ResourceQuota): Amounts {
  return spec?.hard ?? {}
}

/** Does the status speak of what the spec limits? Else it has to be counted anew. */
export function isCounted(quota: ResourceQuota): boolean {
  const { hard = {}, used = {} } = quota.status ?? {}
  return sameJson(hard, hardOf(quota)) && Object.keys(hard).every(name => Object.hasOwn(used, name))
}

/** `old` is null for a create, `object` for a delete. The quota's status must be counted. */
export function chargeQuota(
  quota: ResourceQuota,
  kind: Counted,
  object: KubeObject | null,
  old: KubeObject | null,
): Charge {
  const hard = hardOf(quota)
  const names = namesFor(hard, kind)
  if (names.length === 0) return { kind: 'none' }
  const usage = (of: KubeObject | null): ResourceTotals =>
    of !== null && inScope(quota, kind, of) ? usageOf(kind, of) : new Map()
  if (object !== null && old === null && inScope(quota, kind, object)) {
    const missing =
      kind.group === '' && kind.plural === 'pods' ? unstated(object as Pod, names) : ''
    if (missing !== '') {
      return { kind: 'refused', why: `failed quota: ${quota.metadata.name ?? ''}: ${missing}` }
    }
  }
  const [after, before] = [usage(object), usage(old)]
  const used: { [name: string]: string } = { ...quota.status?.used }
  const exceeded: string[] = []
  const requested: { [name: string]: string } = {}
  let changed = false
  for (const name of names) {
    const now = quantityOf(own(used, name))
    const delta = difference(after.get(name), before.get(name))
    if (delta.nanos === 0n) continue
    const next = addQuantities(now, delta)
    const limit = quantityOf(own(hard, name))
    if (delta.nanos > 0n && compareQuantities(next, limit) > 0) exceeded.push(name)
    requested[name] = formatQuantity(delta)
    used[name] = formatQuantity(next.nanos < 0n ? zeroQuantity : next)
    changed = true
  }
  if (exceeded.length > 0) {
    const listed = (amounts: Amounts) =>
      exceeded
        .toSorted()
        .map(name => `${name}=${own(amounts, name) ?? '0'}`)
        .join(',')
    const before = quota.status?.used ?? {}
    const why = `exceeded quota: ${quota.metadata.name ?? ''}, requested: ${listed(requested)}, used: ${listed(before)}, limited: ${listed(hard)}`
    return { kind: 'refused', why }
  }
  return changed ? { kind: 'charged', status: { hard, used } } : { kind: 'none' }
}

function quantityOf(text: string | undefined): Quantity {
  return (text === undefined ? null : parseQuantity(text)) ?? zeroQuantity
}

function difference(a: Quantity | undefined, b: Quantity | undefined): Quantity {
  const format = a?.format ?? b?.format ?? 'DecimalSI'
  return { nanos: (a?.nanos ?? 0n) - (b?.nanos ?? 0n), format }
}

/** Where one of these is limited, every container has to say it. */
const mustBeStated = [
  'cpu',
  'limits.cpu',
  'limits.memory',
  'memory',
  'requests.cpu',
  'requests.memory',
]

function unstated({ spec }: Pod, names: readonly string[]): string {
  const containers = [...spec.containers, ...(spec.initContainers ?? [])]
  const parts = mustBeStated
    .filter(name => names.includes(name))
    .flatMap(name => {
      const silent = containers.filter(container => !states(container, name)).map(c => c.name)
      return silent.length === 0 ? [] : [`${name} for: ${[...new Set(silent)].sort().join(',')}`]
    })
  return parts.length === 0 ? '' : `must specify ${parts.join('; ')}`
}

function states({ resources }: Container, name: string): boolean {
  const limits = name.startsWith('limits.')
  const amounts = (limits ? resources?.limits : resources?.requests) ?? {}
  return Object.hasOwn(amounts, name.replace(/^(limits|requests)\./, ''))
}

/** The status of a quota from all that there is. `list` gives the objects of its namespace. */
export function countQuota(
  quota: ResourceQuota,
  list: (resource: Counted) => readonly KubeObject[],
): ResourceQuotaStatus {
  const hard = hardOf(quota)
  const used = new Map<string, Quantity>(Object.keys(hard).map(name => [name, zeroQuantity]))
  for (const resource of countedResources(hard)) {
    for (const object of list(resource)) {
      if (!inScope(quota, resource, object)) continue
      for (const [name, quantity] of usageOf(resource, object)) {
        const sum = used.get(name)
        if (sum !== undefined) used.set(name, addQuantities(sum, quantity))
      }
    }
  }
  const texts = [...used].map(([name, quantity]) => [name, formatQuantity(quantity)])
  return { hard, used: Object.fromEntries(texts) as Amounts }
}
