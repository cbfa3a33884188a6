// What the autoscaler is told of a metric: samples by pod, one value, or why there is none. All values in thousandths, as the
// original reckons them. Counterpart: PodMetricsInfo of pkg/controller/podautoscaler/metrics.

export interface PodSample {
  readonly milli: number
  /** End of the time that was looked at, in milliseconds since the Unix epoch, and its length. */
  readonly atMs: number
  readonly windowMs: number
}

/** By pod name. */
export type PodSamples = ReadonlyMap<string, PodSample>

export type Reading =
  | { readonly kind: 'pods'; readonly samples: PodSamples }
  | { readonly kind: 'value'; readonly milli: number }
  | { readonly kind: 'unknown'; readonly message: string }
