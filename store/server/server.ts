// One member of the store, as its process has it: started, stopped, and brought back when its state is
// wrong. That costs the state and never the log: what was applied is set aside, and comes again from the
// log or, where that does not reach back, as a snapshot from the leader. Until then the member helps
// nobody to be elected (raft/initial-state.ts).

import { assert } from '../../platform/errors.js'
import type { RaftNode } from '../../raft/index.js'
import { BackendError } from '../core/backend.js'
import type { StoreCore } from '../core/store-core.js'
import type { MemberStatus } from '../core/types.js'
import { readIdentity, withAddresses, writeIdentity } from './identity.js'
import { Patience, closeState, startLife } from './member-life.js'
import type { MemberLife } from './member-life.js'
import { StoreServerError, checkOptions, deriveClusterId } from './options.js'
import type { StoreServerOptions } from './options.js'

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
        if (identityError === null && clusterId !== undefined) {
          const server = new MemberServer(options, clusterId)
          server.start(startError => {
            if (startError === null) ready(null, server)
            else ready(startError)
          })
          return
        }
        const refused = identityError ?? new StoreServerError('the member has no identity')
        if (!patience.waits(refused, start)) ready(refused)
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

class MemberServer implements StoreServer {
  readonly clusterId: number
  readonly #process: StoreServerOptions
  /** The same, with what concerns a life only. */
  readonly #options: StoreServerOptions
  /** The one that serves, or the one before while the next begins. */
  #life: MemberLife | null = null
  #clientAddress = ''
  #peerAddress = ''
  #ending = false
  #repairing = false
  /** What waits until the next life has begun. */
  #waiting: (() => void)[] = []

  constructor(options: StoreServerOptions, clusterId: number) {
    this.clusterId = clusterId
    this.#process = options
    this.#options = {
      ...options,
      onFatal: error => this.#failed(error),
      onStateWrong: reason => this.#repair(reason, 'running'),
    }
  }

  get clientAddress(): string {
    return this.#clientAddress
  }

  get peerAddress(): string {
    return this.#peerAddress
  }

  start(ready: (error: Error | null) => void): void {
    startLife(this.#options, this.clusterId, 'kept', (error, life) => {
      if (error !== null || life === undefined) {
        ready(error ?? new StoreServerError('the member did not start'))
        return
      }
      this.#life = life
      this.#clientAddress = life.port.address
      this.#peerAddress = life.raft.status().address
      ready(null)
    })
  }

  status(): MemberStatus {
    return this.#present.port.service.status()
  }

  inspect(): { readonly raft: RaftNode; readonly core: StoreCore } {
    return this.#present
  }

  stop(done: () => void): void {
    this.#end(() => {
      const { raft, port, core, backend } = this.#present
      port.drain()
      raft.stop(() => {
        port.stop(() => {
          closeState(this.#options, { core, backend })
          done()
        })
      })
    })
  }

  halt(done: () => void): void {
    this.#end(() => {
      const { raft, port, backend } = this.#present
      port.halt()
      raft.halt(() => {
        port.stop(() => {
          backend.close()
          done()
        })
      })
    })
  }

  get #present(): MemberLife {
    assert(this.#life !== null, 'a member that was started lives')
    return this.#life
  }

  #end(act: () => void): void {
    assert(!this.#ending, 'a member is stopped once')
    this.#ending = true
    if (this.#repairing) this.#waiting.push(act)
    else act()
  }

  /** A state that cannot be read where an entry needs it is as good as none. */
  #failed(error: Error): void {
    const damaged = error instanceof BackendError && error.code === 'backend-corrupt'
    if (damaged && this.#hasPeers) this.#repair(error.message, 'ended')
    else this.#process.onFatal(error)
  }

  get #hasPeers(): boolean {
    return this.#life !== null && this.#life.raft.status().confState.voters.length > 1
  }

  #repair(reason: string, node: 'running' | 'ended'): void {
    if (this.#ending || this.#repairing) return
    this.#repairing = true
    const { raft, port, backend } = this.#present
    this.#options.logger.error(
      { reason },
      'the state of this member is wrong; it is brought back from the log and the other members',
    )
    port.drain()
    const closed = (): void => {
      port.stop(() => {
        // Nothing more is written: it would be more of the wrong.
        backend.close()
        this.#liveAgain()
      })
    }
    if (node === 'running') raft.stop(closed)
    else raft.halt(closed)
  }

  #liveAgain(): void {
    const addresses = { listenClient: this.#clientAddress, listenPeer: this.#peerAddress }
    startLife({ ...this.#options, ...addresses }, this.clusterId, 'wrong', (error, life) => {
      this.#repairing = false
      if (error !== null || life === undefined) {
        this.#process.onFatal(error ?? new StoreServerError('the member did not start'))
        return
      }
      this.#life = life
      for (const act of this.#waiting.splice(0)) act()
    })
  }
}
