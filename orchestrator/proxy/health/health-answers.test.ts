import { describe, expect, it } from 'vitest'
import type { Node } from '../../api/types/core-node.js'
import { servicePorts } from '../service-ports.js'
import { endpointOf, serviceOf, sliceOf } from '../testing/objects.js'
import { isEligible, localServices, serviceAnswer, stateAnswer } from './health-answers.js'

const now = { monotonicMs: 1_000_000, wallMs: Date.UTC(2026, 0, 2, 3, 4, 5) }
const node = (more: Partial<Node>): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: {},
  ...more,
})

describe('the health of a proxy', () => {
  const current = {
    lastUpdated: '2026-01-02T03:04:05.000Z',
    currentTime: '2026-01-02T03:04:05.000Z',
  }
  const stuck = { pendingSinceMs: 880_000, lastUpdatedMs: Date.UTC(2026, 0, 2) }
  const cases = [
    [
      'all is in force',
      { pendingSinceMs: null, lastUpdatedMs: 5 },
      true,
      200,
      { ...current, nodeEligible: true },
    ],
    [
      'nothing was in force so far',
      { pendingSinceMs: null, lastUpdatedMs: null },
      true,
      200,
      { ...current, nodeEligible: true },
    ],
    [
      'a change has waited for less than two minutes',
      { pendingSinceMs: 880_001, lastUpdatedMs: 5 },
      true,
      200,
      { ...current, nodeEligible: true },
    ],
    [
      'a change has waited for two minutes',
      stuck,
      true,
      503,
      { ...current, lastUpdated: '2026-01-02T00:00:00.000Z', nodeEligible: true },
    ],
    [
      'the node is about to go',
      { pendingSinceMs: null, lastUpdatedMs: 5 },
      false,
      503,
      { ...current, nodeEligible: false },
    ],
    [
      'it is asked whether it lives',
      { pendingSinceMs: null, lastUpdatedMs: 5 },
      null,
      200,
      current,
    ],
  ] as const
  it.each(cases)('where %s', (_what, state, eligible, status, body) => {
    const answer = stateAnswer(state, now, eligible)
    expect([answer.status, JSON.parse(answer.body)]).toEqual([status, body])
  })

  it('leaves out nodes that are deleted, or are about to be', () => {
    expect(isEligible(undefined)).toBe(true)
    expect(isEligible(node({}))).toBe(true)
    expect(isEligible(node({ metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }))).toBe(
      false,
    )
    const taints = [{ key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' }]
    expect(isEligible(node({ spec: { taints } }))).toBe(false)
  })
})

describe('the health of a Service', () => {
  const place = { nodeName: 'node-1', zone: null }
  const service = serviceOf('web', {
    type: 'LoadBalancer',
    clusterIP: '10.96.0.10',
    externalTrafficPolicy: 'Local',
    healthCheckNodePort: 32_000,
    ports: [
      { name: 'a', port: 80 },
      { name: 'b', port: 81 },
    ],
  })
  const ports = [
    { name: 'a', port: 1 },
    { name: 'b', port: 2 },
  ]
  const found = (...endpoints: readonly ReturnType<typeof endpointOf>[]) => {
    const plans = servicePorts(service, [sliceOf('web', endpoints, { ports })], 'IPv4', place)
    return localServices([new Map([['default/web', plans]])]).get('default/web')
  }

  it('counts the addresses here that are ready, each once', () => {
    const ending = { ready: false, serving: true, terminating: true }
    expect(
      found(endpointOf('10.0.0.1'), endpointOf('10.0.0.2', { nodeName: 'node-2' }))?.endpoints,
    ).toBe(1)
    expect(found(endpointOf('10.0.0.1'), endpointOf('10.0.0.2'))?.endpoints).toBe(2)
    expect(found(endpointOf('10.0.0.1', { conditions: ending }))?.endpoints).toBe(0)
    expect(found()?.port).toBe(32_000)
  })

  it('is none where no balancer asks', () => {
    const plans = servicePorts(
      { ...service, spec: { ...service.spec, externalTrafficPolicy: 'Cluster' } },
      [],
      'IPv4',
      place,
    )
    expect(localServices([new Map([['default/web', plans]])]).size).toBe(0)
  })

  it('is told as upstream tells it', () => {
    const local = { namespace: 'default', name: 'web', port: 32_000, endpoints: 2 }
    const answer = serviceAnswer(local, true)
    expect(answer.status).toBe(200)
    expect(answer.headers['x-load-balancing-endpoint-weight']).toBe('2')
    expect(JSON.parse(answer.body)).toEqual({
      service: { namespace: 'default', name: 'web' },
      localEndpoints: 2,
      serviceProxyHealthy: true,
    })
    expect(serviceAnswer({ ...local, endpoints: 0 }, true).status).toBe(503)
    expect(serviceAnswer(local, false).status).toBe(503)
  })
})
