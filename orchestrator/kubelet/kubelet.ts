// The kubelet: registers its node, watches the pods bound to it and has a worker for each.
// Counterpart: pkg/kubelet. Several may run on one machine, each with its own data directory,
// addresses and port.

import type { Clock } from '../../platform/clock.js'
import { InvariantViolation, must, RaftsmanError } from '../../platform/errors.js'
import type { Files } from '../../platform/files.js'
import type { Logger } from '../../platform/logger.js'
import type { Metrics } from '../../platform/metrics.js'
import type { TlsFiles } from '../../platform/network.js'
import type { Random } from '../../platform/random.js'
import type { Node } from '../api/types/core-node.js'
import type { PersistentVolume } from '../api/types/core-persistent-volume.js'
import type { Pod } from '../api/types/core-pod.js'
import type { Service } from '../api/types/core-service.js'
import { EventRecorder } from '../client/event-recorder.js'
import { Informer } from '../client/informer.js'
import { pods } from '../client/resources.js'
import type { ApiClient } from '../client/rest-client.js'
import { runWorkers, WorkQueue } from '../client/work-queue.js'
import { claimNameOf } from './claim-volumes.js'
import { ContainerStarter } from './container-starter.js'
import { LocalVolumes } from './local-volumes.js'
import { readMachineFacts } from './machine.js'
import { NodeRegistration } from './node-registration.js'
import { nodeCapacity, type NodeDescription } from './node-status.js'
import { type DnsSettings, parseResolvConf, type PodDns } from './pod-dns.js'
import { PodEvents } from './pod-events.js'
import { PodWorker, type PodWorkerEnvironment } from './pod-worker.js'
import { Prober } from './prober.js'
import type { ContainerRecord, Runtime, SandboxRecord } from './runtime.js'
import { KubeletServer } from './server.js'
import { Volumes } from './volumes.js'

export interface KubeletOptions {
  readonly nodeName: string
  readonly client: ApiClient
  readonly runtime: Runtime
  /** Serving certificate, and the authority of clients. */
  readonly tls: TlsFiles
  readonly host: string
  /** 0 for any. */
  readonly port: number
  readonly dataDirectory: string
  /** Where volumes lie that are directories of this node; absolute. */
  readonly localVolumesDirectory: string
  /** Takes the pods along when it is stopped; else they go on and are found again. */
  readonly stopPodsOnExit: boolean
  readonly labels: { readonly [key: string]: string }
  /** Resources that win over what the machine has. */
  readonly capacity: { readonly [resource: string]: string }
  readonly clock: Clock
  readonly random: Random
  readonly files: Files
  readonly logger: Logger
  readonly metrics: Metrics
  readonly metricsText: () => Promise<string>
  /** Name servers of the cluster, and the end of its names; what pods get that ask for it. */
  readonly clusterDns: Pick<DnsSettings, 'clusterServers' | 'clusterDomain'>
  /** Services known to this process, for the variables that point to them. */
  readonly services: () => readonly Service[]
  /** Resolves when `services` is complete; no container starts before. */
  readonly whenServicesKnown: () => Promise<void>
}

/** Some may wait for a runtime for minutes; others have their turn meanwhile. */
const workers = 32
/** More than the grace that pods get when the node process ends. */
const stopDeadlineMs = 8000
const killDeadlineMs = 2000
const stopPollMs = 50
const textBytesMax = 64 * 1024

export class Kubelet {
  private readonly options: KubeletOptions
  private readonly queue: WorkQueue
  private readonly podWorkers = new Map<string, PodWorker>()
  private readonly informer: Informer<Pod>
  private readonly server: KubeletServer
  private readonly recorder: EventRecorder
  private readonly events: PodEvents
  private readonly localVolumes: LocalVolumes
  private registration: NodeRegistration | null = null
  private description: NodeDescription | null = null
  private machineDns: PodDns = { servers: [], searches: [], options: [] }
  private environment: PodWorkerEnvironment | null = null
  private podCidr = ''
  private addressTrouble: string | null = null
  private stopping = false

  constructor(options: KubeletOptions) {
    this.options = options
    const { client, clock, random, logger, nodeName, runtime } = options
    this.queue = new WorkQueue({ clock, retryFirstMs: 200, retryMaxMs: 10_000 })
    const selection = { fieldSelector: `spec.nodeName=${nodeName}` }
    this.informer = new Informer({ client, resource: pods, clock, random, logger, selection })
    const component = { component: 'kubelet', host: nodeName }
    this.recorder = new EventRecorder({ client, clock, random, logger, ...component })
    this.events = new PodEvents(this.recorder)
    this.localVolumes = new LocalVolumes({
      ...options,
      recorder: this.recorder,
      directory: options.localVolumesDirectory,
      inUse: volume => [...this.podWorkers.values()].some(({ pod }) => mayMount(pod, volume)),
    })
    this.server = new KubeletServer({
      ...options,
      runtime,
      pods: () => [...this.podWorkers.values()].map(worker => worker.pod),
    })
  }

