// A cluster in one thread, driven by one seed: lossy, repeating, reordering network, partitions,
// disks that answer late, power cuts that lose what was not durable. Every step is one small thing
// at one node, and the safety sentences are checked after it. Each seed draws its own mix (swarm).
// The simulation of the whole control plane is another, larger one; this one knows raft/core alone.

import type { Random } from '../../../platform/random.js'
import { seededRandom } from '../../../platform/seeded-random.js'
import { type LogIndex, logIndex, type NodeId, nodeId } from '../types.js'
import { Safety, SafetyError } from './safety.js'
import { emptyDisk, type Post, TestNode } from './test-node.js'

interface Rates {
  readonly loss: number
  readonly repeat: number
  readonly crash: number
  readonly partition: number
  readonly slowDisk: number
  readonly slowApply: number
  readonly compact: number
  readonly transfer: number
  readonly delivery: number
  readonly late: number
  readonly change: number
  /** All clocks tick once in so many steps, though not at the same; 0: each as it pleases. */
  readonly tickSteps: number
  /** Of the crashes. */
  readonly damage: number
  /** Somebody is told that the process of its leader has ended. */
  readonly gone: number
  /** Of those: it is not so. */
  readonly goneWrongly: number
}

export interface Shape {
  readonly voters: number
  readonly learners: number
  /** Nodes that begin with nothing; with any, the membership changes all the time. */
  readonly joiners?: number
  /** Crashes may damage the logs of a minority. */
  readonly damages?: boolean
  /** Reads by lease; clocks go alike then. */
  readonly leases?: boolean
}

interface OpenRead {
  readonly node: NodeId
  /** What was committed anywhere when the read was asked for. */
  readonly atLeast: number
}

/** The same on all nodes, or leases would not hold. */
const leaseLimits = { electionTicks: 6, leaseReads: { driftTicks: 1 } }
const postMax = 400
const liveRoundsMax = 400

export class Simulation {
  readonly nodes: TestNode[] = []
  readonly safety = new Safety()
  private readonly random: Random
  /** Of what nodes are told about others that are gone; apart, so that it does not reshuffle the rest. */
  private readonly rumours: Random
  private readonly rates: Rates
  private network: Post[] = []
  /** Messages that take far longer than others; an old term may end before they arrive. */
  private readonly limbo: Post[] = []
  /** How often a tick really comes at a node: clocks differ. */
  private readonly clocks = new Map<NodeId, number>()
  private readonly cut = new Set<string>()
  private readonly down = new Set<NodeId>()
  private readonly reads = new Map<number, OpenRead>()
  private nextContext = 1
  private nextSequence = 1
  private healed = false
  /** Order and kind of all that happened, folded into one number. */
  traceHash = 0

  constructor(seed: number, { voters: votersCount, learners: learnersCount, ...more }: Shape) {
    const { joiners: joinersCount = 0, damages = false, leases = false } = more
    this.random = seededRandom(seed)
    this.rumours = seededRandom(seed * 64 + 63)
    const voters = Array.from({ length: votersCount }, (_, i) => nodeId(i + 1))
    const learners = Array.from({ length: learnersCount }, (_, i) => nodeId(votersCount + i + 1))
    const confState = { voters, votersOutgoing: [], learners, learnersNext: [] }
    const nobody = { voters: [], votersOutgoing: [], learners: [], learnersNext: [] }
    const founders = votersCount + learnersCount
    for (let id = 1; id <= founders + joinersCount; id++) {
      const first = id <= founders ? confState : nobody
      this.nodes.push(
        new TestNode(nodeId(id), seededRandom(seed * 64 + id), emptyDisk(first), {
          electionTicks: 3 + this.random.integer(5),
          // From one entry a message, where terms are sent apart, to several.
          entriesBytesMaxPerMessage: 1 + this.random.integer(400),
          inflightMessagesMax: 1 + this.random.integer(6),
          uncommittedBytesMax: 2000,
          ...(this.random.next() < 0.5 ? {} : { cachedBytesMax: this.random.integer(900) }),
          ...(leases ? leaseLimits : {}),
        }),
      )
    }
    for (const { id } of this.nodes) this.clocks.set(id, 0.3 + 0.7 * this.random.next())
    this.rates = {
      loss: this.random.next() * this.random.next() * 0.3,
      repeat: this.random.next() * 0.2,
      crash: this.random.next() * (leases ? 0.008 : 0.004),
      partition: this.random.next() * (leases ? 0.012 : 0.004),
      slowDisk: this.random.next() * 0.8,
      slowApply: this.random.next() * 0.8,
      compact: this.random.next() * 0.03,
      transfer: this.random.next() * 0.02,
      late: this.random.next() * 0.03,
      change: joinersCount === 0 ? 0 : this.random.next() * 0.12,
      delivery: 0.5 + this.random.next() * 0.4,
      tickSteps: leases ? 15 + this.random.integer(60) : 0,
      damage: damages ? 0.2 + this.random.next() * 0.6 : 0,
      gone: this.rumours.next() * 0.1,
      goneWrongly: this.rumours.next() < 0.5 ? 0 : this.rumours.next() * 0.2,
    }
  }

