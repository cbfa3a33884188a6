// Users and roles for tests of a running store: what root would do before anybody else comes.

import type { StoreClient } from '../../client/store-client.js'
import type { Access, Permission } from '../../core/types.js'
import { utf8 } from './clients.js'

/** Hashes a password in no time. */
export const cheapPasswords = { passwordCost: { logN: 1, r: 1, p: 1 } } as const

export const permission = (access: Access, key: string, end?: string): Permission =>
  end === undefined ? { access, key: utf8(key) } : { access, key: utf8(key), end: utf8(end) }

/** Every user's password is its name. `store` is nobody's, and authentication still off. */
export async function staff(
  store: StoreClient,
  roles: Readonly<Record<string, readonly Permission[]>>,
): Promise<void> {
  await addUser(store, 'root', 'root')
  for (const [role, permissions] of Object.entries(roles)) {
    await store.auth({ action: 'roleAdd', role })
    for (const one of permissions) {
      await store.auth({ action: 'roleGrantPermission', role, permission: one })
    }
    await addUser(store, role, role)
  }
  await store.auth({ action: 'enable' })
}

/** A user for the role of the same name. */
async function addUser(store: StoreClient, user: string, role: string): Promise<void> {
  await store.auth({ action: 'userAdd', user, password: user })
  await store.auth({ action: 'userGrantRole', user, role })
}

export const as = (user: string) => ({ credentials: { user, password: user } })
