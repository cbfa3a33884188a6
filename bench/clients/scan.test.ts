// The scanners against the message types that read everything.

import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { RangeResponse, RangeStreamResponse, TxnResponse } from '../../store/etcd/messages/kv.js'
import { WatchResponse } from '../../store/etcd/messages/watch.js'
import { rangeResponseIn, scanRangeResponse, scanTxnSucceeded, scanWatchResponse } from './scan.js'

const bytes = fc.uint8Array({ maxLength: 40 })
const number = fc.integer({ min: 0, max: 2 ** 53 - 1 })
const kv = fc.record({
  key: bytes,
  value: bytes,
  createRevision: number,
  modRevision: number,
  version: number,
  lease: number,
})
const header = fc.record({
  clusterId: number,
  memberId: number,
  revision: number,
  raftTerm: number,
})
const range = fc.record({
  header,
  kvs: fc.array(kv, { maxLength: 6 }),
  more: fc.boolean(),
  count: number,
})
const watch = fc.record({
  header,
  watchId: number,
  created: fc.boolean(),
  canceled: fc.boolean(),
  compactRevision: number,
  cancelReason: fc.string(),
  events: fc.array(fc.record({ type: fc.nat(1), kv, prevKv: fc.option(kv) }), { maxLength: 6 }),
})

const plain = (all: Uint8Array | null | undefined) =>
  all === null || all === undefined ? null : [...all]

test('Of a range: how many keys, the last of them, whether there is more, and of when.', () => {
  fc.assert(
    fc.property(range, message => {
      const scanned = scanRangeResponse(RangeResponse.encode(message))
      expect({ ...scanned, lastKey: plain(scanned.lastKey) }).toEqual({
        keys: message.kvs.length,
        lastKey: plain(message.kvs.at(-1)?.key),
        lastModRevision: message.kvs.at(-1)?.modRevision ?? 0,
        more: message.more,
        count: message.count,
        revision: message.header.revision,
      })
    }),
  )
})

test('The range in a part of a stream is found.', () => {
  fc.assert(
    fc.property(range, rangeResponse => {
      const inner = rangeResponseIn(RangeStreamResponse.encode({ rangeResponse }))
      expect(scanRangeResponse(inner).keys).toBe(rangeResponse.kvs.length)
    }),
  )
})

test('Of a watch: which one, what became of it, and the values of its events in order.', () => {
  fc.assert(
    fc.property(watch, message => {
      const scanned = scanWatchResponse(WatchResponse.encode(message))
      expect({ ...scanned, values: scanned.values.map(plain) }).toEqual({
        watchId: message.watchId,
        created: message.created,
        canceled: message.canceled,
        values: message.events.map(event => plain(event.kv.value)),
      })
    }),
  )
})

test('Of a transaction: whether it succeeded.', () => {
  fc.assert(
    fc.property(header, fc.boolean(), range, (of, succeeded, responseRange) => {
      const message = { header: of, succeeded, responses: [{ responseRange }] }
      expect(scanTxnSucceeded(TxnResponse.encode(message))).toBe(succeeded)
    }),
  )
})
