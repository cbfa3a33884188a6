// FlowSchemas and PriorityLevelConfigurations: whose requests wait for whose.
// Counterpart: flowcontrol/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import {
  always,
  bool,
  field,
  int32,
  keyed,
  list,
  pointer,
  set,
  string,
  struct,
  time,
  typeMeta,
} from '../schema.js'

export const userSubject: StructSchema = struct('io.k8s.api.flowcontrol.v1.UserSubject', {
  name: always(1, string, { required: true }),
})

export const groupSubject: StructSchema = struct('io.k8s.api.flowcontrol.v1.GroupSubject', {
  name: always(1, string, { required: true }),
})

export const serviceAccountSubject: StructSchema = struct(
  'io.k8s.api.flowcontrol.v1.ServiceAccountSubject',
  {
    namespace: always(1, string, { required: true }),
    name: always(2, string, { required: true }),
  },
)

export const subject: StructSchema = struct('io.k8s.api.flowcontrol.v1.Subject', {
  kind: always(1, string, { required: true }),
  user: pointer(2, userSubject),
  group: pointer(3, groupSubject),
  serviceAccount: pointer(4, serviceAccountSubject),
})

export const resourcePolicyRule: StructSchema = struct(
  'io.k8s.api.flowcontrol.v1.ResourcePolicyRule',
  {
    verbs: always(1, set(string), { required: true }),
    apiGroups: always(2, set(string), { required: true }),
    resources: always(3, set(string), { required: true }),
    clusterScope: field(4, bool),
    namespaces: always(5, set(string)),
  },
)

export const nonResourcePolicyRule: StructSchema = struct(
  'io.k8s.api.flowcontrol.v1.NonResourcePolicyRule',
  {
    verbs: always(1, set(string), { required: true }),
    nonResourceURLs: always(6, set(string), { required: true }),
  },
)

export const policyRulesWithSubjects: StructSchema = struct(
  'io.k8s.api.flowcontrol.v1.PolicyRulesWithSubjects',
  {
    subjects: always(1, list(subject), { required: true }),
    resourceRules: field(2, list(resourcePolicyRule)),
    nonResourceRules: field(3, list(nonResourcePolicyRule)),
  },
)

export const flowDistinguisherMethod: StructSchema = struct(
  'io.k8s.api.flowcontrol.v1.FlowDistinguisherMethod',
  {
    type: always(1, string, { required: true }),
  },
)

export const priorityLevelConfigurationReference: StructSchema = struct(
  'io.k8s.api.flowcontrol.v1.PriorityLevelConfigurationReference',
  {
    name: always(1, string, { required: true }),
  },
)

export const flowSchemaSpec: StructSchema = struct('io.k8s.api.flowcontrol.v1.FlowSchemaSpec', {
  priorityLevelConfiguration: always(1, priorityLevelConfigurationReference, { required: true }),
  matchingPrecedence: always(2, int32),
  distinguisherMethod: pointer(3, flowDistinguisherMethod),
  rules: field(4, list(policyRulesWithSubjects)),
})

export const flowSchemaCondition: StructSchema = struct(
  'io.k8s.api.flowcontrol.v1.FlowSchemaCondition',
  {
    type: field(1, string),
    status: field(2, string),
    lastTransitionTime: field(3, time),
    reason: field(4, string),
    message: field(5, string),
  },
)

export const flowSchemaStatus: StructSchema = struct('io.k8s.api.flowcontrol.v1.FlowSchemaStatus', {
  conditions: field(1, keyed(flowSchemaCondition, 'type'), { mergeKey: 'type' }),
})

export const flowSchema: StructSchema = struct(
  'io.k8s.api.flowcontrol.v1.FlowSchema',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: field(2, flowSchemaSpec),
    status: field(3, flowSchemaStatus),
  },
  { description: 'Which requests belong to which priority level.' },
)

export const queuingConfiguration: StructSchema = struct(
  'io.k8s.api.flowcontrol.v1.QueuingConfiguration',
  {
    queues: always(1, int32),
    handSize: always(2, int32),
    queueLengthLimit: always(3, int32),
  },
)

export const limitResponse: StructSchema = struct('io.k8s.api.flowcontrol.v1.LimitResponse', {
  type: always(1, string, { required: true }),
  queuing: pointer(2, queuingConfiguration),
})

export const limitedPriorityLevelConfiguration: StructSchema = struct(
  'io.k8s.api.flowcontrol.v1.LimitedPriorityLevelConfiguration',
  {
    nominalConcurrencyShares: pointer(1, int32),
    limitResponse: field(2, limitResponse),
    lendablePercent: pointer(3, int32),
    borrowingLimitPercent: pointer(4, int32),
  },
)

export const exemptPriorityLevelConfiguration: StructSchema = struct(
  'io.k8s.api.flowcontrol.v1.ExemptPriorityLevelConfiguration',
  {
    nominalConcurrencyShares: pointer(1, int32),
    lendablePercent: pointer(2, int32),
  },
)

export const priorityLevelConfigurationSpec: StructSchema = struct(
  'io.k8s.api.flowcontrol.v1.PriorityLevelConfigurationSpec',
  {
    type: always(1, string, { required: true }),
    limited: pointer(2, limitedPriorityLevelConfiguration),
    exempt: pointer(3, exemptPriorityLevelConfiguration),
  },
)

export const priorityLevelConfigurationCondition: StructSchema = struct(
  'io.k8s.api.flowcontrol.v1.PriorityLevelConfigurationCondition',
  {
    type: field(1, string),
    status: field(2, string),
    lastTransitionTime: field(3, time),
    reason: field(4, string),
    message: field(5, string),
  },
)

export const priorityLevelConfigurationStatus: StructSchema = struct(
  'io.k8s.api.flowcontrol.v1.PriorityLevelConfigurationStatus',
  {
    conditions: field(1, keyed(priorityLevelConfigurationCondition, 'type'), { mergeKey: 'type' }),
  },
)

export const priorityLevelConfiguration: StructSchema = struct(
  'io.k8s.api.flowcontrol.v1.PriorityLevelConfiguration',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: field(2, priorityLevelConfigurationSpec),
    status: field(3, priorityLevelConfigurationStatus),
  },
  {
    description: 'How many requests of a level are served at a time, and what happens to the rest.',
  },
)
