// One CEL expression, compiled once for a language, and evaluated within a budget.
// Counterpart: k8s.io/apiserver/pkg/cel around cel-go. The library parses, checks and evaluates.

import type { Environment, ParseResult } from '@marcbachmann/cel-js'
import { CelError } from './cel-error.js'
import {
  compileProblem,
  markedProblem,
  parseProblem,
  runtimeProblem,
  undeclared,
} from './error-text.js'
import type { FunctionNames } from './error-text.js'
import { withPresence } from './library/presence.js'
import { withPlainLiterals } from './message-literals.js'
import { Budget, asNode, eachNode, meterNodes, metered } from './metering.js'
import type { Node } from './metering.js'
import { ownNames } from './own-names.js'

const expressionCharactersMax = 16_384
const programsMax = 2_000

/** `root.field`, where root is a variable of the language. */
export interface Selection {
  readonly root: string
  readonly field: string
  /** Of the dot, in the expression. */
  readonly offset: number
}

export interface Program {
  readonly expression: string
  /** Type as the checker found it: "bool", "string", "list<string>", "dyn". */
  readonly type: string
  /** Variables that it speaks of. */
  readonly names: ReadonlySet<string>
  readonly selections: readonly Selection[]
  /** For what is told of an expression before it runs. */
  readonly tree: Node
  /** Throws CelError. */
  readonly run: (variables: Readonly<Record<string, unknown>>, budget?: Budget) => unknown
}

/** A set of variables and functions, with the programs that were compiled for it. */
export class Language {
  readonly #environment: Environment
  readonly #functions: FunctionNames
  readonly #programs = new Map<string, Program | CelError>()

  constructor(environment: Environment) {
    this.#environment = environment
    const names = environment.getDefinitions().functions.map(({ name }) => name)
    this.#functions = new Set(names)
  }

  /** Throws CelError with what is wrong with the expression, in the words of cel-go. */
  compile(expression: string): Program {
    const known = this.#programs.get(expression) ?? this.#compiled(expression)
    if (this.#programs.size >= programsMax) this.#programs.clear()
    this.#programs.set(expression, known)
    if (known instanceof CelError) throw known
    return known
  }

  #compiled(expression: string): Program | CelError {
    if (expression.length > expressionCharactersMax) {
      return new CelError('compile', 'the expression is too long')
    }
    const source = withPlainLiterals(expression)
    if (source.unknown !== null) {
      const { name, offset } = source.unknown
      return new CelError('compile', markedProblem(expression, offset, undeclared(name)))
    }
    let parsed: ParseResult
    try {
      parsed = this.#environment.parse(source.text)
    } catch (error) {
      return new CelError('compile', parseProblem(expression, source, error))
    }
    const root = asNode(parsed.ast)
    eachNode(root, renameOwn)
    eachNode(root, withPresence)
    meterNodes(root)
    const checked = parsed.check()
    if (!checked.valid) {
      const text = compileProblem(expression, source, checked.error, this.#functions)
      return new CelError('compile', text)
    }
    return {
      expression,
      type: checked.type ?? 'dyn',
      ...spokenOf(root, source.origin),
      tree: root,
      run: (variables, budget = new Budget()) => {
        try {
          return metered(budget, () => parsed(variables) as unknown)
        } catch (error) {
          if (error instanceof CelError) throw error
          throw new CelError('runtime', runtimeProblem(error))
        }
      },
    }
  }
}

/** Where the library's own function will not do, another one stands under a name of ours. */
function renameOwn({ op, args }: Node): void {
  if ((op !== 'rcall' && op !== 'call') || !Array.isArray(args)) return
  const call: unknown[] = args
  const own = typeof call[0] === 'string' ? ownNames.get(`${op} ${call[0]}`) : undefined
  if (own !== undefined) call[0] = own
}

function spokenOf(
  root: Node,
  origin: (offset: number) => number,
): Pick<Program, 'names' | 'selections'> {
  const names = new Set<string>()
  const selections: Selection[] = []
  eachNode(root, ({ op, args }) => {
    if (op === 'id' && typeof args === 'string') names.add(args)
    if ((op !== '.' && op !== '.?') || !Array.isArray(args)) return
    const [left, field] = args as unknown as readonly [Node, unknown]
    if (left.op !== 'id' || typeof left.args !== 'string' || typeof field !== 'string') return
    selections.push({ root: left.args, field, offset: origin(left.end) })
  })
  return { names, selections }
}
