import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Node } from '../../api/types/core-node.js'
import { keyOf, networkCondition, planRoutes } from './reconcile.js'

const node = (name: string, ...podCIDRs: readonly string[]): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  spec: { podCIDRs },
})

test('each range of each node gets a route, and routes that lead nowhere go', () => {
  const routes = [
    { nodeName: 'a', podCidr: '10.0.0.0/24' },
    { nodeName: 'b', podCidr: '10.0.9.0/24' },
    { nodeName: 'gone', podCidr: '10.0.1.0/24' },
  ]
  const nodes = [node('a', '10.0.0.0/24'), node('b', '10.0.1.0/24', 'fd00::/64'), node('new')]
  expect(planRoutes(nodes, routes)).toEqual({
    create: [
      { nodeName: 'b', podCidr: '10.0.1.0/24' },
      { nodeName: 'b', podCidr: 'fd00::/64' },
    ],
    remove: [routes[1], routes[2]],
  })
})

test('whatever was there, afterwards there is what is wanted, and nothing is to be done', () => {
  const names = fc.constantFrom('a', 'b', 'c')
  const cidrs = fc.constantFrom('10.0.0.0/24', '10.0.1.0/24', '10.0.2.0/24')
  const route = fc.record({ nodeName: names, podCidr: cidrs })
  const nodes = fc.uniqueArray(fc.tuple(names, cidrs), { selector: ([name]) => name })
  fc.assert(
    fc.property(nodes, fc.uniqueArray(route, { selector: keyOf }), (pairs, before) => {
      const known = pairs.map(([name, cidr]) => node(name, cidr))
      const { create, remove } = planRoutes(known, before)
      const removed = new Set(remove.map(keyOf))
      const after = [...before.filter(one => !removed.has(keyOf(one))), ...create]
      expect(after.map(keyOf).sort()).toEqual(pairs.map(pair => pair.join(' ')).sort())
      expect(planRoutes(known, after)).toEqual({ create: [], remove: [] })
    }),
  )
})

test('a node says whether it can be reached, once', () => {
  const bad = networkCondition(node('a'), false, 'now')
  expect(bad).toMatchObject({ status: 'True', reason: 'NoRouteCreated' })
  const marked: Node = { ...node('a'), status: { conditions: bad === null ? [] : [bad] } }
  expect(networkCondition(marked, false, 'later')).toBeNull()
  expect(networkCondition(marked, true, 'later')).toMatchObject({
    status: 'False',
    reason: 'RouteCreated',
    lastTransitionTime: 'later',
  })
})
