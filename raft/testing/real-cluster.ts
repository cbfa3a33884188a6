// Nodes of one cluster in one process, over real loopback sockets and real files, for tests.

import { must } from '../../platform/errors.js'
import type { TlsFiles } from '../../platform/network.js'
import { freePort } from '../../platform/testing/free-port.js'
import { quietPlatform } from '../../platform/testing/quiet-platform.js'
import type { ConfState, LogIndex, MemberAddress, NodeId } from '../core/types.js'
import { nodeId } from '../core/types.js'
import { RaftNode } from '../node.js'
import type { RaftNodeOptions, RaftPeer } from '../node-types.js'
import type { ListDisk } from './list-machine.js'
import { emptyListDisk, ListMachine } from './list-machine.js'

const pollMs = 10

export interface Member {
  readonly peer: RaftPeer
  readonly directory: string
  readonly listDisk: ListDisk
  machine: ListMachine
  node: RaftNode | null
  readonly fatal: Error[]
}

export class RealCluster {
  readonly members: Member[]
  /** Those that every member is configured with. */
  private readonly founders: readonly RaftPeer[]
  private readonly overrides: Partial<RaftNodeOptions>
  private readonly tls: readonly (TlsFiles | null)[]

  private constructor(
    members: Member[],
    tls: readonly (TlsFiles | null)[],
    overrides: Partial<RaftNodeOptions>,
  ) {
    this.members = members
    this.tls = tls
    this.overrides = overrides
    this.founders = members.map(({ peer }) => peer)
  }

  /** Members n1, n2, … that are not running yet. */
  static async plan(
    directory: string,
    size: number,
    overrides: Partial<RaftNodeOptions> = {},
    tls: readonly TlsFiles[] = [],
  ): Promise<RealCluster> {
    const members: Member[] = []
    for (let id = 1; id <= size; id += 1) members.push(await plannedMember(directory, id))
    return new RealCluster(
      members,
      members.map((_, at) => tls[at] ?? null),
      overrides,
    )
  }

  /** One more, which joins: it is started with the others as its peers. */
  async grow(directory: string): Promise<Member> {
    const member = await plannedMember(directory, this.members.length + 1)
    this.members.push(member)
    return member
  }

  /** As the calls that add it want it. */
  address(id: number): MemberAddress {
    const { name, address } = this.member(id).peer
    return { node: nodeId(id), name, address }
  }

  /** `id` from 1. */
  member(id: number): Member {
    return must(this.members[id - 1], `n${id} is a member`)
  }

  node(id: number): RaftNode {
    return must(this.member(id).node, `n${id} runs`)
  }

  async start(id: number, overrides: Partial<RaftNodeOptions> = {}): Promise<RaftNode> {
    const member = this.member(id)
    member.machine = new ListMachine(member.listDisk, 50)
    const joins = !this.founders.includes(member.peer)
    const known = this.members.map(({ peer }) => peer)
    const options: RaftNodeOptions = {
      ...member.peer,
      clusterId: 77,
      peers: joins ? known.filter(peer => peer !== member.peer) : this.founders,
      join: joins,
      listen: member.peer.address,
      tls: this.tls[id - 1] ?? null,
      directory: member.directory,
      tickMs: 20,
      electionTicks: 10,
      stateMachine: member.machine,
      ...quietPlatform(),
      entriesKept: 100,
      segmentBytes: 256 * 1024,
      onFatal: error => member.fatal.push(error),
      ...this.overrides,
      ...overrides,
    }
    return new Promise((resolve, reject) => {
      RaftNode.start(options, (error, node) => {
        if (node === undefined) reject(error ?? new Error('no node'))
        else {
          member.node = node
          resolve(node)
        }
      })
    })
  }

  async startAll(): Promise<void> {
    await Promise.all(this.members.map(async ({ peer }) => this.start(peer.id)))
  }

