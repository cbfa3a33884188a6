// Who may do what, as one table of the house's own components. Counterpart: the bootstrap policy
// and the node authoriser of Kubernetes. Least privilege: what no line grants is forbidden.
// Left out: Role and ClusterRole objects.

import type { User } from './authentication.js'
import type { RequestInfo, RequestVerb, ResourceRequest } from './request-info.js'

/** Allowed, forbidden, or a question that only the objects can answer (nodes and their pods). */
export type Decision =
  | { readonly kind: 'allowed' }
  | { readonly kind: 'denied' }
  | { readonly kind: 'node'; readonly node: string; readonly question: NodeQuestion }

/** Does a pod bound to the node, in this namespace, refer to the named object? */
export interface NodeQuestion {
  readonly resource: 'secrets' | 'configmaps' | 'persistentvolumeclaims' | 'serviceaccounts'
  readonly namespace: string
  readonly name: string
}

export interface Rule {
  /** '*' for every verb. */
  readonly verbs: readonly (RequestVerb | '*')[]
  readonly groups: readonly string[]
  /** `resource`, `resource/subresource`, `*` for all resources, `*` + `/*` for subresources too. */
  readonly resources: readonly string[]
  readonly namespaces?: readonly string[]
}

const read: readonly RequestVerb[] = ['get', 'list', 'watch']
const write: readonly RequestVerb[] = ['create', 'update', 'patch', 'delete']

const lease: Rule = {
  verbs: ['get', 'list', 'watch', 'create', 'update', 'patch'],
  groups: ['coordination.k8s.io'],
  resources: ['leases'],
  namespaces: ['kube-system'],
}

const events: Rule = {
  verbs: ['create', 'patch', 'update'],
  groups: ['', 'events.k8s.io'],
  resources: ['events'],
}

const reviews: Rule = {
  verbs: ['create'],
  groups: ['authentication.k8s.io', 'authorization.k8s.io'],
  resources: ['tokenreviews', 'subjectaccessreviews'],
}

// Garbage collection and namespace deletion reach every kind, so reading, changing and deleting
// are general; creating is what a stolen controller key could escalate with, so it is by name.
const controllerManager: readonly Rule[] = [
  {
    verbs: ['get', 'list', 'watch', 'update', 'patch', 'delete', 'deletecollection'],
    groups: ['*'],
    resources: ['*/*'],
  },
  {
    verbs: ['create'],
    groups: [''],
    resources: [
      'pods',
      'pods/eviction',
      'configmaps',
      'endpoints',
      'persistentvolumeclaims',
      'persistentvolumes',
      'replicationcontrollers',
      'secrets',
      'serviceaccounts',
      'serviceaccounts/token',
    ],
  },
  {
    verbs: ['create'],
    groups: ['apps', 'batch', 'discovery.k8s.io', 'coordination.k8s.io'],
    resources: ['replicasets', 'controllerrevisions', 'jobs', 'endpointslices', 'leases'],
  },
  events,
  reviews,
]

const cloudControllerManager: readonly Rule[] = [
  { verbs: [...read, 'update', 'patch', 'delete'], groups: [''], resources: ['nodes'] },
  { verbs: ['patch', 'update'], groups: [''], resources: ['nodes/status', 'services/status'] },
  { verbs: [...read, 'update', 'patch'], groups: [''], resources: ['services'] },
  { verbs: read, groups: [''], resources: ['endpoints', 'namespaces', 'pods'] },
  { verbs: read, groups: ['discovery.k8s.io'], resources: ['endpointslices'] },
  lease,
  events,
  reviews,
]

