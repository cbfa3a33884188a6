// A client of three real etcd members, of which one after the other dies or hangs: calls go on, and a
// watch shows every change once and in order.

import { afterEach, beforeEach, expect, it } from 'vitest'

import { must } from '../../platform/errors.js'
import { testAuthority } from '../../platform/testing/certificates.js'
import { etcdClientOf } from '../etcd/testing/etcd-clients.js'
import { EtcdProcess } from '../etcd/testing/etcd-process.js'
import { EtcdTrio } from '../etcd/testing/etcd-trio.js'
import { Seen, everyKey, utf8 } from '../server/testing/clients.js'
import { until } from '../server/testing/fleet.js'
import type { EtcdStore } from './etcd-store.js'

let trio: EtcdTrio
let client: EtcdStore

beforeEach(async () => {
  trio = await EtcdTrio.start()
  client = etcdClientOf(trio.endpoints)
})

afterEach(async () => {
  client.close()
  await trio.stop()
})

const member = (at: number): EtcdProcess => must(trio.members[at], 'there are three members')

/** Writes until one write is acknowledged; a write of unknown outcome is not offered twice. */
async function write(store: EtcdStore, number: number): Promise<void> {
  for (;;) {
    try {
      await store.put({ key: utf8(`k${number}`), value: utf8('v') })
      return
    } catch (error) {
      expect(error).toMatchObject({ name: 'StoreClientError' })
      if (await isThere(store, `k${number}`)) return
    }
  }
}

/** Asked until somebody knows: there may be no leader yet. */
async function isThere(store: EtcdStore, key: string): Promise<boolean> {
  for (;;) {
    try {
      return (await store.range({ key: utf8(key) })).kvs.length > 0
    } catch (error) {
      expect(error).toMatchObject({ name: 'StoreClientError' })
    }
  }
}

it('goes on at another member when the one in use dies, and its watches lose and repeat nothing', async () => {
  const seen = new Seen(client, everyKey)
  await seen.until(() => seen.created.length === 1)
  for (let number = 0; number < 60; number += 1) {
    if (number === 20) await member(0).kill()
    if (number === 40) {
      await member(0).run()
      await member(1).kill()
    }
    await write(client, number)
  }
  await seen.until(() => seen.values.at(-1) === 'k59=v')
  expect(seen.values).toEqual(Array.from({ length: 60 }, (_, number) => `k${number}=v`))
  expect(seen.created.length).toBeGreaterThan(1)
  expect(seen.end).toBeNull()
})

it('leaves a member that hangs: reads are asked of another one, and watches move there', async () => {
  await client.put({ key: utf8('a'), value: utf8('1') })
  const seen = new Seen(client, everyKey)
  await seen.until(() => seen.created.length === 1)
  member(0).suspend()
  expect((await client.range({ key: utf8('a') })).count).toBe(1)
  await seen.until(() => seen.created.length === 2)
  await write(client, 1)
  await seen.until(() => seen.values.length === 1)
  member(0).resume()
  expect(seen.values).toEqual(['k1=v'])
})

it('says what is not known of a write whose member hangs, and that nobody took one when all are gone', async () => {
  // Of one member alone: it must be that one that takes the write.
  const hasty = etcdClientOf(trio.endpoints.slice(0, 1), { requestTimeoutMs: 1_000 })
  // Its connection may take longer than its patience to come about.
  const put = () => hasty.put({ key: utf8('a'), value: utf8('1') })
  await until(() =>
    put().then(
      () => true,
      () => false,
    ),
  )
  member(0).suspend()
  await expect(hasty.put({ key: utf8('a'), value: utf8('2') })).rejects.toMatchObject({
    code: 'timeout',
    retryable: true,
    outcome: 'unknown',
  })
  member(0).resume()
  for (const one of trio.members) await one.kill()
  // The first may still be under way to a member that has gone.
  await hasty.range({ key: utf8('a') }).catch(() => {})
  await expect(hasty.put({ key: utf8('a'), value: utf8('3') })).rejects.toMatchObject({
    code: 'unavailable',
    retryable: true,
    outcome: 'not-applied',
  })
  hasty.close()
})

it('answers every call that is under way when it is closed', async () => {
  member(0).suspend()
  const calls = [client.range(everyKey), client.put({ key: utf8('a'), value: utf8('1') })]
  const answers = Promise.allSettled(calls)
  client.close()
  expect((await answers).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  member(0).resume()
  await expect(client.range(everyKey)).rejects.toMatchObject({ code: 'client-closed' })
})

it('shows an etcd that asks for one its certificate, and takes no other authority', async () => {
  const authority = await testAuthority(trio.members[0]?.directory ?? '')
  const server = await authority.issue('server')
  const { certFile, keyFile, caFile } = await authority.issue('client')
  const secure = await EtcdProcess.start({
    scheme: 'https',
    flags: [
      `--cert-file=${server.certFile}`,
      `--key-file=${server.keyFile}`,
      `--trusted-ca-file=${server.caFile}`,
      '--client-cert-auth',
    ],
  })
  const tls = { caFile, identity: { certFile, keyFile } }
  const known = etcdClientOf([secure.address], { tls })
  await known.put({ key: utf8('a'), value: utf8('1') })
  expect((await known.range({ key: utf8('a') })).count).toBe(1)
  known.close()
  const nameless = { caFile, identity: null }
  const other = await testAuthority(secure.directory, 'other')
  const strange = { caFile: other.caFile, identity: { certFile, keyFile } }
  for (const refused of [nameless, strange]) {
    const stranger = etcdClientOf([secure.address], { tls: refused, requestTimeoutMs: 1_000 })
    await expect(stranger.put({ key: utf8('a'), value: utf8('2') })).rejects.toMatchObject({
      outcome: expect.stringMatching(/not-applied|unknown/) as unknown,
    })
    stranger.close()
  }
  await secure.stop()
})
