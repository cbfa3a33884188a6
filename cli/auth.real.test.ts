// `raftsman auth`, `user` and `role` as people run them, beside etcdctl on the same member: what one
// has done the other one sees, and both say the same.

import { execFile, spawn } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'

import { startLoneMember } from '../store/server/testing/lone-member.js'
import type { LoneMember } from '../store/server/testing/lone-member.js'
import { cheapPasswords } from '../store/server/testing/staff.js'
import { projectRoot } from './testing/local-cluster.js'

const program = join(projectRoot, 'dist', 'cli', 'main.js')
let member: LoneMember

interface Ran {
  readonly out: string
  readonly err: string
}

function run(command: string, args: readonly string[], input = ''): Promise<Ran> {
  return new Promise(resolve => {
    const env = { ...process.env, ETCDCTL_API: '3' }
    const child = execFile(command, args, { env }, (_error, out, err) => resolve({ out, err }))
    child.stdin?.end(input)
  })
}

const raftsman = (args: readonly string[], input = ''): Promise<Ran> =>
  run(process.execPath, [program, ...args, '--endpoints', member.address], input)

const etcdctl = (...args: readonly string[]): Promise<Ran> =>
  run('etcdctl', ['--endpoints', member.address, ...args])

const out = async (...args: readonly string[]): Promise<string> => {
  const ran = await raftsman(args)
  expect(ran.err).toBe('')
  return ran.out
}

/** That both say the same, and what. */
const both = async (...args: readonly string[]): Promise<string> => {
  const [ours, theirs] = await Promise.all([raftsman(args), etcdctl(...args)])
  expect(ours.out).toBe(theirs.out)
  return ours.out
}

const root = ['--user', 'root:secret']

beforeAll(async () => {
  member = await startLoneMember(cheapPasswords)
})

afterAll(async () => {
  await member.stop()
})

it('raftsman and etcdctl say the same of users and roles', async () => {
  expect(await out('role', 'add', 'r')).toBe('Role r created\n')
  expect(await out('role', 'grant-permission', 'r', 'read', 'a')).toBe('Role r updated\n')
  await out('role', 'grant-permission', 'r', 'readwrite', 'b', 'd')
  await out('role', 'grant-permission', 'r', 'WRITE', '--prefix', 'p/')
  await out('role', 'grant-permission', 'r', 'read', '--from-key', 'x')
  expect(await both('role', 'get', 'r')).toContain('\t[p/, p0) (prefix p/)\n')
  expect(await out('user', 'add', 'anna:pass')).toBe('User anna created\n')
  expect((await raftsman(['user', 'add', 'bob', '--interactive=false'], 'word\n')).out).toBe(
    'User bob created\n',
  )
  expect(await out('user', 'add', 'root', '--new-user-password', 'secret')).toBe(
    'User root created\n',
  )
  expect(await out('user', 'grant-role', 'anna', 'r')).toBe('Role r is granted to user anna\n')
  expect(await both('user', 'get', '--detail', 'anna')).toContain('KV Write:')
  expect(await both('user', 'list')).toBe('anna\nbob\nroot\n')
  expect(await out('auth', 'status')).toMatch(/^Authentication Status: false\nAuthRevision: \d+\n$/)
  expect(await out('auth', 'enable')).toBe('Authentication Enabled\n')
})

it('every command of the store takes a user', async () => {
  expect((await raftsman(['kv', 'get', 'a'])).err).toContain('user name is empty')
  expect((await raftsman(['kv', 'get', 'a', '--user', 'anna:no'])).err).toContain(
    'authentication failed',
  )
  expect(await out('kv', 'put', 'b', '1', '--user', 'anna:pass')).toBe('OK\n')
  expect(await out('kv', 'get', 'b', '--user', 'anna', '--password', 'pass')).toBe('b\n1\n')
  expect((await raftsman(['kv', 'get', 'e', '--user', 'anna:pass'])).err).toContain(
    'permission denied (permission-denied)',
  )
  const json = await out('user', 'list', ...root, '-o', 'json')
  expect(JSON.parse(json)).toMatchObject({ users: ['anna', 'bob', 'root'] })
  expect(
    (await raftsman(['user', 'passwd', 'bob', '--interactive=false', ...root], 'new')).out,
  ).toBe('Password updated\n')
})

it('asks on the terminal for a password, and shows nothing of it', async () => {
  const shown = await new Promise<string>(resolve => {
    const command = [process.execPath, program, 'kv', 'get', 'b', '--user', 'anna']
    const child = spawn(
      'script',
      ['-qec', [...command, '--endpoints', member.address].join(' '), '/dev/null'],
      { stdio: ['pipe', 'pipe', 'ignore'] },
    )
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => {
      const asked = text.includes('Password: ')
      text += chunk.toString()
      if (!asked && text.includes('Password: ')) child.stdin.write('pass\r')
    })
    child.on('close', () => resolve(text))
  })
  expect(shown.replaceAll('\r', '')).toBe('Password: \nb\n1\n')
})

it('what is taken away and turned off is said as etcdctl says it', async () => {
  expect(await out('role', 'revoke-permission', 'r', 'a', ...root)).toBe(
    'Permission of key a is revoked from role r\n',
  )
  expect(await out('role', 'revoke-permission', 'r', '--from-key', 'x', ...root)).toBe(
    'Permission of range [x, <open ended> is revoked from role r\n',
  )
  expect(await out('user', 'revoke-role', 'anna', 'r', ...root)).toBe(
    'Role r is revoked from user anna\n',
  )
  expect((await raftsman(['user', 'delete', 'root', ...root])).err).toContain(
    'etcdserver: invalid auth management',
  )
  expect(await out('auth', 'disable', ...root)).toBe('Authentication Disabled\n')
  expect(await out('kv', 'get', 'b')).toBe('b\n1\n')
})
