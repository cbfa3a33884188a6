// Macros over keys and values, and over what is optional: list.all(i, v, …), map.transformMap(k, v, …),
// optional.optMap(x, …). Counterpart: ext.TwoVarComprehensions and the optional types of cel-go.

import { Optional } from '@marcbachmann/cel-js'
import type { Environment } from '@marcbachmann/cel-js'
import { spend } from '../metering.js'
import type { Checker, Context, Evaluator, MacroCall, TypeOf } from './macro.js'

function nameOf(node: unknown, what: string): string {
  if (
    typeof node === 'object' &&
    node !== null &&
    'op' in node &&
    node.op === 'id' &&
    'args' in node
  ) {
    if (typeof node.args === 'string') return node.args
  }
  throw new Error(`${what} invalid iteration variable`)
}

type Entries = readonly (readonly [key: unknown, value: unknown])[]

function entriesOf(range: unknown): Entries {
  const entries = Array.isArray(range)
    ? range.map((value: unknown, at) => [BigInt(at), value] as const)
    : range instanceof Map
      ? [...(range as ReadonlyMap<unknown, unknown>)]
      : typeof range === 'object' && range !== null
        ? Object.entries(range)
        : null
  if (entries === null) throw new Error('no such overload')
  spend(entries.length)
  return entries
}

/** How the values that `step` has for entries become one. */
interface Folding {
  readonly type: (checker: Checker, step: TypeOf, key: TypeOf) => TypeOf
  /** `predicate` is null where the macro has none. */
  readonly fold: (
    entries: Entries,
    step: (entry: Entries[number]) => unknown,
    predicate: ((entry: Entries[number]) => boolean) | null,
  ) => unknown
}

function isTrue(value: unknown): boolean {
  if (typeof value !== 'boolean') throw new Error('no such overload')
  return value
}

const bool = (checker: Checker) => checker.getType('bool')

/** A step that fails is overruled by one that decides. */
function quantified(deciding: boolean): Folding {
  return {
    type: bool,
    fold: (entries, step) => {
      let failure: unknown
      for (const entry of entries) {
        try {
          if (isTrue(step(entry)) === deciding) return deciding
        } catch (error) {
          failure ??= error
        }
      }
      if (failure !== undefined) throw failure
      return !deciding
    },
  }
}

const existsOne: Folding = {
  type: bool,
  fold: (entries, step) => entries.filter(entry => isTrue(step(entry))).length === 1,
}

const transformList: Folding = {
  type: (checker, step) => checker.registry.getListType(step),
  fold: (entries, step, predicate) => entries.filter(entry => predicate?.(entry) ?? true).map(step),
}

const transformMap: Folding = {
  type: (checker, step, key) => checker.registry.getMapType(key, step),
  fold: (entries, step, predicate) =>
    new Map(
      entries.filter(entry => predicate?.(entry) ?? true).map(entry => [entry[0], step(entry)]),
    ),
}

const transformMapEntry: Folding = {
  type: checker => checker.getType('map'),
  fold: (entries, step, predicate) => {
    const result = new Map<unknown, unknown>()
    for (const entry of entries) {
      if (predicate !== null && !predicate(entry)) continue
      for (const [key, value] of entriesOf(step(entry))) {
        if (result.has(key)) throw new Error(`insert failed: key ${String(key)} already exists`)
        result.set(key, value)
      }
    }
    return result
  },
}

/** macro(key, value, [predicate,] step) of a list or map. */
function twoVariables(name: string, folding: Folding) {
  return ({ args, receiver }: MacroCall) => {
    const what = `${name}(var, var, …)`
    const [keyName, valueName] = [nameOf(args[0], what), nameOf(args[1], what)]
    const predicate = args.length === 4 ? args[2] : null
    const step = args[args.length - 1]
    let keys: Context
    let values: Context
    return {
      receiver,
      predicate,
      step,
      async: false,
      typeCheck(checker: Checker, _macro: unknown, context: Context): TypeOf {
        const range = checker.check(receiver, context)
        if (!['dyn', 'list', 'map'].includes(range.kind)) {
          throw checker.createError(
            'invalid_comprehension_range',
            `Expression of type '${range.kind}' cannot be range of a comprehension (must be list, map, or dynamic).`,
            receiver,
          )
        }
        const key =
          range.kind === 'list' ? checker.getType('int') : (range.keyType ?? checker.getType('dyn'))
        keys = context.forkWithVariable(keyName, key)
        values = keys.forkWithVariable(valueName, range.valueType ?? checker.getType('dyn'))
        if (predicate !== null) checker.check(predicate, values)
        return folding.type(checker, checker.check(step, values), key)
      },
      evaluate(evaluator: Evaluator, _macro: unknown, context: Context): unknown {
        const entries = entriesOf(evaluator.run(receiver, context))
        const run =
          (node: unknown) =>
          ([key, value]: Entries[number]): unknown => {
            keys.reuse(context).setIterValue(key, evaluator)
            return evaluator.run(node, values.reuse(keys).setIterValue(value, evaluator))
          }
        const test = run(predicate)
        const wanted = predicate === null ? null : (entry: Entries[number]) => isTrue(test(entry))
        return folding.fold(entries, run(step), wanted)
      },
    }
  }
}

