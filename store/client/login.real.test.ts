// Clients that log in, against a member that needs no quorum: tokens that run out, passwords that
// change, permissions that come and go while a client is connected.

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { RaftsmanError } from '../../platform/errors.js'
import type { Clock } from '../../platform/clock.js'
import { nodeClock } from '../../platform/node/clock.js'
import { Seen, clientOf, utf8 } from '../server/testing/clients.js'
import { startLoneMember } from '../server/testing/lone-member.js'
import type { LoneMember } from '../server/testing/lone-member.js'
import { as, cheapPasswords, permission, staff } from '../server/testing/staff.js'
import type { StoreClient } from './store-client.js'

let member: LoneMember
let root: StoreClient
/** Ahead of the real wall clock. */
let aheadMs = 0
const clients: StoreClient[] = []

const connect = (options: Parameters<typeof clientOf>[1] = {}): StoreClient => {
  const client = clientOf([member.address], options)
  clients.push(client)
  return client
}

const put = (client: StoreClient, key: string, value = 'x') =>
  client.put({ key: utf8(key), value: utf8(value) })

async function code(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (error === null) return 'ok'
  if (!(error instanceof RaftsmanError)) throw error
  return error.code
}

const endOf = ({ end }: Seen): string | null =>
  end?.error instanceof RaftsmanError ? end.error.code : null

beforeEach(async () => {
  aheadMs = 0
  const clock: Clock = { ...nodeClock(), wallMs: () => Date.now() + aheadMs }
  member = await startLoneMember({ ...cheapPasswords, clock })
  await staff(connect(), {
    anna: [permission('readwrite', 'a', 'c')],
    bob: [permission('read', 'a', 'c')],
  })
  root = connect(as('root'))
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await member.stop()
})

describe('a client', () => {
  it('does what its user may, and is told what it may not', async () => {
    const anna = connect(as('anna'))
    await put(anna, 'a')
    expect(await code(put(anna, 'c'))).toBe('permission-denied')
    expect(await code(anna.range({ key: utf8('a'), end: utf8('d') }))).toBe('permission-denied')
    expect(await code(anna.compact({ revision: 1 }))).toBe('permission-denied')
    expect(await code(anna.moveLeader(1))).toBe('permission-denied')
    expect((await anna.status()).name).toBe('lone')
    expect((await anna.memberList()).length).toBe(1)
  })

  it('that is nobody is told so, also of what is not about keys', async () => {
    const nobody = connect()
    const calls = [
      put(nobody, 'a'),
      nobody.range({ key: utf8('a') }),
      nobody.range({ key: utf8('a'), serializable: true }),
      nobody.leaseGrant({ ttlSeconds: 60 }),
      nobody.leaseLeases(),
      nobody.leaseKeepAlive(1),
      nobody.leaseTimeToLive(1, false),
      nobody.status(),
      nobody.memberList(),
      nobody.moveLeader(1),
      nobody.compact({ revision: 1 }),
      nobody.auth({ action: 'userList' }),
      nobody.auth({ action: 'disable' }),
    ]
    const codes = await Promise.all(calls.map(code))
    expect(codes).toEqual(calls.map(() => 'user-empty'))
    const { enabled, authRevision } = await nobody.auth({ action: 'status' })
    expect({ enabled, authRevision }).toEqual({ enabled: true, authRevision: 11 })
  })

  it('with a wrong password is told at once, and its watches as well', async () => {
    const client = connect({ credentials: { user: 'anna', password: 'wrong' } })
    const seen = new Seen(client, { key: utf8('a') })
    expect(await code(put(client, 'a'))).toBe('auth-failed')
    await seen.until(() => seen.end !== null)
    expect(endOf(seen)).toBe('auth-failed')
  })

  it('goes on when its token has run out, without its user noticing', async () => {
    const anna = connect(as('anna'))
    const seen = new Seen(anna, { key: utf8('a'), end: utf8('c') })
    await put(anna, 'a')
    aheadMs += 10 * 60_000
    await Promise.all(Array.from({ length: 50 }, (_, at) => put(anna, `a${at}`)))
    await seen.until(() => seen.events.length === 51)
    expect(seen.created).toHaveLength(1)
    expect(seen.end).toBeNull()
  })

  it('with nothing but a token is let in by it until that runs out', async () => {
    const token = await root.authenticate('anna', 'anna')
    const anna = connect({ credentials: { token } })
    await put(anna, 'a')
    aheadMs += 10 * 60_000
    expect(await code(put(anna, 'a'))).toBe('invalid-auth-token')
    expect(await code(put(connect({ credentials: { token: 'no.token' } }), 'a'))).toBe(
      'invalid-auth-token',
    )
  })

  it('that logged in before there was authentication goes on when it comes', async () => {
    await root.auth({ action: 'disable' })
    const [anna, nobody] = [connect(as('anna')), connect()]
    const seen = new Seen(anna, { key: utf8('a') })
    const open = new Seen(nobody, { key: utf8('a') })
    await put(anna, 'a', '1')
    await put(nobody, 'z')
    await seen.until(() => seen.created.length === 1)
    await open.until(() => open.created.length === 1)
    await root.auth({ action: 'enable' })
    await put(anna, 'a', '2')
    await seen.until(() => seen.events.length === 2)
    await open.until(() => open.end !== null)
    expect(endOf(open)).toBe('user-empty')
    expect(await code(put(nobody, 'z'))).toBe('user-empty')
  })
})

