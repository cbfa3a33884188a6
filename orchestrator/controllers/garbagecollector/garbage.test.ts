import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { KubeObject, OwnerReference } from '../../api/object.js'
import { secondsAgo } from '../testing/objects.js'
import { OwnerGraph } from './graph.js'
import { decideGarbage, type OwnerState } from './reconcile.js'

const ref = (uid: string, more: Partial<OwnerReference> = {}): OwnerReference => ({
  apiVersion: 'v1',
  kind: 'Thing',
  name: uid,
  uid,
  ...more,
})

function thing(uid: string, owners: readonly OwnerReference[] = [], meta = {}): KubeObject {
  const metadata = { namespace: 'n', name: uid, uid, ownerReferences: owners, ...meta }
  return { apiVersion: 'v1', kind: 'Thing', metadata }
}

const dying = (finalizer: string) => ({
  deletionTimestamp: secondsAgo(1),
  finalizers: [finalizer],
})

describe('Garbage collector: what becomes of an object', () => {
  type Case = readonly [string, readonly OwnerState[], object, object]
  const background = { action: 'delete', policy: 'Background', unblock: null }
  const cases: readonly Case[] = [
    ['no owners: kept', [], {}, { action: 'keep' }],
    ['a living owner: kept', ['alive'], {}, { action: 'keep' }],
    ['its only owner gone: deleted', ['absent'], {}, background],
    ['all owners gone: deleted', ['absent', 'absent'], {}, background],
    ['an owner of an unknown kind may live: kept', ['unknown'], {}, { action: 'keep' }],
    [
      'one of two owners gone: the reference is dropped',
      ['alive', 'absent'],
      {},
      { action: 'set-owners', owners: [ref('o0')] },
    ],
    [
      'one owner lives, the other waits for its dependents: only the first is kept',
      ['alive', 'waiting'],
      {},
      { action: 'set-owners', owners: [ref('o0')] },
    ],
    [
      'an owner that waits, and dependents of its own: deleted from the foreground',
      ['waiting'],
      { hasDependents: true },
      { action: 'delete', policy: 'Foreground', unblock: null },
    ],
    ['an owner that waits, and no dependents: deleted', ['waiting'], {}, background],
    [
      'a cycle of waiting owners is broken by unblocking',
      ['waiting'],
      { hasDependents: true, dependentWaits: true },
      {
        action: 'delete',
        policy: 'Foreground',
        unblock: [ref('o0', { blockOwnerDeletion: false })],
      },
    ],
  ]
  for (const [name, states, more, wanted] of cases) {
    test(name, () => {
      const owners = states.map((state, index) => ({ reference: ref(`o${index}`), state }))
      const object = thing(
        'x',
        owners.map(one => one.reference),
      )
      const inputs = { object, owners, hasDependents: false, dependentWaits: false, ...more }
      expect(decideGarbage(inputs)).toEqual(wanted)
    })
  }
  for (const [finalizer, policy] of [
    ['orphan', 'Orphan'],
    ['foregroundDeletion', 'Foreground'],
  ] as const) {
    test(`the finalizer ${finalizer} asks for ${policy}`, () => {
      const object = thing('x', [ref('o')], { finalizers: [finalizer] })
      const owners = [{ reference: ref('o'), state: 'absent' as const }]
      const inputs = { object, owners, hasDependents: false, dependentWaits: false }
      expect(decideGarbage(inputs)).toMatchObject({ action: 'delete', policy })
    })
  }
})

