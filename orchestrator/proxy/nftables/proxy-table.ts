// The whole table of the proxy in one address family: hooks that are always the same, and what every Service
// adds. Counterpart: pkg/proxy/nftables' setupNFTables and syncProxyRules. Pure; the compiler remembers what
// each Service came to, so that a change costs what it changes.

import type { AddressFamily } from '../../api/address-range.js'
import type { Service } from '../../api/types/core-service.js'
import type { EndpointSlice } from '../../api/types/discovery.js'
import type { NftChain, NftSet, NftTable } from '../../nftables/table.js'
import {
  byAge,
  type NodePlace,
  serviceName,
  type ServicePortPlan,
  servicePorts,
  slicesByService,
} from '../service-ports.js'
import {
  type FamilyWords,
  type ProxyConfig,
  chains,
  oneOf,
  proxyTableName,
  sets,
  wordsOf,
} from './proxy-names.js'
import { type Piece, servicePiece } from './service-rules.js'

export interface CompiledServices {
  readonly table: NftTable
  /** By "namespace/name". */
  readonly plans: ReadonlyMap<string, readonly ServicePortPlan[]>
}

interface Remembered {
  readonly service: Service
  readonly slices: readonly EndpointSlice[]
  readonly plans: readonly ServicePortPlan[]
  readonly pieces: readonly Piece[]
}

export class ProxyTableCompiler {
  readonly #family: AddressFamily
  readonly #config: ProxyConfig
  readonly #words: FamilyWords
  readonly #fixed: ReadonlyMap<string, NftChain>
  #place: NodePlace | null = null
  #remembered = new Map<string, Remembered>()

  constructor(family: AddressFamily, config: ProxyConfig) {
    this.#family = family
    this.#config = config
    this.#words = wordsOf(family, config)
    this.#fixed = fixedChains(this.#words, config)
  }

