// One member of the store: state machine over SQLite, Raft node below it, client port above it. It
// only puts them together, in an order that serves nobody too early and loses nothing at the end.

import { RaftsmanError, assert } from '../../platform/errors.js'
import { nodeId } from '../../raft/core/types.js'
import { RaftNode } from '../../raft/index.js'
import type { Backend } from '../core/backend.js'
import type { StoreCore } from '../core/store-core.js'
import type { MemberStatus } from '../core/types.js'
import { ClientPort } from './client-port.js'
import { StoreServerError, checkOptions, deriveClusterId, spokenBy } from './options.js'
import { readIdentity, withAddresses, writeIdentity } from './identity.js'
import type { StoreServerOptions } from './options.js'
import { openState } from './state-files.js'
import type { OpenState } from './state-files.js'

export interface StoreServer {
  readonly clusterId: number
  /** Where clients and peers reach it; listen ports of 0 are resolved. */
  readonly clientAddress: string
  readonly peerAddress: string
  status(): MemberStatus
  /** Refuses new requests, hands leadership over, answers what is under way, closes everything. */
  stop(done: () => void): void
  /** Ends at once, as a crash would: no hand-over, nothing written that is not on its way. */
  halt(done: () => void): void
  /** What the simulator looks at after every step. */
  inspect(): { readonly raft: RaftNode; readonly core: StoreCore }
}

/** Before a start is tried again that found no room on the disk. */
const roomRetryMs = 1_000

export type StoreServerReady = (error: Error | null, server?: StoreServer) => void

/** Answers once: with a member that serves (not: that has a leader), or with why it cannot. */
export function startStoreServer(options: StoreServerOptions, ready: StoreServerReady): void {
  try {
    checkOptions(options)
  } catch (error) {
    const refused = error instanceof Error ? error : new Error(String(error))
    options.clock.defer(() => ready(refused))
    return
  }
  const { disk, dataDirectory } = options
  disk.makeDirectory(dataDirectory, error => {
    if (error !== null) {
      ready(new StoreServerError(`${dataDirectory} cannot be made: ${error.message}`, error))
      return
    }
    const patience = new Patience(options)
    const start = () => {
      settleIdentity(options, (identityError, clusterId) => {
        if (identityError === null && clusterId !== undefined)
          startState(options, clusterId, patience, ready)
        else {
          const refused = identityError ?? new StoreServerError('the member has no identity')
          if (!patience.waits(refused, start)) ready(refused)
        }
      })
    }
    start()
  })
}

/** The directory says whose it is, and of which cluster; a new one is told. */
function settleIdentity(
  options: StoreServerOptions,
  done: (error: Error | null, clusterId?: number) => void,
): void {
  const { disk, dataDirectory, id, name, members, join } = options
  readIdentity(disk, dataDirectory, (error, known) => {
    if (error !== null) {
      done(error)
      return
    }
    const clusterId = options.clusterId ?? known?.clusterId ?? deriveClusterId(members)
    const wanted = { clusterId, id, name, joined: join === true, members }
    if (known !== null && known !== undefined) {
      const differs =
        known.id !== id || known.name !== name
          ? `member "${known.name}" (id ${known.id}), not to "${name}" (id ${id})`
          : known.clusterId !== clusterId
            ? `a member of cluster ${known.clusterId}, not of ${clusterId}`
            : null
      if (differs !== null) {
        done(new StoreServerError(`${dataDirectory} belongs to ${differs}; give each its own`))
        return
      }
    }
    const identity = known === null || known === undefined ? wanted : withAddresses(known, members)
    if (JSON.stringify(identity) === JSON.stringify(known)) done(null, clusterId)
    else writeIdentity(disk, dataDirectory, identity, failure => done(failure, clusterId))
  })
}

/**
 * A start that lacks room is not given up but waited out: a supervisor would only try again, and
 * from the log it is easier seen what is missing.
 */
class Patience {
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

function startState(
  options: StoreServerOptions,
  clusterId: number,
  patience: Patience,
  ready: StoreServerReady,
): void {
  const { disk, dataDirectory } = options
  const { electionMs } = timing(options)
  const start = () => {
    openState(
      {
        path: `${dataDirectory}/state.db`,
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
      (stateError, state) => {
        if (stateError !== null || state === undefined) {
          const error = stateError ?? new StoreServerError('no state was opened')
          if (!patience.waits(error, start)) ready(error)
          return
        }
        startRaft(options, clusterId, state, patience, ready)
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
  ready: StoreServerReady,
): void {
  const { core, backend } = state
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
          ready(null, serverOf({ options, raft, core, backend, port, clusterId }))
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
function closeState({ logger }: StoreServerOptions, { core, backend }: OpenState): void {
  try {
    core.close()
  } catch (error) {
    if (!(error instanceof RaftsmanError)) throw error
    logger.warn({ reason: error.message }, 'state not written at the end; the log has it')
    backend.close()
  }
}

interface Parts {
  readonly options: StoreServerOptions
  readonly backend: Backend
  readonly raft: RaftNode
  readonly core: StoreCore
  readonly port: ClientPort
  readonly clusterId: number
}

function serverOf({ options, raft, core, backend, port, clusterId }: Parts): StoreServer {
  const peerAddress = raft.status().address
  let stopped = false
  return {
    clusterId,
    clientAddress: port.address,
    peerAddress,
    status: () => port.service.status(),
    inspect: () => ({ raft, core }),
    stop(done) {
      assert(!stopped, 'a member is stopped once')
      stopped = true
      port.drain()
      raft.stop(() => {
        port.stop(() => {
          closeState(options, { core, backend })
          done()
        })
      })
    },
    halt(done) {
      assert(!stopped, 'a member is stopped once')
      stopped = true
      port.halt()
      raft.halt(() => {
        port.stop(() => {
          backend.close()
          done()
        })
      })
    },
  }
}
