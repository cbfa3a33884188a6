// Checks of admission policies and of their bindings. Counterpart: admissionregistration/validation.

import { CelError } from '../cel/cel-error.js'
import { sameJson } from '../equality.js'
import type { FieldError } from '../kind.js'
import type { Json } from '../object.js'
import { isCelIdentifier } from '../policy-language/identifier.js'
import { compileDetail, compilePolicyExpression } from '../policy-language/policy-language.js'
import type { Answers, Surroundings } from '../policy-language/policy-language.js'
import type {
  AuditAnnotation,
  MatchResources,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicySpec,
  Mutation,
  NamedRuleWithOperations,
  ParamKind,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicySpec,
  Validation,
  Variable,
} from '../types/admission-policy.js'
import { validateMatchConditions, validateRule } from './admission-rules.js'
import { duplicate, invalidFor, invalidValue, notSupported, required } from './field-errors.js'
import { validateLabelSelector, validateObjectName } from './metadata.js'
import { dns1035, dns1123Subdomain, pathSegment, qualifiedName } from './names.js'

const failurePolicies = ['Fail', 'Ignore']
const matchPolicies = ['Equivalent', 'Exact']
const reasons = ['Forbidden', 'Invalid', 'RequestEntityTooLarge']
const reinvocationPolicies = ['IfNeeded', 'Never']
const patchTypes = ['ApplyConfiguration', 'JSONPatch']
const auditAnnotationsMax = 20
const valueExpressionBytesMax = 5 * 1024

/** What is wrong with an expression, at its field. */
export function expressionErrors(
  expression: string,
  field: string,
  surroundings: Surroundings,
  answers: Answers,
): FieldError[] {
  try {
    compilePolicyExpression(expression, surroundings, answers)
    return []
  } catch (error) {
    if (!(error instanceof CelError)) throw error
    return [invalidValue(field, expression, compileDetail(error))]
  }
}

export function validateValidatingPolicy(
  policy: ValidatingAdmissionPolicy,
  old: ValidatingAdmissionPolicy | null,
): FieldError[] {
  const { spec = {} } = policy
  return [
    ...validateObjectName(policy, dns1123Subdomain),
    ...validateShared(spec, old?.spec),
    ...validateDecisions(policy.metadata.name ?? '', spec),
  ]
}

export function validateMutatingPolicy(
  policy: MutatingAdmissionPolicy,
  old: MutatingAdmissionPolicy | null,
): FieldError[] {
  const { spec = {} } = policy
  const { mutations = [], reinvocationPolicy = '' } = spec
  const errors = [
    ...validateObjectName(policy, dns1123Subdomain),
    ...validateShared(spec, old?.spec),
  ]
  if (mutations.length === 0) {
    errors.push(required('spec.mutations', 'mutations must contain at least one item'))
  }
  const around = surroundingsOf(spec)
  for (const [index, mutation] of mutations.entries()) {
    errors.push(...validateMutation(mutation, `spec.mutations[${index}]`, around))
  }
  if (reinvocationPolicy === '') errors.push(required('spec.reinvocationPolicy'))
  else if (!reinvocationPolicies.includes(reinvocationPolicy)) {
    errors.push(notSupported('spec.reinvocationPolicy', reinvocationPolicy, reinvocationPolicies))
  }
  return errors
}

type AnySpec = ValidatingAdmissionPolicySpec | MutatingAdmissionPolicySpec

function surroundingsOf({ paramKind, variables = [] }: AnySpec): Surroundings {
  return {
    params: paramKind !== undefined,
    authorizer: true,
    variables: variables.length === 0 ? null : new Set(variables.map(({ name }) => name)),
  }
}

function validateShared(spec: AnySpec, old: AnySpec | undefined): FieldError[] {
  const { failurePolicy, paramKind, matchConstraints, matchConditions = [], variables = [] } = spec
  const errors: FieldError[] = []
  if (failurePolicy === undefined) errors.push(required('spec.failurePolicy'))
  else if (!failurePolicies.includes(failurePolicy)) {
    errors.push(notSupported('spec.failurePolicy', failurePolicy, failurePolicies))
  }
  if (paramKind !== undefined) errors.push(...validateParamKind(paramKind, 'spec.paramKind'))
  if (matchConstraints === undefined) errors.push(required('spec.matchConstraints'))
  else {
    errors.push(...validateMatching(matchConstraints, 'spec.matchConstraints'))
    if ((matchConstraints.resourceRules ?? []).length === 0) {
      errors.push(required('spec.matchConstraints.resourceRules'))
    }
  }
  if (!sameConditions(spec, old)) {
    const around = { params: paramKind !== undefined, authorizer: true, variables: null }
    errors.push(
      ...validateMatchConditions(matchConditions, 'spec.matchConditions', (expression, field) =>
        expressionErrors(expression.trim(), field, around, ['bool']),
      ),
    )
  }
  return [...errors, ...validateVariables(variables, paramKind !== undefined)]
}

