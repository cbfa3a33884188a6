// Sees every version of every object of a namespace, through whichever API servers live, and holds each step against
// what must hold at every moment: not only how things end.

import type { KubeObject } from '../../orchestrator/api/object.js'
import type { Job } from '../../orchestrator/api/types/batch.js'
import type { Pod } from '../../orchestrator/api/types/core-pod.js'
import { Informer } from '../../orchestrator/client/informer.js'
import {
  jobs,
  objectKey,
  pods,
  replicaSets,
  type Resource,
} from '../../orchestrator/client/resources.js'
import type { ApiClient } from '../../orchestrator/client/rest-client.js'
import { controllerOf } from '../../orchestrator/controllers/ownership.js'
import { silentLogger } from '../../platform/logger.js'
import { nodeClock } from '../../platform/node/clock.js'
import { nodeRandom } from '../../platform/node/random.js'

export interface WitnessOptions {
  readonly client: ApiClient
  readonly namespace: string
  /** Label `app` of pods whose Ready ones must not be fewer, once they were more. */
  readonly guarded: { readonly app: string; readonly available: number }
  /** Name of the DaemonSet. */
  readonly daemon: string
}

const isDeleting = ({ metadata }: KubeObject): boolean => metadata.deletionTimestamp !== undefined
const isOver = ({ status }: Pod): boolean =>
  status?.phase === 'Succeeded' || status?.phase === 'Failed'
const isReady = ({ status }: Pod): boolean =>
  status?.conditions?.some(one => one.type === 'Ready' && one.status === 'True') === true

export class WorkloadWitness {
  readonly #options: WitnessOptions
  readonly #broken = new Set<string>()
  readonly #informers: readonly Informer<KubeObject>[]
  readonly pods: Informer<Pod>
  readonly jobs: Informer<Job>
  readonly #jobsSeen = new Map<string, string>()
  #guardedOnce = false

  constructor(options: WitnessOptions) {
    this.#options = options
    this.pods = this.#informerOf(pods)
    this.jobs = this.#informerOf(jobs)
    this.#informers = [this.pods, this.jobs] as unknown as readonly Informer<KubeObject>[]
    this.pods.addHandlers({
      onAdd: () => this.#podSeen(),
      onUpdate: (pod, old) => {
        if (isOver(old) && pod.status?.phase !== old.status?.phase) {
          this.#wrong(
            `pod ${pod.metadata.name} was ${old.status?.phase} and is ${pod.status?.phase}`,
          )
        }
        this.#podSeen()
      },
      onDelete: () => this.#checkGuarded(),
    })
    this.jobs.addHandlers({
      onAdd: job => this.#jobSeen(job),
      onUpdate: (job, old) => {
        const succeeded = job.status?.succeeded ?? 0
        if (succeeded < (old.status?.succeeded ?? 0)) {
          this.#wrong(`job ${job.metadata.name} took back what had succeeded`)
        }
        if (succeeded > (job.spec.completions ?? 1)) {
          this.#wrong(`job ${job.metadata.name} counts ${succeeded} successes`)
        }
      },
    })
  }

  async start(): Promise<void> {
    for (const informer of this.#informers) informer.start()
    await Promise.all(this.#informers.map(informer => informer.whenSynced()))
  }

  stop(): void {
    for (const informer of this.#informers) informer.stop()
  }

  /** What was broken at any moment. */
  get broken(): readonly string[] {
    return [...this.#broken]
  }

  /** Names of all Jobs that ever were. */
  get jobsEver(): readonly string[] {
    return [...this.#jobsSeen.keys()]
  }

  #podSeen(): void {
    this.#checkGuarded()
    this.#checkDaemon()
  }

  #jobSeen(job: Job): void {
    const { name = '', uid = '' } = job.metadata
    const before = this.#jobsSeen.get(name)
    if (before !== undefined && before !== uid) this.#wrong(`job ${name} was made twice`)
    this.#jobsSeen.set(name, uid)
  }

  #checkGuarded(): void {
    const { app, available } = this.#options.guarded
    const ready = this.#of(pod => pod.metadata.labels?.['app'] === app && isReady(pod)).length
    if (ready > available) this.#guardedOnce = true
    if (this.#guardedOnce && ready < available) {
      this.#wrong(`only ${ready} pods of ${app} were ready, its budget says ${available}`)
    }
  }

  #checkDaemon(): void {
    const places = new Set<string>()
    for (const pod of this.#of(one => controllerOf(one)?.name === this.#options.daemon)) {
      const node = pod.spec.nodeName ?? ''
      if (node === '') continue
      if (places.has(node)) this.#wrong(`two pods of ${this.#options.daemon} on ${node}`)
      places.add(node)
    }
  }

  /** Pods that are to stay. */
  #of(which: (pod: Pod) => boolean): readonly Pod[] {
    return this.pods.objects.list().filter(pod => !isDeleting(pod) && !isOver(pod) && which(pod))
  }

  #wrong(what: string): void {
    this.#broken.add(what)
  }

  #informerOf<T extends KubeObject>(resource: Resource<T>): Informer<T> {
    return new Informer({
      client: this.#options.client,
      resource,
      clock: nodeClock(),
      random: nodeRandom(),
      logger: silentLogger,
      selection: { namespace: this.#options.namespace },
    })
  }
}

/** Whose controller is not there any more; pods and ReplicaSets that never had one, too. */
export async function orphans(
  client: ApiClient,
  namespace: string,
  owners: readonly Resource[],
): Promise<readonly string[]> {
  const kinds: readonly Resource[] = [...owners, replicaSets, pods]
  const lists = await Promise.all(kinds.map(kind => client.listAll(kind, { namespace })))
  const all = lists.flatMap(({ items }) => items)
  const uids = new Set(all.map(({ metadata }) => metadata.uid))
  const isOwned = ({ kind }: KubeObject) => kind === 'Pod' || kind === 'ReplicaSet'
  return all
    .filter(object => {
      const owner = controllerOf(object)
      return owner === undefined ? isOwned(object) : !uids.has(owner.uid)
    })
    .map(object => `${object.kind} ${objectKey(object)}`)
}
