// How many pods a second the scheduler decides on, and how long one decision takes: the queue, the pure
// core and the state, in one thread, without an API server. What is written is taken as written at once,
// and comes back as an informer would show it.
//
//   npm run build && node dist/bench/scheduler/scheduler.js [default] [affinity] [preemption]
//
// Options: --nodes 5000 --existing 10000 --pods 10000. Prints JSON: {machine, commit, paces, figures}.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { projectRoot } from '../../cli/testing/local-cluster.js'
import { Histogram } from '../harness/histogram.js'
import { machineOf, paceMs } from '../harness/machine.js'
import { SimulatedScheduler } from './simulated-scheduler.js'
import { nodeOf, podOf, type WorkloadName } from './workloads.js'

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    nodes: { type: 'string', default: '5000' },
    existing: { type: 'string', default: '10000' },
    pods: { type: 'string', default: '10000' },
  },
})

const workloads: readonly WorkloadName[] = ['default', 'affinity', 'preemption']

interface Figure {
  readonly workload: WorkloadName
  readonly podsPerSecond: number
  /**
   * By the time that the main thread has run: what other processes take is left out, and so are the threads that
   * collect garbage and compile beside it.
   */
  readonly podsPerCoreSecond: number
  /** More than pods where some had to be tried again. */
  readonly decisions: number
  readonly decisionMeanMs: number
  readonly decisionP50Ms: number
  readonly decisionP99Ms: number
  readonly decisionMaxMs: number
  readonly unplaced: number
}

function measure(workload: WorkloadName, seconds: number): Figure {
  const [nodes, existing, pods] = [flags.nodes, flags.existing, flags.pods].map(Number)
  const scheduler = new SimulatedScheduler()
  // Small nodes, each of them full, for those who have to make room.
  const crowded = workload === 'preemption'
  for (let at = 0; at < (nodes ?? 0); at++) scheduler.addNode(nodeOf(at, crowded ? '4' : '32'))
  if (crowded) scheduler.fill(nodes ?? 0)
  else for (let at = 0; at < (existing ?? 0); at++) scheduler.add(podOf(workload, at))
  scheduler.run(() => {})
  const latencies = new Histogram()
  const before = scheduler.placed
  const ranBefore = mainThreadMs()
  const began = performance.now()
  const wanted = crowded ? Math.min(pods ?? 0, nodes ?? 0) : (pods ?? 0)
  for (let at = 0; at < wanted; at++) scheduler.add(podOf(workload, (existing ?? 0) + at))
  scheduler.run(micros => latencies.record(micros), began + seconds * 1000)
  const tookMs = performance.now() - began
  const ranMs = mainThreadMs() - ranBefore
  const done = scheduler.placed - before
  return {
    workload,
    podsPerSecond: Math.round((done * 1000) / tookMs),
    podsPerCoreSecond: Math.round((done * 1000) / ranMs),
    decisions: latencies.count,
    decisionMeanMs: latencies.meanMicros / 1000,
    decisionP50Ms: latencies.percentileMicros(0.5) / 1000,
    decisionP99Ms: latencies.percentileMicros(0.99) / 1000,
    decisionMaxMs: latencies.maxMicros / 1000,
    unplaced: wanted - done,
  }
}

/** The first number of its schedstat, in nanoseconds: see the kernel's documentation of sched-stats. */
function mainThreadMs(): number {
  const text = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'latin1')
  return Number(text.split(' ')[0]) / 1e6
}

/** Longest that one workload may take. */
const secondsMax = 120

function main(): void {
  const names = positionals.length === 0 ? workloads : positionals
  const paces = [paceMs()]
  const figures: Figure[] = []
  for (const name of names) {
    const workload = workloads.find(one => one === name)
    if (workload === undefined)
      throw new Error(`there is no workload "${name}": ${workloads.join()}`)
    figures.push(measure(workload, secondsMax))
    process.stderr.write(`${JSON.stringify(figures.at(-1))}\n`)
    paces.push(paceMs())
  }
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
    cwd: projectRoot,
    encoding: 'utf8',
  }).trim()
  const machine = machineOf(tmpdir())
  process.stdout.write(`${JSON.stringify({ machine, commit, paces, figures }, null, 2)}\n`)
}

main()
