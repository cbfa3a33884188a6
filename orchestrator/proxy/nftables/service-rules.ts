// One port of a Service as chains and elements of the proxy's table. Counterpart: the loop of syncProxyRules in
// pkg/proxy/nftables. Pure.
//
//   service-ips, service-nodeports ──> external/… ──> service/… ──> dnat
//            (cluster IP) └───────────────────────────────^  └──> endpoint/… ──> dnat   (with affinity)
//
// Unlike upstream, a port without affinity has one rule that picks the backend and rewrites the address, in
// place of a chain for each backend: a tenth of the chains, and so of what nft reads before each change.

import { type NftChain, type NftSet, objectName } from '../../nftables/table.js'
import { type Protocol, type ServiceBackend, type ServicePortPlan } from '../service-ports.js'
import { chains, type FamilyWords, oneOf, type ProxyConfig, sets } from './proxy-names.js'

/** What one Service adds to the table. */
export interface Piece {
  readonly chains: readonly (readonly [string, NftChain])[]
  readonly sets: readonly (readonly [string, NftSet])[]
  /** Set, key, value. */
  readonly elements: readonly (readonly [string, string, string])[]
}

const protocolNumbers = { TCP: 6, UDP: 17, SCTP: 132 } as const
/** Of addresses that one backend remembers; beyond it clients are spread as without affinity. */
const affinityClientsMax = 65_535

export function servicePiece(
  plan: ServicePortPlan,
  words: FamilyWords,
  config: ProxyConfig,
): Piece {
  const compiler = new PieceCompiler(plan, words, config)
  return compiler.compile()
}

class PieceCompiler {
  readonly #plan: ServicePortPlan
  readonly #words: FamilyWords
  readonly #config: ProxyConfig
  readonly #chains = new Map<string, NftChain>()
  readonly #sets = new Map<string, NftSet>()
  readonly #elements: [string, string, string][] = []
  readonly #name: readonly string[]

  constructor(plan: ServicePortPlan, words: FamilyWords, config: ProxyConfig) {
    this.#plan = plan
    this.#words = words
    this.#config = config
    const { namespace, service, protocol, portName } = plan
    this.#name = [namespace, service, protocol.toLowerCase(), portName]
  }

  compile(): Piece {
    this.#cluster()
    this.#external()
    this.#hairpins()
    return { chains: [...this.#chains], sets: [...this.#sets], elements: this.#elements }
  }

  #cluster(): void {
    const { clusterIps, port, internalLocal, cluster, local } = this.#plan
    const refuse = verdictWithout(internalLocal && cluster.length > 0)
    const target = internalLocal ? this.#localChain() : this.#clusterChain()
    for (const address of clusterIps) {
      this.#elements.push([sets.clusterIps, address, ''])
      this.#lead(address, port, target, (internalLocal ? local : cluster).length > 0, refuse)
    }
  }

  #external(): void {
    const { externalIps, loadBalancerIps, nodePort, port, externalLocal } = this.#plan
    if (nodePort === null && externalIps.length + loadBalancerIps.length === 0) return
    const { cluster, local } = this.#plan
    const target = cluster.length > 0 ? this.#externalChain() : null
    const answered = (externalLocal ? local : cluster).length > 0
    const refuse = verdictWithout(externalLocal && cluster.length > 0)
    for (const address of new Set([...externalIps, ...loadBalancerIps])) {
      this.#lead(address, port, target, answered, refuse)
    }
    if (nodePort !== null) {
      const key = `${this.#protocolNumber} . ${nodePort}`
      if (target !== null) this.#elements.push([sets.serviceNodePorts, key, `goto ${target}`])
      if (!answered) this.#elements.push([sets.deadNodePorts, key, refuse])
    }
    this.#firewall()
  }

