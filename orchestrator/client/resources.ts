// The resources that our own components talk to, each with the type of its objects. Other kinds
// are found by discovery and described by the same value.

import type { GroupVersionKind } from '../api/kind.js'
import type { KubeObject } from '../api/object.js'
import type { ControllerRevision, DaemonSet } from '../api/types/apps-daemon-set.js'
import type { Deployment, ReplicaSet } from '../api/types/apps.js'
import type { StatefulSet } from '../api/types/apps-stateful-set.js'
import type { TokenReview } from '../api/types/authentication.js'
import type { SubjectAccessReview } from '../api/types/authorization.js'
import type { HorizontalPodAutoscaler } from '../api/types/autoscaling-v2.js'
import type { CronJob, Job } from '../api/types/batch.js'
import type { CertificateSigningRequest } from '../api/types/certificates.js'
import type { Lease } from '../api/types/coordination.js'
import type { ConfigMap, Namespace, Secret, ServiceAccount } from '../api/types/core-config.js'
import type { Event } from '../api/types/core-event.js'
import type { Node } from '../api/types/core-node.js'
import type { Pod } from '../api/types/core-pod.js'
import type {
  PersistentVolume,
  PersistentVolumeClaim,
} from '../api/types/core-persistent-volume.js'
import type { ReplicationController } from '../api/types/core-replication-controller.js'
import type { ResourceQuota } from '../api/types/core-quota.js'
import type { Endpoints, Service } from '../api/types/core-service.js'
import type { EndpointSlice } from '../api/types/discovery.js'
import type { RuntimeClass } from '../api/types/node.js'
import type { IPAddress, ServiceCIDR } from '../api/types/networking-address.js'
import type { NetworkPolicy } from '../api/types/networking-policy.js'
import type { PodDisruptionBudget } from '../api/types/policy-disruption-budget.js'
import type { VolumeAttachment } from '../api/types/storage-attachment.js'
import type { CSIDriver } from '../api/types/storage-csi.js'
import type { StorageClass } from '../api/types/storage-class.js'

/** A Kind of orchestrator/api is one too. `T` only exists for the compiler. */
export interface Resource<T extends KubeObject = KubeObject> extends GroupVersionKind {
  readonly plural: string
  readonly namespaced: boolean
  readonly objectType?: T
}

function resource<T extends KubeObject>(
  group: string,
  kind: string,
  plural: string,
  namespaced: boolean,
): Resource<T> {
  return { group, version: 'v1', kind, plural, namespaced }
}

export const pods = resource<Pod>('', 'Pod', 'pods', true)
export const nodes = resource<Node>('', 'Node', 'nodes', false)
export const namespaces = resource<Namespace>('', 'Namespace', 'namespaces', false)
export const services = resource<Service>('', 'Service', 'services', true)
export const endpoints = resource<Endpoints>('', 'Endpoints', 'endpoints', true)
export const events = resource<Event>('', 'Event', 'events', true)
export const configMaps = resource<ConfigMap>('', 'ConfigMap', 'configmaps', true)
export const secrets = resource<Secret>('', 'Secret', 'secrets', true)
export const serviceAccounts = resource<ServiceAccount>(
  '',
  'ServiceAccount',
  'serviceaccounts',
  true,
)
export const persistentVolumes = resource<PersistentVolume>(
  '',
  'PersistentVolume',
  'persistentvolumes',
  false,
)
export const persistentVolumeClaims = resource<PersistentVolumeClaim>(
  '',
  'PersistentVolumeClaim',
  'persistentvolumeclaims',
  true,
)
export const replicationControllers = resource<ReplicationController>(
  '',
  'ReplicationController',
  'replicationcontrollers',
  true,
)
export const resourceQuotas = resource<ResourceQuota>('', 'ResourceQuota', 'resourcequotas', true)
export const deployments = resource<Deployment>('apps', 'Deployment', 'deployments', true)
export const replicaSets = resource<ReplicaSet>('apps', 'ReplicaSet', 'replicasets', true)
export const statefulSets = resource<StatefulSet>('apps', 'StatefulSet', 'statefulsets', true)
export const daemonSets = resource<DaemonSet>('apps', 'DaemonSet', 'daemonsets', true)
export const controllerRevisions = resource<ControllerRevision>(
  'apps',
  'ControllerRevision',
  'controllerrevisions',
  true,
)
export const jobs = resource<Job>('batch', 'Job', 'jobs', true)
export const cronJobs = resource<CronJob>('batch', 'CronJob', 'cronjobs', true)
export const endpointSlices = resource<EndpointSlice>(
  'discovery.k8s.io',
  'EndpointSlice',
  'endpointslices',
  true,
)
export const runtimeClasses = resource<RuntimeClass>(
  'node.k8s.io',
  'RuntimeClass',
  'runtimeclasses',
  false,
)
export const serviceCidrs = resource<ServiceCIDR>(
  'networking.k8s.io',
  'ServiceCIDR',
  'servicecidrs',
  false,
)
export const ipAddresses = resource<IPAddress>(
  'networking.k8s.io',
  'IPAddress',
  'ipaddresses',
  false,
)
export const networkPolicies = resource<NetworkPolicy>(
  'networking.k8s.io',
  'NetworkPolicy',
  'networkpolicies',
  true,
)
export const podDisruptionBudgets = resource<PodDisruptionBudget>(
  'policy',
  'PodDisruptionBudget',
  'poddisruptionbudgets',
  true,
)
export const certificateSigningRequests = resource<CertificateSigningRequest>(
  'certificates.k8s.io',
  'CertificateSigningRequest',
  'certificatesigningrequests',
  false,
)
export const subjectAccessReviews = resource<SubjectAccessReview>(
  'authorization.k8s.io',
  'SubjectAccessReview',
  'subjectaccessreviews',
  false,
)
export const tokenReviews = resource<TokenReview>(
  'authentication.k8s.io',
  'TokenReview',
  'tokenreviews',
  false,
)
export const horizontalPodAutoscalers: Resource<HorizontalPodAutoscaler> = {
  group: 'autoscaling',
  version: 'v2',
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  namespaced: true,
}
export const storageClasses = resource<StorageClass>(
  'storage.k8s.io',
  'StorageClass',
  'storageclasses',
  false,
)
export const csiDrivers = resource<CSIDriver>('storage.k8s.io', 'CSIDriver', 'csidrivers', false)
export const volumeAttachments = resource<VolumeAttachment>(
  'storage.k8s.io',
  'VolumeAttachment',
  'volumeattachments',
  false,
)
export const leases = resource<Lease>('coordination.k8s.io', 'Lease', 'leases', true)

/** As in "apps/v1", or "v1" for the core group. */
export function apiVersionOf(resource: GroupVersionKind): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`
}

/** Tells resources apart: "apps/v1/deployments". */
export function resourceKey(resource: Resource): string {
  return `${apiVersionOf(resource)}/${resource.plural}`
}

/** "namespace/name", or "name" where there is no namespace. */
export function objectKey(object: KubeObject): string {
  return keyOf(object.metadata.namespace, object.metadata.name ?? '')
}

export function keyOf(namespace: string | undefined, name: string): string {
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`
}

export function splitKey(key: string): { readonly namespace: string; readonly name: string } {
  const slash = key.indexOf('/')
  if (slash < 0) return { namespace: '', name: key }
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) }
}
