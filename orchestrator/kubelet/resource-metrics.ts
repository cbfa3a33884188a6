// /metrics/resource of a kubelet: what the node, its pods and their containers use, as Prometheus text.
// Counterpart: pkg/kubelet/metrics/collectors/resource_metrics.go. Left out: swap.

import type { Files } from '../../platform/files.js'
import type { Pod } from '../api/types/core-pod.js'
import { machineUsage } from './process-usage.js'
import { type Runtime, RuntimeError, type Usage } from './runtime.js'

const textBytesMax = 256 * 1024

/** `wallMs`: of the moment, for the samples. */
export async function resourceMetrics(
  files: Files,
  runtime: Runtime,
  pods: readonly Pod[],
  wallMs: number,
): Promise<string> {
  const text = async (path: string): Promise<string> => {
    // A process may be gone before it is looked at.
    const content = await files.read(path, textBytesMax).catch(() => null)
    return Buffer.from(content ?? []).toString('latin1')
  }
  const machine = machineUsage(await text('/proc/stat'), await text('/proc/meminfo'))
  const used = await usageOf(runtime)
  const samples = new Samples(Math.round(wallMs))
  for (const pod of pods) {
    const { uid = '', namespace = '', name = '' } = pod.metadata
    let whole: Usage | null = null
    for (const { id, name: container, exit, startedAtMs } of runtime.containers(uid)) {
      const usage = used?.get(id)
      if (usage === undefined || exit !== null) continue
      const labels = { container, namespace, pod: name }
      samples.usage('container', labels, usage)
      samples.add('container_start_time_seconds', 'gauge', labels, startedAtMs / 1000)
      whole = sum(whole, usage)
    }
    if (whole !== null) samples.usage('pod', { namespace, pod: name }, whole)
  }
  if (machine !== null) samples.usage('node', {}, machine)
  samples.add('resource_scrape_error', 'gauge', {}, machine === null || used === null ? 1 : 0)
  return samples.text()
}

/** Null where the runtime does not say. */
async function usageOf(runtime: Runtime): Promise<ReadonlyMap<string, Usage> | null> {
  try {
    return await runtime.usage()
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error
    return null
  }
}

function sum(a: Usage | null, b: Usage): Usage {
  if (a === null) return b
  return { cpuSeconds: a.cpuSeconds + b.cpuSeconds, memoryBytes: a.memoryBytes + b.memoryBytes }
}

type Labels = Readonly<Record<string, string>>

const help: Readonly<Record<string, string>> = {
  cpu_usage_seconds_total: 'Processor time used, in seconds of one processor.',
  memory_working_set_bytes: 'Memory in use.',
  start_time_seconds: 'When it was started, since the Unix epoch.',
  scrape_error: '1 where something could not be read.',
}

class Samples {
  readonly #atMs: number
  readonly #families = new Map<string, string[]>()

  constructor(atMs: number) {
    this.#atMs = atMs
  }

  usage(of: string, labels: Labels, { cpuSeconds, memoryBytes }: Usage): void {
    this.add(`${of}_cpu_usage_seconds_total`, 'counter', labels, cpuSeconds)
    this.add(`${of}_memory_working_set_bytes`, 'gauge', labels, memoryBytes)
  }

  add(name: string, type: 'counter' | 'gauge', labels: Labels, value: number): void {
    let lines = this.#families.get(name)
    if (lines === undefined) {
      lines = [
        `# HELP ${name} ${help[name.slice(name.indexOf('_') + 1)] ?? ''}`,
        `# TYPE ${name} ${type}`,
      ]
      this.#families.set(name, lines)
    }
    const pairs = Object.entries(labels).map(([key, text]) => `${key}="${text}"`)
    const list = pairs.length === 0 ? '' : `{${pairs.join(',')}}`
    lines.push(`${name}${list} ${value} ${this.#atMs}`)
  }

  text(): string {
    return [...this.#families.values()].map(lines => `${lines.join('\n')}\n`).join('')
  }
}