const scheduler: readonly Rule[] = [
  {
    verbs: read,
    groups: [''],
    resources: [
      'nodes',
      'namespaces',
      'persistentvolumeclaims',
      'persistentvolumes',
      'replicationcontrollers',
      'services',
    ],
  },
  { verbs: [...read, 'delete'], groups: [''], resources: ['pods'] },
  { verbs: ['create'], groups: [''], resources: ['bindings', 'pods/binding'] },
  { verbs: ['patch', 'update'], groups: [''], resources: ['pods/status'] },
  {
    verbs: ['patch', 'update'],
    groups: [''],
    resources: ['persistentvolumeclaims', 'persistentvolumes'],
  },
  { verbs: read, groups: ['apps'], resources: ['replicasets', 'statefulsets', 'deployments'] },
  { verbs: read, groups: ['policy'], resources: ['poddisruptionbudgets'] },
  { verbs: read, groups: ['scheduling.k8s.io'], resources: ['priorityclasses'] },
  { verbs: read, groups: ['storage.k8s.io'], resources: ['*'] },
  lease,
  events,
  reviews,
]

const proxy: readonly Rule[] = [
  { verbs: read, groups: [''], resources: ['services', 'endpoints', 'nodes'] },
  { verbs: read, groups: ['discovery.k8s.io'], resources: ['endpointslices'] },
  events,
]

// A node writes only what NodeRestriction (admission) finds to be its own.
const node: readonly Rule[] = [
  { verbs: read, groups: [''], resources: ['services', 'nodes', 'pods', 'namespaces'] },
  { verbs: ['create', 'update', 'patch'], groups: [''], resources: ['nodes'] },
  { verbs: ['update', 'patch'], groups: [''], resources: ['nodes/status', 'pods/status'] },
  { verbs: ['create', 'delete'], groups: [''], resources: ['pods'] },
  { verbs: ['create'], groups: [''], resources: ['pods/eviction'] },
  { verbs: read, groups: [''], resources: ['endpoints', 'persistentvolumes'] },
  { verbs: read, groups: ['discovery.k8s.io'], resources: ['endpointslices'] },
  {
    verbs: ['get', ...write],
    groups: ['coordination.k8s.io'],
    resources: ['leases'],
    namespaces: ['kube-node-lease'],
  },
  { verbs: read, groups: ['node.k8s.io'], resources: ['runtimeclasses'] },
  { verbs: read, groups: ['storage.k8s.io'], resources: ['csidrivers', 'volumeattachments'] },
  {
    verbs: [...read, 'create'],
    groups: ['certificates.k8s.io'],
    resources: ['certificatesigningrequests'],
  },
  events,
  reviews,
]

/** Every authenticated user: who am I, what may I do. Discovery is by path, below. */
const everybody: readonly Rule[] = [
  {
    verbs: ['create'],
    groups: ['authentication.k8s.io', 'authorization.k8s.io'],
    resources: ['selfsubjectreviews', 'selfsubjectaccessreviews', 'selfsubjectrulesreviews'],
  },
]

const rulesOfUser: ReadonlyMap<string, readonly Rule[]> = new Map([
  ['system:kube-controller-manager', controllerManager],
  ['system:cloud-controller-manager', cloudControllerManager],
  ['system:kube-scheduler', scheduler],
  ['system:kube-proxy', proxy],
])

const rulesOfGroup: ReadonlyMap<string, readonly Rule[]> = new Map([
  ['system:authenticated', everybody],
])

const openPaths = ['/healthz', '/livez', '/readyz', '/version']
const discoveryPaths = ['/api', '/apis', '/openapi']

/** Allowed, denied, or `node` where the answer depends on the pods of a node. */
export function authorize(user: User, info: RequestInfo): Decision {
  if (user.groups.includes('system:masters')) return { kind: 'allowed' }
  if (info.kind === 'non-resource') return nonResourceDecision(user, info.verb, info.path)
  const nodeName = nodeOf(user)
  if (nodeName !== null) return nodeDecision(nodeName, info)
  for (const rules of rulesFor(user)) {
    if (rules.some(rule => grants(rule, info))) return { kind: 'allowed' }
  }
  return { kind: 'denied' }
}

/** The node that a user is, or null: system:node:<name> in group system:nodes. */
export function nodeOf(user: User): string | null {
  if (!user.groups.includes('system:nodes') || !user.name.startsWith('system:node:')) return null
  const name = user.name.slice('system:node:'.length)
  return name === '' ? null : name
}

