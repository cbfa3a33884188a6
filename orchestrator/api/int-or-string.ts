// Numbers that may be percentages, as maxSurge and maxUnavailable are.
// Counterpart: util/intstr of k8s.io/apimachinery.

export type IntOrString = number | string

const percentExpression = /^([0-9]{1,9})%$/

/** 25 of "25%"; null when the text is no percentage. */
export function percentOf(value: IntOrString): number | null {
  const digits = typeof value === 'string' ? percentExpression.exec(value)?.[1] : undefined
  return digits === undefined ? null : Number(digits)
}

/**
 * The number itself, or the percentage of `total`; null for a text that is neither.
 * Surges round up and unavailability down, so that a rollout always can make a step.
 */
export function scaledValue(
  value: IntOrString,
  total: number,
  rounding: 'up' | 'down',
): number | null {
  if (typeof value === 'number') return value
  const percent = percentOf(value)
  if (percent === null) return null
  return rounding === 'up'
    ? Math.ceil((percent * total) / 100)
    : Math.floor((percent * total) / 100)
}
