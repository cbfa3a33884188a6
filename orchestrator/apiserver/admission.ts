// The checks and fillings-in between authorisation and validation, and the checks behind it.
// Counterpart: the admission plugins NamespaceLifecycle, ServiceAccount, DefaultTolerationSeconds and
// NodeRestriction, and the chain; the other plugins are in admission/. Pure: what a check needs of other
// objects comes through `AdmissionView`. Left out: webhooks, token volumes.

import type { Kind } from '../api/kind.js'
import { sameJson } from '../api/equality.js'
import type { Json, KubeObject } from '../api/object.js'
import { ApiError, forbidden, notFound } from '../api/status.js'
import { isJsonObject } from '../api/record.js'

import type { Pod } from '../api/types/core-pod.js'
import { growthProblem } from './admission/claim-growth.js'
import { withIngressClass, withStorageClass } from './admission/default-classes.js'
import { applyLimits, checkLimits } from './admission/limit-ranger.js'
import { checkPodSecurity } from './admission/pod-security.js'
import { checkPriorityClass, withOldPriority, withPriority } from './admission/priority.js'
import { isKind } from './admission/request.js'
import { withRuntimeClass } from './admission/runtime-class.js'
import type { User } from './authentication.js'
import { isCertificateRequest, withRequester } from './certificate-guard.js'
import { nodeOf } from './node-authorizer.js'
import { fieldAt, listAt, textAt, withField } from './object-fields.js'
import { podReferences } from '../api/pod-references.js'

export interface AdmissionView {
  /** Null when there is none. */
  readonly namespace: (name: string) => KubeObject | null
  readonly serviceAccountExists: (namespace: string, name: string) => boolean
  readonly object: (
    group: string,
    plural: string,
    namespace: string,
    name: string,
  ) => KubeObject | null
  /** Namespace '' is all of them. */
  readonly list: (group: string, plural: string, namespace: string) => readonly KubeObject[]
}

export interface AdmissionRequest {
  readonly kind: Kind
  readonly subresource: string
  readonly operation: 'create' | 'update' | 'delete' | 'connect'
  readonly namespace: string
  readonly name: string
  /** Null for a delete. To connect: options of the kind that the subresource has. */
  readonly object: KubeObject | null
  /** Null for a create. */
  readonly old: KubeObject | null
  readonly user: User
}

export const systemNamespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease']

/** Deleting these would take the cluster's own furniture along. */
const immortalNamespaces = new Set(['default', 'kube-system', 'kube-public'])

/** The namespace of a request: it must be there, and alive for anything new. Throws ApiError. */
export function admitNamespace(request: AdmissionRequest, view: AdmissionView): void {
  const { kind, operation } = request
  if (isKind(kind, '', 'namespaces')) {
    if (operation === 'delete' && immortalNamespaces.has(request.name)) {
      throw forbidden(kind, request.name, 'this namespace may not be deleted')
    }
    return
  }
  if (!kind.namespaced || operation !== 'create') return
  // Whether there is such a namespace is not for everybody to hear.
  if (isKind(kind, 'authorization.k8s.io', 'localsubjectaccessreviews')) return
  const namespace = view.namespace(request.namespace)
  if (namespace === null) throw notFound({ group: '', plural: 'namespaces' }, request.namespace)
  const terminating =
    namespace.metadata.deletionTimestamp !== undefined ||
    textAt(namespace, 'status.phase') === 'Terminating'
  if (terminating) throw terminatingError(request)
}

function terminatingError(request: AdmissionRequest): ApiError {
  const error = forbidden(
    request.kind,
    request.name,
    `unable to create new content in namespace ${request.namespace} because it is being terminated`,
  )
  const causes = [
    {
      reason: 'NamespaceTerminating',
      message: `namespace ${request.namespace} is being terminated`,
      field: 'metadata.namespace',
    },
  ]
  const status = { ...error.status, details: { ...error.status.details, causes } }
  return new ApiError(status)
}

const storageGroup = 'storage.k8s.io'
const networkingGroup = 'networking.k8s.io'

