// What users are told of a pod: its event, the condition PodScheduled, and the node it is nominated to.
// Counterpart: handleSchedulingFailure of pkg/scheduler/schedule_one.go.

import type { Clock } from '../../platform/clock.js'
import type { JsonObject } from '../api/object.js'
import type { Pod } from '../api/types/core-pod.js'
import { isConflict, isNotFound } from '../client/api-error.js'
import type { EventRecorder } from '../client/event-recorder.js'
import { objectKey, pods } from '../client/resources.js'
import type { ApiClient } from '../client/rest-client.js'
import { formatTime } from '../client/timestamps.js'
import type { PlacedPod } from './stages/stage.js'

export interface PodReportsContext {
  readonly client: ApiClient
  readonly clock: Clock
  readonly recorder: EventRecorder
}

/** As conditions name it: nobody has room, or something went wrong. */
export type FailureReason = 'Unschedulable' | 'SchedulerError'

export class PodReports {
  private readonly context: PodReportsContext

  constructor(context: PodReportsContext) {
    this.context = context
  }

  scheduled({ pod, nodeName }: PlacedPod): void {
    const text = `Successfully assigned ${objectKey(pod)} to ${nodeName}`
    this.context.recorder.record(pod, 'Normal', 'Scheduled', text)
  }

  /** `nominated`: null leaves the node that is written there; '' takes it away. */
  async failed(
    pod: Pod,
    reason: FailureReason,
    message: string,
    nominated: string | null,
  ): Promise<void> {
    const { recorder, clock } = this.context
    recorder.record(pod, 'Warning', 'FailedScheduling', message)
    const known = (pod.status?.conditions ?? []).find(({ type }) => type === 'PodScheduled')
    const sameCondition =
      known?.status === 'False' && known.reason === reason && known.message === message
    const current = pod.status?.nominatedNodeName ?? ''
    const sameNode = nominated === null || nominated === current
    if (sameCondition && sameNode) return
    const since = known?.status === 'False' ? known.lastTransitionTime : undefined
    const condition = {
      type: 'PodScheduled',
      status: 'False',
      reason,
      message,
      lastTransitionTime: since ?? formatTime(clock.wallMs()),
    }
    await this.patchStatus(pod, {
      conditions: [condition],
      ...(sameNode ? {} : { nominatedNodeName: nominated === '' ? null : nominated }),
    })
  }

  /** The pod has to look for another node. */
  async endNomination(pod: Pod): Promise<void> {
    if ((pod.status?.nominatedNodeName ?? '') === '') return
    await this.patchStatus(pod, { nominatedNodeName: null })
  }

  /** Says on the victim why it has to go, then deletes it. A pod that is gone already is as well. */
  async remove(victim: Pod, preemptor: Pod, nodeName: string): Promise<void> {
    const { client, clock, recorder } = this.context
    const { namespace = '', name = '', uid = '' } = victim.metadata
    const component = preemptor.spec.schedulerName || 'default-scheduler'
    const condition = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'PreemptionByScheduler',
      message: `${component}: preempting to accommodate a higher priority pod`,
      lastTransitionTime: formatTime(clock.wallMs()),
    }
    await this.patchStatus(victim, { conditions: [condition] })
    try {
      await client.delete(pods, { namespace, name }, { uid })
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error
    }
    const text = `Preempted by pod ${preemptor.metadata.uid ?? ''} on node ${nodeName}`
    recorder.record(victim, 'Normal', 'Preempted', text)
  }

  private async patchStatus(pod: Pod, status: JsonObject): Promise<void> {
    const { namespace = '', name = '', uid = '' } = pod.metadata
    // With the uid, so that another pod of the same name is not meant.
    const patch = { metadata: { uid }, status }
    try {
      await this.context.client.patch(pods, { namespace, name }, 'strategic', patch, {
        subresource: 'status',
      })
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error
    }
  }
}
