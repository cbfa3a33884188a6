import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Pod } from '../../../api/types/core-pod.js'
import { node, pod } from '../../testing/objects.js'
import { NodeInfo, nodeInfo, room } from './node-info.js'
import { podInfo } from './pod-info.js'

const place = node('n1')
const shape = fc.record({
  cpu: fc.integer({ min: 0, max: 3 }),
  priority: fc.integer({ min: -2, max: 3 }),
  gpus: fc.boolean(),
  ports: fc.boolean(),
})

const podOf = (
  name: string,
  { cpu, priority, gpus, ports }: { cpu: number; priority: number; gpus: boolean; ports: boolean },
): Pod => ({
  ...pod(name, { priority }),
  spec: {
    priority,
    containers: [
      {
        name: 'c',
        resources: { requests: { cpu: String(cpu), ...(gpus ? { 'example.com/gpu': '1' } : {}) } },
        ...(ports ? { ports: [{ containerPort: 1, hostPort: 1 }] } : {}),
      },
    ],
  },
})

/** What filters and scores go by. */
const seen = (info: NodeInfo) => ({
  name: info.name,
  pods: new Set(info.pods.map(({ uid }) => uid)),
  cpu: info.requested.milliCpu,
  gpus: info.requested.others?.get('example.com/gpu') ?? 0,
  scored: [info.scoredCpu, info.scoredMemory],
  ports: info.podsWithPorts,
  lowest: info.lowestPriority,
  room: [...info.room],
})

test('a copy without the pods of lower priority is the node as it would be without them', () => {
  // One for all, as preemption has it.
  const scratch = new NodeInfo('')
  fc.assert(
    fc.property(
      fc.array(shape, { maxLength: 5 }),
      fc.integer({ min: -3, max: 4 }),
      (shapes, priority) => {
        const pods = shapes.map((one, at) => podOf(`p${at}`, one))
        const whole = nodeInfo(place, pods)
        const before = seen(whole)
        const lower = scratch.copyAbove(whole, priority)
        const stay = pods.filter(({ spec }) => (spec.priority ?? 0) >= priority)
        expect(seen(scratch)).toEqual(seen(nodeInfo(place, stay)))
        expect(lower).toHaveLength(pods.length - stay.length)
        for (const one of lower) scratch.add(one)
        expect(seen(scratch)).toEqual(before)
        expect(seen(whole)).toEqual(before)
      },
    ),
  )
})

test('the room is what the node can hold less what its pods ask for, whatever comes and goes', () => {
  const info = nodeInfo(place, [])
  const pods = [podOf('a', { cpu: 1, priority: 0, gpus: false, ports: false }), pod('b', {})].map(
    podInfo,
  )
  for (const one of pods) info.add(one)
  info.setNode(node('n1', { allocatable: { cpu: '2', memory: '1Gi', pods: '3' } }))
  expect([info.room[room.slots], info.room[room.milliCpu]]).toEqual([1, 1000])
  for (const one of pods) info.remove(one)
  expect([info.room[room.slots], info.room[room.milliCpu]]).toEqual([3, 2000])
  expect([info.room[room.memory], info.room[room.memoryMax]]).toEqual([2 ** 30, 2 ** 30])
})
