// The embedded runtime: containers are plain child processes of this machine, one session each,
// with their own directory, environment and address, but without namespaces or cgroups. They
// outlive the node process: everything needed to find them again stands under its data directory.
// Counterpart: containerd with runc. Left out: isolation, resource limits, users, image layers.

import { join } from 'node:path'
import type { Clock, Timer } from '../../../../platform/clock.js'
import { must } from '../../../../platform/errors.js'
import type { Files } from '../../../../platform/files.js'
import type { Logger } from '../../../../platform/logger.js'
import type { ProcessIdentity, Processes } from '../../../../platform/processes.js'
import type { Random } from '../../../../platform/random.js'
import type { CommandStreams } from '../../../streams/remote-command.js'
import type { Container } from '../../../api/types/core-container.js'
import type { Pod } from '../../../api/types/core-pod.js'
import { readContainerLog } from '../../logs/log-reader.js'
import {
  type ContainerRecord,
  type ContainerSpec,
  type ExecResult,
  type LocalImage,
  type LogQuery,
  type Runtime,
  RuntimeError,
  type RuntimeTroubles,
  type SandboxRecord,
  type SandboxSpec,
  type Usage,
} from '../../runtime.js'
import { attachToRun } from './attach.js'
import { buildRoot, findDirectory, findProgram } from './container-root.js'
import {
  parseContainerState,
  parseSandbox,
  type ProcessSandbox,
  readText,
  writeJson,
} from './container-state.js'
import { execBeside } from './exec.js'
import { runExecSession } from './exec-session.js'
import { PodAddresses } from './pod-addresses.js'
import { ProcessRun, type RunEnvironment } from './process-run.js'
import { ioFiles, splitEnv, supervisorScript } from './supervisor.js'
import { sessionUsage } from './usage.js'

export interface ProcessRuntimeOptions {
  /** Holds `pods/`; made with mode 0700. */
  readonly dataDirectory: string
  readonly files: Files
  readonly processes: Processes
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Where programs are found, and the PATH that containers get. */
  readonly searchPath: string
  readonly version: string
  readonly logBytesMax?: number
}

interface Sandbox {
  spec: ProcessSandbox
  readonly runs: ProcessRun[]
}

/** Notices of the file system can be lost; this is how late we learn of an exit then. */
const sweepMs = 5000
const startDeadlineMs = 10_000
const removalDeadlineMs = 5000
const pollMs = 20
const logBytesMaxDefault = 10 * 1024 * 1024

export class ProcessRuntime implements Runtime {
  readonly version: string
  readonly isolates = false
  private readonly options: ProcessRuntimeOptions
  private readonly pods = new Map<string, Sandbox>()
  private readonly runs = new Map<string, ProcessRun>()
  private readonly environment: RunEnvironment
  private readonly listeners: ((podUid: string) => void)[] = []
  private sweeper: Timer | null = null
  private tools: { readonly setsid: string; readonly env: string } | null = null
  private bootId = ''
  private addresses: PodAddresses | null = null
  private readonly troubleListeners: (() => void)[] = []

  constructor(options: ProcessRuntimeOptions) {
    this.options = options
    this.version = `process://${options.version}`
    this.environment = {
      files: options.files,
      clock: options.clock,
      processes: options.processes,
      logger: options.logger,
      logBytesMax: options.logBytesMax ?? logBytesMaxDefault,
      release: (path, bytes) => this.release(path, bytes),
      onEnded: run => this.notify(run.record.podUid),
    }
  }

  async restore(): Promise<void> {
    const { files, clock, searchPath, dataDirectory, logger } = this.options
    await files.makeDirectory(this.podsDirectory, 0o700)
    const boot = await files.read('/proc/sys/kernel/random/boot_id', 1024)
    this.bootId = Buffer.from(boot ?? [])
      .toString('latin1')
      .trim()
    this.tools = {
      setsid: await findProgram(files, 'setsid', searchPath, dataDirectory, dataDirectory),
      env: await findProgram(files, 'env', searchPath, dataDirectory, dataDirectory),
    }
    for (const podUid of await files.list(this.podsDirectory)) {
      const text = await readText(files, join(this.podDirectory(podUid), 'pod.json'))
      const spec = text === null ? null : parseSandbox(text)
      if (spec?.podUid === podUid) await this.restoreSandbox(spec)
      else logger.warn({ podUid }, 'pod directory without a readable pod.json left alone')
    }
    this.sweeper = clock.setTicker(sweepMs, () => {
      for (const run of this.runs.values()) if (!run.ended) run.lookSoon()
    })
  }

