// `raftsman auth …`: whether users and roles count. As in etcdctl.

import type { Command } from 'commander'
import { RaftsmanError } from '../platform/errors.js'
import type { StoreClient } from '../store/client/store-client.js'
import type { AuthResponse } from '../store/core/types.js'
import { statusJson } from './auth/print.js'
import { headerOnlyJson } from './kv/print.js'
import { storeFlags, type StoreFlags } from './store-access.js'
import { output, withStore } from './store-command.js'

export function define(command: Command): void {
  storeFlags(
    command.command('enable').description('from now on every request needs a user'),
  ).action((flags: StoreFlags) =>
    withStore(flags, async store => {
      const response = await enable(store)
      output(
        flags,
        () => headerOnlyJson(response),
        () => ['Authentication Enabled'],
      )
    }),
  )
  storeFlags(command.command('disable').description('let everybody do everything')).action(
    (flags: StoreFlags) =>
      withStore(flags, async store => {
        const response = await store.auth({ action: 'disable' })
        output(
          flags,
          () => headerOnlyJson(response),
          () => ['Authentication Disabled'],
        )
      }),
  )
  storeFlags(command.command('status').description('whether users and roles count')).action(
    (flags: StoreFlags) =>
      withStore(flags, async store => {
        const response = await store.auth({ action: 'status' })
        output(
          flags,
          () => statusJson(response),
          () => [
            `Authentication Status: ${response.enabled}`,
            `AuthRevision: ${response.authRevision}`,
          ],
        )
      }),
  )
}

/** As etcdctl: a user root that lacks the root role gets it. */
async function enable(store: StoreClient): Promise<AuthResponse> {
  try {
    return await store.auth({ action: 'enable' })
  } catch (error) {
    if (!(error instanceof RaftsmanError) || error.code !== 'root-role-missing') throw error
  }
  await store.auth({ action: 'roleAdd', role: 'root' }).catch((error: unknown) => {
    if (!(error instanceof RaftsmanError) || error.code !== 'role-exists') throw error
  })
  await store.auth({ action: 'userGrantRole', user: 'root', role: 'root' })
  return store.auth({ action: 'enable' })
}
