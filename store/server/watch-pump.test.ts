// What clients are told of their watches, and in which order.

import { describe, expect, it } from 'vitest'
import type { RaftsmanError } from '../../platform/errors.js'
import { VirtualClock } from '../../platform/testing/virtual-clock.js'
import { bytes, Driver, showEvent } from '../core/testing/driver.js'
import type { WatchEvent, WatchRequest } from '../core/types.js'
import { type WatchOutput, WatchPump } from './watch-pump.js'

const everything = { key: bytes('\0'), end: bytes('\0') }

class Told implements WatchOutput {
  bufferedBytes = 0
  readonly said: string[] = []

  created(watch: number, revision: number): void {
    this.said.push(`${watch} created @${revision}`)
  }

  events(watch: number, revision: number, events: readonly WatchEvent[], more: boolean): void {
    const shown = events.map(showEvent).join(', ')
    this.said.push(`${watch} ${shown} to ${revision}${more ? ' and more' : ''}`)
  }

  progress(watch: number, revision: number): void {
    this.said.push(`${watch} progress ${revision}`)
  }

  progressOfAll(revision: number): void {
    this.said.push(`all progress ${revision}`)
  }

  ended(watch: number, error: RaftsmanError): void {
    this.said.push(`${watch} ended: ${error.code}`)
  }

  /** What was said since the last call. */
  news(): string[] {
    return this.said.splice(0)
  }
}

function setUp(config = {}) {
  const driver = new Driver(config)
  const clock = new VirtualClock()
  const told = new Told()
  /** Answers of the guard that have not been given; given at once unless `hold` is set. */
  const held: (() => void)[] = []
  const doubts = { hold: false }
  const pump = new WatchPump({
    machine: driver.core,
    guard: {
      permitted(_asker, _check, done) {
        if (doubts.hold) held.push(() => done(null))
        else done(null)
      },
      openWatch: (_asker, request, onReadable) => driver.core.openWatch(request, onReadable),
    },
    asker: { principal: { commonName: null, token: null } },
    clock,
    progressMs: 1_000,
    output: told,
  })
  const create = (
    watch: number,
    request: WatchRequest,
    { creditBytes = Number.POSITIVE_INFINITY, fragments = false } = {},
  ) => pump.create({ watch, request, creditBytes, fragments })
  const settle = () => {
    for (let steps = 0; clock.pending > 0 && steps < 1_000; steps++) clock.step()
  }
  return { driver, clock, told, pump, create, settle, doubts, held }
}

describe('a watch', () => {
  it('is created before anything is said of it, its past included', () => {
    const { driver, told, create, settle } = setUp()
    driver.put('a', '1')
    create(1, { ...everything, startRevision: 1 })
    settle()
    driver.put('a', '2')
    settle()
    expect(told.news()).toEqual(['1 created @2', '1 put a=1 @2 to 2', '1 put a=2 @3 to 3'])
  })

  it('tells all events of a turn at once', () => {
    const { driver, told, create, settle } = setUp()
    create(1, everything)
    settle()
    told.news()
    for (const value of ['1', '2', '3']) driver.put('a', value)
    settle()
    expect(told.news()).toEqual(['1 put a=1 @2, put a=2 @3, put a=3 @4 to 4'])
  })

  it('of several ranges tells them in one order, and what lies in two of them once', () => {
    const { driver, told, create, settle } = setUp()
    const moreRanges = [{ key: bytes('x') }, { key: bytes('b'), end: bytes('d') }]
    create(1, { key: bytes('a'), end: bytes('c'), moreRanges })
    settle()
    told.news()
    for (const key of ['x', 'b', 'm', 'c', 'a']) driver.put(key, '')
    settle()
    expect(told.news()).toEqual(['1 put x= @2, put b= @3, put c= @5, put a= @6 to 6'])
  })

  it('tells a long revision in parts to those that take parts, and whole to the others', () => {
    const { driver, told, create, settle } = setUp()
    const value = bytes('x'.repeat(200_000))
    create(1, everything)
    create(2, everything, { fragments: true })
    settle()
    told.news()
    driver.txn({
      success: ['a', 'b', 'c', 'd'].map(key => ({
        kind: 'put' as const,
        request: { key: bytes(key), value },
      })),
    })
    settle()
    const shapes = told.news().map(line => line.replaceAll(/=x+/g, ''))
    expect(shapes).toEqual([
      '1 put a @2, put b @2, put c @2, put d @2 to 2',
      '2 put a @2, put b @2 to 2 and more',
      '2 put c @2, put d @2 to 2',
    ])
  })

  it('whose history is compacted away ends with that, and others go on', () => {
    const { driver, told, create, settle } = setUp({ watch: { logEventsMax: 1 } })
    create(1, everything)
    settle()
    told.bufferedBytes = Number.POSITIVE_INFINITY
    for (const value of ['1', '2', '3', '4']) driver.put('a', value)
    driver.compact(4)
    create(2, { ...everything, startRevision: 4 })
    told.bufferedBytes = 0
    settle()
    expect(told.news()).toEqual([
      '1 created @1',
      '2 created @5',
      '1 ended: compacted',
      '2 put a=3 @4, put a=4 @5 to 5',
    ])
  })

  it.each([
    ['an id that is taken', { watch: 1, request: everything }, 'watch-exists'],
    ['no key', { watch: 2, request: { key: bytes('') } }, 'key-empty'],
    [
      'an empty range',
      { watch: 2, request: { key: bytes('b'), end: bytes('a') } },
      'empty-watch-range',
    ],
    [
      'a key missing from a further range',
      { watch: 2, request: { ...everything, moreRanges: [{ key: bytes('') }] } },
      'key-empty',
    ],
    [
      'too many ranges',
      {
        watch: 2,
        request: { ...everything, moreRanges: Array.from({ length: 1_024 }, () => everything) },
      },
      'too-many-ranges',
    ],
  ])('with %s is refused', (_name, { watch, request }, code) => {
    const { told, create, pump } = setUp()
    create(1, everything)
    told.news()
    create(watch, request)
    expect(told.news()).toEqual([`${watch} ended: ${code}`])
    expect(pump.size).toBe(1)
  })
})

