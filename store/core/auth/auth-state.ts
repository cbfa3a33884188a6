// Users, roles and whether they count: the replicated state of authentication, and its changes in
// the order of the log. Counterpart: etcd's auth store, without passwords and tokens, which the
// shell checks. A change is applied as a whole or refused, with etcd's errors.

import { assert, unreachable } from '../../../platform/errors.js'
import type { AuthChange } from './auth-change.js'
import { checkAuthChange } from './auth-change.js'
import { KeyIntervals } from './auth-intervals.js'
import type { AuthRole, AuthSwitch, AuthUser } from './auth-record.js'
import {
  authFamily,
  decodeAuthRecord,
  roleRecord,
  roleRecordName,
  switchRecord,
  userRecord,
  userRecordName,
} from './auth-record.js'
import { StoreError } from '../errors.js'
import { boundsOf, compareBytes } from '../key-range.js'
import { permissionsPerRoleMax, rolesMax, rolesPerUserMax, usersMax } from '../limits.js'
import type { SystemRecords } from '../system-records.js'
import type { Access, AuthStatus, Bytes, KeyRange, Permission, Revision } from '../types.js'

const rootUser = 'root'
const rootRole = 'root'

/** What the root role can do, whatever was granted to it. */
const rootPermission: Permission = {
  access: 'readwrite',
  key: new Uint8Array(),
  end: Uint8Array.of(0),
}

/** All that one user may do. */
export interface UserAccess {
  /** Everything, also what is not about keys. */
  readonly root: boolean
  readonly read: KeyIntervals
  readonly write: KeyIntervals
}

/** What a change leaves behind; parts that stay as they are are absent. */
interface Outcome {
  readonly users?: readonly AuthUser[]
  readonly roles?: readonly AuthRole[]
  readonly deletedUser?: string
  readonly deletedRole?: string
  readonly state?: Partial<AuthSwitch>
}

/** For those who only read it. */
export type AuthView = Omit<AuthState, 'apply'>

export class AuthState {
  readonly #records: SystemRecords
  readonly #users = new Map<string, AuthUser>()
  readonly #roles = new Map<string, AuthRole>()
  #switch: AuthSwitch = { enabled: false, revision: 1, secret: new Uint8Array() }
  /** Merged permissions of users who were asked about since the last change. */
  #access = new Map<string, UserAccess>()

  /** Throws StoreError `malformed` when the records are damaged. */
  constructor(records: SystemRecords) {
    this.#records = records
    for (const stored of records.entries(authFamily)) {
      const record = decodeAuthRecord(stored)
      if (record.kind === 'user') this.#users.set(record.user.name, record.user)
      else if (record.kind === 'role') this.#roles.set(record.role.name, record.role)
      else this.#switch = record.state
    }
  }

  get enabled(): boolean {
    return this.#switch.enabled
  }

  /** 1 in a new store; one more with every change but enabling, as in etcd. */
  get revision(): Revision {
    return this.#switch.revision
  }

  get secret(): Bytes {
    return this.#switch.secret
  }

  /** Another object after every change: what was derived from permissions before may be wrong. */
  get mark(): object {
    return this.#access
  }

  get status(): AuthStatus {
    return { enabled: this.enabled, authRevision: this.revision }
  }

  user(name: string): AuthUser | undefined {
    return this.#users.get(name)
  }

  hasRole(user: string, role: string): boolean {
    return this.#users.get(user)?.roles.includes(role) === true
  }

  /** In byte order, as the next three. Throws `user-not-found`. */
  rolesOf(user: string): readonly string[] {
    return this.#knownUser(user).roles
  }

  /** Throws `role-not-found`. */
  permissionsOf(role: string): readonly Permission[] {
    const { permissions } = this.#knownRole(role)
    return role === rootRole ? [rootPermission] : permissions
  }

