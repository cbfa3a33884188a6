// One policy's expressions for one request, one binding and one object of parameters: its variables, made when they
// are asked for, and the budget of what is evaluated together. Pure. Counterpart: plugin/cel condition and composition.

import { CelError } from '../../../api/cel/cel-error.js'
import { celOfJson, lazyMap } from '../../../api/cel/json-values.js'
import { AuthorizerValue } from '../../../api/cel/library/authorizer.js'
import type { Decide } from '../../../api/cel/library/authorizer.js'
import { Budget, budgetSteps, conditionSteps } from '../../../api/cel/metering.js'
import type { Kind } from '../../../api/kind.js'
import { recordOf } from '../../../api/merge/granularity.js'
import type { KubeObject } from '../../../api/object.js'
import {
  compileDetail,
  compilePolicyExpression,
} from '../../../api/policy-language/policy-language.js'
import type { Answers, Surroundings } from '../../../api/policy-language/policy-language.js'
import type { ParamKind, Variable } from '../../../api/types/admission-policy.js'
import type { MatchCondition } from '../../../api/types/admission-webhook.js'
import { asJson } from '../../object-fields.js'
import { reviewOf } from '../admission-review.js'
import type { DynamicRequest } from '../dynamic.js'

/** What expressions may speak of. Objects are in the version of `kind`. */
export interface PolicyInput {
  readonly request: DynamicRequest
  /** The version in which the policy matched. */
  readonly kind: Kind
  readonly object: KubeObject | null
  readonly old: KubeObject | null
  /** Null where the request is in no namespace. */
  readonly namespace: KubeObject | null
  readonly params: KubeObject | null
  readonly decide: Decide
}

/** The parts of both sorts of policies that a run needs. */
export interface Expressions {
  readonly paramKind?: ParamKind
  readonly variables?: readonly Variable[]
  readonly matchConditions?: readonly MatchCondition[]
  readonly failurePolicy?: string
}

/** `fatal`: the budget is spent, so nothing else is evaluated. */
export class ExpressionError extends Error {
  readonly fatal: boolean

  constructor(message: string, fatal: boolean) {
    super(message)
    this.fatal = fatal
  }
}

export type Matched = 'yes' | 'no' | { readonly error: string }

export class PolicyRun {
  readonly #expressions: Expressions
  readonly #around: Surroundings
  readonly #values: Record<string, unknown>
  #budget = new Budget()

