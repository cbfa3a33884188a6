// One program of measurements: a cluster of its own, scenarios by name, and what they come to as JSON on standard output,
// with the machine's pace before the first scenario and after each.

import { execFileSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { projectRoot } from '../../cli/testing/local-cluster.js'
import { machineOf, paceMs } from '../harness/machine.js'
import { MeasuredCluster } from './cluster.js'
import type { Figure } from './scenarios.js'

export interface Program<S> {
  readonly masters: number
  readonly scenarios: Readonly<Record<string, (settings: S) => Promise<Figure | readonly Figure[]>>>
  readonly names: readonly string[]
  readonly repetitions: number
  /** What the probes of the processes wrote stays. */
  readonly keep: boolean
  readonly settingsOf: (cluster: MeasuredCluster, say: (text: string) => void) => S
  readonly prepare: (settings: S) => Promise<void>
}

export async function measure<S>(program: Program<S>): Promise<void> {
  const { masters, scenarios, names, repetitions, keep, settingsOf, prepare } = program
  const cluster = new MeasuredCluster(masters)
  const startedAt = new Date().toISOString()
  const machine = machineOf(tmpdir())
  const paces = [paceMs()]
  const say = (text: string) => process.stderr.write(`${text}\n`)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // The cluster outlives this process otherwise: its processes are not ours.
    process.once(signal, () => void cluster.stop().finally(() => process.exit(130)))
  }
  try {
    await cluster.start()
    const settings = settingsOf(cluster, say)
    await prepare(settings)
    const figures: Figure[] = []
    for (let repetition = 0; repetition < repetitions; repetition++) {
      for (const name of names) {
        const scenario = scenarios[name]
        if (scenario === undefined) throw new Error(`there is no "${name}"`)
        const made = [await scenario(settings)].flat()
        for (const figure of made) say(JSON.stringify(figure))
        figures.push(...made)
        paces.push(paceMs())
      }
    }
    const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      cwd: projectRoot,
      encoding: 'utf8',
    }).trim()
    process.stdout.write(
      `${JSON.stringify({ machine, commit, startedAt, paces, figures }, null, 2)}\n`,
    )
  } finally {
    if (keep) say(`probes: ${cluster.probesFolder}`)
    await cluster.stop(keep)
  }
}
