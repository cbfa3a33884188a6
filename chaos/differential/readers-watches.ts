// Watches of the user who may not read everything, where etcd 3.4 judges by more or by less than what
// they would see. Listed in exceptions.ts.

import { farEnd } from './blind-spots.js'
import { asText, readersStream, type Message, type Operation } from './operation.js'

const emptyRange = 'mvcc: watcher range is empty'
const permissionDenied = 'rpc error: code = PermissionDenied desc = etcdserver: permission denied'

/** With an end in place of an open one. */
export function closedForReader(operation: Operation): Operation {
  if (!('stream' in operation) || operation.stream !== readersStream) return operation
  if (operation.call === 'Watch') return { ...operation, request: closed(operation.request) }
  if (operation.call !== 'Watches') return operation
  return { ...operation, requests: operation.requests.map(closed) }
}

const closed = (watch: Message): Message =>
  watch['range_end'] === '\0' ? { ...watch, range_end: farEnd } : watch

/** That nothing can be seen is reason enough not to say which of two refusals it is. */
export function refusedToReader(operation: Operation, answer: Message): Message {
  if (!('stream' in operation) || operation.stream !== readersStream) return answer
  if (operation.call === 'Watch') return refusedWhenEmpty(operation.request, answer)
  if (operation.call !== 'Watches') return answer
  const answers = (answer['answers'] ?? []) as readonly Message[]
  return {
    ...answer,
    answers: answers.map((one, at) => refusedWhenEmpty(operation.requests[at] ?? {}, one)),
  }
}

function refusedWhenEmpty(watch: Message, answer: Message): Message {
  const { key, range_end: end = '' } = watch
  const reason = asText(answer['cancel_reason'])
  const empty = end !== '' && end !== '\0' && asText(key) >= asText(end)
  if (!empty || ![emptyRange, permissionDenied].includes(reason)) return answer
  return { ...answer, cancel_reason: 'empty or denied' }
}
