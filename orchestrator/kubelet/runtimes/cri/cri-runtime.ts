// Pods by a CRI runtime, such as containerd: namespaces, cgroups, images and CNI are its business. Counterpart: the
// kubelet's kuberuntime manager. What it runs is found again by labels, and nothing without ours is ever touched. Left
// out: image garbage collection, checkpoints, resize.

import os from 'node:os'
import { dirname, join } from 'node:path'
import type { Clock, Timer } from '../../../../platform/clock.js'
import { must, RaftsmanError } from '../../../../platform/errors.js'
import type { Files } from '../../../../platform/files.js'
import type { Logger } from '../../../../platform/logger.js'
import type { Random } from '../../../../platform/random.js'
import { rpcCode } from '../../../../platform/rpc.js'
import type { RpcChannel } from '../../../../platform/rpc-channel.js'
import type { Container } from '../../../api/types/core-container.js'
import type { CommandStreams } from '../../../streams/remote-command.js'
import type { RegistryCredentials } from '../../image-credentials.js'
import { isImageName } from '../../image-name.js'
import { readContainerLog } from '../../logs/log-reader.js'
import { hostsFile } from '../../pod-dns.js'
import {
  type ContainerRecord,
  type ContainerSpec,
  type ExecResult,
  type LocalImage,
  type LogQuery,
  type Runtime,
  RuntimeError,
  type RuntimeErrorCode,
  type RuntimeTroubles,
  type SandboxRecord,
  type SandboxSpec,
  type Usage,
} from '../../runtime.js'
import { containerConfig, logPath } from './container-config.js'
import { type CriClient, criClient, CriError, isNotFound } from './cri-client.js'
import { CriLog } from './cri-log.js'
import { nodeIdentity } from './identity.js'
import { fallsBackToLog, ownedBy } from './labels.js'
import { lastWords } from './last-words.js'
import { containerState, type ContainerStatus } from './messages.js'
import { CriObserver } from './observer.js'
import { podDirectory, runPaths } from './paths.js'
import { containerRecord, criId, type SandboxView } from './records.js'
import { sandboxConfig } from './sandbox-config.js'
import { streamCommand } from './stream-client.js'

export interface CriRuntimeOptions {
  readonly channel: RpcChannel
  /** Absolute. Holds `pods/` with volumes and logs. */
  readonly dataDirectory: string
  /** Pods that name no seccomp profile get the runtime's own. */
  readonly seccompDefault: boolean
  readonly files: Files
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly logBytesMax?: number
  /** How often logs are looked at for being full. */
  readonly rotateMs?: number
  /** Silence of the runtime that is borne before the node says that it is not ready. */
  readonly downAfterMs?: number
}

const logBytesMaxDefault = 10 * 1024 * 1024
const downAfterMsDefault = 10_000
const rotateMsDefault = 10_000
const execOutputBytesMax = 10 * 1024
/** Beyond the time that a command or a stop is given itself. */
const slackMs = 10_000
const stopSlackMs = 120_000
const textBytesMax = 1024 * 1024

export class CriRuntime implements Runtime {
  readonly isolates = true
  private readonly options: CriRuntimeOptions
  private readonly client: CriClient
  private readonly logs = new Map<string, CriLog>()
  private readonly stopping = new Set<string>()
  private observed: CriObserver | null = null
  private owner = ''
  private rotation: Timer | null = null
  private rotating = false
  private readonly changeListeners: ((podUid: string) => void)[] = []
  private readonly troubleListeners: (() => void)[] = []

  constructor(options: CriRuntimeOptions) {
    this.options = options
    this.client = criClient(options.channel)
  }

  get version(): string {
    return this.observed?.version ?? ''
  }

  get troubles(): RuntimeTroubles {
    return this.observer.troubles
  }

