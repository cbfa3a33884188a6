// The kinds that the apiserver serves. Adding one is writing its description and a line here.

import type { Kind } from './kind.js'
import { customResourceDefinition } from './kinds/apiextensions/custom-resource-definition.js'
import { deployment } from './kinds/apps/deployment.js'
import { replicaSet } from './kinds/apps/replica-set.js'
import {
  horizontalPodAutoscaler,
  horizontalPodAutoscalerV1,
} from './kinds/autoscaling/horizontal-pod-autoscaler.js'
import { lease } from './kinds/coordination/lease.js'
import { configMap } from './kinds/core/config-map.js'
import { endpoints } from './kinds/core/endpoints.js'
import { event } from './kinds/core/event.js'
import { namespace } from './kinds/core/namespace.js'
import { node } from './kinds/core/node.js'
import { pod } from './kinds/core/pod.js'
import { secret } from './kinds/core/secret.js'
import { serviceAccount } from './kinds/core/service-account.js'
import { service } from './kinds/core/service.js'
import { endpointSlice } from './kinds/discovery/endpoint-slice.js'
import { newEvent } from './kinds/events/event.js'

export const kinds: readonly Kind[] = [
  configMap,
  endpoints,
  event,
  namespace,
  node,
  pod,
  secret,
  serviceAccount,
  service,
  deployment,
  replicaSet,
  horizontalPodAutoscaler,
  horizontalPodAutoscalerV1,
  lease,
  endpointSlice,
  newEvent,
  customResourceDefinition,
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
