// The arguments of plugins, as pluginConfig of a profile states them, and the plugins made with them.
// Counterpart: the *Args kinds of kubescheduler.config.k8s.io/v1.

import type {
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  TopologySpreadConstraint,
} from '../../../api/types/core-scheduling.js'
import { interPodAffinity } from '../plugins/inter-pod-affinity.js'
import { nodeAffinity } from '../plugins/node-affinity.js'
import { balancedAllocation, nodeResourcesFit } from '../plugins/node-resources.js'
import {
  defaultStrategy,
  type ScoringStrategy,
  type WeightedResource,
} from '../plugins/resource-strategies.js'
import { systemSpreadDefaults } from '../plugins/spread-constraints.js'
import { podTopologySpread } from '../plugins/topology-spread.js'
import type { Plugin } from '../plugin.js'
import { type PreemptionArgs, preemptionDefaults } from '../preemption/preemption.js'
import { ConfigurationError, type ValueReader } from './value-reader.js'

/** Every args object may say what it is. */
const typeFields = ['apiVersion', 'kind'] as const

/** Of a plugin that has arguments; `read` throws a ConfigurationError. */
export const configurable: Readonly<Record<string, (args: ValueReader) => Plugin>> = {
  NodeResourcesFit: readResourcesFit,
  NodeResourcesBalancedAllocation: args => {
    const { resources } = args.fields([...typeFields, 'resources'])
    return balancedAllocation(resources.isAbsent ? undefined : readResources(resources, 1))
  },
  NodeAffinity: readNodeAffinity,
  InterPodAffinity: args => {
    const fields = args.fields([
      ...typeFields,
      'hardPodAffinityWeight',
      'ignorePreferredTermsOfExistingPods',
    ])
    return interPodAffinity({
      hardPodAffinityWeight: fields.hardPodAffinityWeight.integer(0, 100, 1),
      ignorePreferredTermsOfExistingPods: fields.ignorePreferredTermsOfExistingPods.flag(false),
    })
  },
  PodTopologySpread: readTopologySpread,
}

export function readPreemptionArgs(args: ValueReader): PreemptionArgs {
  const fields = args.fields([
    ...typeFields,
    'minCandidateNodesPercentage',
    'minCandidateNodesAbsolute',
  ])
  const { minCandidateNodesPercentage, minCandidateNodesAbsolute } = preemptionDefaults
  return {
    minCandidateNodesPercentage: fields.minCandidateNodesPercentage.integer(
      0,
      100,
      minCandidateNodesPercentage,
    ),
    minCandidateNodesAbsolute: fields.minCandidateNodesAbsolute.integer(
      0,
      1_000_000,
      minCandidateNodesAbsolute,
    ),
  }
}

/** Seconds. */
export function readBindTimeout(args: ValueReader): number {
  const { bindTimeoutSeconds } = args.fields([...typeFields, 'bindTimeoutSeconds'])
  return bindTimeoutSeconds.integer(0, 24 * 3600, 600)
}

function readResourcesFit(args: ValueReader): Plugin {
  const { scoringStrategy, ignoredResources, ignoredResourceGroups } = args.fields([
    ...typeFields,
    'scoringStrategy',
    'ignoredResources',
    'ignoredResourceGroups',
  ])
  return nodeResourcesFit({
    strategy: readStrategy(scoringStrategy),
    ignored: new Set(ignoredResources.items().map(item => item.text())),
    ignoredGroups: new Set(
      ignoredResourceGroups.items().map(item => {
        const group = item.text()
        return group.includes('/') ? item.fail("must not contain '/'") : group
      }),
    ),
  })
}