  /** Anything may fail. */
  run(steps: number): void {
    for (let step = 0; step < steps; step++) {
      this.disturb()
      if (this.rumours.next() < this.rates.gone) this.tellOfGone()
      if (this.rates.tickSteps > 0) this.tickInStep(step)
      if (this.network.length > 0 && this.random.next() < this.rates.delivery) this.deliver()
      else this.actAt(this.pick(this.nodes))
    }
  }

  /** Everything is healed; within a bound the cluster agrees on something new. */
  heal(): void {
    this.healed = true
    this.cut.clear()
    for (const node of this.nodes) if (this.down.has(node.id)) this.restart(node)
    for (let round = 0; round < liveRoundsMax; round++) {
      for (const node of this.nodes) this.touch(node, () => node.raft.tick())
      this.settle()
      const leader = this.leader()
      if (leader === undefined) continue
      this.propose(leader)
      this.settle()
      if (this.agreed(leader)) return
    }
    throw new SafetyError('a healed cluster elects a leader and commits on every node')
  }

  /** Of the newest term: others may not know yet that they lead no more. */
  private leader(): TestNode | undefined {
    const leaders = this.nodes.filter(n => n.raft.status().role === 'leader')
    return leaders.sort((a, b) => b.raft.status().term - a.raft.status().term)[0]
  }

  private agreed(leader: TestNode): boolean {
    const { lastIndex, term, confState } = leader.raft.status()
    if (leader.raft.termAt(lastIndex) !== term || confState.votersOutgoing.length > 0) return false
    const ids = new Set([...confState.voters, ...confState.learners])
    const members = this.nodes.filter(n => ids.has(n.id))
    for (const node of members) if (node.machine.length !== lastIndex) return false
    for (const node of members) {
      for (let at = 0; at < lastIndex; at++) {
        const same = node.machine[at]?.sequence === leader.machine[at]?.sequence
        if (!same) throw new SafetyError('equal applied indexes mean equal states')
      }
    }
    return true
  }

  /** Delivers and finishes everything, without failures. Bounded: it would loop on a bug. */
  private settle(): void {
    for (let turn = 0; turn < 20_000; turn++) {
      if (this.network.length > 0) {
        this.deliver()
        continue
      }
      const busy = this.nodes.find(
        n => n.tasks.length > 0 || n.committed.length > 0 || n.fetches.length > 0,
      )
      if (busy === undefined) return
      this.work(busy)
    }
    throw new SafetyError('a cluster without failures comes to rest')
  }

  private disturb(): void {
    const { random, rates } = this
    if (random.next() < rates.partition) this.repartition()
    if (this.limbo.length > 0 && random.next() < 0.01) {
      const at = random.integer(this.limbo.length)
      this.network.push(...this.limbo.splice(at, 1))
    }
    if (random.next() < rates.crash) this.crash(this.pick(this.nodes))
    if (this.down.size > 0 && random.next() < 0.02) {
      const node = this.nodes.find(n => this.down.has(n.id))
      if (node !== undefined) this.restart(node)
    }
  }

  private repartition(): void {
    this.note('partition')
    const wasCut = this.cut.size > 0
    this.cut.clear()
    if (wasCut && this.random.next() < 0.6) return
    if (this.random.next() < 0.3) {
      this.cut.add(`${this.pick(this.nodes).id}>${this.pick(this.nodes).id}`)
      return
    }
    const left = new Set(this.minority())
    for (const a of this.nodes) {
      for (const b of this.nodes) {
        if (left.has(a.id) !== left.has(b.id)) this.cut.add(`${a.id}>${b.id}`)
      }
    }
  }

  /** Often the leader alone or with one more: where deposed leaders go on for a while. */
  private minority(): NodeId[] {
    const leader = this.nodes.find(n => n.raft.status().role === 'leader')
    if (leader === undefined || this.random.next() < 0.4) {
      return this.nodes.filter(() => this.random.next() < 0.5).map(n => n.id)
    }
    const other = this.pick(this.nodes).id
    return this.random.next() < 0.5 ? [leader.id] : [leader.id, other]
  }

