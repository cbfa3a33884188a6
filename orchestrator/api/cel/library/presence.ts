// has(e.field) for any e, as has(self.list[0].field): the library's own takes names and fields alone.
// Counterpart: the has() macro of cel-go.

import { Optional } from '@marcbachmann/cel-js'
import type { Node } from '../metering.js'
import type { Checker, Context, Evaluator, TypeOf } from './macro.js'

interface Expanded extends Node {
  setMeta(key: string, value: unknown): unknown
}

/** Puts ours in the place of the library's macro, before the expression is checked. */
export function withPresence(node: Node): void {
  if (node.op !== 'call' || !Array.isArray(node.args)) return
  const [name, given] = node.args as readonly unknown[]
  if (name !== 'has' || !Array.isArray(given)) return
  const [selection] = given as readonly Node[]
  if (selection?.op !== '.' || !Array.isArray(selection.args)) return
  const [whole, field] = selection.args as unknown as readonly [Node, string]
  const expanded = node as Expanded
  expanded.setMeta('macro', {
    typeCheck(checker: Checker, _macro: unknown, context: Context): TypeOf {
      checker.check(selection, context)
      return checker.getType('bool')
    },
    evaluate(evaluator: Evaluator, _macro: unknown, context: Context): boolean {
      const found = evaluator.run(whole, context)
      if (found instanceof Optional && !found.hasValue()) return false
      const value: unknown = found instanceof Optional ? found.value() : found
      return evaluator.debugType(value).fieldLazy(value, field, selection, evaluator) !== undefined
    },
  })
}
