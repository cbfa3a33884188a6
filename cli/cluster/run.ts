// One life of a local cluster: from nothing running to ready, until it is told to stop.

import { fileURLToPath } from 'node:url'
import { nodeClock } from '../../platform/node/clock.js'
import { nodeLogger } from '../../platform/node/logger.js'
import { nodeProcesses } from '../../platform/node/processes.js'
import { openClusterPki, writeKubeconfig } from '../pki/cluster-pki.js'
import { UserError } from '../user-error.js'
import { Balancer } from './balancer.js'
import { writeCloudConfig } from './cloud-config.js'
import { componentsOf } from './components.js'
import { openLog } from './log-file.js'
import { type ClusterOptions, type ClusterPlan, type Layout, planCluster } from './layout.js'
import { checkAddresses, rememberOptions } from './preflight.js'
import { readSupervisor, removeRecord, writeRecord } from './process-files.js'
import { shortPath, type Progress } from './progress.js'
import { awaitReadiness } from './readiness.js'
import { type Ending, Supervisor } from './supervisor.js'
import { isAlive, sweep } from './sweep.js'

const processes = nodeProcesses()
const clock = nodeClock()

/** Rejects a second start on the same data. */
export function ensureNotRunning(layout: Layout): void {
  const record = readSupervisor(layout.supervisorFile)
  if (record === null || !isAlive(processes, record)) return
  throw new UserError(
    `A cluster is already running from ${shortPath(layout.directory)} (pid ${record.pid}). \`raftsman status\` shows it, \`raftsman down\` stops it.`,
  )
}

function writeState(layout: Layout, state: 'starting' | 'ready' | 'stopping'): void {
  const record = { name: 'supervisor', ...processes.self(), state }
  writeRecord(layout.supervisorFile, record)
}

/** What children inherit: where programs are, how to speak, what Node is asked for; nothing else of ours. */
function childEnvironment(): Readonly<Record<string, string>> {
  const names = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'USER', 'NODE_OPTIONS']
  return Object.fromEntries(
    names.flatMap(name => {
      const value = process.env[name]
      return value === undefined ? [] : [[name, value]]
    }),
  )
}

/** Small young generations: a dozen processes share the machine, and none of them is in a hurry. */
const nodeFlags = ['--max-semi-space-size=4', '--enable-source-maps']

function nextStop(): Promise<void> {
  return new Promise(resolve => {
    process.once('SIGINT', () => resolve())
    process.once('SIGTERM', () => resolve())
    process.once('SIGHUP', () => resolve())
  })
}

interface Started {
  readonly plan: ClusterPlan
  readonly supervisor: Supervisor
  readonly balancer: Balancer
}

async function startAll(
  layout: Layout,
  options: ClusterOptions,
  step: (text: string) => void,
): Promise<Started> {
  const logger = nodeLogger({
    process: 'supervisor',
    level: 'info',
    destination: openLog(layout.logFile('supervisor')),
  })
  await sweep(layout, processes, clock)
  const plan = planCluster(options)
  await checkAddresses(plan)
  rememberOptions(layout, options)
  const pki = await openClusterPki(layout, plan)
  writeCloudConfig(layout.cloudConfig, plan.addresses)
  writeKubeconfig(layout.kubeconfig, `https://${plan.balancer}`, pki.admin)
  step('certificates and kubeconfig')
  const supervisor = new Supervisor(componentsOf(plan, layout, pki), {
    layout,
    processes,
    clock,
    logger,
    command: [
      process.execPath,
      ...nodeFlags,
      fileURLToPath(new URL('../main.js', import.meta.url)),
    ],
    env: childEnvironment(),
  })
  const balancer = new Balancer(
    plan.masters.map(({ apiserver }) => apiserver),
    pki.admin,
    logger,
  )
  await balancer.listen(plan.balancer)
  for (const stage of ['store', 'apiserver', 'controllers', 'node'] as const)
    supervisor.start(stage)
  return { plan, supervisor, balancer }
}

/** Runs until SIGINT or SIGTERM. A second SIGINT kills what has not ended yet. */
export async function runCluster(
  layout: Layout,
  options: ClusterOptions,
  report: (progress: Progress) => void,
): Promise<void> {
  const startedAtMs = clock.monotonicMs()
  const elapsedMs = (): number => clock.monotonicMs() - startedAtMs
  const step = (text: string): void => report({ kind: 'step', text, elapsedMs: elapsedMs() })
  const stopped = nextStop()
  writeState(layout, 'starting')
  const started = await startAll(layout, options, step).catch((error: unknown) => {
    removeRecord(layout.supervisorFile)
    report({ kind: 'failed', message: error instanceof Error ? error.message : String(error) })
    throw error
  })
  const { plan, supervisor, balancer } = started
  process.on('SIGUSR2', () => supervisor.reconsider())
  let interrupted = false
  const ready = awaitReadiness(layout, plan, supervisor, clock, step).then(() => {
    if (interrupted) return
    writeState(layout, 'ready')
    report({
      kind: 'ready',
      elapsedMs: elapsedMs(),
      kubeconfig: layout.kubeconfig,
      server: `https://${plan.balancer}`,
      stores: plan.masters.map(({ storeClient }) => storeClient),
    })
  })
  let failure: Error | null = null
  await Promise.race([
    stopped,
    ready.then(
      () => stopped,
      (error: unknown) => {
        failure = error instanceof Error ? error : new Error(String(error))
      },
    ),
  ])
  interrupted = true
  await stopAll(layout, started, report)
  balancer.close()
  if (failure !== null) {
    report({ kind: 'failed', message: (failure as Error).message })
    process.exit(1)
  }
  report({ kind: 'stopped' })
  process.exit(0)
}

async function stopAll(
  layout: Layout,
  { supervisor }: Started,
  report: (progress: Progress) => void,
): Promise<void> {
  writeState(layout, 'stopping')
  report({ kind: 'stopping' })
  const atOnce = (): void => {
    const ending: Ending = 'at-once'
    void supervisor.stop(ending)
  }
  process.once('SIGINT', atOnce)
  await supervisor.stop('graceful')
  process.off('SIGINT', atOnce)
  removeRecord(layout.supervisorFile)
}
