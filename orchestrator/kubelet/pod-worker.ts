// The shell around one pod's plan: gathers what is known, asks reconcile.ts, does what it says,
// writes the status. Counterpart: the kubelet's pod worker. One call of `sync` at a time; it may be
// called at any moment and as often as one likes.

import type { Clock } from '../../platform/clock.js'
import { must, RaftsmanError } from '../../platform/errors.js'
import type { Logger } from '../../platform/logger.js'
import type { Container } from '../api/types/core-container.js'
import type { PodStatus } from '../api/types/core-pod-status.js'
import type { Pod } from '../api/types/core-pod.js'
import { isConflict, isNotFound } from '../client/api-error.js'
import { pods, runtimeClasses } from '../client/resources.js'
import type { ApiClient } from '../client/rest-client.js'
import type { ContainerStarter } from './container-starter.js'
import { type DnsSettings, missesClusterDns, podDns, podNames } from './pod-dns.js'
import type { PodEvents } from './pod-events.js'
import { PodConfigError, type PodPlace } from './pod-fields.js'
import { podTitle, type PodObservation, type StartTrouble, type StopProgress } from './pod-model.js'
import { podStatus } from './pod-status.js'
import { PodStatusWriter } from './pod-status-writer.js'
import { runAction } from './probe-actions.js'
import { type ProbeVerdicts, unprobed } from './probe-state.js'
import type { Prober } from './prober.js'
import { type Action, reconcilePod } from './reconcile.js'
import {
  backoffFirstMs,
  backoffMaxMs,
  raisedBackoff,
  type RestartBackoff,
} from './restart-backoff.js'
import { type ContainerRecord, type Runtime, RuntimeError, type SandboxSpec } from './runtime.js'
import { needsRefresh, type Volumes } from './volumes.js'

export interface PodWorkerEnvironment {
  readonly client: ApiClient
  readonly runtime: Runtime
  readonly clock: Clock
  readonly logger: Logger
  readonly events: PodEvents
  readonly starter: ContainerStarter
  readonly volumes: Volumes
  readonly prober: Prober
  readonly nodeName: string
  readonly hostAddress: string
  readonly dns: DnsSettings
  readonly allocatable: { readonly [resource: string]: string }
  /** Asks for another sync of the pod with this uid. */
  readonly requeue: (podUid: string, afterMs: number) => void
}

/** Plans carried out in one sync before others get their turn. */
const roundsMax = 8
const volumeRefreshMs = 60_000
const configRetryMs = 5000
const networkRetryMs = 1000

export class PodWorker {
  readonly uid: string
  private readonly environment: PodWorkerEnvironment
  private readonly logger: Logger
  private readonly writer: PodStatusWriter
  private readonly backoffs = new Map<string, RestartBackoff>()
  private readonly troubles = new Map<string, StartTrouble>()
  private readonly stops = new Map<string, StopProgress>()
  /** The sandbox was made and the volumes stand. */
  private prepared = false
  private volumesReadyAtMs: number | null = null
  private gone = false
  private stopping = false
  private starting = false
  private deleted = false
  private tornDown = false

  constructor(pod: Pod, environment: PodWorkerEnvironment) {
    this.uid = must(pod.metadata.uid, 'a pod of the API server has a uid')
    this.environment = environment
    this.writer = new PodStatusWriter(environment.client, pod)
    const { name, namespace } = pod.metadata
    this.logger = environment.logger.child({ pod: `${namespace}/${name}` })
    const { runtime } = environment
    // Containers that run need their volumes no more than they have them; others get them again.
    this.prepared = runtime.containers(this.uid).length > 0
  }

  /** Null before the pod is prepared, and when it has lost its sandbox. */
  private get address(): string | null {
    const { runtime, hostAddress } = this.environment
    const sandbox = runtime.sandbox(this.uid)
    if (!this.prepared || sandbox?.ready !== true) return null
    return sandbox.address ?? hostAddress
  }

  get pod(): Pod {
    return this.writer.pod
  }

  /** Nothing of the pod is left on this machine. */
  get finished(): boolean {
    return this.tornDown
  }

  /** A container is on its way that the runtime does not count as running yet. */
  get isStarting(): boolean {
    return this.starting
  }

  /** True when it is news and asks for a sync. */
  offer(pod: Pod): boolean {
    return this.writer.offer(pod)
  }

  markGone(): void {
    this.gone = true
  }

  markStopping(): void {
    this.stopping = true
  }

