// The quality-of-service class of a pod. Counterpart: pkg/apis/core/v1/helper/qos. Pure.

import { compareQuantities, parseQuantity } from '../api/quantity.js'
import type { PodSpec } from '../api/types/core-pod.js'

type Amounts = { readonly [key: string]: string } | undefined

const counted = ['cpu', 'memory'] as const

const isPositive = (amounts: Amounts, name: string): boolean =>
  (parseQuantity(amounts?.[name] ?? '0')?.nanos ?? 0n) > 0n

function isSame(a: Amounts, b: Amounts, name: string): boolean {
  const left = parseQuantity(a?.[name] ?? '')
  const right = parseQuantity(b?.[name] ?? '')
  return left !== null && right !== null && compareQuantities(left, right) === 0
}

export function qosClassOf(spec: PodSpec): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const containers = [...(spec.initContainers ?? []), ...spec.containers]
  const asks = containers.some(({ resources }) =>
    counted.some(
      name => isPositive(resources?.requests, name) || isPositive(resources?.limits, name),
    ),
  )
  if (!asks) return 'BestEffort'
  const guaranteed = containers.every(({ resources }) =>
    counted.every(
      name =>
        isPositive(resources?.limits, name) &&
        (resources?.requests?.[name] === undefined ||
          isSame(resources.requests, resources.limits, name)),
    ),
  )
  return guaranteed ? 'Guaranteed' : 'Burstable'
}