/** What an older server let pass is not looked at again. */
function sameConditions(spec: AnySpec, old: AnySpec | undefined): boolean {
  if (old === undefined) return false
  const looked = ({ paramKind, matchConditions = [] }: AnySpec) =>
    [paramKind ?? null, matchConditions] as unknown as Json
  return sameJson(looked(spec), looked(old))
}

/** Each sees those before it. */
function validateVariables(variables: readonly Variable[], params: boolean): FieldError[] {
  const before = new Set<string>()
  return variables.flatMap(({ name, expression }, index) => {
    const at = `spec.variables[${index}]`
    const errors: FieldError[] = []
    if (name.trim() === '') errors.push(required(`${at}.name`, 'name is not specified'))
    else if (!isCelIdentifier(name)) {
      errors.push(invalidValue(`${at}.name`, name, 'name is not a valid CEL identifier'))
    }
    if (expression.trim() === '') {
      errors.push(required(`${at}.expression`, 'expression is not specified'))
    } else {
      const around = { params, authorizer: true, variables: before }
      errors.push(...expressionErrors(expression, `${at}.expression`, around, []))
    }
    before.add(name)
    return errors
  })
}

function validateDecisions(name: string, spec: ValidatingAdmissionPolicySpec): FieldError[] {
  const { validations = [], auditAnnotations = [] } = spec
  if (validations.length === 0 && auditAnnotations.length === 0) {
    const text = 'validations or auditAnnotations must contain at least one item'
    return [required('spec.validations', text), required('spec.auditAnnotations', text)]
  }
  const around = surroundingsOf(spec)
  const errors = validations.flatMap((validation, index) =>
    validateValidation(validation, `spec.validations[${index}]`, around),
  )
  if (auditAnnotations.length > auditAnnotationsMax) {
    const text = `must not have more than ${auditAnnotationsMax} auditAnnotations`
    errors.push(invalidValue('spec.auditAnnotations', auditAnnotations as unknown as Json, text))
  }
  const keys = new Set<string>()
  for (const [index, annotation] of auditAnnotations.entries()) {
    const at = `spec.auditAnnotations[${index}]`
    errors.push(...validateAuditAnnotation(annotation, name, at, around))
    if (keys.has(annotation.key)) errors.push(duplicate(`${at}.key`, annotation.key))
    keys.add(annotation.key)
  }
  return errors
}

function validateValidation(
  validation: Validation,
  at: string,
  around: Surroundings,
): FieldError[] {
  const { expression, message = '', messageExpression = '', reason } = validation
  const errors: FieldError[] = []
  if (expression.trim() === '') {
    errors.push(required(`${at}.expression`, 'expression is not specified'))
  } else errors.push(...expressionErrors(expression, `${at}.expression`, around, ['bool']))
  if (messageExpression !== '' && messageExpression.trim() === '') {
    const text = 'must be non-empty if specified'
    errors.push(invalidValue(`${at}.messageExpression`, messageExpression, text))
  } else if (messageExpression !== '') {
    const without = { ...around, authorizer: false }
    errors.push(
      ...expressionErrors(messageExpression, `${at}.messageExpression`, without, ['string']),
    )
  }
  if (message !== '' && message.trim() === '') {
    const text = 'message must be non-empty if specified'
    errors.push(invalidValue(`${at}.message`, message, text))
  } else if (/[\n\r]/.test(message.trim())) {
    errors.push(invalidValue(`${at}.message`, message, 'message must not contain line breaks'))
  }
  if (reason !== undefined && !reasons.includes(reason)) {
    errors.push(notSupported(`${at}.reason`, reason, reasons))
  }
  return errors
}