  /** Carries out what is due. Errors are those of the API server or the disk: try again later. */
  async sync(): Promise<void> {
    for (let round = 0; round < roundsMax; round += 1) {
      this.observeProbes()
      const { actions, wakeAfterMs } = reconcilePod(this.observation())
      const last = actions.filter(isFinal)
      for (const action of actions) if (!isFinal(action)) await this.perform(action)
      const progressed = actions.some(({ kind }) => kind !== 'kill' && kind !== 'terminate')
      if (!progressed || last.length > 0 || round === roundsMax - 1) {
        await this.refreshVolumes()
        await this.writeStatus()
        for (const action of last) await this.perform(action)
        const released = this.address === null && last.some(({ kind }) => kind === 'release')
        if (released || (progressed && last.length === 0)) this.requeue(1)
        else if (wakeAfterMs !== null) this.requeue(wakeAfterMs)
        return
      }
    }
  }

  private observation(): PodObservation {
    const { clock, runtime, hostAddress, prober } = this.environment
    const runs = runtime.containers(this.uid)
    const verdicts = new Map<string, ProbeVerdicts>()
    for (const run of runs) {
      if (run.exit === null) verdicts.set(run.name, prober.verdictsOf(run.id) ?? unprobed)
    }
    return {
      pod: this.pod,
      gone: this.gone,
      stopping: this.stopping,
      nowMs: clock.wallMs(),
      hostAddress,
      address: this.address,
      runs,
      verdicts,
      backoffs: this.backoffs,
      troubles: this.troubles,
      pulling: this.environment.starter.pulling(this.uid),
      stops: this.stops,
      deleted: this.deleted,
    }
  }

  private observeProbes(): void {
    if (this.address === null) return
    const { prober, runtime } = this.environment
    const ending = this.stopping || this.gone
    // Whoever is being stopped is no longer asked how it is.
    const runs = runtime.containers(this.uid).filter(({ id }) => !this.stops.has(id))
    prober.observe(this.pod, this.address, ending ? [] : runs)
  }

  private requeue(afterMs: number): void {
    this.environment.requeue(this.uid, afterMs)
  }

  private async perform(action: Action): Promise<void> {
    const { runtime } = this.environment
    switch (action.kind) {
      case 'prepare':
        await this.prepare()
        return
      case 'start':
        // The plan may be older than the end.
        if (this.stopping || this.gone) return
        this.starting = true
        try {
          await this.start(action.container, action.attempt)
        } finally {
          this.starting = false
        }
        return
      case 'begin-stop':
        this.beginStop(action.run, action.graceMs, action.message)
        return
      case 'terminate': {
        const progress = this.stops.get(action.run.id)
        if (progress) this.stops.set(action.run.id, { ...progress, terminated: true })
        // A hook has had its part of the grace already.
        const leftMs = progress
          ? progress.startedAtMs + progress.graceMs - this.environment.clock.wallMs()
          : 0
        runtime.terminateContainer(action.run.id, Math.max(1, leftMs))
        return
      }
      case 'kill':
        runtime.killContainer(action.run.id)
        return
      case 'forget':
        this.stops.delete(action.run.id)
        await runtime.removeContainer(action.run.id)
        return
      case 'release':
        await this.release()
        return
      case 'tear-down':
        await this.tearDown()
        return
      case 'delete':
        await this.delete()
    }
  }

  private get place(): PodPlace {
    const { nodeName, hostAddress, allocatable } = this.environment
    return { nodeName, hostAddress, allocatable, podAddress: this.address ?? '' }
  }

  private async prepare(): Promise<void> {
    const { runtime, volumes, events, clock, dns } = this.environment
    let step: 'FailedCreatePodSandBox' | 'FailedMount' = 'FailedCreatePodSandBox'
    // Pods that share the machine's files have its names whatever they ask for.
    if (runtime.isolates && missesClusterDns(this.pod, dns)) this.tellOfMissingDns()
    try {
      if (!this.networkIsReady()) return
      await this.makeSandbox()
      step = 'FailedMount'
      this.prepared = true
      await volumes.prepare(this.pod, this.place, runtime.podDirectory(this.uid))
      this.volumesReadyAtMs = clock.monotonicMs()
      this.troubles.delete('')
    } catch (error) {
      this.prepared = false
      if (!(error instanceof RaftsmanError)) throw error
      const message =
        step === 'FailedMount' ? `MountVolume.SetUp failed : ${error.message}` : error.message
      events.ofPod(this.pod, 'Warning', step, message)
      this.trouble('', 'ContainerCreating', message, configRetryMs)
    }
  }

