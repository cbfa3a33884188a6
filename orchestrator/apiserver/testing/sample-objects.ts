// The smallest object of every kind that is stored: what its validation insists on, and nothing else. `name` is a plain
// word that may be part of the name where a kind has rules for it.

import type { JsonObject } from '../../api/object.js'

type Body = JsonObject
type Sample = (name: string, namespace: string) => Body

const labels = { app: 'sample' }
const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'hello:1' }] } }
const selector = { matchLabels: labels }
const workload = { selector, template }
const jobTemplate = {
  spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'hello:1' }] },
}
const claim = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } }
const scaled = {
  scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'x' },
  maxReplicas: 1,
}
const rbac = 'rbac.authorization.k8s.io'
const webhooks = {
  webhooks: [
    {
      name: 'sample.example.com',
      admissionReviewVersions: ['v1'],
      sideEffects: 'None',
      clientConfig: { url: 'https://127.0.0.1:1/' },
      rules: [],
    },
  ],
}
const policy = {
  spec: {
    matchConstraints: {
      resourceRules: [
        {
          apiGroups: ['none.example.com'],
          apiVersions: ['v1'],
          operations: ['CREATE'],
          resources: ['nothings'],
        },
      ],
    },
  },
}
const address = (name: string) => `10.96.77.${(name.codePointAt(name.length - 1) ?? 0) % 200}`
const request =
  'LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIWk1JR0FBZ0VBTUI0eERqQU1CZ05WQkFvTUJXZDFhV3hrTVF3d0NnWURWUVFEREFOaFpHRXdXVEFUQmdjcQpoa2pPUFFJQkJnZ3Foa2pPUFFNQkJ3TkNBQVMzaVFuY3FlaTBkNVoxdDRlUXUwa3R3OEZETjRvLzJvb1IxUUtuCmxyeGNtd00xN0tQLzViU1QxWWM0K2hSZW5oejZRWjk5RWlFRTJGSHlVaXY5WFM2dG9BQXdDZ1lJS29aSXpqMEUKQXdJRFNBQXdSUUloQU1PbmdtUlRKK25zQ2xSRmdEMTR2MHhHVXk0cWszUllsTklLRHFBQ2J1emlBaUExclM5ZAo1dXNWM1VnaUtFV0cvYWFmUVZLNUNyd2hwS205VDFmaVdWYzdkdz09Ci0tLS0tRU5EIENFUlRJRklDQVRFIFJFUVVFU1QtLS0tLQo='

