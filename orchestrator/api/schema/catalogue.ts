// Every struct by the file it is written in, so that types and OpenAPI can be made from all of them.
// A new schema file is one more line here.

import type { StructSchema } from '../schema.js'
import * as admissionPolicy from './admission-policy.js'
import * as admissionWebhook from './admission-webhook.js'
import * as apiextensions from './apiextensions.js'
import * as apiregistration from './apiregistration.js'
import * as apps from './apps.js'
import * as appsDaemonSet from './apps-daemon-set.js'
import * as appsStatefulSet from './apps-stateful-set.js'
import * as authentication from './authentication.js'
import * as authorization from './authorization.js'
import * as autoscaling from './autoscaling.js'
import * as autoscalingV1 from './autoscaling-v1.js'
import * as autoscalingV2 from './autoscaling-v2.js'
import * as batch from './batch.js'
import * as certificates from './certificates.js'
import * as coordination from './coordination.js'
import * as coreComponentStatus from './core-component-status.js'
import * as coreConfig from './core-config.js'
import * as coreContainer from './core-container.js'
import * as coreEvent from './core-event.js'
import * as coreNode from './core-node.js'
import * as corePersistentVolume from './core-persistent-volume.js'
import * as corePod from './core-pod.js'
import * as corePodStatus from './core-pod-status.js'
import * as coreQuota from './core-quota.js'
import * as coreReference from './core-reference.js'
import * as coreReplicationController from './core-replication-controller.js'
import * as coreScheduling from './core-scheduling.js'
import * as coreService from './core-service.js'
import * as coreVolume from './core-volume.js'
import * as discovery from './discovery.js'
import * as events from './events.js'
import * as flowcontrol from './flowcontrol.js'
import * as meta from './meta.js'
import * as metrics from './metrics.js'
import * as networkingAddress from './networking-address.js'
import * as networkingIngress from './networking-ingress.js'
import * as networkingPolicy from './networking-policy.js'
import * as node from './node.js'
import * as policy from './policy.js'
import * as policyDisruptionBudget from './policy-disruption-budget.js'
import * as rbac from './rbac.js'
import * as scheduling from './scheduling.js'
import * as storageAttachment from './storage-attachment.js'
import * as storageClass from './storage-class.js'
import * as storageCsi from './storage-csi.js'

export interface SchemaFile {
  /** Without extension; the types of its structs are in types/<file>.ts. */
  readonly file: string
  readonly structs: readonly StructSchema[]
}

function schemaFile(file: string, module: Readonly<Record<string, StructSchema>>): SchemaFile {
  return { file, structs: Object.values(module) }
}

export const schemaFiles: readonly SchemaFile[] = [
  schemaFile('admission-policy', admissionPolicy),
  schemaFile('admission-webhook', admissionWebhook),
  schemaFile('apiextensions', apiextensions),
  schemaFile('apiregistration', apiregistration),
  schemaFile('apps', apps),
  schemaFile('apps-daemon-set', appsDaemonSet),
  schemaFile('apps-stateful-set', appsStatefulSet),
  schemaFile('authentication', authentication),
  schemaFile('authorization', authorization),
  schemaFile('autoscaling', autoscaling),
  schemaFile('autoscaling-v1', autoscalingV1),
  schemaFile('autoscaling-v2', autoscalingV2),
  schemaFile('batch', batch),
  schemaFile('certificates', certificates),
  schemaFile('coordination', coordination),
  schemaFile('core-component-status', coreComponentStatus),
  schemaFile('core-config', coreConfig),
  schemaFile('core-container', coreContainer),
  schemaFile('core-event', coreEvent),
  schemaFile('core-node', coreNode),
  schemaFile('core-persistent-volume', corePersistentVolume),
  schemaFile('core-pod', corePod),
  schemaFile('core-pod-status', corePodStatus),
  schemaFile('core-quota', coreQuota),
  schemaFile('core-reference', coreReference),
  schemaFile('core-replication-controller', coreReplicationController),
  schemaFile('core-scheduling', coreScheduling),
  schemaFile('core-service', coreService),
  schemaFile('core-volume', coreVolume),
  schemaFile('discovery', discovery),
  schemaFile('events', events),
  schemaFile('flowcontrol', flowcontrol),
  schemaFile('meta', meta),
  schemaFile('metrics', metrics),
  schemaFile('networking-address', networkingAddress),
  schemaFile('networking-ingress', networkingIngress),
  schemaFile('networking-policy', networkingPolicy),
  schemaFile('node', node),
  schemaFile('policy', policy),
  schemaFile('policy-disruption-budget', policyDisruptionBudget),
  schemaFile('rbac', rbac),
  schemaFile('scheduling', scheduling),
  schemaFile('storage-attachment', storageAttachment),
  schemaFile('storage-class', storageClass),
  schemaFile('storage-csi', storageCsi),
]
