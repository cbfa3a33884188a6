// Checks of FlowSchemas. Counterpart: pkg/apis/flowcontrol/validation.

import { mandatorySchemas } from '../flowcontrol/bootstrap-objects.js'
import { sameJson } from '../equality.js'
import type { FieldError } from '../kind.js'
import type {
  FlowSchema,
  FlowSchemaSpec,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  Subject,
} from '../types/flowcontrol.js'
import {
  duplicate,
  forbiddenField,
  invalidField,
  invalidFor,
  invalidValue,
  notSupported,
  required,
} from './field-errors.js'
import { validateObjectName } from './metadata.js'
import { dns1123Label, dns1123Subdomain } from './names.js'

const precedenceMax = 10_000
const distinguishers = ['ByNamespace', 'ByUser']
const subjectKinds = ['Group', 'ServiceAccount', 'User']
const verbs = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'proxy',
  'update',
  'watch',
]

export function validateFlowSchema(schema: FlowSchema): FieldError[] {
  const { name = '' } = schema.metadata
  const errors = [
    ...validateObjectName(schema, dns1123Subdomain),
    ...validateSpec(schema.spec, name),
  ]
  const fixed = mandatorySchemas.find(one => one.metadata.name === name)
  if (fixed !== undefined && !sameJson(fixed.spec, schema.spec)) {
    errors.push(invalidField('spec', `spec of '${name}' must equal the fixed value`))
  }
  return [...errors, ...validateConditions(schema.status?.conditions)]
}

/** Of both kinds of the group. */
export function validateConditions(
  conditions: readonly { readonly type?: string }[] = [],
): FieldError[] {
  const errors: FieldError[] = []
  const seen = new Set<string>()
  for (const [index, { type = '' }] of conditions.entries()) {
    const field = `status.conditions[${index}].type`
    if (seen.has(type)) errors.push(duplicate(field, type))
    seen.add(type)
    if (type === '') errors.push(required(field, 'must not be empty'))
  }
  return errors
}

function validateSpec(spec: FlowSchemaSpec, name: string): FieldError[] {
  const { matchingPrecedence = 0, distinguisherMethod } = spec
  const errors: FieldError[] = []
  const precedence = (text: string) =>
    errors.push(invalidValue('spec.matchingPrecedence', matchingPrecedence, text))
  if (matchingPrecedence <= 0) precedence('must be a positive value')
  if (matchingPrecedence > precedenceMax) precedence(`must not be greater than ${precedenceMax}`)
  if (matchingPrecedence === 1 && name !== 'exempt') {
    precedence("only the schema named 'exempt' may have matchingPrecedence 1")
  }
  if (distinguisherMethod !== undefined && !distinguishers.includes(distinguisherMethod.type)) {
    const field = 'spec.distinguisherMethod.type'
    errors.push(notSupported(field, distinguisherMethod.type, distinguishers))
  }
  const level = spec.priorityLevelConfiguration.name
  const field = 'spec.priorityLevelConfiguration.name'
  if (level === '') errors.push(required(field, 'must reference a priority level'))
  else errors.push(...invalidFor(field, level, dns1123Subdomain(level)))
  const rules = spec.rules ?? []
  return [...errors, ...rules.flatMap((rule, at) => validateRule(rule, `spec.rules[${at}]`))]
}

function validateRule(rule: PolicyRulesWithSubjects, field: string): FieldError[] {
  const { subjects, resourceRules = [], nonResourceRules = [] } = rule
  const errors = subjects.flatMap((one, at) => validateSubject(one, `${field}.subjects[${at}]`))
  if (subjects.length === 0) {
    errors.push(required(`${field}.subjects`, 'subjects must contain at least one value'))
  }
  if (resourceRules.length + nonResourceRules.length === 0) {
    const text = 'at least one of resourceRules and nonResourceRules has to be non-empty'
    errors.push(required(field, text))
  }
  return [
    ...errors,
    ...resourceRules.flatMap((one, at) => resourceRule(one, `${field}.resourceRules[${at}]`)),
    ...nonResourceRules.flatMap((one, at) =>
      nonResourceRule(one, `${field}.nonResourceRules[${at}]`),
    ),
  ]
}

