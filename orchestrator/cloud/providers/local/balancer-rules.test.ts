import { describe, expect, test } from 'vitest'
import type { Node } from '../../../api/types/core-node.js'
import type { Service } from '../../../api/types/core-service.js'
import { balancerRules, balancerStatus } from './balancer-rules.js'

describe('the rules of a balancer', () => {
  const service: Service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: 'shop', name: 'web' },
    spec: {
      sessionAffinity: 'ClientIP',
      ports: [
        { name: 'http', port: 80, nodePort: 30_080 },
        { name: 'dns', port: 53, nodePort: 30_053, protocol: 'UDP' },
        { name: 'none', port: 99 },
      ],
    },
  }
  const node = (address: string): Node => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: address },
    status: { addresses: [{ type: 'InternalIP', address }] },
  })
  test('lead to the node ports of all nodes, each address once', () => {
    const nodes = ['10.0.0.1', '10.0.0.2', '10.0.0.1'].map(node)
    const rules = [...balancerRules(service, '10.9.0.1', nodes).values()]
    expect(rules).toEqual([
      {
        address: '10.9.0.1',
        port: 80,
        service: 'shop/web:http',
        backends: [
          { address: '10.0.0.1', port: 30_080 },
          { address: '10.0.0.2', port: 30_080 },
        ],
        affinityMs: 10_800_000,
      },
    ])
    expect(balancerRules(service, '10.9.0.1', []).size).toBe(0)
  })
  test('a port that is not balanced says so', () => {
    expect(balancerStatus(service, '10.9.0.1').ingress?.[0]).toMatchObject({
      ip: '10.9.0.1',
      ipMode: 'Proxy',
      ports: [
        { port: 80, protocol: 'TCP' },
        { port: 53, protocol: 'UDP', error: 'raftsman.dev/ProtocolNotBalanced' },
        { port: 99, protocol: 'TCP' },
      ],
    })
  })
})
