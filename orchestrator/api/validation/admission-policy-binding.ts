// Checks of the bindings of admission policies. Counterpart: admissionregistration/validation.

import type { FieldError } from '../kind.js'
import type {
  MutatingAdmissionPolicyBinding,
  ParamRef,
  ValidatingAdmissionPolicyBinding,
} from '../types/admission-policy.js'
import { validateMatching } from './admission-policy.js'
import {
  duplicate,
  forbiddenField,
  invalidFor,
  invalidValue,
  notSupported,
  required,
} from './field-errors.js'
import { validateLabelSelector, validateObjectName } from './metadata.js'
import { dns1123Subdomain, pathSegment } from './names.js'

const actionsKnown = ['Audit', 'Deny', 'Warn']
const notFoundActions = ['Deny', 'Allow']

export function validateValidatingBinding(binding: ValidatingAdmissionPolicyBinding): FieldError[] {
  return [
    ...validateBinding(binding),
    ...validateActions(binding.spec.validationActions, 'spec.validationActions'),
  ]
}

export function validateMutatingBinding(binding: MutatingAdmissionPolicyBinding): FieldError[] {
  return validateBinding(binding)
}

function validateBinding(
  binding: ValidatingAdmissionPolicyBinding | MutatingAdmissionPolicyBinding,
): FieldError[] {
  const { policyName = '', paramRef, matchResources } = binding.spec ?? {}
  return [
    ...validateObjectName(binding, dns1123Subdomain),
    ...(policyName === ''
      ? [required('spec.policyName')]
      : invalidFor('spec.policyName', policyName, dns1123Subdomain(policyName))),
    ...(paramRef === undefined ? [] : validateParamRef(paramRef, 'spec.paramRef')),
    // Spelled as in the original, which tools may match.
    ...(matchResources === undefined ? [] : validateMatching(matchResources, 'spec.matchResouces')),
  ]
}

function validateActions(actions: readonly string[], field: string): FieldError[] {
  const errors = actions.flatMap((action, index) => [
    ...(actionsKnown.includes(action)
      ? []
      : [notSupported(`${field}[${index}]`, action, actionsKnown)]),
    ...(actions.indexOf(action) < index ? [duplicate(`${field}[${index}]`, action)] : []),
  ])
  if (actions.includes('Deny') && actions.includes('Warn')) {
    const text =
      'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)'
    errors.push(invalidValue(field, actions, text))
  }
  if (actions.length === 0) {
    errors.push(required(field, 'at least one validation action is required'))
  }
  return errors
}

function validateParamRef(reference: ParamRef, at: string): FieldError[] {
  const { name = '', selector, parameterNotFoundAction = '' } = reference
  const errors: FieldError[] = []
  const exclusive = 'name and selector are mutually exclusive'
  if (name !== '') {
    errors.push(...invalidFor(`${at}.name`, name, pathSegment(name)))
    if (selector !== undefined) errors.push(forbiddenField(`${at}.name`, exclusive))
  }
  if (selector !== undefined) {
    errors.push(...validateLabelSelector(selector, `${at}.selector`))
    if (name !== '') errors.push(forbiddenField(`${at}.selector`, exclusive))
  }
  if (name === '' && selector === undefined) {
    errors.push(required(at, 'one of name or selector must be specified'))
  }
  const field = `${at}.parameterNotFoundAction`
  if (parameterNotFoundAction === '') errors.push(required(field))
  else if (!notFoundActions.includes(parameterNotFoundAction)) {
    errors.push(notSupported(field, parameterNotFoundAction, notFoundActions))
  }
  return errors
}
