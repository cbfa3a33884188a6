// A machine that pretends to run containers: what it knows of them outlives its kubelet, and ends with its
// power. One container stands for all of a pod. How long it runs is asked of annotations on the pod.

import type { Pod } from '../orchestrator/api/types/core-pod.js'
import type { Clock, Timer } from '../platform/clock.js'
import type { Random } from '../platform/random.js'

/** Seconds that the containers of a pod run before they exit. Without it those of jobs run for one. */
export const runSecondsAnnotation = 'testing.raftsman.dev/run-seconds'
/** What they exit with; 0 without it. */
export const exitCodeAnnotation = 'testing.raftsman.dev/exit-code'

export interface Container {
  readonly uid: string
  readonly namespace: string
  readonly podName: string
  readonly podIP: string
  readonly restarts: number
  state: 'starting' | 'running' | 'exited'
  /** Wall time; 0 before. */
  startedMs: number
  finishedMs: number
  exitCode: number
  /** It was told to end, and takes its time. */
  stopping: boolean
}

export interface PretendMachineOptions {
  readonly name: string
  /** Of the machine: it goes on while the kubelet does not. */
  readonly clock: Clock
  readonly random: Random
  /** The first two numbers of its pods' addresses and its own, as in "10.244.3". */
  readonly subnet: string
  /** The longest that a container takes to start, and to end. */
  readonly startMsMax: number
  readonly stopMsMax: number
}

export class PretendMachine {
  readonly name: string
  readonly containers = new Map<string, Container>()
  /** The kubelet, while it lives. */
  onChange: (uid: string) => void = () => {}
  readonly #options: PretendMachineOptions
  readonly #timers = new Map<string, Timer>()
  #octet = 1

  constructor(options: PretendMachineOptions) {
    this.name = options.name
    this.#options = options
  }

  get address(): string {
    return `${this.#options.subnet}.1`
  }

  /** `restarts`: how often a container of this pod has run before. */
  run(pod: Pod, restarts: number): void {
    const { subnet } = this.#options
    const { uid = '', namespace = '', name = '' } = pod.metadata
    const known = this.containers.get(uid)
    if (known === undefined) this.#octet = (this.#octet % 250) + 1
    const container: Container = {
      uid,
      namespace,
      podName: name,
      podIP: known?.podIP ?? `${subnet}.${this.#octet + 1}`,
      restarts,
      state: 'starting',
      startedMs: 0,
      finishedMs: 0,
      exitCode: 0,
      stopping: false,
    }
    this.containers.set(uid, container)
    this.#later(uid, this.#draw(this.#options.startMsMax), () => {
      container.state = 'running'
      container.startedMs = this.#options.clock.wallMs()
      const runMs = runMsOf(pod)
      if (runMs !== null) this.#later(uid, runMs, () => this.#exit(container, exitCodeOf(pod)))
      this.onChange(uid)
    })
  }

  /** Asks it to end; it takes a moment. */
  stop(uid: string): void {
    const container = this.containers.get(uid)
    if (container === undefined || container.stopping || container.state === 'exited') return
    container.stopping = true
    this.#later(uid, this.#draw(this.#options.stopMsMax), () => this.#exit(container, 137))
  }

  /** Its process ends by itself, with this code. Nothing happens to one that does not run. */
  exit(uid: string, exitCode: number): void {
    const container = this.containers.get(uid)
    if (container?.state !== 'running') return
    this.#timers.get(uid)?.cancel()
    this.#exit(container, exitCode)
  }

  /** Nobody wants to know of it any more. */
  remove(uid: string): void {
    this.#timers.get(uid)?.cancel()
    this.#timers.delete(uid)
    this.containers.delete(uid)
  }

  /** Everything that ran ends, and is forgotten. */
  powerCut(): void {
    for (const uid of this.containers.keys()) this.remove(uid)
  }

  #exit(container: Container, exitCode: number): void {
    container.state = 'exited'
    container.exitCode = exitCode
    container.finishedMs = this.#options.clock.wallMs()
    this.onChange(container.uid)
  }

  #draw(msMax: number): number {
    return this.#options.random.next() * msMax
  }

  #later(uid: string, delayMs: number, run: () => void): void {
    this.#timers.get(uid)?.cancel()
    this.#timers.set(uid, this.#options.clock.setTimer(delayMs, run))
  }
}

/** Null: for ever. */
function runMsOf(pod: Pod): number | null {
  const seconds = pod.metadata.annotations?.[runSecondsAnnotation]
  if (seconds !== undefined) return Number(seconds) * 1000
  return pod.spec.restartPolicy === 'Always' ? null : 1000
}

function exitCodeOf(pod: Pod): number {
  return Number(pod.metadata.annotations?.[exitCodeAnnotation] ?? 0)
}
