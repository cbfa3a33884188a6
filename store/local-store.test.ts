import { expect, test } from 'vitest'
import type { WatchBatch } from './core/types.js'
import { LocalStore } from './local-store.js'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (value: Uint8Array): string => new TextDecoder().decode(value)
const microtasks = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

test('A local store puts, reads, watches and deletes as one store would.', async () => {
  const store = new LocalStore()
  const batches: WatchBatch[] = []
  const watch = store.watch(
    { key: bytes('a'), end: bytes('b'), prevKv: true },
    { onBatch: batch => batches.push(batch), onEnd: error => expect.unreachable(error.message) },
  )
  expect((await store.put({ key: bytes('a1'), value: bytes('one') })).header.revision).toBe(2)
  await store.put({ key: bytes('b1'), value: bytes('elsewhere') })
  await store.put({ key: bytes('a1'), value: bytes('two') })
  const deleted = await store.deleteRange({ key: bytes('a'), end: bytes('b') })
  expect(deleted.deleted).toBe(1)
  const range = await store.range({ key: bytes('a'), end: bytes('c') })
  expect(range.kvs.map(kv => text(kv.key))).toEqual(['b1'])
  await microtasks()
  expect(
    batches.flatMap(batch => batch.events).map(event => [event.kind, text(event.kv.value)]),
  ).toEqual([
    ['put', 'one'],
    ['put', 'two'],
    ['delete', ''],
  ])
  expect(batches.at(-1)?.events.at(-1)?.prevKv?.modRevision).toBe(4)
  watch.cancel()
  store.close()
})

test('A watch that asks for compacted history ends with the revision to list again from.', async () => {
  const store = new LocalStore()
  for (const value of ['1', '2', '3']) await store.put({ key: bytes('k'), value: bytes(value) })
  await store.compact({ revision: 3, physical: true })
  const ended = new Promise<[string, number | undefined]>(resolve => {
    store.watch(
      { key: bytes('k'), startRevision: 2 },
      {
        onBatch: () => expect.unreachable('nothing can be delivered'),
        onEnd: (error, compactRevision) => resolve([error.message, compactRevision]),
      },
    )
  })
  expect(await ended).toEqual(['etcdserver: mvcc: required revision has been compacted', 3])
  store.close()
})

test('A progress request is answered behind all events, with the current revision.', async () => {
  const store = new LocalStore()
  const batches: WatchBatch[] = []
  const watch = store.watch(
    { key: bytes('k') },
    { onBatch: batch => batches.push(batch), onEnd: error => expect.unreachable(error.message) },
  )
  await store.put({ key: bytes('k'), value: bytes('v') })
  await store.put({ key: bytes('other'), value: bytes('v') })
  watch.requestProgress()
  await microtasks()
  expect(batches.map(batch => [batch.revision, batch.events.length])).toEqual([
    [2, 1],
    [3, 0],
  ])
  watch.cancel()
  store.close()
})

test('A closed store ends its watches and refuses calls with a typed error.', async () => {
  const store = new LocalStore()
  const ended: Error[] = []
  store.watch({ key: bytes('k') }, { onBatch: () => {}, onEnd: error => ended.push(error) })
  store.close()
  expect(ended).toHaveLength(1)
  await expect(store.put({ key: bytes('k'), value: bytes('v') })).rejects.toMatchObject({
    code: 'store-closed',
    outcome: 'not-applied',
  })
})
