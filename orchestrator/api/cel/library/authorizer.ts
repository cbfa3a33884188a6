// What somebody may do, asked from within an expression:
// authorizer.group('apps').resource('deployments').namespace('a').check('create').allowed().
// Counterpart: k8s.io/apiserver/pkg/cel/library authz. Selectors are taken and not looked at, as no
// rule of ours does.

import type { Environment } from '@marcbachmann/cel-js'
import type { Attributes, ResourceAttributes } from '../../rbac/attributes.js'
import { spend } from '../metering.js'

/** Null: whoever makes the request. */
export type Asking = { readonly namespace: string; readonly name: string } | null

export interface Decision {
  readonly allowed: boolean
  readonly reason: string
}

/** Answers from what is known: an evaluation waits for nobody. */
export type Decide = (who: Asking, asked: Attributes) => Decision

const checkSteps = 20_000

class DecisionValue {
  readonly decision: Decision

  constructor(decision: Decision) {
    this.decision = decision
  }
}

type Target = Omit<ResourceAttributes, 'kind' | 'verb'>

class ResourceCheck {
  readonly decide: Decide
  readonly who: Asking
  readonly target: Target

  constructor(decide: Decide, who: Asking, target: Target) {
    this.decide = decide
    this.who = who
    this.target = target
  }

  with(change: Partial<Target>): ResourceCheck {
    return new ResourceCheck(this.decide, this.who, { ...this.target, ...change })
  }

  check(verb: string): DecisionValue {
    spend(checkSteps)
    return new DecisionValue(this.decide(this.who, { kind: 'resource', verb, ...this.target }))
  }
}

class GroupCheck {
  readonly authorizer: AuthorizerValue
  readonly group: string

  constructor(authorizer: AuthorizerValue, group: string) {
    this.authorizer = authorizer
    this.group = group
  }

  resource(resource: string): ResourceCheck {
    const target = { group: this.group, resource, subresource: '', namespace: '', name: '' }
    return new ResourceCheck(this.authorizer.decide, this.authorizer.who, target)
  }
}

class PathCheck {
  readonly authorizer: AuthorizerValue
  readonly path: string

  constructor(authorizer: AuthorizerValue, path: string) {
    this.authorizer = authorizer
    this.path = path
  }

  check(method: string): DecisionValue {
    spend(checkSteps)
    const { decide, who } = this.authorizer
    const verb = method.toLowerCase()
    return new DecisionValue(decide(who, { kind: 'non-resource', verb, path: this.path }))
  }
}

export class AuthorizerValue {
  readonly decide: Decide
  readonly who: Asking
  readonly requestResource: ResourceCheck

  /** `request`: what the request is about. */
  constructor(decide: Decide, request: Target, who: Asking = null) {
    this.decide = decide
    this.who = who
    this.requestResource = new ResourceCheck(decide, who, request)
  }
}

const room = 'kubernetes.authorization'

export function withAuthorizer(environment: Environment): Environment {
  const resource = `${room}.ResourceCheck`
  const decision = `${room}.Decision`
  environment
    .registerType(decision, { ctor: DecisionValue })
    .registerType(resource, { ctor: ResourceCheck })
    .registerType(`${room}.GroupCheck`, { ctor: GroupCheck })
    .registerType(`${room}.PathCheck`, { ctor: PathCheck })
    .registerType(`${room}.Authorizer`, {
      ctor: AuthorizerValue,
      fields: { requestResource: resource },
    })
    .registerFunction(`${room}.Authorizer.path(string): ${room}.PathCheck`, makePath)
    .registerFunction(
      `${room}.PathCheck.check(string): ${decision}`,
      (path: PathCheck, verb: string) => path.check(verb),
    )
    .registerFunction(
      `${room}.Authorizer.group(string): ${room}.GroupCheck`,
      (authorizer: AuthorizerValue, group: string) => new GroupCheck(authorizer, group),
    )
    .registerFunction(
      `${room}.Authorizer.serviceAccount(string, string): ${room}.Authorizer`,
      ({ decide, requestResource }: AuthorizerValue, namespace: string, name: string) =>
        new AuthorizerValue(decide, requestResource.target, { namespace, name }),
    )
    .registerFunction(
      `${room}.GroupCheck.resource(string): ${resource}`,
      (group: GroupCheck, name: string) => group.resource(name),
    )
    .registerFunction(
      `${resource}.check(string): ${decision}`,
      (check: ResourceCheck, verb: string) => check.check(verb),
    )
    .registerFunction(
      `${decision}.allowed(): bool`,
      ({ decision: { allowed } }: DecisionValue) => allowed,
    )
    .registerFunction(
      `${decision}.reason(): string`,
      ({ decision: { reason } }: DecisionValue) => reason,
    )
    .registerFunction(`${decision}.errored(): bool`, () => false)
    .registerFunction(`${decision}.error(): string`, () => '')
  for (const part of ['subresource', 'namespace', 'name'] as const) {
    environment.registerFunction(
      `${resource}.${part}(string): ${resource}`,
      (check: ResourceCheck, value: string) => check.with({ [part]: value }),
    )
  }
  for (const part of ['fieldSelector', 'labelSelector']) {
    environment.registerFunction(
      `${resource}.${part}(string): ${resource}`,
      (check: ResourceCheck) => check,
    )
  }
  return environment
}

function makePath(authorizer: AuthorizerValue, path: string): PathCheck {
  return new PathCheck(authorizer, path)
}
