import { describe, expect, test } from 'vitest'
import type { Pod } from '../../../api/types/core-pod.js'
import type { NodeSelectorRequirement } from '../../../api/types/core-scheduling.js'
import { place, pod } from '../../testing/objects.js'
import { isRejection, type PluginName } from '../plugin.js'
import { defaultPlugins, defaultProfile } from '../profile.js'
import { stateOf } from '../state/cluster-state.js'
import type { NodeInfo } from '../state/node-info.js'
import { podInfo } from '../state/pod-info.js'

/** The reasons of one filter for the first of the nodes; empty when it lets it pass. */
function reasons(name: PluginName, one: Pod, nodes: readonly NodeInfo[]): readonly string[] {
  const filter = defaultProfile.plugins.get(name)?.filter
  const snapshot = stateOf(nodes)
  const first = snapshot.node(nodes[0]?.name ?? '')
  if (!filter || !first) throw new Error('a filter and a node are needed')
  const answer = filter({ pod: podInfo(one), snapshot })
  if (answer === null) return []
  return isRejection(answer) ? answer.reasons : (answer.check(first)?.reasons ?? [])
}

type Case = readonly [string, PluginName, Pod, readonly NodeInfo[], readonly string[]]

const taint = (key: string, effect: string, value?: string) => ({
  taints: [{ key, effect, ...(value === undefined ? {} : { value }) }],
})
const noFit = ["node(s) didn't match Pod's node affinity/selector"]
const affinity = (...matchExpressions: NodeSelectorRequirement[]) => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions }] },
    },
  },
})
const ssd = { labels: { disk: 'ssd', cores: '8' } }
const untolerated = ['node(s) had untolerated taint {gpu: yes}']
const noPorts = ["node(s) didn't have free ports for the requested pod ports"]

