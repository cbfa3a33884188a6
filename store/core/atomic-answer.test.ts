import { describe, expect, it, test } from 'vitest'

import type { Command } from './command.js'
import { atOnce } from './sliced.js'
import type { StoreCore } from './store-core.js'
import { bytes, Driver } from './testing/driver.js'
import type { RangeRequest, RequestOp } from './types.js'

const bytesMax = 10_000
/** Eight of them fit, ten do not. */
const value = 'v'.repeat(1_000)
const all = { key: bytes('k'), end: bytes('l') }

function filled(keys: number): Driver {
  const driver = new Driver({ atomicAnswerBytesMax: bytesMax })
  for (let at = 0; at < keys; at++) driver.put(`k${at}`, value)
  return driver
}

function look(core: StoreCore, command: Command, bytesMax?: number): void {
  const work = core.checkAnswer(command, bytesMax)
  if (work !== null) atOnce(work)
}

const range = (request: Partial<RangeRequest> = {}): RequestOp => ({
  kind: 'range',
  request: { ...all, ...request },
})
const put: RequestOp = { kind: 'put', request: { key: bytes('p'), value: bytes('1') } }

const txn = (success: readonly RequestOp[], failure: readonly RequestOp[] = []): Command => ({
  kind: 'txn',
  request: { compare: [], success, failure },
})
const nested = (...success: RequestOp[]): RequestOp => ({
  kind: 'txn',
  request: { compare: [], success, failure: [] },
})

describe('an answer that is made in one piece', () => {
  const tooLong: readonly (readonly [string, Command])[] = [
    ['a range', txn([range(), put])],
    ['a range on the branch that may not run', txn([put], [range()])],
    ['a range in a nested transaction', txn([nested(put, range())])],
    ['two ranges that fit one by one', txn([range({ limit: 6 }), range({ limit: 6 }), put])],
    [
      'point reads',
      txn(Array.from({ length: 12 }, () => ({ kind: 'range', request: { key: bytes('k1') } }))),
    ],
    ['a range sorted by values', txn([range({ sortOrder: 'ascend', sortTarget: 'value' })])],
    ['a range of an earlier revision', txn([range({ revision: 12 })])],
    ['a range with a filter', txn([range({ minModRevision: 1 })])],
    [
      'what puts replace',
      txn(
        Array.from({ length: 12 }, (_, at) => ({
          kind: 'put',
          request: { key: bytes(`k${at}`), value: bytes('1'), prevKv: true },
        })),
      ),
    ],
    ['what a deletion deletes', { kind: 'deleteRange', request: { ...all, prevKv: true } }],
    [
      'what it puts itself, read again and again',
      txn([
        { kind: 'put', request: { key: bytes('own'), value: bytes('v'.repeat(3_000)) } },
        ...Array.from(
          { length: 4 },
          (): RequestOp => ({ kind: 'range', request: { key: bytes('o'), end: bytes('p') } }),
        ),
      ]),
    ],
    [
      'what a deletion in a transaction deletes',
      txn([{ kind: 'deleteRange', request: { ...all, prevKv: true } }]),
    ],
  ]

  it.each(tooLong)('is refused when it is too long: %s', (_name, command) => {
    const driver = filled(12)
    const { revision } = driver.core
    expect(() => look(driver.core, command)).toThrow(
      expect.objectContaining({ code: 'answer-too-large', outcome: 'not-applied' }),
    )
    expect(driver.core.revision).toBe(revision)
  })

  const short: readonly (readonly [string, Command])[] = [
    ['a range that fits', txn([range({ limit: 8 }), put])],
    [
      'what it puts itself, where that is not read',
      txn([
        { kind: 'put', request: { key: bytes('own'), value: bytes('v'.repeat(3_000)) } },
        range({ limit: 6 }),
      ]),
    ],
    ['a count', txn([range({ countOnly: true })])],
    ['keys alone', txn([range({ keysOnly: true })])],
    ['each branch by itself', txn([range({ limit: 6 })], [range({ limit: 6 })])],
    [
      'a few of many in another order',
      txn([range({ sortTarget: 'mod', sortOrder: 'descend', limit: 3 })]),
    ],
    ['a filter that lets little through', txn([range({ minModRevision: 12 })])],
    [
      'puts that ask for short previous values, however many',
      txn(
        Array.from({ length: 128 }, (_, at) => ({
          kind: 'put',
          request: { key: bytes(`new${at}`), value: bytes(value), prevKv: true },
        })),
      ),
    ],
    ['a deletion that says how many', { kind: 'deleteRange', request: all }],
    ['a revision to come, which is refused in its own words', txn([range({ revision: 99 })])],
  ]

  it.each(short)('passes: %s', (_name, command) => {
    expect(() => look(filled(12).core, command)).not.toThrow()
  })
})

test('a transaction that only reads is held to the same', () => {
  const driver = filled(12)
  const request = { compare: [], success: [range()], failure: [] }
  expect(() => atOnce(driver.core.readTxn(request))).toThrow(
    expect.objectContaining({ code: 'answer-too-large' }),
  )
})

test('whoever takes less is held to that', () => {
  const { core } = filled(6)
  const command = txn([range(), put])
  expect(() => look(core, command)).not.toThrow()
  expect(() => look(core, command, 5_000)).toThrow(
    expect.objectContaining({ code: 'answer-too-large' }),
  )
})

test('what stands in the log is applied however long its answer is', () => {
  const driver = filled(12)
  expect(driver.delete('k', 'l', true)).toMatchObject({ deleted: 12 })
})
