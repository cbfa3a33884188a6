// The kinds that the apiserver serves. Adding one is writing its description and a line here.

import type { Kind } from './kind.js'
import {
  mutatingWebhookConfiguration,
  validatingWebhookConfiguration,
} from './kinds/admissionregistration/webhook-configurations.js'
import {
  mutatingAdmissionPolicy,
  mutatingAdmissionPolicyBinding,
  validatingAdmissionPolicy,
  validatingAdmissionPolicyBinding,
} from './kinds/admissionregistration/admission-policies.js'
import { apiService } from './kinds/apiregistration/api-service.js'
import { customResourceDefinition } from './kinds/apiextensions/custom-resource-definition.js'
import { controllerRevision } from './kinds/apps/controller-revision.js'
import { daemonSet } from './kinds/apps/daemon-set.js'
import { deployment } from './kinds/apps/deployment.js'
import { replicaSet } from './kinds/apps/replica-set.js'
import { statefulSet } from './kinds/apps/stateful-set.js'
import {
  horizontalPodAutoscaler,
  horizontalPodAutoscalerV1,
} from './kinds/autoscaling/horizontal-pod-autoscaler.js'
import { selfSubjectReview, tokenReview } from './kinds/authentication/reviews.js'
import {
  localSubjectAccessReview,
  selfSubjectAccessReview,
  selfSubjectRulesReview,
  subjectAccessReview,
} from './kinds/authorization/reviews.js'
import { cronJob } from './kinds/batch/cron-job.js'
import { job } from './kinds/batch/job.js'
import { certificateSigningRequest } from './kinds/certificates/certificate-signing-request.js'
import { lease } from './kinds/coordination/lease.js'
import { binding } from './kinds/core/binding.js'
import { componentStatus } from './kinds/core/component-status.js'
import { configMap } from './kinds/core/config-map.js'
import { endpoints } from './kinds/core/endpoints.js'
import { event } from './kinds/core/event.js'
import { limitRange } from './kinds/core/limit-range.js'
import { namespace } from './kinds/core/namespace.js'
import { node } from './kinds/core/node.js'
import { persistentVolumeClaim } from './kinds/core/persistent-volume-claim.js'
import { persistentVolume } from './kinds/core/persistent-volume.js'
import { podTemplate } from './kinds/core/pod-template.js'
import { pod } from './kinds/core/pod.js'
import { replicationController } from './kinds/core/replication-controller.js'
import { resourceQuota } from './kinds/core/resource-quota.js'
import { secret } from './kinds/core/secret.js'
import { serviceAccount } from './kinds/core/service-account.js'
import { service } from './kinds/core/service.js'
import { endpointSlice } from './kinds/discovery/endpoint-slice.js'
import { nodeMetrics, podMetrics } from './kinds/metrics/usage.js'
import { newEvent } from './kinds/events/event.js'
import { flowSchema } from './kinds/flowcontrol/flow-schema.js'
import { priorityLevelConfiguration } from './kinds/flowcontrol/priority-level-configuration.js'
import { ingressClass } from './kinds/networking/ingress-class.js'
import { ingress } from './kinds/networking/ingress.js'
import { ipAddress } from './kinds/networking/ip-address.js'
import { networkPolicy } from './kinds/networking/network-policy.js'
import { serviceCidr } from './kinds/networking/service-cidr.js'
import { csiDriver } from './kinds/storage/csi-driver.js'
import { csiNode } from './kinds/storage/csi-node.js'
import { csiStorageCapacity } from './kinds/storage/csi-storage-capacity.js'
import { storageClass } from './kinds/storage/storage-class.js'
import { volumeAttachment } from './kinds/storage/volume-attachment.js'
import { volumeAttributesClass } from './kinds/storage/volume-attributes-class.js'
import { clusterRoleBinding, roleBinding } from './kinds/rbac/role-binding.js'
import { clusterRole, role } from './kinds/rbac/role.js'
import { runtimeClass } from './kinds/node/runtime-class.js'
import { podDisruptionBudget } from './kinds/policy/pod-disruption-budget.js'
import { priorityClass } from './kinds/scheduling/priority-class.js'

export const kinds: readonly Kind[] = [
  binding,
  componentStatus,
  configMap,
  endpoints,
  event,
  limitRange,
  namespace,
  node,
  persistentVolume,
  persistentVolumeClaim,
  pod,
  podTemplate,
  replicationController,
  resourceQuota,
  secret,
  serviceAccount,
  service,
  deployment,
  replicaSet,
  statefulSet,
  daemonSet,
  controllerRevision,
  horizontalPodAutoscaler,
  horizontalPodAutoscalerV1,
  cronJob,
  job,
  lease,
  endpointSlice,
  newEvent,
  flowSchema,
  priorityLevelConfiguration,
  ingress,
  ingressClass,
  ipAddress,
  networkPolicy,
  serviceCidr,
  csiDriver,
  csiNode,
  csiStorageCapacity,
  storageClass,
  volumeAttachment,
  volumeAttributesClass,
  runtimeClass,
  podDisruptionBudget,
  priorityClass,
  mutatingWebhookConfiguration,
  validatingWebhookConfiguration,
  validatingAdmissionPolicy,
  validatingAdmissionPolicyBinding,
  mutatingAdmissionPolicy,
  mutatingAdmissionPolicyBinding,
  customResourceDefinition,
  apiService,
  certificateSigningRequest,
  tokenReview,
  selfSubjectReview,
  localSubjectAccessReview,
  selfSubjectAccessReview,
  selfSubjectRulesReview,
  subjectAccessReview,
  clusterRoleBinding,
  clusterRole,
  roleBinding,
  role,
  nodeMetrics,
  podMetrics,
]

const byPlural = new Map(kinds.map(k => [`${k.group}/${k.version}/${k.plural}`, k]))
const byKind = new Map(kinds.map(k => [`${k.group}/${k.version}/${k.kind}`, k]))

/** `plural` as in the URL: "deployments". */
export function findKind(group: string, version: string, plural: string): Kind | null {
  return byPlural.get(`${group}/${version}/${plural}`) ?? null
}

/** `kind` as in the object: "Deployment". */
export function findKindByName(group: string, version: string, kind: string): Kind | null {
  return byKind.get(`${group}/${version}/${kind}`) ?? null
}