  /** Resolves when it serves; pods start as soon as the node has its pod CIDR. */
  async start(): Promise<{ readonly port: number }> {
    const { files, dataDirectory, runtime, nodeName, host, logger } = this.options
    await files.makeDirectory(dataDirectory, 0o700)
    runtime.onTroubles(() => this.followRuntime())
    await runtime.restore()
    const port = await this.server.start()
    const description: NodeDescription = {
      name: nodeName,
      hostAddress: host,
      kubeletPort: port,
      runtimeVersion: runtime.version,
      labels: this.options.labels,
      capacity: this.options.capacity,
      localVolumesDirectory: this.options.localVolumesDirectory,
      facts: await readMachineFacts(files, dataDirectory),
    }
    this.description = description
    this.machineDns = parseResolvConf(await textOf(files, '/etc/resolv.conf'))
    this.registration = new NodeRegistration({
      ...this.options,
      description: () => ({ ...description, runtimeVersion: runtime.version }),
      recorder: this.recorder,
      onNode: node => void this.meetNode(node),
    })
    this.registration.start()
    this.followRuntime()
    logger.info({ node: nodeName, port }, 'kubelet serves')
    return { port }
  }

  async stop(): Promise<void> {
    const { stopPodsOnExit, runtime } = this.options
    this.stopping = true
    if (stopPodsOnExit) {
      await this.stopPods()
      await this.stopSandboxes()
    }
    this.registration?.close()
    this.informer.stop()
    this.localVolumes.stop()
    this.queue.stop()
    this.environment?.prober.close()
    await this.server.close()
    await runtime.close()
  }

  /** Told every state of the Node: addresses for pods come with it. */
  private async meetNode(node: Node): Promise<void> {
    const cidr = node.spec?.podCIDR ?? ''
    if (cidr === '' || cidr === this.podCidr) return
    this.podCidr = cidr
    try {
      await this.options.runtime.usePodCidr(cidr)
      this.addressTrouble = null
    } catch (error) {
      if (!(error instanceof RaftsmanError)) throw error
      this.podCidr = ''
      this.addressTrouble = error.message
    }
    this.followRuntime()
  }

  /** The node is as ready as its runtime. Pods begin with it, and are looked at when it is back. */
  private followRuntime(): void {
    const { runtime, network } = this.options.runtime.troubles
    const troubles = [runtime, this.addressTrouble ?? network].filter(text => text !== null)
    const all = troubles.length > 1 ? `[${troubles.join(', ')}]` : (troubles[0] ?? null)
    this.registration?.setNotReady(all)
    if (this.registration === null || runtime !== null || this.stopping) return
    if (this.environment !== null) {
      for (const uid of this.podWorkers.keys()) this.queue.add(uid)
      return
    }
    this.environment = this.podEnvironment(must(this.description, 'a node that is registered'))
    this.runPods().catch((error: unknown) => {
      if (!(error instanceof RaftsmanError)) throw error
      this.environment = null
      this.registration?.setNotReady(error.message)
    })
  }

  private podEnvironment(node: NodeDescription): PodWorkerEnvironment {
    const { client, runtime, clock, random, files, logger, services, nodeName } = this.options
    const provideLocal = (volume: PersistentVolume) => this.localVolumes.provide(volume)
    const volumes = new Volumes({
      client,
      files,
      clock,
      nodeName,
      provideLocal,
      isolates: runtime.isolates,
    })
    const events = this.events
    const prober = new Prober({
      runtime,
      clock,
      random,
      onVerdict: podUid => this.queue.add(podUid),
      onFailure: (podUid, container, kind, message) => {
        const pod = this.podWorkers.get(podUid)?.pod
        if (pod === undefined) return
        const name = `${kind[0]?.toUpperCase()}${kind.slice(1)}`
        const text = `${name} probe failed: ${message}`
        events.ofContainer(pod, container, 'Warning', 'Unhealthy', text)
      },
    })
    return {
      client,
      runtime,
      clock,
      logger,
      events,
      volumes,
      prober,
      dns: { ...this.options.clusterDns, machine: this.machineDns },
      starter: new ContainerStarter({
        client,
        runtime,
        files,
        volumes,
        events,
        services,
        onPulled: podUid => this.queue.add(podUid),
      }),
      nodeName,
      hostAddress: node.hostAddress,
      allocatable: nodeCapacity(node),
      requeue: (podUid, afterMs) => this.queue.addAfter(podUid, afterMs),
    }
  }

