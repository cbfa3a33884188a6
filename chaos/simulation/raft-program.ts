// The program of the scenario `raft`: the shipping RaftNode over a state machine that keeps a digest of
// all entries.

import { must } from '../../platform/errors.js'
import type { RaftsmanError } from '../../platform/errors.js'
import { deafMetrics } from '../../platform/testing/deaf-metrics.js'
import { nodeId } from '../../raft/core/types.js'
import { RaftNode } from '../../raft/node.js'
import type { History } from './history.js'
import { HistoryMachine, StateStore } from './history-machine.js'
import { clusterId, logDirectory } from './machine.js'
import type { Machine } from './machine.js'
import type { Life, Program } from './program.js'
import type { SwarmOptions } from './swarm.js'

export interface RaftProgramOptions {
  readonly machine: Machine
  readonly history: History
  readonly swarm: SwarmOptions
  /** A snapshot has become its state, and is not in its log yet. */
  readonly restoring: () => void
}

export class RaftProgram implements Program {
  node: RaftNode | null = null
  private readonly options: RaftProgramOptions
  private readonly store = new StateStore()
  private state: HistoryMachine | null = null

  constructor(options: RaftProgramOptions) {
    this.options = options
  }

  get appliedIndex(): number {
    return this.state?.appliedIndex ?? 0
  }

  get durableIndex(): number {
    return this.store.durable.index
  }

  start(life: Life, done: (error: RaftsmanError | null) => void): void {
    const { machine, history, swarm, restoring } = this.options
    const { process, clock, random, disk, network, processes, logger, onFatal } = life
    const state = new HistoryMachine({
      member: machine.id,
      history,
      store: this.store,
      later: life.later,
      flushMs: swarm.flushMs,
      flush: (delayMs, run) => clock.setTimer(delayMs, run),
      paddingBytes: swarm.snapshotPaddingBytes,
      full: life.full,
      restoring,
    })
    this.state = state
    RaftNode.start(
      {
        id: nodeId(machine.id),
        name: machine.name,
        clusterId,
        ...machine.joining,
        listen: machine.address,
        tls: null,
        directory: logDirectory,
        tickMs: swarm.tickMs,
        electionTicks: swarm.electionTicks,
        stateMachine: state,
        clock,
        random,
        disk,
        network,
        processes,
        logger,
        metrics: deafMetrics,
        entriesKept: swarm.entriesKept,
        segmentBytes: swarm.segmentBytes,
        limits: raftLimits(swarm),
        onFatal,
      },
      (error, node) => {
        if (!process.alive) return
        if (error === null) this.node = must(node, 'a node without error')
        done(error)
      },
    )
  }

  stop(done: () => void): void {
    must(this.node, 'a node that is stopped runs').stop(done)
  }

  /** The state asks when it applies. */
  roomChanged(): void {}

  writesFail(): void {}

  died(): void {
    this.node = null
    this.state = null
  }

  powerCut(): void {
    this.store.powerCut()
  }
}

export function raftLimits(swarm: SwarmOptions) {
  return {
    entriesBytesMaxPerMessage: swarm.entriesBytesMaxPerMessage,
    inflightMessagesMax: swarm.inflightMessagesMax,
    inflightBytesMax: swarm.inflightBytesMax,
    uncommittedBytesMax: swarm.uncommittedBytesMax,
    cachedBytesMax: swarm.cachedBytesMax,
    ...(swarm.leaseDriftTicks === null
      ? {}
      : { leaseReads: { driftTicks: swarm.leaseDriftTicks } }),
  }
}
