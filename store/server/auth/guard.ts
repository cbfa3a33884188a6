// Between what clients ask for and what is done: finds out who asks, and lets through what that user
// may do by the users and roles this member has applied. A refusal is given only after a quorum has
// confirmed that they are the newest, so that a member that lags behind turns nobody away who was
// admitted elsewhere. What is written is checked again by every member when it is applied.
// Counterpart: AuthInfoFromCtx and the checks around etcd's server.

import type { RaftsmanError } from '../../../platform/errors.js'
import type { Clock } from '../../../platform/clock.js'
import type { AuthCheck } from '../../core/auth/auth-check.js'
import type { Identity } from '../../core/auth/author.js'
import type { Command, CommandResult } from '../../core/command.js'
import { StoreError } from '../../core/errors.js'
import type { Replica as Machine, Watcher } from '../../core/replica.js'
import type { WatchRequest } from '../../core/types.js'
import type { ReadBatcher } from '../read-batcher.js'
import { attempt, type Principal, type Requester } from '../requester.js'
import type { WriteBatcher, WriteOrigin } from '../write-batcher.js'
import { GuardedWatcher } from './guarded-watcher.js'
import { Tokens } from './tokens.js'

/** Users and roles that change faster than a write passes through the log so many times. */
const writeAttemptsMax = 8

export interface GuardOptions {
  readonly machine: Machine
  readonly reads: ReadBatcher
  readonly writes: WriteBatcher
  readonly clock: Clock
  readonly tokenTtlMs: number
}

/** Throws StoreError when the user may not. */
export type Check = (check: AuthCheck, by: Identity | undefined) => void

export type Asker = Pick<Requester, 'principal'>

interface Recognised {
  readonly identity: Identity
  /** Auth revision of the token; null: the certificate says who it is. */
  readonly tokenOf: number | null
}

interface AuthoredWrite {
  readonly requester: Requester
  readonly id: number
  readonly command: Command
  readonly origin: WriteOrigin
  readonly attempts: number
}

export class Guard {
  readonly #options: GuardOptions
  readonly #tokens = new Tokens()
  readonly #watchers = new Set<GuardedWatcher>()