/** The object as it goes on to validation. Throws ApiError where admission refuses. */
export function mutate(request: AdmissionRequest, view: AdmissionView): KubeObject | null {
  const { kind, object, old, operation, subresource } = request
  if (object === null || subresource !== '') return object
  const isNew = operation === 'create'
  if (isNew && isCertificateRequest(request)) return withRequester(object, request.user)
  if (isNew && isKind(kind, '', 'persistentvolumeclaims')) {
    return withStorageClass(object, view.list(storageGroup, 'storageclasses', ''))
  }
  if (isNew && isKind(kind, networkingGroup, 'ingresses')) {
    return withIngressClass(object, view.list(networkingGroup, 'ingressclasses', ''))
  }
  if (!isKind(kind, '', 'pods')) return object
  if (!isNew) {
    const pod = old === null ? object : withOldPriority(object as Pod, old as Pod)
    return withDefaultTolerations(pod)
  }
  let pod = applyLimits(object as Pod, request, view)
  pod = withServiceAccount(pod, request, view) as Pod
  pod = withPriority(pod, request, view)
  pod = withDefaultTolerations(pod) as Pod
  return withRuntimeClass(pod, request, view)
}

/** Of an object that is complete and valid: what to warn about. Throws ApiError Forbidden. */
export function check(request: AdmissionRequest, view: AdmissionView): readonly string[] {
  if (request.subresource === 'status') return []
  checkGrowth(request, view)
  checkLimits(request, view)
  checkPriorityClass(request, view)
  return checkPodSecurity(request, view)
}

function checkGrowth(request: AdmissionRequest, view: AdmissionView): void {
  const { kind, object, old, name } = request
  if (object === null || old === null || request.subresource !== '') return
  if (!isKind(kind, '', 'persistentvolumeclaims')) return
  const problem = growthProblem(object, old, wanted =>
    view.object(storageGroup, 'storageclasses', '', wanted),
  )
  if (problem !== null) throw forbidden(kind, name, problem)
}

function withServiceAccount(
  pod: KubeObject,
  request: AdmissionRequest,
  view: AdmissionView,
): KubeObject {
  const mirror = pod.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined
  if (mirror) return pod
  const given = textAt(pod, 'spec.serviceAccountName') || textAt(pod, 'spec.serviceAccount')
  const name = given === '' ? 'default' : given
  // The default account is the controllers' to make; a pod does not have to wait for it.
  if (name !== 'default' && !view.serviceAccountExists(request.namespace, name)) {
    throw forbidden(
      request.kind,
      request.name,
      `error looking up service account ${request.namespace}/${name}: serviceaccount "${name}" not found`,
    )
  }
  return withField(withField(pod, 'spec.serviceAccountName', name), 'spec.serviceAccount', name)
}

const tolerationSeconds = 300

function withDefaultTolerations(pod: KubeObject): KubeObject {
  const tolerations = listAt(pod, 'spec.tolerations')
  const missing = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'].filter(
    key => !tolerations.some(toleration => toleratesNoExecute(toleration, key)),
  )
  if (missing.length === 0) return pod
  const added: readonly Json[] = missing.map(key => ({
    key,
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds,
  }))
  return withField(pod, 'spec.tolerations', [...tolerations, ...added])
}

function toleratesNoExecute(toleration: Json, key: string): boolean {
  if (!isJsonObject(toleration)) return false
  const keyMatches = !toleration['key'] || toleration['key'] === key
  const effectMatches = !toleration['effect'] || toleration['effect'] === 'NoExecute'
  return keyMatches && effectMatches
}

const mirrorAnnotation = 'kubernetes.io/config.mirror'

