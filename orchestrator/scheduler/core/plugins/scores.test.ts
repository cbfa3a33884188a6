import { describe, expect, test } from 'vitest'
import { labelSelectorFromMap } from '../../../api/selectors.js'
import type { Pod } from '../../../api/types/core-pod.js'
import { node, place, pod } from '../../testing/objects.js'
import { type VolumeSet, volume, volumeObjects } from '../../testing/volumes.js'
import type { Plugin, PluginName } from '../plugin.js'
import { defaultProfile } from '../profile.js'
import { nodeResourcesFit } from './node-resources.js'
import { stateOf } from '../state/cluster-state.js'
import { type NodeInfo, nodeInfo } from '../state/node-info.js'
import { podInfo } from '../state/pod-info.js'
import { noSurroundings } from '../state/snapshot.js'

/** Of all nodes; null where the plugin finds all of them alike. */
function run(
  which: PluginName | Plugin,
  one: Pod,
  places: readonly NodeInfo[],
  app?: string,
  volumes: VolumeSet = {},
): readonly number[] | null {
  const plugin = typeof which === 'string' ? defaultProfile.plugins.get(which) : which
  if (!plugin?.score) throw new Error('no such score')
  const kinOf = () => (app === undefined ? [] : labelSelectorFromMap({ app }))
  const snapshot = stateOf(places, {
    ...noSurroundings,
    kinOf,
    volumes: volumeObjects(volumes),
  })
  const nodes = places.flatMap(({ name }) => snapshot.node(name) ?? [])
  const prepared = plugin.score({ pod: podInfo(one), snapshot, nodes })
  if (prepared === null) return null
  const values = Float64Array.from(nodes, place => prepared.score(place))
  prepared.normalize?.(values)
  for (const value of values) expect(value >= 0 && value <= 100).toBe(true)
  return [...values]
}

const web = (name: string) => pod(name, { labels: { app: 'web' } })

describe('NodeResourcesFit: least allocated', () => {
  test('the emptier node scores more', () => {
    const nodes = [place('a', {}, [pod('q', { cpu: '2', memory: '4Gi' })]), place('b')]
    expect(run('NodeResourcesFit', pod('p', { cpu: '1', memory: '2Gi' }), nodes)).toEqual([25, 75])
  })
  test('pods without requests count too', () => {
    const [crowded = 0, empty] =
      run('NodeResourcesFit', pod('p'), [
        place('a', {}, [pod('q'), pod('r'), pod('s')]),
        place('b'),
      ]) ?? []
    expect(crowded).toBeLessThan(empty ?? 0)
  })
})

test('NodeResourcesBalancedAllocation: CPU and memory that run out together score more', () => {
  const nodes = [
    place('even', {}, [pod('q', { cpu: '2', memory: '4Gi' })]),
    place('odd', {}, [pod('r', { cpu: '4', memory: '0' })]),
  ]
  const one = pod('p', { cpu: '1m', memory: '2Mi' })
  expect(run('NodeResourcesBalancedAllocation', one, nodes)).toEqual([99, 50])
  expect(run('NodeResourcesBalancedAllocation', pod('p'), nodes)).toBeNull()
})

test('TaintToleration: fewer PreferNoSchedule taints score more', () => {
  const soft = (...keys: string[]) => ({
    taints: keys.map(key => ({ key, effect: 'PreferNoSchedule' })),
  })
  const nodes = [place('two', soft('a', 'b')), place('one', soft('a')), place('none')]
  expect(run('TaintToleration', pod('p'), nodes)).toEqual([0, 50, 100])
  const tolerant = pod('p', { tolerations: [{ operator: 'Exists' }] })
  expect(run('TaintToleration', tolerant, nodes)).toEqual([100, 100, 100])
})

test('NodeAffinity: preferred terms count by their weight', () => {
  const preferred = (weight: number, key: string) => ({
    weight,
    preference: { matchExpressions: [{ key, operator: 'Exists' }] },
  })
  const terms = [preferred(30, 'ssd'), preferred(10, 'near')]
  const nodeAffinity = { preferredDuringSchedulingIgnoredDuringExecution: terms }
  const nodes = [
    place('both', { labels: { ssd: '', near: '' } }),
    place('ssd', { labels: { ssd: '' } }),
    place('none'),
  ]
  expect(run('NodeAffinity', pod('p', { affinity: { nodeAffinity } }), nodes)).toEqual([100, 75, 0])
})