function validateSubject(subject: Subject, field: string): FieldError[] {
  const { kind, user, group, serviceAccount } = subject
  if (!subjectKinds.includes(kind)) return [notSupported(`${field}.kind`, kind, subjectKinds)]
  const parts = { serviceAccount, user, group }
  const errors: FieldError[] = []
  const own = `${kind.charAt(0).toLowerCase()}${kind.slice(1)}` as keyof typeof parts
  const value = parts[own]
  if (value === undefined) {
    errors.push(required(`${field}.${own}`, `${own} is required when subject kind is '${kind}'`))
  } else {
    if ((value.name ?? '') === '') errors.push(required(`${field}.${own}.name`))
    else if (own === 'serviceAccount' && value.name !== '*') {
      errors.push(...invalidFor(`${field}.${own}.name`, value.name, dns1123Subdomain(value.name)))
    }
    if (own === 'serviceAccount') errors.push(...accountNamespace(subject, `${field}.${own}`))
  }
  for (const other of ['user', 'serviceAccount', 'group'] as const) {
    if (other === own || parts[other] === undefined) continue
    const its = `${other.charAt(0).toUpperCase()}${other.slice(1)}`
    const text = `${other} is forbidden when subject kind is not '${its}'`
    errors.push(forbiddenField(`${field}.${other}`, text))
  }
  return errors
}

function accountNamespace({ serviceAccount }: Subject, field: string): FieldError[] {
  const namespace = serviceAccount?.namespace ?? ''
  if (namespace === '') {
    return [required(`${field}.namespace`, 'must specify namespace for service account')]
  }
  return invalidFor(`${field}.namespace`, namespace, dns1123Label(namespace))
}

function validateVerbs(given: readonly string[], field: string): FieldError[] {
  if (given.length === 0) return [required(field, 'verbs must contain at least one value')]
  if (given.includes('*')) return onlyStar(given, field, 'verbs')
  if (given.every(verb => verbs.includes(verb))) return []
  return [notSupported(field, given, verbs)]
}

function onlyStar(given: readonly string[], field: string, others: string): FieldError[] {
  if (given.length <= 1 || !given.includes('*')) return []
  const text = `if '*' is present, must not specify other ${others}`
  return [invalidValue(field, given, text)]
}

function resourceRule(rule: ResourcePolicyRule, field: string): FieldError[] {
  const { apiGroups, resources, namespaces = [], clusterScope = false } = rule
  const errors = validateVerbs(rule.verbs, `${field}.verbs`)
  if (apiGroups.length === 0) {
    const text = 'resource rules must supply at least one api group'
    errors.push(required(`${field}.apiGroups`, text))
  }
  errors.push(...onlyStar(apiGroups, `${field}.apiGroups`, 'api groups'))
  if (resources.length === 0) {
    const text = 'resource rules must supply at least one resource'
    errors.push(required(`${field}.resources`, text))
  }
  errors.push(...onlyStar(resources, `${field}.resources`, 'resources'))
  if (namespaces.length === 0 && !clusterScope) {
    const text = 'resource rules that are not cluster scoped must supply at least one namespace'
    errors.push(required(`${field}.namespaces`, text))
  } else if (namespaces.includes('*')) {
    errors.push(...onlyStar(namespaces, `${field}.namespaces`, 'namespaces'))
  } else {
    for (const [index, namespace] of namespaces.entries()) {
      const texts = dns1123Label(namespace).map(
        text => `each member of this list must be '*' or a DNS-1123 label; ${text}`,
      )
      errors.push(...invalidFor(`${field}.namespaces[${index}]`, namespace, texts))
    }
  }
  return errors
}

function nonResourceRule(rule: NonResourcePolicyRule, field: string): FieldError[] {
  const { nonResourceURLs } = rule
  const errors = validateVerbs(rule.verbs, `${field}.verbs`)
  const urls = `${field}.nonResourceURLs`
  if (nonResourceURLs.length === 0) {
    errors.push(required(urls, 'nonResourceURLs must contain at least one value'))
  } else if (nonResourceURLs.includes('*')) {
    errors.push(...onlyStar(nonResourceURLs, urls, 'non-resource URLs'))
  } else {
    for (const [index, url] of nonResourceURLs.entries()) {
      const problem = urlProblem(url)
      if (problem !== null) errors.push(invalidValue(`${urls}[${index}]`, url, problem))
    }
  }
  return errors
}

function urlProblem(path: string): string | null {
  if (path === '') return 'must not be empty'
  if (path === '/') return null
  if (!path.startsWith('/')) return 'must start with slash'
  if (path.includes(' ')) return 'must not contain white-space'
  if (path.includes('//')) return 'must not contain double slash'
  const stars = path.split('*').length - 1
  if (stars > 1 || (stars === 1 && !path.endsWith('/*'))) {
    return 'wildcard can only do suffix matching'
  }
  return null
}
