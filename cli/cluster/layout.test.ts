import { describe, expect, it } from 'vitest'
import { addressesOf, mastersMax, nodesMax, planAddresses, planCluster } from './layout.js'

describe('the plan of a local cluster', () => {
  it('gives master i the ports that scripts rely on', () => {
    const plan = planCluster({
      masters: 3,
      nodes: 2,
      portOffset: 0,
      storeTls: true,
      historyMs: null,
    })
    expect(plan.balancer).toBe('127.0.0.1:6443')
    expect(plan.masters[1]).toEqual({
      name: 'master-2',
      ordinal: 2,
      storeClient: '127.0.0.1:22379',
      storePeer: '127.0.0.1:22380',
      apiserver: '127.0.0.1:26443',
      controllerManager: '127.0.0.1:20257',
      scheduler: '127.0.0.1:20259',
      cloudControllerManager: '127.0.0.1:20258',
    })
  })

  it('shifts every port by the offset', () => {
    const plain = addressesOf(
      planCluster({ masters: 5, nodes: 4, portOffset: 0, storeTls: true, historyMs: null }),
    )
    const shifted = addressesOf(
      planCluster({ masters: 5, nodes: 4, portOffset: 100, storeTls: true, historyMs: null }),
    )
    const ports = (all: typeof plain): number[] =>
      all.map(({ address }) => Number(address.split(':')[1]))
    expect(ports(shifted)).toEqual(ports(plain).map(port => port + 100))
  })

  it('never gives one address twice, and stays below 65536 at the largest offset', () => {
    const all = addressesOf(
      planCluster({
        masters: mastersMax,
        nodes: nodesMax,
        portOffset: 9000,
        storeTls: true,
        historyMs: null,
      }),
    )
    expect(new Set(all.map(({ address }) => address)).size).toBe(all.length)
    for (const { address } of all) expect(Number(address.split(':')[1])).toBeLessThan(65_536)
  })

  it('gives clusters with different offsets addresses of their own', () => {
    expect(planAddresses(0).clusterCidr).toBe('127.64.0.0/12')
    const all = Array.from({ length: 511 }, (_, position) => planAddresses(position + 1))
    const cidrs = all.flatMap(plan => [plan.clusterCidr, plan.serviceCidr, plan.balancerCidr])
    const ranges = cidrs.map(rangeOf).sort(([a], [b]) => a - b)
    expect(ranges[0]?.[0]).toBeGreaterThanOrEqual(127 * 2 ** 24 + 128 * 2 ** 16)
    expect(ranges.at(-1)?.[1]).toBeLessThanOrEqual(128 * 2 ** 24)
    for (const [at, [, end]] of ranges.slice(0, -1).entries())
      expect(end).toBeLessThanOrEqual(ranges[at + 1]?.[0] ?? 0)
  })
})

/** Its first address, and the one behind its last. */
function rangeOf(cidr: string): readonly [number, number] {
  const [address = '', bits = ''] = cidr.split('/')
  const first = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
  return [first, first + 2 ** (32 - Number(bits))]
}
