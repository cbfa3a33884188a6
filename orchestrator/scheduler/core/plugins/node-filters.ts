// What a node says of itself: its name, whether it is cordoned, its taints.
// Counterpart: plugins nodename, nodeunschedulable and tainttoleration.

import { toleratesAny } from '../../../api/tolerations.js'
import type { Taint, Toleration } from '../../../api/types/core-scheduling.js'
import { normalizeDefault, type Plugin, type Rejection } from '../plugin.js'
import type { NodeInfo } from '../state/node-info.js'
import type { PodInfo } from '../state/pod-info.js'

const otherName: Rejection = {
  plugin: 'NodeName',
  reasons: ["node(s) didn't match the requested node name"],
  helpedByPreemption: false,
}

export const nodeName: Plugin = {
  name: 'NodeName',
  filter: ({ pod }) => {
    const wanted = pod.pod.spec.nodeName ?? ''
    if (wanted === '') return null
    return { nodeOnly: true, check: node => (node.name === wanted ? null : otherName) }
  },
  hints: { 'node-added': ({ kind }, { pod }) => kind === 'node-added' && pod.spec.nodeName !== '' },
}

const cordon = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' } as const
const cordoned: Rejection = {
  plugin: 'NodeUnschedulable',
  reasons: ['node(s) were unschedulable'],
  helpedByPreemption: false,
}

export const nodeUnschedulable: Plugin = {
  name: 'NodeUnschedulable',
  filter: ({ pod }) => {
    if (toleratesAny(pod.pod.spec.tolerations ?? [], cordon)) return null
    return { nodeOnly: true, check: node => (node.unschedulable ? cordoned : null) }
  },
  hints: {
    'node-added': event => 'node' in event && !event.node.unschedulable,
    'node-taints': event => 'node' in event && !event.node.unschedulable,
  },
}

const untolerated = (taints: readonly Taint[], tolerations: readonly Toleration[]) =>
  taints.find(taint => !toleratesAny(tolerations, taint))

const toleratesNode = (node: NodeInfo, { pod }: PodInfo) =>
  untolerated(node.hardTaints, pod.spec.tolerations ?? []) === undefined

/** One value a taint: nodes of a pool have the same. */
const taintRejections = new Map<string, Rejection>()
const rememberedMax = 1024

function taintRejection({ key, value = '' }: Taint): Rejection {
  const reason = `node(s) had untolerated taint {${key}: ${value}}`
  const known = taintRejections.get(reason)
  if (known) return known
  const rejection = {
    plugin: 'TaintToleration',
    reasons: [reason],
    helpedByPreemption: false,
  } as const
  if (taintRejections.size >= rememberedMax) taintRejections.clear()
  taintRejections.set(reason, rejection)
  return rejection
}

export const taintToleration: Plugin = {
  name: 'TaintToleration',
  filter: ({ pod }) => {
    const tolerations = pod.pod.spec.tolerations ?? []
    return {
      nodeOnly: true,
      check: ({ hardTaints }) => {
        if (hardTaints.length === 0) return null
        const taint = untolerated(hardTaints, tolerations)
        return taint ? taintRejection(taint) : null
      },
    }
  },
  /** Fewer PreferNoSchedule taints that the pod does not tolerate. */
  score: ({ pod }) => {
    const tolerations = pod.pod.spec.tolerations ?? []
    return {
      score: ({ softTaints }) => {
        if (softTaints.length === 0) return 0
        let count = 0
        for (const taint of softTaints) if (!toleratesAny(tolerations, taint)) count++
        return count
      },
      normalize: scores => normalizeDefault(scores, true),
    }
  },
  hints: {
    'node-added': (event, pod) => 'node' in event && toleratesNode(event.node, pod),
    'node-taints': (event, pod) => 'node' in event && toleratesNode(event.node, pod),
  },
}