  async restore(): Promise<void> {
    const { clock, logger } = this.options
    const { downAfterMs = downAfterMsDefault, rotateMs = rotateMsDefault } = this.options
    this.owner = await nodeIdentity(this.options)
    this.observed = new CriObserver({
      client: this.client,
      clock,
      logger,
      owner: this.owner,
      downAfterMs,
      lastWords: status => this.lastWords(status),
    })
    this.observed.onChange(podUid => this.notify(podUid))
    this.observed.onTroubles(() => {
      for (const listener of this.troubleListeners) listener()
    })
    await this.observed.start()
    this.rotation = clock.setTicker(rotateMs, () => void this.rotateLogs())
  }

  onChange(listener: (podUid: string) => void): void {
    this.changeListeners.push(listener)
  }

  onTroubles(listener: () => void): void {
    this.troubleListeners.push(listener)
  }

  async usePodCidr(podCidr: string): Promise<void> {
    const runtimeConfig = { networkConfig: { podCidr } }
    await this.asked('runtime-failed', async () => {
      try {
        await this.client.updateRuntimeConfig({ runtimeConfig })
      } catch (error) {
        // Most give out what their CNI configuration says.
        if (!(error instanceof CriError) || error.rpc !== rpcCode.unimplemented) throw error
      }
    })
  }

  async findImage(image: string): Promise<LocalImage | null> {
    if (!isImageName(image)) {
      const text = `couldn't parse image name "${image}": invalid reference format`
      throw new RuntimeError('image-name-invalid', text)
    }
    return this.asked('image-not-known', () => this.imageNow(image))
  }

  async pullImage(image: string, credentials: readonly RegistryCredentials[]): Promise<LocalImage> {
    return this.asked('image-not-known', async () => {
      const ref = await this.pull(image, credentials)
      const found = await this.imageNow(ref)
      if (found !== null) return found
      throw new RuntimeError('image-not-present', `image "${image}" is gone right after its pull`)
    })
  }

  sandboxes(): readonly SandboxRecord[] {
    return this.observer.view.sandboxes()
  }

  sandbox(podUid: string): SandboxRecord | null {
    return this.observer.view.sandboxesOf(podUid).at(-1) ?? null
  }

  podDirectory(podUid: string): string {
    return podDirectory(this.options.dataDirectory, podUid)
  }

  async createSandbox(spec: SandboxSpec): Promise<SandboxRecord> {
    const podUid = spec.pod.metadata.uid ?? ''
    const { files } = this.options
    const known = this.observer.view.sandboxesOf(podUid)
    const newest = known.at(-1)
    if (newest?.ready === true) return newest
    // Its containers must be gone before others take their names, addresses and ports.
    for (const view of known) await this.endSandbox(view)
    // The last one has the runs that may still be asked for.
    for (const { id } of known.slice(0, -1)) await this.forgetSandbox(id)
    const attempt = newest === undefined ? 0 : newest.attempt + 1
    const config = sandboxConfig(spec, { ...this.place(podUid), attempt })
    await files.makeDirectory(this.podDirectory(podUid), 0o700)
    await files.makeDirectory(config.logDirectory ?? '', 0o700)
    const view = await this.asked('sandbox-not-created', async () => {
      const { runtimeHandler } = spec
      const { podSandboxId } = await this.client.runPodSandbox({ config, runtimeHandler })
      return this.observer.refreshSandbox(podSandboxId)
    })
    if (view === null) throw new RuntimeError('sandbox-not-created', 'the sandbox is gone already')
    return view
  }

  async stopSandbox(podUid: string): Promise<void> {
    for (const view of this.observer.view.sandboxesOf(podUid)) {
      if (view.ready) await this.endSandbox(view)
    }
  }

  async removeSandbox(podUid: string): Promise<void> {
    const { view } = this.observer
    for (const { id } of view.sandboxesOf(podUid)) {
      await this.asked('sandbox-not-removed', () =>
        gone(this.client.stopPodSandbox({ podSandboxId: id })),
      )
      await this.forgetSandbox(id)
    }
    for (const { id } of view.containers(podUid)) {
      view.forget(criId(id))
      this.logs.delete(id)
    }
    await this.options.files.removeTree(this.podDirectory(podUid))
  }