describe('Garbage collector: the graph tells where to look', () => {
  test('a dependent seen before its owner does not condemn it', () => {
    const graph = new OwnerGraph()
    expect(graph.upsert(thing('pod', [ref('set')])).check).toEqual(['set'])
    expect(graph.get('set')?.observed).toBe(false)
    graph.upsert(thing('set'))
    const pod = graph.get('pod')
    expect(pod && graph.ownerStands(pod, ref('set'))).toBe(true)
  })
  test('the end of an owner sends us to its dependents', () => {
    const graph = new OwnerGraph()
    graph.upsert(thing('set'))
    graph.upsert(thing('a', [ref('set')]))
    graph.upsert(thing('b', [ref('set')]))
    expect(graph.remove('set').check.toSorted()).toEqual(['a', 'b'])
  })
  test('a foreground deletion sends us to the owner and its dependents', () => {
    const graph = new OwnerGraph()
    graph.upsert(thing('set'))
    graph.upsert(thing('a', [ref('set', { blockOwnerDeletion: true })]))
    graph.upsert(thing('b', [ref('set')]))
    const { check } = graph.upsert(thing('set', [], dying('foregroundDeletion')))
    expect(new Set(check)).toEqual(new Set(['set', 'a', 'b']))
    expect(graph.blockingDependentsOf('set').map(one => one.uid)).toEqual(['a'])
    expect(graph.remove('a').check).toContain('set')
    expect(graph.blockingDependentsOf('set')).toEqual([])
  })
  for (const [how, owners] of [
    ['lets go of', []],
    ['no longer blocks', [ref('set', { blockOwnerDeletion: false })]],
  ] as const) {
    test(`a dependent that ${how} its owner sends us to the owner that waits for it`, () => {
      const graph = new OwnerGraph()
      graph.upsert(thing('set', [], dying('foregroundDeletion')))
      graph.upsert(thing('a', [ref('set', { blockOwnerDeletion: true })]))
      expect(graph.upsert(thing('a', owners)).check).toContain('set')
      expect(graph.blockingDependentsOf('set')).toEqual([])
    })
  }
  test('an orphaning deletion is told once', () => {
    const graph = new OwnerGraph()
    graph.upsert(thing('set'))
    expect(graph.upsert(thing('set', [], dying('orphan'))).orphan).toEqual(['set'])
    expect(graph.upsert(thing('set', [], dying('orphan'))).orphan).toEqual([])
  })
  const wrong: readonly [string, OwnerReference][] = [
    ['name', ref('set', { name: 'other' })],
    ['kind', ref('set', { kind: 'Other' })],
    ['group', ref('set', { apiVersion: 'apps/v1' })],
  ]
  for (const [what, reference] of wrong) {
    test(`an owner of another ${what} than the reference says does not stand`, () => {
      const graph = new OwnerGraph()
      graph.upsert(thing('set'))
      expect(graph.upsert(thing('pod', [reference])).check).toContain('pod')
    })
  }
  test('an owner in another namespace does not stand', () => {
    const graph = new OwnerGraph()
    graph.upsert(thing('set', [], { namespace: 'elsewhere' }))
    expect(graph.upsert(thing('pod', [ref('set')])).check).toContain('pod')
  })
  test('cycles: objects that own one another are held without end', () => {
    const graph = new OwnerGraph()
    graph.upsert(thing('a', [ref('b')]))
    graph.upsert(thing('b', [ref('a')]))
    expect(graph.remove('a').check).toEqual(['b'])
    expect(graph.remove('b').check).toEqual([])
    expect(graph.size).toBe(0)
  })
  test('edges are those of a scan, and nothing is left when all is gone', () => {
    const uids = ['a', 'b', 'c', 'd']
    const change = fc.record({
      uid: fc.constantFrom(...uids),
      owners: fc.option(fc.uniqueArray(fc.constantFrom(...uids), { maxLength: 3 }), { nil: null }),
    })
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), changes => {
        const graph = new OwnerGraph()
        const model = new Map<string, readonly string[]>()
        for (const { uid, owners } of changes) {
          if (owners === null) {
            graph.remove(uid)
            model.delete(uid)
          } else {
            graph.upsert(
              thing(
                uid,
                owners.map(owner => ref(owner)),
              ),
            )
            model.set(uid, owners)
          }
          for (const one of uids) {
            const scanned = [...model].filter(([, all]) => all.includes(one)).map(([name]) => name)
            const found = graph.dependentsOf(one).map(dependent => dependent.uid)
            expect(new Set(found)).toEqual(new Set(scanned))
          }
        }
        for (const uid of uids) graph.remove(uid)
        expect(graph.size).toBe(0)
      }),
    )
  })
})