describe('progress', () => {
  it('is told behind every event up to its asking, to a watch that is behind as well', () => {
    const { driver, told, create, settle, pump } = setUp({ watch: { logEventsMax: 2 } })
    for (let at = 0; at < 10; at++) driver.put('a', String(at))
    create(1, { ...everything, startRevision: 2 })
    pump.progress(1)
    driver.put('a', 'last')
    settle()
    const said = told.news()
    expect(said.at(-1)).toBe('1 progress 12')
    expect(said.slice(0, -1).join()).toContain('put a=last @12')
  })

  it('is told although events never cease, and promises no more than was told', () => {
    const { driver, clock, told, create, settle, pump } = setUp()
    create(1, { key: bytes('a') }, { creditBytes: 0 })
    settle()
    told.news()
    for (let at = 0; at < 1_000; at++) driver.put('a', 'x'.repeat(100))
    pump.progress(1)
    pump.progressOfAll()
    for (let round = 0; round < 2_000; round++) {
      driver.put('a', 'x'.repeat(100))
      pump.credit(1, 150)
      while (clock.pending > 0) clock.step()
    }
    let toldTo = 1
    const answers: number[] = []
    for (const line of told.news()) {
      const answer = /progress (\d+)/.exec(line)
      if (answer === null) toldTo = Number(/to (\d+)$/.exec(line)?.[1])
      else {
        expect(toldTo).toBeGreaterThanOrEqual(Number(answer[1]))
        answers.push(Number(answer[1]))
      }
    }
    expect(answers).toHaveLength(2)
    for (const revision of answers) expect(revision).toBeGreaterThanOrEqual(1_001)
    // There was always more to tell.
    expect(toldTo).toBeLessThan(driver.core.revision)
  })

  it('of all watches waits for each of them, and comes once', () => {
    const { driver, told, create, settle, pump } = setUp()
    for (let watch = 0; watch < 100; watch++) {
      create(watch, everything, { creditBytes: watch === 50 ? 0 : Number.POSITIVE_INFINITY })
    }
    settle()
    told.news()
    driver.put('a', '1')
    pump.progressOfAll()
    settle()
    expect(told.news().some(line => line.startsWith('all'))).toBe(false)
    pump.credit(50, 1_000)
    settle()
    expect(told.news()).toEqual(['50 put a=1 @2 to 2', 'all progress 2'])
  })

  it('of all is told when the watch it waited for has gone', () => {
    const { driver, told, create, settle, pump } = setUp()
    create(1, everything, { creditBytes: 0 })
    settle()
    driver.put('a', '1')
    pump.progressOfAll()
    settle()
    told.news()
    pump.cancel(1)
    settle()
    expect(told.news()).toEqual(['all progress 2'])
  })

  it('is not forgotten while it is not certain yet whether the watch is permitted', () => {
    const { driver, told, create, settle, pump, doubts, held } = setUp()
    driver.put('a', '1')
    doubts.hold = true
    create(1, { ...everything, startRevision: 1 })
    create(2, everything)
    pump.progress(1)
    pump.progressOfAll()
    settle()
    expect(told.news()).toEqual([])
    held[0]?.()
    settle()
    expect(told.news()).toEqual(['1 created @2', '1 put a=1 @2 to 2', '1 progress 2'])
    pump.cancel(2)
    settle()
    expect(told.news()).toEqual(['all progress 2'])
  })

  it('of none at all is told at once', () => {
    const { told, settle, pump } = setUp()
    pump.progressOfAll()
    settle()
    expect(told.news()).toEqual(['all progress 1'])
  })

  it('of a watch that waits for the future is told when that has come near', () => {
    const { driver, clock, told, create, settle, pump } = setUp()
    create(1, { ...everything, startRevision: 4 })
    pump.progress(1)
    settle()
    expect(told.news()).toEqual(['1 created @1'])
    driver.put('a', '')
    driver.put('a', '')
    pump.tick(clock.monotonicMs())
    settle()
    expect(told.news()).toEqual(['1 progress 3'])
  })

  it('is never told between the parts of a revision', () => {
    const { driver, told, create, settle, pump } = setUp()
    create(1, everything, { creditBytes: 1, fragments: true })
    settle()
    told.news()
    const put = (key: string) =>
      ({ kind: 'put', request: { key: bytes(key), value: bytes('') } }) as const
    driver.txn({ success: ['a', 'b', 'c'].map(put) })
    pump.progress(1)
    pump.progressOfAll()
    for (let part = 0; part < 3; part++) {
      settle()
      pump.credit(1, 33)
    }
    settle()
    expect(told.news()).toEqual([
      '1 put a= @2 to 2 and more',
      '1 put b= @2 to 2 and more',
      '1 put c= @2 to 2',
      '1 progress 2',
      'all progress 2',
    ])
  })

  it('comes by itself to those that asked for it, after a time without a word', () => {
    const { driver, told, create, settle, pump } = setUp()
    create(1, { ...everything, progressNotify: true })
    create(2, everything)
    settle()
    told.news()
    pump.tick(999)
    settle()
    expect(told.news()).toEqual([])
    pump.tick(1_000)
    settle()
    expect(told.news()).toEqual(['1 progress 1'])
    driver.put('a', '1')
    settle()
    expect(told.news()).toHaveLength(2)
  })
})
