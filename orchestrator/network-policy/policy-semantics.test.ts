import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Pod } from '../api/types/core-pod.js'
import type { NetworkPolicyPeer, NetworkPolicyPort } from '../api/types/networking-policy.js'
import { type PolicyWorld, policyTable } from './policy-table.js'
import { someWorld } from './testing/some-worlds.js'
import { isForwarded, type Packet } from './testing/table-reader.js'

// The dumb model: what the API says, packet by packet, without sets, chains or ranges.

const podAt = ({ pods }: PolicyWorld, address: string): Pod | undefined =>
  pods.find(({ status }) => status?.podIP === address)

const carries = (
  labels: Readonly<Record<string, string>> | undefined,
  wanted: Readonly<Record<string, string>> = {},
): boolean => Object.entries(wanted).every(([key, value]) => labels?.[key] === value)

const lastOf = (address: string): number => Number(address.split('.')[3])

function inBlock(address: string, cidr: string): boolean {
  const [base = '', bits] = cidr.split('/')
  const size = 2 ** (32 - Number(bits))
  return Math.floor(lastOf(address) / size) === Math.floor(lastOf(base) / size)
}

function isPeer(
  world: PolicyWorld,
  space: string,
  peer: NetworkPolicyPeer,
  address: string,
): boolean {
  const { ipBlock, podSelector, namespaceSelector } = peer
  if (ipBlock !== undefined) {
    return (
      inBlock(address, ipBlock.cidr) && !(ipBlock.except ?? []).some(hole => inBlock(address, hole))
    )
  }
  const pod = podAt(world, address)
  if (pod === undefined) return false
  const there =
    namespaceSelector === undefined
      ? pod.metadata.namespace === space
      : carries({ name: pod.metadata.namespace ?? '' }, namespaceSelector.matchLabels)
  return there && carries(pod.metadata.labels, podSelector?.matchLabels)
}

function isPort(world: PolicyWorld, wanted: NetworkPolicyPort, packet: Packet): boolean {
  const { protocol = 'TCP', port, endPort } = wanted
  if (protocol.toLowerCase() !== packet.protocol) return false
  if (port === undefined) return true
  if (typeof port === 'number') return packet.port >= port && packet.port <= (endPort ?? port)
  const ports = podAt(world, packet.destination)?.spec?.containers[0]?.ports ?? []
  return ports.some(
    one => one.name === port && one.protocol === protocol && one.containerPort === packet.port,
  )
}

function isAllowed(world: PolicyWorld, packet: Packet): boolean {
  if (packet.source === packet.destination) return true
  const way = (type: 'Ingress' | 'Egress'): boolean => {
    const [own, other] =
      type === 'Ingress' ? [packet.destination, packet.source] : [packet.source, packet.destination]
    const pod = podAt(world, own)
    if (pod?.spec?.nodeName !== 'here') return true
    const policies = world.policies.filter(
      ({ metadata, spec }) =>
        metadata.namespace === pod.metadata.namespace &&
        spec?.policyTypes?.includes(type) === true &&
        carries(pod.metadata.labels, spec.podSelector?.matchLabels),
    )
    if (policies.length === 0) return true
    return policies.some(({ metadata, spec }) => {
      const rules =
        type === 'Ingress'
          ? (spec?.ingress ?? []).map(({ from = [], ports = [] }) => ({ peers: from, ports }))
          : (spec?.egress ?? []).map(({ to = [], ports = [] }) => ({ peers: to, ports }))
      return rules.some(({ peers, ports }) => {
        const whom = peers.filter(peer => isPeer(world, metadata.namespace ?? '', peer, other))
        if (peers.length > 0 && whom.length === 0) return false
        return (
          ports.length === 0 ||
          ports.some(
            port =>
              isPort(world, port, packet) &&
              // Nobody in a block of addresses says what it calls its ports.
              (type === 'Ingress' ||
                typeof port.port !== 'string' ||
                peers.length === 0 ||
                whom.some(({ ipBlock }) => ipBlock === undefined)),
          )
        )
      })
    })
  }
  return way('Egress') && way('Ingress')
}

const somePacket: fc.Arbitrary<Packet> = fc.record({
  source: fc.integer({ min: 1, max: 9 }).map(last => `10.0.0.${last}`),
  destination: fc.integer({ min: 1, max: 9 }).map(last => `10.0.0.${last}`),
  protocol: fc.constantFrom('tcp' as const, 'udp' as const),
  port: fc.integer({ min: 79, max: 86 }),
})

it('a table lets through what the API says, and nothing else', () => {
  let [through, held] = [0, 0]
  fc.assert(
    fc.property(
      someWorld,
      fc.array(somePacket, { minLength: 20, maxLength: 20 }),
      (world, packets) => {
        const table = policyTable('IPv4', world)
        for (const packet of packets) {
          const allowed = isAllowed(world, packet)
          if (allowed) through += 1
          else held += 1
          expect([packet, isForwarded(table, packet)]).toEqual([packet, allowed])
        }
      },
    ),
    { numRuns: 1000 },
  )
  // Both happen often, or nothing was tried.
  expect(Math.min(through, held)).toBeGreaterThan(2000)
})
