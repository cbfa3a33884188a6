import { expect, it } from 'vitest'
import type { Explanation } from '../../orchestrator/scheduler/core/explanation.js'
import { explanationLines } from './print.js'

const none: Explanation = {
  chosen: null,
  nodes: { total: 3, seen: 3, passed: 0 },
  best: [],
  rejected: [],
  rejections: [],
  verdict: null,
  preemption: null,
}

const lines = (told: Partial<Explanation>, width = 80) =>
  explanationLines('default/web', { ...none, ...told }, width)

it('tells what each plugin gave the best nodes, within the width of the terminal', () => {
  const scores = { TaintToleration: 300, NodeResourcesFit: 98.6, PodTopologySpread: 200 }
  const best = [
    { node: 'node-1', total: 698, scores },
    { node: 'node-2', total: 600, scores: { TaintToleration: 300 } },
  ]
  const told = { chosen: 'node-1', nodes: { total: 9, seen: 5, passed: 2 }, best }
  expect(lines(told, 60)).toEqual([
    'default/web: node-1 (of 9 nodes, 5 were looked at, 2 would do)',
    '',
    '  NODE    SCORE  OF',
    '  node-1    698  TaintToleration 300, NodeResourcesFit 99,\n                 PodTopologySpread 200',
    '  node-2    600  TaintToleration 300',
  ])
})

it('says where chance has picked, and shows the node that it picked', () => {
  const best = Array.from({ length: 8 }, (_, at) => ({ node: `n${at}`, total: 100, scores: {} }))
  const told = { chosen: 'n7', nodes: { total: 8, seen: 8, passed: 8 }, best }
  const [headline, ...rest] = lines(told)
  expect(headline).toBe(
    'default/web: n7 (of 8 nodes, 8 would do, picked among 8 that scored the same)',
  )
  expect(rest.some(line => line.includes('n7'))).toBe(true)
  expect(rest.at(-1)).toBe('  and 3 more with -o json')
})

it('tells who was turned away by what', () => {
  const full = { plugin: 'NodeResourcesFit', reasons: ['Insufficient cpu'] } as const
  expect(
    lines({
      rejected: [
        { node: 'node-1', ...full },
        { node: 'node-2', ...full },
      ],
      rejections: [{ plugin: 'NodeResourcesFit', reason: 'Insufficient cpu', nodes: 4 }],
      preemption: {
        node: 'node-2',
        victims: ['default/old'],
        budgetViolations: 1,
        tried: 2,
        candidates: 1,
        message: '',
      },
    }),
  ).toEqual([
    'default/web: no node (of 3 nodes, 0 would do)',
    '',
    'Turned away:',
    '  NodeResourcesFit: Insufficient cpu',
    '    node-1, node-2, 2 more',
    '',
    'Preemption: 1 pod of node-2 would make room (2 nodes tried, 1 budget violated)',
    '  default/old',
  ])
})

it('tells what turned all nodes down at once', () => {
  const verdict = { node: '', plugin: 'VolumeBinding', reasons: ['no claim'] } as const
  expect(lines({ verdict }).at(-1)).toBe('No node at all: VolumeBinding: no claim')
})
