// One life of a member inside its process, from opening its state to closing it: state machine over
// SQLite, Raft node below it, client port above it, put together in an order that serves nobody too
// early. A member whose state turns out to be wrong lives again in the same process (server.ts).

import { RaftsmanError } from '../../platform/errors.js'
import { nodeId } from '../../raft/core/types.js'
import { RaftNode } from '../../raft/index.js'
import { ClientPort } from './client-port.js'
import { StoreServerError, spokenBy } from './options.js'
import type { StoreServerOptions } from './options.js'
import { openState } from './state-files.js'
import type { OpenState } from './state-files.js'

export interface MemberLife extends OpenState {
  readonly raft: RaftNode
  readonly port: ClientPort
}

export type LifeReady = (error: Error | null, life?: MemberLife) => void

/** Before a start is tried again that found no room on the disk. */
const roomRetryMs = 1_000

/**
 * A start that lacks room is not given up but waited out: a supervisor would only try again, and
 * from the log it is easier seen what is missing.
 */
export class Patience {
  readonly #options: StoreServerOptions
  #told = false

  constructor(options: StoreServerOptions) {
    this.#options = options
  }

  /** True when `again` will be called; false when the error is another one. */
  waits(error: Error, again: () => void): boolean {
    const full =
      error instanceof RaftsmanError &&
      (error.code === 'backend-full' || error.code === 'disk-full')
    if (!full) return false
    const { logger, clock, dataDirectory } = this.#options
    if (!this.#told) {
      const fields = { dataDirectory, reason: error.message }
      logger.error(fields, 'the disk is full; the member starts as soon as there is room')
    }
    this.#told = true
    clock.setTimer(roomRetryMs, again)
    return true
  }
}

/** Opens the state, joins the peers, serves the clients. Answers once. */
export function startLife(
  options: StoreServerOptions,
  clusterId: number,
  /** `wrong`: what is there of it is not to be used. */
  state: 'kept' | 'wrong',
  ready: LifeReady,
): void {
  const { disk, dataDirectory } = options
  const { electionMs } = timing(options)
  const patience = new Patience(options)
  const start = () => {
    openState(
      {
        path: `${dataDirectory}/state.db`,
        wrong: state === 'wrong',
        core: {
          clusterId,
          memberId: options.id,
          leaseTtlSecondsMin: Math.ceil((1.5 * electionMs) / 1000),
          ...options.tuning?.core,
        },
        ...(options.makeState === undefined ? {} : { makeState: options.makeState }),
        disk,
        logger: options.logger,
      },
      (stateError, opened) => {
        if (stateError !== null || opened === undefined) {
          const error = stateError ?? new StoreServerError('no state was opened')
          if (!patience.waits(error, start)) ready(error)
          return
        }
        startRaft(options, clusterId, opened, patience, ready)
      },
    )
  }
  start()
}

function timing(options: StoreServerOptions) {
  const tickMs = options.tickMs ?? 100
  const electionTicks = options.electionTicks ?? 10
  const electionMs = tickMs * electionTicks
  const requestTimeoutMs = options.requestTimeoutMs ?? 5_000 + 2 * electionMs
  return { tickMs, electionTicks, electionMs, requestTimeoutMs }
}

function startRaft(
  options: StoreServerOptions,
  clusterId: number,
  state: OpenState,
  patience: Patience,
  ready: LifeReady,
): void {
  const { core } = state
  const { tickMs, electionTicks, requestTimeoutMs } = timing(options)
  const { clock, random, disk, network, processes, logger, metrics } = options
  RaftNode.start(
    {
      id: nodeId(options.id),
      name: options.name,
      clusterId,
      peers: options.members.map(member => ({
        id: nodeId(member.id),
        name: member.name,
        address: member.peerAddress,
      })),
      join: options.join === true,
      wasRemoved: id => id <= core.members.lastId && core.members.get(id) === undefined,
      listen: options.listenPeer,
      tls: options.peerTls,
      directory: `${options.dataDirectory}/log`,
      tickMs,
      electionTicks,
      stateMachine: core,
      speaks: spokenBy(options),
      clock,
      random,
      disk,
      network,
      processes,
      logger,
      metrics,
      entriesKept: options.entriesKept ?? 5_000,
      ...(options.segmentBytes === undefined ? {} : { segmentBytes: options.segmentBytes }),
      ...(options.tuning?.raft === undefined ? {} : { limits: options.tuning.raft }),
      onFatal: options.onFatal,
    },
    (error, raft) => {
      if (error !== null || raft === undefined) {
        const failure = error ?? new StoreServerError('the Raft node gave no answer')
        const again = () => startRaft(options, clusterId, state, patience, ready)
        if (patience.waits(failure, again)) return
        closeState(options, state)
        ready(failure)
        return
      }
      const port = new ClientPort({
        options,
        clusterId,
        requestTimeoutMs,
        raft,
        reconfiguration: raft,
        machine: core,
      })
      port.start(portError => {
        if (portError === null) {
          ready(null, { ...state, raft, port })
          return
        }
        raft.stop(() => {
          closeState(options, state)
          ready(
            new StoreServerError(
              `${options.listenClient} cannot be listened on: ${portError.message}`,
              portError,
            ),
          )
        })
      })
    },
  )
}

/** What cannot be written now is in the log, and is applied again at the next start. */
export function closeState({ logger }: StoreServerOptions, { core, backend }: OpenState): void {
  try {
    core.close()
  } catch (error) {
    if (!(error instanceof RaftsmanError)) throw error
    logger.warn({ reason: error.message }, 'state not written at the end; the log has it')
    backend.close()
  }
}
