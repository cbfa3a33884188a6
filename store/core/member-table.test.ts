// What the replicated state knows of members, through commands and changes of the Raft membership.

import { expect, test } from 'vitest'
import { MemoryBackend } from '../backend/memory.js'
import { type ConfChange, encodeConfChange } from '../../raft/core/conf-change.js'
import { logIndex, nodeId } from '../../raft/core/types.js'
import type { MemberChange } from './member-command.js'
import type { MemberRecord } from './member-table.js'
import { localEntry } from './local-entry.js'
import { StoreCore } from './store-core.js'
import { Driver } from './testing/driver.js'

const config = { clusterId: 7, memberId: 1 }

const run = (driver: Driver, change: MemberChange) =>
  driver.run<'member'>({ kind: 'member', change })
const refusal = (driver: Driver, change: MemberChange) => {
  return driver.refusal({ kind: 'member', change })
}

function reserve(driver: Driver, name: string, address: string, idMin = 1, replaces = 0): number {
  const told = { name, peerAddresses: [address], replaces }
  return run(driver, { kind: 'reserve', idMin, ...told }).id
}

function publish(driver: Driver, id: number, name = `m${id}`): void {
  const addresses = { peerAddresses: [`${name}:2380`], clientAddresses: [`${name}:2379`] }
  run(driver, { kind: 'publish', id, name, ...addresses })
}

function change(driver: Driver, ...operations: ConfChange): void {
  const { core } = driver
  const entry = localEntry(core.appliedIndex + 1, 1, [])
  core.apply({ ...entry, kind: 'confChange', data: encodeConfChange(operations) })
}

const remove = (id: number) => ({ kind: 'remove', node: nodeId(id) }) as const
const ids = (driver: Driver): readonly number[] => driver.core.members.all.map(({ id }) => id)

test('Ids are given one after the other, from above those that are there, and never twice.', () => {
  const driver = new Driver()
  expect(driver.core.members.lastId).toBe(0)
  for (const id of [2, 1, 3]) publish(driver, id)
  expect(driver.core.members.lastId).toBe(3)
  expect(reserve(driver, 'm4', 'm4:2380')).toBe(4)
  expect(reserve(driver, 'm9', 'm9:2380', 9)).toBe(9)
  run(driver, { kind: 'forget', id: 9 })
  expect(reserve(driver, 'm9', 'm9:2380')).toBe(10)
})

test('An id that stood in a change of the membership is not given either.', () => {
  const driver = new Driver()
  const member = { name: 'm5', address: 'm5:2380' }
  change(driver, { kind: 'addLearner', node: nodeId(5), member })
  expect(driver.core.members.get(5)).toEqual({
    id: 5,
    name: 'm5',
    peerAddresses: ['m5:2380'],
    clientAddresses: [],
    replaces: 0,
  })
  change(driver, remove(5))
  change(driver, remove(8))
  expect(ids(driver)).toEqual([])
  expect(reserve(driver, 'm9', 'm9:2380')).toBe(9)
})

test('A member keeps the addresses it was added with, and adds those that clients reach it at.', () => {
  const driver = new Driver()
  const told = { name: '', peerAddresses: ['a:2380', 'b:2380'], replaces: 3 }
  run(driver, { kind: 'reserve', idMin: 4, ...told })
  publish(driver, 4)
  const wanted: MemberRecord = {
    id: 4,
    name: 'm4',
    peerAddresses: ['a:2380', 'b:2380'],
    clientAddresses: ['m4:2379'],
    replaces: 3,
  }
  expect(driver.core.members.all).toEqual([wanted])
  run(driver, { kind: 'amend', id: 4, name: '', peerAddresses: ['c:2380'] })
  expect(driver.core.members.get(4)).toEqual({ ...wanted, peerAddresses: ['c:2380'] })
  change(driver, { kind: 'addVoter', node: nodeId(4) }, remove(3))
  expect(driver.core.members.get(4)).toMatchObject({ replaces: 0, name: 'm4' })
})

test('Two members have neither one address nor one name, and a stranger has nothing to change.', () => {
  const driver = new Driver()
  publish(driver, 1)
  publish(driver, 2)
  const other = { idMin: 3, replaces: 0 }
  const taken = { kind: 'reserve', ...other, name: 'm3', peerAddresses: ['m2:2380'] } as const
  expect(refusal(driver, taken)).toBe('peer-addresses-exist')
  expect(refusal(driver, { ...taken, name: 'm2', peerAddresses: ['m3:2380'] })).toBe(
    'member-name-exists',
  )
  const amend = { kind: 'amend', id: 2, name: '', peerAddresses: ['m1:2380'] } as const
  expect(refusal(driver, amend)).toBe('peer-addresses-exist')
  expect(refusal(driver, { ...amend, id: 3, peerAddresses: ['m3:2380'] })).toBe('member-not-found')
  expect(driver.core.members.lastId).toBe(2)
})

test('Commands that say too much are refused by their form.', () => {
  const driver = new Driver()
  const told = { idMin: 1, replaces: 0, peerAddresses: ['a:1'] }
  const name = 'm'.repeat(256)
  expect(refusal(driver, { kind: 'reserve', ...told, name })).toBe('malformed')
  const clientAddresses = Array.from({ length: 17 }, (_, at) => `a:${at}`)
  const publishing = { kind: 'publish', id: 1, name: 'm', clientAddresses } as const
  expect(refusal(driver, { ...publishing, peerAddresses: [] })).toBe('malformed')
  expect(refusal(driver, { ...publishing, id: 0, clientAddresses: [], peerAddresses: [] })).toBe(
    'malformed',
  )
})

test('All of it survives a restart and travels with a snapshot.', () => {
  const backend = new MemoryBackend()
  const driver = new Driver({}, backend)
  publish(driver, 1)
  reserve(driver, 'm2', 'm2:2380', 2, 1)
  driver.core.flush()
  const told = driver.core.members.all
  expect(new StoreCore(backend, config).members.all).toEqual(told)
  const other = new Driver()
  other.core.beginRestore(logIndex(driver.core.appliedIndex), (_error, sink) => {
    driver.core.openSnapshot((_failed, source) => {
      source?.read(1024 * 1024, (_unread, chunk) =>
        sink?.write(chunk ?? new Uint8Array(), () => {}),
      )
      sink?.commit(error => expect(error).toBeNull())
    })
  })
  expect(other.core.members.all).toEqual(told)
  expect(other.core.members.lastId).toBe(2)
  expect(other.core.stateHash).toBe(driver.core.stateHash)
})
