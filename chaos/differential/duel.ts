// Two servers, one sequence of operations, the first difference. Reads that follow one another are
// under way together; a write is alone, because servers order what is under way together as they
// like. Watches are compared when they have settled: everything that was written has arrived.

import { must } from '../../platform/errors.js'
import { refusalOf, settled } from './exceptions.js'
import { isRead, type Message, type Operation, type Value } from './operation.js'
import type { Answer, Side } from './side.js'
import type { WatchRecord, WatchStream } from './watch-record.js'

const readsAtOnceMax = 32
/** etcd takes 128 operations a transaction. */
const settlingKeysMax = 100

export interface Difference {
  /** Of the operation that showed it, in the sequence. */
  readonly at: number
  readonly operation: Operation
  /** What kind of difference it is; stays the same while a sequence is made smaller. */
  readonly kind: string
  readonly reference: Value
  readonly subject: Value
}

interface WatchPlan {
  readonly stream: string
  readonly id: number
  readonly key: string
  readonly noPut: boolean
  readonly noDelete: boolean
  /** Symbols are resolved. */
  readonly startRevision: number
  /** Events that have been compared. */
  compared: number
}

export class Duel {
  readonly #reference: Side
  readonly #subject: Side
  readonly #watches = new Map<string, WatchPlan>()
  readonly #subjectIsOurs: boolean
  #unsettled = false

  constructor(reference: Side, subject: Side, subjectIsOurs: boolean) {
    this.#reference = reference
    this.#subject = subject
    this.#subjectIsOurs = subjectIsOurs
  }

  /** Null when there is no difference up to the end of the sequence. */
  async run(operations: Iterable<Operation>): Promise<Difference | null> {
    let reads: { readonly at: number; readonly operation: Operation }[] = []
    let at = 0
    const finishReads = async (): Promise<Difference | null> => {
      const batch = reads
      reads = []
      const found = await Promise.all(batch.map(one => this.#both(one.at, one.operation)))
      return found.find(difference => difference !== null) ?? null
    }
    for (const operation of operations) {
      if (isRead(operation)) {
        reads.push({ at, operation })
        if (reads.length >= readsAtOnceMax) {
          const difference = await finishReads()
          if (difference !== null) return difference
        }
      } else {
        const difference = (await finishReads()) ?? (await this.#alone(at, operation))
        if (difference !== null) return difference
      }
      at += 1
    }
    return (await finishReads()) ?? (await this.#settle(at - 1, { call: 'Settle' }))
  }

  async #alone(at: number, operation: Operation): Promise<Difference | null> {
    if (operation.call === 'Settle') return await this.#settle(at, operation)
    // What a watch that has not caught up sees of these depends on the moment.
    const settles =
      operation.call === 'WatchCancel' ||
      operation.call === 'WatchClose' ||
      operation.call === 'WatchProgress' ||
      operation.call === 'Compact'
    if (settles && this.#unsettled) {
      const difference = await this.#settle(at, operation)
      if (difference !== null) return difference
    }
    const difference = await this.#both(at, operation)
    if (operation.call === 'WatchClose') this.#forget(operation.stream)
    return difference
  }

  async #both(at: number, operation: Operation): Promise<Difference | null> {
    if (operation.call === 'Settle') return null
    const refusal = refusalOf(operation)
    if (refusal !== null) {
      // No etcd is asked: it may not survive that.
      if (!this.#subjectIsOurs) return null
      const answer = await this.#subject.perform(operation)
      return this.#compare(at, operation, operation.call, refusal, answer)
    }
    const [reference, subject] = await Promise.all([
      this.#reference.perform(operation),
      this.#subject.perform(operation),
    ])
    const { call } = operation
    if (call === 'Watch') this.#began(operation.stream, operation.request, reference)
    else if (call === 'Watches') {
      const answers = (reference['answers'] ?? []) as readonly Message[]
      for (const [index, request] of operation.requests.entries()) {
        this.#began(operation.stream, request, answers[index] ?? {})
      }
    } else if (this.#watches.size > 0) this.#unsettled = true
    this.#learnRevision(reference)
    const [one, other] = [settled(operation, reference), settled(operation, subject)]
    return this.#compare(at, operation, operation.call, one, other)
  }

  #learnRevision(answer: Answer): void {
    const header = answer['header'] as Message | undefined
    const revision = Math.max(this.#reference.symbols.revision, Number(header?.['revision'] ?? 0))
    this.#reference.symbols.revision = revision
    this.#subject.symbols.revision = revision
  }

  #compare(
    at: number,
    operation: Operation,
    kind: string,
    reference: Value,
    subject: Value,
  ): Difference | null {
    if (JSON.stringify(reference) === JSON.stringify(subject)) return null
    return { at, operation, kind, reference, subject }
  }

  #began(stream: string, request: Message, answer: Answer): void {
    if (answer['created'] !== true || answer['canceled'] === true) return
    const id = Number(answer['watch_id'] ?? 0)
    const filters = (request['filters'] ?? []) as readonly Value[]
    this.#watches.set(`${stream}/${id}`, {
      stream,
      id,
      key:
        request['key'] === undefined || request['key'] === '' ? '\0' : (request['key'] as string),
      noPut: filters.includes('NOPUT'),
      noDelete: filters.includes('NODELETE'),
      startRevision: this.#reference.symbols.integer(request['start_revision'] ?? 0).toNumber(),
      compared: 0,
    })
    this.#unsettled = true
  }

