import { describe, expect, it, test } from 'vitest'
import { MemoryBackend } from '../../backend/memory.js'
import { type AuthChange, checkAuthChange } from './auth-change.js'
import { StoreError } from '../errors.js'
import { usersMax } from '../limits.js'
import { AuthDriver, hash, permission, secret } from '../testing/auth-driver.js'
import { bytes } from '../testing/driver.js'

describe('authentication', () => {
  it('is off in a new store, at auth revision 1', () => {
    const { core } = new AuthDriver()
    expect(core.auth.status).toEqual({ enabled: false, authRevision: 1 })
  })

  it('is enabled only with a root user that has the root role', () => {
    const driver = new AuthDriver()
    const enable: AuthChange = { action: 'enable', secret }
    expect(driver.changeRefusal(enable)).toBe('root-user-missing')
    driver.addUser('root')
    expect(driver.changeRefusal(enable)).toBe('root-role-missing')
    driver.change({ action: 'userGrantRole', user: 'root', role: 'root' })
    driver.change(enable)
    expect(driver.core.auth.enabled).toBe(true)
  })

  it('counts every change but enabling, and what changes nothing not at all', () => {
    const driver = new AuthDriver()
    driver.addUser('root', 'root')
    expect(driver.core.auth.revision).toBe(3)
    driver.change({ action: 'userGrantRole', user: 'root', role: 'root' })
    driver.change({ action: 'disable' })
    driver.change({ action: 'enable', secret })
    driver.change({ action: 'enable', secret: new Uint8Array(32) })
    expect(driver.core.auth.revision).toBe(3)
    expect(Buffer.from(driver.core.auth.secret)).toEqual(secret)
    driver.change({ action: 'disable' })
    expect(driver.core.auth.revision).toBe(4)
  })

  it('takes another secret whenever it is enabled', () => {
    const driver = new AuthDriver()
    driver.enable()
    driver.change({ action: 'disable' })
    driver.change({ action: 'enable', secret: Buffer.alloc(32, 8) })
    expect(Buffer.from(driver.core.auth.secret)).toEqual(Buffer.alloc(32, 8))
  })

  it('keeps the root user and the root role while it is enabled, and not longer', () => {
    const driver = new AuthDriver()
    driver.addRole('root')
    driver.enable()
    const changes: AuthChange[] = [
      { action: 'userRevokeRole', user: 'root', role: 'root' },
      { action: 'roleDelete', role: 'root' },
      { action: 'userDelete', user: 'root' },
    ]
    for (const change of changes) {
      expect(driver.changeRefusal(change)).toBe('invalid-auth-management')
    }
    driver.change({ action: 'disable' })
    driver.change({ action: 'userRevokeRole', user: 'root', role: 'root' })
    driver.change({ action: 'roleDelete', role: 'root' })
    driver.change({ action: 'userDelete', user: 'root' })
    expect(driver.core.auth.userNames()).toEqual([])
  })
})

