import { describe, expect, test } from 'vitest'
import type { Taint } from '../../api/types/core-scheduling.js'
import { node } from '../testing/objects.js'
import { type NodeFit, nodeFit, tolerationsOf } from './node-fit.js'
import { daemonSet, type SetShape } from './testing/objects.js'

const requiredAffinity = (key: string, operator: string, values: readonly string[]) => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key, operator, values }] }],
      },
    },
  },
})
const tainted = (key: string, effect: string): Taint => ({ key, effect })
const tolerating = (key: string) => ({ tolerations: [{ key, operator: 'Exists' }] })

describe('DaemonSet: on every node that its pods fit', () => {
  const cases: readonly [string, SetShape['pod'], readonly Taint[], NodeFit][] = [
    ['a plain node', {}, [], 'wanted'],
    ['one that the node selector names', { nodeSelector: { disk: 'ssd' } }, [], 'wanted'],
    ['not one that it does not', { nodeSelector: { disk: 'hdd' } }, [], 'unfit'],
    ['one that required affinity matches', requiredAffinity('disk', 'In', ['ssd']), [], 'wanted'],
    ['not one that it does not match', requiredAffinity('disk', 'NotIn', ['ssd']), [], 'unfit'],
    ['the one that the template names', { nodeName: 'n' }, [], 'wanted'],
    ['and no other', { nodeName: 'm' }, [], 'unfit'],
    ['not ready', {}, [tainted('node.kubernetes.io/not-ready', 'NoExecute')], 'wanted'],
    ['unreachable', {}, [tainted('node.kubernetes.io/unreachable', 'NoExecute')], 'wanted'],
    ['short of disk', {}, [tainted('node.kubernetes.io/disk-pressure', 'NoSchedule')], 'wanted'],
    ['of memory', {}, [tainted('node.kubernetes.io/memory-pressure', 'NoSchedule')], 'wanted'],
    ['of process ids', {}, [tainted('node.kubernetes.io/pid-pressure', 'NoSchedule')], 'wanted'],
    ['cordoned', {}, [tainted('node.kubernetes.io/unschedulable', 'NoSchedule')], 'wanted'],
    [
      'without a network only for those who use that of the host',
      { hostNetwork: true },
      [tainted('node.kubernetes.io/network-unavailable', 'NoSchedule')],
      'wanted',
    ],
    [
      'without a network nobody else begins',
      {},
      [tainted('node.kubernetes.io/network-unavailable', 'NoSchedule')],
      'kept',
    ],
    [
      'a node that is not ready yet takes no new ones',
      {},
      [tainted('node.kubernetes.io/not-ready', 'NoSchedule')],
      'kept',
    ],
    ['NoSchedule lets those stay that are there', {}, [tainted('gpu', 'NoSchedule')], 'kept'],
    ['NoExecute sends them away', {}, [tainted('gpu', 'NoExecute')], 'unfit'],
    ['PreferNoSchedule is no hindrance', {}, [tainted('gpu', 'PreferNoSchedule')], 'wanted'],
    ['what the template tolerates', tolerating('gpu'), [tainted('gpu', 'NoExecute')], 'wanted'],
  ]
  test.each(cases)('%s', (_, pod, taints, expected) => {
    const on = node('n', { labels: { disk: 'ssd' }, spec: { taints } })
    expect(nodeFit(daemonSet({ pod: pod ?? {} }))(on)).toBe(expected)
  })
  test('a toleration of the template that ends after a while is made to last', () => {
    const own = {
      key: 'node.kubernetes.io/not-ready',
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: 300,
    }
    const other = { key: 'gpu', operator: 'Exists' }
    const all = tolerationsOf({ containers: [], tolerations: [own, other] })
    expect(all.filter(({ key }) => key === own.key)).toEqual([
      { key: own.key, operator: 'Exists', effect: 'NoExecute' },
    ])
    expect(all).toContainEqual(other)
  })
})
