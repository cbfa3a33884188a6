// Quantities: decimal numbers with a suffix (500m, 1Gi, 2e3), exact, in canonical form.
// Counterpart: pkg/api/resource of k8s.io/apimachinery. Values are kept in billionths as BigInt;
// a finer fraction is rounded up, as the original does.

/** How the canonical text is written: powers of 1000, powers of 1024, or an exponent. */
export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent'

export interface Quantity {
  /** The value times 10^9. */
  readonly nanos: bigint
  readonly format: QuantityFormat
}

const nano = 1_000_000_000n

/** Longer texts are refused: no honest number needs them, and BigInt parsing is quadratic. */
export const quantityCharactersMax = 128

const decimalExponents: ReadonlyMap<string, number> = new Map([
  ['n', -9],
  ['u', -6],
  ['m', -3],
  ['', 0],
  ['k', 3],
  ['M', 6],
  ['G', 9],
  ['T', 12],
  ['P', 15],
  ['E', 18],
])

const binaryShifts: ReadonlyMap<string, bigint> = new Map([
  ['Ki', 10n],
  ['Mi', 20n],
  ['Gi', 30n],
  ['Ti', 40n],
  ['Pi', 50n],
  ['Ei', 60n],
])

/** The original caps the magnitude at int64. */
const unitsMax = 2n ** 63n - 1n
const exponentMax = 200

const expression =
  /^([+-]?)([0-9]*)(?:\.([0-9]*))?(?:([eE])([+-]?[0-9]+)|([KMGTPE]i|[numkMGTPE]))?$/

export const quantityPattern = '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'

/** null when the text is no quantity. */
export function parseQuantity(text: string): Quantity | null {
  if (text.length > quantityCharactersMax) return null
  const match = expression.exec(text)
  if (match === null) return null
  const [, sign, whole = '', fraction = '', marker, exponentText, suffix = ''] = match
  if (whole === '' && fraction === '') return null
  const shift = binaryShifts.get(suffix)
  const exponent = marker === undefined ? (decimalExponents.get(suffix) ?? 0) : Number(exponentText)
  if (Math.abs(exponent) > exponentMax) return null
  const digits = BigInt(`${whole}${fraction}`)
  const scaled = shift === undefined ? digits : digits << shift
  const magnitude = clampedNanos(scaled, 9 + exponent - fraction.length)
  const format: QuantityFormat =
    marker !== undefined ? 'DecimalExponent' : shift !== undefined ? 'BinarySI' : 'DecimalSI'
  return { nanos: sign === '-' ? -magnitude : magnitude, format }
}

/** `value * 10^exponent`, rounded up to a whole number and capped. */
function clampedNanos(value: bigint, exponent: number): bigint {
  const limit = unitsMax * nano
  if (exponent >= 0) {
    const result = value * 10n ** BigInt(exponent)
    return result > limit ? limit : result
  }
  const divisor = 10n ** BigInt(-exponent)
  const result = (value + divisor - 1n) / divisor
  return result > limit ? limit : result
}

/** The shortest text without loss: "1500m", "1Gi", "12e6". */
export function formatQuantity({ nanos, format }: Quantity): string {
  if (nanos === 0n) return '0'
  const sign = nanos < 0n ? '-' : ''
  const magnitude = nanos < 0n ? -nanos : nanos
  // Binary suffixes below one Ki, and fractions, fall back to decimal ones.
  if (format === 'BinarySI' && magnitude >= 1024n * nano && magnitude % nano === 0n) {
    return `${sign}${binaryText(magnitude / nano)}`
  }
  let mantissa = magnitude
  let exponent = -9
  while (mantissa % 1000n === 0n && exponent < 18) {
    mantissa /= 1000n
    exponent += 3
  }
  if (format === 'DecimalExponent') {
    return exponent === 0 ? `${sign}${mantissa}` : `${sign}${mantissa}e${exponent}`
  }
  const suffix = [...decimalExponents].find(([, e]) => e === exponent)?.[0] ?? ''
  return `${sign}${mantissa}${suffix}`
}

function binaryText(units: bigint): string {
  let suffix = ''
  for (const [name, shift] of binaryShifts) {
    if ((units & ((1n << shift) - 1n)) !== 0n) break
    suffix = name
  }
  return `${units >> (binaryShifts.get(suffix) ?? 0n)}${suffix}`
}

/** The canonical text of a quantity's text; null when it is none. */
export function canonicalQuantity(text: string): string | null {
  const quantity = parseQuantity(text)
  return quantity === null ? null : formatQuantity(quantity)
}

/** Below zero, zero or above zero. */
export function compareQuantities(a: Quantity, b: Quantity): number {
  return a.nanos < b.nanos ? -1 : a.nanos > b.nanos ? 1 : 0
}

/** In the format of `a`, or of `b` when `a` is zero. */
export function addQuantities(a: Quantity, b: Quantity): Quantity {
  return { nanos: a.nanos + b.nanos, format: a.nanos === 0n ? b.format : a.format }
}

export const zeroQuantity: Quantity = { nanos: 0n, format: 'DecimalSI' }

/** Whole units, rounded up: bytes of memory, numbers of pods. */
export function quantityUnits({ nanos }: Quantity): bigint {
  return ceilDivide(nanos, nano)
}

/** Thousandths, rounded up: millicores of CPU. */
export function quantityMilliUnits({ nanos }: Quantity): bigint {
  return ceilDivide(nanos, 1_000_000n)
}

function ceilDivide(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor
  return value > 0n && value % divisor !== 0n ? quotient + 1n : quotient
}
