// RuntimeClass: the overhead and the nodes that go with the runtime a pod names.
// Counterpart: plugin/pkg/admission/runtimeclass. Pure.

import { sameJson } from '../../api/equality.js'
import { forbidden } from '../../api/status.js'
import type { Pod } from '../../api/types/core-pod.js'
import type { RuntimeClass } from '../../api/types/node.js'
import type { AdmissionRequest, AdmissionView } from '../admission.js'

/** Throws ApiError Forbidden for an unknown class, and for a pod that contradicts its class. */
export function withRuntimeClass(pod: Pod, request: AdmissionRequest, view: AdmissionView): Pod {
  const { spec } = pod
  const refuse = (why: string) => forbidden(request.kind, request.name, why)
  const name = spec.runtimeClassName ?? ''
  const found = name === '' ? null : view.object('node.k8s.io', 'runtimeclasses', '', name)
  if (name !== '' && found === null) {
    throw refuse(`pod rejected: RuntimeClass ${JSON.stringify(name)} not found`)
  }
  const runtimeClass = found as RuntimeClass | null
  const overhead = runtimeClass?.overhead?.podFixed
  if (spec.overhead !== undefined && overhead === undefined) {
    throw refuse(
      'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
    )
  }
  if (spec.overhead !== undefined && !sameJson(spec.overhead, overhead)) {
    throw refuse("pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead")
  }
  if (runtimeClass === null) return pod
  const { nodeSelector = {}, tolerations = [] } = runtimeClass.scheduling ?? {}
  const own = spec.nodeSelector ?? {}
  for (const [key, value] of Object.entries(nodeSelector)) {
    if (Object.hasOwn(own, key) && own[key] !== value) {
      throw refuse(
        `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own[key]}`,
      )
    }
  }
  const selected = { ...own, ...nodeSelector }
  const given = spec.tolerations ?? []
  const added = tolerations.filter(one => !given.some(other => sameJson(one, other)))
  return {
    ...pod,
    spec: {
      ...spec,
      ...(overhead === undefined ? {} : { overhead }),
      ...(Object.keys(selected).length === 0 ? {} : { nodeSelector: selected }),
      ...(given.length + added.length === 0 ? {} : { tolerations: [...given, ...added] }),
    },
  }
}
