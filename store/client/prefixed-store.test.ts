import { describe, expect, it } from 'vitest'

import { LocalStore } from '../local-store.js'
import { must } from '../../platform/errors.js'
import type { RequestOp, ResponseOp } from '../core/types.js'
import { Seen, everyKey, text, utf8 } from '../server/testing/clients.js'
import { prefixedStore } from './prefixed-store.js'

const open = (prefix: Uint8Array = utf8('/p/')) => {
  const whole = new LocalStore()
  return { whole, store: prefixedStore(whole, prefix) }
}
const keysOf = (kvs: readonly { readonly key: Uint8Array }[]): readonly string[] =>
  kvs.map(({ key }) => text(key))
const value = utf8('v')

describe('a store below a prefix', () => {
  it('sees what is below it, and nothing else', async () => {
    const { whole, store } = open()
    for (const key of ['/o', '/p', '/p.', '/p0', '/q']) await whole.put({ key: utf8(key), value })
    await store.put({ key: utf8('a'), value })
    await store.put({ key: utf8('b'), value, prevKv: true })
    expect(keysOf((await store.range(everyKey)).kvs)).toEqual(['a', 'b'])
    expect(keysOf((await store.range({ key: utf8('b'), end: Uint8Array.of(0) })).kvs)).toEqual([
      'b',
    ])
    expect(keysOf((await store.range({ key: utf8('a'), end: utf8('b') })).kvs)).toEqual(['a'])
    expect(keysOf((await whole.range({ key: utf8('/p/'), end: utf8('/p0') })).kvs)).toEqual([
      '/p/a',
      '/p/b',
    ])
    const { deleted, prevKvs } = await store.deleteRange({ ...everyKey, prevKv: true })
    expect([deleted, ...keysOf(prevKvs)]).toEqual([2, 'a', 'b'])
    expect((await whole.range(everyKey)).count).toBe(5)
  })

  it('runs transactions with everything in them, nested ones too', async () => {
    const { whole, store } = open()
    await store.put({ key: utf8('a'), value })
    const put: RequestOp = { kind: 'put', request: { key: utf8('a'), value, prevKv: true } }
    const read: RequestOp = { kind: 'range', request: { ...everyKey } }
    const remove: RequestOp = { kind: 'deleteRange', request: { key: utf8('b'), prevKv: true } }
    await store.put({ key: utf8('b'), value })
    const answer = await store.txn({
      compare: [{ key: utf8('a'), target: 'value', value, result: 'equal' }],
      success: [
        put,
        { kind: 'txn', request: { compare: [], success: [remove, read], failure: [] } },
      ],
      failure: [],
    })
    const keys: string[] = []
    const visit = (response: ResponseOp): void => {
      if (response.kind === 'put') keys.push(`put ${text(must(response.response.prevKv, '').key)}`)
      if (response.kind === 'range') keys.push(`range ${keysOf(response.response.kvs).join()}`)
      if (response.kind === 'deleteRange') {
        keys.push(`delete ${keysOf(response.response.prevKvs).join()}`)
      }
      if (response.kind === 'txn') response.response.responses.forEach(visit)
    }
    answer.responses.forEach(visit)
    expect(keys).toEqual(['put a', 'delete b', 'range a'])
    expect(keysOf((await whole.range(everyKey)).kvs)).toEqual(['/p/a'])
  })

  it('watches what is below it', async () => {
    const { whole, store } = open()
    const seen = new Seen(store, { ...everyKey, startRevision: 2, prevKv: true })
    await whole.put({ key: utf8('/o'), value })
    await store.put({ key: utf8('a'), value })
    await store.put({ key: utf8('a'), value })
    await seen.until(() => seen.events.length === 2)
    expect(seen.values).toEqual(['a=v', 'a=v'])
    expect(text(seen.events[1]?.prevKv?.key ?? value)).toBe('a')
    seen.watch.cancel()
  })

  it('names of the keys of a lease those below it', async () => {
    const { whole, store } = open()
    const { id } = await store.leaseGrant({ ttlSeconds: 100 })
    await store.put({ key: utf8('a'), value, lease: id })
    await whole.put({ key: utf8('/o'), value, lease: id })
    expect((await store.leaseTimeToLive(id, true)).keys.map(text)).toEqual(['a'])
    expect((await store.leaseLeases()).leases).toEqual([id])
    await store.leaseRevoke(id)
    expect((await whole.range(everyKey)).count).toBe(0)
  })

  it('refuses an empty key, as any store does', async () => {
    const { store } = open()
    await expect(store.put({ key: utf8(''), value })).rejects.toMatchObject({ code: 'key-empty' })
  })

  it('ends where its prefix does, also behind the last byte there is', async () => {
    const { whole, store } = open(Uint8Array.of(0x61, 0xff))
    await store.put({ key: utf8('a'), value })
    await whole.put({ key: utf8('b'), value })
    expect((await store.range(everyKey)).count).toBe(1)
    const { whole: all, store: last } = open(Uint8Array.of(0xff))
    await last.put({ key: Uint8Array.of(0xff), value })
    await all.put({ key: utf8('b'), value })
    expect((await last.range(everyKey)).count).toBe(1)
  })

  it('is the store itself without one', () => {
    const whole = new LocalStore()
    expect(prefixedStore(whole, utf8(''))).toBe(whole)
  })
})
