// What an operator feels of a whole cluster, measured on real processes: how long until a pod runs,
// how long a dead leader is felt, and what an idle cluster costs.
//
//   npm run build && node dist/bench/cluster/cluster.js [--masters 3] [--nodes 2]
//
// Prints JSON: {machine, commit, startedAt, scenarios: [{name, unit, value, detail}]}.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import {
  eventually,
  LocalCluster,
  projectRoot,
  type Status,
} from '../../cli/testing/local-cluster.js'

interface Scenario {
  readonly name: string
  readonly unit: string
  readonly value: number
  readonly detail?: unknown
}

const { values: flags } = parseArgs({
  options: {
    masters: { type: 'string', default: '3' },
    nodes: { type: 'string', default: '2' },
    'idle-seconds': { type: 'string', default: '30' },
    failovers: { type: 'string', default: '5' },
  },
})

const clockTicksPerSecond = 100
const sleep = (ms: number): Promise<void> =>
  new Promise(resolve => {
    setTimeout(resolve, ms)
  })

/** From the start command to the first pod that runs and is Ready. */
async function startToFirstPod(cluster: LocalCluster): Promise<readonly Scenario[]> {
  const startedAt = performance.now()
  const { code, stderr } = await cluster.up('--masters', flags.masters, '--nodes', flags.nodes)
  if (code !== 0) throw new Error(stderr)
  const upMs = performance.now() - startedAt
  await cluster.must('apply', '-f', 'examples/hello.yaml')
  await eventually('a ready pod', 60_000, async () =>
    /1\/1/.test(await cluster.must('get', 'pods', '-l', 'app=hello', '--no-headers')),
  )
  return [
    { name: 'start-to-ready', unit: 's', value: upMs / 1000 },
    { name: 'start-to-first-pod', unit: 's', value: (performance.now() - startedAt) / 1000 },
  ]
}

function pidsOf(status: Status): ReadonlyMap<string, number> {
  const pids = new Map<string, number>()
  for (const master of status.masters) {
    for (const [part, pid] of Object.entries(master.pids)) pids.set(`${master.name}/${part}`, pid)
  }
  for (const node of status.nodes) pids.set(node.name, node.pid)
  return pids
}

const cpuSeconds = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / clockTicksPerSecond
}

/** Proportional where the kernel tells it: shared pages of one program counted once. */
const residentBytes = (pid: number): { rss: number; pss: number } => {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1')
  const kilobytes = (name: string): number =>
    Number(new RegExp(`^${name}: +(\\d+)`, 'm').exec(rollup)?.[1])
  return { rss: kilobytes('Rss') * 1024, pss: kilobytes('Pss') * 1024 }
}

async function idleCost(cluster: LocalCluster): Promise<readonly Scenario[]> {
  const supervisor = JSON.parse(
    readFileSync(`${cluster.directory}/run/supervisor.json`, 'utf8'),
  ) as { pid: number }
  const pids = new Map([...pidsOf(await cluster.status()), ['supervisor', supervisor.pid]])
  await sleep(10_000)
  const before = new Map([...pids].map(([name, pid]) => [name, cpuSeconds(pid)]))
  const startedAt = performance.now()
  await sleep(Number(flags['idle-seconds']) * 1000)
  const elapsed = (performance.now() - startedAt) / 1000
  const each = [...pids].map(([name, pid]) => ({
    name,
    cpuPercent: Number((((cpuSeconds(pid) - (before.get(name) ?? 0)) / elapsed) * 100).toFixed(2)),
    rssMebibytes: Math.round(residentBytes(pid).rss / 1024 / 1024),
    pssMebibytes: Math.round(residentBytes(pid).pss / 1024 / 1024),
  }))
  const sum = (pick: (one: (typeof each)[number]) => number): number =>
    Number(each.reduce((total, one) => total + pick(one), 0).toFixed(2))
  return [
    { name: 'idle-cpu', unit: '% of one core', value: sum(one => one.cpuPercent), detail: each },
    { name: 'idle-memory-rss', unit: 'MiB', value: sum(one => one.rssMebibytes) },
    { name: 'idle-memory-pss', unit: 'MiB', value: sum(one => one.pssMebibytes) },
  ]
}

/** SIGKILL of all processes of the leading master, to the next write that a client gets acknowledged. */
async function failover(cluster: LocalCluster): Promise<readonly Scenario[]> {
  const store = cluster.storeClient(Number(flags.masters), { requestTimeoutMs: 30_000 })
  const key = Buffer.from('bench/failover')
  const gaps: number[] = []
  for (let round = 0; round < Number(flags.failovers); round += 1) {
    const status = await eventually('all masters', 60_000, async () => {
      const now = await cluster.status()
      return now.leader !== null && now.masters.every(({ healthy }) => healthy) && now
    })
    await store.put({ key, value: Buffer.from('before') })
    const leader = status.masters.find(({ name }) => name === status.leader)
    const killedAt = performance.now()
    for (const pid of Object.values(leader?.pids ?? {})) process.kill(pid, 'SIGKILL')
    for (let written = false; !written; ) {
      try {
        await store.put({ key, value: Buffer.from(String(round)) })
        written = true
      } catch {
        // Unknown outcome: the next try tells.
      }
    }
    gaps.push((performance.now() - killedAt) / 1000)
  }
  store.close()
  const sorted = gaps.toSorted((a, b) => a - b)
  return [
    {
      name: 'leader-kill-to-next-write',
      unit: 's (median)',
      value: Number((sorted[Math.floor(sorted.length / 2)] ?? 0).toFixed(2)),
      detail: sorted.map(gap => Number(gap.toFixed(2))),
    },
  ]
}

async function main(): Promise<void> {
  const cluster = new LocalCluster(4000)
  const startedAt = new Date().toISOString()
  try {
    const scenarios = [
      ...(await startToFirstPod(cluster)),
      ...(await idleCost(cluster)),
      ...(Number(flags.masters) > 1 ? await failover(cluster) : []),
    ]
    const report = {
      machine: `${cpus().length} x ${cpus()[0]?.model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`,
      commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
        cwd: projectRoot,
        encoding: 'utf8',
      }).trim(),
      startedAt,
      scenarios,
    }
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
  } finally {
    await cluster.dispose()
  }
}

await main()
