// Requests about users, roles and logins. Passwords are hashed here, before anything of them reaches
// the log, and only for those who may change users. Counterpart: the Auth methods of etcd's server.

import type { Logger } from '../../../platform/logger.js'
import { RaftsmanError, unreachable } from '../../../platform/errors.js'
import type { Random } from '../../../platform/random.js'
import type { AuthChange } from '../../core/auth/auth-change.js'
import { checkAuthChange } from '../../core/auth/auth-change.js'
import type { AuthCheck } from '../../core/auth/auth-check.js'
import type { Identity } from '../../core/auth/author.js'
import { StoreError } from '../../core/errors.js'
import { authSecretBytes } from '../../core/limits.js'
import type { Replica as Machine } from '../../core/replica.js'
import type { AuthRequest, AuthResponse, Bytes } from '../../core/types.js'
import type { Request } from '../../protocol.js'
import type { ReadBatcher } from '../read-batcher.js'
import type { Requester } from '../requester.js'
import type { Guard } from './guard.js'
import type { Passwords } from './passwords.js'
import { hashOfText } from './passwords.js'

export interface AuthDeskOptions {
  readonly machine: Machine
  readonly guard: Guard
  readonly passwords: Passwords
  readonly reads: ReadBatcher
  readonly random: Random
  readonly logger: Logger
}

type PasswordRequest = Extract<AuthRequest, { action: 'userAdd' | 'userChangePassword' }>

export class AuthDesk {
  readonly #options: AuthDeskOptions

  constructor(options: AuthDeskOptions) {
    this.#options = options
  }

  /** Answers the requester, once. What it throws is the answer too. */
  handle(requester: Requester, id: number, request: AuthRequest): void {
    const { random } = this.#options
    switch (request.action) {
      case 'status':
      case 'userGet':
      case 'userList':
      case 'roleGet':
      case 'roleList':
        this.#read(requester, id, request)
        return
      case 'userAdd':
      case 'userChangePassword':
        this.#withPassword(requester, id, request)
        return
      case 'enable':
        this.#change(requester, id, { action: 'enable', secret: random.bytes(authSecretBytes) })
        return
      case 'disable':
        this.#change(requester, id, { action: 'disable' })
        return
      case 'userDelete':
        this.#change(requester, id, { action: 'userDelete', user: request.user })
        return
      case 'userGrantRole':
      case 'userRevokeRole':
        this.#change(requester, id, request)
        return
      case 'roleAdd':
      case 'roleDelete':
        this.#change(requester, id, { action: request.action, role: request.role })
        return
      case 'roleGrantPermission':
      case 'roleRevokePermission':
        this.#change(requester, id, request)
        return
      default:
        unreachable(request)
    }
  }

  authenticate(requester: Requester, request: Extract<Request, { kind: 'authenticate' }>): void {
    const { machine, passwords, guard, logger } = this.#options
    const { id, user } = request
    this.#afterQuorum(requester, id, () => {
      const { auth } = machine
      if (!auth.enabled) throw new StoreError('auth-not-enabled')
      const hash = auth.user(user)?.passwordHash ?? null
      // Of the hash that is compared: if the password changes meanwhile, the token is void from its
      // first use on.
      const authRevision = auth.revision
      passwords.verify(
        request.password,
        hash,
        () => requester.open,
        (error, right) => {
          if (error !== null) requester.fail(id, error)
          else if (right && machine.auth.enabled) {
            const response = { header: machine.header(), token: guard.issue(user, authRevision) }
            requester.answer({ kind: 'authenticate', id, response })
          } else {
            logger.warn({ user }, 'a login failed')
            requester.fail(id, new StoreError('auth-failed'))
          }
        },
      )
    })
  }

  #withPassword(requester: Requester, id: number, request: PasswordRequest): void {
    const { passwords, guard } = this.#options
    const { user, password, passwordHash } = request
    const propose = (hash: Bytes | null): void => {
      if (request.action === 'userAdd') {
        this.#change(requester, id, { action: 'userAdd', user, passwordHash: hash })
      } else if (hash !== null) {
        this.#change(requester, id, { action: 'userChangePassword', user, passwordHash: hash })
      }
    }
    guard.permit(
      requester,
      id,
      (check, by) => check.root(by),
      () => {
        checkAuthChange({ action: 'userAdd', user, passwordHash: null })
        if (password === null) propose(null)
        else if (passwordHash !== undefined && password === '') propose(hashOfText(passwordHash))
        else {
          passwords.hash(
            password,
            () => requester.open,
            (error, hash) => {
              if (error !== null) requester.fail(id, error)
              else this.#attempt(requester, id, () => propose(hash))
            },
          )
        }
      },
    )
  }

  #change(requester: Requester, id: number, change: AuthChange): void {
    const { guard } = this.#options
    // Who asks comes before what is asked, as in etcd: a stranger is told nothing else.
    guard.permit(
      requester,
      id,
      (check, by) => check.root(by),
      () => {
        checkAuthChange(change)
        guard.write(requester, id, { kind: 'auth', change })
      },
    )
  }

  #read(requester: Requester, id: number, request: ReadRequest): void {
    const { machine, guard } = this.#options
    this.#afterQuorum(requester, id, () => {
      guard.check(requester.principal, (check, by) => checkRead(check, by, request))
      const { auth } = machine
      const response: AuthResponse = {
        header: machine.header(),
        ...auth.status,
        names: [],
        permissions: [],
        ...found(machine.auth, request),
      }
      requester.answer({ kind: 'auth', id, response })
    })
  }

  #afterQuorum(requester: Requester, id: number, act: () => void): void {
    this.#options.reads.submit(error => {
      if (error === null) this.#attempt(requester, id, act)
      else requester.fail(id, error)
    })
  }

  #attempt(requester: Requester, id: number, act: () => void): void {
    try {
      act()
    } catch (error) {
      if (!(error instanceof RaftsmanError)) throw error
      requester.fail(id, error)
    }
  }
}

type ReadRequest = Extract<
  AuthRequest,
  { action: 'status' | 'userGet' | 'userList' | 'roleGet' | 'roleList' }
>

function checkRead(check: AuthCheck, by: Identity | undefined, request: ReadRequest): void {
  switch (request.action) {
    // As in etcd, whether there is authentication is no secret.
    case 'status':
      return
    case 'userGet':
      check.userGet(by, request.user)
      return
    case 'roleGet':
      check.roleGet(by, request.role)
      return
    case 'userList':
    case 'roleList':
      check.root(by)
      return
    default:
      unreachable(request)
  }
}

function found(
  auth: Machine['auth'],
  request: ReadRequest,
): Partial<Pick<AuthResponse, 'names' | 'permissions'>> {
  switch (request.action) {
    case 'userGet':
      return { names: auth.rolesOf(request.user) }
    case 'userList':
      return { names: auth.userNames() }
    case 'roleGet':
      return { permissions: auth.permissionsOf(request.role) }
    case 'roleList':
      return { names: auth.roleNames() }
    case 'status':
      return {}
    default:
      return unreachable(request)
  }
}