describe('PodTopologySpread: soft', () => {
  test('kin are spread over nodes without being asked', () => {
    const nodes = [place('a', {}, [web('q'), web('r')]), place('b', {}, [web('s')]), place('c')]
    const [a = 0, b = 0, c = 0] = run('PodTopologySpread', web('p'), nodes, 'web') ?? []
    expect(a < b && b < c).toBe(true)
  })
  test('kin are spread over zones', () => {
    const zone = (name: string) => ({ labels: { 'topology.kubernetes.io/zone': name } })
    const nodes = [
      place('a', zone('z1'), [web('q')]),
      place('b', zone('z1')),
      place('c', zone('z2')),
    ]
    const [, b = 0, c = 0] = run('PodTopologySpread', web('p'), nodes, 'web') ?? []
    expect(b).toBeLessThan(c)
  })
  test('other workloads do not matter', () => {
    const nodes = [place('a', {}, [pod('q')]), place('b')]
    const [a, b] = run('PodTopologySpread', web('p'), nodes, 'web') ?? []
    expect(a).toBe(b)
  })
  test('ScheduleAnyway is a preference', () => {
    const asking = pod('p', {
      labels: { app: 'web' },
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: 'kubernetes.io/hostname',
          whenUnsatisfiable: 'ScheduleAnyway',
          labelSelector: { matchLabels: { app: 'web' } },
        },
      ],
    })
    const [a = 0, b = 0] =
      run('PodTopologySpread', asking, [place('a', {}, [web('q')]), place('b')]) ?? []
    expect(a).toBeLessThan(b)
  })
})

test('ImageLocality: a node that has the image scores more', () => {
  const has = node('a')
  const sizeBytes = 600 * 1024 * 1024
  const images = [{ names: ['registry/web:latest'], sizeBytes }]
  const nodes = [nodeInfo({ ...has, status: { ...has.status, images } }, []), place('b')]
  const one = pod('p', { containers: [{ name: 'c', image: 'registry/web' }] })
  const [a = 0, b = 0] = run('ImageLocality', one, nodes) ?? []
  expect(a).toBeGreaterThan(b)
})

describe('DataLocality', () => {
  const near = (text: string): Pod => {
    const one = pod('p')
    const annotations = { 'raftsman.dev/near-data': text }
    return { ...one, metadata: { ...one.metadata, annotations } }
  }
  const nodes = [
    place('labelled', { labels: { dataset: 'images' } }),
    place('holding', { labels: { host: 'h1' } }),
    place('far'),
  ]
  const volumes = [volume('v', { labels: { dataset: 'images' }, host: 'h1' })]
  test('nodes that are labelled with the data or hold a volume of it score more', () => {
    const one = near('dataset=images')
    expect(run('DataLocality', one, nodes, undefined, { volumes })).toEqual([100, 100, 0])
  })
  test('a volume that everybody reaches is near to nobody', () => {
    const everywhere = [volume('v', { labels: { dataset: 'images' } })]
    const one = near('dataset=images')
    expect(run('DataLocality', one, nodes, undefined, { volumes: everywhere })).toEqual([100, 0, 0])
  })
  test('without a wish, or with one that cannot be read, all are alike', () => {
    expect(run('DataLocality', pod('p'), nodes)).toBeNull()
    expect(run('DataLocality', near('=('), nodes)).toBeNull()
  })
})

