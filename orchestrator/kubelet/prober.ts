// Runs the probes of the containers that run, and keeps what they say. Counterpart: the kubelet's
// prober manager. One timer a probe; the judgement is in probe-state.ts.

import type { Clock, Timer } from '../../platform/clock.js'
import type { Random } from '../../platform/random.js'
import type { Container } from '../api/types/core-container.js'
import type { Pod } from '../api/types/core-pod.js'
import { type ActionResult, runAction } from './probe-actions.js'
import {
  afterOutcome,
  initialProbeState,
  isProbeActive,
  type ProbeKind,
  probeKinds,
  probeOf,
  type ProbeState,
  probeTimings,
  type ProbeVerdicts,
  probeVerdicts,
} from './probe-state.js'
import { type ContainerRecord, type Runtime, RuntimeError } from './runtime.js'

export interface ProberOptions {
  readonly runtime: Runtime
  readonly clock: Clock
  readonly random: Random
  /** A verdict changed. */
  readonly onVerdict: (podUid: string) => void
  readonly onFailure: (
    podUid: string,
    container: Container,
    kind: ProbeKind,
    message: string,
  ) => void
}

interface Probed {
  readonly podUid: string
  readonly container: Container
  readonly record: ContainerRecord
  readonly podAddress: string
  readonly states: Map<ProbeKind, ProbeState>
  readonly timers: Map<ProbeKind, Timer>
}

export class Prober {
  private readonly options: ProberOptions
  /** By container id. */
  private readonly probed = new Map<string, Probed>()

  constructor(options: ProberOptions) {
    this.options = options
  }

  /** Makes exactly the running containers of the pod be probed. */
  observe(pod: Pod, podAddress: string, runs: readonly ContainerRecord[]): void {
    const podUid = pod.metadata.uid ?? ''
    const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]
    const running = new Set<string>()
    for (const record of runs) {
      const container = containers.find(({ name }) => name === record.name)
      if (record.exit !== null || container === undefined) continue
      running.add(record.id)
      if (!this.probed.has(record.id)) this.begin(pod, podAddress, container, record)
    }
    for (const [id, probed] of this.probed) {
      if (probed.podUid === podUid && !running.has(id)) this.end(id)
    }
  }

  /** Of a running container that is observed; null for others. */
  verdictsOf(containerId: string): ProbeVerdicts | null {
    const probed = this.probed.get(containerId)
    return probed === undefined ? null : probeVerdicts(probed.states)
  }

  forget(podUid: string): void {
    for (const [id, probed] of this.probed) if (probed.podUid === podUid) this.end(id)
  }

  close(): void {
    for (const id of this.probed.keys()) this.end(id)
  }

  private begin(pod: Pod, podAddress: string, container: Container, record: ContainerRecord): void {
    const states = new Map<ProbeKind, ProbeState>()
    const known = [
      ...(pod.status?.containerStatuses ?? []),
      ...(pod.status?.initContainerStatuses ?? []),
    ].find(status => status.containerID === record.id)
    for (const kind of probeKinds) {
      if (probeOf(container, kind) === undefined) continue
      const initial = initialProbeState(kind)
      // A node that comes back must not take a container out of service that it had found ready.
      const held =
        kind === 'startup' ? known?.started : kind === 'readiness' ? known?.ready : undefined
      states.set(kind, held === true ? { ...initial, verdict: true } : initial)
    }
    const podUid = pod.metadata.uid ?? ''
    const probed: Probed = { podUid, container, record, podAddress, states, timers: new Map() }
    this.probed.set(record.id, probed)
    this.scheduleActive(probed)
  }

  private end(containerId: string): void {
    for (const timer of this.probed.get(containerId)?.timers.values() ?? []) timer.cancel()
    this.probed.delete(containerId)
  }

  private scheduleActive(probed: Probed): void {
    const { clock, random } = this.options
    for (const kind of probed.states.keys()) {
      const probe = probeOf(probed.container, kind)
      if (probe === undefined || probed.timers.has(kind)) continue
      if (!isProbeActive(kind, probed.states)) continue
      const { initialDelayMs, periodMs } = probeTimings(probe)
      const ageMs = clock.wallMs() - probed.record.startedAtMs
      // Containers found again after a restart of the node are not all probed at one instant.
      const spreadMs = ageMs > periodMs ? random.next() * Math.min(periodMs, 2000) : 0
      this.schedule(probed, kind, Math.max(spreadMs, initialDelayMs - ageMs))
    }
  }

  private schedule(probed: Probed, kind: ProbeKind, afterMs: number): void {
    const timer = this.options.clock.setTimer(Math.max(1, afterMs), () => {
      void this.probe(probed, kind)
    })
    probed.timers.set(kind, timer)
  }

  private async probe(probed: Probed, kind: ProbeKind): Promise<void> {
    const { runtime, clock } = this.options
    const { container, record, podAddress } = probed
    const probe = probeOf(container, kind)
    if (probe === undefined) return
    const timings = probeTimings(probe)
    const startedMs = clock.monotonicMs()
    const result = await runAction(probe, {
      runtime,
      container,
      containerId: record.id,
      podAddress,
      timeoutMs: timings.timeoutMs,
    }).catch((error: unknown): ActionResult | null => {
      // That nobody could ask is not the container's fault.
      if (error instanceof RuntimeError && error.code === 'runtime-unavailable') return null
      return { succeeded: false, message: String(error) }
    })
    if (this.probed.get(record.id) !== probed) return
    if (result !== null) this.take(probed, kind, result)
    probed.timers.delete(kind)
    if (!isProbeActive(kind, probed.states)) return
    this.schedule(probed, kind, timings.periodMs - (clock.monotonicMs() - startedMs))
  }

  private take(probed: Probed, kind: ProbeKind, result: ActionResult): void {
    const { onVerdict, onFailure } = this.options
    const { podUid, container, states } = probed
    const probe = probeOf(container, kind)
    const state = states.get(kind)
    if (probe === undefined || state === undefined) return
    const next = afterOutcome(state, probeTimings(probe), result.succeeded)
    states.set(kind, next)
    if (!result.succeeded) onFailure(podUid, container, kind, result.message)
    if (next.verdict === state.verdict) return
    this.scheduleActive(probed)
    onVerdict(podUid)
  }
}