/** `optional.optMap(x, expression)`; `wraps`: what the expression answers is made optional. */
function overOptional(name: string, wraps: boolean) {
  return ({ args, receiver }: MacroCall) => {
    const variable = nameOf(args[0], `${name}(var, expression)`)
    const step = args[1]
    let inner: Context
    return {
      receiver,
      step,
      async: false,
      typeCheck(checker: Checker, _macro: unknown, context: Context): TypeOf {
        const { kind, valueType } = checker.check(receiver, context)
        if (kind !== 'optional' && kind !== 'dyn') {
          throw checker.createError(
            'optional_expected',
            `${name}() receiver must be optional`,
            receiver,
          )
        }
        inner = context.forkWithVariable(variable, valueType ?? checker.getType('dyn'))
        const type = checker.check(step, inner)
        return wraps ? checker.registry.getOptionalType(type) : type
      },
      evaluate(evaluator: Evaluator, _macro: unknown, context: Context): unknown {
        const optional = evaluator.run(receiver, context)
        if (!(optional instanceof Optional)) throw new Error('no such overload')
        if (!optional.hasValue()) return Optional.none()
        const value: unknown = optional.value()
        const result = evaluator.run(step, inner.reuse(context).setIterValue(value, evaluator))
        return wraps ? Optional.of(result) : result
      },
    }
  }
}

function isZero(value: unknown): boolean {
  if (value === null || value === 0 || value === 0n || value === '' || value === false) return true
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length === 0
  if (value instanceof Map) return value.size === 0
  return typeof value === 'object' &&
    value !== null &&
    Object.getPrototypeOf(value) === Object.prototype
    ? Object.keys(value).length === 0
    : false
}

/** An optional value is one, whether it is there or not: that it is null may be written, and never holds. */
const isNull = () => false

export function withComprehensions(environment: Environment): Environment {
  return environment
    .registerFunction('list.all(ast, ast, ast): bool', twoVariables('all', quantified(false)))
    .registerFunction('list.exists(ast, ast, ast): bool', twoVariables('exists', quantified(true)))
    .registerFunction('list.existsOne(ast, ast, ast): bool', twoVariables('existsOne', existsOne))
    .registerFunction('list.exists_one(ast, ast, ast): bool', twoVariables('exists_one', existsOne))
    .registerFunction(
      'list.transformList(ast, ast, ast): list',
      twoVariables('transformList', transformList),
    )
    .registerFunction(
      'list.transformList(ast, ast, ast, ast): list',
      twoVariables('transformList', transformList),
    )
    .registerFunction(
      'list.transformMap(ast, ast, ast): map',
      twoVariables('transformMap', transformMap),
    )
    .registerFunction(
      'list.transformMap(ast, ast, ast, ast): map',
      twoVariables('transformMap', transformMap),
    )
    .registerFunction(
      'list.transformMapEntry(ast, ast, ast): map',
      twoVariables('transformMapEntry', transformMapEntry),
    )
    .registerFunction(
      'list.transformMapEntry(ast, ast, ast, ast): map',
      twoVariables('transformMapEntry', transformMapEntry),
    )
    .registerOperator('optional == null', isNull)
    .registerFunction('optional.optMap(ast, ast): optional', overOptional('optMap', true))
    .registerFunction('optional.optFlatMap(ast, ast): optional', overOptional('optFlatMap', false))
    .registerFunction(
      'OptionalNamespace.ofNonZeroValue(A): optional<A>',
      (_: unknown, value: unknown) => (isZero(value) ? Optional.none() : Optional.of(value)),
    )
}
