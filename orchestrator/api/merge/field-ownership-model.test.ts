// Random sequences of apply, forced apply and update by several managers, against a dumb model: an
// object is a map from the text of a path to its value, an owner a set of such texts.

import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Json, JsonObject } from '../object.js'
import { always, field, int32, keyed, list, map, pointer, set, string, struct } from '../schema.js'
import { has, leaf } from './field-set.js'
import { applyConfiguration, ownersAfterUpdate } from './field-ownership.js'
import type { Ownership, Writer } from './field-ownership.js'
import type { ManagedEntry } from './managed-fields.js'
import type { PathElement } from './path-element.js'

const item = struct('test.Item', {
  name: always(1, string, { required: true }),
  image: field(2, string),
  args: field(3, list(string)),
  env: field(4, map(string)),
})

const schema = struct('test.Object', {
  size: field(1, int32),
  nested: field(2, struct('test.Nested', { a: field(1, string), b: field(2, string) })),
  labels: field(3, map(string)),
  whole: pointer(4, struct('test.Whole', { a: field(1, string) }, { atomic: true })),
  tags: field(5, set(string)),
  items: field(6, keyed(item, 'name')),
})

const ownership: Ownership = {
  schema,
  reset: leaf,
  inVersion: () => ({ schema, reset: leaf, convert: object => object }),
}

function writer(manager: string): Writer {
  return { manager, apiVersion: 'test/v1', subresource: '', now: '2026-01-01T00:00:00Z' }
}

interface Item {
  readonly name: string
  readonly image?: string
  readonly args?: readonly string[]
  readonly env?: { readonly [key: string]: string }
}

interface Thing {
  readonly size?: number
  readonly nested?: { readonly a?: string; readonly b?: string }
  readonly labels?: { readonly [key: string]: string }
  readonly whole?: { readonly a?: string }
  readonly tags?: readonly string[]
  readonly items?: readonly Item[]
}

const word = fc.constantFrom('x', 'y')
const words = fc.uniqueArray(word, { minLength: 1 })
const entries = fc.dictionary(fc.constantFrom('k', 'l'), word, { minKeys: 1 })

const things: fc.Arbitrary<Thing> = fc.record(
  {
    size: fc.constantFrom(1, 2),
    nested: fc.oneof(
      fc.record({ a: word }),
      fc.record({ b: word }),
      fc.record({ a: word, b: word }),
    ),
    labels: entries,
    whole: fc.record({ a: word }),
    tags: words,
    items: fc.uniqueArray(
      fc.record(
        { name: fc.constantFrom('n', 'o'), image: word, args: words, env: entries },
        { requiredKeys: ['name'] },
      ),
      { selector: ({ name }) => name, minLength: 1 },
    ),
  },
  { requiredKeys: [] },
)

// The model.

type Flat = ReadonlyMap<string, string>

/** Steps of paths are joined by this, which is in none of them. */
const joint = '\n'

function flatten(thing: Thing): Map<string, string> {
  const flat = new Map<string, string>()
  const note = (value: unknown, ...path: readonly string[]) => {
    flat.set(path.join(joint), JSON.stringify(value))
  }
  if (thing.size !== undefined) note(thing.size, 'f:size')
  for (const [key, value] of Object.entries(thing.nested ?? {})) note(value, 'f:nested', `f:${key}`)
  for (const [key, value] of Object.entries(thing.labels ?? {})) note(value, 'f:labels', `f:${key}`)
  if (thing.whole !== undefined) note(thing.whole, 'f:whole')
  for (const tag of thing.tags ?? []) note(tag, 'f:tags', `v:"${tag}"`)
  for (const { name, image, args, env } of thing.items ?? []) {
    const at = ['f:items', `k:{"name":"${name}"}`]
    note('there', ...at)
    note(name, ...at, 'f:name')
    if (image !== undefined) note(image, ...at, 'f:image')
    if (args !== undefined) note(args, ...at, 'f:args')
    for (const [key, value] of Object.entries(env ?? {})) note(value, ...at, 'f:env', `f:${key}`)
  }
  return flat
}

interface Model {
  live: Map<string, string>
  /** By manager and way of writing. */
  readonly owners: Map<string, Set<string>>
}

function others(model: Model, self: string): readonly (readonly [string, Set<string>])[] {
  return [...model.owners].filter(([owner]) => owner !== self)
}

function modelUpdate(model: Model, manager: string, next: Flat): void {
  const changed = [...next.keys()].filter(path => model.live.get(path) !== next.get(path))
  const removed = [...model.live.keys()].filter(path => !next.has(path))
  for (const owned of model.owners.values()) {
    for (const path of [...changed, ...removed]) owned.delete(path)
  }
  const self = `${manager} Update`
  model.owners.set(self, new Set([...(model.owners.get(self) ?? []), ...changed]))
  model.live = new Map(next)
}

/** False where it conflicts; then nothing has changed. */
function modelApply(model: Model, manager: string, config: Flat, force: boolean): boolean {
  const self = `${manager} Apply`
  const changed = [...config.keys()].filter(path => model.live.get(path) !== config.get(path))
  const conflicts = others(model, self).some(([, owned]) => changed.some(path => owned.has(path)))
  if (conflicts && !force) return false
  const dropped = [...(model.owners.get(self) ?? [])].filter(path => !config.has(path))
  const unwanted = dropped.filter(path => !others(model, self).some(([, owned]) => owned.has(path)))
  for (const [, owned] of others(model, self)) for (const path of changed) owned.delete(path)
  for (const [path, value] of config) model.live.set(path, value)
  for (const path of unwanted) {
    for (const inner of model.live.keys()) {
      if (inner !== path && !inner.startsWith(`${path}${joint}`)) continue
      model.live.delete(inner)
      for (const owned of model.owners.values()) owned.delete(inner)
    }
  }
  model.owners.set(self, new Set(config.keys()))
  return true
}

