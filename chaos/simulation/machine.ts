// One simulated machine: a disk, a clock, a place in the network, and at most one process at a time
// that runs the program of the scenario. What it does to its process is what an operator, a supervisor
// and bad luck do: start, stop, kill, pause, cut the power.

import type { RaftsmanError } from '../../platform/errors.js'
import { RaftsmanError as KnownError } from '../../platform/errors.js'
import type { Logger } from '../../platform/logger.js'
import type { Network } from '../../platform/network.js'
import type { Processes } from '../../platform/processes.js'
import type { Random } from '../../platform/random.js'
import { MemoryDisk } from '../../platform/testing/memory-disk.js'
import type { DiskOperation } from '../../platform/testing/memory-disk.js'
import type { RaftNode } from '../../raft/node.js'
import { SimulationFailure } from './failure.js'
import type { ClockSkew } from './machine-clock.js'
import { MachineClock } from './machine-clock.js'
import type { Joining, Program } from './program.js'
import type { Scheduler } from './scheduler.js'
import { SimProcess } from './scheduler.js'
import type { SwarmOptions } from './swarm.js'
import { between } from './streams.js'

export const clusterId = 77
export const logDirectory = '/log'

/** What a supervisor waits before it starts a process that ended. */
const restartMs = 500

export interface MachineEnvironment {
  readonly scheduler: Scheduler
  readonly swarm: SwarmOptions
  readonly programOf: (machine: Machine) => Program
  readonly randomOf: (name: string) => Random
  readonly networkOf: (process: SimProcess) => Network
  /** Its connections end; `kernelSaysSo` unless the machine went with it. */
  readonly died: (machine: Machine, process: SimProcess, kernelSaysSo: boolean) => void
  readonly nextPid: () => number
  readonly mark: (fact: string) => void
  /** Bytes of its disk were damaged on purpose, at some time. */
  readonly wasDamaged: (machine: Machine) => boolean
  /** It could not start for a reason that waiting does not mend. */
  readonly refusedToStart: (machine: Machine, error: RaftsmanError) => void
}

export class Machine {
  readonly id: number
  readonly name: string
  /** For its peers. */
  readonly address: string
  readonly clientAddress: string
  readonly disk: MemoryDisk
  readonly program: Program
  readonly skew: ClockSkew
  readonly joining: Joining
  process: SimProcess | null = null
  powered = true
  /** Somebody keeps it down on purpose. */
  keptDown = false
  /** Thrown away: it was removed from the cluster, and never comes back. */
  retired = false
  /** Disk calls answer no earlier. */
  stalledUntilMs = 0
  private readonly environment: MachineEnvironment
  private readonly latency: Random
  private lives = 0
  private hasNoRoom = false

  constructor(id: number, environment: MachineEnvironment, joining: Joining, skew: ClockSkew) {
    this.joining = joining
    this.id = id
    this.name = `m${id}`
    this.address = `m${id}:2380`
    this.clientAddress = `m${id}:2379`
    this.environment = environment
    this.skew = skew
    this.latency = environment.randomOf(`latency/${id}`)
    this.disk = new MemoryDisk({
      random: environment.randomOf(`disk/${id}`),
      schedule: (callback, operation) => this.later(operation, callback),
    })
    this.program = environment.programOf(this)
  }

  /** The file system has no room. */
  get full(): boolean {
    return this.hasNoRoom
  }

  set full(full: boolean) {
    this.hasNoRoom = full
    this.disk.faults.capacityBytes = full ? 0 : Number.MAX_SAFE_INTEGER
    this.program.roomChanged(full)
  }

  /** Some of the next syncs fails. */
  failSyncSoon(after: number): void {
    this.disk.faults.syncsUntilFailure = after
    this.program.writesFail(true)
  }

  /** What is broken about its disk is mended. */
  mendDisk(): void {
    this.full = false
    this.stalledUntilMs = 0
    this.disk.faults.syncsUntilFailure = null
    this.program.writesFail(false)
  }

  /** Null while it starts or is not there. */
  get node(): RaftNode | null {
    return this.program.node
  }

  get running(): boolean {
    return this.process !== null
  }