  /** Pods on the machine's own network may be those that bring the network of the others. */
  private networkIsReady(): boolean {
    const { runtime, events } = this.environment
    const { network } = runtime.troubles
    if (network === null || this.pod.spec.hostNetwork === true) return true
    events.ofPod(this.pod, 'Warning', 'NetworkNotReady', `network is not ready: ${network}`)
    this.trouble('', 'ContainerCreating', network, networkRetryMs)
    return false
  }

  private async makeSandbox(): Promise<void> {
    const { runtime, events } = this.environment
    const known = runtime.sandbox(this.uid)
    if (known?.ready === true) return
    if (known !== null) {
      const message = 'Pod sandbox changed, it will be killed and re-created.'
      events.ofPod(this.pod, 'Normal', 'SandboxChanged', message)
    }
    await runtime.createSandbox(await this.sandboxSpec())
  }

  private async sandboxSpec(): Promise<SandboxSpec> {
    const { client, dns } = this.environment
    const { pod } = this
    const { runtimeClassName: name } = pod.spec
    let runtimeHandler = ''
    if (name) {
      try {
        runtimeHandler = (await client.get(runtimeClasses, { name })).handler
      } catch (error) {
        if (!isNotFound(error)) throw error
        throw new PodConfigError(`RuntimeClass "${name}" not found`)
      }
    }
    const names = podNames(pod, dns.clusterDomain)
    return { pod, names, dns: podDns(pod, dns), runtimeHandler }
  }

  private tellOfMissingDns(): void {
    const message =
      "the pod asks for the cluster's name service, but this node knows none (--cluster-dns); it gets the machine's"
    this.environment.events.ofPod(this.pod, 'Warning', 'MissingClusterDNS', message)
  }

  private async release(): Promise<void> {
    try {
      await this.environment.runtime.stopSandbox(this.uid)
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error
      this.logger.warn({ reason: error.message }, 'sandbox of a pod that is over not ended')
      this.requeue(1000)
    }
  }

  private async start(container: Container, attempt: number): Promise<void> {
    const { starter, runtime, clock } = this.environment
    const runs = runtime.containers(this.uid).filter(({ name }) => name === container.name)
    const endedAtMs = runs.at(-1)?.exit?.finishedAtMs ?? null
    const failure = await starter.start(await this.sandboxSpec(), container, attempt, this.place)
    if (failure === 'pulling') return
    if (endedAtMs !== null) {
      const backoff = this.backoffs.get(container.name)
      this.backoffs.set(container.name, raisedBackoff(backoff, endedAtMs, clock.wallMs()))
    }
    if (failure === null) {
      this.troubles.delete(container.name)
      return
    }
    const isConfig = failure.reason === 'CreateContainerConfigError'
    const before = this.troubles.get(container.name)
    const grown = before === undefined ? backoffFirstMs : before.periodMs * 2
    const periodMs = isConfig ? configRetryMs : Math.min(grown, backoffMaxMs)
    this.trouble(container.name, failure.reason, failure.message, periodMs)
  }

  private trouble(name: string, reason: string, message: string, periodMs: number): void {
    const sinceMs = this.environment.clock.wallMs()
    const retryAtMs = sinceMs + periodMs
    this.troubles.set(name, { reason, message, sinceMs, retryAtMs, periodMs })
    // An image's error turns into a back-off in the status without anything else happening.
    if (reason === 'ErrImagePull') this.requeue(2100)
  }

  private beginStop(run: ContainerRecord, graceMs: number, message: string): void {
    const { clock, events } = this.environment
    const container = this.containerOf(run.name)
    const hook = container?.lifecycle?.preStop
    const startedAtMs = clock.wallMs()
    const preStop = hook === undefined || graceMs === 0 ? 'none' : 'running'
    this.stops.set(run.id, { startedAtMs, graceMs, preStop, terminated: false })
    if (container) events.ofContainer(this.pod, container, 'Normal', 'Killing', message)
    if (container && preStop === 'running') void this.runPreStop(container, run, graceMs)
  }

