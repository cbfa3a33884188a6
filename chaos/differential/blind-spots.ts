// Transactions that etcd lets through although one branch both puts and deletes a key: it does not see
// the overlap where the deletion is open-ended, or stands in a nested transaction behind another nested
// one with the put. Ours refuses those, so that the two would never be equal again; and a put of
// such a key with ignore_value makes a real etcd panic, again at every start. Listed in exceptions.ts.

import { asText, type Message, type Value } from './operation.js'

/** In place of an open end; above every key that is made up. */
export const farEnd = '\u00ff\u00ff\u00ff\u00ff'

/** The same transaction without what etcd does not see. */
export function withoutBlindSpots(txn: Message): Message {
  const rest: Record<string, Value> = { ...txn }
  for (const branch of ['success', 'failure']) {
    const operations = txn[branch]
    if (Array.isArray(operations)) rest[branch] = tamed(operations as readonly Message[])
  }
  return rest
}

function tamed(operations: readonly Message[]): Message[] {
  const putBefore: string[] = []
  return operations.map(operation => {
    const nested = operation['request_txn'] as Message | undefined
    if (nested !== undefined) {
      const inner = withoutBlindSpots(withoutDeletesOf(putBefore, nested))
      putBefore.push(...putsOf(inner))
      return { request_txn: inner }
    }
    const deletion = operation['request_delete_range'] as Message | undefined
    if (deletion?.['range_end'] !== '\0') return operation
    return { request_delete_range: { ...deletion, range_end: farEnd } }
  })
}

const branchesOf = (txn: Message): readonly (readonly Message[])[] =>
  ['success', 'failure'].map(branch => (txn[branch] ?? []) as readonly Message[])

function putsOf(txn: Message): string[] {
  return branchesOf(txn).flatMap(operations =>
    operations.flatMap(operation => {
      const nested = operation['request_txn'] as Message | undefined
      if (nested !== undefined) return putsOf(nested)
      const put = operation['request_put'] as Message | undefined
      return put === undefined ? [] : [asText(put['key'])]
    }),
  )
}

/** A range in place of each deletion that one of the keys may fall into. */
function withoutDeletesOf(keys: readonly string[], txn: Message): Message {
  const rest: Record<string, Value> = { ...txn }
  for (const branch of ['success', 'failure']) {
    const operations = txn[branch]
    if (!Array.isArray(operations)) continue
    rest[branch] = (operations as readonly Message[]).map(operation => {
      const nested = operation['request_txn'] as Message | undefined
      if (nested !== undefined) return { request_txn: withoutDeletesOf(keys, nested) }
      const deletion = operation['request_delete_range'] as Message | undefined
      if (deletion === undefined || !keys.some(key => covers(deletion, key))) return operation
      const { key = '', range_end: end = '' } = deletion
      return { request_range: { key, range_end: end } }
    })
  }
  return rest
}

function covers(deletion: Message, key: string): boolean {
  const start = asText(deletion['key'])
  const end = deletion['range_end']
  if (end === undefined || end === '') return key === start
  return key === start || (key >= start && (end === '\0' || key < asText(end)))
}