describe('users and roles', () => {
  const refusals: readonly (readonly [string, AuthChange, string])[] = [
    ['a user twice', { action: 'userAdd', user: 'u', passwordHash: null }, 'user-exists'],
    ['a user without a name', { action: 'userAdd', user: '', passwordHash: null }, 'user-empty'],
    ['a role twice', { action: 'roleAdd', role: 'r' }, 'role-exists'],
    ['a role without a name', { action: 'roleAdd', role: '' }, 'role-empty'],
    ['to delete a stranger', { action: 'userDelete', user: 'x' }, 'user-not-found'],
    [
      'a password for a stranger',
      { action: 'userChangePassword', user: 'x', passwordHash: hash('x') },
      'user-not-found',
    ],
    ['a role for a stranger', { action: 'userGrantRole', user: 'x', role: 'r' }, 'user-not-found'],
    [
      'a role that nobody knows',
      { action: 'userGrantRole', user: 'u', role: 'x' },
      'role-not-found',
    ],
    [
      'to take a role that was not given',
      { action: 'userRevokeRole', user: 'u', role: 'r' },
      'role-not-granted',
    ],
    ['to delete an unknown role', { action: 'roleDelete', role: 'x' }, 'role-not-found'],
    [
      'a permission for an unknown role',
      { action: 'roleGrantPermission', role: 'x', permission: permission('read', 'a') },
      'role-not-found',
    ],
    [
      'a permission without a key',
      { action: 'roleGrantPermission', role: 'r', permission: permission('read', '') },
      'invalid-auth-management',
    ],
    [
      'a permission that is turned around',
      { action: 'roleGrantPermission', role: 'r', permission: permission('read', 'b', 'a') },
      'invalid-auth-management',
    ],
    [
      'a permission over nothing',
      { action: 'roleGrantPermission', role: 'r', permission: permission('read', 'a', 'a') },
      'invalid-auth-management',
    ],
    [
      'to take a permission that was not given',
      { action: 'roleRevokePermission', role: 'r', range: { key: bytes('a') } },
      'permission-not-granted',
    ],
    [
      'a name that no record can have',
      { action: 'userAdd', user: 'x'.repeat(201), passwordHash: null },
      'malformed',
    ],
  ]
  it.each(refusals)('refuse %s, and stay as they are', (_what, change, code) => {
    const driver = new AuthDriver()
    driver.addUser('u')
    driver.addRole('r')
    const before = driver.core.auth.status
    expect(driver.changeRefusal(change)).toBe(code)
    expect(driver.core.auth.status).toEqual(before)
  })

  it('refuse names that would come back from disk as others', () => {
    const change: AuthChange = { action: 'roleAdd', role: '\ud800' }
    expect(() => checkAuthChange(change)).toThrow('malformed')
  })

  it('have etcd’s texts for what they refuse', () => {
    expect(new StoreError('user-exists').message).toBe('etcdserver: user name already exists')
    expect(new StoreError('role-not-granted').message).toBe(
      'etcdserver: role is not granted to the user',
    )
    expect(new StoreError('permission-denied').grpc).toBe('PermissionDenied')
    expect(new StoreError('invalid-auth-token').grpc).toBe('Unauthenticated')
  })

  it('are listed in the order of their bytes', () => {
    const driver = new AuthDriver()
    // As UTF-16 the emoji comes first, as UTF-8 last.
    for (const user of ['b', '\u{1f6f6}', 'a', '\uffee']) driver.addUser(user)
    expect(driver.core.auth.userNames()).toEqual(['a', 'b', '\uffee', '\u{1f6f6}'])
  })

  it('keep one permission a range, and the last that was granted', () => {
    const driver = new AuthDriver()
    driver.addRole(
      'r',
      permission('read', 'b', 'd'),
      permission('read', 'a'),
      permission('read', 'b'),
      permission('write', 'b', 'd'),
    )
    expect(driver.permissions('r')).toEqual(['read [a, )', 'read [b, )', 'write [b, d)'])
    driver.change({
      action: 'roleRevokePermission',
      role: 'r',
      range: { key: bytes('b'), end: bytes('d') },
    })
    expect(driver.permissions('r')).toEqual(['read [a, )', 'read [b, )'])
  })

  it('show the root role with a permission over everything', () => {
    const driver = new AuthDriver()
    driver.addRole('root', permission('read', 'a'))
    expect(driver.permissions('root')).toEqual(['readwrite [, \0)'])
  })

  it('lose a role that is deleted, everywhere', () => {
    const driver = new AuthDriver()
    driver.addRole('r')
    driver.addRole('s')
    driver.addUser('u', 's', 'r')
    driver.addUser('v', 'r')
    expect(driver.core.auth.rolesOf('u')).toEqual(['r', 's'])
    driver.change({ action: 'roleDelete', role: 'r' })
    expect(driver.core.auth.rolesOf('u')).toEqual(['s'])
    expect(driver.core.auth.rolesOf('v')).toEqual([])
  })

  it('keep a user without a password so, whatever password it is given', () => {
    const driver = new AuthDriver()
    driver.change({ action: 'userAdd', user: 'u', passwordHash: null })
    driver.change({ action: 'userChangePassword', user: 'u', passwordHash: hash('x') })
    expect(driver.core.auth.user('u')?.passwordHash).toBeNull()
  })

  it('void tokens of an older password, and of a deleted user of the same name', () => {
    const driver = new AuthDriver()
    driver.addUser('u')
    const { revision } = driver.core.auth
    expect(driver.core.auth.user('u')?.tokensFrom).toBe(revision)
    driver.addUser('v')
    expect(driver.core.auth.user('u')?.tokensFrom).toBe(revision)
    driver.change({ action: 'userChangePassword', user: 'u', passwordHash: hash('x') })
    expect(driver.core.auth.user('u')?.tokensFrom).toBe(revision + 2)
    driver.change({ action: 'userDelete', user: 'u' })
    driver.addUser('u')
    expect(driver.core.auth.user('u')?.tokensFrom).toBe(driver.core.auth.revision)
  })

  it('are no more than memory is meant to hold', () => {
    const driver = new AuthDriver()
    const changes = Array.from({ length: usersMax }, (_, at) => ({
      kind: 'auth' as const,
      change: { action: 'userAdd' as const, user: `u${at}`, passwordHash: null },
    }))
    driver.batch(changes)
    expect(driver.changeRefusal({ action: 'userAdd', user: 'x', passwordHash: null })).toBe(
      'too-many-auth-records',
    )
  })
})

test('a store that is opened again knows its users, roles and permissions', () => {
  const backend = new MemoryBackend()
  const driver = new AuthDriver({}, backend)
  driver.addRole('r', permission('read', 'a', 'b'), permission('write', 'x'))
  driver.addUser('u', 'r')
  driver.enable()
  driver.core.flush()
  const again = new AuthDriver({}, backend)
  const { auth } = again.core
  expect(auth.status).toEqual(driver.core.auth.status)
  expect(Buffer.from(auth.secret)).toEqual(secret)
  expect(auth.rolesOf('u')).toEqual(['r'])
  expect(auth.user('u')?.tokensFrom).toBe(driver.core.auth.user('u')?.tokensFrom)
  expect(Buffer.from(auth.user('u')?.passwordHash ?? [])).toEqual(hash('u'))
  expect(again.permissions('r')).toEqual(driver.permissions('r'))
  expect(again.core.stateHash).toBe(driver.core.stateHash)
})

test('stored users that cannot be read are damage, and not nobody', () => {
  const backend = new MemoryBackend()
  const driver = new AuthDriver({}, backend)
  driver.addUser('u')
  driver.core.flush()
  backend.records = () => [{ name: 'auth/user/u', value: bytes('\x91\x01') }]
  expect(() => new AuthDriver({}, backend)).toThrow(/users and roles/)
})

test('listeners hear of changes once a batch, and only of changes', () => {
  const driver = new AuthDriver()
  let told = 0
  driver.core.onAuthChange(() => {
    told += 1
  })
  driver.put('a', '1')
  expect(told).toBe(0)
  driver.addUser('u')
  expect(told).toBe(1)
  driver.changeRefusal({ action: 'userAdd', user: 'u', passwordHash: null })
  expect(told).toBe(1)
})