  constructor(expressions: Expressions, input: PolicyInput) {
    const { paramKind, variables = [] } = expressions
    this.#expressions = expressions
    this.#around = {
      params: paramKind !== undefined,
      authorizer: true,
      variables: variables.length === 0 ? null : new Set(variables.map(({ name }) => name)),
    }
    this.#values = {
      ...requestValues(input),
      params: celOfObject(input.params),
      variables: lazyMap(name => this.#variable(variables, name)),
      authorizer: authorizerOf(input),
    }
  }

  /** From here on expressions have a budget of their own. */
  withBudget(steps = budgetSteps): this {
    this.#budget = new Budget(steps)
    return this
  }

  /** Another object after a mutation; variables are made anew. */
  withObject(object: KubeObject): void {
    const { variables = [] } = this.#expressions
    this.#values['object'] = celOfObject(object)
    this.#values['variables'] = lazyMap(name => this.#variable(variables, name))
  }

  /** Throws ExpressionError. */
  answer(expression: string, answers: Answers, options: { readonly authorizer: boolean }): unknown {
    return this.#answer(expression, { ...this.#around, ...options }, answers)
  }

  /** Conditions see no variables of the policy, and take nothing of its budget. */
  matches(): Matched {
    this.withBudget(conditionSteps)
    const matched = this.#matches()
    this.withBudget()
    return matched
  }

  #matches(): Matched {
    const { matchConditions = [], failurePolicy = 'Fail' } = this.#expressions
    const around = { ...this.#around, variables: null }
    const errors: string[] = []
    const failed = (error: string): Matched => (failurePolicy === 'Fail' ? { error } : 'no')
    for (const { expression } of matchConditions) {
      try {
        if (this.#answer(expression, around, ['bool']) === false) return 'no'
      } catch (error) {
        if (!(error instanceof ExpressionError)) throw error
        if (error.fatal) return failed(error.message)
        errors.push(error.message)
      }
    }
    if (errors.length === 0) return 'yes'
    return failed(errors.length === 1 ? (errors[0] ?? '') : `[${errors.join(', ')}]`)
  }

  #answer(expression: string, around: Surroundings, answers: Answers): unknown {
    let program
    try {
      program = compilePolicyExpression(expression, around, answers)
    } catch (error) {
      if (!(error instanceof CelError)) throw error
      throw new ExpressionError(`compilation error: ${compileDetail(error)}`, false)
    }
    try {
      return program.run(this.#values, this.#budget)
    } catch (error) {
      if (!(error instanceof CelError)) throw error
      if (error.kind === 'budget') throw new ExpressionError(error.message, true)
      const text = `expression '${expression}' resulted in error: ${error.message}`
      throw new ExpressionError(text, false)
    }
  }

  #variable(variables: readonly Variable[], name: string): unknown {
    const index = variables.findIndex(variable => variable.name === name)
    const expression = variables[index]?.expression
    if (expression === undefined) return undefined
    const before = new Set(variables.slice(0, index).map(variable => variable.name))
    const what = `composited variable ${JSON.stringify(name)} fails to`
    try {
      const around = { ...this.#around, variables: before }
      return compilePolicyExpression(expression, around, []).run(this.#values, this.#budget)
    } catch (error) {
      if (!(error instanceof CelError)) throw error
      if (error.kind === 'budget') throw error
      const compiles = error.kind !== 'compile' && error.kind !== 'wrong-type'
      const detail = compiles ? error.message : compileDetail(error)
      throw new CelError('runtime', `${what} ${compiles ? 'evaluate' : 'compile'}: ${detail}`)
    }
  }
}

/** By what they are made of; no longer than the request lives, for what is stored lives long. */
const celOfRequests = new WeakMap<DynamicRequest, Map<KubeObject | Kind, unknown>>()

/** Many policies look at the same request, which nobody changes. */
function onceFor(request: DynamicRequest, key: KubeObject | Kind, make: () => unknown): unknown {
  const known = celOfRequests.get(request) ?? new Map<KubeObject | Kind, unknown>()
  celOfRequests.set(request, known)
  if (!known.has(key)) known.set(key, make())
  return known.get(key)
}

/** What was asked for, without the objects. */
function celOfAsked(request: DynamicRequest, kind: Kind): unknown {
  const review = reviewOf(request, kind, { object: null, old: null }, 'v1', '')
  const { object: _, oldObject: __, uid: ___, ...asked } = recordOf(review['request'])
  return celOfJson(asked)
}

function celOfObject(object: KubeObject | null): unknown {
  return object === null ? null : celOfJson(asJson(object))
}

function requestValues({
  request,
  kind,
  object,
  old,
  namespace,
}: PolicyInput): Record<string, unknown> {
  const once = (one: KubeObject | null) =>
    one === null ? null : onceFor(request, one, () => celOfObject(one))
  return {
    object: once(object),
    oldObject: once(old),
    request: onceFor(request, kind, () => celOfAsked(request, kind)),
    namespaceObject: once(namespace),
  }
}

function authorizerOf({
  request,
  kind,
  decide,
}: Pick<PolicyInput, 'request' | 'kind' | 'decide'>): AuthorizerValue {
  const { subresource, namespace, name } = request
  return new AuthorizerValue(decide, {
    group: kind.group,
    resource: kind.plural,
    subresource,
    namespace,
    name,
  })
}