  /** The same objects are taken for the same contents, as informers have it. */
  compile(
    services: readonly Service[],
    slices: readonly EndpointSlice[],
    place: NodePlace,
  ): CompiledServices {
    if (place.nodeName !== this.#place?.nodeName || place.zone !== this.#place.zone) {
      this.#remembered.clear()
    }
    this.#place = place
    const slicesOf = slicesByService(slices)
    const chainsNow = new Map(this.#fixed)
    const setsNow = new Map<string, NftSet>()
    const elements = emptyElements()
    const plans = new Map<string, readonly ServicePortPlan[]>()
    const remembered = new Map<string, Remembered>()
    for (const service of [...services].sort(byAge)) {
      const name = serviceName(service)
      const known = this.#of(name, service, slicesOf.get(name) ?? [], place)
      remembered.set(name, known)
      plans.set(name, known.plans)
      for (const piece of known.pieces) {
        for (const [chain, rules] of piece.chains) chainsNow.set(chain, rules)
        for (const [set, declared] of piece.sets) setsNow.set(set, declared)
        for (const [set, key, value] of piece.elements) {
          const into = elements.get(set)
          // Of two Services that claim one address the older one has it.
          if (into !== undefined && !into.has(key)) into.set(key, value)
        }
      }
    }
    this.#remembered = remembered
    const { ip, addressType } = this.#words
    for (const [name, { kind, type }] of setTypes(addressType)) {
      setsNow.set(name, {
        kind,
        declaration: `type ${type};`,
        elements: elements.get(name) ?? null,
      })
    }
    return { table: { family: ip, name: proxyTableName, sets: setsNow, chains: chainsNow }, plans }
  }

  #of(
    name: string,
    service: Service,
    slices: readonly EndpointSlice[],
    place: NodePlace,
  ): Remembered {
    const known = this.#remembered.get(name)
    if (
      known?.service === service &&
      known.slices.length === slices.length &&
      known.slices.every((slice, index) => slice === slices[index])
    ) {
      return known
    }
    const plans = servicePorts(service, slices, this.#family, place)
    const pieces = plans.map(plan => servicePiece(plan, this.#words, this.#config))
    return { service, slices, plans, pieces }
  }
}

const emptyElements = (): ReadonlyMap<string, Map<string, string>> =>
  new Map(Object.values(sets).map(name => [name, new Map<string, string>()]))

function setTypes(
  address: string,
): readonly (readonly [string, { readonly kind: NftSet['kind']; readonly type: string }])[] {
  const service = `${address} . inet_proto . inet_service`
  const nodePort = 'inet_proto . inet_service'
  return [
    [sets.clusterIps, { kind: 'set', type: address }],
    [sets.hairpins, { kind: 'set', type: `${address} . ${address}` }],
    [sets.serviceIps, { kind: 'map', type: `${service} : verdict` }],
    [sets.serviceNodePorts, { kind: 'map', type: `${nodePort} : verdict` }],
    [sets.deadServices, { kind: 'map', type: `${service} : verdict` }],
    [sets.deadNodePorts, { kind: 'map', type: `${nodePort} : verdict` }],
    [sets.firewallIps, { kind: 'map', type: `${service} : verdict` }],
  ]
}

function fixedChains(
  { ip, merged }: FamilyWords,
  { nodePortAddresses, masqueradeBit }: ProxyConfig,
): ReadonlyMap<string, NftChain> {
  const bit = `0x${(2 ** masqueradeBit).toString(16)}`
  const others = `0x${(0xffffffff - 2 ** masqueradeBit).toString(16)}`
  const to = `${ip} daddr . meta l4proto . th dport`
  const atNodePorts = merged(nodePortAddresses)
  const nodePort = `fib daddr type local ${ip} daddr ${oneOf(atNodePorts)} meta l4proto . th dport`
  const withNodePorts = (map: string): readonly string[] =>
    atNodePorts.length === 0 ? [] : [`${nodePort} vmap @${map}`]
  const hook = (type: string, point: string, priority: number): string =>
    `type ${type} hook ${point} priority ${priority};`
  const chain = (base: string | null, ...rules: readonly string[]): NftChain => ({ base, rules })
  const toClusterIp = `ct state new ${ip} daddr @${sets.clusterIps} goto ${chains.reject}`
  const dead = `ct state new jump ${chains.dead}`
  const firewall = `ct state new ${to} vmap @${sets.firewallIps}`
  return new Map([
    [chains.mark, chain(null, `meta mark set meta mark | ${bit}`)],
    // A reset is not held back as ICMP is when there are many.
    [chains.reject, chain(null, 'meta l4proto tcp reject with tcp reset', 'reject')],
    [
      chains.services,
      chain(null, `${to} vmap @${sets.serviceIps}`, ...withNodePorts(sets.serviceNodePorts)),
    ],
    [
      chains.dead,
      chain(null, `${to} vmap @${sets.deadServices}`, ...withNodePorts(sets.deadNodePorts)),
    ],
    ['filter-prerouting', chain(hook('filter', 'prerouting', -110), firewall)],
    ['filter-output', chain(hook('filter', 'output', -110), firewall)],
    // Behind the rewriting of addresses: what still goes to a Service has nobody who answers it.
    ['filter-input', chain(hook('filter', 'input', -110), dead)],
    ['filter-forward', chain(hook('filter', 'forward', -110), dead, toClusterIp)],
    ['filter-output-late', chain(hook('filter', 'output', -90), dead, toClusterIp)],
    ['nat-prerouting', chain(hook('nat', 'prerouting', -100), `jump ${chains.services}`)],
    ['nat-output', chain(hook('nat', 'output', -100), `jump ${chains.services}`)],
    [
      'nat-postrouting',
      chain(
        hook('nat', 'postrouting', 100),
        `meta mark & ${bit} == ${bit} meta mark set meta mark & ${others} masquerade fully-random`,
        `ct status dnat ${ip} saddr . ${ip} daddr @${sets.hairpins} masquerade fully-random`,
      ),
    ],
  ])
}
