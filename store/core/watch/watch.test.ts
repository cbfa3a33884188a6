import { expect, test } from 'vitest'
import { KeySet } from '../key-range.js'
import type { Watcher } from '../replica.js'
import { bytes, Driver, showEvent } from '../testing/driver.js'
import type { WatchRequest } from '../types.js'
import { WatchIndex } from './watch-index.js'
import * as fc from 'fast-check'

const unlimited = 1_000_000

function open(driver: Driver, request: Partial<WatchRequest> & { key: Uint8Array }) {
  const state = { woken: 0 }
  const watcher = driver.core.openWatch(request, () => state.woken++)
  return { watcher, state }
}

function drain(watcher: Watcher, bytesMax = unlimited): string[] {
  const events: string[] = []
  for (let batch = watcher.next(bytesMax); batch !== null; batch = watcher.next(bytesMax)) {
    events.push(...batch.events.map(showEvent))
  }
  return events
}

const all = { key: bytes('\0'), end: bytes('\0') }

test('A watch without a start begins behind the current revision.', () => {
  const driver = new Driver()
  driver.put('a', 'before')
  const { watcher } = open(driver, all)
  expect(drain(watcher)).toEqual([])
  driver.put('a', 'after')
  expect(drain(watcher)).toEqual(['put a=after @3'])
})

test('A watch from the past replays it, a deletion included.', () => {
  const driver = new Driver()
  driver.put('a', '1')
  driver.delete('a')
  driver.put('b', '1')
  expect(drain(open(driver, { ...all, startRevision: 3 }).watcher)).toEqual([
    'delete a @3',
    'put b=1 @4',
  ])
})

test('A watch from the future emits nothing earlier, and no progress either.', () => {
  const driver = new Driver()
  const { watcher, state } = open(driver, { ...all, startRevision: 4 })
  expect(drain(watcher)).toEqual([])
  driver.put('a', '2')
  expect([state.woken, watcher.progress(1)]).toEqual([0, null])
  driver.put('a', '3')
  expect(state.woken).toBe(0)
  driver.put('a', '4')
  expect(drain(watcher)).toEqual(['put a=4 @4'])
})

test('A watch from the future emits nothing earlier when another state takes the place of this one.', () => {
  const driver = new Driver({ watch: { logEventsMax: 1, historyRowsMax: 1 } })
  const { watcher } = open(driver, { ...all, startRevision: 4 })
  drain(watcher)
  driver.restoreFromItself()
  for (const value of ['2', '3', '4', '5']) driver.put('a', value)
  expect(drain(watcher)).toEqual(['put a=4 @4', 'put a=5 @5'])
})

test('It is woken once until it has been drained, and only by what concerns it.', () => {
  const driver = new Driver()
  const { watcher, state } = open(driver, { key: bytes('a'), noDelete: true })
  drain(watcher)
  driver.put('b', 'other')
  driver.delete('b')
  expect(state.woken).toBe(0)
  driver.put('a', '1')
  driver.put('a', '2')
  expect(state.woken).toBe(1)
  expect(drain(watcher)).toEqual(['put a=1 @4', 'put a=2 @5'])
  driver.delete('a')
  expect(state.woken).toBe(1)
  driver.put('a', '3')
  expect(state.woken).toBe(2)
})

test('Filters leave out puts or deletions, live and from history.', () => {
  const driver = new Driver()
  const live = open(driver, { ...all, noPut: true })
  drain(live.watcher)
  driver.put('a', '1')
  driver.delete('a')
  expect(drain(live.watcher)).toEqual(['delete a @3'])
  const past = open(driver, { ...all, startRevision: 1, noDelete: true })
  expect(drain(past.watcher)).toEqual(['put a=1 @2'])
})

test.each([
  ['the recent log', 1000],
  ['history', 1],
])(
  'Events from %s carry the version before when asked for, and a deletion no value.',
  (_name, logEventsMax) => {
    const driver = new Driver({ watch: { logEventsMax } })
    driver.put('a', '1')
    driver.put('a', '2')
    driver.delete('a')
    driver.put('a', '3')
    for (const range of [all, { key: bytes('a') }]) {
      const { watcher } = open(driver, { ...range, startRevision: 2, prevKv: true })
      const events = []
      for (let batch = watcher.next(unlimited); batch !== null; batch = watcher.next(unlimited)) {
        events.push(...batch.events)
      }
      expect(events.map(event => event.prevKv?.modRevision ?? 0)).toEqual([0, 2, 3, 0])
      expect(events[2]?.kv).toMatchObject({
        version: 0,
        createRevision: 0,
        modRevision: 4,
        lease: 0,
      })
      expect(events[2]?.kv.value).toHaveLength(0)
    }
  },
)

