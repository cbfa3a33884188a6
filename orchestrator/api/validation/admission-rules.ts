// Which requests a webhook or a policy is about, and under which conditions.
// Counterpart: admissionregistration/validation.

import type { FieldError } from '../kind.js'
import type { MatchCondition, RuleWithOperations } from '../types/admission-webhook.js'
import { duplicate, invalidValue, notSupported, required, tooMany } from './field-errors.js'
import { qualifiedName } from './names.js'

const operationsKnown = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE']
const scopesKnown = ['*', 'Cluster', 'Namespaced']
const conditionsMax = 64

export function validateRule(rule: RuleWithOperations, field: string): FieldError[] {
  const { operations = [], apiGroups = [], apiVersions = [], resources = [], scope } = rule
  return [
    ...wildcardAlone(operations, `${field}.operations`, 'operations'),
    ...operations.flatMap((operation, index) =>
      operationsKnown.includes(operation)
        ? []
        : [notSupported(`${field}.operations[${index}]`, operation, operationsKnown)],
    ),
    ...wildcardAlone(apiGroups, `${field}.apiGroups`, 'API groups'),
    ...wildcardAlone(apiVersions, `${field}.apiVersions`, 'API versions'),
    ...apiVersions.flatMap((version, index) =>
      version === '' ? [required(`${field}.apiVersions[${index}]`)] : [],
    ),
    ...validateResources(resources, `${field}.resources`),
    ...(scope === undefined || scopesKnown.includes(scope)
      ? []
      : [notSupported(`${field}.scope`, scope, scopesKnown)]),
  ]
}

function wildcardAlone(values: readonly string[], field: string, what: string): FieldError[] {
  if (values.length === 0) return [required(field)]
  if (values.length === 1 || !values.includes('*')) return []
  return [invalidValue(field, values, `if '*' is present, must not specify other ${what}`)]
}

function validateResources(resources: readonly string[], field: string): FieldError[] {
  if (resources.length === 0) return [required(field)]
  const errors: FieldError[] = []
  const wholes = new Set<string>()
  const everywhere = new Set<string>()
  for (const [index, resource] of resources.entries()) {
    const at = `${field}[${index}]`
    if (resource === '') errors.push(required(at))
    const slash = resource.indexOf('/')
    if (slash === -1) continue
    const [name, subresource] = [resource.slice(0, slash), resource.slice(slash + 1)]
    if (wholes.has(name)) {
      const text = `if '${name}/*' is present, must not specify ${resource}`
      errors.push(invalidValue(at, resource, text))
    }
    if (everywhere.has(subresource)) {
      const text = `if '*/${subresource}' is present, must not specify ${resource}`
      errors.push(invalidValue(at, resource, text))
    }
    if (subresource === '*') wholes.add(name)
    if (name === '*') everywhere.add(subresource)
  }
  if (resources.length > 1 && resources.includes('*/*')) {
    const text = "if '*/*' is present, must not specify other resources"
    errors.push(invalidValue(field, resources, text))
  }
  const others = resources.some(one => one !== '*' && one !== '' && !one.includes('/'))
  if (resources.includes('*') && others) {
    const text = "if '*' is present, must not specify other resources without subresources"
    errors.push(invalidValue(field, resources, text))
  }
  return errors
}

/** `expressionErrors` checks what is said in CEL: which variables there are differs. */
export function validateMatchConditions(
  conditions: readonly MatchCondition[],
  field: string,
  expressionErrors: (expression: string, field: string) => readonly FieldError[],
): FieldError[] {
  if (conditions.length > conditionsMax) return [tooMany(field, conditions.length, conditionsMax)]
  const seen = new Set<string>()
  return conditions.flatMap(({ name, expression }, index) => {
    const at = `${field}[${index}]`
    const errors =
      expression.trim() === ''
        ? [required(`${at}.expression`)]
        : [...expressionErrors(expression, `${at}.expression`)]
    if (name === '') return [...errors, required(`${at}.name`)]
    const wrong = qualifiedName(name)
    if (wrong.length > 0) errors.push(invalidValue(`${at}.name`, name, wrong.join(',')))
    if (seen.has(name)) errors.push(duplicate(`${at}.name`, name))
    seen.add(name)
    return errors
  })
}
