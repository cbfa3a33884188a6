// Pods: containers that run together on one node. Counterpart: pkg/registry/core/pod.

import { podDefaults } from '../../defaults/pod.js'
import type { Kind } from '../../kind.js'
import type { KubeObject } from '../../object.js'
import { pod as schema } from '../../schema/core-pod.js'
import type { Pod } from '../../types/core-pod.js'
import { validatePod } from '../../validation/pod.js'
import { ordinary } from '../kind-parts.js'
import { podColumns } from './pod-columns.js'
import { ephemeralContainers, resources } from './pod-parts.js'

const defaultGracePeriodSeconds = 30

function selector(read: (pod: Pod) => string | undefined): (object: KubeObject) => string {
  return object => read(object as Pod) ?? ''
}

/** Who looks at a gated pod is told why nothing happens to it; no scheduler looks at it. */
function withGatedCondition(object: KubeObject): KubeObject {
  const { spec, status } = object as Partial<Pod>
  if ((spec?.schedulingGates ?? []).length === 0) return object
  const condition = {
    type: 'PodScheduled',
    status: 'False',
    reason: 'SchedulingGated',
    message: 'Scheduling is blocked due to non-empty scheduling gates',
  }
  return { ...object, status: { ...status, conditions: [condition] } } as KubeObject
}

export const pod: Kind = {
  ...ordinary,
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  singular: 'pod',
  shortNames: ['po'],
  categories: ['all'],
  schema,
  hasStatus: true,
  hasGeneration: true,
  subresources: [
    {
      name: 'attach',
      group: '',
      version: 'v1',
      kind: 'PodAttachOptions',
      verbs: ['create', 'get'],
    },
    { name: 'binding', group: '', version: 'v1', kind: 'Binding', verbs: ['create'] },
    {
      name: 'ephemeralcontainers',
      group: '',
      version: 'v1',
      kind: 'Pod',
      verbs: ['get', 'patch', 'update'],
      part: ephemeralContainers,
    },
    { name: 'eviction', group: 'policy', version: 'v1', kind: 'Eviction', verbs: ['create'] },
    { name: 'exec', group: '', version: 'v1', kind: 'PodExecOptions', verbs: ['create', 'get'] },
    { name: 'log', group: '', version: 'v1', kind: 'Pod', verbs: ['get'] },
    {
      name: 'portforward',
      group: '',
      version: 'v1',
      kind: 'PodPortForwardOptions',
      verbs: ['create', 'get'],
    },
    {
      name: 'proxy',
      group: '',
      version: 'v1',
      kind: 'PodProxyOptions',
      verbs: ['create', 'delete', 'get', 'patch', 'update'],
    },
    {
      name: 'resize',
      group: '',
      version: 'v1',
      kind: 'Pod',
      verbs: ['get', 'patch', 'update'],
      part: resources,
    },
  ],
  columns: podColumns,
  fieldSelectors: {
    'spec.nodeName': selector(p => p.spec.nodeName),
    'spec.restartPolicy': selector(p => p.spec.restartPolicy),
    'spec.schedulerName': selector(p => p.spec.schedulerName),
    'spec.serviceAccountName': selector(p => p.spec.serviceAccountName),
    'spec.hostNetwork': selector(p => String(p.spec.hostNetwork ?? false)),
    'status.phase': selector(p => p.status?.phase),
    'status.podIP': selector(p => p.status?.podIPs?.[0]?.ip ?? p.status?.podIP),
    'status.podIPs': selector(p => p.status?.podIPs?.[0]?.ip ?? p.status?.podIP),
    'status.nominatedNodeName': selector(p => p.status?.nominatedNodeName),
  },
  withDefaults: podDefaults,
  validate: (object, old) => validatePod(object as Pod, old as Pod | null),
  gracePeriodSeconds: object => {
    const { spec, status } = object as Pod
    // Nothing runs on no node, and what has ended needs no time to end.
    if ((spec.nodeName ?? '') === '') return 0
    if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return 0
    return Math.max(1, spec.terminationGracePeriodSeconds ?? defaultGracePeriodSeconds)
  },
  writes: {
    deleteReturnsObject: true,
    initialStatus: { phase: 'Pending' },
    onCreate: withGatedCondition,
    // Old kubelets send owners back as they understood them.
    metadataWithStatus: ['labels', 'annotations', 'finalizers'],
  },
}
