// Users, roles and logins as the real etcdctl makes them, against three members.

import { execFile } from 'node:child_process'
import { afterAll, beforeAll, expect, it } from 'vitest'

import { Trio } from '../server/testing/trio.js'

let trio: Trio

interface Ran {
  readonly out: string
  readonly err: string
}

/** Against one member after the other: what one was told all know. */
let turn = 0
const etcdctl = (...args: readonly string[]): Promise<Ran> =>
  new Promise(resolve => {
    turn += 1
    const endpoint = trio.endpoint((turn % 3) + 1)
    const child = execFile(
      'etcdctl',
      ['--endpoints', endpoint, ...args],
      { env: { ...process.env, ETCDCTL_API: '3' } },
      (_error, out, err) => resolve({ out, err }),
    )
    child.stdin?.end()
  })

const out = async (...args: readonly string[]): Promise<string> => {
  const ran = await etcdctl(...args)
  expect(ran.err).toBe('')
  return ran.out
}

/** etcd's sentence behind whatever etcdctl puts before it. */
const refusal = async (...args: readonly string[]): Promise<string> => {
  const { err } = await etcdctl(...args)
  return /etcdserver: [^"}\n]+/.exec(err)?.[0] ?? err
}

const root = ['--user', 'root:secret']
const anna = ['--user', 'anna:pass']

beforeAll(async () => {
  trio = await Trio.start(() => ({ passwordCost: { logN: 4, r: 1, p: 1 } }))
  await trio.leader()
})

afterAll(async () => {
  await trio.stop()
})

it('etcdctl makes users and roles, and turns authentication on', async () => {
  expect(await out('role', 'add', 'reader')).toBe('Role reader created\n')
  expect(await refusal('role', 'add', 'reader')).toBe('etcdserver: role name already exists')
  expect(await out('role', 'grant-permission', 'reader', 'read', 'a', 'c')).toBe(
    'Role reader updated\n',
  )
  expect(await out('role', 'grant-permission', 'reader', 'readwrite', '--prefix', 'mine/')).toBe(
    'Role reader updated\n',
  )
  expect(await out('role', 'get', 'reader')).toBe(
    'Role reader\nKV Read:\n\t[a, c)\n\t[mine/, mine0) (prefix mine/)\n' +
      'KV Write:\n\t[mine/, mine0) (prefix mine/)\n',
  )
  expect(await out('user', 'add', 'anna:pass')).toBe('User anna created\n')
  expect(await refusal('user', 'add', 'anna:pass')).toBe('etcdserver: user name already exists')
  expect(await out('user', 'grant-role', 'anna', 'reader')).toBe(
    'Role reader is granted to user anna\n',
  )
  expect(await refusal('user', 'grant-role', 'anna', 'nothing')).toBe(
    'etcdserver: role name not found',
  )
  expect(await refusal('auth', 'enable')).toBe('etcdserver: root user does not exist')
  expect(await out('user', 'add', 'root:secret')).toBe('User root created\n')
  expect(await out('put', 'a', '1')).toBe('OK\n')
  // It makes the root role and grants it when it is told that there is none.
  const enabled = await etcdctl('auth', 'enable')
  expect(enabled.out).toBe('Authentication Enabled\n')
})

it('a user does what its roles allow, and is refused with etcd’s sentences', async () => {
  expect(await refusal('get', 'a')).toBe('etcdserver: user name is empty')
  expect(await refusal('--user', 'anna:wrong', 'get', 'a')).toBe(
    'etcdserver: authentication failed, invalid user ID or password',
  )
  expect(await refusal('--user', 'nobody:pass', 'get', 'a')).toBe(
    'etcdserver: authentication failed, invalid user ID or password',
  )
  expect(await out(...anna, 'get', 'a')).toBe('a\n1\n')
  expect(await refusal(...anna, 'get', 'a', 'd')).toBe('etcdserver: permission denied')
  expect(await refusal(...anna, 'put', 'a', '2')).toBe('etcdserver: permission denied')
  expect(await out(...anna, 'put', 'mine/1', 'x')).toBe('OK\n')
  expect(await out(...anna, 'get', '--prefix', 'mine/')).toBe('mine/1\nx\n')
  expect(await refusal(...anna, 'del', 'a')).toBe('etcdserver: permission denied')
  expect(await refusal(...anna, 'compact', '2')).toBe('etcdserver: permission denied')
  expect(await refusal(...anna, 'user', 'list')).toBe('etcdserver: permission denied')
  expect(await out(...anna, 'user', 'get', 'anna')).toBe('User: anna\nRoles: reader\n')
  expect(await refusal(...anna, 'auth', 'disable')).toBe('etcdserver: permission denied')
})

it('root does everything but lose itself', async () => {
  expect(await out(...root, 'user', 'list')).toBe('anna\nroot\n')
  expect(await out(...root, 'role', 'list')).toBe('reader\nroot\n')
  expect(await refusal(...root, 'user', 'delete', 'root')).toBe(
    'etcdserver: invalid auth management',
  )
  expect(await refusal(...root, 'user', 'revoke-role', 'root', 'root')).toBe(
    'etcdserver: invalid auth management',
  )
  expect(await refusal(...root, 'role', 'delete', 'root')).toBe(
    'etcdserver: invalid auth management',
  )
  expect(await out(...root, 'put', 'z', '1')).toBe('OK\n')
})

it('what is taken away counts at once, on every member', async () => {
  expect(await out(...root, 'role', 'revoke-permission', 'reader', 'a', 'c')).toBe(
    'Permission of range [a, c) is revoked from role reader\n',
  )
  for (let member = 0; member < 3; member++) {
    expect(await refusal(...anna, 'get', 'a')).toBe('etcdserver: permission denied')
  }
  expect(await refusal(...root, 'role', 'revoke-permission', 'reader', 'a', 'c')).toBe(
    'etcdserver: permission is not granted to the role',
  )
  expect(await out(...root, 'user', 'revoke-role', 'anna', 'reader')).toBe(
    'Role reader is revoked from user anna\n',
  )
  expect(await refusal(...anna, 'get', 'mine/1')).toBe('etcdserver: permission denied')
  expect(await refusal(...root, 'user', 'revoke-role', 'anna', 'reader')).toBe(
    'etcdserver: role is not granted to the user',
  )
  expect(await out(...root, 'role', 'delete', 'reader')).toBe('Role reader deleted\n')
  expect(await out(...root, 'user', 'delete', 'anna')).toBe('User anna deleted\n')
  expect(await refusal(...root, 'user', 'get', 'anna')).toBe('etcdserver: user name not found')
  expect(await out(...root, 'auth', 'disable')).toBe('Authentication Disabled\n')
  expect(await out('get', 'a')).toBe('a\n1\n')
})
