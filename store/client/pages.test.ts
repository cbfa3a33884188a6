import { expect, test } from 'vitest'
import { LocalStore } from '../local-store.js'
import type { KeyValue, RangeRequest } from '../core/types.js'
import { pagesOf } from './pages.js'

const utf8 = (text: string) => Buffer.from(text)
const everything = { key: utf8('\0'), end: utf8('\0') }

async function filled(keys: number, valueBytes = 1): Promise<LocalStore> {
  const store = new LocalStore()
  const value = Buffer.alloc(valueBytes, 'x')
  for (let at = 0; at < keys; at++) {
    await store.put({ key: utf8(`k${String(at).padStart(4, '0')}`), value })
  }
  return store
}

test('Pages are one picture, of the revision of the first, whatever is written meanwhile.', async () => {
  const store = await filled(95)
  const kvs: KeyValue[] = []
  const sizes: number[] = []
  for await (const page of pagesOf(store, everything, { pageKeys: 20 })) {
    sizes.push(page.kvs.length)
    kvs.push(...page.kvs)
    expect([page.header.revision, page.count]).toEqual([96, 95])
    await store.put({ key: utf8(`k0000${sizes.length}`), value: utf8('new') })
    await store.deleteRange({ key: utf8('k0090') })
  }
  expect(sizes).toEqual([20, 20, 20, 20, 15])
  expect(kvs.map(kv => Buffer.from(kv.key).toString())).toEqual(
    Array.from({ length: 95 }, (_, at) => `k${String(at).padStart(4, '0')}`),
  )
})

test('A page ends at about a mebibyte, however many keys it may have.', async () => {
  const store = await filled(40, 100_000)
  const sizes: number[] = []
  for await (const page of pagesOf(store, everything)) sizes.push(page.kvs.length)
  expect(sizes).toEqual([11, 11, 11, 7])
})

test('An empty range is one empty page, and a filter is kept from page to page.', async () => {
  const store = await filled(30)
  const pages: number[] = []
  for await (const { kvs } of pagesOf(store, { key: utf8('z') })) pages.push(kvs.length)
  expect(pages).toEqual([0])
  const request = { ...everything, minModRevision: 20, keysOnly: true }
  for await (const { kvs } of pagesOf(store, request, { pageKeys: 6 })) pages.push(kvs.length)
  expect(pages).toEqual([0, 6, 6])
})

test('Pages that a compaction overtakes fail, by what was asked for, and are not asked for ahead.', async () => {
  const store = await filled(30)
  let asked = 0
  const counting = {
    range: (request: RangeRequest) => {
      asked += 1
      return store.range(request)
    },
  }
  const overtaken = async (request: typeof everything & { revision?: number }) => {
    for await (const page of pagesOf(counting, request, { pageKeys: 10 })) {
      expect(page.kvs).toHaveLength(10)
      const { header } = await store.put({ key: utf8('z'), value: utf8('') })
      await store.compact({ revision: header.revision })
    }
  }
  await expect(overtaken(everything)).rejects.toMatchObject({
    code: 'range-interrupted',
    retryable: true,
  })
  expect(asked).toBe(2)
  await expect(overtaken({ ...everything, revision: 32 })).rejects.toMatchObject({
    code: 'compacted',
  })
})