// The sequences.

type Step =
  | {
      readonly kind: 'apply'
      readonly manager: string
      readonly thing: Thing
      readonly force: boolean
    }
  | { readonly kind: 'update'; readonly manager: string; readonly thing: Thing }

const managers = fc.constantFrom('one', 'two', 'three')
const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('apply' as const),
    manager: managers,
    thing: things,
    force: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('update' as const), manager: managers, thing: things }),
)

interface State {
  readonly object: JsonObject
  readonly entries: readonly ManagedEntry[]
}

function asJson(thing: Thing): JsonObject {
  return thing as unknown as JsonObject
}

/** Null where it conflicts. */
function applied(state: State, manager: string, thing: Thing, force: boolean): State | null {
  const { object, entries: before } = state
  const result = applyConfiguration(
    ownership,
    writer(manager),
    before,
    object,
    asJson(thing),
    force,
  )
  return result.kind === 'applied' ? result : null
}

function stepped(state: State, step: Step): State {
  if (step.kind === 'apply') {
    return applied(state, step.manager, step.thing, step.force) ?? state
  }
  const object = asJson(step.thing)
  const { manager } = step
  return {
    object,
    entries: ownersAfterUpdate(ownership, writer(manager), state.entries, state.object, object),
  }
}

const nothing: State = { object: {}, entries: [] }

function pathOf(text: string): readonly PathElement[] {
  return text.split(joint)
}

/** Every path that things can have. */
const universe = [
  ...flatten({
    size: 1,
    nested: { a: 'x', b: 'x' },
    labels: { k: 'x', l: 'x' },
    whole: {},
    tags: ['x', 'y'],
    items: ['n', 'o'].map(name => ({ name, image: 'x', args: [], env: { k: 'x', l: 'x' } })),
  }).keys(),
]

function ownedBy({ entries: of }: State, owner: string): readonly string[] {
  const entry = of.find(({ manager, operation }) => `${manager} ${operation}` === owner)
  return entry === undefined ? [] : universe.filter(path => has(entry.fields, pathOf(path)))
}

test('objects and owners end up as in the dumb model', () => {
  fc.assert(
    fc.property(fc.array(steps, { maxLength: 12 }), sequence => {
      const model: Model = { live: new Map(), owners: new Map() }
      let state = nothing
      for (const step of sequence) {
        const { manager, thing } = step
        if (step.kind === 'update') modelUpdate(model, manager, flatten(thing))
        else {
          const works = modelApply(model, manager, flatten(thing), step.force)
          expect(applied(state, manager, thing, step.force) !== null).toBe(works)
        }
        state = stepped(state, step)
        expect(flatten(state.object as Thing)).toEqual(model.live)
        for (const [owner, owned] of model.owners) {
          expect([owner, ...ownedBy(state, owner)]).toEqual([
            owner,
            ...universe.filter(path => owned.has(path)),
          ])
        }
      }
    }),
    { numRuns: 400 },
  )
})

test('applying twice changes nothing, nor does applying what is there in another order', () => {
  fc.assert(
    fc.property(fc.array(steps, { maxLength: 6 }), managers, things, (sequence, manager, thing) => {
      const before = sequence.reduce(stepped, nothing)
      const once = applied(before, manager, thing, true) ?? nothing
      const twice = applied(once, manager, thing, false) ?? nothing
      expect(twice.object).toEqual(once.object)
      expect(twice.entries).toEqual(once.entries)
    }),
  )
})

test('what is given was never written to', () => {
  fc.assert(
    fc.property(fc.array(steps, { maxLength: 6 }), steps, (sequence, step) => {
      const before = sequence.reduce(stepped, nothing)
      const text = JSON.stringify([before, step])
      stepped(before, step)
      expect(JSON.stringify([before, step])).toBe(text)
    }),
  )
})

test('appliers of disjoint fields never conflict, and have what they applied', () => {
  fc.assert(
    fc.property(things, things, (one, two) => {
      const { labels: _, nested: __, whole: ___, ...rest } = two
      const { size: ____, items: _____, tags: ______, ...first } = one
      const state = applied(nothing, 'one', first, false) ?? nothing
      const both = applied(state, 'two', rest, false)
      expect(both?.object ?? {}).toEqual({ ...state.object, ...rest })
      // Whoever applies nothing any more takes along what was theirs alone.
      const left = applied(both ?? nothing, 'one', {}, false)
      expect(left?.object).toEqual(rest)
      expect(left?.entries.map(({ manager }) => manager)).toEqual(
        Object.keys(rest).length === 0 ? [] : ['two'],
      )
    }),
  )
})

test('the elements of a configuration keep their order in the object', () => {
  const names = fc.uniqueArray(fc.constantFrom<string>('a', 'b', 'c', 'd', 'e', 'f'))
  fc.assert(
    fc.property(names, names, (live, config) => {
      const itemsOf = (list: readonly string[]): Thing => ({ items: list.map(name => ({ name })) })
      const state = applied(nothing, 'one', itemsOf(live), false) ?? nothing
      const result = applied(state, 'two', itemsOf(config), false)
      const order = ((result?.object['items'] ?? []) as readonly Json[]).map(
        entry => (entry as unknown as Item).name,
      )
      expect(order.filter(name => config.includes(name))).toEqual(config)
      const only = live.filter(name => !config.includes(name))
      expect(order.filter(name => !config.includes(name))).toEqual(only)
    }),
  )
})