  /** A disk call of the present process answers after its time, or never when that dies. */
  private later(kind: DiskOperation, run: () => void): void {
    const { scheduler, swarm } = this.environment
    const { syncMsMin, syncMsMax } = swarm
    const ms =
      kind === 'sync'
        ? between(this.latency, syncMsMin, syncMsMax)
        : kind === 'name'
          ? 0.02
          : between(this.latency, 0.01, syncMsMin)
    const stalledMs = Math.max(0, this.stalledUntilMs - scheduler.nowMs)
    scheduler.after(ms + stalledMs, kind, this.process, run)
  }

  start(): void {
    if (this.process !== null || !this.powered || this.keptDown || this.retired) return
    const { environment, skew } = this
    const { scheduler } = environment
    this.lives += 1
    const process = new SimProcess(this.id, environment.nextPid())
    this.process = process
    const life = {
      process,
      clock: new MachineClock(scheduler, process, skew),
      random: environment.randomOf(`node/${this.id}/${this.lives}`),
      disk: this.disk,
      network: environment.networkOf(process),
      processes: this.processes(process),
      logger: markingLogger(message => this.noted(message)),
      later: (kind: DiskOperation, run: () => void) => this.later(kind, run),
      full: () => this.full,
      onFatal: (error: Error) => this.ended(process, error),
    }
    scheduler.after(0, 'machine', process, () =>
      this.program.start(life, error => {
        if (process.alive && error !== null) this.notStarted(process, error)
      }),
    )
  }

  private processes(process: SimProcess): Processes {
    const identity = (pid: number) => ({ pid, startTicks: 1 })
    return {
      self: () => identity(process.pid),
      identify: pid => (pid === this.process?.pid ? identity(pid) : null),
      spawn: () => null,
      signal: () => false,
      signalGroup: () => false,
    }
  }

  private notStarted(process: SimProcess, error: RaftsmanError): void {
    const { environment } = this
    environment.mark(`start refused: ${error.code}`)
    this.gone(process, 'exit')
    // A failed disk call ends a start as it ends a process; the next one may find it mended.
    if (!error.retryable && error.code !== 'disk-io') environment.refusedToStart(this, error)
    this.startLater(restartMs)
  }

  /** The node ended by itself, as production does after a fatal error. */
  private ended(process: SimProcess, error: Error): void {
    if (!(error instanceof KnownError))
      throw new SimulationFailure('no-crash', `${this.name} ends: ${error.stack ?? error.message}`)
    this.environment.mark(`process ended: ${error.code}`)
    this.gone(process, 'exit')
    this.startLater(restartMs)
  }

  startLater(delayMs: number): void {
    this.environment.scheduler.after(delayMs, 'machine', null, () => this.start())
  }

  private gone(process: SimProcess, how: 'exit' | 'power'): void {
    if (this.process !== process) return
    process.alive = false
    process.held = []
    this.process = null
    this.program.died()
    if (how === 'exit') this.disk.kill()
    this.environment.died(this, process, how === 'exit')
  }

  /** It tells its operators. */
  private noted(message: string): void {
    this.environment.mark(`log: ${message}`)
    if (message === 'the log was damaged and is repaired' && !this.environment.wasDamaged(this))
      throw new SimulationFailure('starts-again', `${this.name} finds damage where none was done`)
  }

  kill(): void {
    if (this.process !== null) this.gone(this.process, 'exit')
  }

  powerCut(): void {
    this.powered = false
    if (this.process !== null) this.gone(this.process, 'power')
    this.disk.crash()
    this.program.powerCut()
  }

  retire(): void {
    this.retired = true
    this.powerCut()
  }

  /** In good order: hands leadership over, then ends. */
  stop(stopped: () => void): void {
    const { node, process } = this
    if (node === null || process === null) return
    this.environment.scheduler.after(0, 'machine', process, () =>
      this.program.stop(() => {
        this.gone(process, 'exit')
        stopped()
      }),
    )
  }

  pause(): void {
    if (this.process !== null) this.process.paused = true
  }

  resume(): void {
    if (this.process?.paused === true) this.environment.scheduler.resume(this.process)
  }
}

/** Counts what the node tells its operators: the marks of coverage that nobody else can see. */
function markingLogger(noted: (message: string) => void): Logger {
  const note = (_fields: unknown, message: string) => noted(message)
  const logger: Logger = {
    debug() {},
    info: note,
    warn: note,
    error: note,
    child: () => logger,
  }
  return logger
}
