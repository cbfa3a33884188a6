// Latencies as counts in buckets that grow with the value: the size in memory is fixed, and what a
// percentile says is at most one part in 128 above what was recorded, never below. Counterpart:
// HdrHistogram. Values are whole microseconds.

import { assert } from '../../platform/errors.js'

/** Buckets for every doubling: the relative error is one by this. */
const stepsBits = 7
const steps = 2 ** stepsBits
/** Beyond this, about 19 hours, everything lies in the last bucket. */
const valueBits = 36
const valueMax = 2 ** valueBits - 1
/** Small values have a bucket each; after them there are `steps` for every doubling. */
const buckets = 2 * steps + (valueBits - stepsBits - 1) * steps

export const relativeErrorMax = 1 / steps

/** As JSON, and between processes: `[bucket, count]`, only where something was counted. */
export interface HistogramJson {
  readonly minMicros: number
  readonly maxMicros: number
  readonly sumMicros: number
  readonly counts: readonly (readonly [number, number])[]
}

export class Histogram {
  // Doubles, for counts of a long run do not fit 32 bits.
  readonly #counts = new Float64Array(buckets)
  #count = 0
  #sum = 0
  #min = Number.POSITIVE_INFINITY
  #max = 0

  get count(): number {
    return this.#count
  }

  /** Exact, as the greatest and the mean are. 0 when there is nothing. */
  get minMicros(): number {
    return this.#count === 0 ? 0 : this.#min
  }

  get maxMicros(): number {
    return this.#max
  }

  get meanMicros(): number {
    return this.#count === 0 ? 0 : this.#sum / this.#count
  }

  /** Fractions of a microsecond are rounded up. */
  record(micros: number, times = 1): void {
    assert(micros >= 0 && times > 0, 'a latency is not negative')
    const value = Math.ceil(micros)
    const at = bucketOf(Math.min(value, valueMax))
    this.#counts[at] = (this.#counts[at] ?? 0) + times
    this.#count += times
    this.#sum += value * times
    if (value < this.#min) this.#min = value
    if (value > this.#max) this.#max = value
  }

  merge(other: Histogram): void {
    for (let at = 0; at < buckets; at += 1) {
      this.#counts[at] = (this.#counts[at] ?? 0) + (other.#counts[at] ?? 0)
    }
    this.#count += other.#count
    this.#sum += other.#sum
    this.#min = Math.min(this.#min, other.#min)
    this.#max = Math.max(this.#max, other.#max)
  }

  /**
   * The least value that `part` of all values (0 to 1) do not exceed, by its bucket's upper end. 0 when
   * there is nothing.
   */
  percentileMicros(part: number): number {
    assert(part >= 0 && part <= 1, 'a percentile lies between 0 and 1')
    if (this.#count === 0) return 0
    const rank = Math.max(1, Math.ceil(part * this.#count))
    let below = 0
    for (let at = 0; at < buckets; at += 1) {
      below += this.#counts[at] ?? 0
      if (below >= rank) return Math.min(this.#max, upperEndOf(at))
    }
    return this.#max
  }

  /** Where each bucket in use ends, and the part of all values up to there: what a curve is drawn from. */
  curve(): readonly { readonly micros: number; readonly part: number }[] {
    const points: { micros: number; part: number }[] = []
    let below = 0
    for (let at = 0; at < buckets; at += 1) {
      const count = this.#counts[at] ?? 0
      if (count === 0) continue
      below += count
      points.push({ micros: Math.min(this.#max, upperEndOf(at)), part: below / this.#count })
    }
    return points
  }

  toJSON(): HistogramJson {
    const counts: [number, number][] = []
    for (let at = 0; at < buckets; at += 1) {
      const count = this.#counts[at] ?? 0
      if (count > 0) counts.push([at, count])
    }
    return {
      minMicros: this.minMicros,
      maxMicros: this.#max,
      sumMicros: this.#sum,
      counts,
    }
  }

  static from(json: HistogramJson): Histogram {
    const histogram = new Histogram()
    for (const [at, count] of json.counts) {
      assert(Number.isInteger(at) && at >= 0 && at < buckets && count > 0, 'a bucket there is')
      histogram.#counts[at] = count
      histogram.#count += count
    }
    if (histogram.#count > 0) histogram.#min = json.minMicros
    histogram.#max = json.maxMicros
    histogram.#sum = json.sumMicros
    return histogram
  }
}

function bucketOf(value: number): number {
  if (value < 2 * steps) return value
  if (value < 2 ** 31) {
    const shift = 31 - Math.clz32(value) - stepsBits
    return shift * steps + (value >>> shift)
  }
  // The high bits decide, so that no bit operation sees the whole.
  const shift = 62 - Math.clz32(Math.floor(value / 2 ** 31)) - stepsBits
  return shift * steps + Math.floor(value / 2 ** shift)
}

/** The greatest value that lies in the bucket. */
function upperEndOf(at: number): number {
  if (at < 2 * steps) return at
  const shift = Math.floor(at / steps) - 1
  const step = at - shift * steps
  return (step + 1) * 2 ** shift - 1
}