describe('a user', () => {
  it('whose password changes is logged out everywhere', async () => {
    const anna = connect(as('anna'))
    const seen = new Seen(anna, { key: utf8('a') })
    await put(anna, 'a')
    await root.auth({ action: 'userChangePassword', user: 'anna', password: 'new' })
    expect(await code(put(anna, 'a'))).toBe('auth-failed')
    await seen.until(() => seen.end !== null)
    await put(connect({ credentials: { user: 'anna', password: 'new' } }), 'a')
  })

  it('who is deleted is nobody, also when another of the name comes', async () => {
    const token = await root.authenticate('anna', 'anna')
    const anna = connect({ credentials: { token } })
    await put(anna, 'a')
    await root.auth({ action: 'userDelete', user: 'anna' })
    expect(await code(put(anna, 'a'))).toBe('invalid-auth-token')
    await root.auth({ action: 'userAdd', user: 'anna', password: 'anna' })
    await root.auth({ action: 'userGrantRole', user: 'anna', role: 'anna' })
    expect(await code(put(connect({ credentials: { token } }), 'a'))).toBe('invalid-auth-token')
    await put(connect(as('anna')), 'a')
  })

  it('who loses a role keeps the token and not what the role allowed', async () => {
    const anna = connect(as('anna'))
    await put(anna, 'a')
    await root.auth({ action: 'userRevokeRole', user: 'anna', role: 'anna' })
    expect(await code(put(anna, 'a'))).toBe('permission-denied')
    expect((await anna.auth({ action: 'userGet', user: 'anna' })).names).toEqual([])
  })

  it('without a password has no login, and the same answer as a stranger', async () => {
    await root.auth({ action: 'userAdd', user: 'certified', password: null })
    const anyone = connect()
    expect(await code(anyone.authenticate('certified', ''))).toBe('auth-failed')
    expect(await code(anyone.authenticate('stranger', ''))).toBe('auth-failed')
  })

  it('may be made with a password that was hashed elsewhere', async () => {
    const hash = member.core.auth.user('anna')?.passwordHash ?? new Uint8Array()
    const passwordHash = Buffer.from(hash).toString()
    await root.auth({ action: 'userAdd', user: 'twin', password: '', passwordHash })
    await root.authenticate('twin', 'anna')
    expect(
      await code(
        root.auth({ action: 'userAdd', user: 'odd', password: '', passwordHash: '$2a$10$x' }),
      ),
    ).toBe('malformed')
  })
})

describe('a watch', () => {
  it('that is not permitted is not opened', async () => {
    for (const range of [
      { key: utf8('c') },
      { key: utf8('a'), end: utf8('d') },
      { key: utf8('a'), end: Uint8Array.of(0) },
      { key: utf8('a'), moreRanges: [{ key: utf8('c') }] },
    ]) {
      const seen = new Seen(connect(as('bob')), range)
      await seen.until(() => seen.end !== null)
      expect(endOf(seen)).toBe('permission-denied')
      expect(seen.created).toEqual([])
    }
  })

  it('ends as soon as its permission is revoked, and shows nothing that came after', async () => {
    const seen = new Seen(connect(as('bob')), { key: utf8('a'), end: utf8('c') })
    await seen.until(() => seen.created.length === 1)
    await put(root, 'a', 'before')
    await seen.until(() => seen.events.length === 1)
    const revoked = root.auth({ action: 'userRevokeRole', user: 'bob', role: 'bob' })
    const after = put(root, 'a', 'after')
    await Promise.all([revoked, after])
    await seen.until(() => seen.end !== null)
    expect(endOf(seen)).toBe('permission-denied')
    expect(seen.values).toEqual(['a=before'])
  })

  it('goes on through changes that are not about it', async () => {
    const seen = new Seen(connect(as('bob')), { key: utf8('a'), end: utf8('c') })
    await seen.until(() => seen.created.length === 1)
    await root.auth({ action: 'roleAdd', role: 'other' })
    await root.auth({ action: 'userRevokeRole', user: 'anna', role: 'anna' })
    await put(root, 'b')
    await seen.until(() => seen.events.length === 1)
    expect(seen.end).toBeNull()
  })
})
