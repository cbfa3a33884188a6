// Two looks at what a kubelet has counted, and what was used between them. Counterpart: scraper and
// storage of metrics-server. Pure.

export interface Sample {
  /** Milliseconds since the Unix epoch. */
  readonly atMs: number
  readonly cpuSeconds: number
  readonly memoryBytes: number
}

/** By '' for the node, and by "namespace/pod/container". */
export type Scrape = ReadonlyMap<string, Sample>

export interface UsageRate {
  readonly atMs: number
  readonly windowMs: number
  readonly cpuNanoCores: number
  readonly memoryBytes: number
}

const line =
  /^(node|container)_(cpu_usage_seconds_total|memory_working_set_bytes)(?:\{([^}]*)\})? (\S+) (\d+)$/

/** /metrics/resource of a kubelet. What is not whole is left out. */
export function parseScrape(text: string): Scrape {
  const parts = new Map<string, { atMs: number; cpuSeconds?: number; memoryBytes?: number }>()
  for (const one of text.split('\n')) {
    const [, of, what, labelText = '', value, at] = line.exec(one) ?? []
    if (of === undefined) continue
    const labels = new Map(
      [...labelText.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', its = '']) => [name, its]),
    )
    const key =
      of === 'node'
        ? ''
        : `${labels.get('namespace') ?? ''}/${labels.get('pod') ?? ''}/${labels.get('container') ?? ''}`
    const part = parts.get(key) ?? { atMs: Number(at) }
    if (what === 'cpu_usage_seconds_total') part.cpuSeconds = Number(value)
    else part.memoryBytes = Number(value)
    parts.set(key, part)
  }
  const samples = new Map<string, Sample>()
  for (const [key, { atMs, cpuSeconds, memoryBytes }] of parts) {
    if (cpuSeconds === undefined || memoryBytes === undefined) continue
    if (![atMs, cpuSeconds, memoryBytes].every(Number.isFinite)) continue
    samples.set(key, { atMs, cpuSeconds, memoryBytes })
  }
  return samples
}

/** Null where it was not there before, or has begun anew. */
export function rateBetween(before: Sample | undefined, after: Sample): UsageRate | null {
  if (before === undefined || after.atMs <= before.atMs) return null
  const seconds = after.cpuSeconds - before.cpuSeconds
  if (seconds < 0) return null
  const windowMs = after.atMs - before.atMs
  return {
    atMs: after.atMs,
    windowMs,
    cpuNanoCores: Math.round((seconds * 1e12) / windowMs),
    memoryBytes: after.memoryBytes,
  }
}
