// The Jobs that a CronJob makes. Pure. Counterpart: getJobFromTemplate2 of pkg/controller/cronjob. Their names follow
// from the minute they were due in, so that no two controllers make the same one.

import type { CronJob, Job } from '../../api/types/batch.js'
import type { TimeZone } from '../../api/time-zone.js'
import { formatTime } from '../../client/timestamps.js'
import { controllerReference } from '../ownership.js'

const scheduledTimestampAnnotation = 'batch.kubernetes.io/cronjob-scheduled-timestamp'

export function jobNameAt({ metadata }: CronJob, scheduledMs: number): string {
  return `${metadata.name}-${Math.floor(scheduledMs / 60_000)}`
}

export function jobOf(cronJob: CronJob, scheduledMs: number, zone: TimeZone): Job {
  const { metadata, spec } = cronJob.spec.jobTemplate
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: jobNameAt(cronJob, scheduledMs),
      namespace: cronJob.metadata.namespace ?? '',
      ...(metadata?.labels === undefined ? {} : { labels: metadata.labels }),
      annotations: {
        ...metadata?.annotations,
        [scheduledTimestampAnnotation]: timeIn(zone, scheduledMs),
      },
      ownerReferences: [controllerReference(cronJob)],
    },
    spec: spec ?? { template: {} },
  }
}

/** RFC 3339, as the clocks of the zone show it: "2026-07-01T09:00:00+02:00". */
function timeIn(zone: TimeZone, atMs: number): string {
  const offsetMs = zone.offsetMs(atMs)
  if (offsetMs === 0) return formatTime(atMs)
  const minutes = Math.floor(Math.abs(offsetMs) / 60_000)
  const digits = (value: number) => `${value}`.padStart(2, '0')
  const offset = `${digits(Math.floor(minutes / 60))}:${digits(minutes % 60)}`
  return formatTime(atMs + offsetMs).replace('Z', `${offsetMs < 0 ? '-' : '+'}${offset}`)
}