const samples: Readonly<Record<string, Sample>> = {
  configmaps: () => ({ data: { a: 'b' } }),
  endpoints: () => ({}),
  events: (_, namespace) => ({
    involvedObject: { kind: 'Pod', namespace, name: 'p' },
    reason: 'Sample',
    message: 'm',
    type: 'Normal',
  }),
  limitranges: () => ({ spec: { limits: [] } }),
  namespaces: () => ({}),
  nodes: () => ({}),
  persistentvolumes: () => ({
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      hostPath: { path: '/tmp/x' },
    },
  }),
  persistentvolumeclaims: () => ({ spec: claim }),
  pods: () => ({ spec: { containers: [{ name: 'c', image: 'hello:1' }] } }),
  podtemplates: () => ({ template }),
  replicationcontrollers: () => ({ spec: { selector: labels, template } }),
  resourcequotas: () => ({ spec: { hard: { 'count/none.example.com': '1' } } }),
  secrets: () => ({ data: { a: 'Yg==' } }),
  serviceaccounts: () => ({}),
  services: () => ({ spec: { ports: [{ port: 80 }] } }),
  'deployments.apps': () => ({ spec: workload }),
  'replicasets.apps': () => ({ spec: workload }),
  'statefulsets.apps': () => ({ spec: { ...workload, serviceName: 'x' } }),
  'daemonsets.apps': () => ({ spec: workload }),
  'controllerrevisions.apps': () => ({ revision: 1, data: { a: 'b' } }),
  'horizontalpodautoscalers.autoscaling': () => ({ spec: scaled }),
  'cronjobs.batch': () => ({
    spec: { schedule: '0 3 * * *', jobTemplate: { spec: { template: jobTemplate } } },
  }),
  'jobs.batch': () => ({ spec: { template: jobTemplate } }),
  'leases.coordination.k8s.io': () => ({ spec: { holderIdentity: 'x' } }),
  'endpointslices.discovery.k8s.io': () => ({ addressType: 'IPv4', endpoints: [], ports: [] }),
  'events.events.k8s.io': (_, namespace) => ({
    eventTime: '2026-01-01T00:00:00.000000Z',
    reportingController: 'example.com/sample',
    reportingInstance: 'one',
    action: 'Trying',
    reason: 'Sample',
    type: 'Normal',
    regarding: { kind: 'Pod', namespace, name: 'p' },
  }),
  'ingresses.networking.k8s.io': () => ({
    spec: { defaultBackend: { service: { name: 'x', port: { number: 80 } } } },
  }),
  'ingressclasses.networking.k8s.io': () => ({ spec: { controller: 'example.com/sample' } }),
  'ipaddresses.networking.k8s.io': name => ({
    metadata: { name: address(name) },
    spec: { parentRef: { resource: 'services', namespace: 'default', name: 'x' } },
  }),
  'networkpolicies.networking.k8s.io': () => ({ spec: { podSelector: {} } }),
  'servicecidrs.networking.k8s.io': () => ({ spec: { cidrs: ['10.99.0.0/24'] } }),
  'csidrivers.storage.k8s.io': () => ({ spec: {} }),
  'csinodes.storage.k8s.io': () => ({ spec: { drivers: [] } }),
  'csistoragecapacities.storage.k8s.io': () => ({ storageClassName: 'x' }),
  'storageclasses.storage.k8s.io': () => ({ provisioner: 'example.com/sample' }),
  'volumeattachments.storage.k8s.io': () => ({
    spec: {
      attacher: 'example.com',
      nodeName: 'n',
      source: { persistentVolumeName: 'x' },
    },
  }),
  'volumeattributesclasses.storage.k8s.io': () => ({
    driverName: 'example.com',
    parameters: { a: 'b' },
  }),
  'runtimeclasses.node.k8s.io': () => ({ handler: 'x' }),
  'poddisruptionbudgets.policy': () => ({ spec: { selector, minAvailable: 1 } }),
  'priorityclasses.scheduling.k8s.io': () => ({ value: 1 }),
  'mutatingwebhookconfigurations.admissionregistration.k8s.io': () => webhooks,
  'validatingwebhookconfigurations.admissionregistration.k8s.io': () => webhooks,
  'validatingadmissionpolicies.admissionregistration.k8s.io': () => ({
    spec: { ...policy.spec, validations: [{ expression: 'true' }] },
  }),
  'validatingadmissionpolicybindings.admissionregistration.k8s.io': () => ({
    spec: { policyName: 'none', validationActions: ['Deny'] },
  }),
  'mutatingadmissionpolicies.admissionregistration.k8s.io': () => ({
    spec: {
      ...policy.spec,
      reinvocationPolicy: 'Never',
      mutations: [
        { patchType: 'ApplyConfiguration', applyConfiguration: { expression: 'Object{}' } },
      ],
    },
  }),
  'mutatingadmissionpolicybindings.admissionregistration.k8s.io': () => ({
    spec: { policyName: 'none' },
  }),
  'customresourcedefinitions.apiextensions.k8s.io': name => ({
    metadata: { name: `${name}s.sample.example.com` },
    spec: {
      group: 'sample.example.com',
      scope: 'Namespaced',
      names: { plural: `${name}s`, kind: name.toUpperCase() },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object' } },
        },
      ],
    },
  }),
  'certificatesigningrequests.certificates.k8s.io': () => ({
    spec: { request, signerName: 'example.com/sample', usages: ['client auth'] },
  }),
  [`clusterroles.${rbac}`]: () => ({ rules: [] }),
  [`roles.${rbac}`]: () => ({ rules: [] }),
  [`clusterrolebindings.${rbac}`]: () => ({
    roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'view' },
  }),
  [`rolebindings.${rbac}`]: () => ({
    roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'view' },
  }),
  'flowschemas.flowcontrol.apiserver.k8s.io': () => ({
    spec: { priorityLevelConfiguration: { name: 'catch-all' }, matchingPrecedence: 9000 },
  }),
  'prioritylevelconfigurations.flowcontrol.apiserver.k8s.io': () => ({
    spec: {
      type: 'Limited',
      limited: { nominalConcurrencyShares: 1, limitResponse: { type: 'Reject' } },
    },
  }),
  'apiservices.apiregistration.k8s.io': name => ({
    metadata: { name: `v1.${name}.example.com` },
    spec: {
      group: `${name}.example.com`,
      version: 'v1',
      groupPriorityMinimum: 1000,
      versionPriority: 15,
      service: { namespace: 'default', name: 'none' },
      insecureSkipTLSVerify: true,
    },
  }),
}

/** Null where there is none. `resource` as in "deployments.apps". */
export function sampleOf(resource: string, name: string, namespace: string): JsonObject | null {
  const sample = samples[resource]
  if (sample === undefined) return null
  const { metadata, ...rest } = sample(name, namespace)
  return { metadata: { name, labels, ...(metadata as object | undefined) }, ...rest }
}
