// What the kubelet asks of whatever runs containers. Counterpart: the CRI (RuntimeService and
// ImageService), which a containerd runtime implements behind this same interface; process/ is the
// embedded one. Left out: stats, checkpoint. Port-forward needs no runtime: pods have addresses.

import { RaftsmanError } from '../../platform/errors.js'
import type { CommandStreams } from '../streams/remote-command.js'

/** What all containers of a pod share. Counterpart: PodSandboxConfig. */
export interface SandboxSpec {
  readonly podUid: string
  readonly podNamespace: string
  readonly podName: string
  /** One of the node's pod addresses, for this pod alone. */
  readonly address: string
}

export interface EnvVar {
  readonly name: string
  readonly value: string
}

/** A directory or file of the machine that the container sees at `containerPath`. */
export interface Mount {
  readonly hostPath: string
  /** Absolute, as the pod's spec names it. */
  readonly containerPath: string
  readonly readOnly: boolean
}

export interface ContainerSpec {
  readonly podUid: string
  readonly name: string
  /** 0 for the first start; the restart count. */
  readonly attempt: number
  /** As in the pod's spec, and as the runtime resolved it. */
  readonly image: string
  readonly imageId: string
  /** Entrypoint and arguments after expansion; empty where the image has to say. */
  readonly command: readonly string[]
  readonly env: readonly EnvVar[]
  /** '' for the image's own. */
  readonly workingDirectory: string
  readonly mounts: readonly Mount[]
  /** Whom the pod wants it to run as; null where it does not say. */
  readonly runAsUser: number | null
  /** The pod refuses to run as user 0. */
  readonly runAsNonRoot: boolean
  /** Whether clients may write to its input; else it has none. */
  readonly stdin: boolean
}

export interface ContainerExit {
  readonly code: number
  readonly finishedAtMs: number
  readonly reason: 'Completed' | 'Error' | 'ContainerStatusUnknown' | 'StartError'
  readonly message: string
}

/** What the runtime knows of one run of one container. */
export interface ContainerRecord {
  /** With the runtime's scheme, as in "process://5f1c…". */
  readonly id: string
  readonly podUid: string
  readonly name: string
  readonly attempt: number
  readonly image: string
  readonly imageId: string
  /** Milliseconds since the Unix epoch. */
  readonly startedAtMs: number
  /** Null while it runs. */
  readonly exit: ContainerExit | null
  /** Of the main process, where there is one to name. */
  readonly pid: number | null
}

export interface ExecResult {
  readonly code: number
  /** Both streams, cut at a few kilobytes. */
  readonly output: string
  readonly timedOut: boolean
}

export interface LogQuery {
  readonly follow: boolean
  /** Only this many lines from the end; null for all. */
  readonly tailLines: number | null
  /** Only lines written at or after this instant; null for all. */
  readonly sinceMs: number | null
  readonly timestamps: boolean
  readonly limitBytes: number | null
}

export type RuntimeErrorCode =
  | 'image-not-known'
  | 'image-not-present'
  | 'container-not-started'
  | 'container-not-found'

/** `message` is what a user reads in the container's status. */
export class RuntimeError extends RaftsmanError {
  constructor(code: RuntimeErrorCode, message: string, cause?: unknown) {
    super(message, { code, retryable: true, outcome: 'not-applied', cause })
  }
}

export interface Runtime {
  /** As in nodeInfo.containerRuntimeVersion: "process://0.1.0". */
  readonly version: string
  /** Finds again what an earlier process of this node left running. Before anything else. */
  restore(): Promise<void>
  /** Told the pod's uid whenever one of its containers started or ended. */
  onChange(listener: (podUid: string) => void): void

  /** The id of the image when it is here, or null. */
  findImage(image: string): Promise<string | null>
  /** Fetches the image and answers its id; RuntimeError when that cannot be. */
  pullImage(image: string): Promise<string>

  sandboxes(): readonly SandboxSpec[]
  createSandbox(spec: SandboxSpec): Promise<void>
  /** Directory of the pod on the machine, where volumes live. */
  podDirectory(podUid: string): string
  /** Ends what still runs in it, then forgets it with its logs and directories. */
  removeSandbox(podUid: string): Promise<void>

  /** All runs that are still known, oldest first. */
  containers(podUid: string): readonly ContainerRecord[]
  startContainer(spec: ContainerSpec): Promise<ContainerRecord>
  /** Asks the main process to end; its exit follows as a change. */
  terminateContainer(id: string): void
  /** Ends every process of the container. */
  killContainer(id: string): void
  /** Forgets a run that has ended, and its log. */
  removeContainer(id: string): Promise<void>
  /** Runs a command beside the main process. */
  exec(id: string, command: readonly string[], timeoutMs: number): Promise<ExecResult>
  /**
   * The same for a client who is connected; a `tty` has its own pseudo terminal. Resolves with the
   * exit code once all output was handed on. The command ends when the client leaves.
   */
  execSession(
    id: string,
    command: readonly string[],
    tty: boolean,
    streams: CommandStreams,
  ): Promise<number>
  /**
   * Joins a client to the main process from now on. Resolves when either has ended. With `stdinOnce`
   * the end of this client's input is the end of the container's.
   */
  attach(id: string, stdinOnce: boolean, streams: CommandStreams): Promise<void>
  /**
   * Pieces of the log as text lines; ends at the end of the log, or with `follow` when the
   * container has ended. Stops reading while the consumer does not ask for more.
   */
  readLog(id: string, query: LogQuery, signal: AbortSignal): AsyncIterable<Uint8Array>
  /** Lets go of everything; containers go on. */
  close(): Promise<void>
}
