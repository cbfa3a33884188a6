// How much the API servers of three masters take, over TLS, with everything on that is on by default.
//
//   npm run build && node dist/bench/apiserver/apiserver.js [create get list watch memory]
//
// Prints JSON: {machine, commit, startedAt, paces, figures: [{name, value, unit, detail}]}, with the machine's pace
// before the first scenario and after each. Without names all but `memory`, which fills 150,000 pods.

import { execFileSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { projectRoot } from '../../cli/testing/local-cluster.js'
import { machineOf, paceMs } from '../harness/machine.js'
import { MeasuredCluster } from './cluster.js'
import type { Figure, Settings } from './scenarios.js'
import { create, get, list, memory, prepare, watch } from './scenarios.js'

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    masters: { type: 'string', default: '3' },
    clients: { type: 'string', default: '64' },
    seconds: { type: 'string', default: '10' },
    pods: { type: 'string', default: '10000' },
    watchers: { type: 'string', default: '1000' },
    'watch-rate': { type: 'string', default: '5' },
    'stored-pods': { type: 'string', default: '150000' },
    repetitions: { type: 'string', default: '1' },
    profile: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
})

const scenarios: Readonly<
  Record<string, (settings: Settings) => Promise<Figure | readonly Figure[]>>
> = {
  create,
  get,
  list,
  watch,
  memory,
}

async function main(): Promise<void> {
  const names = positionals.length === 0 ? ['create', 'get', 'list', 'watch'] : positionals
  const cluster = new MeasuredCluster(Number(flags.masters))
  const startedAt = new Date().toISOString()
  const machine = machineOf(tmpdir())
  const paces = [paceMs()]
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // The cluster outlives this process otherwise: its processes are not ours.
    process.once(signal, () => void cluster.stop().finally(() => process.exit(130)))
  }
  try {
    await cluster.start()
    const settings: Settings = {
      cluster,
      clients: Number(flags.clients),
      seconds: Number(flags.seconds),
      pods: Number(flags.pods),
      watchers: Number(flags.watchers),
      watchRate: Number(flags['watch-rate']),
      storedPods: Number(flags['stored-pods']),
      say: text => process.stderr.write(`${text}\n`),
      profile: flags.profile,
    }
    await prepare(settings)
    const figures: Figure[] = []
    for (let repetition = 0; repetition < Number(flags.repetitions); repetition++) {
      for (const name of names) {
        const scenario = scenarios[name]
        if (scenario === undefined) throw new Error(`there is no "${name}"`)
        const made = [await scenario(settings)].flat()
        for (const figure of made) settings.say(JSON.stringify(figure))
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
    if (flags.profile || flags.keep) process.stderr.write(`probes: ${cluster.probesFolder}\n`)
    await cluster.stop(flags.profile || flags.keep)
  }
}

await main()
