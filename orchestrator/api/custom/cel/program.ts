// One CEL expression, compiled, and evaluated within a budget: every step costs one, and every value
// that is looked at costs by its size, so that no rule holds the server whatever it is given.
// Counterpart: k8s.io/apiserver's cel package around cel-go. The library parses and evaluates.

import { Environment } from '@marcbachmann/cel-js'
import type { ParseResult } from '@marcbachmann/cel-js'
import { linearMatches, withExtensions } from './extensions.js'

/** Steps of one evaluation; a few hundredths of a second. */
const stepsMax = 500_000
const expressionCharactersMax = 16_384

export class CelError extends Error {}

/** Not retried and not hidden by `||`: the budget stays spent. */
class Meter {
  left = 0

  spend(cost: number): void {
    this.left -= cost
    if (this.left < 0) throw new CelError('operation cancelled: actual cost limit exceeded')
  }
}

export interface Program {
  /** Throws CelError. */
  readonly run: (variables: Readonly<Record<string, unknown>>) => unknown
  /** Type as the checker found it: "bool", "string", "dyn". */
  readonly type: string
  readonly usesOldSelf: boolean
}

const environment = withExtensions(
  new Environment({
    enableOptionalTypes: true,
    homogeneousAggregateLiterals: false,
    limits: { maxAstNodes: 5_000, maxDepth: 64 },
  })
    .registerVariable('self', 'dyn')
    .registerVariable('oldSelf', 'dyn'),
)

const programsMax = 2_000
const programs = new Map<string, Program | CelError>()

/** Throws CelError with what is wrong with the expression. */
export function compileCel(expression: string): Program {
  const known = programs.get(expression) ?? compiled(expression)
  if (programs.size >= programsMax) programs.clear()
  programs.set(expression, known)
  if (known instanceof CelError) throw known
  return known
}

function compiled(expression: string): Program | CelError {
  if (expression.length > expressionCharactersMax) return new CelError('the expression is too long')
  const meter = new Meter()
  let parsed: ParseResult
  try {
    parsed = environment.parse(expression)
  } catch (error) {
    return new CelError(firstLine(error))
  }
  const names = new Set<string>()
  meterNodes(parsed.ast, meter, names, new Set())
  const checked = parsed.check()
  if (!checked.valid) return new CelError(firstLine(checked.error))
  return {
    type: checked.type ?? 'dyn',
    usesOldSelf: names.has('oldSelf'),
    run: variables => {
      meter.left = stepsMax
      try {
        const value: unknown = parsed(variables)
        if (meter.left < 0) throw new CelError('operation cancelled: actual cost limit exceeded')
        return value
      } catch (error) {
        if (error instanceof CelError) throw error
        throw new CelError(firstLine(error))
      }
    },
  }
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.split('\n', 1)[0] ?? ''
}

type Evaluate = (this: unknown, ...args: unknown[]) => unknown

/** What the library calls a node, as far as it is looked at here. */
interface Node {
  readonly op: string
  readonly args: unknown
  readonly meta: Readonly<Record<string, unknown>>
  evaluate: Evaluate
}

function isNode(value: object): value is Node {
  return 'op' in value && 'args' in value && 'evaluate' in value && 'meta' in value
}

/** Puts the meter around every node that can be reached, also those that macros stand for. */
function meterNodes(value: unknown, meter: Meter, names: Set<string>, seen: Set<object>): void {
  if (typeof value !== 'object' || value === null || seen.has(value)) return
  seen.add(value)
  if (isNode(value)) {
    if (value.op === 'id' && typeof value.args === 'string') names.add(value.args)
    renameSlow(value)
    meterNode(value, meter)
    meterNodes(value.meta, meter, names, seen)
    meterNodes(value.args, meter, names, seen)
    return
  }
  for (const inner of Object.values(value)) meterNodes(inner, meter, names, seen)
}

/** The library's own matching backtracks. */
function renameSlow({ op, args }: Node): void {
  if (op !== 'rcall' || !Array.isArray(args)) return
  const call: unknown[] = args
  if (call[0] === 'matches') call[0] = linearMatches
}

function meterNode(node: Node, meter: Meter): void {
  let inner = node.evaluate
  const accumulates = node.op.startsWith('accu')
  const metered: Evaluate = function (this: unknown, ...args) {
    meter.spend(1)
    const value = inner.apply(this, args)
    if (!accumulates) meter.spend(sizeOf(value))
    return value
  }
  // A node settles on its way of evaluation when it is first used, by setting the property.
  Object.defineProperty(node, 'evaluate', {
    get: () => metered,
    set: (settled: Evaluate) => {
      inner = settled
    },
  })
}

const charactersPerStep = 16
const weights = new WeakMap<object, number>()

function sizeOf(value: unknown): number {
  if (typeof value === 'string') return Math.floor(value.length / charactersPerStep)
  if (typeof value !== 'object' || value === null) return 0
  if (!Array.isArray(value) && !(value instanceof Map)) return 0
  const known = weights.get(value)
  if (known !== undefined) return known
  let weight = 0
  for (const inner of value.values()) weight += 1 + sizeOf(inner)
  // An empty list may be one that is being filled.
  if (weight > 0) weights.set(value, weight)
  return weight
}
