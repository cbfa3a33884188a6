// What an evaluation costs: every step one, and every value that is looked at by its size, so that no
// expression holds the server whatever it is given. Counterpart: the cost tracking of cel-go, whose units a step comes
// near for most expressions; where looking at a value costs more than cel-go says, as comparing large objects does, so it is here.
// Evaluation is synchronous, so one meter runs at a time; a program that another one asks for has its own.

import type { ASTNode } from '@marcbachmann/cel-js'
import { CelError } from './cel-error.js'

/** Steps of one evaluation; less than a tenth of a second. Kubernetes: PerCallLimit. */
export const stepsMax = 1_000_000
/** Of all evaluations of a policy with a binding and a parameter, or for one object. Kubernetes: RuntimeCELCostBudget. */
export const budgetSteps = 10 * stepsMax
/** Of all conditions under which a policy or webhook is asked. Kubernetes: RuntimeCELCostBudgetMatchConditions. */
export const conditionSteps = 2.5 * stepsMax

/** What some evaluations may cost together. */
export class Budget {
  /** Steps. */
  left: number

  constructor(steps: number = budgetSteps) {
    this.left = steps
  }
}

let left = 0

/**
 * For functions whose work is not that of their arguments: takes steps before they are done.
 * Throws CelError.
 */
export function spend(cost: number): void {
  left -= cost
  if (left < 0) throw new CelError('call-limit', 'operation cancelled: actual cost limit exceeded')
}

/** Runs `work` within what one evaluation, and the budget, may cost. Throws CelError. */
export function metered<T>(budget: Budget, work: () => T): T {
  const outer = left
  const given = Math.max(0, Math.min(stepsMax, budget.left))
  left = given
  try {
    const value = work()
    // A logical operator may have swallowed what the meter threw.
    if (left < 0) spend(0)
    return value
  } catch (error) {
    if (left < 0 && given < stepsMax) throw new CelError('budget', outOfBudget)
    throw error
  } finally {
    budget.left -= given - left
    left = outer
  }
}

const outOfBudget =
  'validation failed due to running out of cost budget, no further validation rules will be run'

type Evaluate = (this: unknown, evaluator: unknown, node: unknown, context: unknown) => unknown

/** A node as far as it is looked at here; the library's declarations leave these open. */
export interface Node {
  readonly op: string
  readonly args: unknown
  readonly meta: Readonly<Record<string, unknown>>
  readonly start: number
  readonly end: number
  evaluate: Evaluate
}

export function asNode(ast: ASTNode): Node {
  return ast as unknown as Node
}

export function isNode(value: object): value is Node {
  return 'op' in value && 'args' in value && 'evaluate' in value && 'meta' in value
}

/** Every node that can be reached, also those that macros stand for, once, with the one above it. */
export function eachNode(ast: Node, visit: (node: Node, above: Node | null) => void): void {
  walk(ast, null, visit, new Set())
}

function walk(
  value: unknown,
  above: Node | null,
  visit: (node: Node, above: Node | null) => void,
  seen: Set<object>,
): void {
  if (typeof value !== 'object' || value === null || seen.has(value)) return
  seen.add(value)
  if (isNode(value)) {
    visit(value, above)
    walk(value.meta, value, visit, seen)
    walk(value.args, value, visit, seen)
    return
  }
  for (const inner of Object.values(value)) walk(inner, above, visit, seen)
}

/** Puts the meter around every node. */
export function meterNodes(ast: Node): void {
  eachNode(ast, (node, above) => meterNode(node, charged(node, above)))
}

/** By what the node above does with a value: look through all of it, at its keys, or at one field. */
function charged(node: Node, above: Node | null): (value: unknown) => number {
  if (node.op.startsWith('accu')) return nothing
  if (above === null || typeof above.args !== 'object' || above.args === null) return sizeOf
  if (selects.has(above.op) && Array.isArray(above.args) && above.args[0] === node) return nothing
  if (above.op !== 'comprehension') return sizeOf
  if ('step' in above.args && above.args.step === node) return nothing
  return 'iterable' in above.args && above.args.iterable === node ? keysOf : sizeOf
}

const selects: ReadonlySet<string> = new Set(['.', '.?', '[]', '[?]'])
const nothing = () => 0
const keysOf = (value: unknown) => (value instanceof Map ? value.size : 0)

function meterNode(node: Node, cost: (value: unknown) => number): void {
  let inner = node.evaluate
  const counted: Evaluate = function (this: unknown, evaluator, self, context) {
    if (--left < 0) spend(0)
    const value = inner.call(this, evaluator, self, context)
    const more = cost(value)
    if (more > 0) spend(more)
    return value
  }
  // A node settles on its way of evaluation when it is first used, by setting the property.
  Object.defineProperty(node, 'evaluate', {
    get: () => counted,
    set: (settled: Evaluate) => {
      inner = settled
    },
  })
}

const charactersPerStep = 16
const weights = new WeakMap<object, number>()

/** Steps that looking through a value takes. */
export function sizeOf(value: unknown): number {
  if (typeof value === 'string') return Math.floor(value.length / charactersPerStep)
  if (typeof value !== 'object' || value === null) return 0
  const known = weights.get(value)
  if (known !== undefined) return known
  let weight = 0
  if (Array.isArray(value)) for (const inner of value) weight += 1 + sizeOf(inner)
  else if (value instanceof Map) for (const inner of value.values()) weight += 1 + sizeOf(inner)
  else if (isPlain(value)) for (const inner of Object.values(value)) weight += 1 + sizeOf(inner)
  // An empty list may be one that is being filled.
  if (weight > 0) weights.set(value, weight)
  return weight
}

/** What a map in an expression is evaluated to. */
function isPlain(value: object): boolean {
  return Object.getPrototypeOf(value) === Object.prototype
}
