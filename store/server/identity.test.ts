// Who a member is, kept in its directory.

import { expect, test } from 'vitest'

import { seededRandom } from '../../platform/seeded-random.js'
import { MemoryDisk } from '../../platform/testing/memory-disk.js'
import type { MemberIdentity } from './identity.js'
import { readIdentity, strangers, withAddresses, writeIdentity } from './identity.js'

const member = (id: number, port = 1) => ({
  id,
  name: `m${id}`,
  peerAddress: `host${id}:${port}`,
  clientAddress: `host${id}:${port + 1}`,
})
const identity: MemberIdentity = {
  clusterId: 7,
  id: 2,
  name: 'm2',
  joined: false,
  members: [member(1), member(2)],
}

function memoryDisk(): MemoryDisk {
  return new MemoryDisk({ random: seededRandom(1), schedule: callback => setImmediate(callback) })
}

const read = (disk: MemoryDisk): Promise<MemberIdentity | null | undefined> =>
  new Promise((resolve, reject) => {
    readIdentity(disk, '/m2', (error, found) => (error === null ? resolve(found) : reject(error)))
  })

const replaced = (disk: MemoryDisk, content: string): Promise<void> =>
  new Promise((resolve, reject) => {
    disk.replaceFile('/m2/member.json', Buffer.from(content), error =>
      error === null ? resolve() : reject(error),
    )
  })

test('What was written is read again, and nothing where nothing was.', async () => {
  const disk = memoryDisk()
  expect(await read(disk)).toBeNull()
  await new Promise<void>(done => disk.makeDirectory('/m2', () => done()))
  await new Promise<void>(done => writeIdentity(disk, '/m2', identity, () => done()))
  expect(await read(disk)).toEqual(identity)
})

test.each([
  ['no JSON', '{'],
  ['of another format', JSON.stringify({ ...identity, format: 2 })],
  ['without an id', JSON.stringify({ ...identity, format: 1, id: 0 })],
  ['without itself', JSON.stringify({ ...identity, format: 1, members: [member(1)] })],
  ['with a member that is none', JSON.stringify({ ...identity, format: 1, members: [{}] })],
])('A file that is %s is refused with what to do.', async (_what, content) => {
  const disk = memoryDisk()
  await new Promise<void>(done => disk.makeDirectory('/m2', () => done()))
  await replaced(disk, content)
  await expect(read(disk)).rejects.toThrow('member.json is damaged; restore it from a copy, or')
})

test('Addresses that were told anew are taken over by name, and members are not.', () => {
  const told = [{ ...member(9, 100), name: 'm1' }, member(3)]
  expect(withAddresses(identity, told)).toEqual({
    ...identity,
    members: [
      { id: 1, name: 'm1', peerAddress: 'host9:100', clientAddress: 'host9:101' },
      member(2),
    ],
  })
  expect(strangers(identity, told)).toEqual(['m2', 'm3'])
  expect(strangers(identity, [member(2), member(1)])).toEqual([])
})
