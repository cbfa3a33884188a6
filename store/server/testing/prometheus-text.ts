// The text that Prometheus scrapes, read as strictly as it reads it: every metric described before its
// samples, every sample a name, labels and a number. Throws a sentence for what it would refuse.

export interface MetricDescription {
  readonly type: string
  readonly help: string
  /** Of its samples, in alphabetical order; without `le` of histograms. */
  readonly labels: readonly string[]
}

export interface PrometheusText {
  readonly described: ReadonlyMap<string, MetricDescription>
  /** By name and labels as they are written. */
  readonly samples: ReadonlyMap<string, number>
}

const namePattern = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const samplePattern = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/
const labelPattern = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/y
const suffixes = ['_bucket', '_sum', '_count']

export function metricsOf(content: string): PrometheusText {
  const helps = new Map<string, string>()
  const types = new Map<string, string>()
  const labels = new Map<string, Set<string>>()
  const samples = new Map<string, number>()
  for (const line of content.split('\n')) {
    if (line === '') continue
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? []
    if (kind !== undefined) {
      const known = kind === 'HELP' ? helps : types
      if (!namePattern.test(name) || known.has(name)) throw new Error(`described twice: ${line}`)
      known.set(name, rest)
      continue
    }
    const [, sampled, braces = '', value = ''] = samplePattern.exec(line) ?? []
    if (sampled === undefined) throw new Error(`not a sample: ${line}`)
    const family = familyOf(sampled, types)
    if (family === undefined) throw new Error(`not described: ${line}`)
    const names = labels.get(family) ?? new Set()
    labels.set(family, names)
    for (const label of labelNames(braces, line)) if (label !== 'le') names.add(label)
    const series = line.slice(0, line.length - value.length - 1)
    if (samples.has(series)) throw new Error(`given twice: ${line}`)
    samples.set(series, numberOf(value, line))
  }
  const described = new Map<string, MetricDescription>()
  for (const [name, type] of types) {
    const help = helps.get(name)
    if (help === undefined) throw new Error(`no help for ${name}`)
    described.set(name, { type, help, labels: [...(labels.get(name) ?? [])].sort() })
  }
  return { described, samples }
}

function familyOf(sampled: string, types: ReadonlyMap<string, string>): string | undefined {
  if (types.has(sampled)) return sampled
  const suffix = suffixes.find(end => sampled.endsWith(end))
  const family = suffix === undefined ? sampled : sampled.slice(0, -suffix.length)
  return ['histogram', 'summary'].includes(types.get(family) ?? '') ? family : undefined
}

function labelNames(braces: string, line: string): string[] {
  const names: string[] = []
  labelPattern.lastIndex = 0
  let end = 0
  while (end < braces.length) {
    const [, name] = labelPattern.exec(braces) ?? []
    if (name === undefined) throw new Error(`not labels: ${line}`)
    names.push(name)
    end = labelPattern.lastIndex
  }
  return names
}

function numberOf(value: string, line: string): number {
  const number = value === '+Inf' ? Infinity : value === '-Inf' ? -Infinity : Number(value)
  if (Number.isNaN(number) && value.toLowerCase() !== 'nan')
    throw new Error(`not a number: ${line}`)
  return number
}
