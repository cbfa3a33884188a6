// How many entries a second the protocol core alone commits: three cores in one thread, no disk, no
// sockets, no codec. Every write is durable at once and every message arrives at once, so that what
// is measured is the core and nothing else. Compaction keeps the logs short, as a node does. Run after
// a build:
//   node --expose-gc dist/bench/raft/core.js [seconds] [proposals a turn] [payload bytes]

import { must } from '../../platform/errors.js'
import { seededRandom } from '../../platform/seeded-random.js'
import { Raft } from '../../raft/core/raft.js'
import type { Message, NodeId } from '../../raft/core/types.js'
import { logIndex, nodeId, noNode, term } from '../../raft/core/types.js'

const members = [nodeId(1), nodeId(2), nodeId(3)]
/** As if a turn took 10 ms and a tick 100 ms. */
const turnsPerTick = 10
const ticksPerHour = 36_000
const entriesKept = 5000
/** More than `entriesKept` weigh: entries are dropped one by one, as on a node, and then compacted. */
const cachedBytesMax = 4 * 1024 * 1024

class MemoryCluster {
  committed = 0
  /** Whose commits are counted: everybody commits the same. */
  private readonly counted = nodeId(1)
  private readonly nodes = new Map<NodeId, Raft>()
  private readonly applied = new Map<NodeId, number>()
  private post: Message[] = []

  constructor() {
    const confState = { voters: members, votersOutgoing: [], learners: [], learnersNext: [] }
    for (const id of members) {
      this.nodes.set(
        id,
        new Raft(
          {
            id,
            electionTicks: 10,
            heartbeatTicks: 1,
            random: seededRandom(id),
            entriesBytesMaxPerMessage: 1024 * 1024,
            inflightMessagesMax: 256,
            inflightBytesMax: 32 * 1024 * 1024,
            uncommittedBytesMax: 128 * 1024 * 1024,
            cachedBytesMax,
          },
          {
            hardState: { term: term(0), vote: noNode, commit: logIndex(0) },
            snapshot: { index: logIndex(0), term: term(0), confState },
            entries: [],
          },
          logIndex(0),
        ),
      )
      this.applied.set(id, 0)
    }
  }

  get leader(): Raft | null {
    for (const raft of this.nodes.values()) if (raft.status().role === 'leader') return raft
    return null
  }

  tick(): void {
    for (const raft of this.nodes.values()) raft.tick()
    this.settle()
  }

  /** Everything that is due, until nobody has anything left to do. */
  settle(): void {
    for (;;) {
      let busy = false
      for (const [id, raft] of this.nodes) busy = this.run(id, raft) || busy
      const post = this.post
      this.post = []
      for (const message of post) this.node(message.to).step(message)
      if (!busy && post.length === 0) return
    }
  }

  private run(id: NodeId, raft: Raft): boolean {
    if (!raft.hasReady()) return false
    const ready = raft.ready()
    for (const message of ready.messages) this.post.push(message)
    if (ready.append !== null) {
      for (const message of raft.appended(ready.append.id)) this.post.push(message)
    }
    const last = ready.committed.at(-1)
    if (last !== undefined) {
      raft.applied(last.index)
      if (id === this.counted) this.committed += ready.committed.length
      this.compact(id, raft, last.index)
    }
    return true
  }

  private compact(id: NodeId, raft: Raft, applied: number): void {
    const compacted = must(this.applied.get(id), 'a member')
    if (applied - compacted < 2 * entriesKept) return
    this.applied.set(id, applied - entriesKept)
    raft.compact(logIndex(applied - entriesKept))
  }

  private node(id: NodeId): Raft {
    return must(this.nodes.get(id), 'a member')
  }
}

function heapBytes(): number {
  global.gc?.()
  return process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers
}

function main(): void {
  const [seconds = 5, batch = 100, payloadBytes = 256] = process.argv.slice(2).map(Number)
  const cluster = new MemoryCluster()
  while (cluster.leader === null) cluster.tick()
  const leader = must(cluster.leader, 'a leader')
  let sequence = 0
  let turns = 0
  const load = (forMs: number): number => {
    const before = cluster.committed
    const began = performance.now()
    const end = began + forMs
    while (performance.now() < end) {
      for (let round = 0; round < 10; round += 1) {
        const sequences: number[] = []
        const payloads: Uint8Array[] = []
        for (let at = 0; at < batch; at += 1) {
          sequences.push(++sequence)
          payloads.push(Buffer.allocUnsafe(payloadBytes))
        }
        leader.propose(sequences, payloads)
        cluster.settle()
        turns += 1
        if (turns % turnsPerTick === 0) cluster.tick()
      }
    }
    return (cluster.committed - before) / ((performance.now() - began) / 1000)
  }
  load(1000)
  const turnsBefore = turns
  const heapBefore = heapBytes()
  const cpu = process.cpuUsage()
  const rate = load(seconds * 1000)
  const { user, system } = process.cpuUsage(cpu)
  const report = {
    members: members.length,
    proposalsATurn: batch,
    payloadBytes,
    committedEntriesPerSecond: Math.round(rate),
    committedEntriesPerCoreSecond: Math.round((rate * seconds * 1e6) / (user + system)),
    cores: Number(((user + system) / 1e6 / seconds).toFixed(2)),
    entries: cluster.committed,
    simulatedHours: Number(((turns - turnsBefore) / turnsPerTick / ticksPerHour).toFixed(2)),
    heapGrowthMiB: Number(((heapBytes() - heapBefore) / 1024 / 1024).toFixed(1)),
  }
  process.stdout.write(`${JSON.stringify(report)}\n`)
}

main()