  private crash(node: TestNode): void {
    if (this.down.has(node.id)) return
    this.note(`crash ${node.id}`)
    const tasksKept = this.random.integer(node.tasks.length + 1)
    node.crash(tasksKept, this.random.integer(4), this.random.next() < 0.5)
    this.down.add(node.id)
    if (this.rates.damage > 0 && this.random.next() < this.rates.damage) this.damage(node)
    for (const [context, read] of this.reads) {
      if (read.node === node.id) this.reads.delete(context)
    }
  }

  /** Of a minority of the nodes, or nobody could be elected any more. */
  private damage(node: TestNode): void {
    const others = this.nodes.filter(other => other !== node && other.disk.damaged !== null)
    if ((others.length + 1) * 2 > this.nodes.length - 1) return
    node.damage(this.random)
    this.safety.count('damage')
  }

  private restart(node: TestNode): void {
    this.note(`restart ${node.id}`)
    this.down.delete(node.id)
    node.restart()
    this.safety.restarted(node)
    this.collect(node)
  }

  private deliver(): void {
    const { random, rates } = this
    // Mostly near the front: real links seldom reorder by much.
    const near = random.next() < 0.8 ? Math.min(3, this.network.length) : this.network.length
    const at = random.integer(near)
    const post = this.network[at] as Post
    if (this.healed || random.next() >= rates.repeat) this.network.splice(at, 1)
    const { message } = post
    if (!this.healed && random.next() < rates.late && message.kind !== 'snapshotRequest') {
      this.limbo.push(post)
      return
    }
    const node = this.nodes[message.to - 1] as TestNode
    const lost =
      !this.healed &&
      (random.next() < rates.loss ||
        this.cut.has(`${message.from}>${message.to}`) ||
        this.down.has(message.to))
    if (lost) {
      if (message.kind === 'snapshotRequest') this.snapshotDone(message.from, message.to, false)
      return
    }
    this.note(`${message.from}>${message.to} ${message.kind}`)
    this.touch(node, () => node.receive(post))
    if (message.kind === 'snapshotRequest') this.snapshotDone(message.from, message.to, true)
  }

  private snapshotDone(from: NodeId, to: NodeId, ok: boolean): void {
    const node = this.nodes[from - 1] as TestNode
    if (!this.down.has(from)) this.touch(node, () => node.raft.snapshotDone(to, ok))
  }

  private actAt(node: TestNode): void {
    if (this.down.has(node.id)) return
    const { random, rates } = this
    const dice = random.next()
    if (dice < 0.22) this.tick(node)
    else if (dice < 0.3) this.propose(node)
    else if (dice < 0.36) this.read(node)
    else if (dice < 0.37 + rates.transfer) {
      const target = this.pick(this.nodes).id
      const gives = random.next() < 0.8
      this.touch(node, () => (gives ? node.raft.transferLeadership(target) : node.raft.stepDown()))
    } else if (dice < 0.39 + rates.compact) {
      if (random.next() < 0.5) node.flushMachine()
      this.touch(node, () => node.compact(random.integer(8)))
    } else if (dice < 0.43) {
      const target = this.pick(this.nodes).id
      this.touch(node, () => node.raft.unreachable(target))
    } else if (dice < 0.43 + rates.change) this.change(node)
    else this.work(node)
  }

  /**
   * A node is told that its leader is gone, and campaigns now or later or not at all. Where it is not so,
   * all others may be told the same: then they are a quorum that has it wrong.
   */
  private tellOfGone(): void {
    const { rumours, rates } = this
    const node = this.nodes[rumours.integer(this.nodes.length)] as TestNode
    if (this.down.has(node.id)) return
    const { leader, role } = node.raft.status()
    const isWrong = rumours.next() < rates.goneWrongly
    const isTold = isWrong || this.down.has(leader)
    if (isWrong && rumours.next() < 0.5)
      for (const other of this.nodes)
        if (!this.down.has(other.id)) this.touch(other, () => other.raft.peerGone(leader))
    const campaigns = rumours.next() < 0.5
    this.touch(node, () => {
      if (isTold) node.raft.peerGone(leader)
      if (campaigns) node.raft.campaignEarly()
    })
    const { role: now } = node.raft.status()
    if (role === 'follower' && now === 'preCandidate') this.safety.count('campaign early')
  }

