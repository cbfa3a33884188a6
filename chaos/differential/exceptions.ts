// Where ours is not meant to be equal to the reference, which is Debian's etcd 3.4: one entry a
// difference, with its reason. docs/etcd.md has the same list, word for word, and a test compares
// them. What is in no entry is a mistake of ours.

import { withoutBlindSpots } from './blind-spots.js'
import { asText, type Message, type Operation, type Value } from './operation.js'
import { closedForReader, refusedToReader } from './readers-watches.js'
import { withoutTies } from './ties.js'

export interface Exception {
  /** In one line; what etcd does there, and what ours does. */
  readonly difference: string
  readonly reason: string
  /** The operation without that in which the two differ. */
  readonly avoid?: (operation: Operation) => Operation
  /** What ours answers to such an operation, of which etcd is not asked; null to all others. */
  readonly refusal?: (operation: Operation) => Message | null
  /** An answer of either in a form in which both are equal. */
  readonly settle?: (operation: Operation, answer: Message) => Message
}

const invalid = (text: string): Message => ({ error: 'INVALID_ARGUMENT', text })
const malformed = (text: string): Message => invalid(`raftsman: request is malformed: ${text}`)
const unknownSort = invalid('etcdserver: invalid sort option')

export const exceptions: readonly Exception[] = [
  {
    difference:
      'One branch of a transaction puts a key and deletes it, where etcd does not see the overlap: the deletion is open-ended (`range_end` "\\0"), or stands in a nested transaction behind another nested one with the put',
    reason:
      'Ours refuses it as `duplicate key`, as etcd does wherever it sees it. A put with `ignore_value` or `ignore_lease` behind such a deletion makes etcd 3.4.23 panic (seen with a lone member)',
    avoid: ofTxn(withoutBlindSpots),
  },
  {
    difference: 'An explicitly written, empty `range_end`',
    reason:
      "To etcd's Range and DeleteRange it is an open end, where an absent one is the single key. Ours takes both for absent: nobody deletes everything by writing out a default",
    // toWire leaves out what is empty.
  },
  {
    difference: 'A range inside of a transaction with a revision below zero',
    reason:
      'etcd calls it compacted once something has been; ours reads the newest, as both do outside of transactions',
    avoid: ofTxn(txn =>
      withRanges(txn, range => (range['revision'] === -1 ? newest(range) : range)),
    ),
  },
  {
    difference: 'A sort order or a sort target that is not known',
    reason:
      '`invalid sort option`, as in later versions. etcd 3.4 takes an unknown order for none, and ends with a panic at an unknown target',
    refusal: operation => (firstUnknown(operation) === 'sort' ? unknownSort : null),
  },
  {
    difference: 'A comparison in Txn of a kind or a target that is not known',
    reason:
      'Refused, for a client that is newer than the server should hear of it. To etcd it holds, or compares with nothing',
    refusal: operation => {
      const unknown = firstUnknown(operation)
      if (unknown === 'result') return malformed('a comparison is not known')
      return unknown === 'target' ? malformed('a target of a comparison is not known') : null
    },
  },
  {
    difference: 'LeaseGrant with an id below zero, or from 2^53 - 1 on',
    reason: 'Refused: numbers here have 53 bits. Servers pick ids that fit',
    refusal: operation => {
      if (operation.call !== 'LeaseGrant') return null
      const id = BigInt(asText(operation.request['ID'] ?? 0))
      const largest = BigInt(Number.MAX_SAFE_INTEGER)
      if (id >= 0n && id < largest) return null
      if (id > largest) return invalid('raftsman: integers beyond 2^53 are not served')
      return malformed('a lease needs an id between zero and 2^53 - 1')
    },
  },
  {
    difference: 'The order of equals in a range that is sorted by something else than the key',
    reason: "etcd's sort is not stable and promises none; ours keeps the order of keys",
    settle: withoutTies,
  },
  {
    difference: 'The order of the leases of LeaseLeases and of the keys of LeaseTimeToLive',
    reason: "A hash table's in etcd; ours is that of ids and of keys",
    settle: (operation, answer) =>
      operation.call === 'LeaseLeases' || operation.call === 'LeaseTimeToLive'
        ? { ...answer, ...sorted(answer, 'leases'), ...sorted(answer, 'keys') }
        : answer,
  },
  {
    difference: 'A watch whose start revision is below zero',
    reason: 'What etcd 3.4 does depends on the moment',
    // None is made up.
  },
  {
    difference:
      'A watch of all keys from one on (`range_end` "\\0") by a user who may read that one, and not all of them',
    reason:
      'etcd 3.4 looks for the permission of that one alone, and lets it through; ours looks at all that it would see',
    avoid: closedForReader,
  },
  {
    difference: 'The reason for which a user who may not read everything is refused an empty range',
    reason:
      'etcd 3.4 looks for its permission first, and what it finds depends on what else the user may; ours says that it is empty, for there is nothing to read',
    settle: refusedToReader,
  },
  {
    difference: 'Progress on demand while events are under way',
    reason:
      'etcd 3.4 answers at once and may run ahead of events (etcd issue 15220); ours is in order',
    // The duel asks for it when every event has arrived.
  },
]

