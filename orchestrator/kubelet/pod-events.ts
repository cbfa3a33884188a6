// Events about a pod and its containers, with the reasons and texts users know.
// Counterpart: pkg/kubelet/events.

import type { Container } from '../api/types/core-container.js'
import type { Pod } from '../api/types/core-pod.js'
import { type EventRecorder, type EventType, referenceTo } from '../client/event-recorder.js'

export type PodEventReason =
  | 'BackOff'
  | 'Created'
  | 'DeadlineExceeded'
  | 'ErrImageNeverPull'
  | 'Failed'
  | 'FailedCreatePodSandBox'
  | 'FailedKillPod'
  | 'FailedMount'
  | 'FailedPostStartHook'
  | 'FailedPreStopHook'
  | 'InspectFailed'
  | 'Killing'
  | 'MissingClusterDNS'
  | 'NetworkNotReady'
  | 'Pulled'
  | 'Pulling'
  | 'SandboxChanged'
  | 'Started'
  | 'Unhealthy'

export class PodEvents {
  private readonly recorder: EventRecorder

  constructor(recorder: EventRecorder) {
    this.recorder = recorder
  }

  ofPod(pod: Pod, type: EventType, reason: PodEventReason, message: string): void {
    this.recorder.record(pod, type, reason, message)
  }

  ofContainer(
    pod: Pod,
    container: Container,
    type: EventType,
    reason: PodEventReason,
    message: string,
  ): void {
    const isInit = (pod.spec.initContainers ?? []).some(({ name }) => name === container.name)
    const field = isInit ? 'initContainers' : 'containers'
    // The version says nothing of use and would keep equal events apart.
    const { resourceVersion: _version, ...about } = referenceTo(pod)
    this.recorder.recordFor(
      { ...about, fieldPath: `spec.${field}{${container.name}}` },
      type,
      reason,
      message,
    )
  }
}
