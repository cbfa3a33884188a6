// Small histories with one broken promise each, and what the checker says of them.

import { describe, expect, it } from 'vitest'
import type { Call, Operation, Sighting } from '../run/operation.js'
import type { Change } from './revision-order.js'
import { RevisionOrder } from './revision-order.js'

const put = (revision: number, key: string, value: string, more: Partial<Change> = {}): Change => ({
  revision,
  kind: 'put',
  key,
  value,
  version: 1,
  createRevision: revision,
  ...more,
})

const deletion = (revision: number, key: string): Change => ({
  ...put(revision, key, ''),
  kind: 'delete',
  version: 0,
  createRevision: 0,
})

type Told = Partial<Operation['answer'] & object> & { readonly revision: number }

/** What a client was told; null: nothing, and it may have happened. */
const told = (call: Call, answer: Told | null, floor = 1): Operation => ({
  client: 1,
  call,
  calledMs: 0,
  floor,
  answer: answer === null ? null : { atMs: 1, member: 1, ...answer },
  outcome: answer === null ? 'unknown' : 'answered',
})

const seen = (revision: number, value: string | null): Sighting => ({ revision, value })
const absent = seen(0, null)
const history = [
  put(2, 'a', 'one'),
  put(3, 'a', 'two', { version: 2, createRevision: 2 }),
  deletion(4, 'a'),
  put(5, 'l', 'x'),
  put(5, 'm', 'x'),
]

const judge = (operations: readonly Operation[], changes = history) =>
  new RevisionOrder(changes).judge(operations).map(({ check }) => check)

describe('the order of revisions', () => {
  it('finds nothing wrong with what was answered as it happened', () => {
    const right = [
      told({ kind: 'put', key: 'a', value: 'one' }, { revision: 2 }),
      told({ kind: 'read', key: 'a' }, { revision: 2, found: seen(2, 'one') }),
      told(
        { kind: 'swap', key: 'a', seen: seen(2, 'one'), value: 'two' },
        { revision: 3, succeeded: true },
      ),
      told(
        { kind: 'swap', key: 'a', seen: seen(2, 'one'), value: 'six' },
        { revision: 3, succeeded: false },
      ),
      told({ kind: 'delete', key: 'a' }, { revision: 4, succeeded: true }),
      told({ kind: 'delete', key: 'a' }, { revision: 4, succeeded: false }),
      told({ kind: 'put', key: 'b', value: 'lost' }, null),
      told(
        { kind: 'append', item: 'x', lists: ['l', 'm'].map(key => ({ key, seen: absent })) },
        { revision: 5, succeeded: true },
      ),
    ]
    expect(judge(right)).toEqual([])
  })

  it.each<[string, string, Operation]>([
    [
      'an acknowledged write that is not there',
      'acknowledged-writes',
      told({ kind: 'put', key: 'a', value: 'three' }, { revision: 5 }),
    ],
    [
      'one that is somewhere else',
      'acknowledged-writes',
      told({ kind: 'put', key: 'a', value: 'one' }, { revision: 3 }),
    ],
    [
      'a refused write that happened',
      'not-applied',
      {
        ...told({ kind: 'put', key: 'a', value: 'one' }, null),
        outcome: 'not-applied',
      },
    ],
    [
      'a write from before it was asked',
      'revision-witness',
      told({ kind: 'put', key: 'a', value: 'one' }, null, 2),
    ],
    [
      'an answer that is older than what was known',
      'revision-witness',
      told({ kind: 'read', key: 'a' }, { revision: 2, found: seen(2, 'one') }, 3),
    ],
    [
      'a read of another state',
      'revision-witness',
      told({ kind: 'read', key: 'a' }, { revision: 3, found: seen(2, 'one') }),
    ],
    [
      'a swap of what was not seen',
      'revision-witness',
      told(
        { kind: 'swap', key: 'a', seen: absent, value: 'two' },
        { revision: 3, succeeded: true },
      ),
    ],
    [
      'a swap that failed for no reason',
      'revision-witness',
      told(
        { kind: 'swap', key: 'a', seen: seen(2, 'one'), value: 'six' },
        { revision: 2, succeeded: false },
      ),
    ],
    [
      'a deletion that is not there',
      'acknowledged-writes',
      told({ kind: 'delete', key: 'a' }, { revision: 3, succeeded: true }),
    ],
    [
      'half a transaction',
      'revision-witness',
      told(
        { kind: 'append', item: 'x', lists: ['l', 'm', 'n'].map(key => ({ key, seen: absent })) },
        { revision: 5, succeeded: true },
      ),
    ],
  ])('finds %s', (_name, check, operation) => {
    expect(judge([operation])).toContain(check)
  })

  it('finds gaps, versions that do not count up, and deletions of nothing in the history', () => {
    expect(judge([], [put(2, 'a', 'one'), put(4, 'b', 'two')])).toEqual(['history'])
    expect(judge([], [put(2, 'a', 'one'), put(3, 'a', 'two')])).toEqual(['history'])
    expect(judge([], [deletion(2, 'a')])).toEqual(['history'])
    expect(judge([], [put(2, 'a', 'one'), put(3, 'b', 'one')])).toEqual(['acknowledged-writes'])
  })
})
