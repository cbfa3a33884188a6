import { describe, expect, test } from 'vitest'
import { place, pod } from '../../testing/objects.js'
import { placePod } from '../placement.js'
import type { Profile } from '../profile.js'
import { defaultProfile } from '../profile.js'
import { stateOf } from '../state/cluster-state.js'
import type { NodeInfo } from '../state/node-info.js'
import { podInfo } from '../state/pod-info.js'
import { defaultConfiguration, parseConfiguration } from './configuration.js'

const head = 'apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n'
const parse = (body = '') => parseConfiguration(head + body)
const profile = (body: string): Profile => {
  const [first] = parse(body).profiles
  if (!first) throw new Error('no profile')
  return first
}
const weights = ({ scores }: Profile) =>
  Object.fromEntries(scores.map(({ name, weight }) => [name, weight]))

const choose = (one: Profile, nodes: readonly NodeInfo[], cpu = '1') =>
  placePod({
    pod: podInfo(pod('p', { cpu, memory: '1Gi' })),
    snapshot: stateOf(nodes),
    profile: one,
    start: 0,
    pick: () => 0,
  }).chosen?.name ?? null

test('nothing said is the default', () => {
  expect(parse().profiles).toEqual([defaultProfile])
  expect(parse()).toMatchObject({ ...defaultConfiguration, profiles: [{}] })
})

test('the default profile has the plugins and weights of the original, and ours', () => {
  expect(weights(defaultProfile)).toEqual({
    TaintToleration: 3,
    NodeAffinity: 2,
    PodTopologySpread: 2,
    InterPodAffinity: 2,
    NodeResourcesFit: 1,
    NodeResourcesBalancedAllocation: 1,
    ImageLocality: 1,
    DataLocality: 2,
    Interference: 1,
  })
  expect(weights(profile('profiles: [{ schedulerName: x }]'))).toEqual(weights(defaultProfile))
})

test('several profiles, each with its own name, weights and part of the nodes', () => {
  const { profiles } = parse(`
percentageOfNodesToScore: 30
podInitialBackoffSeconds: 2
podMaxBackoffSeconds: 20
profiles:
- schedulerName: default-scheduler
- schedulerName: packing
  percentageOfNodesToScore: 70
  plugins:
    score:
      disabled: [{ name: '*' }]
      enabled: [{ name: NodeResourcesFit, weight: 5 }]
  pluginConfig:
  - name: NodeResourcesFit
    args:
      scoringStrategy: { type: MostAllocated }
`)
  const [first, packing] = profiles
  if (!first || !packing) throw new Error('two profiles')
  expect(profiles.map(one => one.percentageOfNodesToScore)).toEqual([30, 70])
  expect(weights(packing)).toEqual({ NodeResourcesFit: 5 })
  expect(packing.filters).toHaveLength(first.filters.length)
  const nodes = [place('empty'), place('busy', {}, [pod('q', { cpu: '2', memory: '4Gi' })])]
  expect([choose(first, nodes), choose(packing, nodes)]).toEqual(['empty', 'busy'])
})

test('a filter can be taken away without its score', () => {
  const one = profile(`
profiles:
- plugins:
    filter: { disabled: [{ name: NodeResourcesFit }] }
`)
  expect(choose(one, [place('small')], '100')).toBe('small')
  expect(weights(one)['NodeResourcesFit']).toBe(1)
})

test('multiPoint takes a plugin away at all points, and preemption with it', () => {
  const one = profile(`
profiles:
- plugins:
    multiPoint:
      disabled: [{ name: DefaultPreemption }, { name: TaintToleration }]
`)
  expect(one.preemption).toBeNull()
  expect(one.plugins.has('TaintToleration')).toBe(false)
  expect(defaultProfile.preemption).not.toBeNull()
})