  onChange(listener: (podUid: string) => void): void {
    this.listeners.push(listener)
  }

  get troubles(): RuntimeTroubles {
    const noRange = 'container runtime network not ready: the node has no pod CIDR yet'
    return { runtime: null, network: this.addresses === null ? noRange : null }
  }

  onTroubles(listener: () => void): void {
    this.troubleListeners.push(listener)
  }

  async usePodCidr(cidr: string): Promise<void> {
    const addresses = new PodAddresses(cidr)
    for (const { spec } of this.pods.values()) {
      if (spec.address !== null) addresses.take(spec.address)
    }
    this.addresses = addresses
    for (const listener of this.troubleListeners) listener()
  }

  findImage(image: string): Promise<LocalImage | null> {
    const known = image === 'host' || image.startsWith('host:')
    return Promise.resolve(known ? { id: 'process://host', builtIn: true, user: '' } : null)
  }

  async pullImage(image: string): Promise<LocalImage> {
    const found = await this.findImage(image)
    if (found !== null) return found
    throw new RuntimeError(
      'image-not-known',
      `the embedded process runtime pulls no images: "${image}" is not one it has; use the image ` +
        '"host", which runs a program of this machine, or run nodes with a CRI runtime',
    )
  }

  sandboxes(): readonly SandboxRecord[] {
    return [...this.pods.values()].map(recordOf)
  }

  sandbox(podUid: string): SandboxRecord | null {
    const sandbox = this.pods.get(podUid)
    return sandbox === undefined ? null : recordOf(sandbox)
  }

  podDirectory(podUid: string): string {
    return join(this.podsDirectory, pathSegment(podUid))
  }

  async createSandbox({ pod }: SandboxSpec): Promise<SandboxRecord> {
    const { uid: podUid = '', namespace: podNamespace = '', name: podName = '' } = pod.metadata
    const known = this.pods.get(podUid)
    if (known !== undefined && known.spec.address !== null) return recordOf(known)
    const { addresses } = this
    if (addresses === null) {
      throw new RuntimeError('sandbox-not-created', 'the node has no pod CIDR yet')
    }
    const address = addresses.allocate()
    try {
      const spec = { podUid, podNamespace, podName, address }
      await this.saveSandbox(spec)
      const sandbox = { spec, runs: known?.runs ?? [] }
      this.pods.set(podUid, sandbox)
      return recordOf(sandbox)
    } catch (error) {
      addresses.release(address)
      throw error
    }
  }

  async stopSandbox(podUid: string): Promise<void> {
    const sandbox = this.pods.get(podUid)
    if (sandbox === undefined) return
    for (const run of sandbox.runs) await this.endRun(run)
    await this.saveSandbox({ ...sandbox.spec, address: null })
    this.releaseAddress(sandbox)
  }

  async removeSandbox(podUid: string): Promise<void> {
    const sandbox = this.pods.get(podUid)
    if (sandbox === undefined) return
    for (const run of sandbox.runs) await this.endRun(run)
    for (const run of sandbox.runs) {
      await run.close()
      this.runs.delete(run.record.id)
    }
    this.pods.delete(podUid)
    await this.options.files.removeTree(this.podDirectory(podUid))
    this.releaseAddress(sandbox)
  }

  containers(podUid: string): readonly ContainerRecord[] {
    return (this.pods.get(podUid)?.runs ?? []).map(run => run.record)
  }