  private async runPreStop(container: Container, run: ContainerRecord, graceMs: number) {
    const { runtime, events, clock } = this.environment
    const hook = container.lifecycle?.preStop
    const seconds = hook?.sleep?.seconds
    if (seconds !== undefined) {
      await new Promise<void>(resolve => {
        clock.setTimer(Math.min(seconds * 1000, graceMs), resolve)
      })
    } else if (hook !== undefined) {
      const result = await runAction(hook, {
        runtime,
        container,
        containerId: run.id,
        podAddress: this.address ?? '',
        timeoutMs: graceMs,
      }).catch((error: unknown) => ({ succeeded: false, message: String(error) }))
      if (!result.succeeded) {
        const message = `PreStopHook failed: ${result.message}`
        events.ofContainer(this.pod, container, 'Warning', 'FailedPreStopHook', message)
      }
    }
    const progress = this.stops.get(run.id)
    if (progress) this.stops.set(run.id, { ...progress, preStop: 'done' })
    this.requeue(0)
  }

  private containerOf(name: string): Container | undefined {
    const { containers, initContainers = [] } = this.pod.spec
    return [...containers, ...initContainers].find(container => container.name === name)
  }

  private async refreshVolumes(): Promise<void> {
    const { clock, volumes, runtime } = this.environment
    if (this.address === null || this.gone || this.stopping || !needsRefresh(this.pod)) return
    const nowMs = clock.monotonicMs()
    const dueAtMs = (this.volumesReadyAtMs ?? Number.NEGATIVE_INFINITY) + volumeRefreshMs
    if (dueAtMs > nowMs) {
      this.requeue(dueAtMs - nowMs)
      return
    }
    this.volumesReadyAtMs = nowMs
    this.requeue(volumeRefreshMs)
    try {
      await volumes.prepare(this.pod, this.place, runtime.podDirectory(this.uid))
    } catch (error) {
      if (!(error instanceof PodConfigError)) throw error
      this.logger.warn({ reason: error.message }, 'volumes not refreshed')
    }
  }

  private async writeStatus(): Promise<void> {
    if (this.gone) return
    const before = this.pod.status
    const found = await this.writeStatusOrGiveUp()
    if (!found) {
      this.gone = true
      this.requeue(0)
      return
    }
    this.tellOfBackOff(before, this.pod.status)
  }

  /** Pods end with their node even when nobody can be told of it. */
  private async writeStatusOrGiveUp(): Promise<boolean> {
    try {
      return await this.writer.write(pod => podStatus({ ...this.observation(), pod }))
    } catch (error) {
      if (this.stopping && error instanceof RaftsmanError) return true
      throw error
    }
  }

  /** Once for each turn of a container into waiting, not for each look at it. */
  private tellOfBackOff(before: PodStatus | undefined, after: PodStatus | undefined): void {
    const { events } = this.environment
    const all = [...(after?.initContainerStatuses ?? []), ...(after?.containerStatuses ?? [])]
    const old = [...(before?.initContainerStatuses ?? []), ...(before?.containerStatuses ?? [])]
    for (const { name, state, image, restartCount } of all) {
      const reason = state?.waiting?.reason
      const known = old.find(status => status.name === name)
      const container = this.containerOf(name)
      const isNews =
        known?.state?.waiting?.reason !== reason || known?.restartCount !== restartCount
      if (!isNews || container === undefined) continue
      if (reason === 'CrashLoopBackOff') {
        const message = `Back-off restarting failed container ${name} in pod ${podTitle(this.pod)}`
        events.ofContainer(this.pod, container, 'Warning', 'BackOff', message)
      } else if (reason === 'ImagePullBackOff') {
        const message = `Back-off pulling image "${image}"`
        events.ofContainer(this.pod, container, 'Normal', 'BackOff', message)
        events.ofContainer(this.pod, container, 'Warning', 'Failed', 'Error: ImagePullBackOff')
      }
    }
  }

  private async tearDown(): Promise<void> {
    const { runtime, volumes, prober, starter } = this.environment
    prober.forget(this.uid)
    volumes.forget(this.uid)
    starter.forget(this.uid)
    try {
      await runtime.removeSandbox(this.uid)
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error
      this.logger.warn({ reason: error.message }, 'pod not removed from this machine')
      this.requeue(1000)
      return
    }
    this.tornDown = true
  }

  private async delete(): Promise<void> {
    const { namespace = '', name = '' } = this.pod.metadata
    const options = { gracePeriodSeconds: 0, uid: this.uid }
    try {
      await this.environment.client.delete(pods, { namespace, name }, options)
    } catch (error) {
      // Somebody was faster, or the name belongs to another pod by now.
      if (!isNotFound(error) && !isConflict(error)) throw error
    }
    this.deleted = true
  }
}

const isFinal = ({ kind }: Action): boolean =>
  kind === 'delete' || kind === 'tear-down' || kind === 'release'