describe('Interference', () => {
  const pressed = (name: string, annotations: Readonly<Record<string, string>>) => {
    const one = node(name)
    return nodeInfo({ ...one, metadata: { ...one.metadata, annotations } }, [])
  }
  test('the worst pressure of a node counts', () => {
    const nodes = [
      pressed('a', { 'raftsman.dev/pressure-cpu': '20', 'raftsman.dev/pressure-io': '70.5' }),
      pressed('b', { 'raftsman.dev/pressure-memory': '5' }),
      pressed('c', { 'raftsman.dev/pressure-cpu': 'much' }),
    ]
    expect(run('Interference', pod('p'), nodes)).toEqual([29, 95, 100])
  })
  test('a condition of pressure counts as all of it', () => {
    const one = node('a')
    const conditions = [{ type: 'MemoryPressure', status: 'True' }]
    const nodes = [nodeInfo({ ...one, status: { ...one.status, conditions } }, []), place('b')]
    expect(run('Interference', pod('p'), nodes)).toEqual([0, 100])
  })
  test('the noisy are kept apart from the sensitive, not from their like', () => {
    const kind = (name: string, value: string) =>
      pod(name, { labels: { 'raftsman.dev/interference': value } })
    const nodes = [
      place('loud', {}, [kind('q', 'noisy')]),
      place('quiet', {}, [kind('r', 'sensitive')]),
      place('empty'),
    ]
    expect(run('Interference', kind('p', 'sensitive'), nodes)).toEqual([50, 100, 100])
    expect(run('Interference', kind('p', 'noisy'), nodes)).toEqual([100, 50, 100])
    expect(run('Interference', pod('p'), nodes)).toBeNull()
  })
})

describe('InterPodAffinity: preferences', () => {
  const term = (app: string, weight: number) => ({
    weight,
    podAffinityTerm: {
      topologyKey: 'kubernetes.io/hostname',
      labelSelector: { matchLabels: { app } },
    },
  })
  const prefers = (name: string, near: readonly object[], far: readonly object[] = []): Pod =>
    pod(name, {
      labels: { app: name },
      affinity: {
        podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: near as never },
        podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: far as never },
      },
    })
  const labelled = (name: string) => pod(name, { labels: { app: name } })
  test('what the pod would rather be near to, and away from', () => {
    const nodes = [
      place('a', {}, [labelled('db')]),
      place('b', {}, [labelled('noise')]),
      place('c'),
    ]
    const one = prefers('p', [term('db', 30)], [term('noise', 30)])
    expect(run('InterPodAffinity', one, nodes)).toEqual([100, 0, 50])
  })
  test('what those that are there would rather have near to them', () => {
    const nodes = [place('a', {}, [prefers('lonely', [term('p', 10)])]), place('b')]
    expect(run('InterPodAffinity', labelled('p'), nodes)).toEqual([100, 0])
  })
  test('without any of that all are alike', () => {
    expect(run('InterPodAffinity', pod('p'), [place('a'), place('b')])).toBeNull()
  })
})

describe('NodeResourcesFit: other strategies', () => {
  const resources = [
    { name: 'cpu', weight: 1 },
    { name: 'memory', weight: 1 },
  ]
  const args = { ignored: new Set<string>(), ignoredGroups: new Set<string>() }
  const nodes = [place('a', {}, [pod('q', { cpu: '2', memory: '4Gi' })]), place('b')]
  const one = pod('p', { cpu: '1', memory: '2Gi' })
  test('MostAllocated fills nodes up', () => {
    const plugin = nodeResourcesFit({ ...args, strategy: { type: 'MostAllocated', resources } })
    expect(run(plugin, one, nodes)).toEqual([75, 25])
  })
  test('RequestedToCapacityRatio follows its line', () => {
    const shape = [
      { utilization: 0, score: 0 },
      { utilization: 50, score: 10 },
      { utilization: 100, score: 4 },
    ]
    const strategy = { type: 'RequestedToCapacityRatio', resources, shape } as const
    expect(run(nodeResourcesFit({ ...args, strategy }), one, nodes)).toEqual([70, 50])
  })
  test('resources weigh differently', () => {
    const weighted = [
      { name: 'cpu', weight: 3 },
      { name: 'memory', weight: 1 },
    ]
    const strategy = { type: 'LeastAllocated', resources: weighted } as const
    const lopsided = pod('p', { cpu: '2', memory: '2Gi' })
    expect(run(nodeResourcesFit({ ...args, strategy }), lopsided, [place('b')])).toEqual([56])
  })
})