  async startContainer(spec: ContainerSpec): Promise<ContainerRecord> {
    const { container, attempt, image } = spec
    const { pod } = spec.sandbox
    const podUid = pod.metadata.uid ?? ''
    const sandbox = must(this.pods.get(podUid), 'a sandbox comes before its containers')
    const { files, clock, random } = this.options
    checkUser(pod, container)
    const directory = this.runDirectory(podUid, container.name, attempt)
    await files.removeTree(directory)
    const state = {
      id: `process://${Buffer.from(random.bytes(16)).toString('hex')}`,
      podUid,
      name: container.name,
      attempt,
      image: container.image ?? '',
      imageId: image.id,
      startedAtMs: clock.wallMs(),
      bootId: this.bootId,
      exit: null,
    }
    const run = new ProcessRun(state, directory, this.environment)
    try {
      await files.makeDirectory(run.io, 0o700)
      const root = join(directory, 'root')
      await buildRoot(files, root, spec.mounts)
      if (container.stdin === true) await this.makeFifo(join(run.io, ioFiles.stdin))
      await run.save()
      await this.spawn(run, spec, sandbox.spec, root)
    } catch (error) {
      await run.close()
      // A start that comes late finds no io directory, and ends itself.
      await files.removeTree(directory)
      throw error
    }
    sandbox.runs.push(run)
    this.runs.set(run.record.id, run)
    this.notify(podUid)
    run.lookSoon()
    return run.record
  }

  terminateContainer(id: string): void {
    const main = this.runs.get(id)?.main
    if (main && !this.options.processes.signal(main, 'SIGTERM')) this.runs.get(id)?.lookSoon()
  }

  killContainer(id: string): void {
    const main = this.runs.get(id)?.main
    if (main && !this.options.processes.signalGroup(main, 'SIGKILL')) {
      this.runs.get(id)?.lookSoon()
    }
  }

  async removeContainer(id: string): Promise<void> {
    const run = this.runs.get(id)
    if (run === undefined || !run.ended) return
    this.runs.delete(id)
    const siblings = this.pods.get(run.record.podUid)?.runs
    siblings?.splice(siblings.indexOf(run), 1)
    await run.close()
    await this.options.files.removeTree(run.directory)
  }

  async exec(id: string, command: readonly string[], timeoutMs: number): Promise<ExecResult> {
    const { run, main } = this.running(id)
    return execBeside({
      ...this.options,
      directory: run.directory,
      main,
      command,
      timeoutMs,
    })
  }

  execSession(
    id: string,
    command: readonly string[],
    tty: boolean,
    streams: CommandStreams,
  ): Promise<number> {
    const { run, main } = this.running(id)
    const tools = must(this.tools, 'restore comes before any session')
    const { directory } = run
    return runExecSession({
      ...this.options,
      tools,
      directory,
      main,
      command,
      tty,
      streams: {
        ...streams,
        onResize: listener => streams.onResize(listener),
        // As in a container: nothing in it outlives its main process.
        signal: AbortSignal.any([streams.signal, run.endSignal]),
      },
    })
  }

  async usage(): Promise<ReadonlyMap<string, Usage>> {
    const sessions = await sessionUsage(this.options.files)
    const used = new Map<string, Usage>()
    for (const { record, main } of this.runs.values()) {
      const usage = main === null ? undefined : sessions.get(main.pid)
      if (usage !== undefined) used.set(record.id, usage)
    }
    return used
  }

  attach(id: string, container: Container, streams: CommandStreams): Promise<void> {
    const { run } = this.running(id)
    const stdinOnce = container.stdinOnce ?? false
    return attachToRun({ ...this.options, run, stdinOnce, streams })
  }

  async *readLog(id: string, query: LogQuery, signal: AbortSignal): AsyncIterable<Uint8Array> {
    const run = this.runs.get(id)
    if (run === undefined) {
      throw new RuntimeError('container-not-found', `container ${id} is not known`)
    }
    await run.log.pump(run.ended)
    if (run.log.failure !== null) throw run.log.failure
    yield* readContainerLog(run.log, this.options.files, query, signal)
  }

