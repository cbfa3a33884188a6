// A store member without consensus, for tests of the client port and of the client: entries are
// applied in the order in which they are proposed, and a test may take the leader away.

import type { Clock } from '../../../platform/clock.js'
import { quietPlatform } from '../../../platform/testing/quiet-platform.js'
import type { NodeId, SoftState } from '../../../raft/core/types.js'
import { logIndex, nodeId, term } from '../../../raft/core/types.js'
import type {
  ProposalDone,
  RaftNodeStatus,
  ReadIndexDone,
  Replica,
  VersionRange,
} from '../../../raft/index.js'
import { raftNodeError } from '../../../raft/index.js'
import { MemoryBackend } from '../../backend/memory.js'
import { type Command, decodeCommands } from '../../core/command.js'
import { applyWhole } from '../../core/local-entry.js'
import { StoreCore } from '../../core/store-core.js'
import { ClientPort } from '../client-port.js'
import type { StoreServerOptions } from '../options.js'

const ownKinds: ReadonlySet<Command['kind']> = new Set(['cluster', 'hash', 'quota', 'member'])

export class LoneReplica implements Replica {
  readonly #core: StoreCore
  readonly #clock: Clock
  readonly #listeners: ((state: SoftState) => void)[] = []
  /** Batches that clients wrote in. What the member proposes by its own clock does not count. */
  proposals = 0
  #sequence = 0
  /** Requests are taken and never answered. */
  stuck = false
  /** Proposals are applied, and what became of them is told as it is lost: never, or as unknown. */
  losesAnswers: 'never' | 'silently' | 'leader-lost' = 'never'
  leads = true
  /** Nothing can be written to its log. */
  full = false

  constructor(core: StoreCore, clock: Clock) {
    this.#core = core
    this.#clock = clock
  }

  propose(payload: Uint8Array, done: ProposalDone): void {
    this.#clock.defer(() => {
      if (this.stuck) return
      if (!this.leads || this.full) {
        done(raftNodeError(this.full ? 'disk-full' : 'no-leader'))
        return
      }
      this.#sequence += 1
      if (decodeCommands(payload).some(({ kind }) => !ownKinds.has(kind))) this.proposals += 1
      const index = logIndex(this.#core.appliedIndex + 1)
      const result = applyWhole(this.#core, {
        term: term(1),
        index,
        kind: 'normal',
        origin: nodeId(1),
        sequence: this.#sequence,
        data: payload,
      })
      this.#core.applied()
      if (this.losesAnswers === 'never') done(null, result)
      else if (this.losesAnswers === 'leader-lost') done(raftNodeError('leader-lost', 'unknown'))
    })
  }

  readIndex(done: ReadIndexDone): void {
    this.#clock.defer(() => {
      if (this.stuck) return
      if (this.leads) done(null, this.#core.appliedIndex)
      else done(raftNodeError('no-leader'))
    })
  }

  onSoftState(listener: (state: SoftState) => void): void {
    this.#listeners.push(listener)
  }

  setLeads(leads: boolean): void {
    this.leads = leads
    const { role, leader } = this.status()
    for (const listener of this.#listeners) listener({ role, leader, term: term(1) })
  }

  transferLeadership(_target: number, done: (error: null) => void): void {
    this.#clock.defer(() => done(null))
  }

  status(): RaftNodeStatus {
    return {
      id: nodeId(1),
      name: 'lone',
      clusterId: 7,
      role: this.leads ? 'leader' : 'follower',
      leader: nodeId(this.leads ? 1 : 0),
      term: term(1),
      commitIndex: this.#core.appliedIndex,
      appliedIndex: this.#core.appliedIndex,
      lastIndex: this.#core.appliedIndex,
      confState: { voters: [nodeId(1)], votersOutgoing: [], learners: [], learnersNext: [] },
      removed: false,
      address: '127.0.0.1:0',
      pendingProposals: 0,
      diskFull: this.full,
      damaged: false,
    }
  }

  peerVersions(): ReadonlyMap<NodeId, VersionRange> {
    return new Map()
  }

  stop(done: () => void): void {
    this.#clock.defer(done)
  }
}

export interface LoneMember {
  readonly address: string
  readonly replica: LoneReplica
  readonly core: StoreCore
  readonly port: ClientPort
  stop(): Promise<void>
}

export async function startLoneMember(
  overrides: Partial<StoreServerOptions> = {},
  core = new StoreCore(new MemoryBackend(), { clusterId: 7, memberId: 1, leaseTtlSecondsMin: 1 }),
): Promise<LoneMember> {
  const platform = quietPlatform()
  const replica = new LoneReplica(core, platform.clock)
  const options: StoreServerOptions = {
    id: 1,
    name: 'lone',
    members: [{ id: 1, name: 'lone', peerAddress: '127.0.0.1:1', clientAddress: '127.0.0.1:2' }],
    dataDirectory: '/nowhere',
    listenClient: '127.0.0.1:0',
    listenPeer: '127.0.0.1:0',
    clientTls: null,
    peerTls: null,
    version: '0.0.0',
    ...platform,
    onFatal: error => {
      throw error
    },
    ...overrides,
  }
  const port = new ClientPort({
    options,
    clusterId: 7,
    requestTimeoutMs: 2_000,
    raft: replica,
    machine: core,
  })
  await new Promise<void>((resolve, reject) => {
    port.start(error => (error === null ? resolve() : reject(error)))
  })
  return {
    address: port.address,
    replica,
    core,
    port,
    stop: () =>
      new Promise(resolve => {
        port.drain()
        port.stop(resolve)
      }),
  }
}
