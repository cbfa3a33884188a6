// Users and roles for tests of the state machine: changes as root makes them, and the same request
// made by one user or another.

import type { AuthChange } from '../auth/auth-change.js'
import type { Command } from '../command.js'
import type { Access, Permission } from '../types.js'
import { Driver, bytes, text } from './driver.js'

export const hash = (password: string): Uint8Array => bytes(`hash of ${password}`)
export const secret: Uint8Array = Buffer.alloc(32, 7)

export const permission = (access: Access, key: string, end?: string): Permission =>
  end === undefined ? { access, key: bytes(key) } : { access, key: bytes(key), end: bytes(end) }

export class AuthDriver extends Driver {
  /** As `user` at the present auth revision; as root when nobody is named. */
  by(user = 'root', authRevision = this.core.auth.revision) {
    return { user, authRevision }
  }

  change(change: AuthChange): void {
    this.run<'auth'>({ kind: 'auth', change, by: this.by() })
  }

  /** What it is refused with. */
  changeRefusal(change: AuthChange, user = 'root'): string {
    return this.refusal({ kind: 'auth', change, by: this.by(user) })
  }

  /** `ok`, or what the command is refused with when this user gives it. */
  verdict(command: Command, user?: string): string {
    const [result] = this.batch([user === undefined ? command : { ...command, by: this.by(user) }])
    if (result === undefined) throw new Error('no result')
    return result.ok ? 'ok' : result.error.code
  }

  addUser(user: string, ...roles: readonly string[]): void {
    this.change({ action: 'userAdd', user, passwordHash: hash(user) })
    for (const role of roles) this.change({ action: 'userGrantRole', user, role })
  }

  addRole(role: string, ...permissions: readonly Permission[]): void {
    this.change({ action: 'roleAdd', role })
    for (const given of permissions) {
      this.change({ action: 'roleGrantPermission', role, permission: given })
    }
  }

  permissions(role: string): readonly string[] {
    return this.core.auth
      .permissionsOf(role)
      .map(
        ({ access, key, end }) => `${access} [${text(key)}, ${end === undefined ? '' : text(end)})`,
      )
  }

  enable(): void {
    this.addUser('root', 'root')
    this.change({ action: 'enable', secret })
  }
}
