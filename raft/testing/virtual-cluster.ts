// Nodes of one cluster on a virtual clock, with disks and links in memory: the shipping shell, step by
// step and without waiting. For tests of single stories; swarms of faults are the simulator's.

import { must } from '../../platform/errors.js'
import { silentLogger } from '../../platform/logger.js'
import type { Random } from '../../platform/random.js'
import { seededRandom } from '../../platform/seeded-random.js'
import { deafMetrics } from '../../platform/testing/deaf-metrics.js'
import { MemoryDisk } from '../../platform/testing/memory-disk.js'
import { MemoryNetwork } from '../../platform/testing/memory-network.js'
import { VirtualClock } from '../../platform/testing/virtual-clock.js'
import type { MemberAddress } from '../core/types.js'
import { nodeId } from '../core/types.js'
import { RaftNode } from '../node.js'
import type { RaftNodeOptions, RaftPeer } from '../node-types.js'
import type { ListDisk } from './list-machine.js'
import { emptyListDisk, ListMachine } from './list-machine.js'

const diskMs = 1

export interface VirtualMember {
  readonly peer: RaftPeer
  readonly disk: MemoryDisk
  readonly listDisk: ListDisk
  machine: ListMachine
  node: RaftNode | null
  /** Why the last start failed. */
  refusal: Error | null
  readonly fatal: Error[]
  /** What its disk owes while it stalls. */
  held: (() => void)[] | null
}

/** What became of a call, once it has answered. */
export interface Outcome {
  error: (Error & { code?: string; outcome?: string }) | null
  result: unknown
  answered: boolean
}

export class VirtualCluster {
  readonly clock = new VirtualClock()
  readonly network = new MemoryNetwork(this.clock)
  readonly members = new Map<number, VirtualMember>()
  private readonly random: Random
  private readonly overrides: Partial<RaftNodeOptions>
  private readonly founders: readonly RaftPeer[]
  private lives = 0

  constructor(size: number, overrides: Partial<RaftNodeOptions> = {}, seed = 1) {
    this.random = seededRandom(seed)
    this.overrides = overrides
    this.founders = Array.from({ length: size }, (_, at) => this.grow(at + 1).peer)
  }

  /** One more, which joins when it is started. */
  grow(id: number): VirtualMember {
    const member: VirtualMember = {
      peer: { id: nodeId(id), name: `n${id}`, address: `host${id}:1` },
      disk: new MemoryDisk({
        random: this.random,
        schedule: callback => {
          if (member.held === null) this.clock.setTimer(diskMs, callback)
          else member.held.push(callback)
        },
      }),
      listDisk: emptyListDisk(),
      machine: new ListMachine(emptyListDisk(), 1),
      node: null,
      refusal: null,
      fatal: [],
      held: null,
    }
    this.members.set(id, member)
    return member
  }

  member(id: number): VirtualMember {
    return must(this.members.get(id), `n${id} is a member`)
  }

  node(id: number): RaftNode {
    return must(this.member(id).node, `n${id} runs`)
  }

  address(id: number): MemberAddress {
    const { id: node, name, address } = this.member(id).peer
    return { node, name, address }
  }

  /** Null when it was refused; the reason is in the member. */
  start(id: number, overrides: Partial<RaftNodeOptions> = {}): RaftNode | null {
    const member = this.member(id)
    const { address } = member.peer
    this.lives += 1
    const self = { pid: this.lives, startTicks: 1 }
    member.machine = new ListMachine(member.listDisk, 10)
    const joins = !this.founders.includes(member.peer)
    const others = [...this.members.values()].map(({ peer }) => peer)
    let answered = false
    RaftNode.start(
      {
        ...member.peer,
        clusterId: 77,
        peers: joins ? others.filter(peer => peer !== member.peer) : this.founders,
        join: joins,
        listen: address,
        tls: null,
        directory: '/log',
        tickMs: 100,
        electionTicks: 10,
        stateMachine: member.machine,
        clock: this.clock,
        random: seededRandom(this.random.integer(2 ** 31)),
        disk: member.disk,
        network: this.network.at(address),
        processes: {
          self: () => self,
          spawn: () => null,
          identify: pid => (pid === self.pid ? self : null),
          signal: () => false,
          signalGroup: () => false,
        },
        logger: silentLogger,
        metrics: deafMetrics,
        entriesKept: 20,
        segmentBytes: 16 * 1024,
        onFatal: error => member.fatal.push(error),
        ...this.overrides,
        ...overrides,
      },
      (error, node) => {
        answered = true
        member.refusal = error
        member.node = node ?? null
      },
    )
    this.until('it has started, or not', () => answered)
    return member.node
  }

  startAll(): void {
    for (const { id } of this.founders) this.start(id)
  }

  /** As SIGKILL does: what is written stays written. */
  kill(id: number): void {
    const member = this.member(id)
    const { node } = member
    member.node = null
    if (node === null) return
    let ended = false
    node.halt(() => {
      ended = true
    })
    this.until('it has ended', () => ended)
    member.disk.kill()
  }

  /** Its disk answers nothing until `resume`. */
  stall(id: number): void {
    this.member(id).held ??= []
  }

  resume(id: number): void {
    const member = this.member(id)
    const held = member.held ?? []
    member.held = null
    for (const callback of held) this.clock.setTimer(diskMs, callback)
  }

  /** The only one that leads in the newest term that somebody leads in; 0 when nobody does. */
  get leader(): number {
    let leader = 0
    let newest = -1
    for (const [id, { node }] of this.members) {
      const status = node?.status()
      if (status?.role !== 'leader' || status.term <= newest) continue
      leader = id
      newest = status.term
    }
    return leader
  }

  /** Runs until there is one that a majority of the running follow. */
  elect(): number {
    this.until('a leader', () => {
      const { leader } = this
      const running = [...this.members.values()].filter(({ node }) => node !== null)
      const followers = running.filter(({ node }) => node?.status().leader === leader)
      return leader !== 0 && followers.length * 2 > running.length
    })
    return this.leader
  }

  /** Calls, and tells what came of it; see `settled` for waiting. */
  call(run: (done: (error: Error | null, result?: unknown) => void) => void): Outcome {
    const outcome: Outcome = { error: null, result: undefined, answered: false }
    run((error, result) => {
      outcome.answered = true
      outcome.error = error
      outcome.result = result
    })
    return outcome
  }

  settled(run: (done: (error: Error | null, result?: unknown) => void) => void): Outcome {
    const outcome = this.call(run)
    this.until('an answer', () => outcome.answered)
    return outcome
  }

  /** Proposes items one by one on a node and waits for each; throws what is refused. */
  propose(id: number, items: readonly string[]): void {
    for (const item of items) {
      const { error } = this.settled(done => this.node(id).propose(Buffer.from(item), done))
      if (error !== null) throw error
    }
  }

  items(id: number): readonly string[] {
    return this.member(id).machine.items
  }

  /** Steps until it is so; fails after `limitMs` of virtual time. */
  until(what: string, condition: () => boolean, limitMs = 60_000): void {
    const endMs = this.clock.monotonicMs() + limitMs
    while (!condition())
      if (!this.clock.step(endMs)) throw new Error(`${what}: still not so after ${limitMs} ms`)
  }
}

/** `prefix`0, `prefix`1, … */
export function itemsOf(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, at) => `${prefix}${at}`)
}