  /** As a crash: no handover, no last words. */
  async kill(id: number): Promise<void> {
    const { node } = this.member(id)
    this.member(id).node = null
    if (node !== null) await new Promise<void>(done => node.halt(done))
  }

  async stop(id: number): Promise<void> {
    const { node } = this.member(id)
    this.member(id).node = null
    if (node !== null) await new Promise<void>(done => node.stop(done))
  }

  async killAll(): Promise<void> {
    await Promise.all(this.members.map(async ({ peer }) => this.kill(peer.id)))
  }

  running(): readonly Member[] {
    return this.members.filter(({ node }) => node !== null)
  }

  /** The one that all running members follow, but for those that wait to be added or were removed. */
  async leader(): Promise<NodeId> {
    let leader = nodeId(0)
    await until('a leader', () => {
      const statuses = this.running().map(({ peer }) => this.node(peer.id).status())
      const members = statuses.filter(({ confState, removed }) => {
        return confState.voters.length > 0 && !removed
      })
      const seen = new Set(members.map(status => status.leader))
      leader = nodeId([...seen][0] ?? 0)
      return (
        seen.size === 1 &&
        leader !== 0 &&
        this.member(leader).node !== null &&
        this.node(leader).status().role === 'leader'
      )
    })
    return leader
  }

  /** Proposes on a node until one attempt certainly took effect, or perhaps did; true for certainly. */
  async insist(id: number, payload: string): Promise<boolean> {
    for (;;) {
      try {
        await propose(this.node(id), payload)
        return true
      } catch (error) {
        const { outcome, retryable } = error as { outcome?: string; retryable?: boolean }
        if (outcome === 'unknown') return false
        if (retryable !== true) throw error
        await new Promise(done => setTimeout(done, 2 * pollMs))
      }
    }
  }

  /** Every running member holds the same list, and in it everything that was answered. */
  async agree(answered: readonly string[]): Promise<void> {
    const wanted = new Set(answered)
    await until('all members agree', () => {
      const lists = this.running().map(({ machine }) => machine.items)
      const found = new Set(lists[0] ?? [])
      return (
        [...wanted].every(item => found.has(item)) &&
        lists.every(items => items.join() === lists[0]?.join())
      )
    })
  }

  /** Every running member holds exactly these items. */
  async converge(items: readonly string[]): Promise<void> {
    const wanted = JSON.stringify(items)
    await until('all members agree', () =>
      this.running().every(({ machine }) => JSON.stringify(machine.items) === wanted),
    )
  }
}

async function plannedMember(directory: string, id: number): Promise<Member> {
  const listDisk = emptyListDisk()
  return {
    peer: { id: nodeId(id), name: `n${id}`, address: `127.0.0.1:${await freePort()}` },
    directory: `${directory}/n${id}`,
    listDisk,
    machine: new ListMachine(listDisk, 1),
    node: null,
    fatal: [],
  }
}

/** Polls; the test's own time limit is the only one. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const endMs = Date.now() + 20_000
  while (!condition()) {
    if (Date.now() > endMs) throw new Error(`${what}: still not so`)
    await new Promise(done => setTimeout(done, pollMs))
  }
}

export async function propose(node: RaftNode, payload: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    node.propose(Buffer.from(payload), (error, result) => {
      if (error === null) resolve(result)
      else reject(error)
    })
  })
}

export async function readIndex(node: RaftNode): Promise<LogIndex> {
  return new Promise((resolve, reject) => {
    node.readIndex((error, index) => {
      if (index === undefined) reject(error ?? new Error('no index'))
      else resolve(index)
    })
  })
}

/** A change of membership, as a promise of the membership that came of it. */
export async function changed(
  change: (done: (error: Error | null, confState?: ConfState) => void) => void,
): Promise<ConfState> {
  return new Promise((resolve, reject) => {
    change((error, confState) => {
      if (confState === undefined) reject(error ?? new Error('no membership'))
      else resolve(confState)
    })
  })
}