  constructor(options: GuardOptions) {
    this.#options = options
    options.machine.onAuthChange(() => {
      // Each looks for itself whether it still may, when it is read for that.
      for (const watcher of this.#watchers) watcher.wake()
    })
  }

  /** Undefined: nobody, or authentication is off. Throws `invalid-auth-token`. */
  identify(principal: Principal): Identity | undefined {
    return this.#recognise(principal)?.identity
  }

  /** A token for a user whose password was right at this auth revision. */
  issue(user: string, authRevision: number): string {
    const { machine, clock, tokenTtlMs } = this.#options
    const expiresMs = Math.ceil(clock.wallMs() + tokenTtlMs)
    return this.#tokens.sign(machine.auth.secret, { user, authRevision, expiresMs })
  }

  /**
   * A token by which another member believes who asks; null for nobody. Members are told nothing else
   * about a client: only they have the secret. Throws `invalid-auth-token`.
   */
  introduce(principal: Principal): string | null {
    const identity = this.identify(principal)
    return identity === undefined
      ? principal.token
      : this.issue(identity.user, identity.authRevision)
  }

  /** Throws the refusal, by what is applied here now. */
  check(principal: Principal, check: Check): void {
    check(this.#options.machine.authCheck, this.identify(principal))
  }

  /**
   * Calls `done` once, at once where the check passes; else after a quorum has confirmed what it goes
   * by, with the refusal or without. Throws `too-many-requests`.
   */
  permitted(asker: Asker, check: Check, done: (error: RaftsmanError | null) => void): void {
    if (this.#refusal(asker, check) === null) {
      done(null)
      return
    }
    this.#options.reads.submit(error => done(error ?? this.#refusal(asker, check)))
  }

  /** Runs `act` where the check passes. A refusal, and what `act` throws, is the answer. */
  permit(requester: Requester, id: number, check: Check, act: () => void): void {
    let later = false
    this.permitted(requester, check, error => {
      if (!later) act()
      else if (error !== null) requester.fail(id, error)
      else attempt(requester, id, act)
    })
    later = true
  }

  /** Runs `act` where whoever asks may give this command, by what is applied here now. */
  permitCommand(requester: Requester, id: number, command: Command, act: () => void): void {
    this.permit(requester, id, (check, by) => check.command(authored(command, by)), act)
  }

  /**
   * Proposes a command for whoever asks; `origin` is told what came of it, and the requester of a
   * refusal. Throws what `WriteBatcher.submit` does.
   */
  write(requester: Requester, id: number, command: Command, origin: WriteOrigin = requester): void {
    const { machine, writes } = this.#options
    if (machine.auth.enabled || requester.principal.token !== null) {
      this.#write({ requester, id, command, origin, attempts: 1 })
    } else writes.submit(command, origin, id)
  }

  /**
   * A watch that ends when its user may not read it any more. Throws the refusal, by what is applied
   * here now: ask `permitted` first.
   */
  openWatch(asker: Asker, request: WatchRequest, onReadable: () => void): Watcher {
    const { machine } = this.#options
    let recognised = this.#recognise(asker.principal)
    machine.authCheck.watch(recognised?.identity, request)
    const watcher = new GuardedWatcher({
      watcher: machine.openWatch(request, onReadable),
      onReadable,
      mark: () => machine.auth.mark,
      check: () => {
        // Whom it was opened for, with a token that may have run out since; or who the client is now.
        const before = recognised === undefined ? undefined : this.#stillThere(recognised)
        recognised = before ?? this.#recognise(asker.principal)
        machine.authCheck.watch(recognised?.identity, request)
      },
      onClose: self => this.#watchers.delete(self),
    })
    this.#watchers.add(watcher)
    return watcher
  }

  #write(write: AuthoredWrite): void {
    const { requester, id, command, origin, attempts } = write
    let by: Identity | undefined
    const check: Check = (authCheck, identity) => {
      by = identity
      authCheck.command(authored(command, by))
    }
    this.permit(requester, id, check, () => {
      const retrying: WriteOrigin = {
        written: (_id, result) => {
          if (isStale(result) && attempts < writeAttemptsMax) {
            attempt(requester, id, () => this.#write({ ...write, attempts: attempts + 1 }))
          } else origin.written(id, result)
        },
        notWritten: (_id, error) => origin.notWritten(id, error),
      }
      this.#options.writes.submit(authored(command, by), retrying, id)
    })
  }

  /** Null where the check passes. */
  #refusal(asker: Asker, check: Check): StoreError | null {
    try {
      this.check(asker.principal, check)
      return null
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      return error
    }
  }

  #recognise({ token, commonName }: Principal): Recognised | undefined {
    const { auth } = this.#options.machine
    if (!auth.enabled) return undefined
    if (token !== null) return this.#recogniseToken(token)
    if (commonName === null || commonName === '') return undefined
    return { identity: { user: commonName, authRevision: auth.revision }, tokenOf: null }
  }

  #recogniseToken(token: string): Recognised {
    const { machine, clock } = this.#options
    const { auth } = machine
    const claims = this.#tokens.verify(auth.secret, token)
    const known =
      claims === null || claims.expiresMs <= clock.wallMs()
        ? undefined
        : this.#stillThere({
            identity: { user: claims.user, authRevision: auth.revision },
            tokenOf: claims.authRevision,
          })
    if (known === undefined) throw new StoreError('invalid-auth-token')
    return known
  }

  /** The same at the present auth revision; undefined once the password is another one. */
  #stillThere({ identity, tokenOf }: Recognised): Recognised | undefined {
    const { auth } = this.#options.machine
    if (tokenOf !== null && !(tokenOf >= (auth.user(identity.user)?.tokensFrom ?? Infinity))) {
      return undefined
    }
    return { identity: { ...identity, authRevision: auth.revision }, tokenOf }
  }
}

function authored(command: Command, by: Identity | undefined): Command {
  return by === undefined ? command : { ...command, by }
}

/** Refused for its author alone: it was not applied, and may pass once that is looked at anew. */
function isStale(result: CommandResult): boolean {
  return (
    !result.ok && (result.error.code === 'auth-old-revision' || result.error.code === 'user-empty')
  )
}
