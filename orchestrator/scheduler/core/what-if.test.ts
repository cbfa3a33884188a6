import { expect, test } from 'vitest'
import { node, place, pod } from '../testing/objects.js'
import { defaultProfile } from './profile.js'
import { stateOf } from './state/cluster-state.js'
import { type HypotheticalChanges, whatIf } from './what-if.js'

const state = stateOf([
  place('a', {}, [pod('q', { cpu: '3' })]),
  place('b', {}, [pod('r', { cpu: '4' })]),
])
const asked = pod('p', { cpu: '2', priority: 0 })
const ask = (changes: HypotheticalChanges, one = asked) =>
  whatIf(state, changes, one, defaultProfile)

const rows: readonly [string, HypotheticalChanges, string | null][] = [
  ['as it is', {}, null],
  ['with one node more', { nodes: [node('c')] }, 'c'],
  [
    'with a larger node',
    { nodes: [node('a', { allocatable: { cpu: '8', memory: '8Gi', pods: '9' } })] },
    'a',
  ],
  ['with one pod fewer', { podsGone: ['uid-r'] }, 'b'],
  [
    'with one pod fewer and another more',
    { podsGone: ['uid-r'], pods: [{ pod: pod('s', { cpu: '3' }), node: 'b' }] },
    null,
  ],
  ['with a node fewer', { nodes: [node('c')], nodesGone: ['c'] }, 'c'],
]
for (const [what, changes, chosen] of rows) {
  test(`${what} it would go to ${chosen ?? 'no node'}`, () => {
    expect(ask(changes).chosen).toBe(chosen)
    expect(ask({}).chosen).toBeNull()
  })
}

test('who would have to go is told too', () => {
  const { chosen, preemption } = ask({}, pod('p', { cpu: '2', priority: 1 }))
  expect([chosen, preemption?.node, preemption?.victims]).toEqual([null, 'a', ['shop/q']])
})

test('a pod that has a node is asked about as if it had none', () => {
  const { chosen } = ask({ nodesGone: ['b'] }, pod('q', { cpu: '3', nodeName: 'a' }))
  expect(chosen).toBe('a')
})