  containers(podUid: string): readonly ContainerRecord[] {
    return this.observer.view.containers(podUid)
  }

  async startContainer(spec: ContainerSpec): Promise<ContainerRecord> {
    const { container, attempt, sandbox } = spec
    const podUid = sandbox.pod.metadata.uid ?? ''
    const view = this.observer.view.sandboxesOf(podUid).at(-1)
    if (view?.ready !== true) {
      throw new RuntimeError('container-not-created', 'the sandbox of the pod has ended')
    }
    await this.removeLeftover(podUid, container.name, attempt)
    const { hosts, termination, log } = this.runPaths(podUid, container.name, attempt)
    await this.writeHosts(sandbox, view, hosts)
    await this.options.files.makeDirectory(dirname(log), 0o700)
    await this.options.files.makeDirectory(dirname(termination), 0o700)
    await this.options.files.write(termination, new Uint8Array(), 0o666)
    const place = this.place(podUid)
    const config = containerConfig(spec, {
      ...place,
      memoryBytes: os.totalmem(),
      hostsPath: hosts,
      terminationPath: termination,
    })
    const { containerId } = await this.asked('container-not-created', () =>
      this.client.createContainer({
        podSandboxId: view.id,
        config,
        sandboxConfig: sandboxConfig(sandbox, { ...place, attempt: view.attempt }),
      }),
    )
    try {
      await this.asked('container-not-started', () => this.client.startContainer({ containerId }))
    } catch (error) {
      // It counts as a run that has failed, with what the runtime says of it.
      await this.observer.refreshContainer(containerId).catch(() => null)
      throw error
    }
    const record = await this.asked('container-not-started', () =>
      this.observer.refreshContainer(containerId),
    )
    if (record !== null) return record
    throw new RuntimeError('container-not-started', 'the container is gone already')
  }

  terminateContainer(id: string, graceMs: number): void {
    void this.stopContainer(id, graceMs)
  }

  killContainer(id: string): void {
    void this.stopContainer(id, 0)
  }

  async removeContainer(id: string): Promise<void> {
    const record = this.observer.view.record(criId(id))
    if (record === null || record.exit === null) return
    await this.asked('runtime-failed', () =>
      gone(this.client.removeContainer({ containerId: criId(id) })),
    )
    this.observer.view.forget(criId(id))
    this.logs.delete(id)
    const { log, previousLog, directory } = this.runPaths(
      record.podUid,
      record.name,
      record.attempt,
    )
    for (const path of [log, previousLog, directory]) await this.options.files.removeTree(path)
  }

  async usage(): Promise<ReadonlyMap<string, Usage>> {
    const filter = { labelSelector: ownedBy(this.owner) }
    const { stats } = await this.asked('runtime-failed', () =>
      this.client.listContainerStats({ filter }),
    )
    const used = new Map<string, Usage>()
    for (const { attributes, cpu, memory } of stats) {
      const record = this.observer.view.record(attributes?.id ?? '')
      if (record === null || record.exit !== null) continue
      used.set(record.id, {
        cpuSeconds: (cpu?.usageCoreNanoSeconds?.value ?? 0) / 1e9,
        memoryBytes: memory?.workingSetBytes?.value ?? 0,
      })
    }
    return used
  }

  async exec(id: string, command: readonly string[], timeoutMs: number): Promise<ExecResult> {
    const timeout = Math.max(1, Math.ceil(timeoutMs / 1000))
    const request = { containerId: criId(id), cmd: command, timeout }
    return this.asked('container-not-found', async () => {
      try {
        const deadlineMs = timeout * 1000 + slackMs
        const { stdout, stderr, exitCode } = await this.client.execSync(request, deadlineMs)
        const output = Buffer.concat([stdout, stderr]).subarray(0, execOutputBytesMax)
        return { code: exitCode, output: output.toString('utf8'), timedOut: false }
      } catch (error) {
        const timedOut = error instanceof CriError && error.rpc === rpcCode.deadlineExceeded
        if (!timedOut) throw error
        return { code: 137, output: '', timedOut }
      }
    })
  }

