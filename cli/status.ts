// `raftsman status`: masters with their place in the log, nodes, and the processes of both.

import type { Command } from 'commander'
import Table from 'cli-table3'
import { nodes as nodeResource } from '../orchestrator/client/resources.js'
import { nodeClock } from '../platform/node/clock.js'
import { nodeProcesses } from '../platform/node/processes.js'
import type { Processes } from '../platform/processes.js'
import type { MemberStatus } from '../store/core/types.js'
import { openApi } from './api-access.js'
import { type ClusterPlan, Layout } from './cluster/layout.js'
import { rememberedPlan } from './cluster/members.js'
import { readRecord, readSupervisor } from './cluster/process-files.js'
import { shortPath } from './cluster/progress.js'
import { isAlive } from './cluster/sweep.js'
import { plain } from './plain-table.js'
import { openMember } from './store-access.js'

interface MasterStatus {
  readonly name: string
  readonly role: string
  readonly term: number
  readonly commitIndex: number
  readonly appliedIndex: number
  readonly healthy: boolean
  /** Why it is not healthy, and which alarms are on. */
  readonly errors: readonly string[]
  readonly pids: {
    readonly store: number | null
    readonly apiserver: number | null
    readonly controllers: number | null
  }
}

interface NodeStatus {
  readonly name: string
  readonly ready: boolean
  readonly pid: number | null
}

interface ClusterStatus {
  readonly leader: string | null
  readonly masters: readonly MasterStatus[]
  readonly nodes: readonly NodeStatus[]
}

const answerMsMax = 2_000

export function define(command: Command): void {
  command
    .option('--data-dir <folder>', 'data, certificates and logs', '.raftsman')
    .option('-o, --output <format>', 'table or json', 'table')
    .action(status)
}

function pidOf(layout: Layout, processes: Processes, component: string): number | null {
  const record = readRecord(layout.processFile(component))
  return record !== null && isAlive(processes, record) ? record.pid : null
}

/** The answer, or null when it fails or takes too long: a dead member must not hold the table. */
function within<T>(answer: Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<null>(resolve => {
    timer = setTimeout(() => resolve(null), answerMsMax)
  })
  return Promise.race([answer.catch(() => null), late]).finally(() => clearTimeout(timer))
}

async function memberStatus(
  layout: Layout,
  plan: ClusterPlan,
  address: string,
): Promise<MemberStatus | null> {
  const store = openMember(layout, plan, address)
  try {
    return await within(store.status())
  } finally {
    store.close()
  }
}

async function readyNodes(layout: Layout, plan: ClusterPlan): Promise<ReadonlySet<string>> {
  const access = openApi(layout, plan, nodeClock())
  try {
    const list = await within(access.api.list(nodeResource))
    const ready = (list?.items ?? []).filter(node =>
      node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
    )
    return new Set(ready.map(({ metadata }) => metadata.name ?? ''))
  } finally {
    access.close()
  }
}

async function collect(layout: Layout, plan: ClusterPlan): Promise<ClusterStatus> {
  const processes = nodeProcesses()
  const running = plan.masters.some(
    ({ name }) => pidOf(layout, processes, `${name}/apiserver`) !== null,
  )
  const [answers, ready] = await Promise.all([
    Promise.all(plan.masters.map(({ storeClient }) => memberStatus(layout, plan, storeClient))),
    running ? readyNodes(layout, plan) : new Set<string>(),
  ])
  const masters = plan.masters.map(({ name }, position): MasterStatus => {
    const answer = answers[position]
    return {
      name,
      role: answer?.role ?? 'down',
      term: answer?.raftTerm ?? 0,
      commitIndex: answer?.commitIndex ?? 0,
      appliedIndex: answer?.appliedIndex ?? 0,
      healthy: answer?.healthy ?? false,
      errors: answer?.errors ?? [],
      pids: {
        store: pidOf(layout, processes, `${name}/store`),
        apiserver: pidOf(layout, processes, `${name}/apiserver`),
        controllers: pidOf(layout, processes, `${name}/controllers`),
      },
    }
  })
  return {
    leader: masters.find(({ role }) => role === 'leader')?.name ?? null,
    masters,
    nodes: plan.nodes.map(({ name }) => ({
      name,
      ready: ready.has(name),
      pid: pidOf(layout, processes, name),
    })),
  }
}

function stateOf(layout: Layout, state: ClusterStatus): string {
  const supervisor = readSupervisor(layout.supervisorFile)
  if (supervisor === null || !isAlive(nodeProcesses(), supervisor)) return 'not running'
  const { leader } = state
  return leader === null && supervisor.state === 'ready'
    ? 'no leader, so nothing can be written'
    : supervisor.state
}

function render(layout: Layout, state: ClusterStatus): string {
  const commit = Math.max(...state.masters.map(({ commitIndex }) => commitIndex))
  const masters = new Table({
    ...plain,
    head: [
      'MASTER',
      'ROLE',
      'TERM',
      'COMMIT',
      'APPLIED',
      'LAG',
      'HEALTHY',
      'STORE',
      'API',
      'CONTR.',
    ],
  })
  const pid = (value: number | null): string => (value === null ? '-' : String(value))
  for (const master of state.masters) {
    const down = master.role === 'down'
    masters.push([
      master.name,
      master.role,
      down ? '-' : master.term,
      down ? '-' : master.commitIndex,
      down ? '-' : master.appliedIndex,
      down ? '-' : commit - master.appliedIndex,
      master.healthy ? 'yes' : 'no',
      pid(master.pids.store),
      pid(master.pids.apiserver),
      pid(master.pids.controllers),
    ])
  }
  const nodes = new Table({ ...plain, head: ['NODE', 'READY', 'PID'] })
  for (const node of state.nodes) nodes.push([node.name, node.ready ? 'yes' : 'no', pid(node.pid)])
  const troubles = state.masters.flatMap(({ name, errors }) =>
    errors.map(error => `${name}: ${error}`),
  )
  return [
    `Cluster in ${shortPath(layout.directory)}: ${stateOf(layout, state)}`,
    '',
    masters.toString(),
    ...(troubles.length > 0 ? ['', ...troubles] : []),
    ...(state.nodes.length > 0 ? ['', nodes.toString()] : []),
  ]
    .join('\n')
    .replaceAll(/ +$/gm, '')
}

async function status(flags: { readonly dataDir: string; readonly output: string }): Promise<void> {
  const layout = new Layout(flags.dataDir)
  const plan = rememberedPlan(layout)
  const state = await collect(layout, plan)
  process.stdout.write(
    flags.output === 'json' ? `${JSON.stringify(state)}\n` : `${render(layout, state)}\n`,
  )
  // Scripts ask by the exit code: is the cluster able to take a write?
  process.exitCode = state.leader === null ? 1 : 0
}
