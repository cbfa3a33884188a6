// `raftsman user …`: who may use the store. As in etcdctl.

import type { Command } from 'commander'
import type { StoreClient } from '../store/client/store-client.js'
import { namesJson, roleLines } from './auth/print.js'
import { headerOnlyJson } from './kv/print.js'
import { askNewPassword, readPassword } from './password.js'
import { storeFlags, type StoreFlags } from './store-access.js'
import { output, print, withStore } from './store-command.js'
import { UserError } from './user-error.js'

type PasswordFlags = StoreFlags & {
  readonly interactive: boolean
  readonly newUserPassword?: string
}

function truth(text: string): boolean {
  if (text !== 'true' && text !== 'false') {
    throw new UserError(`--interactive takes true or false, not "${text}".`)
  }
  return text === 'true'
}

export function define(command: Command): void {
  defineAdd(command)
  const sub = (form: string, description: string): Command =>
    storeFlags(command.command(form).description(description))
  sub('get <user>', 'the roles of a user')
    .option('--detail', 'with what the roles allow')
    .action((user: string, flags: StoreFlags & { readonly detail?: boolean }) =>
      withStore(flags, store => get(store, user, flags)),
    )
  sub('list', 'all users').action((flags: StoreFlags) =>
    withStore(flags, async store => {
      const response = await store.auth({ action: 'userList' })
      output(
        flags,
        () => namesJson(response, 'users'),
        () => response.names,
      )
    }),
  )
  sub('delete <user>', 'delete a user').action((user: string, flags: StoreFlags) =>
    change(flags, `User ${user} deleted`, store => store.auth({ action: 'userDelete', user })),
  )
  interactive(sub('passwd <user>', 'change the password of a user')).action(
    (user: string, flags: PasswordFlags) =>
      change(flags, 'Password updated', async store => {
        const password = flags.interactive ? await askNewPassword(user) : readPassword()
        return store.auth({ action: 'userChangePassword', user, password })
      }),
  )
  sub('grant-role <user> <role>', 'give a user a role').action(
    (user: string, role: string, flags: StoreFlags) =>
      change(flags, `Role ${role} is granted to user ${user}`, store =>
        store.auth({ action: 'userGrantRole', user, role }),
      ),
  )
  sub('revoke-role <user> <role>', 'take a role from a user').action(
    (user: string, role: string, flags: StoreFlags) =>
      change(flags, `Role ${role} is revoked from user ${user}`, store =>
        store.auth({ action: 'userRevokeRole', user, role }),
      ),
  )
}

function interactive(command: Command): Command {
  return command.option(
    '--interactive <bool>',
    'ask on the terminal; false: read standard input',
    truth,
    true,
  )
}

function defineAdd(command: Command): void {
  const add = command.command('add <name>').description('a new user: name, or name:password')
  interactive(storeFlags(add))
    .option('--new-user-password <password>', 'its password')
    .option('--no-password', 'no password: only a client certificate of that name opens it')
    .action((given: string, flags: PasswordFlags) =>
      withStore(flags, async store => {
        const { user, password } = await newUser(given, flags)
        const response = await store.auth({ action: 'userAdd', user, password })
        output(
          flags,
          () => headerOnlyJson(response),
          () => [`User ${user} created`],
        )
      }),
    )
}

async function newUser(
  given: string,
  flags: PasswordFlags,
): Promise<{ readonly user: string; readonly password: string | null }> {
  if (flags.password === false) return { user: given, password: null }
  if (flags.newUserPassword !== undefined) return { user: given, password: flags.newUserPassword }
  const colon = given.indexOf(':')
  if (colon === 0) throw new UserError('A user needs a name.')
  if (colon > 0) return { user: given.slice(0, colon), password: given.slice(colon + 1) }
  const password = flags.interactive ? await askNewPassword(given) : readPassword()
  return { user: given, password }
}

async function get(
  store: StoreClient,
  user: string,
  flags: StoreFlags & { readonly detail?: boolean },
): Promise<void> {
  const response = await store.auth({ action: 'userGet', user })
  if (flags.detail !== true) {
    output(
      flags,
      () => namesJson(response, 'roles'),
      () => [`User: ${user}`, ['Roles:', ...response.names].join(' ')],
    )
    return
  }
  print([`User: ${user}`])
  for (const role of response.names) {
    const permissions = await store.auth({ action: 'roleGet', role })
    print(['', ...roleLines(role, permissions)])
  }
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
