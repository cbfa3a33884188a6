// What NetworkPolicies mean for the pods of one node, as a table of the kernel. Counterpart: the policy half of
// what network plug-ins do; upstream has the API and leaves the rest to them. Pure.
//
//   forwarded packet ──> egress: who sends it? ──> chain of the pod ──> chains of its policies ──> else drop
//                    └─> ingress: who gets it? ──> chain of the pod ──> chains of its policies ──> else drop
//
// The two hooks are asked one after the other, so what one accepts the other still may drop. What the node itself
// sends or gets is not forwarded: no policy holds it back, as the API has it. Addresses are those of pods, since
// Services have been led to their backends before.

import {
  type AddressFamily,
  addressFamily,
  canonicalAddress,
  rangeWithout,
} from '../api/address-range.js'
import { labelSelectorFromObject, matchesLabels } from '../api/selectors.js'
import type { Namespace } from '../api/types/core-config.js'
import type { Pod } from '../api/types/core-pod.js'
import type { LabelSelector } from '../api/types/meta.js'
import type {
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
} from '../api/types/networking-policy.js'
import {
  hashedName,
  type NftChain,
  type NftSet,
  type NftTable,
  objectName,
} from '../nftables/table.js'

export const policyTableName = 'raftsman-network-policy'

export interface PolicyWorld {
  readonly policies: readonly NetworkPolicy[]
  /** Of the whole cluster. */
  readonly pods: readonly Pod[]
  readonly namespaces: readonly Namespace[]
  readonly nodeName: string
}

export function policyTable(family: AddressFamily, world: PolicyWorld): NftTable {
  return new PolicyCompiler(family, world).compile()
}

type Direction = 'ingress' | 'egress'

const directions = ['ingress', 'egress'] as const
const selfSet = 'pod-to-itself'
const protocolNumbers: Readonly<Record<string, number>> = { TCP: 6, UDP: 17, SCTP: 132 }
/** Egress first, as the packet goes. */
const priorities = { egress: 0, ingress: 10 } as const

interface KnownPod {
  readonly pod: Pod
  readonly key: string
  readonly address: string
}

class PolicyCompiler {
  readonly #family: AddressFamily
  readonly #world: PolicyWorld
  readonly #ip: 'ip' | 'ip6'
  readonly #addressType: string
  readonly #chains = new Map<string, NftChain>()
  readonly #sets = new Map<string, NftSet>()
  readonly #pods: readonly KnownPod[]
  readonly #labelsOf: ReadonlyMap<string, Readonly<Record<string, string>>>
  readonly #chosen = new Map<string, readonly KnownPod[]>()

