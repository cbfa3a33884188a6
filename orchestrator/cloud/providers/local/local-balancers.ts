// Load balancers that are listeners of this process: one address a Service, before the node ports of its nodes.
// They end with the process; whoever leads next has them at the same addresses, which stand in the status.

import net from 'node:net'
import type { Clock } from '../../../../platform/clock.js'
import type { Logger } from '../../../../platform/logger.js'
import { RaftsmanError } from '../../../../platform/errors.js'
import type { Random } from '../../../../platform/random.js'
import type { Node } from '../../../api/types/core-node.js'
import type { LoadBalancerStatus, Service } from '../../../api/types/core-service.js'
import { objectKey } from '../../../client/resources.js'
import { ProxyListener } from '../../../proxy/userspace/listener.js'
import { type ProxyRule, ruleKey, sameRule } from '../../../proxy/userspace/rules.js'
import type { LoadBalancers } from '../../provider.js'
import { chooseAddress } from './address-pool.js'
import { balancerRules, balancerStatus } from './balancer-rules.js'
import { HealthChecks } from './health-checks.js'

export class BalancerError extends RaftsmanError {
  constructor(message: string) {
    super(message, { code: 'balancer', retryable: true, outcome: 'not-applied' })
  }
}

export interface LocalBalancersOptions {
  readonly cidr: () => Promise<string | null>
  /** All that there are, for the addresses that are taken. */
  readonly services: () => readonly Service[]
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

const connectTimeoutMs = 2_000
const connectionsMax = 8_192

interface Balancer {
  readonly uid: string
  readonly address: string
  readonly listeners: Map<string, ProxyListener>
  /** Who may come; null for everybody. */
  ranges: net.BlockList | null
  health: HealthChecks | null
}

export class LocalBalancers implements LoadBalancers {
  private readonly options: LocalBalancersOptions
  private readonly balancers = new Map<string, Balancer>()
  private readonly connections = new Set<net.Socket>()

  constructor(options: LocalBalancersOptions) {
    this.options = options
  }

  async ensure(service: Service, nodes: readonly Node[]): Promise<LoadBalancerStatus> {
    const cidr = await this.options.cidr()
    if (cidr === null) throw new BalancerError('no addresses are set aside for load balancers')
    const key = objectKey(service)
    const known = this.balancers.get(key)
    const address = chooseAddress({
      cidr,
      current: known?.address ?? service.status?.loadBalancer?.ingress?.[0]?.ip ?? '',
      asked: service.spec?.loadBalancerIP ?? '',
      taken: this.taken(key),
    })
    const { uid = '' } = service.metadata
    if (known !== undefined && (known.address !== address || known.uid !== uid)) this.end(key)
    const balancer = this.balancers.get(key) ?? this.begin(key, service, address)
    await this.bring(balancer, service, nodes)
    return balancerStatus(service, address)
  }

  async delete(service: Service): Promise<void> {
    this.end(objectKey(service))
    return Promise.resolve()
  }

  close(): void {
    for (const key of this.balancers.keys()) this.end(key)
    for (const socket of this.connections) socket.destroy()
  }

  private taken(own: string): ReadonlySet<string> {
    const taken = new Set<string>()
    for (const [key, { address }] of this.balancers) if (key !== own) taken.add(address)
    for (const service of this.options.services()) {
      if (objectKey(service) === own || service.spec?.type !== 'LoadBalancer') continue
      for (const { ip } of service.status?.loadBalancer?.ingress ?? []) {
        if (ip !== undefined) taken.add(ip)
      }
    }
    return taken
  }

  private begin(key: string, service: Service, address: string): Balancer {
    const { uid = '' } = service.metadata
    const balancer = { uid, address, listeners: new Map(), ranges: null, health: null }
    this.balancers.set(key, balancer)
    return balancer
  }

  private async bring(balancer: Balancer, service: Service, nodes: readonly Node[]): Promise<void> {
    const { listeners, address } = balancer
    balancer.ranges = sourceRanges(service)
    const port = healthPort(service)
    if (balancer.health?.port !== port) {
      balancer.health?.stop()
      balancer.health = port === 0 ? null : new HealthChecks({ clock: this.options.clock, port })
    }
    const { health } = balancer
    const apply = async (): Promise<void> => {
      const well = health === null ? nodes : nodes.filter(node => health.isWell(node))
      const rules = balancerRules(service, address, well)
      for (const [key, listener] of listeners) {
        if (rules.has(key)) continue
        listener.close()
        listeners.delete(key)
      }
      for (const [key, rule] of rules) await this.listen(balancer, key, rule)
    }
    await health?.watch(nodes, () => void apply().catch(() => {}))
    await apply()
  }

  private async listen(balancer: Balancer, key: string, rule: ProxyRule): Promise<void> {
    const { listeners } = balancer
    const known = listeners.get(key)
    if (known !== undefined) {
      if (!sameRule(known.rule, rule)) known.update(rule)
      return
    }
    const { clock, random, logger } = this.options
    const listener = new ProxyListener(rule, random.integer(1_000), {
      clock,
      connectTimeoutMs,
      admit: socket => this.admit(socket, balancer.ranges),
      onRefused: (refused, reason) =>
        logger.debug({ service: refused.service, reason }, 'connection not balanced'),
    })
    const failure = await listener.bind()
    if (failure !== null)
      throw new BalancerError(`${ruleKey(rule)} cannot be listened on: ${failure}`)
    listeners.set(key, listener)
  }

  private admit(socket: net.Socket, ranges: net.BlockList | null): boolean {
    const from = socket.remoteAddress ?? ''
    const family = net.isIPv6(from) ? 'ipv6' : 'ipv4'
    if (ranges !== null && !ranges.check(from, family)) return false
    if (this.connections.size >= connectionsMax) return false
    this.connections.add(socket)
    socket.once('close', () => this.connections.delete(socket))
    return true
  }

  private end(key: string): void {
    const balancer = this.balancers.get(key)
    if (balancer === undefined) return
    this.balancers.delete(key)
    balancer.health?.stop()
    for (const listener of balancer.listeners.values()) listener.close()
  }
}

/** 0 where nodes are not asked. */
function healthPort({ spec }: Service): number {
  return spec?.externalTrafficPolicy === 'Local' ? (spec.healthCheckNodePort ?? 0) : 0
}

/** Null lets everybody in. */
function sourceRanges({ spec }: Service): net.BlockList | null {
  const ranges = (spec?.loadBalancerSourceRanges ?? []).map(range => range.trim())
  if (ranges.length === 0) return null
  const list = new net.BlockList()
  for (const range of ranges) {
    const [address = '', bits = ''] = range.split('/')
    list.addSubnet(address, Number(bits), net.isIPv6(address) ? 'ipv6' : 'ipv4')
  }
  return list
}
