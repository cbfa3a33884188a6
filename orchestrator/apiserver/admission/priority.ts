// Priority: the number and the preemption policy that a pod's class stands for, and no two classes that
// are everybody's. Counterpart: plugin/pkg/admission/priority. Pure.

import { forbidden } from '../../api/status.js'
import type { Pod } from '../../api/types/core-pod.js'
import type { PriorityClass } from '../../api/types/scheduling.js'
import type { AdmissionRequest, AdmissionView } from '../admission.js'
import { isKind } from './request.js'

const group = 'scheduling.k8s.io'
const plural = 'priorityclasses'

function defaultClass(view: AdmissionView): PriorityClass | null {
  const classes = view.list(group, plural, '') as readonly PriorityClass[]
  const [lowest] = classes
    .filter(({ globalDefault }) => globalDefault === true)
    .toSorted((a, b) => (a.value ?? 0) - (b.value ?? 0))
  return lowest ?? null
}

function classOf(pod: Pod, request: AdmissionRequest, view: AdmissionView): PriorityClass | null {
  const { priorityClassName: name = '' } = pod.spec
  if (name === '') return defaultClass(view)
  const found: PriorityClass | null = view.object(group, plural, '', name)
  if (found === null) {
    const why = `no PriorityClass with name ${name} was found`
    throw forbidden(request.kind, request.name, why)
  }
  return found
}

/** Throws ApiError Forbidden for an unknown class, and for numbers that are not the class's. */
export function withPriority(pod: Pod, request: AdmissionRequest, view: AdmissionView): Pod {
  const priorityClass = classOf(pod, request, view)
  const priority = priorityClass?.value ?? 0
  const preemptionPolicy = priorityClass?.preemptionPolicy ?? 'PreemptLowerPriority'
  const { spec } = pod
  const refuse = (what: string, given: string | number, computed: string | number) => {
    const why = `the ${what} (${given}) must not be provided in pod spec; priority admission controller computed ${computed} from the given PriorityClass name`
    return forbidden(request.kind, request.name, why)
  }
  if (spec.priority !== undefined && spec.priority !== priority) {
    throw refuse('integer value of priority', spec.priority, priority)
  }
  if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== preemptionPolicy) {
    throw refuse('string value of PreemptionPolicy', spec.preemptionPolicy, preemptionPolicy)
  }
  const name = priorityClass?.metadata.name
  return {
    ...pod,
    spec: {
      ...spec,
      ...(name === undefined ? {} : { priorityClassName: name }),
      priority,
      preemptionPolicy,
    },
  }
}

/** A pod keeps what it got when it was made. */
export function withOldPriority(pod: Pod, old: Pod): Pod {
  const { priority, preemptionPolicy } = old.spec
  if (pod.spec.priority !== undefined && pod.spec.preemptionPolicy !== undefined) return pod
  return {
    ...pod,
    spec: {
      ...(priority === undefined ? {} : { priority }),
      ...(preemptionPolicy === undefined ? {} : { preemptionPolicy }),
      ...pod.spec,
    },
  }
}

/** Throws ApiError Forbidden for a second default. */
export function checkPriorityClass(request: AdmissionRequest, view: AdmissionView): void {
  const { kind, object } = request
  if (object === null || !isKind(kind, group, plural)) return
  if ((object as PriorityClass).globalDefault !== true) return
  const other = defaultClass(view)?.metadata.name
  if (other === undefined || other === object.metadata.name) return
  const why = `PriorityClass ${other} is already marked as default. Only one default can exist`
  throw forbidden(kind, request.name, why)
}