/** A node touches itself, its lease and its pods. Throws ApiError Forbidden. */
export function restrictNode(request: AdmissionRequest): void {
  const node = nodeOf(request.user)
  if (node === null) return
  const refuse = (why: string) => forbidden(request.kind, request.name, why)
  const { kind, operation, object, old } = request
  if (isKind(kind, '', 'nodes')) {
    const target = operation === 'create' ? (object?.metadata.name ?? '') : request.name
    if (target !== node) throw refuse(`node "${node}" is not allowed to modify node "${target}"`)
    if (object !== null) restrictNodeLabels(node, object, old, refuse)
    if (operation === 'update' && request.subresource === '' && object !== null && old !== null) {
      if (
        JSON.stringify(listAt(object, 'spec.taints')) !== JSON.stringify(listAt(old, 'spec.taints'))
      ) {
        throw refuse(`node "${node}" is not allowed to modify taints`)
      }
    }
  } else if (isKind(kind, 'coordination.k8s.io', 'leases')) {
    const target = operation === 'create' ? (object?.metadata.name ?? '') : request.name
    if (request.namespace !== 'kube-node-lease' || target !== node) {
      throw refuse(`can only access node lease with the same name as the requesting node`)
    }
  } else if (isKind(kind, '', 'pods')) {
    restrictNodePod(request, node, refuse)
  } else if (isKind(kind, '', 'persistentvolumes') && object !== null && old !== null) {
    // It lets go of the directory behind a volume, which is a finalizer.
    const { labels } = object.metadata
    const same =
      sameJson(fieldAt(object, 'spec'), fieldAt(old, 'spec')) &&
      sameJson({ ...labels }, { ...old.metadata.labels })
    if (!same) throw refuse(`node "${node}" is not allowed to change what a volume is`)
  }
}

/** A node that could label itself at will would draw other people's pods to it. */
function restrictNodeLabels(
  node: string,
  object: KubeObject,
  old: KubeObject | null,
  refuse: (why: string) => ApiError,
): void {
  const next = object.metadata.labels ?? {}
  const before = old?.metadata.labels ?? {}
  const keys = new Set([...Object.keys(next), ...Object.keys(before)])
  const wrong = [...keys].filter(key => next[key] !== before[key] && !nodeMaySetLabel(key)).sort()
  if (wrong.length === 0) return
  const what = old === null ? 'set the following labels' : 'modify labels'
  throw refuse(`node "${node}" is not allowed to ${what}: ${wrong.join(', ')}`)
}

/** Of the labels under Kubernetes' own domains, those that describe the machine. */
const nodeLabels = new Set([
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/instance-type',
  'beta.kubernetes.io/os',
  'failure-domain.beta.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'kubernetes.io/arch',
  'kubernetes.io/hostname',
  'kubernetes.io/os',
  'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone',
])
const nodeLabelDomains = ['kubelet.kubernetes.io', 'node.kubernetes.io']

function nodeMaySetLabel(key: string): boolean {
  const slash = key.indexOf('/')
  const domain = slash === -1 ? '' : key.slice(0, slash)
  const under = (root: string) => domain === root || domain.endsWith(`.${root}`)
  if (!under('kubernetes.io') && !under('k8s.io')) return true
  return nodeLabels.has(key) || nodeLabelDomains.some(under)
}

function restrictNodePod(
  request: AdmissionRequest,
  node: string,
  refuse: (why: string) => ApiError,
): void {
  const { operation, subresource, object, old } = request
  if (operation === 'create' && subresource === '') {
    if (object?.metadata.annotations?.[mirrorAnnotation] === undefined) {
      throw refuse(
        `pod does not have "${mirrorAnnotation}" annotation, node "${node}" can only create mirror pods`,
      )
    }
    if (textAt(object, 'spec.nodeName') !== node) {
      throw refuse(`node "${node}" can only create pods with spec.nodeName set to itself`)
    }
    // A pod's references are what its node may read: it may not make up its own.
    const [reference] = podReferences(object)
    if (reference !== undefined) {
      const what = (reference.split('/')[0] ?? '').replace('serviceaccounts', 'a service account')
      throw refuse(`node "${node}" can not create pods that reference ${what}`)
    }
    return
  }
  const assigned = old === null ? '' : textAt(old, 'spec.nodeName')
  if (assigned !== node) {
    const action = operation === 'delete' ? 'delete' : 'update status for'
    throw refuse(`node "${node}" can only ${action} pods with spec.nodeName set to itself`)
  }
}