  private async runPods(): Promise<void> {
    const { logger, runtime, metrics } = this.options
    const running = metrics.gauge('kubelet_running_pods', 'Pods that have a worker')
    const failed = metrics.counter('kubelet_pod_sync_errors_total', 'Syncs of pods that failed')
    runtime.onChange(podUid => this.queue.add(podUid))
    this.informer.addHandlers({
      onAdd: pod => this.offer(pod),
      onUpdate: pod => this.offer(pod),
      onDelete: pod => this.lose(pod),
    })
    runWorkers(this.queue, workers, {
      work: async podUid => {
        // What runs is left as it is while nobody can say how it is.
        if (runtime.troubles.runtime !== null) return
        await this.podWorkers.get(podUid)?.sync()
        if (this.podWorkers.get(podUid)?.finished) this.podWorkers.delete(podUid)
        running.set(this.podWorkers.size)
      },
      onError: (podUid, error) => {
        if (error instanceof InvariantViolation) throw error
        failed.add()
        logger.warn({ podUid, error }, 'pod not synced')
      },
    })
    await this.options.whenServicesKnown()
    if (this.stopping) return
    this.informer.start()
    await this.informer.whenSynced()
    if (this.stopping) return
    this.endOrphans()
    this.localVolumes.start()
  }

  private offer(pod: Pod): void {
    const { uid } = pod.metadata
    if (uid === undefined || this.environment === null) return
    const known = this.podWorkers.get(uid)
    if (known === undefined && this.stopping) return
    if (known === undefined) this.podWorkers.set(uid, new PodWorker(pod, this.environment))
    else if (!known.offer(pod)) return
    this.queue.add(uid)
  }

  private lose(pod: Pod): void {
    const { uid } = pod.metadata
    if (uid === undefined) return
    this.podWorkers.get(uid)?.markGone()
    this.queue.add(uid)
  }

  /** Pods that run here but were deleted while this node was away. */
  private endOrphans(): void {
    for (const sandbox of this.options.runtime.sandboxes()) {
      if (this.podWorkers.has(sandbox.podUid) || this.environment === null) continue
      const worker = new PodWorker(podOf(sandbox), this.environment)
      worker.markGone()
      this.podWorkers.set(sandbox.podUid, worker)
      this.queue.add(sandbox.podUid)
    }
  }

  /** Each pod ends as it wishes; what is left when the time is over ends at once. */
  private async stopPods(): Promise<void> {
    const { runtime } = this.options
    for (const [uid, worker] of this.podWorkers) {
      worker.markStopping()
      this.queue.add(uid)
    }
    // Found again at the start, and no worker has taken them over yet.
    for (const run of this.running()) {
      if (!this.podWorkers.has(run.podUid)) runtime.terminateContainer(run.id, stopDeadlineMs)
    }
    const ended = await this.within(stopDeadlineMs, () => {
      const starting = [...this.podWorkers.values()].some(worker => worker.isStarting)
      return !starting && this.running().length === 0
    })
    if (ended) return
    for (const run of this.running()) runtime.killContainer(run.id)
    await this.within(killDeadlineMs, () => this.running().length === 0)
  }

  /** With their networks, as far as the runtime answers. */
  private async stopSandboxes(): Promise<void> {
    const { runtime, logger } = this.options
    for (const { podUid, ready } of runtime.sandboxes()) {
      if (!ready || runtime.troubles.runtime !== null) continue
      await runtime.stopSandbox(podUid).catch((error: unknown) => {
        if (!(error instanceof RaftsmanError)) throw error
        logger.warn({ podUid, reason: error.message }, 'sandbox not ended')
      })
    }
  }

  private running(): readonly ContainerRecord[] {
    const { runtime } = this.options
    return runtime
      .sandboxes()
      .flatMap(({ podUid }) => runtime.containers(podUid))
      .filter(({ exit }) => exit === null)
  }

  /** False when it did not come to hold in time. */
  private async within(deadlineMs: number, holds: () => boolean): Promise<boolean> {
    const { clock } = this.options
    const untilMs = clock.monotonicMs() + deadlineMs
    while (!holds()) {
      if (clock.monotonicMs() > untilMs) return false
      await new Promise<void>(resolve => {
        clock.setTimer(stopPollMs, resolve)
      })
    }
    return true
  }
}

/** Of a pod that is only known by what it left running, nobody knows what it mounts. */
function mayMount(pod: Pod, volume: PersistentVolume): boolean {
  const { namespace, name } = volume.spec?.claimRef ?? {}
  if (pod.spec.containers.length === 0) return true
  if (pod.metadata.namespace !== namespace || name === undefined) return false
  return (pod.spec.volumes ?? []).some(one => claimNameOf(pod, one) === name)
}

/** As much of a pod as is needed to end it. */
function podOf({ podUid, podNamespace, podName }: SandboxRecord): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { uid: podUid, namespace: podNamespace, name: podName },
    spec: { containers: [] },
  }
}

async function textOf(files: Files, path: string): Promise<string> {
  const content = await files.read(path, textBytesMax).catch(() => null)
  return Buffer.from(content ?? []).toString('utf8')
}
