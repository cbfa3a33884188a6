// The library's parts that a macro works with; its declarations leave them open.

export interface Checker {
  check(node: unknown, context: Context): TypeOf
  getType(name: string): TypeOf
  readonly registry: {
    getListType(type: TypeOf): TypeOf
    getMapType(key: TypeOf, value: TypeOf): TypeOf
    getOptionalType(type: TypeOf): TypeOf
  }
  createError(code: string, message: string, node: unknown): Error
}

export interface TypeOf {
  readonly kind: string
  readonly keyType?: TypeOf
  readonly valueType?: TypeOf
}

/** What a type knows of its values. */
interface Fields {
  /** Undefined where there is no such field. */
  fieldLazy(value: unknown, field: string, node: unknown, evaluator: Evaluator): unknown
}

export interface Evaluator {
  run(node: unknown, context: Context): unknown
  /** Throws where the value is of no type. */
  debugType(value: unknown): Fields
}

export interface Context {
  forkWithVariable(name: string, type: TypeOf): Context
  reuse(parent: Context): Context
  setIterValue(value: unknown, evaluator: Evaluator): Context
}

export interface MacroCall {
  readonly args: readonly unknown[]
  readonly receiver: unknown
}
