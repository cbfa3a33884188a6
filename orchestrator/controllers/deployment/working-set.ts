// A ReplicaSet while a plan is made for it: the object as it is, and what it shall become.

import type { ReplicaSet, ReplicaSetStatus } from '../../api/types/apps.js'
import { sameJson } from '../canonical-json.js'

export interface WorkingSet {
  readonly name: string
  readonly object: ReplicaSet
  readonly status: ReplicaSetStatus
  /** Not on the server yet. */
  readonly created: boolean
  replicas: number
  annotations: Readonly<Record<string, string>>
  minReadySeconds: number
}

export function workingSet(object: ReplicaSet, created = false): WorkingSet {
  return {
    name: object.metadata.name ?? '',
    object,
    status: object.status ?? { replicas: 0 },
    created,
    replicas: object.spec.replicas ?? 1,
    annotations: object.metadata.annotations ?? {},
    minReadySeconds: object.spec.minReadySeconds ?? 0,
  }
}

/** The object to write; null when nothing about it changed. */
export function changedObject(set: WorkingSet): ReplicaSet | null {
  const { object, replicas, annotations, minReadySeconds } = set
  const same =
    replicas === (object.spec.replicas ?? 1) &&
    minReadySeconds === (object.spec.minReadySeconds ?? 0) &&
    sameJson(annotations, object.metadata.annotations ?? {})
  if (same) return null
  return {
    ...object,
    metadata: { ...object.metadata, annotations },
    spec: { ...object.spec, replicas, minReadySeconds },
  }
}
