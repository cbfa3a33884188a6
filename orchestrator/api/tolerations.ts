// Whether a pod puts up with a taint. Counterpart: ToleratesTaint of k8s.io/component-helpers.

import type { Taint, Toleration } from './types/core-scheduling.js'

export function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false
  const operator = toleration.operator || 'Equal'
  if (!toleration.key) return operator === 'Exists'
  if (toleration.key !== taint.key) return false
  return operator === 'Exists' || (toleration.value ?? '') === (taint.value ?? '')
}

export function toleratesAny(tolerations: readonly Toleration[], taint: Taint): boolean {
  return tolerations.some(toleration => tolerates(toleration, taint))
}
