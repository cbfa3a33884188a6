// Users and tokens over three members behind mutual TLS: what one member has granted or taken away
// counts with every other, who passes a request on is not believed more than its client, and a
// certificate is as good as a token where there is none.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'

import { must } from '../../../platform/errors.js'
import { RaftsmanError } from '../../../platform/errors.js'
import type { TlsFiles } from '../../../platform/network.js'
import { testAuthority } from '../../../platform/testing/certificates.js'
import type { StoreClient, StoreClientOptions } from '../../client/store-client.js'
import { Seen, clientOf, utf8 } from '../testing/clients.js'
import { as, cheapPasswords, permission, staff } from '../testing/staff.js'
import { Fleet, until } from '../testing/fleet.js'
import { Tokens } from './tokens.js'

const folder = mkdtempSync(join(tmpdir(), 'raftsman-auth-'))
const identities = new Map<string, TlsFiles>()
let trio: Fleet
let root: StoreClient
const clients: StoreClient[] = []

const tlsOf = (name: string): TlsFiles => must(identities.get(name), 'a known certificate')

/** Through one member alone. */
function through(member: number, options: Partial<StoreClientOptions>): StoreClient {
  const client = clientOf([trio.endpoint(member)], { tls: tlsOf('stranger'), ...options })
  clients.push(client)
  return client
}

const put = (client: StoreClient, key: string) => client.put({ key: utf8(key), value: utf8('x') })

async function code(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (error === null) return 'ok'
  if (!(error instanceof RaftsmanError)) throw error
  return error.code
}

const followers = async (): Promise<readonly number[]> => {
  const leader = await trio.leader()
  return [1, 2, 3].filter(id => id !== leader)
}

beforeAll(async () => {
  const authority = await testAuthority(folder)
  for (const name of ['m1', 'm2', 'm3', 'stranger', 'anna', 'carla']) {
    identities.set(name, await authority.issue(name))
  }
  trio = await Fleet.found(3, ({ name }) => ({
    ...cheapPasswords,
    tickMs: 50,
    clientTls: tlsOf(name),
    peerTls: tlsOf(name),
  }))
  await trio.leader()
  await staff(through(1, {}), {
    anna: [permission('readwrite', 'a', 'c')],
    bob: [permission('readwrite', 'b', 'd')],
  })
  root = through(1, as('root'))
  await root.auth({ action: 'userAdd', user: 'carla', password: null })
  await root.auth({ action: 'userGrantRole', user: 'carla', role: 'bob' })
})

afterAll(async () => {
  for (const client of clients) client.close()
  await trio.end()
  rmSync(folder, { recursive: true, force: true })
})

it('a token that one member gave is good with all, also after another one leads', async () => {
  const token = await through(1, {}).authenticate('anna', 'anna')
  for (const member of [1, 2, 3]) await put(through(member, { credentials: { token } }), 'a')
  const before = await trio.leader()
  await trio.stop(before)
  await trio.leader()
  for (const member of [1, 2, 3].filter(id => id !== before)) {
    await put(through(member, { credentials: { token } }), 'a')
  }
  await trio.start(before)
  await put(through(before, { credentials: { token } }), 'a')
})

it('what is granted or taken away through one member counts at once through the others', async () => {
  const others = [through(2, as('anna')), through(3, as('anna'))]
  for (let round = 0; round < 10; round++) {
    await root.auth({ action: 'userRevokeRole', user: 'anna', role: 'anna' })
    for (const anna of others) {
      expect(await code(put(anna, 'a'))).toBe('permission-denied')
      expect(await code(anna.range({ key: utf8('a') }))).toBe('permission-denied')
    }
    await root.auth({ action: 'userGrantRole', user: 'anna', role: 'anna' })
    for (const anna of others) {
      expect(await code(put(anna, 'a'))).toBe('ok')
      expect(await code(anna.range({ key: utf8('a') }))).toBe('ok')
    }
  }
})