  constructor(family: AddressFamily, world: PolicyWorld) {
    this.#family = family
    this.#world = world
    this.#ip = family === 'IPv4' ? 'ip' : 'ip6'
    this.#addressType = family === 'IPv4' ? 'ipv4_addr' : 'ipv6_addr'
    this.#labelsOf = new Map(
      world.namespaces.map(({ metadata }) => [metadata.name ?? '', metadata.labels ?? {}]),
    )
    this.#pods = world.pods.flatMap(pod => knownPod(pod, family))
  }

  compile(): NftTable {
    const leads = { ingress: new Map<string, string>(), egress: new Map<string, string>() }
    const self = new Map<string, string>()
    for (const known of this.#pods) {
      if (known.pod.spec?.nodeName !== this.#world.nodeName) continue
      for (const direction of directions) {
        const policies = this.#world.policies.filter(
          policy => appliesTo(policy, direction) && isSelected(policy, known.pod),
        )
        if (policies.length === 0) continue
        const chain = objectName(direction, known.key.split('/'))
        const jumps = policies.map(policy => `jump ${this.#policyChain(policy, direction)}`).sort()
        this.#chains.set(chain, { base: null, rules: [...jumps, 'drop'] })
        leads[direction].set(known.address, `goto ${chain}`)
        self.set(`${known.address} . ${known.address}`, '')
      }
    }
    const type = this.#addressType
    this.#sets.set(selfSet, { kind: 'set', declaration: `type ${type} . ${type};`, elements: self })
    for (const direction of directions) {
      const declaration = `type ${type} : verdict;`
      this.#sets.set(`${direction}-pods`, { kind: 'map', declaration, elements: leads[direction] })
      this.#chains.set(direction, this.#hook(direction))
    }
    const { name, family } = { name: policyTableName, family: this.#ip }
    return { family, name, sets: this.#sets, chains: this.#chains }
  }

  #hook(direction: Direction): NftChain {
    const ip = this.#ip
    const end = direction === 'ingress' ? 'daddr' : 'saddr'
    return {
      base: `type filter hook forward priority ${priorities[direction]};`,
      rules: [
        'ct state established,related accept',
        // Nobody can be kept from himself.
        `${ip} saddr . ${ip} daddr @${selfSet} accept`,
        `${ip} ${end} vmap @${direction}-pods`,
      ],
    }
  }

  #policyChain(policy: NetworkPolicy, direction: Direction): string {
    const { namespace = '', name: policyName = '' } = policy.metadata
    const name = objectName(`policy-${direction}`, [namespace, policyName])
    if (this.#chains.has(name)) return name
    const { ingress = [], egress = [] } = policy.spec ?? {}
    const rules =
      direction === 'ingress'
        ? ingress.flatMap(({ from, ports }) =>
            this.#rules(policy, direction, from ?? [], ports ?? []),
          )
        : egress.flatMap(({ to, ports }) => this.#rules(policy, direction, to ?? [], ports ?? []))
    this.#chains.set(name, { base: null, rules: [...new Set(rules)] })
    return name
  }

  #rules(
    policy: NetworkPolicy,
    direction: Direction,
    peers: readonly NetworkPolicyPeer[],
    ports: readonly NetworkPolicyPort[],
  ): readonly string[] {
    const end = direction === 'ingress' ? 'saddr' : 'daddr'
    // Without peers everybody is one.
    return (peers.length === 0 ? [null] : peers).flatMap(peer => {
      const who = peer === null ? '' : this.#peerMatch(policy, peer, end)
      if (who === null) return []
      const whither = this.#portMatches(policy, direction, peer, ports)
      return whither.map(match => [who, match, 'accept'].filter(part => part !== '').join(' '))
    })
  }

  /** Null where nobody can be meant. */
  #peerMatch(policy: NetworkPolicy, peer: NetworkPolicyPeer, end: string): string | null {
    const { ipBlock } = peer
    if (ipBlock !== undefined) {
      if (addressFamily(ipBlock.cidr) !== this.#family) return null
      const ranges = rangeWithout(ipBlock.cidr, ipBlock.except ?? [])
      return ranges.length === 0 ? null : `${this.#ip} ${end} { ${ranges.join(', ')} }`
    }
    const name = hashedName('peers', peerKey(policy, peer))
    if (!this.#sets.has(name)) {
      const addresses = this.#peerPods(policy, peer).map(({ address }) => [address, ''] as const)
      const declaration = `type ${this.#addressType};`
      this.#sets.set(name, { kind: 'set', declaration, elements: new Map(addresses) })
    }
    return `${this.#ip} ${end} @${name}`
  }

  /** '' stands for every port of every protocol. */
  #portMatches(
    policy: NetworkPolicy,
    direction: Direction,
    peer: NetworkPolicyPeer | null,
    ports: readonly NetworkPolicyPort[],
  ): readonly string[] {
    if (ports.length === 0) return ['']
    const matches: string[] = []
    const numbers = new Map<string, PortRange[]>()
    for (const { protocol = 'TCP', port, endPort } of ports) {
      const word = protocol.toLowerCase()
      if (port === undefined) matches.push(`meta l4proto ${word}`)
      else if (typeof port === 'string') {
        const match = this.#namedPort(policy, direction, peer, port, protocol)
        if (match !== null) matches.push(match)
      } else {
        numbers.set(word, [...(numbers.get(word) ?? []), [port, endPort ?? port]])
      }
    }
    for (const [word, ranges] of numbers) {
      matches.push(`${word} dport { ${mergedPorts(ranges).join(', ')} }`)
    }
    return matches
  }

  /** The name is the destination's own: each pod may give it another number. */
  #namedPort(
    policy: NetworkPolicy,
    direction: Direction,
    peer: NetworkPolicyPeer | null,
    port: string,
    protocol: string,
  ): string | null {
    if (direction === 'egress' && peer?.ipBlock !== undefined) return null
    const [key, pods] =
      direction === 'ingress'
        ? [
            peerKey(policy, { podSelector: policy.spec?.podSelector ?? {} }),
            this.#peerPods(policy, { podSelector: policy.spec?.podSelector ?? {} }),
          ]
        : peer === null
          ? ['everybody', this.#pods]
          : [peerKey(policy, peer), this.#peerPods(policy, peer)]
    const name = hashedName('named', `${key} ${protocol} ${port}`)
    if (!this.#sets.has(name)) {
      const elements = new Map<string, string>()
      for (const { pod, address } of pods) {
        for (const number of portNumbers(pod, port, protocol)) {
          elements.set(`${address} . ${protocolNumbers[protocol]} . ${number}`, '')
        }
      }
      const declaration = `type ${this.#addressType} . inet_proto . inet_service;`
      this.#sets.set(name, { kind: 'set', declaration, elements })
    }
    return `${this.#ip} daddr . meta l4proto . th dport @${name}`
  }

  #peerPods(policy: NetworkPolicy, peer: NetworkPolicyPeer): readonly KnownPod[] {
    const key = peerKey(policy, peer)
    const known = this.#chosen.get(key)
    if (known !== undefined) return known
    const inNamespace = selectorOf(peer.namespaceSelector)
    const matches = selectorOf(peer.podSelector ?? {})
    const pods = this.#pods.filter(({ pod: { metadata } }) => {
      const namespace = metadata.namespace ?? ''
      const there =
        inNamespace === null
          ? namespace === policy.metadata.namespace
          : this.#labelsOf.has(namespace) && inNamespace(this.#labelsOf.get(namespace))
      return there && matches?.(metadata.labels) === true
    })
    this.#chosen.set(key, pods)
    return pods
  }
}

