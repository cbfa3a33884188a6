// How many durable proposals a second three nodes carry: each a process of its own with its own
// directory on this machine's disk, over loopback, the proposals made at the leader with a fixed number
// under way. The state machine only counts. Run after a build:
//   node dist/bench/raft/proposals.js [seconds] [inFlight] [payloadBytes] [directory]

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { must } from '../../platform/errors.js'
import { nodeProcesses } from '../../platform/node/processes.js'
import { freePort } from '../../platform/testing/free-port.js'
import { quietPlatform } from '../../platform/testing/quiet-platform.js'
import type { Entry, LogIndex } from '../../raft/core/types.js'
import { logIndex, nodeId } from '../../raft/core/types.js'
import { RaftNode } from '../../raft/node.js'
import type { StateMachine } from '../../raft/state-machine.js'

interface Plan {
  readonly seconds: number
  readonly inFlight: number
  readonly payloadBytes: number
  readonly directory: string
  readonly ports: readonly number[]
}

const warmUpSeconds = 1
const members = 3

class CountingMachine implements StateMachine {
  appliedIndex: LogIndex = logIndex(0)

  /** As if another process kept the state: the log may be cut, as it is in production. */
  get durableIndex(): LogIndex {
    return this.appliedIndex
  }

  apply(entry: Entry): unknown {
    this.appliedIndex = entry.index
    return entry.index
  }

  applied(): void {}

  makeDurable(done: (error: null) => void): void {
    done(null)
  }

  openSnapshot(done: Parameters<StateMachine['openSnapshot']>[0]): void {
    done(null, {
      index: this.appliedIndex,
      read: (_bytes, answer) => answer(null, null),
      close() {},
    })
  }

  beginRestore(index: LogIndex, done: Parameters<StateMachine['beginRestore']>[1]): void {
    done(null, {
      write: (_chunk, answer) => answer(null),
      commit: answer => {
        this.appliedIndex = index
        answer(null)
      },
      abort() {},
    })
  }
}

async function main(): Promise<void> {
  const [mode, id, plan] = process.argv.slice(2)
  if (mode === '--node') {
    runNode(Number(id), JSON.parse(must(plan, 'a plan')) as Plan)
    return
  }
  const [seconds = 5, inFlight = 1000, payloadBytes = 1024] = process.argv.slice(2, 5).map(Number)
  const directory = mkdtempSync(`${process.argv[5] ?? tmpdir()}/raftsman-bench-`)
  const ports: number[] = []
  for (let at = 0; at < members; at += 1) ports.push(await freePort())
  await runMembers({ seconds, inFlight, payloadBytes, directory, ports })
  rmSync(directory, { recursive: true })
}

/** Ends when the first member does: that is the leader, which has printed the figures. */
async function runMembers(plan: Plan): Promise<void> {
  const processes = nodeProcesses()
  const children = await new Promise<readonly number[]>(resolve => {
    const pids = plan.ports.map((_, at) => {
      const child = processes.spawn(
        {
          command: process.execPath,
          args: [fileURLToPath(import.meta.url), '--node', String(at + 1), JSON.stringify(plan)],
          env: {},
          directory: plan.directory,
          detached: false,
          stdin: 'ignore',
          stdout: 1,
          stderr: 2,
        },
        () => resolve(pids),
        error => {
          throw error
        },
      )
      return must(child, 'a member starts').pid
    })
  })
  for (const pid of children) {
    const identity = processes.identify(pid)
    if (identity !== null) processes.signal(identity, 'SIGKILL')
  }
  while (children.some(pid => processes.identify(pid) !== null))
    await new Promise(done => setTimeout(done, 20))
}

function runNode(id: number, plan: Plan): void {
  const peers = plan.ports.map((port, at) => ({
    id: nodeId(at + 1),
    name: `n${at + 1}`,
    address: `127.0.0.1:${port}`,
  }))
  const platform = quietPlatform()
  const self = must(peers[id - 1], 'a member')
  RaftNode.start(
    {
      ...self,
      clusterId: 1,
      peers,
      listen: self.address,
      tls: null,
      directory: `${plan.directory}/n${id}`,
      tickMs: 100,
      electionTicks: 10,
      stateMachine: new CountingMachine(),
      ...platform,
      entriesKept: 5000,
      onFatal: error => {
        throw error
      },
    },
    (error, node) => {
      if (error !== null) throw error
      let loading = false
      const started = must(node, 'a node without error')
      started.onSoftState(({ role }) => {
        if (role !== 'leader' || loading) return
        loading = true
        load(started, plan)
      })
    },
  )
}

function load(node: RaftNode, plan: Plan): void {
  const latencies: number[] = []
  let refused = 0
  const begin = performance.now() + warmUpSeconds * 1000
  const end = begin + plan.seconds * 1000
  let cpu = process.cpuUsage()
  setTimeout(() => {
    cpu = process.cpuUsage()
  }, warmUpSeconds * 1000)
  const one = (): void => {
    const sent = performance.now()
    node.propose(Buffer.alloc(plan.payloadBytes, 7), error => {
      const now = performance.now()
      if (error !== null) refused += 1
      else if (now >= begin && now < end) latencies.push(now - sent)
      if (now < end) one()
    })
  }
  for (let at = 0; at < plan.inFlight; at += 1) one()
  setTimeout(
    () => {
      latencies.sort((a, b) => a - b)
      const at = (share: number) =>
        (latencies[Math.floor(latencies.length * share)] ?? 0).toFixed(2)
      const { user, system } = process.cpuUsage(cpu)
      const rate = Math.round(latencies.length / plan.seconds)
      process.stdout.write(
        `${members} nodes, ${plan.inFlight} in flight, ${plan.payloadBytes} B: ${rate} proposals/s, ` +
          `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(0.99999)} ms, refused ${refused}, ` +
          `leader cpu ${((user + system) / 1e6 / plan.seconds).toFixed(2)} cores\n`,
      )
      process.exit(0)
    },
    (warmUpSeconds + plan.seconds) * 1000 + 200,
  )
}

await main()