const cases: readonly Case[] = [
  ['no name wanted', 'NodeName', pod('p'), [place('n')], []],
  ['the name wanted', 'NodeName', pod('p', { nodeName: 'n' }), [place('n')], []],
  [
    'another name wanted',
    'NodeName',
    pod('p', { nodeName: 'm' }),
    [place('n')],
    ["node(s) didn't match the requested node name"],
  ],
  [
    'a cordoned node',
    'NodeUnschedulable',
    pod('p'),
    [place('n', { unschedulable: true })],
    ['node(s) were unschedulable'],
  ],
  [
    'a cordoned node, tolerated',
    'NodeUnschedulable',
    pod('p', {
      tolerations: [{ key: 'node.kubernetes.io/unschedulable', operator: 'Exists' }],
    }),
    [place('n', { unschedulable: true })],
    [],
  ],
  [
    'NoSchedule',
    'TaintToleration',
    pod('p'),
    [place('n', taint('gpu', 'NoSchedule', 'yes'))],
    untolerated,
  ],
  [
    'NoExecute',
    'TaintToleration',
    pod('p'),
    [place('n', taint('gpu', 'NoExecute', 'yes'))],
    untolerated,
  ],
  [
    'PreferNoSchedule',
    'TaintToleration',
    pod('p'),
    [place('n', taint('gpu', 'PreferNoSchedule'))],
    [],
  ],
  [
    'a taint tolerated by value',
    'TaintToleration',
    pod('p', { tolerations: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] }),
    [place('n', taint('gpu', 'NoSchedule', 'yes'))],
    [],
  ],
  [
    'a toleration of another value',
    'TaintToleration',
    pod('p', { tolerations: [{ key: 'gpu', value: 'no' }] }),
    [place('n', taint('gpu', 'NoSchedule', 'yes'))],
    untolerated,
  ],
  [
    'a toleration of everything',
    'TaintToleration',
    pod('p', { tolerations: [{ operator: 'Exists' }] }),
    [place('n', taint('gpu', 'NoSchedule', 'yes'))],
    [],
  ],
  [
    'nodeSelector met',
    'NodeAffinity',
    pod('p', { nodeSelector: { disk: 'ssd' } }),
    [place('n', ssd)],
    [],
  ],
  [
    'nodeSelector not met',
    'NodeAffinity',
    pod('p', { nodeSelector: { disk: 'hdd' } }),
    [place('n', ssd)],
    noFit,
  ],
  [
    'nodeSelector by a name of Object.prototype',
    'NodeAffinity',
    pod('p', { nodeSelector: { constructor: 'x' } }),
    [place('n', ssd)],
    noFit,
  ],
  ...(
    [
      ['In', ['ssd'], true],
      ['In', ['hdd'], false],
      ['NotIn', ['hdd'], true],
      ['NotIn', ['ssd'], false],
      ['Exists', [], true],
      ['DoesNotExist', [], false],
    ] as const
  ).map(
    ([operator, values, fits]): Case => [
      `affinity ${operator} ${values.join()}`,
      'NodeAffinity',
      pod('p', affinity({ key: 'disk', operator, values })),
      [place('n', ssd)],
      fits ? [] : noFit,
    ],
  ),
  [
    'affinity Gt',
    'NodeAffinity',
    pod('p', affinity({ key: 'cores', operator: 'Gt', values: ['4'] })),
    [place('n', ssd)],
    [],
  ],
  [
    'affinity Gt of numbers that a float cannot tell apart',
    'NodeAffinity',
    pod('p', affinity({ key: 'cores', operator: 'Gt', values: ['9007199254740992'] })),
    [place('n', { labels: { cores: '9007199254740993' } })],
    [],
  ],
  [
    'affinity Lt',
    'NodeAffinity',
    pod('p', affinity({ key: 'cores', operator: 'Lt', values: ['8'] })),
    [place('n', ssd)],
    noFit,
  ],
  [
    'an empty affinity term matches nothing',
    'NodeAffinity',
    pod('p', affinity()),
    [place('n')],
    noFit,
  ],
  ['room', 'NodeResourcesFit', pod('p', { cpu: '4', memory: '8Gi' }), [place('n')], []],
  [
    'too little of several',
    'NodeResourcesFit',
    pod('p', { cpu: '1500m', memory: '1Gi' }),
    [place('n', {}, [pod('q', { cpu: '2501m', memory: '7.5Gi' })])],
    ['Insufficient cpu', 'Insufficient memory'],
  ],
  [
    'no slot left',
    'NodeResourcesFit',
    pod('p'),
    [place('n', { allocatable: { cpu: '4', memory: '8Gi', pods: '1' } }, [pod('q')])],
    ['Too many pods'],
  ],
  [
    'a port nobody has',
    'NodePorts',
    pod('p', { hostPort: 80 }),
    [place('n', {}, [pod('q', { hostPort: 81 })])],
    [],
  ],
  [
    'a port taken',
    'NodePorts',
    pod('p', { hostPort: 80 }),
    [place('n', {}, [pod('q', { hostPort: 80 })])],
    noPorts,
  ],
  [
    'a port taken on another address',
    'NodePorts',
    pod('p', { hostPort: 80, hostIP: '1.1.1.1' }),
    [place('n', {}, [pod('q', { hostPort: 80, hostIP: '1.1.1.2' })])],
    [],
  ],
  [
    'a port taken on all addresses',
    'NodePorts',
    pod('p', { hostPort: 80, hostIP: '1.1.1.1' }),
    [place('n', {}, [pod('q', { hostPort: 80 })])],
    noPorts,
  ],
]

for (const [name, filter, one, nodes, wanted] of cases) {
  test(`${filter}: ${name}`, () => expect(reasons(filter, one, nodes)).toEqual(wanted))
}