  #lead(address: string, port: number, target: string | null, answered: boolean, refuse: string) {
    const key = `${address} . ${this.#protocolNumber} . ${port}`
    if (target !== null) this.#elements.push([sets.serviceIps, key, `goto ${target}`])
    if (!answered) this.#elements.push([sets.deadServices, key, refuse])
  }

  get #protocolNumber(): number {
    return protocolNumbers[this.#plan.protocol]
  }

  #clusterChain(): string | null {
    return this.#balancing('service', this.#plan.cluster)
  }

  #localChain(): string | null {
    return this.#balancing('service-local', this.#plan.local)
  }

  /** Null where nobody answers. */
  #balancing(kind: string, backends: readonly ServiceBackend[]): string | null {
    if (backends.length === 0) return null
    const name = objectName(kind, this.#name)
    if (this.#chains.has(name)) return name
    const { affinitySeconds } = this.#plan
    const rules = [
      ...this.#maskOutsiders(),
      ...(affinitySeconds === null
        ? [rewriteRule(this.#plan.protocol, backends, this.#words)]
        : this.#affinityRules(backends, affinitySeconds)),
    ]
    this.#chains.set(name, { base: null, rules })
    return name
  }

  /** Who comes to a cluster IP from outside would get answers from addresses that it does not know. */
  #maskOutsiders(): readonly string[] {
    const { clusterIps, protocol, port } = this.#plan
    const { masqueradeAll } = this.#config
    const { ip, podRanges } = this.#words
    const to = `${ip} daddr ${oneOf(clusterIps)} ${protocol.toLowerCase()} dport ${port}`
    if (masqueradeAll) return [`${to} jump ${chains.mark}`]
    if (podRanges.length === 0) return []
    return [`${to} ${ip} saddr != ${oneOf(podRanges)} jump ${chains.mark}`]
  }

  #affinityRules(backends: readonly ServiceBackend[], seconds: number): readonly string[] {
    const { ip, addressType } = this.#words
    const { protocol } = this.#plan
    const declaration = `type ${addressType}; flags dynamic,timeout; timeout ${seconds}s; size ${affinityClientsMax};`
    const targets = backends.map(backend => {
      const name = [...this.#name, backend.address, String(backend.port)]
      const affinity = objectName('affinity', name)
      const chain = objectName('endpoint', name)
      this.#sets.set(affinity, { kind: 'set', declaration, elements: null })
      const rules = [
        `update @${affinity} { ${ip} saddr }`,
        rewriteRule(protocol, [backend], this.#words),
      ]
      this.#chains.set(chain, { base: null, rules })
      return { affinity, chain }
    })
    const choices = targets.map(({ chain }, index) => `${index} : goto ${chain}`)
    return [
      ...targets.map(({ affinity, chain }) => `${ip} saddr @${affinity} goto ${chain}`),
      `numgen random mod ${targets.length} vmap { ${choices.join(', ')} }`,
    ]
  }

  #externalChain(): string {
    const name = objectName('external', this.#name)
    this.#chains.set(name, { base: null, rules: this.#externalRules() })
    return name
  }

  #externalRules(): readonly string[] {
    const { externalLocal } = this.#plan
    const { ip, podRanges } = this.#words
    const everywhere = this.#clusterChain()
    if (!externalLocal) return [`jump ${chains.mark}`, `goto ${everywhere}`]
    const here = this.#localChain()
    return [
      // From inside of the cluster it is as good as the cluster IP.
      ...(podRanges.length === 0 ? [] : [`${ip} saddr ${oneOf(podRanges)} goto ${everywhere}`]),
      `fib saddr type local jump ${chains.mark}`,
      `fib saddr type local goto ${everywhere}`,
      ...(here === null ? [] : [`goto ${here}`]),
    ]
  }

  #firewall(): void {
    const { loadBalancerIps, sourceRanges, port } = this.#plan
    if (sourceRanges === null || loadBalancerIps.length === 0) return
    const name = objectName('firewall', this.#name)
    const { ip, merged } = this.#words
    const allowed = merged(sourceRanges)
    const rules = allowed.length === 0 ? [] : [`${ip} saddr { ${allowed.join(', ')} } return`]
    this.#chains.set(name, { base: null, rules: [...rules, 'drop'] })
    for (const address of loadBalancerIps) {
      const key = `${address} . ${this.#protocolNumber} . ${port}`
      this.#elements.push([sets.firewallIps, key, `goto ${name}`])
    }
  }

  /** A pod that is led to itself must not see its own address as the client's. */
  #hairpins(): void {
    for (const { address, local } of [...this.#plan.cluster, ...this.#plan.local]) {
      if (local) this.#elements.push([sets.hairpins, `${address} . ${address}`, ''])
    }
  }
}

/** Somebody answers elsewhere: silence, so that balancers and clients try another node. */
const verdictWithout = (answeredElsewhere: boolean): string =>
  answeredElsewhere ? 'drop' : `goto ${chains.reject}`

function rewriteRule(
  protocol: Protocol,
  backends: readonly ServiceBackend[],
  { ip, bracketed }: FamilyWords,
): string {
  const to = `meta l4proto ${protocol.toLowerCase()} dnat ${ip} to`
  const [only] = backends
  if (only !== undefined && backends.length === 1) {
    return `${to} ${bracketed(only.address)}:${only.port}`
  }
  const choices = backends.map(({ address, port }, index) => `${index} : ${address} . ${port}`)
  return `${to} numgen random mod ${backends.length} map { ${choices.join(', ')} }`
}