/** The sentence of a 403, as in Kubernetes. */
export function forbiddenMessage(user: User, info: RequestInfo): string {
  const who = `User "${user.name}" cannot`
  if (info.kind === 'non-resource') return `${who} ${info.verb} path "${info.path}"`
  const resource = info.subresource === '' ? info.resource : `${info.resource}/${info.subresource}`
  const what = `${who} ${info.verb} resource "${resource}" in API group "${info.group}"`
  const clusterWide = info.namespace === '' || info.resource === 'namespaces'
  return clusterWide
    ? `${what} at the cluster scope`
    : `${what} in the namespace "${info.namespace}"`
}

export interface UserRules {
  readonly resourceRules: readonly Rule[]
  readonly paths: readonly string[]
}

/** All that the table grants a user, for `kubectl auth can-i --list`. */
export function rulesOf(user: User): UserRules {
  if (user.groups.includes('system:masters')) {
    return { resourceRules: [{ verbs: ['*'], groups: ['*'], resources: ['*'] }], paths: ['*'] }
  }
  const own = nodeOf(user) === null ? [...rulesFor(user)].flat() : [...node, ...everybody]
  const known = user.groups.includes('system:authenticated')
  const below = (roots: readonly string[]) => roots.flatMap(root => [root, `${root}/*`])
  return { resourceRules: own, paths: below(known ? [...openPaths, ...discoveryPaths] : openPaths) }
}

function* rulesFor(user: User): Generator<readonly Rule[]> {
  const own = rulesOfUser.get(user.name)
  if (own !== undefined) yield own
  for (const group of user.groups) {
    const shared = rulesOfGroup.get(group)
    if (shared !== undefined) yield shared
  }
}

function nonResourceDecision(user: User, verb: string, path: string): Decision {
  const below = (roots: readonly string[]) =>
    roots.some(root => path === root || path.startsWith(`${root}/`))
  const reading = verb === 'get' || verb === 'head'
  if (reading && below(openPaths)) return { kind: 'allowed' }
  const known = user.groups.includes('system:authenticated')
  if (reading && known && below(discoveryPaths)) return { kind: 'allowed' }
  return { kind: 'denied' }
}

function nodeDecision(name: string, info: ResourceRequest): Decision {
  if ([...node, ...everybody].some(rule => grants(rule, info))) return { kind: 'allowed' }
  if (info.group !== '' || info.namespace === '') return { kind: 'denied' }
  const { resource, namespace } = info
  if (
    resource === 'secrets' ||
    resource === 'configmaps' ||
    resource === 'persistentvolumeclaims'
  ) {
    const target = info.name === '' ? nameSelected(info) : info.name
    const reading = read.includes(info.verb) && info.subresource === ''
    if (!reading || target === '') return { kind: 'denied' }
    return { kind: 'node', node: name, question: { resource, namespace, name: target } }
  }
  if (resource === 'serviceaccounts' && info.subresource === 'token' && info.verb === 'create') {
    return { kind: 'node', node: name, question: { resource, namespace, name: info.name } }
  }
  return { kind: 'denied' }
}

/** The one name that `fieldSelector=metadata.name=x` asks for, or ''. */
function nameSelected(info: ResourceRequest): string {
  return /^metadata\.name==?([^,=!]+)$/.exec(info.query.get('fieldSelector') ?? '')?.[1] ?? ''
}

function grants(rule: Rule, info: ResourceRequest): boolean {
  if (!rule.verbs.includes('*') && !rule.verbs.includes(info.verb)) return false
  if (!rule.groups.includes('*') && !rule.groups.includes(info.group)) return false
  if (rule.namespaces !== undefined && !rule.namespaces.includes(info.namespace)) return false
  return rule.resources.some(resource => {
    if (resource === '*/*') return true
    if (info.subresource === '') return resource === '*' || resource === info.resource
    return resource === `${info.resource}/${info.subresource}`
  })
}