test.each([
  ['the recent log', 1000],
  ['history', 1],
])(
  'All events of one revision stand in one batch, whatever its size, from %s.',
  (_name, logEventsMax) => {
    const driver = new Driver({ watch: { logEventsMax, historyRowsMax: 1 } })
    const put = (key: string) =>
      ({ kind: 'put', request: { key: bytes(key), value: bytes('v') } }) as const
    driver.txn({ success: [put('a'), put('b'), put('c')] })
    driver.txn({ success: [put('a'), put('b')] })
    driver.put('z', 'last')
    const { watcher } = open(driver, { ...all, startRevision: 2 })
    const sizes: number[] = []
    for (let batch = watcher.next(1); batch !== null; batch = watcher.next(1)) {
      if (batch.events.length > 0) sizes.push(batch.events.length)
    }
    expect(sizes).toEqual([3, 2, 1])
  },
)

test('A watch may start at the compacted revision, and not below it.', () => {
  const driver = new Driver()
  driver.put('a', '1')
  driver.put('a', '2')
  driver.delete('a')
  driver.put('b', '1')
  driver.compact(4)
  while (!driver.core.compactSlice(1));
  expect(drain(open(driver, { ...all, startRevision: 4 }).watcher)).toEqual([
    'delete a @4',
    'put b=1 @5',
  ])
  const { watcher } = open(driver, { ...all, startRevision: 3 })
  expect(() => watcher.next(unlimited)).toThrow(
    expect.objectContaining({ code: 'compacted', compactRevision: 4 }),
  )
})

test('A slow watcher is told of a compaction only when what it needs is gone.', () => {
  const build = (logEventsMax: number) => {
    const driver = new Driver({ watch: { logEventsMax } })
    const { watcher } = open(driver, { key: bytes('a') })
    drain(watcher)
    for (let i = 0; i < 10; i++) driver.put('a', String(i))
    driver.compact(8)
    return watcher
  }
  expect(drain(build(1000))).toHaveLength(10)
  expect(() => drain(build(2))).toThrow(expect.objectContaining({ compactRevision: 8 }))
})

test('Progress is what has been delivered, and is given once that is as much as was asked for.', () => {
  const driver = new Driver()
  const { watcher } = open(driver, { key: bytes('a') })
  drain(watcher)
  driver.put('b', 'unrelated')
  expect([watcher.progress(1), watcher.progress(2), watcher.progress(3)]).toEqual([2, 2, null])
  expect(watcher.nextRevision).toBe(3)
  driver.put('a', '1')
  expect([watcher.progress(2), watcher.progress(3)]).toEqual([2, null])
  drain(watcher)
  expect(watcher.progress(3)).toBe(3)
})

test('A closed watcher is neither woken nor read, and its place is given back.', () => {
  const driver = new Driver({ watch: { watchesMax: 1 } })
  const { watcher, state } = open(driver, all)
  expect(() => open(driver, all)).toThrow(expect.objectContaining({ code: 'too-many-watches' }))
  drain(watcher)
  watcher.close()
  watcher.close()
  driver.put('a', '1')
  expect([state.woken, watcher.next(unlimited), driver.core.watcherCount]).toEqual([0, null, 0])
  open(driver, all)
})

test('Watchers of one event share its object, so that it is encoded once.', () => {
  const driver = new Driver()
  const [one, two] = [open(driver, all), open(driver, { key: bytes('a') })]
  drain(one.watcher)
  drain(two.watcher)
  driver.put('a', '1')
  const first = one.watcher.next(unlimited)?.events[0]
  expect(first).toBeDefined()
  expect(two.watcher.next(unlimited)?.events[0]).toBe(first)
})

