// What a pod asks of a node, and the class of service that follows from it.
// Counterpart: PodRequests of k8s.io/component-helpers and GetPodQOS of pkg/apis/core/v1/helper/qos.

import type { PodSpec } from './types/core-pod.js'
import type { Quantity } from './quantity.js'
import { addQuantities, compareQuantities, parseQuantity, zeroQuantity } from './quantity.js'

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort'

/** By resource name: "cpu", "memory", "example.com/gpu". */
export type ResourceTotals = ReadonlyMap<string, Quantity>

type ResourceTexts = { readonly [name: string]: string } | undefined

function totalsOf(texts: ResourceTexts): Map<string, Quantity> {
  const totals = new Map<string, Quantity>()
  for (const [name, text] of Object.entries(texts ?? {})) {
    totals.set(name, parseQuantity(text) ?? zeroQuantity)
  }
  return totals
}

function addInto(totals: Map<string, Quantity>, more: ResourceTotals): void {
  for (const [name, quantity] of more) {
    totals.set(name, addQuantities(totals.get(name) ?? zeroQuantity, quantity))
  }
}

function raiseTo(totals: Map<string, Quantity>, floor: ResourceTotals): void {
  for (const [name, quantity] of floor) {
    const current = totals.get(name)
    if (current === undefined || compareQuantities(current, quantity) < 0) {
      totals.set(name, quantity)
    }
  }
}

/**
 * What the scheduler reserves: the sum of the containers and sidecars, or the hungriest moment of
 * initialization where that is more, plus the overhead.
 */
export function podRequests(spec: PodSpec): ResourceTotals {
  const totals = containerTotals(spec, 'requests')
  addInto(totals, totalsOf(spec.overhead))
  return totals
}

/** What the containers may use at most, in the same way. Overhead counts where there is a limit. */
export function podLimits(spec: PodSpec): ResourceTotals {
  const totals = containerTotals(spec, 'limits')
  for (const [name, quantity] of totalsOf(spec.overhead)) {
    const limit = totals.get(name)
    if (limit !== undefined) totals.set(name, addQuantities(limit, quantity))
  }
  return totals
}

function containerTotals(spec: PodSpec, part: 'requests' | 'limits'): Map<string, Quantity> {
  const totals = new Map<string, Quantity>()
  for (const container of spec.containers) addInto(totals, totalsOf(container.resources?.[part]))
  const sidecars = new Map<string, Quantity>()
  const initialization = new Map<string, Quantity>()
  for (const container of spec.initContainers ?? []) {
    const moment = totalsOf(container.resources?.[part])
    if (container.restartPolicy === 'Always') {
      addInto(sidecars, moment)
      raiseTo(initialization, sidecars)
    } else {
      addInto(moment, sidecars)
      raiseTo(initialization, moment)
    }
  }
  addInto(totals, sidecars)
  raiseTo(totals, initialization)
  return totals
}

/** Guaranteed: every container limits CPU and memory, and requests exactly that. */
export function podQosClass(spec: PodSpec): QosClass {
  const containers = [...spec.containers, ...(spec.initContainers ?? [])]
  let hasAny = false
  let guaranteed = true
  for (const { resources } of containers) {
    const requests = totalsOf(resources?.requests)
    const limits = totalsOf(resources?.limits)
    for (const name of ['cpu', 'memory']) {
      const limit = limits.get(name) ?? zeroQuantity
      const request = requests.get(name) ?? limit
      if (limit.nanos > 0n || request.nanos > 0n) hasAny = true
      if (limit.nanos <= 0n || compareQuantities(limit, request) !== 0) guaranteed = false
    }
  }
  if (!hasAny) return 'BestEffort'
  return guaranteed ? 'Guaranteed' : 'Burstable'
}