test('arguments reach their plugins', () => {
  const { profiles, volumeBindTimeoutMs } = parse(`
profiles:
- pluginConfig:
  - name: DefaultPreemption
    args: { minCandidateNodesPercentage: 20, minCandidateNodesAbsolute: 5 }
  - name: VolumeBinding
    args: { bindTimeoutSeconds: 30 }
  - name: NodeAffinity
    args:
      apiVersion: kubescheduler.config.k8s.io/v1
      kind: NodeAffinityArgs
      addedAffinity:
        requiredDuringSchedulingIgnoredDuringExecution:
          nodeSelectorTerms:
          - matchExpressions: [{ key: pool, operator: In, values: [batch] }]
`)
  const [one] = profiles
  if (!one) throw new Error('one profile')
  expect(one.preemption).toEqual({
    minCandidateNodesPercentage: 20,
    minCandidateNodesAbsolute: 5,
  })
  expect(volumeBindTimeoutMs).toBe(30_000)
  expect(choose(one, [place('a'), place('b', { labels: { pool: 'batch' } })])).toBe('b')
})

const fit = (args: string) =>
  `profiles: [{ pluginConfig: [{ name: NodeResourcesFit, args: ${args} }] }]`

describe('what is wrong is said, with its place', () => {
  const rows: readonly [string, string][] = [
    ['profile: []', 'unknown field "profile"'],
    ['profiles: {}', 'profiles: must be a list'],
    [
      'percentageOfNodesToScore: 101',
      'percentageOfNodesToScore: must be a whole number from 0 to 100',
    ],
    ['podInitialBackoffSeconds: 20', 'podMaxBackoffSeconds: must not be less than'],
    ['profiles: [{ schedulerName: 7 }]', 'profiles[0].schedulerName: must be a text'],
    ['profiles: [{}, {}]', 'profiles: every schedulerName must be there once'],
    [
      'profiles: [{ plugins: { scores: {} } }]',
      'profiles[0].plugins: unknown field "scores"; there are bind, filter, multiPoint',
    ],
    [
      'profiles: [{ plugins: { score: { enabled: [{ name: Fastest }] } } }]',
      'profiles[0].plugins.score.enabled[0]: there is no plugin "Fastest"',
    ],
    [
      "profiles: [{ plugins: { queueSort: { disabled: [{ name: '*' }] } } }]",
      'profiles[0].plugins: a profile needs a plugin that sorts the queue',
    ],
    [
      'profiles: [{ plugins: { bind: { disabled: [{ name: DefaultBinder }] } } }]',
      'profiles[0].plugins: a profile needs DefaultBinder, which binds',
    ],
    [
      'profiles: [{ pluginConfig: [{ name: NodeName, args: {} }] }]',
      'profiles[0].pluginConfig[0].args: plugin "NodeName" has no arguments',
    ],
    [
      'profiles: [{ pluginConfig: [{ name: constructor }] }]',
      'profiles[0].pluginConfig[0].name: there is no plugin "constructor"',
    ],
    [
      fit('{ scoringStrategy: { type: Fullest } }'),
      'args.scoringStrategy.type: must be one of LeastAllocated, MostAllocated',
    ],
    [
      fit('{ scoringStrategy: { type: RequestedToCapacityRatio } }'),
      'args.scoringStrategy.requestedToCapacityRatio.shape: must have at least one point',
    ],
    [fit('{ ignoredResourceGroups: [a/b] }'), "ignoredResourceGroups[0]: must not contain '/'"],
    [
      fit('{ scoringStrategy: { resources: [{ name: cpu, weight: 0 }] } }'),
      'resources[0].weight: must be a whole number from 1 to 100',
    ],
    ['profiles: [', 'the configuration is no YAML'],
  ]
  for (const [body, message] of rows) {
    test(body, () => expect(() => parse(body)).toThrow(message))
  }
  test('another kind', () => {
    expect(() => parseConfiguration('kind: Pod')).toThrow(
      'apiVersion: must be one of kubescheduler.config.k8s.io/v1',
    )
  })
})