  async execSession(
    id: string,
    command: readonly string[],
    tty: boolean,
    streams: CommandStreams,
  ): Promise<number> {
    const wanted = wantedStreams(streams, tty)
    const request = { containerId: criId(id), cmd: command, tty, ...wanted }
    const { url } = await this.asked('runtime-failed', () => this.client.exec(request))
    return streamCommand(url, tty, streams)
  }

  async attach(id: string, container: Container, streams: CommandStreams): Promise<void> {
    const tty = container.tty ?? false
    const wanted = wantedStreams(streams, tty)
    const stdin = wanted.stdin && container.stdin === true
    if (!stdin) streams.stdin?.resume()
    const request = { containerId: criId(id), tty, ...wanted, stdin }
    const { url } = await this.asked('runtime-failed', () => this.client.attach(request))
    await streamCommand(url, tty, {
      ...streams,
      stdin: stdin ? streams.stdin : null,
      onResize: listener => streams.onResize(listener),
    })
  }

  async *readLog(id: string, query: LogQuery, signal: AbortSignal): AsyncIterable<Uint8Array> {
    const log = this.logOf(id)
    if (log === null) {
      throw new RuntimeError('container-not-found', `container ${id} is not known`)
    }
    if (!(await log.look())) return
    yield* readContainerLog(log, this.options.files, query, signal)
  }

  async close(): Promise<void> {
    this.rotation?.cancel()
    this.observed?.close()
    this.client.close()
  }

  private get observer(): CriObserver {
    return must(this.observed, 'restore comes before everything')
  }

  private place(podUid: string) {
    const { seccompDefault } = this.options
    const logDirectory = join(this.podDirectory(podUid), 'logs')
    return { owner: this.owner, seccompDefault, logDirectory }
  }

  private runPaths(podUid: string, name: string, attempt: number) {
    return runPaths(this.podDirectory(podUid), name, attempt)
  }

  private notify(podUid: string): void {
    for (const listener of this.changeListeners) listener(podUid)
  }

  /** What the runtime says becomes what users read. */
  private async asked<T>(code: RuntimeErrorCode, action: () => Promise<T>): Promise<T> {
    try {
      return await action()
    } catch (error) {
      if (!(error instanceof CriError)) throw error
      const silent = error.rpc === rpcCode.unavailable
      throw new RuntimeError(silent ? 'runtime-unavailable' : code, error.message, error)
    }
  }

  private async imageNow(image: string): Promise<LocalImage | null> {
    const { image: found } = await this.client.imageStatus({ image: { image } })
    if (found === null) return null
    const user = found.uid === null ? found.username : String(found.uid.value)
    return { id: found.id, builtIn: false, user }
  }

  private async pull(image: string, credentials: readonly RegistryCredentials[]): Promise<string> {
    let refusal: CriError | null = null
    for (const auth of credentials.length === 0 ? [null] : credentials) {
      try {
        return (await this.client.pullImage({ image: { image }, auth })).imageRef
      } catch (error) {
        if (!(error instanceof CriError)) throw error
        refusal ??= error
      }
    }
    throw must(refusal, 'a pull without an answer was refused')
  }

  private async endSandbox(view: SandboxView): Promise<void> {
    await this.asked('sandbox-not-removed', async () => {
      await gone(this.client.stopPodSandbox({ podSandboxId: view.id }))
      await this.observer.refreshSandbox(view.id)
      for (const { id, exit } of this.containers(view.podUid)) {
        if (exit === null) await this.observer.refreshContainer(criId(id))
      }
    })
  }

