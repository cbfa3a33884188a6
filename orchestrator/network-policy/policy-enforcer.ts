// Keeps the kernel's table of NetworkPolicies as the API has them. Pods and namespaces are watched from the first
// policy on: a cluster without any pays for none.

import type { Clock } from '../../platform/clock.js'
import type { Logger } from '../../platform/logger.js'
import type { Processes } from '../../platform/processes.js'
import type { Random } from '../../platform/random.js'
import type { AddressFamily } from '../api/address-range.js'
import type { KubeObject } from '../api/object.js'
import type { Namespace } from '../api/types/core-config.js'
import type { Pod } from '../api/types/core-pod.js'
import type { NetworkPolicy } from '../api/types/networking-policy.js'
import type { Informer } from '../client/informer.js'
import type { NftTable } from '../nftables/table.js'
import { TableLoop } from '../nftables/table-loop.js'
import { policyTable } from './policy-table.js'

export interface PolicyEnforcerOptions {
  readonly nodeName: string
  readonly policies: Informer<NetworkPolicy>
  /** Asked for when there is a policy; started by whoever gives them. */
  readonly pods: () => Informer<Pod>
  readonly namespaces: () => Informer<Namespace>
  readonly families: readonly AddressFamily[]
  readonly clock: Clock
  readonly random: Random
  readonly processes: Processes
  readonly logger: Logger
  readonly searchPath: string
  readonly auditMs?: number
}

interface Watched {
  readonly pods: Informer<Pod>
  readonly namespaces: Informer<Namespace>
}

export class PolicyEnforcer {
  readonly #options: PolicyEnforcerOptions
  readonly #loop: TableLoop
  readonly #unsubscribe: (() => void)[] = []
  #watched: Watched | null = null

  constructor(options: PolicyEnforcerOptions) {
    this.#options = options
    this.#loop = new TableLoop({ ...options, compile: () => this.#compile() })
  }

  start(): void {
    const { policies } = this.#options
    this.#follow(policies)
  }

  /** What is in the kernel stays there. */
  async stop(): Promise<void> {
    for (const off of this.#unsubscribe) off()
    await this.#loop.stop()
  }

  #follow<T extends KubeObject>(informer: Informer<T>, matters = differs<T>): void {
    const changed = (): void => this.#changed()
    this.#unsubscribe.push(
      informer.addHandlers({
        onAdd: changed,
        onUpdate: (object, old) => {
          if (matters(object, old)) changed()
        },
        onDelete: changed,
      }),
    )
    void informer.whenSynced().then(changed)
  }

  #changed(): void {
    const { policies, pods, namespaces } = this.#options
    if (!policies.hasSynced) return
    if (this.#watched === null && policies.objects.size > 0) {
      this.#watched = { pods: pods(), namespaces: namespaces() }
      this.#follow(this.#watched.pods, podDiffers)
      this.#follow(this.#watched.namespaces, ({ metadata: a }, { metadata: b }) =>
        differs(a.labels, b.labels),
      )
    }
    // Half of the picture would let in whom a policy keeps out, or the other way round.
    if (this.#watched?.pods.hasSynced === false) return
    if (this.#watched?.namespaces.hasSynced === false) return
    this.#loop.changed()
  }

  #compile(): readonly NftTable[] {
    const { nodeName, policies, families } = this.#options
    const world = {
      nodeName,
      policies: policies.objects.list(),
      pods: this.#watched?.pods.objects.list() ?? [],
      namespaces: this.#watched?.namespaces.objects.list() ?? [],
    }
    return families.map(family => policyTable(family, world))
  }
}

const differs = <T>(a: T, b: T): boolean => JSON.stringify(a) !== JSON.stringify(b)

/** Pods are written to far more often than they change in what policies ask for. */
function podDiffers(a: Pod, b: Pod): boolean {
  const facts = ({ metadata, spec, status }: Pod): unknown => [
    metadata.labels,
    spec?.nodeName,
    status?.phase,
    status?.podIP,
    status?.podIPs,
  ]
  return differs(facts(a), facts(b))
}