  private change(node: TestNode): void {
    const { random } = this
    const operations = Array.from(
      { length: random.next() < 0.6 ? 1 : 2 + random.integer(2) },
      () => ({
        kind: (['addVoter', 'addLearner', 'remove'] as const)[random.integer(3)] ?? 'remove',
        node: this.pick(this.nodes).id,
      }),
    )
    this.touch(node, () => node.raft.proposeConfChange(this.nextSequence++, operations))
  }

  private tickInStep(step: number): void {
    const { tickSteps } = this.rates
    for (const node of this.nodes) {
      const isDue = (step + node.id * 3) % tickSteps === 0
      if (isDue && !this.down.has(node.id)) this.touch(node, () => node.raft.tick())
    }
  }

  private tick(node: TestNode): void {
    if (this.rates.tickSteps > 0) return
    if (this.random.next() < (this.clocks.get(node.id) ?? 1)) {
      this.touch(node, () => node.raft.tick())
    }
  }

  private propose(node: TestNode): void {
    const sequences: number[] = []
    const payloads: Uint8Array[] = []
    for (let n = this.random.integer(3); n >= 0; n--) {
      sequences.push(this.nextSequence++)
      payloads.push(new Uint8Array(this.random.integer(120)))
    }
    this.touch(node, () => node.raft.propose(sequences, payloads))
  }

  private read(node: TestNode): void {
    const context = this.nextContext++
    this.reads.set(context, { node: node.id, atLeast: this.safety.committedIndex })
    this.touch(node, () => node.raft.readIndex(context))
  }

  /** Lets the disk or the state machine of a node get on. */
  private work(node: TestNode): void {
    const { random, rates } = this
    if (node.tasks.length > 0 && (this.healed || random.next() >= rates.slowDisk)) {
      this.touch(node, () => {
        const messages = node.finishWrite()
        this.safety.count('write')
        this.sendAll(node, node.post(messages))
      })
    }
    if (node.fetches.length > 0 && (this.healed || random.next() >= rates.slowDisk)) {
      this.safety.count('fetch')
      this.touch(node, () => node.answerFetch())
    }
    if (node.committed.length > 0 && (this.healed || random.next() >= rates.slowApply)) {
      const before = node.raft.confState
      this.touch(node, () => this.safety.applied(node.apply(1 + random.integer(5))))
      const { confState } = node.raft
      if (confState !== before) {
        this.safety.count(confState.votersOutgoing.length > 0 ? 'joint' : 'changed')
      }
    }
  }

  /** One step at one node, what it hands out, and the checks. */
  private touch(node: TestNode, step: () => void): void {
    step()
    this.safety.afterStep(node, this.nodes)
    if (node.disk.damaged !== null) {
      node.noteRepair()
      if (node.disk.damaged === null) this.safety.count('repaired')
    }
    // A turn of an event loop: several steps may come before what is ready is taken.
    if (this.healed || this.random.next() < 0.7) this.collect(node)
  }

  private collect(node: TestNode): void {
    if (!node.raft.hasReady()) return
    const ready = node.take()
    this.safety.handedOut(node, ready)
    this.sendAll(node, node.post(ready.messages))
    for (const { context, index } of ready.readStates) this.answered(node, context, index)
    for (const refusal of ready.refusedProposals) this.safety.count(`refused ${refusal.reason}`)
  }

  private answered(node: TestNode, context: number, index: LogIndex): void {
    const read = this.reads.get(context)
    if (read === undefined) throw new SafetyError('a read is answered once')
    this.reads.delete(context)
    if (read.node !== node.id) throw new SafetyError('a read is answered where it was asked')
    this.safety.count(index === 0 ? 'read refused' : 'read answered')
    if (index > 0 && context === this.nextContext - 1) this.safety.count('read at once')
    if (index !== logIndex(0) && index < read.atLeast) {
      throw new SafetyError(`a read is never stale: ${index} < ${read.atLeast}`)
    }
  }

  private sendAll(node: TestNode, posts: readonly Post[]): void {
    for (const post of posts) {
      this.safety.sent(node, post.message)
      this.network.push(post)
    }
    // Links are bounded; what does not fit is lost.
    while (this.network.length > postMax && !this.healed) {
      const [lost] = this.network.splice(0, 1)
      const message = lost?.message
      if (message?.kind === 'snapshotRequest') this.snapshotDone(message.from, message.to, false)
    }
  }

  private note(fact: string): void {
    for (let at = 0; at < fact.length; at++) {
      this.traceHash = (Math.imul(this.traceHash, 31) + fact.charCodeAt(at)) | 0
    }
  }

  private pick<T>(from: readonly T[]): T {
    return from[this.random.integer(from.length)] as T
  }
}
