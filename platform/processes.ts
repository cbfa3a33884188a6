// Child processes as an argument: what the supervisor and the embedded runtime need of the OS.

import type { Readable, Writable } from 'node:stream'

export type Signal = 'SIGTERM' | 'SIGKILL' | 'SIGINT' | 'SIGSTOP' | 'SIGCONT' | 'SIGHUP' | 'SIGUSR2'

export interface ProcessSpec {
  readonly command: string
  readonly args: readonly string[]
  /** The whole environment of the child; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>
  readonly directory: string
  /** A session and process group of its own, outliving us when we die. */
  readonly detached: boolean
  /** 'ignore', an open descriptor, a file to append to, or a pipe to us. */
  readonly stdout: 'ignore' | 'pipe' | number | { readonly appendTo: string }
  readonly stderr: 'ignore' | 'pipe' | number | { readonly appendTo: string }
  /** 'lifeline': a pipe whose end the child sees when we die. 'pipe': one that we also write to. */
  readonly stdin: 'ignore' | 'lifeline' | 'pipe'
}

export interface ExitStatus {
  readonly code: number | null
  readonly signal: string | null
}

export interface ChildProcess {
  readonly pid: number
  /** Our ends of the pipes that were asked for. */
  readonly stdin: Writable | null
  readonly stdout: Readable | null
  readonly stderr: Readable | null
  /** Of the child alone. */
  kill(signal: Signal): void
}

/** Tells two processes apart that had the same pid one after the other. */
export interface ProcessIdentity {
  readonly pid: number
  /** Clock ticks since boot at which it started; field 22 of /proc/PID/stat. */
  readonly startTicks: number
}

export interface Processes {
  /** This process. */
  self(): ProcessIdentity
  /** `onExit` once; a command that cannot be started answers through `onError` and no exit. */
  spawn(
    spec: ProcessSpec,
    onExit: (status: ExitStatus) => void,
    onError: (error: Error) => void,
  ): ChildProcess | null
  /** Null when no such process lives (a zombie counts as dead). */
  identify(pid: number): ProcessIdentity | null
  /** Signals a process only if it is still the same one; false when it is gone. */
  signal(identity: ProcessIdentity, signal: Signal): boolean
  /** Signals the whole process group led by it; false when it is gone. */
  signalGroup(identity: ProcessIdentity, signal: Signal): boolean
}
