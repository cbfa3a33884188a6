// What the three metrics APIs answer, as readings. Pure. Counterpart: pkg/controller/podautoscaler/metrics and the clients of
// k8s.io/metrics.

import { parseQuantity, quantityMilliUnits } from '../../api/quantity.js'
import type { PodMetrics } from '../../api/types/metrics.js'
import { parseTimeMs } from '../../client/timestamps.js'
import type { PodSample, PodSamples, Reading } from './readings.js'

/** One of custom.metrics.k8s.io, in any of its versions. */
export interface MetricValue {
  readonly describedObject?: { readonly name?: string }
  readonly timestamp?: string
  readonly windowSeconds?: number
  readonly window?: number
  readonly value?: string
}

/** One of external.metrics.k8s.io. */
export interface ExternalMetricValue {
  readonly value?: string
}

/** What is taken for the time that was looked at where nobody says. */
const defaultWindowMs = 60_000

const milliOf = (text: string | undefined): number | null => {
  const quantity = parseQuantity(text ?? '')
  return quantity === null ? null : Number(quantityMilliUnits(quantity))
}

/** `container`: only that one of each pod; null: all of them together. A pod that is not known whole is left out. */
export function resourceReading(
  items: readonly PodMetrics[],
  resource: string,
  container: string | null,
): Reading {
  if (items.length === 0) {
    return { kind: 'unknown', message: 'no metrics returned from resource metrics API' }
  }
  const samples = new Map<string, PodSample>()
  for (const { metadata, containers = [], timestamp, window } of items) {
    const counted = containers.filter(({ name }) => container === null || name === container)
    const amounts = counted.map(({ usage }) => milliOf(usage?.[resource]))
    if (amounts.length === 0) continue
    let milli = 0
    let whole = true
    for (const amount of amounts) {
      whole &&= amount !== null
      milli += amount ?? 0
    }
    if (!whole) continue
    const atMs = parseTimeMs(timestamp) ?? 0
    samples.set(metadata.name ?? '', { milli, atMs, windowMs: durationMs(window) })
  }
  return { kind: 'pods', samples }
}

export function podsReading(items: readonly MetricValue[]): Reading {
  if (items.length === 0) {
    return { kind: 'unknown', message: 'no metrics returned from custom metrics API' }
  }
  const samples: PodSamples = new Map(
    items.map(({ describedObject, timestamp, windowSeconds, window, value }) => {
      const seconds = windowSeconds ?? window
      const sample = {
        milli: milliOf(value) ?? 0,
        atMs: parseTimeMs(timestamp) ?? 0,
        windowMs: seconds === undefined ? defaultWindowMs : seconds * 1000,
      }
      return [describedObject?.name ?? '', sample] as const
    }),
  )
  return { kind: 'pods', samples }
}

export function objectReading(items: readonly MetricValue[]): Reading {
  const milli = milliOf(items[0]?.value)
  if (milli !== null) return { kind: 'value', milli }
  return { kind: 'unknown', message: 'no metrics returned from custom metrics API' }
}

/** All that the selector matches together. */
export function externalReading(items: readonly ExternalMetricValue[]): Reading {
  if (items.length === 0) {
    return { kind: 'unknown', message: 'no metrics returned from external metrics API' }
  }
  const milli = items.reduce((sum, { value }) => sum + (milliOf(value) ?? 0), 0)
  return { kind: 'value', milli }
}

const unitsMs: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 1e-3,
  µs: 1e-3,
  ns: 1e-6,
}

/** As Go writes it: "15s", "1m0.5s". */
function durationMs(text: string | undefined): number {
  if (text === undefined) return defaultWindowMs
  let sum = 0
  for (const [, number = '0', unit = 's'] of text.matchAll(/([0-9.]+)(h|ms|m|us|µs|ns|s)/g)) {
    sum += Number(number) * (unitsMs[unit] ?? 0)
  }
  return Number.isFinite(sum) && sum > 0 ? sum : defaultWindowMs
}
