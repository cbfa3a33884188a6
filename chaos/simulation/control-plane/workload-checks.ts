// What must hold of workloads at all times: no more pods than were asked for, jobs that count what has ended and
// nothing twice, and no time of a schedule that has two jobs.

import type { ReplicaSet } from '../../../orchestrator/api/types/apps.js'
import type { Job } from '../../../orchestrator/api/types/batch.js'
import type { ConfigMap } from '../../../orchestrator/api/types/core-config.js'
import type { KubeObject } from '../../../orchestrator/api/object.js'
import { holds } from '../failure.js'
import type { ObjectChange } from './object-history.js'
import { tallyName } from './user.js'
import type { Check, View } from './view.js'
import { asPod, controllerOf, isActive, isDeleting, isPod, nameOf, podsOf } from './view.js'

/** After a change of what is asked for, some of what was begun may still come. */
const settledMs = 30_000

/** A new pod is one that was missing. Where nothing has gone wrong, for what is in doubt may be there twice. */
export class ExactReplicas implements Check {
  private readonly view: View
  /** When what is asked of an owner has last changed, by uid. */
  private readonly changedMs = new Map<string, number>()

  constructor(view: View) {
    this.view = view
  }

  changed(change: ObjectChange): void {
    const { before, after, resource } = change
    if (resource === 'apps/replicasets' || resource === 'batch/jobs') {
      if (before?.metadata.generation !== after?.metadata.generation && before !== null)
        this.changedMs.set(after?.metadata.uid ?? '', this.view.nowMs())
      return
    }
    if (!isPod(change) || before !== null || after === null) return
    const ownerUid = controllerOf(after)?.uid ?? ''
    const owner = this.view.history.uids.get(ownerUid)
    const wanted = owner === undefined ? null : wantedBy(owner)
    if (owner === undefined || wanted === null || !this.view.quiet()) return
    const changedMs = this.changedMs.get(ownerUid) ?? Number.NEGATIVE_INFINITY
    if (this.view.nowMs() - changedMs < settledMs) return
    const active = podsOf(this.view, ownerUid).filter(isActive).length
    this.view.mark('pod made while it was quiet')
    holds(
      active <= wanted,
      'exact-replicas',
      () => `${nameOf(owner)} asks for ${wanted} pods and gets a ${active}th, ${nameOf(after)}`,
    )
  }
}

function wantedBy(owner: KubeObject): number | null {
  if (owner.kind === 'ReplicaSet') return (owner as ReplicaSet).spec?.replicas ?? 1
  if (owner.kind === 'Job') return (owner as Job).spec?.parallelism ?? 1
  return null
}

/** By the finalizer that keeps a pod until its end is written down. */
const trackingFinalizer = 'batch.kubernetes.io/job-tracking'

export class JobCountedOnce implements Check {
  private readonly view: View
  /** Of each job by uid, the uids of its pods that have succeeded. */
  private readonly succeeded = new Map<string, Set<string>>()
  /** Of each job by uid, pods that its status has ever named as about to be counted. */
  private readonly recorded = new Map<string, Set<string>>()

  constructor(view: View) {
    this.view = view
  }

  changed(change: ObjectChange): void {
    if (change.resource === 'batch/jobs') this.job(change)
    else if (isPod(change)) this.pod(change)
  }

  private pod(change: ObjectChange): void {
    const before = asPod(change.before)
    const after = asPod(change.after)
    const owner = controllerOf(after)
    if (after === null || owner?.kind !== 'Job') return
    const { uid = '' } = after.metadata
    if (after.status?.phase === 'Succeeded') setOf(this.succeeded, owner.uid).add(uid)
    const kept = before?.metadata.finalizers?.includes(trackingFinalizer) === true
    const keeps = after.metadata.finalizers?.includes(trackingFinalizer) === true
    if (!kept || keeps || after.status?.phase !== 'Succeeded') return
    const job = this.view.history.uids.get(owner.uid) as Job | undefined
    // Of a job that is over nobody counts any more.
    if (job === undefined || isDeleting(job) || isOver(job)) return
    const index = after.metadata.annotations?.['batch.kubernetes.io/job-completion-index']
    const noted =
      job.spec?.completionMode === 'Indexed'
        ? hasIndex(job.status?.completedIndexes, Number(index))
        : setOf(this.recorded, owner.uid).has(uid)
    holds(
      noted,
      'job-counted-once',
      () => `${nameOf(after)} has succeeded and is let go before ${nameOf(job)} has noted it`,
    )
  }