type PortRange = readonly [first: number, last: number]

/** A set of nft may not hold ranges that meet. */
function mergedPorts(ranges: readonly PortRange[]): readonly string[] {
  const merged: [number, number][] = []
  for (const [first, last] of ranges.toSorted(([a], [b]) => a - b)) {
    const before = merged.at(-1)
    if (before !== undefined && first <= before[1] + 1) before[1] = Math.max(before[1], last)
    else merged.push([first, last])
  }
  return merged.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`))
}

/** The same for peers that mean the same pods. */
const peerKey = ({ metadata }: NetworkPolicy, peer: NetworkPolicyPeer): string =>
  JSON.stringify([
    peer.namespaceSelector === undefined ? metadata.namespace : null,
    peer.namespaceSelector ?? null,
    peer.podSelector ?? {},
  ])

function selectorOf(
  selector: LabelSelector | undefined,
): ((labels: Readonly<Record<string, string>> | undefined) => boolean) | null {
  const parsed = labelSelectorFromObject(selector)
  return parsed === null ? null : labels => matchesLabels(parsed, labels)
}

/** Pods with an address of their own; those in the network of their node have none. */
function knownPod(pod: Pod, family: AddressFamily): readonly KnownPod[] {
  const { status, spec, metadata } = pod
  if (spec?.hostNetwork === true || status?.phase === 'Succeeded' || status?.phase === 'Failed') {
    return []
  }
  const addresses = [...(status?.podIPs ?? []).map(({ ip }) => ip), status?.podIP]
  const address = addresses.find(
    ip => ip !== undefined && ip !== '' && addressFamily(ip) === family,
  )
  if (address === undefined) return []
  return [
    { pod, key: `${metadata.namespace}/${metadata.name}`, address: canonicalAddress(address) },
  ]
}

function appliesTo({ spec }: NetworkPolicy, direction: Direction): boolean {
  const types = spec?.policyTypes ?? [
    'Ingress',
    ...((spec?.egress ?? []).length > 0 ? ['Egress'] : []),
  ]
  return types.includes(direction === 'ingress' ? 'Ingress' : 'Egress')
}

const isSelected = ({ metadata, spec }: NetworkPolicy, pod: Pod): boolean =>
  metadata.namespace === pod.metadata.namespace &&
  selectorOf(spec?.podSelector ?? {})?.(pod.metadata.labels) === true

function portNumbers({ spec }: Pod, name: string, protocol: string): readonly number[] {
  // An init container with restartPolicy Always serves as long as the pod lives.
  const containers = [
    ...(spec?.containers ?? []),
    ...(spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always'),
  ]
  return containers.flatMap(({ ports = [] }) =>
    ports
      .filter(port => port.name === name && (port.protocol ?? 'TCP') === protocol)
      .map(({ containerPort }) => containerPort),
  )
}