describe('PodTopologySpread DoNotSchedule', () => {
  const web = { labels: { app: 'web' } }
  const spread = (more: object = {}) =>
    pod('p', {
      ...web,
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: 'zone',
          whenUnsatisfiable: 'DoNotSchedule',
          labelSelector: { matchLabels: { app: 'web' } },
          ...more,
        },
      ],
    })
  const zone = (name: string) => ({ labels: { zone: name } })
  const skewed = ["node(s) didn't match pod topology spread constraints"]
  test('a domain that is ahead is closed', () => {
    const nodes = [place('a', zone('z1'), [pod('q', web)]), place('b', zone('z2'))]
    expect(reasons('PodTopologySpread', spread(), nodes)).toEqual(skewed)
    expect(reasons('PodTopologySpread', spread(), nodes.toReversed())).toEqual([])
    expect(reasons('PodTopologySpread', spread({ maxSkew: 2 }), nodes)).toEqual([])
  })
  test('a node without the label is no domain', () => {
    expect(reasons('PodTopologySpread', spread(), [place('a')])).toEqual([
      `${skewed[0]} (missing required label)`,
    ])
  })
  test('domains the pod cannot go to do not count', () => {
    const nodes = [
      place('a', { labels: { zone: 'z1', disk: 'ssd' } }, [pod('q', web)]),
      place('b', zone('z2')),
    ]
    const bound = { ...spread(), spec: { ...spread().spec, nodeSelector: { disk: 'ssd' } } }
    expect(reasons('PodTopologySpread', bound, nodes)).toEqual([])
  })
  test('domains whose taints it does not tolerate count, unless it says otherwise', () => {
    const nodes = [
      place('a', zone('z1'), [pod('q', web)]),
      place('b', { ...zone('z2'), ...taint('gpu', 'NoSchedule') }),
    ]
    expect(reasons('PodTopologySpread', spread(), nodes)).toEqual(skewed)
    expect(reasons('PodTopologySpread', spread({ nodeTaintsPolicy: 'Honor' }), nodes)).toEqual([])
  })
  test('matchLabelKeys narrow it to pods that have the same', () => {
    const hash = (value: string) => ({ labels: { app: 'web', hash: value } })
    const old = [place('a', zone('z1'), [pod('q', hash('old'))]), place('b', zone('z2'))]
    const fresh = { ...spread({ matchLabelKeys: ['hash'] }) }
    const one = { ...fresh, metadata: { ...fresh.metadata, ...hash('new') } }
    expect(reasons('PodTopologySpread', one, old)).toEqual([])
  })
  test('with fewer domains than minDomains the emptiest counts as empty', () => {
    const nodes = [place('a', zone('z1'), [pod('q', web)])]
    expect(reasons('PodTopologySpread', spread(), nodes)).toEqual([])
    expect(reasons('PodTopologySpread', spread({ minDomains: 2 }), nodes)).toEqual(skewed)
  })
})

describe('InterPodAffinity', () => {
  const term = (app: string) => ({
    requiredDuringSchedulingIgnoredDuringExecution: [
      { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app } } },
    ],
  })
  const near = (app: string) => ({ affinity: { podAffinity: term(app) } })
  const away = (app: string) => ({ affinity: { podAntiAffinity: term(app) } })
  const db = pod('db', { labels: { app: 'db' } })
  test('wants to be near', () => {
    expect(reasons('InterPodAffinity', pod('p', near('db')), [place('a', {}, [db])])).toEqual([])
    expect(reasons('InterPodAffinity', pod('p', near('db')), [place('a')])).toEqual([
      "node(s) didn't match pod affinity rules",
    ])
  })
  test('the first of a group that wants to be together is let in', () => {
    const first = pod('p', { labels: { app: 'db' }, ...near('db') })
    expect(reasons('InterPodAffinity', first, [place('a')])).toEqual([])
  })
  test('wants to be away', () => {
    expect(reasons('InterPodAffinity', pod('p', away('db')), [place('a', {}, [db])])).toEqual([
      "node(s) didn't match pod anti-affinity rules",
    ])
  })
  test('others want it away', () => {
    const hermit = pod('q', away('web'))
    const web = pod('p', { labels: { app: 'web' } })
    expect(reasons('InterPodAffinity', web, [place('a', {}, [hermit])])).toEqual([
      "node(s) didn't satisfy existing pods anti-affinity rules",
    ])
  })
})

test('every plugin has a name of its own', () => {
  expect(defaultProfile.plugins.size).toBe(defaultPlugins.length)
})
