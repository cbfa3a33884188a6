// Who is let in and connected to, as memberships are applied and peers tell of newer ones.

import { expect, test } from 'vitest'
import type { ConfState } from '../core/types.js'
import { logIndex, nodeId } from '../core/types.js'
import { Contacts } from './contacts.js'
import type { Peer } from './transport-options.js'

const peer = (id: number): Peer => ({ id: nodeId(id), name: `n${id}`, address: `host${id}:1` })

function conf(voters: readonly number[], added: readonly number[] = []): ConfState {
  const plain = { voters: voters.map(nodeId), votersOutgoing: [], learners: [], learnersNext: [] }
  const addresses = added.map(id => ({ node: nodeId(id), name: `n${id}`, address: `host${id}:1` }))
  return addresses.length === 0 ? plain : { ...plain, addresses }
}

const start = (self: number, configured: readonly number[], confState: ConfState, index = 0) =>
  new Contacts(peer(self), configured.map(peer), logIndex(index), confState)
const ids = (contacts: Contacts): number[] => contacts.peers.map(({ id }) => id)

test('members of the configuration are contacts, but for the node itself', () => {
  const contacts = start(2, [1, 2, 3], conf([1, 2, 3]))
  expect(ids(contacts)).toEqual([1, 3])
  expect(contacts.roster()).toEqual({ index: 0, members: [1, 2, 3].map(peer) })
})

test('one that is added comes with its address, and goes with its removal', () => {
  const contacts = start(2, [1, 2, 3], conf([1, 2, 3]))
  contacts.become(logIndex(5), conf([1, 2, 3, 4], [4]))
  expect(contacts.find(nodeId(4))).toEqual(peer(4))
  expect(contacts.wasRemoved(nodeId(4))).toBe(false)
  contacts.become(logIndex(6), conf([1, 2, 3]))
  expect(contacts.find(nodeId(4))).toBeUndefined()
  expect([4, 9].map(id => contacts.wasRemoved(nodeId(id)))).toEqual([true, false])
})

test('one of the configuration that is removed is no contact any more', () => {
  const contacts = start(2, [1, 2, 3], conf([1, 2, 3]))
  contacts.become(logIndex(5), conf([1, 2]))
  expect(ids(contacts)).toEqual([1])
  expect(contacts.wasRemoved(nodeId(3))).toBe(true)
})

test('a node that joins lets in those that it was told of, until it knows better', () => {
  const contacts = start(4, [1, 2, 3], conf([]))
  expect(ids(contacts)).toEqual([1, 2, 3])
  expect(contacts.roster().members.map(({ id }) => id)).toEqual([1, 2, 3])
  contacts.become(logIndex(9), conf([1, 2, 4], [4]))
  expect(ids(contacts)).toEqual([1, 2])
})

test('a node that was away learns of new members from those it knows', () => {
  const contacts = start(2, [1, 2, 3], conf([1, 2, 3]), 7)
  const ahead = { index: logIndex(50), members: [1, 2, 4].map(peer) }
  expect(contacts.hear(ahead)).toBe(true)
  expect(contacts.hear(ahead)).toBe(false)
  expect(contacts.hear({ index: logIndex(8), members: [peer(9)] })).toBe(false)
  expect(ids(contacts)).toEqual([1, 3, 4])
  // Its own log has come as far.
  contacts.become(logIndex(50), conf([1, 2, 4], [4]))
  expect(ids(contacts)).toEqual([1, 4])
})

test('what a peer that is behind tells is nothing new', () => {
  const contacts = start(2, [1, 2, 3], conf([1, 2, 4], [4]), 50)
  expect(contacts.hear({ index: logIndex(50), members: [peer(9)] })).toBe(false)
  expect(ids(contacts)).toEqual([1, 4])
})

test('one that the log is about to add is a contact, and no member before it is applied', () => {
  const contacts = start(1, [1, 2], conf([1, 2]))
  const log = (members: readonly number[]) => ({
    newestConfChange: {},
    announcedMembers: () =>
      members.map(id => ({ node: nodeId(id), name: `n${id}`, address: `host${id}:1` })),
  })
  const adding = log([3])
  expect(contacts.noteLog(adding)).toBe(true)
  expect(contacts.noteLog(adding)).toBe(false)
  expect(ids(contacts)).toEqual([2, 3])
  expect(contacts.find(nodeId(3))).toEqual(peer(3))
  expect(contacts.roster().members.map(({ id }) => id)).toEqual([1, 2])
  // The change was cut off again: whoever it would have added was never a member.
  contacts.noteLog(log([]))
  expect(ids(contacts)).toEqual([2])
  expect(contacts.wasRemoved(nodeId(3))).toBe(false)
})