/** The operation as both can be asked. */
export const avoided = (operation: Operation): Operation =>
  exceptions.reduce((rest, { avoid }) => avoid?.(rest) ?? rest, operation)

/** The answer that ours is to give where etcd is not asked. */
export function refusalOf(operation: Operation): Message | null {
  for (const { refusal } of exceptions) {
    const answer = refusal?.(operation) ?? null
    if (answer !== null) return answer
  }
  return null
}

export const settled = (operation: Operation, answer: Message): Message =>
  exceptions.reduce((rest, { settle }) => settle?.(operation, rest) ?? rest, answer)

function ofTxn(change: (txn: Message) => Message): (operation: Operation) => Operation {
  return operation =>
    operation.call === 'Txn' ? { ...operation, request: change(operation.request) } : operation
}

const newest = (range: Message): Message => ({ ...range, revision: 0 })

function withRanges(txn: Message, change: (range: Message) => Message): Message {
  const rest: Record<string, Value> = { ...txn }
  for (const branch of ['success', 'failure']) {
    if (txn[branch] === undefined) continue
    rest[branch] = (txn[branch] as readonly Message[]).map(operation => {
      const range = operation['request_range'] as Message | undefined
      const nested = operation['request_txn'] as Message | undefined
      if (range !== undefined) return { request_range: change(range) }
      return nested === undefined ? operation : { request_txn: withRanges(nested, change) }
    })
  }
  return rest
}

type Unknown = 'sort' | 'result' | 'target'

/** Enums that are given as numbers are those that have no name. */
const isUnknown = (value: Value | undefined): boolean => typeof value === 'number'

const unknownOfRange = (range: Message): Unknown | null =>
  isUnknown(range['sort_order']) || isUnknown(range['sort_target']) ? 'sort' : null

/** What ours comes to first as it reads a request. */
function firstUnknown({ call, ...operation }: Operation): Unknown | null {
  if (!('request' in operation)) return null
  if (call === 'Range') return unknownOfRange(operation.request)
  return call === 'Txn' ? unknownOfTxn(operation.request) : null
}

function unknownOfTxn(txn: Message): Unknown | null {
  for (const compare of (txn['compare'] ?? []) as readonly Message[]) {
    if (isUnknown(compare['result'])) return 'result'
    if (isUnknown(compare['target'])) return 'target'
  }
  for (const branch of [txn['success'], txn['failure']]) {
    for (const operation of (branch ?? []) as readonly Message[]) {
      const range = operation['request_range'] as Message | undefined
      const nested = operation['request_txn'] as Message | undefined
      const found =
        range === undefined
          ? nested === undefined
            ? null
            : unknownOfTxn(nested)
          : unknownOfRange(range)
      if (found !== null) return found
    }
  }
  return null
}

function sorted(answer: Message, field: string): Message {
  const items = answer[field]
  if (!Array.isArray(items)) return {}
  const texts = (items as readonly Value[]).map(item => JSON.stringify(item))
  return { [field]: texts.toSorted() }
}
