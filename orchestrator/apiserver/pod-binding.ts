// Giving a pod its node, once. Pure. Counterpart: BindingREST of registry/core/pod.

import type { Json, JsonObject, KubeObject } from '../api/object.js'
import { conflict, invalid } from '../api/status.js'
import { isJsonObject } from '../api/record.js'
import { listAt, textAt, withField, withMetadata } from './object-fields.js'

const pods = { group: '', plural: 'pods' }

/** `now`: RFC 3339. Throws ApiError: Conflict when it has a node or is going away, Invalid. */
export function bind(pod: KubeObject, binding: KubeObject, now: string): KubeObject {
  const { name = '' } = pod.metadata
  const target = targetOf(binding, name)
  if (pod.metadata.deletionTimestamp !== undefined) {
    throw conflict(pods, name, `pod ${name} is being deleted, cannot be assigned to a host`)
  }
  const assigned = textAt(pod, 'spec.nodeName')
  if (assigned !== '') {
    throw conflict(pods, name, `pod ${name} is already assigned to node "${assigned}"`)
  }
  if (listAt(pod, 'spec.schedulingGates').length > 0) {
    throw conflict(pods, name, `pod ${name} has non-empty .spec.schedulingGates`)
  }
  const { uid = '' } = binding.metadata
  if (uid !== '' && uid !== pod.metadata.uid) {
    throw conflict(
      pods,
      name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${pod.metadata.uid ?? ''}`,
    )
  }
  const annotations = { ...pod.metadata.annotations, ...binding.metadata.annotations }
  const annotated = Object.keys(annotations).length === 0 ? pod : withMetadata(pod, { annotations })
  const placed = withField(annotated, 'spec.nodeName', target)
  return withField(placed, 'status.conditions', scheduled(pod, now))
}

function targetOf(binding: KubeObject, name: string): string {
  const kind = textAt(binding, 'target.kind')
  const target = textAt(binding, 'target.name')
  const fail = (field: string, message: string) =>
    invalid({ group: '', kind: 'Binding' }, name, [
      { reason: 'FieldValueInvalid', field, message: `Invalid value: ${message}` },
    ])
  if (kind !== '' && kind !== 'Node')
    throw fail('target.kind', `"${kind}": must be 'Node' or empty`)
  if (target === '') throw fail('target.name', '"": the name of a node is required')
  return target
}

function scheduled(pod: KubeObject, now: string): readonly Json[] {
  const conditions = listAt(pod, 'status.conditions')
  const others = conditions.filter(
    (condition): condition is JsonObject =>
      isJsonObject(condition) && condition['type'] !== 'PodScheduled',
  )
  return [
    ...others,
    { type: 'PodScheduled', status: 'True', lastProbeTime: null, lastTransitionTime: now },
  ]
}
