// Requests that say that a member passed them on: from a client of a plain port, message by message.

import { afterAll, beforeAll, expect, it } from 'vitest'

import { clientOf, utf8 } from '../testing/clients.js'
import { startLoneMember } from '../testing/lone-member.js'
import type { LoneMember } from '../testing/lone-member.js'
import { RawPeer } from '../testing/raw-peer.js'
import { as, cheapPasswords, permission, staff } from '../testing/staff.js'

let member: LoneMember
let peer: RawPeer
let ids = 0

beforeAll(async () => {
  member = await startLoneMember(cheapPasswords)
  const store = clientOf([member.address])
  await store.leaseGrant({ ttlSeconds: 60, id: 5 })
  await store.put({ key: utf8('z'), value: utf8('x'), lease: 5 })
  await staff(store, { anna: [permission('readwrite', 'a', 'c')] })
  store.close()
  peer = await RawPeer.greeted(member.address)
})

afterAll(async () => {
  peer.close()
  await member.stop()
})

/** `ok`, or the code of the error. */
async function renewal(token: string | null): Promise<string> {
  ids += 1
  const id = ids
  const request = { kind: 'leaseKeepAlive', id, lease: 5, forwarded: true } as const
  peer.send(token === null ? request : { kind: 'withToken', token, request })
  const answers = () => peer.of('answer').some(({ answer }) => answer.id === id)
  const errors = () => peer.of('error').find(error => error.id === id)
  await peer.until(() => answers() || errors() !== undefined)
  return errors()?.error.code ?? 'ok'
}

const tokenOf = async (user: string): Promise<string> => {
  const client = clientOf([member.address], as(user))
  const token = await client.authenticate(user, user)
  client.close()
  return token
}

it('give nobody a right that the token in them does not give', async () => {
  expect(await renewal(null)).toBe('user-empty')
  expect(await renewal('')).toBe('invalid-auth-token')
  expect(await renewal('a.b')).toBe('invalid-auth-token')
  expect(await renewal(await tokenOf('anna'))).toBe('permission-denied')
  expect(await renewal(await tokenOf('root'))).toBe('ok')
})

it('leave the link itself with the user it had', async () => {
  await renewal(await tokenOf('root'))
  expect(await renewal(null)).toBe('user-empty')
})

it('a link that uses a token in the frame of its greeting acts for the user from then on', async () => {
  const other = await RawPeer.open(member.address)
  other.send(
    { kind: 'hello', versionMin: 1, versionMax: 1, client: 'raw', clusterId: 0 },
    { kind: 'useToken', id: 1, token: await tokenOf('anna') },
    { kind: 'put', id: 2, request: { key: utf8('a'), value: utf8('x') } },
    { kind: 'put', id: 3, request: { key: utf8('z'), value: utf8('x') } },
    { kind: 'useToken', id: 4, token: '' },
    { kind: 'put', id: 5, request: { key: utf8('a'), value: utf8('x') } },
  )
  await other.until(() => other.of('answer').length + other.of('error').length === 5)
  const answered = other.of('answer').map(({ answer }) => answer.id)
  expect(answered.sort((a, b) => a - b)).toEqual([1, 2, 4])
  const refused = other.of('error').map(({ id, error }) => `${id} ${error.code}`)
  expect(refused.sort()).toEqual(['3 permission-denied', '5 user-empty'])
  other.close()
})
