// The flow schemas and priority levels that every cluster begins with: two of each that are as they
// are, and those that are only a good beginning. Counterpart: apis/flowcontrol/bootstrap of apiserver.
// Data only.

import type {
  FlowSchema,
  FlowSchemaSpec,
  PolicyRulesWithSubjects,
  PriorityLevelConfiguration,
  PriorityLevelConfigurationSpec,
  ResourcePolicyRule,
  Subject,
} from '../types/flowcontrol.js'

export const flowcontrolGroup = 'flowcontrol.apiserver.k8s.io'
const apiVersion = `${flowcontrolGroup}/v1`

/** "true": the spec follows the release; "false": it belongs to who wrote it. */
export const autoUpdateAnnotation = 'apf.kubernetes.io/autoupdate-spec'

export const exemptName = 'exempt'
export const catchAllName = 'catch-all'

const every = ['*']
const allResources: ResourcePolicyRule = {
  verbs: every,
  apiGroups: every,
  resources: every,
  clusterScope: true,
  namespaces: every,
}
const everything = {
  resourceRules: [allResources],
  nonResourceRules: [{ verbs: every, nonResourceURLs: every }],
}

function groups(...names: readonly string[]): readonly Subject[] {
  return names.map(name => ({ kind: 'Group', group: { name } }))
}

function users(...names: readonly string[]): readonly Subject[] {
  return names.map(name => ({ kind: 'User', user: { name } }))
}

function systemAccounts(...names: readonly string[]): readonly Subject[] {
  return names.map(name => ({
    kind: 'ServiceAccount',
    serviceAccount: { namespace: 'kube-system', name },
  }))
}

const everybody = groups('system:unauthenticated', 'system:authenticated')
const election = ['get', 'create', 'update']
const leases: ResourcePolicyRule = {
  verbs: election,
  apiGroups: ['coordination.k8s.io'],
  resources: ['leases'],
  namespaces: every,
}

function schema(
  name: string,
  level: string,
  matchingPrecedence: number,
  distinguisher: 'ByUser' | 'ByNamespace' | null,
  ...rules: readonly PolicyRulesWithSubjects[]
): FlowSchema {
  const spec: FlowSchemaSpec = {
    priorityLevelConfiguration: { name: level },
    matchingPrecedence,
    ...(distinguisher === null ? {} : { distinguisherMethod: { type: distinguisher } }),
    rules,
  }
  return { apiVersion, kind: 'FlowSchema', metadata: bootstrapMetadata(name), spec }
}

function bootstrapMetadata(name: string) {
  return { name, annotations: { [autoUpdateAnnotation]: 'true' } }
}

function level(name: string, spec: PriorityLevelConfigurationSpec): PriorityLevelConfiguration {
  const kind = 'PriorityLevelConfiguration'
  return { apiVersion, kind, metadata: bootstrapMetadata(name), spec }
}

function queued(
  name: string,
  nominalConcurrencyShares: number,
  lendablePercent: number,
  queues: number,
  handSize = 6,
): PriorityLevelConfiguration {
  const queuing = { queues, handSize, queueLengthLimit: 50 }
  return level(name, {
    type: 'Limited',
    limited: {
      nominalConcurrencyShares,
      lendablePercent,
      limitResponse: { type: 'Queue', queuing },
    },
  })
}

/** Nobody can change these, nor do without. */
export const mandatoryLevels: readonly PriorityLevelConfiguration[] = [
  level(exemptName, {
    type: 'Exempt',
    exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 },
  }),
  level(catchAllName, {
    type: 'Limited',
    limited: {
      nominalConcurrencyShares: 5,
      lendablePercent: 0,
      limitResponse: { type: 'Reject' },
    },
  }),
]

export const mandatorySchemas: readonly FlowSchema[] = [
  schema(exemptName, exemptName, 1, null, { subjects: groups('system:masters'), ...everything }),
  schema(catchAllName, catchAllName, 10_000, 'ByUser', { subjects: everybody, ...everything }),
]

export const suggestedLevels: readonly PriorityLevelConfiguration[] = [
  queued('system', 30, 33, 64),
  queued('node-high', 40, 25, 64),
  queued('leader-election', 10, 0, 16, 4),
  queued('workload-high', 40, 50, 128),
  queued('workload-low', 100, 90, 128),
  queued('global-default', 20, 50, 128),
]

export const suggestedSchemas: readonly FlowSchema[] = [
  schema('system-nodes', 'system', 500, 'ByUser', {
    subjects: groups('system:nodes'),
    ...everything,
  }),
  schema('system-node-high', 'node-high', 400, 'ByUser', {
    subjects: groups('system:nodes'),
    resourceRules: [
      { ...allResources, apiGroups: [''], resources: ['nodes', 'nodes/status'] },
      { ...leases, verbs: every },
    ],
  }),
  schema('probes', exemptName, 2, null, {
    subjects: everybody,
    nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }],
  }),
  schema('system-leader-election', 'leader-election', 100, 'ByUser', {
    subjects: [
      ...users('system:kube-controller-manager', 'system:kube-scheduler'),
      ...systemAccounts('*'),
    ],
    resourceRules: [leases],
  }),
  schema('workload-leader-election', 'leader-election', 200, 'ByUser', {
    subjects: systemAccounts('*'),
    resourceRules: [{ ...leases, apiGroups: [''], resources: ['endpoints', 'configmaps'] }, leases],
  }),
  schema('endpoint-controller', 'workload-high', 150, 'ByUser', {
    subjects: [
      ...users('system:kube-controller-manager'),
      ...systemAccounts('endpoint-controller', 'endpointslicemirroring-controller'),
    ],
    resourceRules: [{ ...leases, apiGroups: [''], resources: ['endpoints'] }],
  }),
  schema('kube-controller-manager', 'workload-high', 800, 'ByNamespace', {
    subjects: users('system:kube-controller-manager'),
    ...everything,
  }),
  schema('kube-scheduler', 'workload-high', 800, 'ByNamespace', {
    subjects: users('system:kube-scheduler'),
    ...everything,
  }),
  schema('kube-system-service-accounts', 'workload-high', 900, 'ByNamespace', {
    subjects: systemAccounts('*'),
    ...everything,
  }),
  schema('service-accounts', 'workload-low', 9_000, 'ByUser', {
    subjects: groups('system:serviceaccounts'),
    ...everything,
  }),
  schema('global-default', 'global-default', 9_900, 'ByUser', {
    subjects: everybody,
    ...everything,
  }),
]
