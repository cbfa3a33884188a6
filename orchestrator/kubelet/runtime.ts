// What the kubelet asks of whatever runs containers. Counterpart: the CRI (RuntimeService and ImageService).
// process/ is the embedded one, cri/ speaks to containerd and its like. Left out: checkpoint, resize. Port-forward
// needs no runtime: pods have addresses.

import { RaftsmanError } from '../../platform/errors.js'
import type { Container } from '../api/types/core-container.js'
import type { Pod } from '../api/types/core-pod.js'
import type { CommandStreams } from '../streams/remote-command.js'
import type { RegistryCredentials } from './image-credentials.js'
import type { PodDns, PodNames } from './pod-dns.js'

/** What all containers of a pod share. Counterpart: PodSandboxConfig. */
export interface SandboxSpec {
  readonly pod: Pod
  readonly names: PodNames
  readonly dns: PodDns
  /** Of the pod's RuntimeClass; '' for the runtime's default. */
  readonly runtimeHandler: string
}

/** What the runtime knows of a pod's sandbox; of several the newest. */
export interface SandboxRecord {
  readonly podUid: string
  readonly podNamespace: string
  readonly podName: string
  /** Null where the pod has no other than the machine's. */
  readonly address: string | null
  /** False once it has ended: its containers cannot be started any more. */
  readonly ready: boolean
}

export interface EnvVar {
  readonly name: string
  readonly value: string
}

export type MountPropagation = 'None' | 'HostToContainer' | 'Bidirectional'

/** A directory or file of the machine that the container sees at `containerPath`. */
export interface Mount {
  readonly hostPath: string
  /** Absolute, as the pod's spec names it. */
  readonly containerPath: string
  readonly readOnly: boolean
  readonly propagation: MountPropagation
}

export interface ContainerSpec {
  readonly sandbox: SandboxSpec
  readonly container: Container
  /** 0 for the first start; the restart count. */
  readonly attempt: number
  /** As the runtime resolved the container's image. */
  readonly image: LocalImage
  /** After expansion. Both empty: the image has to say. */
  readonly command: readonly string[]
  readonly args: readonly string[]
  readonly env: readonly EnvVar[]
  readonly mounts: readonly Mount[]
}

export interface ContainerExit {
  readonly code: number
  readonly finishedAtMs: number
  /** As in Completed, Error, OOMKilled, StartError, ContainerStatusUnknown. */
  readonly reason: string
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
  /** Of the main process, where the runtime names it. */
  readonly pid: number | null
}

export interface LocalImage {
  readonly id: string
  /** Comes with the runtime: there is nothing to pull. */
  readonly builtIn: boolean
  /** As whom it runs by itself, a number or a name; '' for root. */
  readonly user: string
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

/** Of a container or the whole machine. */
export interface Usage {
  /** Seconds of one processor, since some start. */
  readonly cpuSeconds: number
  readonly memoryBytes: number
}

export type RuntimeErrorCode =
  | 'image-name-invalid'
  | 'image-not-known'
  | 'image-not-present'
  | 'sandbox-not-created'
  | 'sandbox-not-removed'
  | 'container-not-created'
  | 'container-not-started'
  | 'container-not-found'
  | 'runtime-failed'
  /** It was not heard of: of the container this says nothing. */
  | 'runtime-unavailable'

/** `message` is what a user reads in the container's status. */
export class RuntimeError extends RaftsmanError {
  constructor(code: RuntimeErrorCode, message: string, cause?: unknown) {
    super(message, { code, retryable: true, outcome: 'not-applied', cause })
  }
}

/** Sentences as the node's Ready condition says them; null where all is well. */
export interface RuntimeTroubles {
  /** It cannot be asked, or says that it cannot work: what runs is left alone, and nothing is started. */
  readonly runtime: string | null
  /** Only pods on the machine's own network can start. */
  readonly network: string | null
}

export interface Runtime {
  /** As in nodeInfo.containerRuntimeVersion: "process://0.1.0"; '' as long as it is not known. */
  readonly version: string
  readonly troubles: RuntimeTroubles
  /** Containers run as the users that they name, and see their volumes alone. */
  readonly isolates: boolean
  /** Finds again what an earlier process of this node left running. Before anything else. */
  restore(): Promise<void>
  /** Told the pod's uid whenever one of its containers started or ended, or its sandbox ended. */
  onChange(listener: (podUid: string) => void): void
  onTroubles(listener: () => void): void
  /** The node's range of pod addresses, for runtimes that give them out themselves. */
  usePodCidr(cidr: string): Promise<void>

  /** What is here under this name, or null. RuntimeError where it is no name. */
  findImage(image: string): Promise<LocalImage | null>
  /** Fetches the image with the first credentials that the registry takes; RuntimeError when that cannot be. */
  pullImage(image: string, credentials: readonly RegistryCredentials[]): Promise<LocalImage>

  sandboxes(): readonly SandboxRecord[]
  sandbox(podUid: string): SandboxRecord | null
  /** With what is left of an earlier sandbox of the pod ended. */
  createSandbox(spec: SandboxSpec): Promise<SandboxRecord>
  /** Ends what runs in it and gives its address back; logs and directories stay. */
  stopSandbox(podUid: string): Promise<void>
  /** Directory of the pod on the machine, where volumes live. */
  podDirectory(podUid: string): string
  /** Ends what still runs in it, then forgets it with its logs and directories. */
  removeSandbox(podUid: string): Promise<void>

  /** All runs that are still known, oldest first. */
  containers(podUid: string): readonly ContainerRecord[]
  startContainer(spec: ContainerSpec): Promise<ContainerRecord>
  /** Asks the main process to end within the grace; its exit follows as a change. */
  terminateContainer(id: string, graceMs: number): void
  /** Ends every process of the container. */
  killContainer(id: string): void
  /** Forgets a run that has ended, and its log. */
  removeContainer(id: string): Promise<void>
  /** Of the containers that run, by id. */
  usage(): Promise<ReadonlyMap<string, Usage>>
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
  /** Joins a client to the main process from now on. Resolves when either has ended. */
  attach(id: string, container: Container, streams: CommandStreams): Promise<void>
  /**
   * Pieces of the log as text lines; ends at the end of the log, or with `follow` when the
   * container has ended. Stops reading while the consumer does not ask for more.
   */
  readLog(id: string, query: LogQuery, signal: AbortSignal): AsyncIterable<Uint8Array>
  /** Lets go of everything; containers go on. */
  close(): Promise<void>
}
