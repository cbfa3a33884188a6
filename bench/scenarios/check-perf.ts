// An outside opinion: `etcdctl check perf`, a program of etcd's that puts at a rate for a minute and says
// what it got. Its words are read as they are; ETCDCTL_BIN names another build.

import { spawn } from 'node:child_process'

import { Meter } from '../harness/processes.js'
import type { Context, Outcome, Scenario } from './scenario.js'
import { ScenarioFailed } from './workload.js'

export interface CheckPerf {
  readonly writesPerSecond: number
  readonly slowestSeconds: number
  readonly deviationSeconds: number
}

/** Null when it says something else. The rate stands in one of two sentences, by whether it was reached. */
export function checkPerfIn(text: string): CheckPerf | null {
  const rate = /Throughput (?:is|too low:) (\d+) writes\/s/.exec(text)?.[1]
  const slowest = /Slowest request took (?:too long: )?([\d.]+)s/.exec(text)?.[1]
  const deviation = /Stddev (?:is|too high:) ([\d.]+)s/.exec(text)?.[1]
  if (rate === undefined || slowest === undefined || deviation === undefined) return null
  return {
    writesPerSecond: Number(rate),
    slowestSeconds: Number(slowest),
    deviationSeconds: Number(deviation),
  }
}

async function run(context: Context): Promise<Outcome> {
  const { cluster, clock } = context
  const load = context.settings.quick ? 's' : 'xl'
  const meter = new Meter({ clock, pids: () => cluster.pids() })
  const before = await cluster.walSyncs()
  meter.start()
  const said = await etcdctl(context, [
    'check',
    'perf',
    `--load=${load}`,
    `--endpoints=${cluster.endpoints(await cluster.leader()).join(',')}`,
  ])
  const metered = meter.stop()
  const after = await cluster.walSyncs()
  const found = checkPerfIn(said)
  if (found === null && !context.stop.stopped) {
    throw new ScenarioFailed(`etcdctl check perf says ${said.trim().slice(-300)}`)
  }
  const { writesPerSecond = 0, slowestSeconds, deviationSeconds } = found ?? {}
  return {
    value: writesPerSecond,
    recorded: null,
    // Its own, which is not this process.
    metered: { ...metered, generatorCpuSeconds: 0 },
    walSyncs: before === null || after === null ? null : after - before,
    notes: [
      `--load=${load}: slowest request ${slowestSeconds} s, standard deviation ${deviationSeconds} s`,
    ],
  }
}

/** What it prints, with whatever exit code: a rate that was not reached is a failure to it. */
function etcdctl({ stop }: Context, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const program = process.env['ETCDCTL_BIN'] ?? 'etcdctl'
    const env = { ...process.env, ETCDCTL_API: '3' }
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env })
    const forget = stop.onStop(() => child.kill('SIGKILL'))
    let text = ''
    for (const output of [child.stdout, child.stderr]) {
      output.on('data', (bytes: Buffer) => {
        text += String(bytes)
      })
    }
    child.once('error', error => {
      forget()
      reject(new ScenarioFailed(`${program} cannot be run: ${error.message}`))
    })
    child.once('close', () => {
      forget()
      resolve(text)
    })
  })
}

export const checkPerfs: readonly Scenario[] = [
  {
    name: 'check-perf',
    group: 'outside',
    unit: 'writes/s',
    better: 'higher',
    summary: '`etcdctl check perf --load=xl`, a minute over gRPC; --load=s with --quick',
    protocol: 'grpc',
    takes: new Set(),
    slow: true,
    repetitionsMax: 1,
    run,
  },
]