it('writes under way while users change are done or refused, and alike on all members', async () => {
  const anna = through(2, as('anna'))
  const outcomes = new Set<string>()
  const progress = { done: false }
  const changes = (async () => {
    for (let round = 0; round < 15; round++) {
      await root.auth({ action: 'roleAdd', role: `r${round}` })
      await root.auth({ action: 'userRevokeRole', user: 'anna', role: 'anna' })
      await root.auth({ action: 'userGrantRole', user: 'anna', role: 'anna' })
    }
    progress.done = true
  })()
  while (!progress.done) outcomes.add(await code(put(anna, 'a')))
  await changes
  for (const outcome of outcomes) {
    expect(['ok', 'permission-denied', 'auth-old-revision']).toContain(outcome)
  }
  const applied = () => new Set([1, 2, 3].map(id => trio.server(id).status().appliedIndex))
  await until(() => applied().size === 1)
  const revisions = [1, 2, 3].map(id => trio.server(id).status().header.revision)
  expect(new Set(revisions).size).toBe(1)
})

it('the common name of a certificate is the user where no token comes', async () => {
  const carla = through(2, { tls: tlsOf('carla') })
  expect(await code(put(carla, 'c'))).toBe('ok')
  expect(await code(put(carla, 'a'))).toBe('permission-denied')
  // A token counts before the certificate; one that is none does not fall back to it.
  expect(await code(put(through(2, { tls: tlsOf('carla'), ...as('anna') }), 'c'))).toBe(
    'permission-denied',
  )
  const forged = through(2, { tls: tlsOf('carla'), credentials: { token: 'a.b' } })
  expect(await code(put(forged, 'c'))).toBe('invalid-auth-token')
  // A certificate of no user, a member's own as well, opens no key.
  for (const name of ['stranger', 'm1']) {
    expect(await code(put(through(2, { tls: tlsOf(name) }), 'c'))).toBe('permission-denied')
  }
})

it('leases of others are left alone by whichever way, and own ones are not', async () => {
  const [follower] = await followers()
  const at = must(follower, 'three members have followers')
  const anna = through(at, as('anna'))
  const bob = through(at, { tls: tlsOf('carla') })
  const lease = await anna.leaseGrant({ ttlSeconds: 60 })
  await anna.put({ key: utf8('a'), value: utf8('x'), lease: lease.id })
  expect((await anna.leaseKeepAlive(lease.id)).ttlSeconds).toBe(60)
  expect((await anna.leaseTimeToLive(lease.id, true)).keys).toHaveLength(1)
  expect((await bob.leaseTimeToLive(lease.id, false)).grantedTtlSeconds).toBe(60)
  expect(await code(bob.leaseTimeToLive(lease.id, true))).toBe('permission-denied')
  expect(await code(bob.leaseKeepAlive(lease.id))).toBe('permission-denied')
  expect(await code(bob.leaseRevoke(lease.id))).toBe('permission-denied')
  expect(await code(bob.leaseLeases())).toBe('permission-denied')
  expect(await code(bob.put({ key: utf8('c'), value: utf8('x'), lease: lease.id }))).toBe(
    'permission-denied',
  )
  expect(await code(anna.leaseRevoke(lease.id))).toBe('ok')
})

it('a lease that runs out takes its keys along, whoever wrote them', async () => {
  const anna = through(2, as('anna'))
  const seen = new Seen(anna, { key: utf8('a1') })
  const lease = await anna.leaseGrant({ ttlSeconds: 2 })
  await anna.put({ key: utf8('a1'), value: utf8('x'), lease: lease.id })
  await seen.until(() => seen.events.length === 2)
  expect(seen.values).toEqual(['a1=x', 'a1='])
})

it('what only root may, root may through any member and nobody else through any', async () => {
  const [follower] = await followers()
  const at = must(follower, 'three members have followers')
  for (const client of [through(at, as('anna')), through(at, { tls: tlsOf('m1') })]) {
    // The member's certificate is no user: it is known and may nothing.
    expect(['permission-denied', 'user-not-found']).toContain(await code(client.moveLeader(at)))
    expect(['permission-denied', 'user-not-found']).toContain(
      await code(client.auth({ action: 'disable' })),
    )
  }
  await through(at, as('root')).moveLeader(at)
  await until(() => trio.server(at).status().role === 'leader')
})

it('a token of another secret is believed by nobody', async () => {
  const expiresMs = Date.now() + 60_000
  const token = new Tokens().sign(Buffer.alloc(32, 7), {
    user: 'root',
    authRevision: 99,
    expiresMs,
  })
  for (const member of [1, 2, 3]) {
    expect(await code(put(through(member, { credentials: { token } }), 'a'))).toBe(
      'invalid-auth-token',
    )
  }
})
