// The annotations by which a Deployment and its ReplicaSets know revision and size; kubectl
// rollout history and undo read them. Pure. Counterpart: deployment_util.go.

import type { Deployment, ReplicaSet } from '../../api/types/apps.js'

export const revisionAnnotation = 'deployment.kubernetes.io/revision'
export const revisionHistoryAnnotation = 'deployment.kubernetes.io/revision-history'
export const desiredReplicasAnnotation = 'deployment.kubernetes.io/desired-replicas'
export const maxReplicasAnnotation = 'deployment.kubernetes.io/max-replicas'

/** Not handed down from a Deployment to its ReplicaSets. */
const ownOfDeployment: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  revisionAnnotation,
  revisionHistoryAnnotation,
  desiredReplicasAnnotation,
  maxReplicasAnnotation,
  'deprecated.deployment.rollback.to',
])

const historyCharsMax = 2000

type Annotations = Readonly<Record<string, string>>

export function numberAnnotation(
  annotations: Annotations | undefined,
  name: string,
): number | null {
  const text = annotations?.[name]
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null
}

export function revisionOf(object: ReplicaSet | Deployment): number {
  return numberAnnotation(object.metadata.annotations, revisionAnnotation) ?? 0
}

/** What the newest ReplicaSet carries: the Deployment's annotations and the raised revision. */
export function newestAnnotations(
  deployment: Deployment,
  current: Annotations,
  revision: number,
): Annotations {
  const next: Record<string, string> = { ...current }
  for (const [name, value] of Object.entries(deployment.metadata.annotations ?? {})) {
    if (!ownOfDeployment.has(name)) next[name] = value
  }
  const old = numberAnnotation(current, revisionAnnotation)
  if (old !== null && old >= revision) return next
  next[revisionAnnotation] = String(revision)
  if (old !== null) next[revisionHistoryAnnotation] = historyWith(current, String(old))
  return next
}

function historyWith(current: Annotations, revision: string): string {
  const entries = (current[revisionHistoryAnnotation] ?? '').split(',').filter(e => e !== '')
  entries.push(revision)
  while (entries.join(',').length > historyCharsMax) entries.shift()
  return entries.join(',')
}

/** The size of the whole that a ReplicaSet's own size was computed for. */
export function sizeAnnotations(current: Annotations, wanted: number, surge: number): Annotations {
  return {
    ...current,
    [desiredReplicasAnnotation]: String(wanted),
    [maxReplicasAnnotation]: String(wanted + surge),
  }
}
