// Keeps the processes of a local cluster running, as systemd would: a component that dies is
// started again, at once the first time and with growing pauses when it keeps dying. Every child
// holds the end of a pipe (its lifeline) and ends by itself when the supervisor is gone.

import { existsSync } from 'node:fs'
import type { Clock, Timer } from '../../platform/clock.js'
import type { Logger } from '../../platform/logger.js'
import type { ChildProcess, ProcessIdentity, Processes } from '../../platform/processes.js'
import type { ComponentSpec } from './components.js'
import type { Layout } from './layout.js'
import { rotateLog } from './log-file.js'
import { removeRecord, writeRecord } from './process-files.js'

/** A component that lived at least this long starts its next life without a pause. */
const settledMs = 10_000
const pauseMsMin = 250
const pauseMsMax = 10_000
/** How long a stage may take to end by itself before it is killed. */
const graceMsMax = 20_000

export type Ending = 'graceful' | 'at-once'

interface Slot {
  readonly spec: ComponentSpec
  child: ChildProcess | null
  identity: ProcessIdentity | null
  startedAtMs: number
  pauseMs: number
  restart: Timer | null
  restarts: number
  /** Told when the child is gone. */
  waiting: (() => void)[]
}

export interface SupervisorParts {
  readonly layout: Layout
  readonly processes: Processes
  readonly clock: Clock
  readonly logger: Logger
  /** Node's own flags and the program that take the component's arguments. */
  readonly command: readonly [string, ...string[]]
  readonly env: Readonly<Record<string, string>>
}

export class Supervisor {
  readonly #parts: SupervisorParts
  readonly #slots: readonly Slot[]
  #stopping = false

  constructor(specs: readonly ComponentSpec[], parts: SupervisorParts) {
    this.#parts = parts
    this.#slots = specs.map(spec => ({
      spec,
      child: null,
      identity: null,
      startedAtMs: 0,
      pauseMs: 0,
      restart: null,
      restarts: 0,
      waiting: [],
    }))
  }

  /** Starts the components of one stage that are not held back by `raftsman stop`. */
  start(stage: ComponentSpec['stage']): void {
    for (const slot of this.#slots) {
      if (slot.spec.stage === stage) this.#startSlot(slot)
    }
  }

  /** Looks again at which members are to be up: after `raftsman stop` and `raftsman start`. */
  reconsider(): void {
    for (const slot of this.#slots) {
      const held = this.#isHeld(slot)
      if (held && slot.restart !== null) {
        slot.restart.cancel()
        slot.restart = null
      }
      if (!held) this.#startSlot(slot)
    }
  }

  /** The first component that keeps dying, for a start that does not come about. */
  get failing(): { readonly name: string; readonly logFile: string } | null {
    const slot = this.#slots.find(({ restarts }) => restarts >= 3)
    if (slot === undefined) return null
    return { name: slot.spec.name, logFile: this.#parts.layout.logFile(slot.spec.name) }
  }

  /** Nodes first (they stop their pods), stores last. */
  async stop(ending: Ending): Promise<void> {
    this.#stopping = true
    for (const slot of this.#slots) slot.restart?.cancel()
    if (ending === 'at-once') {
      for (const { child } of this.#slots) child?.kill('SIGKILL')
      await Promise.all(this.#slots.map(slot => this.#gone(slot)))
      return
    }
    for (const stage of ['node', 'controllers', 'apiserver', 'store'] as const) {
      await this.#stopStage(stage)
    }
  }

  async #stopStage(stage: ComponentSpec['stage']): Promise<void> {
    const slots = this.#slots.filter(({ spec, child }) => spec.stage === stage && child !== null)
    for (const { child } of slots) child?.kill('SIGTERM')
    const killer = this.#parts.clock.setTimer(graceMsMax, () => {
      for (const { spec, child } of slots) {
        if (child === null) continue
        this.#parts.logger.warn({ component: spec.name }, 'does not end by itself and is killed')
        child.kill('SIGKILL')
      }
    })
    await Promise.all(slots.map(slot => this.#gone(slot)))
    killer.cancel()
  }

  #gone(slot: Slot): Promise<void> {
    if (slot.child === null) return Promise.resolve()
    return new Promise(resolve => slot.waiting.push(resolve))
  }

  #isHeld(slot: Slot): boolean {
    return existsSync(this.#parts.layout.stoppedFile(slot.spec.member))
  }

  #startSlot(slot: Slot): void {
    if (this.#stopping || slot.child !== null || slot.restart !== null || this.#isHeld(slot)) return
    const { layout, processes, clock, logger, command, env } = this.#parts
    const log = { appendTo: layout.logFile(slot.spec.name) }
    rotateLog(log.appendTo)
    slot.startedAtMs = clock.monotonicMs()
    slot.child = processes.spawn(
      {
        command: command[0],
        args: [...command.slice(1), ...slot.spec.args, '--lifeline'],
        env,
        directory: layout.directory,
        // Its own group: a Ctrl-C at the terminal reaches only the supervisor, which stops in order.
        detached: true,
        stdin: 'lifeline',
        stdout: log,
        stderr: log,
      },
      status => {
        logger.info({ component: slot.spec.name, ...status }, 'component ended')
        this.#ended(slot)
      },
      error => {
        logger.error(
          { component: slot.spec.name, error: error.message },
          'component cannot be started',
        )
        this.#ended(slot)
      },
    )
    if (slot.child === null) return
    slot.identity = processes.identify(slot.child.pid)
    if (slot.identity !== null) {
      writeRecord(layout.processFile(slot.spec.name), { name: slot.spec.name, ...slot.identity })
    }
    logger.info({ component: slot.spec.name, pid: slot.child.pid }, 'component started')
  }

  #ended(slot: Slot): void {
    const { clock, layout } = this.#parts
    slot.child = null
    slot.identity = null
    removeRecord(layout.processFile(slot.spec.name))
    for (const resolve of slot.waiting.splice(0)) resolve()
    if (this.#stopping || this.#isHeld(slot)) return
    const livedMs = clock.monotonicMs() - slot.startedAtMs
    if (livedMs >= settledMs) {
      slot.pauseMs = 0
      slot.restarts = 0
    } else {
      slot.restarts += 1
    }
    const pauseMs = slot.pauseMs
    slot.pauseMs = Math.min(pauseMsMax, Math.max(pauseMsMin, pauseMs * 2))
    slot.restart = clock.setTimer(pauseMs, () => {
      slot.restart = null
      this.#startSlot(slot)
    })
  }
}
