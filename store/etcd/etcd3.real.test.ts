// The npm client etcd3, as its users use it, against a member of ours.

import { Etcd3 } from 'etcd3'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { MemberProcess } from '../server/testing/member-process.js'

let member: MemberProcess
let client: Etcd3

beforeAll(async () => {
  member = await MemberProcess.start()
  client = new Etcd3({ hosts: member.address })
})

afterAll(async () => {
  client.close()
  await member.stop()
})

test('puts, gets, lists and deletes', async () => {
  await client.put('basic/a').value('1')
  await client.put('basic/b').value('2')
  expect(await client.get('basic/a').string()).toBe('1')
  expect(await client.get('basic/none').string()).toBeNull()
  expect(await client.getAll().prefix('basic/').strings()).toEqual({
    'basic/a': '1',
    'basic/b': '2',
  })
  expect(await client.getAll().prefix('basic/').limit(1).keys()).toEqual(['basic/a'])
  expect(await client.getAll().prefix('basic/').count()).toBe(2)
  const { deleted } = await client.delete().prefix('basic/')
  expect(deleted).toBe('2')
})

test('runs a transaction', async () => {
  const swap = () =>
    client.if('txn/a', 'Version', '==', 0).then(client.put('txn/a').value('1')).commit()
  expect((await swap()).succeeded).toBe(true)
  expect((await swap()).succeeded).toBe(false)
})

test('watches', async () => {
  const watcher = await client.watch().prefix('watch/').create()
  const seen: string[] = []
  const done = new Promise<void>(resolve => {
    watcher.on('put', kv => seen.push(`put ${kv.key.toString()}=${kv.value.toString()}`))
    watcher.on('delete', kv => {
      seen.push(`delete ${kv.key.toString()}`)
      resolve()
    })
  })
  await client.put('watch/a').value('1')
  await client.put('other').value('1')
  await client.delete().key('watch/a')
  await done
  expect(seen).toEqual(['put watch/a=1', 'delete watch/a'])
  await watcher.cancel()
})

test('keeps a lease, and its keys go with it', async () => {
  const lease = client.lease(30)
  await lease.put('lease/a').value('1')
  expect(await lease.keepaliveOnce()).toMatchObject({ TTL: '30' })
  expect(await client.get('lease/a').string()).toBe('1')
  await lease.revoke()
  expect(await client.get('lease/a').string()).toBeNull()
})

test('locks', async () => {
  const held = client.lock('lock/a').ttl(30)
  await held.acquire()
  await expect(client.lock('lock/a').ttl(30).acquire()).rejects.toThrow('Failed to acquire')
  await held.release()
  const again = client.lock('lock/a').ttl(30)
  await again.acquire()
  await again.release()
})

test('elects', async () => {
  const election = client.election('election/a', 30)
  const campaign = election.campaign('first')
  await new Promise<void>((resolve, reject) => {
    campaign.on('elected', resolve)
    campaign.on('error', reject)
  })
  expect(await election.leader()).toBe('first')
  await campaign.proclaim('still first')
  expect(await election.leader()).toBe('still first')
  await campaign.resign()
  expect(await election.leader()).toBeUndefined()
})

test('keeps roles and users', async () => {
  const role = client.role('reader')
  await role.create()
  await role.grant({ permission: 'Read', range: client.range({ prefix: 'auth/' }) })
  expect(await role.permissions()).toMatchObject([{ permission: 'Read' }])
  const user = client.user('alice')
  await user.create('secret')
  await user.addRole(role)
  expect((await user.roles()).map(({ name }) => name)).toEqual(['reader'])
  await user.delete()
  await role.delete()
  expect(await client.getRoles()).toEqual([])
})