  userNames(): readonly string[] {
    return sorted([...this.#users.keys()])
  }

  roleNames(): readonly string[] {
    return sorted([...this.#roles.keys()])
  }

  /** Undefined for a user who is not there. The object is another one after every change. */
  accessOf(name: string): UserAccess | undefined {
    const known = this.#access.get(name)
    if (known !== undefined) return known
    const user = this.#users.get(name)
    if (user === undefined) return undefined
    const permissions = user.roles.flatMap(role => this.#roles.get(role)?.permissions ?? [])
    const without = (other: Access): KeyIntervals =>
      new KeyIntervals(permissions.filter(({ access }) => access !== other).map(boundsOf))
    const root = user.roles.includes(rootRole)
    const access = { root, read: without('write'), write: without('read') }
    this.#access.set(name, access)
    return access
  }

  /** Throws StoreError, and has then changed nothing. */
  apply(change: AuthChange): void {
    checkAuthChange(change)
    const outcome = this.#outcomeOf(change)
    if (outcome !== null) this.#commit(outcome)
  }

  /** Null: everything is so already. */
  #outcomeOf(change: AuthChange): Outcome | null {
    switch (change.action) {
      case 'enable':
        return this.#enable(change.secret)
      case 'disable':
        return this.enabled ? { state: { enabled: false } } : null
      case 'userAdd':
        return this.#addUser(change.user, change.passwordHash)
      case 'userDelete':
        this.#keepRoot(change.user === rootUser)
        this.#knownUser(change.user)
        return { deletedUser: change.user }
      case 'userChangePassword':
        return this.#changePassword(change.user, change.passwordHash)
      case 'userGrantRole':
        return this.#grantRole(change.user, change.role)
      case 'userRevokeRole': {
        this.#keepRoot(change.user === rootUser && change.role === rootRole)
        const user = this.#knownUser(change.user)
        if (!user.roles.includes(change.role)) throw new StoreError('role-not-granted')
        return { users: [withoutRole(user, change.role)] }
      }
      case 'roleAdd':
        if (this.#roles.has(change.role)) throw new StoreError('role-exists')
        if (this.#roles.size >= rolesMax) throw new StoreError('too-many-auth-records')
        return { roles: [{ name: change.role, permissions: [] }] }
      case 'roleDelete':
        return this.#deleteRole(change.role)
      case 'roleGrantPermission':
        return this.#grantPermission(change.role, change.permission)
      case 'roleRevokePermission':
        return this.#revokePermission(change.role, change.range)
      default:
        return unreachable(change)
    }
  }

  #enable(secret: Bytes): Outcome | null {
    if (this.enabled) return null
    const root = this.#users.get(rootUser)
    if (root === undefined) throw new StoreError('root-user-missing')
    if (!root.roles.includes(rootRole)) throw new StoreError('root-role-missing')
    return { state: { enabled: true, secret, revision: this.revision } }
  }

  #addUser(name: string, passwordHash: Bytes | null): Outcome {
    if (this.#users.has(name)) throw new StoreError('user-exists')
    if (this.#users.size >= usersMax) throw new StoreError('too-many-auth-records')
    return { users: [{ name, passwordHash, roles: [], tokensFrom: this.revision + 1 }] }
  }

  #changePassword(name: string, given: Bytes): Outcome {
    const user = this.#knownUser(name)
    // One without a password stays so, and the change counts all the same: as in etcd.
    const passwordHash = user.passwordHash === null ? null : given
    return { users: [{ ...user, passwordHash, tokensFrom: this.revision + 1 }] }
  }

  #grantRole(name: string, role: string): Outcome | null {
    const user = this.#knownUser(name)
    // The root role can be granted before anybody has added it.
    if (role !== rootRole) this.#knownRole(role)
    if (user.roles.includes(role)) return null
    if (user.roles.length >= rolesPerUserMax) throw new StoreError('too-many-auth-records')
    return { users: [{ ...user, roles: sorted([...user.roles, role]) }] }
  }

  #deleteRole(name: string): Outcome {
    this.#keepRoot(name === rootRole)
    this.#knownRole(name)
    const users: AuthUser[] = []
    // In byte order: the state hash takes records in the order in which they are written.
    for (const userName of this.userNames()) {
      const user = this.#knownUser(userName)
      if (user.roles.includes(name)) users.push(withoutRole(user, name))
    }
    return { users, deletedRole: name }
  }

  #grantPermission(name: string, permission: Permission): Outcome {
    const role = this.#knownRole(name)
    const others = role.permissions.filter(given => compareRanges(given, permission) !== 0)
    if (others.length >= permissionsPerRoleMax) throw new StoreError('too-many-auth-records')
    return { roles: [{ name, permissions: [...others, permission].sort(compareRanges) }] }
  }

  #revokePermission(name: string, range: KeyRange): Outcome {
    const role = this.#knownRole(name)
    const permissions = role.permissions.filter(given => compareRanges(given, range) !== 0)
    if (permissions.length === role.permissions.length) {
      throw new StoreError('permission-not-granted')
    }
    return { roles: [{ name, permissions }] }
  }

  /** Who can change everything else must stay while it matters. */
  #keepRoot(touchesRoot: boolean): void {
    if (this.enabled && touchesRoot) throw new StoreError('invalid-auth-management')
  }

  #knownUser(name: string): AuthUser {
    const user = this.#users.get(name)
    if (user === undefined) throw new StoreError('user-not-found')
    return user
  }

  #knownRole(name: string): AuthRole {
    const role = this.#roles.get(name)
    if (role === undefined) throw new StoreError('role-not-found')
    return role
  }

  /** Records first: one that does not fit refuses the change before anything has happened. */
  #commit({ users = [], roles = [], deletedUser, deletedRole, state }: Outcome): void {
    const next: AuthSwitch = { ...this.#switch, revision: this.revision + 1, ...state }
    const written = [...users.map(userRecord), ...roles.map(roleRecord), switchRecord(next)]
    this.#records.checkRoom(written)
    for (const { name, value } of written) this.#records.set(name, value)
    for (const user of users) this.#users.set(user.name, user)
    for (const role of roles) this.#roles.set(role.name, role)
    if (deletedUser !== undefined) {
      this.#users.delete(deletedUser)
      assert(this.#records.delete(userRecordName(deletedUser)), 'a user has a record')
    }
    if (deletedRole !== undefined) {
      this.#roles.delete(deletedRole)
      assert(this.#records.delete(roleRecordName(deletedRole)), 'a role has a record')
    }
    this.#switch = next
    this.#access = new Map()
  }
}

function withoutRole(user: AuthUser, role: string): AuthUser {
  return { ...user, roles: user.roles.filter(name => name !== role) }
}

/** In the order of their UTF-8 bytes. */
function sorted(names: readonly string[]): readonly string[] {
  return names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
}

const noEnd = new Uint8Array()

function compareRanges(a: KeyRange, b: KeyRange): number {
  return compareBytes(a.key, b.key) || compareBytes(a.end ?? noEnd, b.end ?? noEnd)
}
