// Keeps watch over a CRI runtime: what runs, what ended, whether it can work at all. Counterpart: the kubelet's generic and
// evented PLEG and its runtime state. Lists at a bounded pace, which events of the runtime only quicken.

import { must, RaftsmanError } from '../../../../platform/errors.js'
import type { Clock, Timer } from '../../../../platform/clock.js'
import type { Logger } from '../../../../platform/logger.js'
import { rpcCode } from '../../../../platform/rpc.js'
import type { ContainerRecord, RuntimeTroubles } from '../../runtime.js'
import { type CriClient, CriError, isNotFound } from './cri-client.js'
import { ownedBy } from './labels.js'
import type { ContainerStatus } from './messages.js'
import { containerRecord, sandboxView, type SandboxView, troublesOf } from './records.js'
import { RuntimeView } from './runtime-view.js'

export interface ObserverOptions {
  readonly client: CriClient
  readonly clock: Clock
  readonly logger: Logger
  readonly owner: string
  /** Silence that is borne before the node says that it is not ready. */
  readonly downAfterMs: number
  /** What a container that has ended left behind of its own. */
  readonly lastWords: (status: ContainerStatus) => Promise<string>
}

const quietMs = 1_000
/** After a change more changes are likely. */
const livelyMs = 200
const livelyForMs = 3_000
const withEventsMs = 5_000
const soonMs = 50
const failedMs = 500
const statusMs = 5_000
const statusTroubleMs = 1_000
const eventsAgainMs = 5_000
/** Status calls at a time. */
const asking = 8

export class CriObserver {
  readonly view = new RuntimeView()
  private readonly options: ObserverOptions
  private readonly changeListeners: ((podUid: string) => void)[] = []
  private readonly troubleListeners: (() => void)[] = []
  private current: RuntimeTroubles = {
    runtime: 'container runtime is down: not asked yet',
    network: null,
  }
  private versionText = ''
  private timer: Timer | null = null
  private looking: Promise<void> | null = null
  private lookAgain = false
  private answeredAtMs = Number.NEGATIVE_INFINITY
  private changedAtMs = Number.NEGATIVE_INFINITY
  private statusAtMs = Number.NEGATIVE_INFINITY
  private events: { cancel(): void } | null = null
  /** Null as long as nobody knows whether the runtime has them. */
  private hasEvents: boolean | null = null
  private eventTimer: Timer | null = null
  private soon: Timer | null = null
  private closed = false

  constructor(options: ObserverOptions) {
    this.options = options
  }

  /** As in "containerd://1.6.20"; '' before the first answer. */
  get version(): string {
    return this.versionText
  }

  get troubles(): RuntimeTroubles {
    return this.current
  }

  onChange(listener: (podUid: string) => void): void {
    this.changeListeners.push(listener)
  }

  onTroubles(listener: () => void): void {
    this.troubleListeners.push(listener)
  }

  /** Resolves after the first look, whatever it came to. */
  async start(): Promise<void> {
    await this.look()
  }

  /** One listing at a time; a call during one makes it look once more. */
  look(): Promise<void> {
    if (this.looking !== null) {
      this.lookAgain = true
      return this.looking
    }
    this.timer?.cancel()
    this.timer = null
    this.looking = this.lookUntilQuiet().finally(() => {
      this.looking = null
    })
    return this.looking
  }

  /** Asks how a container is, and takes it into the view. Null for one that the runtime does not have. */
  async refreshContainer(id: string): Promise<ContainerRecord | null> {
    const status = await this.statusOf(id)
    const before = this.view.record(id)
    const record = status === null ? null : await this.recordOf(status)
    if (status === null || record === null) this.view.forget(id)
    else this.view.putContainer(id, status.state, record)
    const podUid = (record ?? before)?.podUid
    if (podUid !== undefined && isNews(before, record)) this.tell(podUid)
    return record
  }