function validateAuditAnnotation(
  { key, valueExpression }: AuditAnnotation,
  policyName: string,
  at: string,
  around: Surroundings,
): FieldError[] {
  const errors = invalidFor(
    `${at}.key`,
    `${policyName}/${key}`,
    qualifiedName(`${policyName}/${key}`),
  )
  const field = `${at}.valueExpression`
  const expression = valueExpression.trim()
  if (expression === '') return [...errors, required(field, 'valueExpression is not specified')]
  if (expression.length > valueExpressionBytesMax) {
    const text = `must not exceed ${valueExpressionBytesMax} bytes in length`
    return [...errors, required(field, text)]
  }
  return [...errors, ...expressionErrors(expression, field, around, ['string', 'null'])]
}

function validateMutation(mutation: Mutation, at: string, around: Surroundings): FieldError[] {
  const { patchType, applyConfiguration, jsonPatch } = mutation
  const alternatives = [
    ['ApplyConfiguration', 'applyConfiguration', applyConfiguration, 'Object'],
    ['JSONPatch', 'jsonPatch', jsonPatch, 'list<JSONPatch>'],
  ] as const
  if (patchType === '') return [required(`${at}.patchType`)]
  if (!patchTypes.includes(patchType)) {
    return [notSupported(`${at}.patchType`, patchType, patchTypes)]
  }
  return alternatives.flatMap(([type, name, given, answer]) => {
    const field = `${at}.${name}`
    if (type !== patchType) {
      if (given === undefined) return []
      const text = `must not be specified when patchType is ${patchType}`
      return [invalidValue(field, given as Json, text)]
    }
    if (given === undefined) {
      return [required(field, `must be specified when patchType is ${patchType}`)]
    }
    const { expression = '' } = given
    if (expression.trim() === '') {
      return [required(`${field}.expression`, 'expression is not specified')]
    }
    return expressionErrors(expression, `${field}.expression`, around, [answer])
  })
}

function validateParamKind({ apiVersion = '', kind = '' }: ParamKind, at: string): FieldError[] {
  const errors: FieldError[] = []
  const field = `${at}.apiVersion`
  const parts = apiVersion.split('/')
  if (apiVersion === '') errors.push(required(field))
  else if (parts.length > 2) {
    errors.push(invalidValue(field, apiVersion, `unexpected GroupVersion string: ${apiVersion}`))
  } else {
    const [version = '', group = ''] = [...parts].reverse()
    const wrongGroup = group === '' ? [] : dns1123Subdomain(group)
    if (wrongGroup.length > 0) errors.push(invalidValue(field, group, wrongGroup.join(',')))
    const wrong = version === '' ? ['version must be specified'] : dns1035(version)
    if (wrong.length > 0) {
      errors.push(invalidValue(field, version === '' ? apiVersion : version, wrong.join(',')))
    }
  }
  if (kind === '') return [...errors, required(`${at}.kind`)]
  const wrongKind = dns1035(kind.toLowerCase())
  if (wrongKind.length > 0) {
    const text = `may have mixed case, but should otherwise match: ${wrongKind.join(',')}`
    errors.push(invalidValue(`${at}.kind`, kind, text))
  }
  return errors
}

export function validateMatching(matching: MatchResources, at: string): FieldError[] {
  const { matchPolicy, namespaceSelector, objectSelector } = matching
  const errors: FieldError[] = []
  if (matchPolicy === undefined) errors.push(required(`${at}.matchPolicy`))
  else if (!matchPolicies.includes(matchPolicy)) {
    errors.push(notSupported(`${at}.matchPolicy`, matchPolicy, matchPolicies))
  }
  if (namespaceSelector === undefined) errors.push(required(`${at}.namespaceSelector`))
  else errors.push(...validateLabelSelector(namespaceSelector, `${at}.namespaceSelector`))
  if (objectSelector === undefined) errors.push(required(`${at}.objectSelector`))
  else errors.push(...validateLabelSelector(objectSelector, `${at}.objectSelector`))
  for (const name of ['resourceRules', 'excludeResourceRules'] as const) {
    for (const [index, rule] of (matching[name] ?? []).entries()) {
      errors.push(...validateNamedRule(rule, `${at}.${name}[${index}]`))
    }
  }
  return errors
}

function validateNamedRule(rule: NamedRuleWithOperations, at: string): FieldError[] {
  const { resourceNames = [] } = rule
  const errors = resourceNames.flatMap((name, index) => [
    ...invalidFor(`${at}.resourceNames[${index}]`, name, pathSegment(name)),
    ...(resourceNames.indexOf(name) < index
      ? [duplicate(`${at}.resourceNames[${index}]`, name)]
      : []),
  ])
  return [...errors, ...validateRule(rule, at)]
}
