import { describe, expect, test } from 'vitest'
import { labelSelectorFromMap } from '../../../api/selectors.js'
import type { Pod } from '../../../api/types/core-pod.js'
import { node, place, pod } from '../../testing/objects.js'
import type { Plugin, PluginName } from '../plugin.js'
import { defaultProfile } from '../profile.js'
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
): readonly number[] | null {
  const plugin = typeof which === 'string' ? defaultProfile.plugins.get(which) : which
  if (!plugin?.score) throw new Error('no such score')
  const kinOf = () => (app === undefined ? [] : labelSelectorFromMap({ app }))
  const snapshot = stateOf(places, { ...noSurroundings, kinOf })
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
