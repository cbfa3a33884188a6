// A profile: which plugins look at a pod, in which order and how much their scores weigh. Pods choose
// one by their schedulerName. Counterpart: profile of pkg/scheduler and default_plugins.go.

import { coscheduling } from './plugins/coscheduling.js'
import { dataLocality } from './plugins/data-locality.js'
import { prioritySort, schedulingGates } from './plugins/gates-and-order.js'
import { imageLocality } from './plugins/image-locality.js'
import { interference } from './plugins/interference.js'
import { interPodAffinity } from './plugins/inter-pod-affinity.js'
import { nodeAffinity } from './plugins/node-affinity.js'
import { nodeName, nodeUnschedulable, taintToleration } from './plugins/node-filters.js'
import { nodePorts } from './plugins/node-ports.js'
import { balancedAllocation, nodeResourcesFit } from './plugins/node-resources.js'
import { podTopologySpread } from './plugins/topology-spread.js'
import { type PreemptionArgs, preemptionDefaults } from './preemption/preemption.js'
import {
  nodeVolumeLimits,
  volumeBinding,
  volumeRestrictions,
  volumeZone,
} from './plugins/volume-filters.js'
import type { Plugin, PluginName, PrepareFilter, PrepareScore } from './plugin.js'

export interface Weighted {
  readonly plugin: Plugin
  /** Only read where the plugin scores. */
  readonly weight: number
}

export interface Profile {
  readonly schedulerName: string
  /** 0: the larger the cluster, the smaller a part of it is looked at for one pod. */
  readonly percentageOfNodesToScore: number
  readonly plugins: ReadonlyMap<PluginName, Plugin>
  /** Null: pods are never removed for another. */
  readonly preemption: PreemptionArgs | null
  /** In this order; the first that rejects a node speaks for it. */
  readonly filters: readonly PrepareFilter[]
  readonly scores: readonly {
    readonly name: PluginName
    readonly weight: number
    readonly prepare: PrepareScore
  }[]
}

export function profileOf(
  schedulerName: string,
  weighted: readonly Weighted[],
  percentageOfNodesToScore = 0,
  preemption: PreemptionArgs | null = preemptionDefaults,
): Profile {
  return {
    schedulerName,
    percentageOfNodesToScore,
    preemption,
    plugins: new Map(weighted.map(({ plugin }) => [plugin.name, plugin] as const)),
    filters: weighted.flatMap(({ plugin }) => (plugin.filter ? [plugin.filter] : [])),
    scores: weighted.flatMap(({ plugin: { name, score }, weight }) =>
      score && weight > 0 ? [{ name, weight, prepare: score }] : [],
    ),
  }
}

/** In the order and with the weights of the original. */
export const defaultPlugins: readonly Weighted[] = [
  { plugin: schedulingGates, weight: 0 },
  { plugin: prioritySort, weight: 0 },
  { plugin: coscheduling, weight: 0 },
  { plugin: nodeUnschedulable, weight: 0 },
  { plugin: nodeName, weight: 0 },
  { plugin: taintToleration, weight: 3 },
  { plugin: nodeAffinity(), weight: 2 },
  { plugin: nodePorts, weight: 0 },
  { plugin: nodeResourcesFit(), weight: 1 },
  { plugin: volumeRestrictions, weight: 0 },
  { plugin: nodeVolumeLimits, weight: 0 },
  { plugin: volumeBinding, weight: 0 },
  { plugin: volumeZone, weight: 0 },
  { plugin: podTopologySpread(), weight: 2 },
  { plugin: interPodAffinity(), weight: 2 },
  { plugin: balancedAllocation(), weight: 1 },
  { plugin: imageLocality, weight: 1 },
  // Ours alone; they say nothing of pods and nodes that do not ask for it.
  { plugin: dataLocality, weight: 2 },
  { plugin: interference, weight: 1 },
]

export const defaultProfile = profileOf('default-scheduler', defaultPlugins)
