// Is there an order of the operations, each at one moment between its call and its answer, in which a
// register would have given those answers? Wing and Gong's search with Lowe's memory of configurations
// (as in Knossos and Porcupine), for one key at a time: keys are independent, so all of them are
// linearizable exactly when each is (Herlihy and Wing, locality).

import { unreachable } from '../../platform/errors.js'

/** Null: the key is not there. */
export type RegisterValue = string | null

export type RegisterCall =
  | { readonly kind: 'read' }
  | { readonly kind: 'put'; readonly value: string }
  | { readonly kind: 'delete' }
  /** Puts `value` where `from` stands. */
  | { readonly kind: 'swap'; readonly from: RegisterValue; readonly value: string }

/** What was answered: what was read, whether there was something to delete, whether it was swapped. */
export type RegisterAnswer = RegisterValue | boolean

export interface RegisterOperation {
  readonly call: RegisterCall
  readonly calledMs: number
  /** Null: it is not known whether it happened. What certainly did not happen is left out. */
  readonly answer: { readonly atMs: number; readonly value: RegisterAnswer | undefined } | null
}

export interface LinearizabilityVerdict {
  readonly verdict: 'valid' | 'invalid' | 'unknown'
  /** Configurations looked at. */
  readonly steps: number
  /** The longest prefix that has an order, when there is none for the whole. */
  readonly linearized: number
}

interface Step {
  readonly value: RegisterValue
  readonly answer: RegisterAnswer | undefined
}

function apply(call: RegisterCall, value: RegisterValue): Step {
  switch (call.kind) {
    case 'read':
      return { value, answer: value }
    case 'put':
      return { value: call.value, answer: undefined }
    case 'delete':
      return { value: null, answer: value !== null }
    case 'swap':
      return call.from === value ? { value: call.value, answer: true } : { value, answer: false }
    default:
      return unreachable(call)
  }
}

/** A call or an answer, in the order of time; calls first where both are at one moment. */
interface Node {
  readonly operation: number
  readonly isCall: boolean
  readonly atMs: number
  previous: Node | null
  next: Node | null
  /** Of a call: its answer. */
  match: Node | null
}

/**
 * `stepsMax` bounds the search; beyond it the verdict is 'unknown'. Without `initial` the key is not there
 * at first.
 */
export function checkRegister(
  operations: readonly RegisterOperation[],
  stepsMax: number,
  initial: RegisterValue = null,
): LinearizabilityVerdict {
  const head = linked(operations)
  const done = new Bits(operations.length)
  const seen = new Set<string>()
  const stack: { readonly node: Node; readonly value: RegisterValue }[] = []
  const mustEnd = operations.filter(({ answer }) => answer !== null).length
  let value = initial
  let ended = 0
  let longest = 0
  let steps = 0
  let node = head.next
  while (ended < mustEnd) {
    if (node !== null && node.isCall) {
      steps += 1
      if (steps > stepsMax) return { verdict: 'unknown', steps, linearized: longest }
      const operation = operations[node.operation] as RegisterOperation
      const step = apply(operation.call, value)
      const fits = operation.answer === null || operation.answer.value === step.answer
      if (fits) {
        done.set(node.operation)
        const configuration = `${done.key()}/${step.value ?? ''}/${step.value === null}`
        if (!seen.has(configuration)) {
          seen.add(configuration)
          stack.push({ node, value })
          value = step.value
          if (operation.answer !== null) ended += 1
          longest = Math.max(longest, stack.length)
          lift(node)
          node = head.next
          continue
        }
        done.clear(node.operation)
      }
      node = node.next
      continue
    }
    // An answer whose call is not in the order yet (or the end): the last choice was wrong.
    const last = stack.pop()
    if (last === undefined) return { verdict: 'invalid', steps, linearized: longest }
    done.clear(last.node.operation)
    if (operations[last.node.operation]?.answer !== null) ended -= 1
    value = last.value
    unlift(last.node)
    node = last.node.next
  }
  return { verdict: 'valid', steps, linearized: longest }
}

function linked(operations: readonly RegisterOperation[]): Node {
  const nodes: Node[] = []
  operations.forEach(({ calledMs, answer }, operation) => {
    const end = answer?.atMs ?? Number.POSITIVE_INFINITY
    const back = node({ operation, isCall: false, atMs: end })
    const call = node({ operation, isCall: true, atMs: calledMs })
    call.match = back
    nodes.push(call, back)
  })
  nodes.sort((a, b) => a.atMs - b.atMs || Number(b.isCall) - Number(a.isCall))
  const head = node({ operation: -1, isCall: true, atMs: Number.NEGATIVE_INFINITY })
  let last = head
  for (const one of nodes) {
    last.next = one
    one.previous = last
    last = one
  }
  return head
}

function node(of: Pick<Node, 'operation' | 'isCall' | 'atMs'>): Node {
  return { ...of, previous: null, next: null, match: null }
}

/** Takes a call and its answer out of the list. */
function lift(call: Node): void {
  for (const one of [call, call.match as Node]) {
    if (one.previous !== null) one.previous.next = one.next
    if (one.next !== null) one.next.previous = one.previous
  }
}

/** Puts them back where they were: the last that were lifted first. */
function unlift(call: Node): void {
  for (const one of [call.match as Node, call]) {
    if (one.previous !== null) one.previous.next = one
    if (one.next !== null) one.next.previous = one
  }
}

class Bits {
  private readonly words: number[]

  constructor(size: number) {
    this.words = Array.from({ length: Math.ceil(size / 32) }, () => 0)
  }

  set(at: number): void {
    this.words[at >> 5] = (this.words[at >> 5] as number) | (1 << (at & 31))
  }

  clear(at: number): void {
    this.words[at >> 5] = (this.words[at >> 5] as number) & ~(1 << (at & 31))
  }

  key(): string {
    return this.words.join()
  }
}
