// Members that come, go and move, asked for through any member of the store.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'

import type { StoreClient } from '../client/store-client.js'
import type { Member } from '../core/types.js'
import { clientOf, text, utf8 } from './testing/clients.js'
import { Fleet, until } from './testing/fleet.js'

let fleet: Fleet
const clients: StoreClient[] = []

const client = (first: number): StoreClient => {
  const opened = clientOf(fleet.endpoints(first))
  clients.push(opened)
  return opened
}

const other = (id: number): number => (id % 3) + 1
const idsOf = (members: readonly Member[]): readonly number[] => members.map(({ id }) => id)

async function votes(id: number): Promise<void> {
  const asked = client(await fleet.leader())
  await until(async () => {
    const member = (await asked.memberList()).find(known => known.id === id)
    return member !== undefined && !member.learner && member.clientAddresses.length > 0
  })
}

beforeAll(async () => {
  fleet = await Fleet.found(3)
  await Promise.all([1, 2, 3].map(votes))
})

afterEach(() => {
  for (const opened of clients.splice(0)) opened.close()
})

afterAll(async () => {
  expect(fleet.fatal).toEqual([])
  await fleet.end()
})

describe('the members of a store', () => {
  test('say where they are, and are listed alike by all', async () => {
    const lists = await Promise.all([1, 2, 3].map(id => client(id).memberList()))
    const wanted = [1, 2, 3].map(id => {
      const { name, peerAddress, clientAddress } = fleet.members.get(id)!
      return {
        id,
        name,
        peerAddresses: [peerAddress],
        clientAddresses: [clientAddress],
        learner: false,
      }
    })
    await until(async () => (await client(1).memberList()).length === 3)
    expect(lists).toEqual([wanted, wanted, wanted])
  })

  test('grow by one that is asked for on a follower, is a learner first and votes by itself', async () => {
    const leader = await fleet.leader()
    await client(leader).put({ key: utf8('before'), value: utf8('1') })
    const planned = await fleet.plan(4)
    const asked = client(other(leader))
    const told = { name: 'm4', peerAddresses: [planned.peerAddress] }
    const added = await asked.memberAdd(told, 'promoted')
    const member = { id: 4, ...told, clientAddresses: [], learner: true }
    expect(added.member).toEqual(member)
    expect(added.members).toContainEqual(member)
    await expect(asked.memberAdd({ ...told, name: 'm5' }, 'promoted')).rejects.toMatchObject({
      code: 'peer-addresses-exist',
      message: 'etcdserver: Peer URLs already exists',
    })
    const elsewhere = { name: 'm4', peerAddresses: ['127.0.0.1:1'] }
    await expect(asked.memberAdd(elsewhere, 'learner')).rejects.toMatchObject({
      code: 'member-name-exists',
    })
    await expect(asked.memberAdd({ ...elsewhere, name: 'm5' }, 'learner')).rejects.toMatchObject({
      code: 'too-many-learners',
    })
    await fleet.start(4)
    await votes(4)
    const answer = await client(4).range({ key: utf8('before') })
    expect(answer.kvs.map(({ value }) => text(value))).toEqual(['1'])
    expect((await client(4).status()).header.memberId).toBe(4)
  })

  test('are promoted only as learners that keep up', async () => {
    const asked = client(await fleet.leader())
    await expect(asked.memberPromote(1)).rejects.toMatchObject({ code: 'not-learner' })
    await expect(asked.memberPromote(99)).rejects.toMatchObject({ code: 'member-not-found' })
    const planned = await fleet.plan(5)
    const told = { name: '', peerAddresses: [planned.peerAddress] }
    expect((await asked.memberAdd(told, 'learner')).member).toMatchObject({ id: 5, name: '' })
    await expect(asked.memberPromote(5)).rejects.toMatchObject({
      code: 'learner-not-ready',
      message: 'etcdserver: can only promote a learner member which is in sync with leader',
    })
    await fleet.start(5)
    await until(async () => (await asked.memberList()).some(({ name }) => name === 'm5'))
    await until(async () => {
      try {
        await asked.memberPromote(5)
        return true
      } catch (error) {
        expect(error).toMatchObject({ code: 'learner-not-ready' })
        return false
      }
    })
    await votes(5)
  })

  test('move to other addresses', async () => {
    const leader = await fleet.leader()
    const moving = other(leader)
    const member = fleet.members.get(moving)!
    const peerAddress = (await fleet.plan(moving)).peerAddress
    fleet.members.set(moving, { ...member, peerAddress })
    await fleet.halt(moving)
    const asked = client(leader)
    const answer = await asked.memberUpdate(moving, { name: '', peerAddresses: [peerAddress] })
    expect(answer.members.find(({ id }) => id === moving)).toMatchObject({
      name: member.name,
      peerAddresses: [peerAddress],
    })
    await fleet.start(moving)
    await until(() => fleet.server(moving).status().leader === leader)
    const moved = (await client(moving).memberList()).find(({ id }) => id === moving)
    expect(moved).toMatchObject({ peerAddresses: [peerAddress] })
  })

  test('are replaced in one call, one whose disk is gone by one that comes later', async () => {
    const leader = await fleet.leader()
    const gone = other(leader)
    await fleet.halt(gone)
    const asked = client(leader)
    const planned = await fleet.plan(6)
    const told = { name: 'm6', peerAddresses: [planned.peerAddress] }
    const begun = await asked.memberReplace(gone, told)
    expect(begun.member).toMatchObject({ id: 6, learner: true })
    expect((await asked.memberReplace(gone, told)).member).toEqual(begun.member)
    expect(idsOf(begun.members)).toContain(gone)
    await fleet.start(6)
    await votes(6)
    await until(async () => !idsOf(await asked.memberList()).includes(gone))
  })

  test('go, are told so, and their ids are not given again', async () => {
    const leader = await fleet.leader()
    const asked = client(leader)
    const [going = 0] = idsOf(await asked.memberList()).filter(id => id !== leader && id !== 6)
    const { members } = await asked.memberRemove(going)
    expect(idsOf(members)).not.toContain(going)
    await until(() => fleet.removed.includes(going))
    await fleet.halt(going)
    const { peerAddress } = await fleet.plan(7)
    const added = await asked.memberAdd({ name: 'm7', peerAddresses: [peerAddress] }, 'learner')
    expect(added.member.id).toBe(7)
    await asked.memberRemove(7)
    await expect(asked.memberRemove(7)).rejects.toMatchObject({ code: 'member-not-found' })
  })

  test('hand leadership only to one that votes', async () => {
    const leader = await fleet.leader()
    const asked = client(leader)
    await expect(asked.moveLeader(99)).rejects.toMatchObject({ code: 'bad-transferee' })
    const target = idsOf(await asked.memberList()).find(id => id !== leader)!
    await asked.moveLeader(target)
    expect(await fleet.leader()).toBe(target)
  })

  test('also the leader can be removed', async () => {
    const leader = await fleet.leader()
    await client(leader).memberRemove(leader)
    await until(() => fleet.removed.includes(leader))
    await fleet.halt(leader)
    const next = await fleet.leader()
    expect(next).not.toBe(leader)
    await client(next).put({ key: utf8('after'), value: utf8('1') })
  })
})

describe('a cluster of one', () => {
  test('takes a second voter as a learner first, and is not stopped by one that never comes', async () => {
    const alone = await Fleet.found(1)
    const asked = clientOf(alone.endpoints(1))
    try {
      await alone.leader()
      await until(async () => (await asked.memberList())[0]?.clientAddresses.length === 1)
      const { peerAddress } = await alone.plan(2)
      const added = await asked.memberAdd({ name: 'm2', peerAddresses: [peerAddress] }, 'voter')
      expect(added.member).toMatchObject({ id: 2, learner: true })
      await asked.put({ key: utf8('a'), value: utf8('1') })
      await expect(asked.memberRemove(1)).rejects.toMatchObject({ code: 'members-not-started' })
      await expect(
        asked.memberAdd({ name: 'm3', peerAddresses: ['nowhere'] }, 'voter'),
      ).rejects.toMatchObject({ code: 'peer-addresses-invalid' })
    } finally {
      asked.close()
      await alone.end()
    }
  })
})
