// Repairs of damaged logs: what comes out is a log that this member once had, or the end of the one it
// has now; what may be missing is said; and a promise is never forgotten.

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { must } from '../../platform/errors.js'
import { logIndex } from '../core/types.js'
import type { Recovered } from './log.js'
import { Bench } from './testing/log-bench.js'
import { Model, steps } from './testing/log-model.js'

type Damage =
  | { readonly kind: 'bit' | 'sector' | 'misdirected'; readonly at: number; readonly to: number }
  | { readonly kind: 'gone'; readonly at: number }

const damages = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constantFrom('bit' as const, 'sector' as const, 'misdirected' as const),
      at: fc.nat(),
      to: fc.nat(),
    }),
    fc.record({ kind: fc.constant('gone' as const), at: fc.nat() }),
  ),
  { minLength: 1, maxLength: 3 },
)

const segmentsOf = (bench: Bench) =>
  bench.disk.paths().filter(name => /^\/log\/\d+\.wal$/.test(name))

const usedOf = (content: Uint8Array) => content.findLastIndex(byte => byte !== 0) + 1

/** Where damage may strike: not the very last write, where it would pass for a torn one. */
function target(bench: Bench, path: string, lastWrite: LastWrite): number {
  const content = must(bench.disk.contentOf(path), 'its content')
  if (path === lastWrite.path) return lastWrite.offset
  const isLast = path === segmentsOf(bench).at(-1)
  return isLast ? Buffer.from(content).readUInt32LE(64) : usedOf(content)
}

interface LastWrite {
  readonly path: string
  readonly offset: number
}

function inflict(bench: Bench, damage: Damage, lastWrite: LastWrite): void {
  const paths = segmentsOf(bench)
  const path = must(paths[damage.at % paths.length], 'a segment')
  const content = must(bench.disk.contentOf(path), 'its content')
  const used = target(bench, path, lastWrite)
  switch (damage.kind) {
    case 'bit':
      bench.disk.flipBit(path, damage.to % used, damage.at % 8)
      return
    case 'sector': {
      const start = (damage.to % used) & ~511
      content.fill(0xa5, start, Math.min(start + 512, used))
      bench.disk.place(path, content)
      return
    }
    case 'misdirected': {
      const [from, to] = [(damage.at % used) & ~63, (damage.to % used) & ~63]
      content.copyWithin(to, from, from + Math.min(64, used - to))
      bench.disk.place(path, content)
      return
    }
    case 'gone':
      // A newest segment that is gone leaves a log that looks whole: nothing can tell.
      if (path !== paths.at(-1)) bench.disk.remove(path, () => {})
      bench.clock.advance(10)
      return
  }
}

const promiseOf = ({ hardState: { term, vote } }: Pick<Recovered, 'hardState'>) => [term, vote]

function checkEntries(model: Model, { entries, damaged, lastIndex }: Recovered): void {
  const found = entries.map(({ index, term, sequence }) => [index, term, sequence])
  const compacted = (index: number) => {
    const { term, sequence } = model.latest.get(index) ?? { term: 0, sequence: 0 }
    return [index, term, sequence]
  }
  const matches = model.history.some(text => {
    const [, [start], all] = JSON.parse(text) as [unknown, number[], number[][]]
    const held = all.map(entry => entry.slice(0, 3))
    // What this state had compacted was committed, and the repaired log may go back further.
    const expected = found.map(([index = 0]) =>
      index <= (start ?? 0) ? compacted(index) : held[index - (start ?? 0) - 1],
    )
    return JSON.stringify(expected) === JSON.stringify(found)
  })
  expect(matches).toBe(true)
  if (damaged !== null) return
  expect(entries).toEqual(entries.map(({ index }) => model.latest.get(index)))
  expect(lastIndex).toBe(model.last)
}

describe('a repair', () => {
  test('gives a log that was once there, says what is missing, and forgets no promise', () => {
    const outcomes = new Map<string, number>()
    const count = (outcome: string) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    fc.assert(
      fc.property(
        steps,
        fc.nat(),
        damages,
        fc.nat(),
        fc.boolean(),
        (plan, seed, harms, behind, isCrashing) => {
          const bench = new Bench(seed, 2048)
          const model = new Model()
          const { log } = bench.opened()
          for (const step of plan) {
            model.run(step, log, () => {})
            if (behind % 3 > 0) bench.clock.advance(20)
          }
          bench.clock.advance(1000)
          // A compaction alone is not synced; a write behind it is, and the next one knows that.
          model.run({ kind: 'commit' }, log, () => {})
          bench.clock.advance(1000)
          const path = must(segmentsOf(bench).at(-1), 'a segment')
          const offset = usedOf(must(bench.disk.contentOf(path), 'its content')) & ~7
          model.run({ kind: 'commit' }, log, () => {})
          bench.clock.advance(1000)
          log.halt(() => {})
          bench.clock.advance(1000)
          for (const harm of harms) inflict(bench, harm, { path, offset })
          const applied = Math.max(model.start, model.commit - (behind % 4))
          const before = bench.disk.paths()
          if (isCrashing) {
            bench.begin({ repair: true, appliedIndex: logIndex(applied) })
            for (let left = behind % 60; left > 0; left -= 1) bench.clock.step()
            bench.crash()
          }
          const { error, recovered } = bench.open({
            repair: true,
            appliedIndex: logIndex(applied),
          })
          if (error !== null) {
            expect(error.code).toBe('log-corrupt')
            if (!isCrashing) expect(bench.disk.paths()).toEqual(before)
            count('refused')
            return
          }
          const result = must(recovered, 'a recovery')
          count(
            bench.disk.paths().some(path => path.includes('damaged-'))
              ? result.damaged === null
                ? 'whole again'
                : 'damaged'
              : 'not needed',
          )
          const { snapshot, lastIndex, damaged, hardState } = result
          expect(result.tornBytes).toBe(0)
          expect(promiseOf(result)).toEqual(promiseOf(model.state))
          checkEntries(model, result)
          expect(hardState.commit).toBeLessThanOrEqual(lastIndex)
          if (damaged === null) return
          expect(snapshot.index).toBeLessThanOrEqual(applied)
          expect(lastIndex).toBeGreaterThanOrEqual(applied)
          expect(damaged.floor).toBeGreaterThanOrEqual(model.last)
          if (snapshot.index > 0)
            expect(snapshot.confState).toEqual(model.members.get(snapshot.index))
          // It is still damaged at the next start, with or without leave to repair.
          const again = bench.recover({ appliedIndex: logIndex(applied) })
          expect(again).toEqual(result)
        },
      ),
      { numRuns: 600 },
    )
    for (const outcome of ['refused', 'whole again', 'damaged', 'not needed'])
      expect(outcomes.get(outcome) ?? 0).toBeGreaterThan(20)
  })
})
