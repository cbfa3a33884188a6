// One operation of a differential run, as data: what a script line says, what both sides get. Messages
// have the field names of the proto files; bytes are latin1 text. What is not known when a sequence is
// made up has a symbol: `now-3` is a revision counted from the newest, `$a` a lease that was granted
// as `a`. So a sequence keeps its sense when others are taken out of it.

export type Value =
  | string
  | number
  | boolean
  /** Bytes or text that nobody wants to read. */
  | { readonly repeat: string; readonly times: number }
  | readonly Value[]
  | Message

export interface Message {
  readonly [field: string]: Value
}

/** A text or a number as it stands in a message; what is not there is empty. */
export function asText(value: Value | undefined): string {
  if (value === undefined) return ''
  return typeof value === 'object' ? JSON.stringify(value) : `${value}`
}

const unaryCalls = [
  'Range',
  'Put',
  'DeleteRange',
  'Txn',
  'Compact',
  'LeaseGrant',
  'LeaseRevoke',
  'LeaseTimeToLive',
  'LeaseLeases',
] as const

export type UnaryCall = (typeof unaryCalls)[number]

/** Whoever asks on this stream is a user with less rights than root, once there are users. */
export const readersStream = 'reader'

export type Operation =
  | {
      readonly call: UnaryCall
      readonly request: Message
      /** LeaseGrant: the symbol of the lease that comes of it. */
      readonly as?: string
    }
  | { readonly call: 'LeaseKeepAlive'; readonly request: Message }
  | { readonly call: 'Watch'; readonly stream: string; readonly request: Message }
  /** Creations that are all under way before the first of them is answered. */
  | { readonly call: 'Watches'; readonly stream: string; readonly requests: readonly Message[] }
  | { readonly call: 'WatchCancel'; readonly stream: string; readonly watch: number }
  | { readonly call: 'WatchProgress'; readonly stream: string }
  /** Closes the stream with all its watches. */
  | { readonly call: 'WatchClose'; readonly stream: string }
  /** Turns authentication on: root asks from here on, or on its stream one who may read this alone. */
  | { readonly call: 'Users'; readonly reads: readonly Message[] }
  /** Waits until a lease has run out that the key hangs on. */
  | { readonly call: 'Expiry'; readonly key: string }
  /** Writes to what is watched and waits until every watch has seen it. */
  | { readonly call: 'Settle' }

/** Changes nothing and may be under way beside others of its kind. */
export function isRead(operation: Operation): boolean {
  const { call } = operation
  if (call === 'Range' || call === 'LeaseLeases' || call === 'LeaseTimeToLive') return true
  if (call !== 'Txn') return false
  return [operation.request['success'], operation.request['failure']].every(
    branch => branch === undefined || onlyReads(branch),
  )
}

function onlyReads(branch: Value): boolean {
  if (!Array.isArray(branch)) return false
  return branch.every((operation: Message) => {
    if ('request_range' in operation) return true
    if (!('request_txn' in operation)) return false
    const txn = operation['request_txn'] as Message
    return [txn['success'], txn['failure']].every(inner => inner === undefined || onlyReads(inner))
  })
}

/** How many operations it stands for: those inside of a transaction count, its compares do not. */
export function weightOf(operation: Operation): number {
  return operation.call === 'Txn' ? 1 + weightOfTxn(operation.request) : 1
}

function weightOfTxn(txn: Message): number {
  let weight = 0
  for (const branch of [txn['success'], txn['failure']]) {
    if (!Array.isArray(branch)) continue
    for (const inner of branch as readonly Message[]) {
      const nested = inner['request_txn']
      weight += nested === undefined ? 1 : 1 + weightOfTxn(nested as Message)
    }
  }
  return weight
}
