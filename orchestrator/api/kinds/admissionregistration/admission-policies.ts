// Admission policies and their bindings. What follows from them is in apiserver/admission/policy.
// MutatingAdmissionPolicy is served as v1, as Kubernetes has it since 1.36.
// Counterpart: pkg/registry/admissionregistration and the printers of these kinds.

import { policyBindingDefaults, policyDefaults } from '../../defaults/admission-policy.js'
import type { Column, Kind } from '../../kind.js'
import {
  mutatingAdmissionPolicy as mutatingSchema,
  mutatingAdmissionPolicyBinding as mutatingBindingSchema,
  validatingAdmissionPolicy as validatingSchema,
  validatingAdmissionPolicyBinding as validatingBindingSchema,
} from '../../schema/admission-policy.js'
import type {
  MutatingAdmissionPolicy,
  ParamKind,
  ParamRef,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '../../types/admission-policy.js'
import {
  validateMutatingPolicy,
  validateValidatingPolicy,
} from '../../validation/admission-policy.js'
import {
  validateMutatingBinding,
  validateValidatingBinding,
} from '../../validation/admission-policy-binding.js'
import { ageColumn, integer, nameColumn, selectorText, text } from '../columns.js'
import { ordinary } from '../kind-parts.js'

const shared = {
  ...ordinary,
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  categories: ['api-extensions'],
  namespaced: false,
  hasGeneration: true,
} satisfies Partial<Kind>

const unset = '<unset>'

function paramKindText(kind: ParamKind | undefined): string {
  return kind === undefined ? unset : `${kind.apiVersion ?? ''}/${kind.kind ?? ''}`
}

function paramRefText(reference: ParamRef | undefined): string {
  if (reference === undefined) return unset
  const { name = '', namespace = '', selector } = reference
  const named = name === '' && selector !== undefined ? selectorText(selector) : name
  return `${namespace === '' ? '*' : namespace}/${named}`
}

const bindingColumns: readonly Column[] = [
  nameColumn,
  text<ValidatingAdmissionPolicyBinding>(
    'PolicyName',
    'The policy that is bound.',
    ({ spec }) => spec?.policyName ?? '',
  ),
  text<ValidatingAdmissionPolicyBinding>(
    'ParamRef',
    'The parameters that it has here.',
    ({ spec }) => paramRefText(spec?.paramRef),
  ),
  ageColumn,
]

export const validatingAdmissionPolicy: Kind = {
  ...shared,
  kind: 'ValidatingAdmissionPolicy',
  plural: 'validatingadmissionpolicies',
  singular: 'validatingadmissionpolicy',
  schema: validatingSchema,
  hasStatus: true,
  columns: [
    nameColumn,
    integer<ValidatingAdmissionPolicy>(
      'Validations',
      'How many expressions must hold.',
      ({ spec }) => (spec?.validations ?? []).length,
    ),
    text<ValidatingAdmissionPolicy>('ParamKind', 'The kind of its parameters.', ({ spec }) =>
      paramKindText(spec?.paramKind),
    ),
    ageColumn,
  ],
  withDefaults: policyDefaults,
  validate: (object, old) => validateValidatingPolicy(object, old),
}

export const validatingAdmissionPolicyBinding: Kind = {
  ...shared,
  kind: 'ValidatingAdmissionPolicyBinding',
  plural: 'validatingadmissionpolicybindings',
  singular: 'validatingadmissionpolicybinding',
  schema: validatingBindingSchema,
  columns: bindingColumns,
  withDefaults: policyBindingDefaults,
  validate: object => validateValidatingBinding(object as ValidatingAdmissionPolicyBinding),
}

export const mutatingAdmissionPolicy: Kind = {
  ...shared,
  kind: 'MutatingAdmissionPolicy',
  plural: 'mutatingadmissionpolicies',
  singular: 'mutatingadmissionpolicy',
  schema: mutatingSchema,
  columns: [
    nameColumn,
    integer<MutatingAdmissionPolicy>(
      'Mutations',
      'How many expressions change what is asked for.',
      ({ spec }) => (spec?.mutations ?? []).length,
    ),
    text<MutatingAdmissionPolicy>('ParamKind', 'The kind of its parameters.', ({ spec }) =>
      paramKindText(spec?.paramKind),
    ),
    ageColumn,
  ],
  withDefaults: policyDefaults,
  validate: (object, old) => validateMutatingPolicy(object, old),
}

export const mutatingAdmissionPolicyBinding: Kind = {
  ...shared,
  kind: 'MutatingAdmissionPolicyBinding',
  plural: 'mutatingadmissionpolicybindings',
  singular: 'mutatingadmissionpolicybinding',
  schema: mutatingBindingSchema,
  columns: bindingColumns,
  withDefaults: policyBindingDefaults,
  validate: object => validateMutatingBinding(object),
}