  async refreshSandbox(id: string): Promise<SandboxView | null> {
    let view: SandboxView | null = null
    try {
      const { status } = await this.options.client.podSandboxStatus({ podSandboxId: id })
      view = status === null ? null : sandboxView(status)
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
    if (view === null) this.view.forget(id)
    else this.view.putSandbox(view)
    return view
  }

  close(): void {
    this.closed = true
    this.timer?.cancel()
    this.eventTimer?.cancel()
    this.soon?.cancel()
    this.events?.cancel()
  }

  private tell(podUid: string): void {
    this.changedAtMs = this.options.clock.monotonicMs()
    for (const listener of this.changeListeners) listener(podUid)
  }

  /** However many events there are, they do not make it look more often than this. */
  private lookSoon(): void {
    this.soon ??= this.options.clock.setTimer(soonMs, () => {
      this.soon = null
      void this.look()
    })
  }

  private async lookUntilQuiet(): Promise<void> {
    let failed = false
    do {
      this.lookAgain = false
      failed = !(await this.lookOnce())
    } while (this.lookAgain && !failed && !this.closed)
    if (this.closed) return
    const timer = this.options.clock.setTimer(this.paceMs(failed), () => void this.look())
    this.timer = timer
  }

  private paceMs(failed: boolean): number {
    if (failed) return failedMs
    if (this.current.runtime !== null || this.current.network !== null) return statusTroubleMs
    if (this.events !== null && this.hasEvents === true) return withEventsMs
    const lively = this.options.clock.monotonicMs() - this.changedAtMs < livelyForMs
    return lively ? livelyMs : quietMs
  }

  private async lookOnce(): Promise<boolean> {
    const { clock, logger } = this.options
    try {
      // Every record names the runtime.
      if (this.versionText === '') await this.askVersion()
      await this.list()
      this.answeredAtMs = clock.monotonicMs()
      await this.askStatus()
      this.watchEvents()
      return true
    } catch (error) {
      if (!(error instanceof RaftsmanError)) throw error
      if (this.closed) return false
      logger.debug({ reason: error.message }, 'container runtime did not answer')
      this.statusAtMs = Number.NEGATIVE_INFINITY
      if (clock.monotonicMs() - this.answeredAtMs >= this.options.downAfterMs) {
        const runtime = `container runtime is down: ${error.message}`
        this.setTroubles({ ...this.current, runtime })
      }
      return false
    }
  }

  private async askVersion(): Promise<void> {
    const { runtimeName, runtimeVersion } = await this.options.client.version({})
    this.versionText = `${runtimeName}://${runtimeVersion}`
  }

  private async askStatus(): Promise<void> {
    const { client, clock } = this.options
    const periodMs =
      this.current.runtime === null && this.current.network === null
        ? statusMs
        : statusTroubleMs / 2
    if (clock.monotonicMs() - this.statusAtMs < periodMs) return
    // It may have been replaced meanwhile.
    await this.askVersion()
    const { status } = await client.status({})
    this.statusAtMs = clock.monotonicMs()
    this.setTroubles(troublesOf(status))
  }

  private setTroubles(troubles: RuntimeTroubles): void {
    const before = this.current
    this.current = troubles
    if (before.runtime === troubles.runtime && before.network === troubles.network) return
    const { logger } = this.options
    if (troubles.runtime === null)
      logger.info({ network: troubles.network }, 'container runtime is up')
    else logger.warn({ reason: troubles.runtime }, 'container runtime cannot work')
    for (const listener of this.troubleListeners) listener()
  }

  private async list(): Promise<void> {
    const { client, owner } = this.options
    const since = this.view.begin()
    const filter = { labelSelector: ownedBy(owner) }
    const { items } = await client.listPodSandbox({ filter })
    const { containers } = await client.listContainers({ filter })
    const { questions, changed } = this.view.compare({ sandboxes: items, containers }, since)
    await inTurns(questions.sandboxes, async id => {
      const view = await this.refreshSandbox(id)
      if (view !== null) this.tell(view.podUid)
    })
    await inTurns(questions.containers, async id => {
      await this.refreshContainer(id)
    })
    for (const podUid of changed) this.tell(podUid)
  }

  private async statusOf(id: string): Promise<ContainerStatus | null> {
    try {
      return (await this.options.client.containerStatus({ containerId: id })).status
    } catch (error) {
      if (isNotFound(error)) return null
      throw error
    }
  }

  private async recordOf(status: ContainerStatus): Promise<ContainerRecord | null> {
    const scheme = must(this.versionText.split('://')[0], 'a version has a name in front')
    const words = await this.options.lastWords(status)
    return containerRecord(status, scheme, words)
  }

  /** Where the runtime has events, they tell when a look is worth it. */
  private watchEvents(): void {
    if (this.events !== null || this.eventTimer !== null || this.hasEvents === false) return
    const { client, clock, logger } = this.options
    this.events = client.watchEvents(
      () => {
        this.hasEvents = true
        this.lookSoon()
      },
      failure => {
        this.events = null
        if (this.closed) return
        if (failure?.code === rpcCode.unimplemented) {
          this.hasEvents = false
          logger.info({}, 'container runtime has no events: it is listed every second')
          return
        }
        logger.debug(
          { reason: failure === null ? 'ended' : new CriError(failure).message },
          'container events broke off',
        )
        this.eventTimer = clock.setTimer(eventsAgainMs, () => {
          this.eventTimer = null
        })
      },
    )
  }
}

const isNews = (before: ContainerRecord | null, now: ContainerRecord | null): boolean =>
  before?.id !== now?.id || (before?.exit === null) !== (now?.exit === null)

async function inTurns(ids: readonly string[], work: (id: string) => Promise<void>): Promise<void> {
  for (let at = 0; at < ids.length; at += asking) {
    await Promise.all(ids.slice(at, at + asking).map(work))
  }
}
