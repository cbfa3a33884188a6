import * as fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { silentLogger } from '../../platform/logger.js'
import { VirtualClock } from '../../platform/testing/virtual-clock.js'
import { LocalStore } from '../../store/local-store.js'
import { ApiError } from '../api/status.js'
import { History, markMs, parseTime } from './history.js'
import { keyBytes } from './keys.js'

const retentionMs = 600_000
let clock: VirtualClock
let store: LocalStore
let history: History

beforeEach(() => {
  clock = new VirtualClock()
  store = new LocalStore()
  history = new History({ store, clock, logger: silentLogger, retentionMs })
})

const write = async (): Promise<number> =>
  (await store.put({ key: keyBytes('/registry/core/pods/a/b'), value: new Uint8Array(1) })).header
    .revision

const pass = (ms: number): void => clock.advance(ms)

const reasonOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work
    return 'nothing was refused'
  } catch (error) {
    return error instanceof ApiError ? (error.status.reason ?? '') : String(error)
  }
}

describe('marks', () => {
  test('nothing is noted while nothing changes, and one master is enough', async () => {
    const other = new History({ store, clock, logger: silentLogger, retentionMs })
    await write()
    await history.mark()
    await other.mark()
    const { newest } = await history.bounds()
    expect(newest.revision).toBe(3)
    pass(markMs)
    await history.mark()
    await other.mark()
    expect((await history.bounds()).newest.revision).toBe(3)
    const changed = await write()
    await Promise.all([history.mark(), other.mark()])
    expect((await history.bounds()).newest.revision).toBe(changed + 1)
  })

  test('a mark far in the future, of a clock that was wrong, does not stop them', async () => {
    const wrong = new VirtualClock(clock.wallMs() + 3_600_000)
    await write()
    await new History({ store, clock: wrong, logger: silentLogger, retentionMs }).mark()
    const changed = await write()
    await history.mark()
    expect(await history.at(clock.wallMs())).toEqual({
      revision: changed + 1,
      timeMs: clock.wallMs(),
    })
  })
})

test('what is older than is kept is compacted, and only that', async () => {
  const first = await write()
  await history.mark()
  pass(retentionMs / 2)
  const second = await write()
  await history.mark()
  pass(retentionMs / 2 + 1)
  await history.trim()
  const at = (revision: number) => store.range({ key: keyBytes('/registry/a'), revision })
  await expect(at(first)).rejects.toThrow('compacted')
  await expect(at(second)).resolves.toBeDefined()
  pass(retentionMs / 2)
  await history.trim()
  await expect(at(second)).rejects.toThrow('compacted')
})

test('a mark whose state an operator has compacted is no beginning', async () => {
  await write()
  await history.mark()
  const compacted = clock.wallMs()
  await write()
  const last = await write()
  pass(markMs)
  await store.compact({ revision: last })
  expect(await reasonOf(history.at(clock.wallMs()))).toBe('Expired')
  expect((await history.bounds()).oldest).toBeNull()
  await history.mark()
  const { revision } = (await history.bounds()).newest
  const begins = { revision, timeMs: clock.wallMs() }
  expect((await history.bounds()).oldest).toEqual(begins)
  expect(await history.at(clock.wallMs())).toEqual(begins)
  await expect(history.at(compacted)).rejects.toThrow(
    `it begins at ${new Date(begins.timeMs).toISOString()}`,
  )
})

test('times that are none are refused', () => {
  expect(parseTime('1780000000000')).toBe(1_780_000_000_000)
  expect(parseTime('2026-01-01T00:00:10Z')).toBe(Date.UTC(2026, 0, 1, 0, 0, 10))
  expect(() => parseTime('yesterday')).toThrow('no time of RFC 3339')
})

type Step = { readonly writes: number; readonly ms: number; readonly trims: boolean }

test('the moment before any time is the last that was noted and is kept', async () => {
  const step: fc.Arbitrary<Step> = fc.record({
    writes: fc.nat(5),
    ms: fc.integer({ min: markMs, max: retentionMs / 3 }),
    trims: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.nat(100), async (steps, share) => {
      clock = new VirtualClock()
      store = new LocalStore()
      history = new History({ store, clock, logger: silentLogger, retentionMs })
      const startMs = clock.wallMs()
      // The dumb model: every mark that was made, less those behind the last that had to stay.
      let noted: { readonly revision: number; readonly timeMs: number }[] = []
      for (const { writes, ms, trims } of steps) {
        for (let n = 0; n < writes; n++) await write()
        const { revision: before } = (await history.bounds()).newest
        await history.mark()
        const { revision } = (await history.bounds()).newest
        if (revision > before) noted.push({ revision, timeMs: clock.wallMs() })
        pass(ms)
        if (!trims) continue
        await history.trim()
        const old = noted.filter(({ timeMs }) => timeMs <= clock.wallMs() - retentionMs)
        noted = noted.slice(Math.max(0, old.length - 1))
      }
      const asked = startMs + Math.round(((clock.wallMs() - startMs) * share) / 100)
      const expected = noted.findLast(({ timeMs }) => timeMs <= asked)
      if (expected === undefined) expect(await reasonOf(history.at(asked))).toBe('Expired')
      else expect(await history.at(asked)).toEqual(expected)
      const { oldest } = await history.bounds()
      expect(oldest).toEqual(noted[0] ?? null)
    }),
    { numRuns: 200 },
  )
})