function readStrategy(strategy: ValueReader): ScoringStrategy {
  const fields = strategy.fields(['type', 'resources', 'requestedToCapacityRatio'])
  const type = fields.type.oneOf(
    ['LeastAllocated', 'MostAllocated', 'RequestedToCapacityRatio'],
    'LeastAllocated',
  )
  const resources = fields.resources.isAbsent
    ? defaultStrategy.resources
    : readResources(fields.resources, 100)
  if (type !== 'RequestedToCapacityRatio') return { type, resources }
  const { shape } = fields.requestedToCapacityRatio.fields(['shape'])
  const points = shape.items().map(point => {
    const { utilization, score } = point.fields(['utilization', 'score'])
    return { utilization: utilization.integer(0, 100), score: score.integer(0, 10) }
  })
  if (points.length === 0) shape.fail('must have at least one point')
  const rises = points.every(
    ({ utilization }, at) => at === 0 || utilization > (points[at - 1]?.utilization ?? 0),
  )
  if (!rises) shape.fail('utilization must increase from point to point')
  return { type, resources, shape: points }
}

function readResources(resources: ValueReader, weightMax: number): readonly WeightedResource[] {
  const read = resources.items().map(item => {
    const { name, weight } = item.fields(['name', 'weight'])
    return { name: name.text(), weight: weight.integer(1, weightMax, 1) }
  })
  return read.length > 0 ? read : resources.fail('must name at least one resource')
}

function readNodeAffinity(args: ValueReader): Plugin {
  const { addedAffinity } = args.fields([...typeFields, 'addedAffinity'])
  const required = 'requiredDuringSchedulingIgnoredDuringExecution'
  const preferred = 'preferredDuringSchedulingIgnoredDuringExecution'
  const fields = addedAffinity.fields([required, preferred])
  return nodeAffinity({
    required: fields[required].isAbsent ? null : readSelector(fields[required]),
    preferred: fields[preferred].items().map(item => {
      const { weight, preference } = item.fields(['weight', 'preference'])
      return { weight: weight.integer(1, 100), preference: readTerm(preference) }
    }),
  })
}

function readSelector(selector: ValueReader): NodeSelector {
  const { nodeSelectorTerms } = selector.fields(['nodeSelectorTerms'])
  return { nodeSelectorTerms: nodeSelectorTerms.items().map(readTerm) }
}

function readTerm(term: ValueReader): NodeSelectorTerm {
  const { matchExpressions, matchFields } = term.fields(['matchExpressions', 'matchFields'])
  return {
    matchExpressions: matchExpressions.items().map(readRequirement),
    matchFields: matchFields.items().map(readRequirement),
  }
}

function readRequirement(requirement: ValueReader): NodeSelectorRequirement {
  const { key, operator, values } = requirement.fields(['key', 'operator', 'values'])
  return {
    key: key.text(),
    operator: operator.oneOf(['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt']),
    values: values.items().map(value => value.text()),
  }
}

function readTopologySpread(args: ValueReader): Plugin {
  const { defaultConstraints, defaultingType } = args.fields([
    ...typeFields,
    'defaultConstraints',
    'defaultingType',
  ])
  const type = defaultingType.oneOf(['System', 'List'], 'System')
  const constraints = defaultConstraints.items().map(readConstraint)
  if (type === 'List') return podTopologySpread({ constraints, systemDefaults: false })
  if (constraints.length > 0) {
    defaultConstraints.fail('must be empty where defaultingType is System')
  }
  return podTopologySpread(systemSpreadDefaults)
}

function readConstraint(constraint: ValueReader): TopologySpreadConstraint {
  const { maxSkew, topologyKey, whenUnsatisfiable } = constraint.fields([
    'maxSkew',
    'topologyKey',
    'whenUnsatisfiable',
  ])
  return {
    maxSkew: maxSkew.integer(1, 1_000_000),
    topologyKey: topologyKey.text(),
    whenUnsatisfiable: whenUnsatisfiable.oneOf(['DoNotSchedule', 'ScheduleAnyway']),
  }
}

/** For a plugin whose arguments nobody reads. */
export function refuseArgs(name: string, args: ValueReader): never {
  throw new ConfigurationError(`${args.path}: plugin "${name}" has no arguments`)
}
