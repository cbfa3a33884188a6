// What in a policy's expressions does not fit the kinds that it is about. A warning and no more: the
// policy holds all the same. Counterpart: plugin/policy/validating typechecking.

import type { Environment } from '@marcbachmann/cel-js'
import { CelError } from '../cel/cel-error.js'
import { celEnvironment } from '../cel/environment.js'
import { withAuthorizer } from '../cel/library/authorizer.js'
import { Language } from '../cel/program.js'
import type { Kind } from '../kind.js'
import { namespace as namespaceKind } from '../kinds/core/namespace.js'
import type {
  ExpressionWarning,
  NamedRuleWithOperations,
  ValidatingAdmissionPolicy,
  Variable,
} from '../types/admission-policy.js'
import { DeclaredTypes } from './declared-types.js'

const kindsMax = 10

export function expressionWarnings(
  policy: ValidatingAdmissionPolicy,
  served: readonly Kind[],
): readonly ExpressionWarning[] {
  const { validations = [], matchConstraints, paramKind, variables = [] } = policy.spec ?? {}
  const { apiVersion = '', kind: paramName = '' } = paramKind ?? {}
  const params =
    served.find(kind => apiVersionOf(kind) === apiVersion && kind.kind === paramName) ?? null
  const kinds = kindsOf(matchConstraints?.resourceRules ?? [], served)
  const languages = kinds.map(kind => ({ kind, language: languageFor(kind, params, variables) }))
  const warnings: ExpressionWarning[] = []
  const check = (expression: string, fieldRef: string) => {
    const texts = languages.flatMap(({ kind, language }) => {
      const problem = problemOf(language, expression)
      if (problem === null) return []
      return [`${kind.group}/${kind.version}, Kind=${kind.kind}: ${problem}\n`]
    })
    if (texts.length > 0) warnings.push({ fieldRef, warning: texts.join('\n') })
  }
  for (const [index, { expression, messageExpression = '' }] of validations.entries()) {
    const at = `spec.validations[${index}]`
    check(expression, `${at}.expression`)
    if (messageExpression !== '') check(messageExpression, `${at}.messageExpression`)
  }
  return warnings
}

function problemOf(language: Language, expression: string): string | null {
  try {
    language.compile(expression)
    return null
  } catch (error) {
    if (error instanceof CelError) return error.message
    throw error
  }
}

function apiVersionOf({ group, version }: Kind): string {
  return group === '' ? version : `${group}/${version}`
}

/** Those that rules name, in order; a rule with a wildcard names none. */
function kindsOf(
  rules: readonly NamedRuleWithOperations[],
  served: readonly Kind[],
): readonly Kind[] {
  const named = served.filter(kind => rules.some(rule => names(rule, kind)))
  const order = ({ group, version, kind }: Kind) => `${group}\0${version}\0${kind}`
  return named.toSorted((a, b) => (order(a) < order(b) ? -1 : 1)).slice(0, kindsMax)
}

function names(
  { apiGroups = [], apiVersions = [], resources = [] }: NamedRuleWithOperations,
  { group, version, plural }: Kind,
): boolean {
  if (apiGroups.includes('*') || apiVersions.includes('*')) return false
  return apiGroups.includes(group) && apiVersions.includes(version) && resources.includes(plural)
}

const groupVersionKind = { group: 'string', version: 'string', kind: 'string' }
const groupVersionResource = { group: 'string', version: 'string', resource: 'string' }

const requestSchema = {
  kind: groupVersionKind,
  resource: groupVersionResource,
  subResource: 'string',
  requestKind: groupVersionKind,
  requestResource: groupVersionResource,
  requestSubResource: 'string',
  name: 'string',
  namespace: 'string',
  operation: 'string',
  userInfo: {
    username: 'string',
    uid: 'string',
    groups: 'list<string>',
    extra: 'map<string, list<string>>',
  },
  dryRun: 'bool',
  options: 'dyn',
}

function languageFor(kind: Kind, params: Kind | null, variables: readonly Variable[]): Language {
  const environment = withAuthorizer(celEnvironment())
  const types = new DeclaredTypes(environment)
  const object = types.declare(kind.schema)
  environment
    .registerVariable('object', object)
    .registerVariable('oldObject', object)
    .registerVariable('namespaceObject', types.declare(namespaceKind.schema))
    .registerVariable('params', params === null ? 'dyn' : types.declare(params.schema))
    .registerVariable('request', { schema: requestSchema })
    .registerVariable('authorizer', 'kubernetes.authorization.Authorizer')
  if (variables.length === 0) return new Language(environment)
  const fields: Record<string, string> = {}
  for (const { name, expression } of variables) {
    fields[name] = typeOf(withVariables(environment, fields), expression)
  }
  return new Language(withVariables(environment, fields))
}

function withVariables(environment: Environment, fields: Record<string, string>): Environment {
  return environment
    .clone()
    .registerType('kubernetes.variables', { fields: { ...fields } })
    .registerVariable('variables', 'kubernetes.variables')
}

/** Of a variable; what does not fit is said where the variable is asked for. */
function typeOf(environment: Environment, expression: string): string {
  try {
    const { type } = new Language(environment).compile(expression)
    return type.includes('<T>') || type === 'null' ? 'dyn' : type
  } catch (error) {
    if (error instanceof CelError) return 'dyn'
    throw error
  }
}
