import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { SortedObjects } from './sorted-objects.js'
import { StoredObject } from './stored-object.js'

const objectOf = (key: string, revision: number): StoredObject =>
  new StoredObject(key, revision, new Uint8Array())

const numbered = (at: number): string => `/k/${String(at).padStart(6, '0')}`
const seen = (objects: readonly StoredObject[]): readonly string[] =>
  objects.map(({ key, revision }) => `${key}@${revision}`)

/** As a map that is sorted whenever it is asked. */
class Model {
  readonly #objects = new Map<string, StoredObject>()

  set(object: StoredObject): void {
    this.#objects.set(object.key, object)
  }

  delete(key: string): void {
    this.#objects.delete(key)
  }

  between(from: string, to: string): StoredObject[] {
    return [...this.#objects.values()]
      .filter(({ key }) => key >= from && key < to)
      .toSorted((a, b) => (a.key < b.key ? -1 : 1))
  }
}

/** Blocks of neighbours, so that pieces fill, split, empty and meet. */
const step = fc.record({
  kind: fc.constantFrom('set', 'delete'),
  from: fc.integer({ min: 0, max: 4_000 }),
  count: fc.integer({ min: 1, max: 1_500 }),
  stride: fc.constantFrom(-1, 1, 3, 7),
})

test('is a sorted map, whatever comes in and goes in whatever order', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), steps => {
      const [sorted, model] = [new SortedObjects(), new Model()]
      let revision = 0
      for (const { kind, from, count, stride } of steps) {
        for (let at = 0; at < count; at++) {
          const key = numbered((((from + at * stride) % 5_000) + 5_000) % 5_000)
          revision += 1
          for (const one of [sorted, model]) {
            if (kind === 'set') one.set(objectOf(key, revision))
            else one.delete(key)
          }
        }
        const ends: readonly (readonly [string, string])[] = [
          ['', '0'],
          [numbered(from), numbered(from + count)],
          [numbered(from), numbered(from)],
        ]
        for (const [low, high] of ends) {
          expect(seen(sorted.between(low, high))).toEqual(seen(model.between(low, high)))
        }
      }
    }),
    { numRuns: 60 },
  )
})

test('what is taken out may be changed: it is not what is kept', () => {
  const sorted = new SortedObjects()
  sorted.set(objectOf('/k/a', 1))
  sorted.between('', '0').length = 0
  expect(seen(sorted.between('', '0'))).toEqual(['/k/a@1'])
})