test('The index finds exactly the watches whose range holds a key.', () => {
  const letter = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g')
  const watch = fc.record({ start: letter, end: fc.option(letter), single: fc.boolean() })
  const change = fc.record({ watch, removed: fc.boolean() })
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), changes => {
      const index = new WatchIndex<number>()
      for (const [number, { watch }] of changes.entries()) index.add(watch, number)
      for (const [number, { watch, removed }] of changes.entries()) {
        if (removed) index.remove(watch, number)
      }
      for (const key of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) {
        const found: number[] = []
        index.visit(key, number => found.push(number))
        const wanted = changes.flatMap(({ watch: { start, end, single }, removed }, number) =>
          !removed && (single ? key === start : key >= start && (end === null || key < end))
            ? [number]
            : [],
        )
        expect(found.sort((a, b) => a - b)).toEqual(wanted)
      }
    }),
  )
})

test('An event looks at the watches that it concerns, and at few of the others.', () => {
  const index = new WatchIndex<string>()
  for (let at = 0; at < 10_000; at++) {
    index.add({ start: `single${at}`, end: `single${at}\0`, single: true }, 'single')
  }
  for (let at = 0; at < 1_000; at++) {
    const start = `prefix${String(at).padStart(4, '0')}/`
    index.add({ start, end: `${start}\xff`, single: false }, 'prefix')
  }
  const found: string[] = []
  for (let at = 0; at < 1_000; at++) {
    index.visit(`prefix${String((at * 7) % 1_000).padStart(4, '0')}/key`, item => found.push(item))
    index.visit(`single${at * 9}`, item => found.push(item))
    index.visit(`neither${at}`, item => found.push(item))
  }
  expect(found).toHaveLength(2_000)
  expect(index.looks / 3_000).toBeLessThan(40)
})

test('A watch that follows is told of its own events, and one that falls behind costs no event a look.', () => {
  const driver = new Driver()
  const { watcher, state } = open(driver, { key: bytes('a'), end: bytes('c') })
  drain(watcher)
  for (let at = 0; at < 500; at++) {
    driver.put('a', String(at))
    driver.put('z', String(at))
  }
  expect(state.woken).toBe(1)
  const events = drain(watcher)
  expect(events).toEqual(Array.from({ length: 500 }, (_, at) => `put a=${at} @${2 * at + 2}`))
  driver.put('b', 'later')
  expect([state.woken, drain(watcher)]).toEqual([2, ['put b=later @1002']])
})

test('What stood before an event is told although a compaction has taken it meanwhile.', () => {
  const driver = new Driver({ cacheBytesMax: 0 })
  const { watcher } = open(driver, { ...all, prevKv: true })
  drain(watcher)
  for (let at = 0; at < 100; at++) driver.put('a', String(at))
  driver.delete('a')
  driver.put('b', 'last')
  driver.core.flush()
  driver.compact(driver.core.revision)
  while (!driver.core.compactSlice(10));
  driver.core.flush()
  const seen: (string | null)[] = []
  for (let batch = watcher.next(100); batch !== null; batch = watcher.next(100)) {
    for (const { prevKv } of batch.events) seen.push(prevKv && Buffer.from(prevKv.value).toString())
  }
  expect(seen).toEqual([null, ...Array.from({ length: 100 }, (_, at) => String(at)), null])
})

test('A set of ranges is what its ranges are together, and its parts are disjoint and in order.', () => {
  const letter = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')
  const range = fc.record({ key: letter, end: fc.option(fc.oneof(letter, fc.constant('\0'))) })
  fc.assert(
    fc.property(fc.array(range, { minLength: 1, maxLength: 6 }), ranges => {
      const set = new KeySet(
        ranges.map(({ key, end }) =>
          end === null ? { key: bytes(key) } : { key: bytes(key), end: bytes(end) },
        ),
      )
      for (const key of ['a', 'a\0', 'b', 'bb', 'c', 'd', 'e', 'f', 'g']) {
        const wanted = ranges.some(({ key: start, end }) =>
          end === null ? key === start : key >= start && (end === '\0' || key < end),
        )
        expect(set.has(key)).toBe(wanted)
      }
      for (const [at, part] of set.parts.entries()) {
        const next = set.parts[at + 1]
        if (next !== undefined) expect(part.end !== null && part.end < next.start).toBe(true)
      }
    }),
  )
})
