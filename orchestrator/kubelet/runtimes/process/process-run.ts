// One run of one container as the process runtime sees it: its notes, its log, and how it ended.
// Level-based: `look` reads what stands on disk and in the process table and draws the conclusion;
// notices of the file system only make it look sooner.

import { join } from 'node:path'
import type { Clock, Timer } from '../../../../platform/clock.js'
import type { DirectoryWatch, Files } from '../../../../platform/files.js'
import type { Logger } from '../../../../platform/logger.js'
import type { ProcessIdentity, Processes } from '../../../../platform/processes.js'
import type { ContainerExit, ContainerRecord } from '../../runtime.js'
import { ContainerLog } from './container-log.js'
import { type ContainerState, readText, writeJson } from './container-state.js'
import { ioFiles, parseExit, parseStarted, type StartedNote } from './supervisor.js'

/** Output is taken over in strides, so that a chatty process costs few wake-ups. */
const strideMs = 25

export interface RunEnvironment {
  readonly files: Files
  readonly clock: Clock
  readonly processes: Processes
  readonly logger: Logger
  readonly logBytesMax: number
  readonly release: (path: string, bytes: number) => void
  readonly onEnded: (run: ProcessRun) => void
}

export class ProcessRun {
  readonly directory: string
  readonly log: ContainerLog
  private readonly environment: RunEnvironment
  private state: ContainerState
  private started: StartedNote | null = null
  private watch: DirectoryWatch | null = null
  private timer: Timer | null = null
  private looking: Promise<void> | null = null
  private lookAgain = false
  private closed = false
  private readonly over = new AbortController()

  constructor(state: ContainerState, directory: string, environment: RunEnvironment) {
    this.state = state
    this.directory = directory
    this.environment = environment
    if (state.exit !== null) this.over.abort()
    this.log = new ContainerLog({
      directory,
      files: environment.files,
      wallMs: () => environment.clock.wallMs(),
      generationBytesMax: environment.logBytesMax,
      release: environment.release,
    })
  }

  get record(): ContainerRecord {
    const { id, podUid, name, attempt, image, imageId, startedAtMs, exit } = this.state
    const pid = this.started?.pid ?? null
    return { id, podUid, name, attempt, image, imageId, startedAtMs, exit, pid }
  }

  get ended(): boolean {
    return this.state.exit !== null
  }

  /** Aborted when it has ended and its log is whole. */
  get endSignal(): AbortSignal {
    return this.over.signal
  }

  get io(): string {
    return join(this.directory, 'io')
  }

  /** The main process, if it is still the one that was started. */
  get main(): ProcessIdentity | null {
    if (this.started === null || this.ended) return null
    return { pid: this.started.pid, startTicks: this.started.startTicks }
  }

  /** Whoever holds its input open. */
  get supervisor(): ProcessIdentity | null {
    if (this.started === null || this.ended) return null
    return { pid: this.started.supervisorPid, startTicks: this.started.supervisorStartTicks }
  }

  async save(): Promise<void> {
    await writeJson(this.environment.files, join(this.directory, 'state.json'), this.state)
  }

  beginWatch(): void {
    this.watch ??= this.environment.files.watch(this.io, name => {
      if (name === ioFiles.exit || name === ioFiles.started) void this.look()
      else this.lookSoon()
    })
  }

  /** True once the supervisor has noted whom it started. */
  async readStarted(): Promise<boolean> {
    if (this.started !== null) return true
    const text = await readText(this.environment.files, join(this.io, ioFiles.started))
    this.started = text === null ? null : parseStarted(text)
    return this.started !== null
  }

  lookSoon(): void {
    if (this.timer !== null || this.closed) return
    this.timer = this.environment.clock.setTimer(strideMs, () => {
      this.timer = null
      void this.look()
    })
  }

  /** One look at a time; a call during one makes it look once more. */
  look(): Promise<void> {
    if (this.looking !== null) {
      this.lookAgain = true
      return this.looking
    }
    this.looking = this.lookOver()
    return this.looking
  }

  private async lookOver(): Promise<void> {
    try {
      do {
        this.lookAgain = false
        await this.lookOnce()
      } while (this.lookAgain && !this.closed)
    } catch (error) {
      this.environment.logger.error({ error, container: this.state.id }, 'container not observed')
    } finally {
      this.looking = null
    }
  }

  private async lookOnce(): Promise<void> {
    if (this.ended || this.closed) return
    await this.log.pump(false)
    if (this.log.failure !== null) {
      const { message } = this.log.failure
      this.environment.logger.warn({ container: this.state.id, reason: message }, 'log not written')
    }
    if (!(await this.readStarted())) return
    const supervisorGone = !this.alive('supervisor')
    const exit = await this.readExit()
    if (exit !== null) {
      await this.end(exit)
    } else if (supervisorGone) {
      await this.endOrphan()
    }
  }

  private alive(who: 'main' | 'supervisor'): boolean {
    const note = this.started
    if (note === null) return false
    const [pid, ticks] =
      who === 'main' ? [note.pid, note.startTicks] : [note.supervisorPid, note.supervisorStartTicks]
    return this.environment.processes.identify(pid)?.startTicks === ticks
  }

  private async readExit(): Promise<ContainerExit | null> {
    const { files, clock } = this.environment
    const path = join(this.io, ioFiles.exit)
    const text = await readText(files, path)
    const code = text === null ? null : parseExit(text)
    if (code === null) return null
    const finishedAtMs = (await files.stat(path))?.modifiedMs ?? clock.wallMs()
    return { code, finishedAtMs, reason: code === 0 ? 'Completed' : 'Error', message: '' }
  }

  /** Without its supervisor nobody would learn how it ends, so it is ended; see on with the next look. */
  private async endOrphan(): Promise<void> {
    const { processes, clock } = this.environment
    const main = this.main
    if (main !== null && this.alive('main')) {
      processes.signalGroup(main, 'SIGKILL')
      this.lookSoon()
      return
    }
    await this.end({
      code: 137,
      finishedAtMs: clock.wallMs(),
      reason: 'ContainerStatusUnknown',
      message: 'The container could not be located when the pod was inspected',
    })
  }

  /** Also for a run of an earlier boot, of which nothing can be left. */
  async endUnknown(): Promise<void> {
    await this.end({
      code: 137,
      finishedAtMs: this.environment.clock.wallMs(),
      reason: 'ContainerStatusUnknown',
      message: 'The machine was restarted while the container ran',
    })
  }

  private async end(exit: ContainerExit): Promise<void> {
    await this.log.pump(true)
    this.state = { ...this.state, exit }
    await this.save()
    this.stopWatching()
    this.over.abort()
    this.environment.onEnded(this)
  }

  private stopWatching(): void {
    this.watch?.close()
    this.watch = null
    this.timer?.cancel()
    this.timer = null
  }

  /** Lets go of files and notices; processes go on. */
  async close(): Promise<void> {
    this.closed = true
    this.stopWatching()
    await this.looking
    await this.log.close()
  }
}
