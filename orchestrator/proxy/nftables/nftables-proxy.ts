// The service proxy of one node in the kernel: rules that follow Services and EndpointSlices. Counterpart:
// kube-proxy --proxy-mode=nftables. Needs root in the network namespace, and `nft`; what it wrote stays in force
// when it stops or dies, and the next start takes it over with a full transaction.

import type { Clock } from '../../../platform/clock.js'
import type { Logger } from '../../../platform/logger.js'
import type { Metrics } from '../../../platform/metrics.js'
import type { Processes } from '../../../platform/processes.js'
import type { Random } from '../../../platform/random.js'
import type { AddressFamily } from '../../api/address-range.js'
import type { Service } from '../../api/types/core-service.js'
import type { EndpointSlice } from '../../api/types/discovery.js'
import type { Informer } from '../../client/informer.js'
import type { NftTable } from '../../nftables/table.js'
import { type Synced, TableLoop } from '../../nftables/table-loop.js'
import { Conntrack } from '../conntrack/conntrack.js'
import { concernsUdp, type Plans, staleFlows } from '../conntrack/stale-flows.js'
import { ProxyMetrics } from '../proxy-metrics.js'
import type { NodePlace, ServicePortPlan } from '../service-ports.js'
import type { ServiceProxy, SyncObserver } from '../service-proxy.js'
import type { ProxyConfig } from './proxy-names.js'
import { ProxyTableCompiler } from './proxy-table.js'

export interface NftablesProxyOptions {
  readonly place: () => NodePlace
  readonly services: Informer<Service>
  readonly endpointSlices: Informer<EndpointSlice>
  /** Beside those of the API: of what the node process itself serves. */
  readonly own?: {
    readonly services: readonly Service[]
    readonly endpointSlices: readonly EndpointSlice[]
  }
  readonly families: readonly AddressFamily[]
  readonly config: ProxyConfig
  readonly clock: Clock
  readonly random: Random
  readonly processes: Processes
  readonly logger: Logger
  readonly metrics: Metrics
  readonly searchPath: string
  readonly auditMs?: number
  readonly observer?: SyncObserver
}

export class NftablesProxy implements ServiceProxy {
  readonly #options: NftablesProxyOptions
  readonly #compilers: readonly {
    readonly family: AddressFamily
    readonly compiler: ProxyTableCompiler
  }[]
  readonly #loop: TableLoop
  readonly #conntrack: Conntrack
  readonly #metrics: ProxyMetrics
  readonly #unsubscribe: (() => void)[] = []
  /** What the kernel was last told, and what it is being told; by family. */
  readonly #told = new Map<AddressFamily, Plans>()
  #telling = new Map<AddressFamily, Plans>()

  constructor(options: NftablesProxyOptions) {
    this.#options = options
    const { families, config, metrics, clock } = options
    this.#compilers = families.map(family => ({
      family,
      compiler: new ProxyTableCompiler(family, config),
    }))
    this.#conntrack = new Conntrack(options)
    this.#metrics = new ProxyMetrics(metrics, clock)
    this.#loop = new TableLoop({
      ...options,
      compile: () => this.#compile(),
      onSynced: synced => this.#synced(synced),
      onFailed: () => this.#metrics.failed(),
    })
  }

  start(): void {
    const { services, endpointSlices } = this.#options
    this.#unsubscribe.push(
      services.addHandlers({
        onAdd: () => this.#changed('service'),
        onUpdate: () => this.#changed('service'),
        onDelete: () => this.#changed('service'),
      }),
      endpointSlices.addHandlers({
        onAdd: slice => this.#sliceChanged(slice),
        onUpdate: slice => this.#sliceChanged(slice),
        onDelete: () => this.#changed('endpoints'),
      }),
    )
    void Promise.all([services.whenSynced(), endpointSlices.whenSynced()]).then(() =>
      this.placeChanged(),
    )
  }

  async stop(): Promise<void> {
    for (const off of this.#unsubscribe) off()
    await this.#loop.stop()
  }

  placeChanged(): void {
    // Half of the picture would take away what should stay.
    const { services, endpointSlices, observer } = this.#options
    if (!services.hasSynced || !endpointSlices.hasSynced) return
    this.#metrics.queued()
    observer?.queued()
    this.#loop.changed()
  }

  #sliceChanged(slice: EndpointSlice): void {
    this.#metrics.triggered(slice.metadata.annotations ?? {})
    this.#changed('endpoints')
  }

  #changed(what: 'service' | 'endpoints'): void {
    this.#metrics.change(what)
    this.placeChanged()
  }

  #compile(): readonly NftTable[] {
    const { services, endpointSlices, own, place } = this.#options
    const allServices = [...(own?.services ?? []), ...services.objects.list()]
    const allSlices = [...(own?.endpointSlices ?? []), ...endpointSlices.objects.list()]
    const here = place()
    this.#metrics.taken()
    this.#telling = new Map()
    return this.#compilers.map(({ family, compiler }) => {
      const { table, plans } = compiler.compile(allServices, allSlices, here)
      this.#telling.set(family, plans)
      return table
    })
  }

  async #synced(synced: Synced): Promise<void> {
    const { config } = this.#options
    const told = this.#telling
    this.#metrics.synced(synced, [...told.values()])
    for (const [family, plans] of told) {
      const before = this.#told.get(family) ?? new Map<string, readonly ServicePortPlan[]>()
      this.#told.set(family, plans)
      if (!concernsUdp(before, plans)) continue
      const flows = await this.#conntrack.flows(family)
      const stale = staleFlows(flows, before, plans, family, config.nodePortAddresses)
      this.#metrics.cleaned(await this.#conntrack.end(stale, family))
    }
    this.#options.observer?.synced(told)
  }
}