  #forget(stream: string): void {
    for (const [name, plan] of this.#watches) {
      if (plan.stream === stream) this.#watches.delete(name)
    }
  }

  /** Writes what every watch must see, waits for it, and compares all that came. */
  async #settle(at: number, operation: Operation): Promise<Difference | null> {
    if (this.#watches.size === 0) return null
    const sides = [this.#reference, this.#subject]
    const live = [...this.#watches.values()].filter(
      plan =>
        !(plan.noPut && plan.noDelete) &&
        sides.some(side => recordOf(side, plan)?.canceled === null),
    )
    // Those that see no puts must be given something to delete, and before the others' last event.
    const filtered = live.filter(({ noPut }) => noPut)
    const made = await this.#touch(at, 'request_put', filtered)
    const removed = await this.#touch(at, 'request_delete_range', filtered)
    const put = await this.#touch(at, 'request_put', live)
    const difference = made.difference ?? removed.difference ?? put.difference
    if (difference !== null) return difference
    const waits = live.flatMap(plan => {
      const { revision } = plan.noPut ? removed : put
      if (plan.startRevision > revision) return []
      return sides.map(side => arrived(side, plan, revision))
    })
    await Promise.all(waits)
    this.#unsettled = false
    return await this.#compareWatches(at, operation)
  }

  async #touch(
    at: number,
    kind: 'request_put' | 'request_delete_range',
    plans: readonly WatchPlan[],
  ): Promise<{ readonly revision: number; readonly difference: Difference | null }> {
    const keys = [...new Set(plans.map(({ key }) => key))].slice(0, settlingKeysMax)
    if (keys.length === 0) return { revision: 0, difference: null }
    const value = kind === 'request_put' ? { value: 'settled' } : {}
    const success = keys.map(key => ({ [kind]: { key, ...value } }))
    const difference = await this.#both(at, { call: 'Txn', request: { success } })
    return { revision: this.#reference.symbols.revision, difference }
  }

  async #compareWatches(at: number, operation: Operation): Promise<Difference | null> {
    const broken = [...this.#subject.streams.values()].flatMap(stream => stream.broken)[0]
    if (broken !== undefined) {
      return { at, operation, kind: 'watch rule', reference: 'kept', subject: broken }
    }
    for (const [name, plan] of this.#watches) {
      const reference = recordOf(this.#reference, plan)
      const subject = recordOf(this.#subject, plan)
      const difference = this.#compare(
        at,
        operation,
        'watch',
        seenSince(reference, plan),
        seenSince(subject, plan),
      )
      if (difference !== null) return difference
      plan.compared = reference?.events.length ?? 0
      if (reference === undefined || reference.canceled !== null) this.#watches.delete(name)
    }
    return null
  }
}

const streamOf = (side: Side, plan: WatchPlan): WatchStream =>
  must(side.streams.get(plan.stream), 'a watch has its stream')

function recordOf(side: Side, plan: WatchPlan): WatchRecord | undefined {
  return streamOf(side, plan).watches.get(plan.id)
}

async function arrived(side: Side, plan: WatchPlan, revision: number): Promise<void> {
  const record = recordOf(side, plan)
  if (record === undefined) return
  await streamOf(side, plan).until(
    () => record.lastRevision >= revision || record.canceled !== null,
  )
}

function seenSince(record: WatchRecord | undefined, plan: WatchPlan): Value {
  if (record === undefined) return { watch: 'not there' }
  const watch = `${plan.stream}/${plan.id}`
  const events = record.events.slice(plan.compared)
  return record.canceled === null ? { watch, events } : { watch, events, canceled: record.canceled }
}
