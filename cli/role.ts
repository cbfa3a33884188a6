// `raftsman role …`: what users may do. As in etcdctl.

import type { Command } from 'commander'
import type { StoreClient } from '../store/client/store-client.js'
import type { Access, KeyRange } from '../store/core/types.js'
import { namesJson, revokedLine, roleJson, roleLines } from './auth/print.js'
import { keyRange, type RangeFlags } from './kv/arguments.js'
import { headerOnlyJson } from './kv/print.js'
import { storeFlags, type StoreFlags } from './store-access.js'
import { output, withStore } from './store-command.js'
import { UserError } from './user-error.js'

type PermissionFlags = StoreFlags & RangeFlags

export function define(command: Command): void {
  const sub = (form: string, description: string): Command =>
    storeFlags(command.command(form).description(description))
  const ranged = (form: string, description: string): Command =>
    sub(form, description)
      .option('--prefix', 'all keys that start with <key>')
      .option('--from-key', 'all keys from <key> on')
  sub('add <role>', 'a new role').action((role: string, flags: StoreFlags) =>
    change(flags, `Role ${role} created`, store => store.auth({ action: 'roleAdd', role })),
  )
  sub('get <role>', 'what a role allows').action((role: string, flags: StoreFlags) =>
    withStore(flags, async store => {
      const response = await store.auth({ action: 'roleGet', role })
      output(
        flags,
        () => roleJson(response),
        () => roleLines(role, response),
      )
    }),
  )
  sub('list', 'all roles').action((flags: StoreFlags) =>
    withStore(flags, async store => {
      const response = await store.auth({ action: 'roleList' })
      output(
        flags,
        () => namesJson(response, 'roles'),
        () => response.names,
      )
    }),
  )
  sub('delete <role>', 'delete a role').action((role: string, flags: StoreFlags) =>
    change(flags, `Role ${role} deleted`, store => store.auth({ action: 'roleDelete', role })),
  )
  ranged(
    'grant-permission <role> <type> <key> [end]',
    'let a role read, write or readwrite a key or range',
  ).action(
    (role: string, type: string, key: string, end: string | undefined, flags: PermissionFlags) => {
      const permission = { access: accessOf(type), ...rangeOf(key, end, flags) }
      return change(flags, `Role ${role} updated`, store =>
        store.auth({ action: 'roleGrantPermission', role, permission }),
      )
    },
  )
  ranged('revoke-permission <role> <key> [end]', 'take what was granted over a range').action(
    (role: string, key: string, end: string | undefined, flags: PermissionFlags) => {
      const range = rangeOf(key, end, flags)
      return change(flags, revokedLine(role, key, range.end), store =>
        store.auth({ action: 'roleRevokePermission', role, range }),
      )
    },
  )
}

/** As etcdctl: the empty key stands for the first that there can be. */
function rangeOf(key: string, end: string | undefined, flags: PermissionFlags): KeyRange {
  const range = keyRange(key, end, flags)
  return range.key.length === 0 ? { ...range, key: Uint8Array.of(0) } : range
}

function accessOf(type: string): Access {
  const access = type.toLowerCase()
  if (access === 'read' || access === 'write' || access === 'readwrite') return access
  throw new UserError(`"${type}" is no type of permission: read, write or readwrite.`)
}

function change(
  flags: StoreFlags,
  done: string,
  request: (store: StoreClient) => ReturnType<StoreClient['auth']>,
): Promise<void> {
  return withStore(flags, async store => {
    const response = await request(store)
    output(
      flags,
      () => headerOnlyJson(response),
      () => [done],
    )
  })
}
