// Nodes of one cluster in one process, over real loopback sockets and real files, for tests.

import { must } from '../../platform/errors.js'
import type { TlsFiles } from '../../platform/network.js'
import { freePort } from '../../platform/testing/free-port.js'
import { quietPlatform } from '../../platform/testing/quiet-platform.js'
import type { LogIndex, NodeId } from '../core/types.js'
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
  readonly members: readonly Member[]
  private readonly overrides: Partial<RaftNodeOptions>
  private readonly tls: readonly (TlsFiles | null)[]

  private constructor(
    members: readonly Member[],
    tls: readonly (TlsFiles | null)[],
    overrides: Partial<RaftNodeOptions>,
  ) {
    this.members = members
    this.tls = tls
    this.overrides = overrides
  }

  /** Members n1, n2, … that are not running yet. */
  static async plan(
    directory: string,
    size: number,
    overrides: Partial<RaftNodeOptions> = {},
    tls: readonly TlsFiles[] = [],
  ): Promise<RealCluster> {
    const members: Member[] = []
    for (let id = 1; id <= size; id += 1) {
      const listDisk = emptyListDisk()
      members.push({
        peer: { id: nodeId(id), name: `n${id}`, address: `127.0.0.1:${await freePort()}` },
        directory: `${directory}/n${id}`,
        listDisk,
        machine: new ListMachine(listDisk, 1),
        node: null,
        fatal: [],
      })
    }
    return new RealCluster(
      members,
      members.map((_, at) => tls[at] ?? null),
      overrides,
    )
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
    const options: RaftNodeOptions = {
      ...member.peer,
      clusterId: 77,
      peers: this.members.map(({ peer }) => peer),
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

  /** The one that all running members follow. */
  async leader(): Promise<NodeId> {
    let leader = nodeId(0)
    await until('a leader', () => {
      const seen = new Set(this.running().map(({ node }) => node?.status().leader ?? 0))
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

  /** Every running member holds exactly these items. */
  async converge(items: readonly string[]): Promise<void> {
    const wanted = JSON.stringify(items)
    await until('all members agree', () =>
      this.running().every(({ machine }) => JSON.stringify(machine.items) === wanted),
    )
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
