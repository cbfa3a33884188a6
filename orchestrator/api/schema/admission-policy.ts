// Admission policies, in CEL.
// Counterpart: admissionregistration/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { matchCondition } from './admission-webhook.js'
import { condition, labelSelector, objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import {
  always,
  field,
  inlined,
  int64,
  keyed,
  list,
  pointer,
  set,
  string,
  struct,
  typeMeta,
} from '../schema.js'

export const namedRuleWithOperations: StructSchema = struct(
  'io.k8s.api.admissionregistration.v1.NamedRuleWithOperations',
  {
    resourceNames: field(1, list(string)),
    ...inlined(2, {
      operations: field(1, list(string)),
      ...inlined(2, {
        apiGroups: field(1, list(string)),
        apiVersions: field(2, list(string)),
        resources: field(3, list(string)),
        scope: pointer(4, string),
      }),
    }),
  },
  { atomic: true },
)

export const matchResources: StructSchema = struct(
  'io.k8s.api.admissionregistration.v1.MatchResources',
  {
    namespaceSelector: pointer(1, labelSelector),
    objectSelector: pointer(2, labelSelector),
    resourceRules: field(3, list(namedRuleWithOperations)),
    excludeResourceRules: field(4, list(namedRuleWithOperations)),
    matchPolicy: pointer(7, string),
  },
  { atomic: true },
)

export const paramKind: StructSchema = struct(
  'io.k8s.api.admissionregistration.v1.ParamKind',
  {
    apiVersion: field(1, string),
    kind: field(2, string),
  },
  { atomic: true },
)

export const paramRef: StructSchema = struct(
  'io.k8s.api.admissionregistration.v1.ParamRef',
  {
    name: field(1, string),
    namespace: field(2, string),
    selector: pointer(3, labelSelector),
    parameterNotFoundAction: pointer(4, string),
  },
  { atomic: true },
)

export const validation: StructSchema = struct('io.k8s.api.admissionregistration.v1.Validation', {
  expression: always(1, string, { required: true }),
  message: field(2, string),
  reason: pointer(3, string),
  messageExpression: field(4, string),
})

export const auditAnnotation: StructSchema = struct(
  'io.k8s.api.admissionregistration.v1.AuditAnnotation',
  {
    key: always(1, string, { required: true }),
    valueExpression: always(2, string, { required: true }),
  },
)

export const variable: StructSchema = struct(
  'io.k8s.api.admissionregistration.v1.Variable',
  {
    name: always(1, string, { required: true }),
    expression: always(2, string, { required: true }),
  },
  { atomic: true },
)

export const expressionWarning: StructSchema = struct(
  'io.k8s.api.admissionregistration.v1.ExpressionWarning',
  {
    fieldRef: always(2, string, { required: true }),
    warning: always(3, string, { required: true }),
  },
)

export const typeChecking: StructSchema = struct(
  'io.k8s.api.admissionregistration.v1.TypeChecking',
  {
    expressionWarnings: field(1, list(expressionWarning)),
  },
)

export const validatingAdmissionPolicySpec: StructSchema = struct(
  'io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicySpec',
  {
    paramKind: pointer(1, paramKind),
    matchConstraints: pointer(2, matchResources),
    validations: field(3, list(validation)),
    failurePolicy: pointer(4, string),
    auditAnnotations: field(5, list(auditAnnotation)),
    matchConditions: field(6, keyed(matchCondition, 'name'), { mergeKey: 'name' }),
    variables: field(7, keyed(variable, 'name'), { mergeKey: 'name' }),
  },
)

export const validatingAdmissionPolicyStatus: StructSchema = struct(
  'io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicyStatus',
  {
    observedGeneration: field(1, int64),
    typeChecking: pointer(2, typeChecking),
    conditions: field(3, keyed(condition, 'type')),
  },
)

export const validatingAdmissionPolicy: StructSchema = struct(
  'io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicy',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: field(2, validatingAdmissionPolicySpec),
    status: field(3, validatingAdmissionPolicyStatus),
  },
  { description: 'Expressions that may refuse what is asked for.' },
)

export const validatingAdmissionPolicyBindingSpec: StructSchema = struct(
  'io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicyBindingSpec',
  {
    policyName: field(1, string, { required: true }),
    paramRef: pointer(2, paramRef),
    matchResources: pointer(3, matchResources),
    validationActions: field(4, set(string), { required: true }),
  },
)

export const validatingAdmissionPolicyBinding: StructSchema = struct(
  'io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicyBinding',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: field(2, validatingAdmissionPolicyBindingSpec, { required: true }),
  },
  { description: 'Where a policy holds, and with which parameters.' },
)

export const applyConfiguration: StructSchema = struct(
  'io.k8s.api.admissionregistration.v1.ApplyConfiguration',
  {
    expression: field(1, string),
  },
)

export const jsonPatch: StructSchema = struct('io.k8s.api.admissionregistration.v1.JSONPatch', {
  expression: field(1, string),
})

export const mutation: StructSchema = struct('io.k8s.api.admissionregistration.v1.Mutation', {
  patchType: always(2, string, { required: true }),
  applyConfiguration: pointer(3, applyConfiguration),
  jsonPatch: pointer(4, jsonPatch),
})

export const mutatingAdmissionPolicySpec: StructSchema = struct(
  'io.k8s.api.admissionregistration.v1.MutatingAdmissionPolicySpec',
  {
    paramKind: pointer(1, paramKind),
    matchConstraints: pointer(2, matchResources),
    variables: field(3, list(variable)),
    mutations: field(4, list(mutation)),
    failurePolicy: pointer(5, string),
    matchConditions: field(6, keyed(matchCondition, 'name'), { mergeKey: 'name' }),
    reinvocationPolicy: field(7, string),
  },
)

export const mutatingAdmissionPolicy: StructSchema = struct(
  'io.k8s.api.admissionregistration.v1.MutatingAdmissionPolicy',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: field(2, mutatingAdmissionPolicySpec),
  },
  { description: 'Expressions that may change what is asked for.' },
)

export const mutatingAdmissionPolicyBindingSpec: StructSchema = struct(
  'io.k8s.api.admissionregistration.v1.MutatingAdmissionPolicyBindingSpec',
  {
    policyName: field(1, string),
    paramRef: pointer(2, paramRef),
    matchResources: pointer(3, matchResources),
  },
)

export const mutatingAdmissionPolicyBinding: StructSchema = struct(
  'io.k8s.api.admissionregistration.v1.MutatingAdmissionPolicyBinding',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: field(2, mutatingAdmissionPolicyBindingSpec),
  },
  { description: 'Where a policy holds, and with which parameters.' },
)