  private job({ before, after }: ObjectChange): void {
    if (after === null) return
    const job = after as Job
    const { uid = '' } = job.metadata
    const { succeeded = 0, uncountedTerminatedPods } = job.status ?? {}
    for (const pod of uncountedTerminatedPods?.succeeded ?? []) setOf(this.recorded, uid).add(pod)
    const ended = setOf(this.succeeded, uid).size
    holds(
      succeeded <= ended,
      'job-counted-once',
      () => `${nameOf(job)} counts ${succeeded} pods, and ${ended} have succeeded`,
    )
    const counted = (before as Job | null)?.status?.succeeded ?? 0
    holds(
      before?.metadata.uid !== uid ||
        succeeded >= counted ||
        job.spec?.completionMode === 'Indexed',
      'job-counted-once',
      () => `${nameOf(job)} counted ${counted} pods and now ${succeeded}`,
    )
    if (succeeded > counted) this.view.mark('job counts a pod')
  }
}

export const isOver = (job: Job): boolean =>
  job.status?.conditions?.some(
    ({ type, status }) =>
      status === 'True' &&
      ['Complete', 'Failed', 'SuccessCriteriaMet', 'FailureTarget'].includes(type),
  ) === true

/** In a list of numbers and ranges, as in "1,3-5". */
function hasIndex(list = '', index: number): boolean {
  return list.split(',').some(range => {
    const [first, last] = range.split('-').map(Number)
    return first !== undefined && index >= first && index <= (last ?? first)
  })
}

const scheduledAnnotation = 'batch.kubernetes.io/cronjob-scheduled-timestamp'

export class ScheduledOnce implements Check {
  private readonly view: View
  /** Uid of the job, by uid of the CronJob and scheduled time. */
  private readonly jobs = new Map<string, string>()

  constructor(view: View) {
    this.view = view
  }

  changed({ resource, before, after }: ObjectChange): void {
    if (resource !== 'batch/jobs' || before !== null || after === null) return
    const owner = controllerOf(after)
    if (owner?.kind !== 'CronJob') return
    const at = after.metadata.annotations?.[scheduledAnnotation] ?? ''
    const key = `${owner.uid} ${at}`
    this.view.mark('job of a schedule')
    holds(
      !this.jobs.has(key),
      'scheduled-once',
      () => `CronJob ${owner.name} has a second job for ${at}: ${nameOf(after)}`,
    )
    this.jobs.set(key, after.metadata.uid ?? '')
  }
}

/** Users count in it, each for themselves, by reading all and writing all back. */
export class CountsKept implements Check {
  private readonly view: View

  constructor(view: View) {
    this.view = view
  }

  changed({ resource, before, after }: ObjectChange): void {
    if (resource !== 'core/configmaps' || before === null || after === null) return
    if (after.metadata.name !== tallyName) return
    const counts = (after as ConfigMap).data ?? {}
    this.view.mark('count written back')
    for (const [user, count] of Object.entries((before as ConfigMap).data ?? {}))
      holds(
        Number(counts[user]) >= Number(count),
        'counts-kept',
        () =>
          `${user} had counted ${count}, and ${nameOf(after)} was written back with ${counts[user]}`,
      )
  }
}

function setOf(sets: Map<string, Set<string>>, key: string): Set<string> {
  const known = sets.get(key)
  if (known !== undefined) return known
  const made = new Set<string>()
  sets.set(key, made)
  return made
}
