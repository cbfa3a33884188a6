// The program of the scenario `store`: one whole member as it ships, from the write-ahead log to the client
// port. Only what SQLite does is done in memory (state-file.ts).

import { must, RaftsmanError } from '../../../platform/errors.js'
import type { Network } from '../../../platform/network.js'
import type { Random } from '../../../platform/random.js'
import { deafMetrics } from '../../../platform/testing/deaf-metrics.js'
import type { RaftNode } from '../../../raft/node.js'
import type { StoreCore } from '../../../store/core/store-core.js'
import type { StoreCoreConfig } from '../../../store/core/store-core-config.js'
import type { StoreMember } from '../../../store/server/options.js'
import { startStoreServer } from '../../../store/server/server.js'
import type { StoreServer } from '../../../store/server/server.js'
import { clusterId } from '../machine.js'
import type { Machine } from '../machine.js'
import type { Life, Program } from '../program.js'
import { raftLimits } from '../raft-program.js'
import type { SwarmOptions } from '../swarm.js'
import type { CoreObserver } from './observed-core.js'
import { ObservedCore } from './observed-core.js'
import type { BornState } from './state-file.js'
import { StateFile } from './state-file.js'
import type { StoreSwarm } from './store-swarm.js'

export type MemberLimits = Pick<
  StoreSwarm,
  'core' | 'compactionSliceKeys' | 'autoCompaction' | 'watchProgressMs' | 'requestTimeoutMs'
>

export interface MemberProgramOptions {
  readonly machine: Machine
  readonly members: readonly StoreMember[]
  readonly swarm: SwarmOptions
  readonly store: MemberLimits
  readonly random: Random
  /** What all members begin with; null: nothing. */
  readonly born: BornState | null
  readonly mark: (fact: string) => void
  readonly observer: CoreObserver
  /** It has found a state at its start. */
  readonly opened: (core: StoreCore) => void
}

export class MemberProgram implements Program {
  /** Null while it starts or does not run. */
  server: StoreServer | null = null
  core: StoreCore | null = null
  private readonly options: MemberProgramOptions
  private readonly file: StateFile

  constructor(options: MemberProgramOptions) {
    this.options = options
    this.file = new StateFile(options.random, options.born)
  }

  get node(): RaftNode | null {
    return this.server?.inspect().raft ?? null
  }

  get appliedIndex(): number {
    return this.core?.appliedIndex ?? 0
  }

  get durableIndex(): number {
    return this.file.durableIndex
  }

  start(life: Life, done: (error: RaftsmanError | null) => void): void {
    const { machine, members, swarm, store } = this.options
    const { process, clock, random, disk, processes, logger, onFatal } = life
    startStoreServer(
      {
        id: machine.id,
        name: machine.name,
        members,
        clusterId,
        // The log lies in /log, where the simulator looks for it.
        dataDirectory: '',
        listenClient: machine.clientAddress,
        listenPeer: machine.address,
        clientTls: null,
        peerTls: null,
        tickMs: swarm.tickMs,
        electionTicks: swarm.electionTicks,
        requestTimeoutMs: store.requestTimeoutMs,
        autoCompaction: store.autoCompaction,
        watchProgressMs: store.watchProgressMs,
        entriesKept: swarm.entriesKept,
        segmentBytes: swarm.segmentBytes,
        version: 'simulated',
        makeState: (_path, config, wrong) => {
          if (wrong) this.file.discard()
          return this.makeState(config)
        },
        tuning: {
          raft: raftLimits(swarm),
          core: store.core,
          compactionSliceKeys: store.compactionSliceKeys,
        },
        clock,
        random,
        disk,
        network: life.network satisfies Network,
        processes,
        logger,
        metrics: deafMetrics,
        onFatal,
      },
      (error, server) => {
        if (!process.alive) return
        if (error === null) this.server = must(server, 'a server without error')
        if (error !== null && !(error instanceof RaftsmanError)) throw error
        done(error)
      },
    )
  }

  private makeState(config: StoreCoreConfig) {
    const backend = this.file.open()
    const core = new ObservedCore(backend, config, this.options.observer)
    this.core = core
    this.options.opened(core)
    return { core, backend }
  }

  roomChanged(full: boolean): void {
    this.file.full = full
  }

  writesFail(soon: boolean): void {
    this.file.writesFail(soon)
  }

  stop(done: () => void): void {
    must(this.server, 'a member that is stopped runs').stop(done)
  }

  died(): void {
    this.server = null
    this.core = null
  }

  powerCut(): void {
    if (this.file.powerCut()) this.options.mark('state lost in a power cut')
  }
}
