// What is wrong with an expression, in the words of cel-go, which users look up and tools match.
// Counterpart: common.Errors of cel-go: a line of the source with a mark under it. Sentences of the
// parser differ, for they are those of a generated grammar there.

import { EvaluationError, ParseError, TypeError } from '@marcbachmann/cel-js'
import type { PlainSource } from './message-literals.js'
import { asNode } from './metering.js'
import type { Node } from './metering.js'
import { usersName } from './own-names.js'

/** Names of all functions there are. */
export type FunctionNames = ReadonlySet<string>

/** With the line that holds `offset` (UTF-16 code units) and a mark under it. */
export function markedProblem(expression: string, offset: number, problem: string): string {
  const at = Math.min(Math.max(0, offset), expression.length)
  const before = expression.slice(0, at)
  const start = before.lastIndexOf('\n') + 1
  const line = before.split('\n').length
  const column = Array.from(expression.slice(start, at)).length
  const text = expression.slice(start).split('\n', 1)[0] ?? ''
  return `ERROR: <input>:${line}:${column + 1}: ${problem}\n | ${text}\n | ${'.'.repeat(column)}^`
}

const expected =
  "expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"

export function parseProblem(expression: string, source: PlainSource, error: unknown): string {
  if (!(error instanceof ParseError)) return markedProblem(expression, 0, textOf(error))
  const offset = source.origin(error.range?.start ?? 0)
  const problem = `Syntax error: ${syntaxProblem(error.code, error.summary, expression, offset)}`
  return markedProblem(expression, offset, problem)
}

function syntaxProblem(code: string, summary: string, expression: string, offset: number): string {
  if (expression.slice(offset).trim() === '') return `mismatched input '<EOF>' ${expected}`
  if (code === 'unexpected_token') {
    const token = /^\w+|^./u.exec(expression.slice(offset))?.[0] ?? ''
    return `mismatched input '${token}' ${expected}`
  }
  if (code === 'unexpected_character') {
    return `token recognition error at: '${expression[offset] ?? ''}'`
  }
  return summary
}

export function compileProblem(
  expression: string,
  source: PlainSource,
  error: unknown,
  functions: FunctionNames,
): string {
  if (!(error instanceof TypeError)) return markedProblem(expression, 0, textOf(error))
  const node = error.node === undefined ? null : asNode(error.node)
  const [offset, problem] = placed(source.text, error, node, functions)
  return markedProblem(expression, source.origin(offset), problem)
}

function placed(
  text: string,
  { code, summary, range }: TypeError,
  node: Node | null,
  functions: FunctionNames,
): readonly [offset: number, problem: string] {
  const start = range?.start ?? 0
  const quoted = /'([^']*)'/.exec(summary)?.[1] ?? ''
  switch (code) {
    case 'unknown_variable':
      return [start, undeclared(summary.replace(/^Unknown variable: /, ''))]
    case 'no_such_key':
      return [operatorAt(text, node), `undefined field '${summary.replace(/^No such key: /, '')}'`]
    case 'no_such_overload':
      return [operatorAt(text, node), operatorProblem(summary)]
    case 'no_matching_overload':
      return [operatorAt(text, node), functionProblem(quoted, functions)]
    case 'cannot_index_type':
      return [operatorAt(text, node), `type '${goType(quoted)}' does not support field selection`]
    case 'invalid_logical_operand':
    case 'invalid_condition_type':
      return [start, `expected type 'bool' but found '${goType(quoted)}'`]
    case 'incompatible_ternary_branches': {
      const [left = '', right = ''] = [...summary.matchAll(/'([^']*)'/g)].map(match => match[1])
      const types = `'(bool, ${goType(left)}, ${goType(right)})'`
      return [operatorAt(text, node), `found no matching overload for '_?_:_' applied to ${types}`]
    }
    case 'invalid_comprehension_range':
      return [
        start,
        `expression of type '${goType(quoted)}' cannot be range of a comprehension (must be list, map, or dynamic)`,
      ]
    default:
      return [start, summary === 'has() invalid argument' ? badPresence : summary]
  }
}

const badPresence = 'invalid argument to has() macro'

export function undeclared(name: string): string {
  return `undeclared reference to '${name}' (in container '')`
}

function operatorProblem(summary: string): string {
  const what = summary.replace(/^no such overload: /, '')
  const binary = /^(.*) (!=|==|in|<=|>=|[-+*/%<>]) (.*)$/.exec(what)
  if (binary === null) {
    const [, operator = '', type = ''] = /^([-!])(.*)$/.exec(what) ?? []
    return `found no matching overload for '${operator}_' applied to '(${goType(type)})'`
  }
  const [, left = '', operator = '', right = ''] = binary
  const name = operator === 'in' ? '@in' : `_${operator}_`
  const types = `(${goType(left)}, ${goType(right)})`
  return `found no matching overload for '${name}' applied to '${types}'`
}

/** `call` as in "string.size(int)" or "size(int)". */
function functionProblem(call: string, functions: FunctionNames): string {
  const [, receiver = '', own = '', types = ''] = /^(?:(.*)\.)?(\w+)\((.*)\)$/.exec(call) ?? []
  if (!functions.has(own)) return undeclared(own)
  const shown = types === '' ? '()' : `(${goTypes(types)})`
  const applied = receiver === '' ? shown : `${goType(receiver)}.${shown}`
  return `found no matching overload for '${usersName(own)}' applied to '${applied}'`
}

function goTypes(types: string): string {
  return types
    .split(/, (?![^<]*>)/)
    .map(goType)
    .join(', ')
}

/** "list<string>" as cel-go prints it. */
export function goType(type: string): string {
  return type
    .replace(/^dyn<(.*)>$/, '$1')
    .replaceAll('optional<', 'optional_type<')
    .replaceAll('google.protobuf.Timestamp', 'timestamp')
    .replaceAll('google.protobuf.Duration', 'duration')
    .replaceAll('<', '(')
    .replaceAll('>', ')')
}

/** Where cel-go puts the mark: at the dot, the bracket, the operator. */
function operatorAt(text: string, node: Node | null): number {
  if (node === null) return 0
  const { op, args, start } = node
  if (!Array.isArray(args)) return start
  const first = args[0] as Node | string
  if (op === 'call') return text.indexOf('(', start)
  if (op === 'rcall') return text.indexOf('(', (args[1] as Node).end)
  if (typeof first === 'string') return start
  if (op === '.' || op === '.?') return text.indexOf('.', first.end)
  if (op === '[]' || op === '[?]') return text.indexOf('[', first.end)
  const sign = op === '?:' ? '?' : op
  return Math.max(start, text.indexOf(sign, first.end))
}

/** Of an evaluation. */
export function runtimeProblem(error: unknown): string {
  const code = error instanceof EvaluationError ? error.code : ''
  const text = textOf(error)
  switch (code) {
    case 'no_such_key':
      return text.replace(/^No such key: /, 'no such key: ')
    case 'index_out_of_bounds':
      return `index out of bounds: ${/index (-?\d+)/.exec(text)?.[1] ?? ''}`
    case 'numeric_overflow':
      return 'integer overflow'
    case 'modulo_by_zero':
      return 'modulus by zero'
    case 'no_such_overload':
    case 'no_matching_overload':
    case 'invalid_logical_operand':
    case 'invalid_condition_type':
      return 'no such overload'
    case 'optional_value_missing':
      return 'optional.none() dereference'
    default:
      return text
  }
}

function textOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.split('\n', 1)[0] ?? ''
}