  async close(): Promise<void> {
    this.sweeper?.cancel()
    this.sweeper = null
    await Promise.all([...this.runs.values()].map(run => run.close()))
  }

  private running(id: string): { readonly run: ProcessRun; readonly main: ProcessIdentity } {
    const run = this.runs.get(id)
    const main = run?.main
    if (run === undefined || !main) {
      throw new RuntimeError('container-not-found', `container ${id} is not running`)
    }
    return { run, main }
  }

  private get podsDirectory(): string {
    return join(this.options.dataDirectory, 'pods')
  }

  private async saveSandbox(spec: ProcessSandbox): Promise<void> {
    const { files } = this.options
    await files.makeDirectory(this.podDirectory(spec.podUid), 0o700)
    await writeJson(files, join(this.podDirectory(spec.podUid), 'pod.json'), spec)
  }

  private releaseAddress(sandbox: Sandbox): void {
    const { address } = sandbox.spec
    sandbox.spec = { ...sandbox.spec, address: null }
    if (address !== null) this.addresses?.release(address)
  }

  private runDirectory(podUid: string, name: string, attempt: number): string {
    return join(this.podDirectory(podUid), 'containers', pathSegment(name), String(attempt))
  }

  private notify(podUid: string): void {
    for (const listener of this.listeners) listener(podUid)
  }

  private async spawn(
    run: ProcessRun,
    spec: ContainerSpec,
    sandbox: ProcessSandbox,
    root: string,
  ): Promise<void> {
    const { files, processes, searchPath } = this.options
    const tools = must(this.tools, 'restore comes before any start')
    const [name, ...args] = [...spec.command, ...spec.args]
    if (name === undefined) {
      throw new RuntimeError('container-not-started', 'the image "host" needs a command')
    }
    const env = new Map([
      ['PATH', searchPath],
      ['HOSTNAME', sandbox.podName],
      ['HOME', root],
      ['RAFTSMAN_ROOT', root],
      ...spec.env.map(({ name, value }) => [name, value] as const),
    ])
    const directory = await findDirectory(files, root, spec.container.workingDir ?? '')
    const program = await findProgram(files, name, env.get('PATH') ?? '', root, directory)
    const { environment, assignments } = splitEnv(env)
    const prefix = assignments.length === 0 ? [] : [tools.env, ...assignments]
    run.beginWatch()
    let failure: Error | null = null
    processes.spawn(
      {
        command: '/bin/sh',
        args: ['-c', supervisorScript, 'supervisor', run.io, tools.setsid].concat(
          prefix,
          program,
          args,
        ),
        env: environment,
        directory,
        detached: true,
        stdin: 'ignore',
        stdout: { appendTo: join(run.io, ioFiles.stdout) },
        stderr: { appendTo: join(run.io, ioFiles.stderr) },
      },
      () => run.lookSoon(),
      error => {
        failure = error
      },
    )
    const started = await this.until(startDeadlineMs, async () => {
      if (failure !== null) throw new RuntimeError('container-not-started', String(failure))
      return run.readStarted()
    })
    if (!started) {
      throw new RuntimeError('container-not-started', 'the process did not start within 10 s')
    }
  }

  /** Asks `condition` again and again; false when the time is over. */
  private async until(deadlineMs: number, condition: () => Promise<boolean>): Promise<boolean> {
    const { clock } = this.options
    const deadline = clock.monotonicMs() + deadlineMs
    for (let waitMs = 2; ; waitMs = Math.min(pollMs, waitMs * 2)) {
      if (await condition()) return true
      if (clock.monotonicMs() >= deadline) return false
      await new Promise<void>(resolve => {
        clock.setTimer(waitMs, resolve)
      })
    }
  }

  private async endRun(run: ProcessRun): Promise<void> {
    if (run.ended) return
    const gone = await this.until(removalDeadlineMs, async () => {
      this.killContainer(run.record.id)
      await run.look()
      return run.ended
    })
    if (!gone) {
      const { id } = run.record
      throw new RuntimeError('container-not-found', `the processes of ${id} do not end`)
    }
  }

