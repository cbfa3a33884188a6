// A count or a percentage of one, as in maxSurge. Pure. Counterpart: apimachinery's
// intstr.GetScaledValueFromIntOrPercent.

/** `value` has passed validation: an integer, or digits and "%". */
export function resolveIntOrPercent(
  value: number | string,
  total: number,
  rounding: 'up' | 'down',
): number {
  if (typeof value === 'number') return value
  const match = /^(\d{1,9})%$/.exec(value)
  if (!match) return 0
  // Integer arithmetic first: 7% of 100 must not become 7.000000000000001.
  const hundredths = Number(match[1]) * total
  return rounding === 'up' ? Math.ceil(hundredths / 100) : Math.floor(hundredths / 100)
}
