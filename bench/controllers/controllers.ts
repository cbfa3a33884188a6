// How fast three masters bring pods up, and what nodes at rest cost them: real stores, API servers, scheduler and
// controllers; nodes that run nothing, all of them in this process.
//
//   npm run build && node dist/bench/controllers/controllers.js [rollout traffic]
//
// Prints JSON: {machine, commit, startedAt, paces, figures}, as bench/apiserver does.

import { execFileSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { projectRoot } from '../../cli/testing/local-cluster.js'
import { MeasuredCluster } from '../apiserver/cluster.js'
import type { Figure } from '../apiserver/scenarios.js'
import { machineOf, paceMs } from '../harness/machine.js'
import { prepare, rollout, type Settings, traffic } from './scenarios.js'

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    masters: { type: 'string', default: '3' },
    replicas: { type: 'string', default: '5000' },
    'rollout-nodes': { type: 'string', default: '50' },
    nodes: { type: 'string', default: '5000' },
    pods: { type: 'string', default: '50000' },
    seconds: { type: 'string', default: '60' },
  },
})

const scenarios: Readonly<Record<string, (settings: Settings) => Promise<readonly Figure[]>>> = {
  rollout,
  traffic,
}

async function main(): Promise<void> {
  const names = positionals.length === 0 ? Object.keys(scenarios) : positionals
  const cluster = new MeasuredCluster(Number(flags.masters))
  const startedAt = new Date().toISOString()
  const machine = machineOf(tmpdir())
  const paces = [paceMs()]
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void cluster.stop().finally(() => process.exit(130)))
  }
  try {
    await cluster.start()
    const settings: Settings = {
      cluster,
      replicas: Number(flags.replicas),
      rolloutNodes: Number(flags['rollout-nodes']),
      nodes: Number(flags.nodes),
      pods: Number(flags.pods),
      seconds: Number(flags.seconds),
      say: text => process.stderr.write(`${text}\n`),
    }
    await prepare(settings)
    const figures: Figure[] = []
    for (const name of names) {
      const scenario = scenarios[name]
      if (scenario === undefined) throw new Error(`there is no "${name}"`)
      figures.push(...(await scenario(settings)))
      paces.push(paceMs())
    }
    const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      cwd: projectRoot,
      encoding: 'utf8',
    }).trim()
    process.stdout.write(
      `${JSON.stringify({ machine, commit, startedAt, paces, figures }, null, 2)}\n`,
    )
  } finally {
    await cluster.stop()
  }
}

await main()