  private async restoreSandbox(spec: ProcessSandbox): Promise<void> {
    const { files, logger } = this.options
    const runs: ProcessRun[] = []
    this.pods.set(spec.podUid, { spec, runs })
    const containers = join(this.podDirectory(spec.podUid), 'containers')
    for (const name of await files.list(containers)) {
      const attempts = (await files.list(join(containers, name))).filter(text => /^\d+$/.test(text))
      for (const attempt of attempts.map(Number).sort((a, b) => a - b)) {
        const run = await this.restoreRun(spec.podUid, name, attempt)
        if (run === null) continue
        runs.push(run)
        this.runs.set(run.record.id, run)
        logger.info({ container: name, pod: spec.podName, attempt }, 'container found again')
      }
    }
  }

  private async restoreRun(
    podUid: string,
    name: string,
    attempt: number,
  ): Promise<ProcessRun | null> {
    const { files } = this.options
    const directory = this.runDirectory(podUid, name, attempt)
    const text = await readText(files, join(directory, 'state.json'))
    const state = text === null ? null : parseContainerState(text)
    if (state === null || state.podUid !== podUid || state.name !== name) {
      await files.removeTree(directory)
      return null
    }
    const run = new ProcessRun(state, directory, this.environment)
    if (run.ended) {
      await run.log.pump(true)
    } else if (!(await run.readStarted())) {
      // Killed between noting the start and starting; a start that comes late ends itself.
      await files.removeTree(directory)
      return null
    } else if (state.bootId !== this.bootId) {
      await run.endUnknown()
    } else {
      run.beginWatch()
      await run.look()
    }
    return run
  }

  private async makeFifo(path: string): Promise<void> {
    const { processes, searchPath } = this.options
    const code = await new Promise<number | null>(resolve => {
      processes.spawn(
        {
          command: 'mkfifo',
          args: ['-m', '0600', path],
          env: { PATH: searchPath },
          directory: '/',
          detached: false,
          stdin: 'ignore',
          stdout: 'ignore',
          stderr: 'ignore',
        },
        status => resolve(status.code),
        () => resolve(null),
      )
    })
    if (code !== 0) throw new RuntimeError('container-not-started', 'its input cannot be made')
  }

  private release(path: string, bytes: number): void {
    const { processes, searchPath, logger } = this.options
    const args = ['--punch-hole', '--offset', '0', '--length', String(bytes), path]
    processes.spawn(
      {
        command: 'fallocate',
        args,
        env: { PATH: searchPath },
        directory: '/',
        detached: false,
        stdin: 'ignore',
        stdout: 'ignore',
        stderr: 'ignore',
      },
      status => {
        if (status.code !== 0)
          logger.warn({ path }, 'consumed output was not given back to the disk')
      },
      error => logger.warn({ path, error }, 'consumed output was not given back to the disk'),
    )
  }
}

function recordOf({ spec }: Sandbox): SandboxRecord {
  return { ...spec, ready: spec.address !== null }
}

/** To run as somebody else than was asked for would be worse than not to run. */
function checkUser(pod: Pod, container: Container): void {
  const own = container.securityContext
  const shared = pod.spec.securityContext
  const runAsUser = own?.runAsUser ?? shared?.runAsUser ?? null
  const runAsNonRoot = own?.runAsNonRoot ?? shared?.runAsNonRoot ?? false
  const ourUser = process.getuid?.() ?? 0
  if (runAsUser !== null && runAsUser !== ourUser) {
    throw new RuntimeError(
      'container-not-started',
      `the embedded process runtime runs everything as its own user ${ourUser}, ` +
        `and cannot run a container as user ${runAsUser}`,
    )
  }
  if (runAsNonRoot && ourUser === 0) {
    throw new RuntimeError(
      'container-not-started',
      'container has runAsNonRoot, and the embedded process runtime runs as root here',
    )
  }
}

/** Uids and container names come from an API server; what they become is one path segment. */
function pathSegment(text: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/.test(text)) {
    throw new RuntimeError('container-not-started', `"${text}" cannot name a directory`)
  }
  return text
}
