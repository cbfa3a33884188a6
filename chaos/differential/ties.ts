// Ranges sorted by something else than the key: etcd promises no order among equals, and its sort
// gives none. So equals are compared as a set, and where a limit cuts through them, by their number. Listed in exceptions.ts.

import { asText, type Message, type Operation, type Value } from './operation.js'
import type { Answer } from './side.js'

const fields: Readonly<Record<string, string>> = {
  VERSION: 'version',
  CREATE: 'create_revision',
  MOD: 'mod_revision',
  VALUE: 'value',
}

/** The answer with equals in an order of ours. */
export function withoutTies(operation: Operation, answer: Answer): Answer {
  if (operation.call === 'Range') return rangeWithoutTies(operation.request, answer)
  if (operation.call === 'Txn') return txnWithoutTies(operation.request, answer)
  return answer
}

function txnWithoutTies(txn: Message, answer: Message): Message {
  const { responses } = answer
  if (!Array.isArray(responses)) return answer
  const branch = (txn[answer['succeeded'] === true ? 'success' : 'failure'] ?? []) as Message[]
  const settled = (responses as readonly Message[]).map((response, at) => {
    const operation = branch[at]
    const range = response['response_range'] as Message | undefined
    const nested = response['response_txn'] as Message | undefined
    if (range !== undefined && operation?.['request_range'] !== undefined) {
      return { response_range: rangeWithoutTies(operation['request_range'] as Message, range) }
    }
    if (nested !== undefined && operation?.['request_txn'] !== undefined) {
      return { response_txn: txnWithoutTies(operation['request_txn'] as Message, nested) }
    }
    return response
  })
  return { ...answer, responses: settled }
}

function rangeWithoutTies(range: Message, answer: Message): Message {
  const field = fields[asText(range['sort_target'])]
  const kvs = answer['kvs'] as readonly Message[] | undefined
  if (field === undefined || kvs === undefined) return answer
  // What it was sorted by is not to be seen then: all are equals.
  const hidden = field === 'value' && range['keys_only'] === true
  const groups: Message[][] = []
  for (const kv of kvs) {
    const group = groups.at(-1)
    const same = group !== undefined && (hidden || group[0]?.[field] === kv[field])
    if (same) group.push(kv)
    else groups.push([kv])
  }
  const settled: Value[] = groups.flatMap(group =>
    group.toSorted((a, b) => (asText(a['key']) < asText(b['key']) ? -1 : 1)),
  )
  const last = groups.at(-1)
  if (answer['more'] !== true || last === undefined) return { ...answer, kvs: settled }
  const by = hidden ? 'hidden' : (last[0]?.[field] ?? 'zero')
  const cut = { equals: last.length, by }
  return { ...answer, kvs: [...settled.slice(0, settled.length - last.length), cut] }
}