  /** With its containers. */
  private async forgetSandbox(id: string): Promise<void> {
    await this.asked('sandbox-not-removed', () =>
      gone(this.client.removePodSandbox({ podSandboxId: id })),
    )
    this.observer.view.forget(id)
  }

  /** A kubelet that ended between making and starting it left its name taken. */
  private async removeLeftover(podUid: string, name: string, attempt: number): Promise<void> {
    const id = this.observer.view.leftover(podUid, name, attempt)
    if (id === null) return
    await this.asked('container-not-created', () =>
      gone(this.client.removeContainer({ containerId: id })),
    )
    this.observer.view.forget(id)
  }

  private async writeHosts(spec: SandboxSpec, view: SandboxView, path: string): Promise<void> {
    const { files } = this.options
    const machine = await files.read('/etc/hosts', textBytesMax)
    const text = hostsFile(
      spec.pod,
      spec.names,
      view.address,
      Buffer.from(machine ?? []).toString('utf8'),
    )
    // Containers that run have the file that is there, so it must stay the same one.
    if ((await files.stat(path)) === null) await files.write(path, Buffer.from(text), 0o644)
  }

  private async stopContainer(id: string, graceMs: number): Promise<void> {
    const key = `${id} ${graceMs === 0 ? 'kill' : 'stop'}`
    if (this.stopping.has(key)) return
    this.stopping.add(key)
    try {
      const timeout = Math.ceil(graceMs / 1000)
      const request = { containerId: criId(id), timeout }
      await gone(this.client.stopContainer(request, graceMs + stopSlackMs))
      await this.observer.refreshContainer(criId(id))
    } catch (error) {
      if (!(error instanceof RaftsmanError)) throw error
      this.options.logger.warn({ container: id, reason: error.message }, 'container not stopped')
    } finally {
      this.stopping.delete(key)
    }
  }

  private async lastWords(status: ContainerStatus): Promise<string> {
    const record = containerRecord(status, 'cri', '')
    if (record === null || status.state !== containerState.exited) return ''
    const { termination, log } = this.runPaths(record.podUid, record.name, record.attempt)
    try {
      return await lastWords({
        files: this.options.files,
        messagePath: termination,
        logPath: log,
        orLog: fallsBackToLog(status.annotations) && status.exitCode !== 0,
      })
    } catch (error) {
      // A file that cannot be read must not hide how the container ended.
      if (!(error instanceof RaftsmanError)) throw error
      return `its last words cannot be read: ${error.message}`
    }
  }

  private logOf(id: string): CriLog | null {
    const record = this.observer.view.record(criId(id))
    if (record === null) return null
    const { podUid, name, attempt } = record
    const known = this.logs.get(id)
    if (known !== undefined) return known
    const log = new CriLog({
      files: this.options.files,
      clock: this.options.clock,
      path: join(this.place(podUid).logDirectory, logPath(name, attempt)),
      // One that is not known any more writes nothing either.
      ended: () => this.observer.view.record(criId(id))?.exit !== null,
      reopen: async () => {
        await this.client.reopenContainerLog({ containerId: criId(id) })
      },
    })
    this.logs.set(id, log)
    return log
  }

  private async rotateLogs(): Promise<void> {
    const { logBytesMax = logBytesMaxDefault, logger } = this.options
    if (this.rotating) return
    this.rotating = true
    for (const { id } of this.observer.view.running()) {
      try {
        await this.logOf(id)?.rotate(logBytesMax)
      } catch (error) {
        if (!(error instanceof RaftsmanError)) throw error
        logger.warn({ container: id, reason: error.message }, 'container log not rotated')
      }
    }
    this.rotating = false
  }
}

function wantedStreams({ stdin, stdout, stderr }: CommandStreams, tty: boolean) {
  return { stdin: stdin !== null, stdout: stdout !== null, stderr: stderr !== null && !tty }
}

/** Being gone already is what was wanted. */
async function gone(call: Promise<unknown>): Promise<void> {
  try {
    await call
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}
