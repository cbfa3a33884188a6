// Checks of new resources for the containers of a pod that runs. Counterpart: ValidatePodResize of
// pkg/apis/core/validation.

import { sameJson } from '../equality.js'
import type { FieldError } from '../kind.js'
import { podQosClass } from '../pod-resources.js'
import { compareQuantities, parseQuantity, zeroQuantity } from '../quantity.js'
import type { Container, ResourceRequirements } from '../types/core-container.js'
import type { Pod } from '../types/core-pod.js'
import { forbiddenField, invalidValue } from './field-errors.js'
import { mirrorAnnotation, validatePodSpec } from './pod.js'

const lists = ['containers', 'initContainers'] as const
const sidecarText = 'only cpu and memory resources for sidecar containers are mutable'
const initText = 'resources for non-sidecar init containers are immutable'
const openText = 'only cpu and memory resources are mutable'

/** `pod` differs from `old` in the resources of its containers alone, or else names other containers. */
export function validateResize(pod: Pod, old: Pod): FieldError[] {
  const impossible = whyNever(pod, old)
  if (impossible !== null) return [forbiddenField('', impossible)]
  const names = (of: Pod) => lists.map(list => (of.spec[list] ?? []).map(({ name }) => name))
  if (!sameJson(names(pod), names(old))) return [forbiddenField('spec', openText)]
  const errors = validatePodSpec(pod.spec, 'spec')
  const before = old.status?.qosClass ?? podQosClass(old.spec)
  const after = podQosClass(pod.spec)
  if (before !== after) {
    const text = 'Pod QOS Class may not change as a result of resizing'
    errors.push(invalidValue('spec', after, text))
  }
  if (!isSupported(old)) {
    errors.push(forbiddenField('spec', 'Pod running on node without support for resize'))
  }
  for (const list of lists) {
    for (const [index, container] of (pod.spec[list] ?? []).entries()) {
      const had = old.spec[list]?.[index]
      if (had === undefined) continue
      const sidecar = container.restartPolicy === 'Always'
      if (list === 'containers' || sidecar) {
        errors.push(...validateContainer(container, had, `spec.${list}[${index}].resources`))
        if (sameJson(withOldAmounts(container, had), had)) continue
        errors.push(forbiddenField('spec', list === 'containers' ? openText : sidecarText))
      } else if (!sameJson(container, had)) errors.push(forbiddenField('spec', initText))
    }
  }
  return errors
}

function whyNever(pod: Pod, old: Pod): string | null {
  const whole = (of: Pod) => {
    const { requests = {}, limits = {} } = of.spec.resources ?? {}
    return Object.keys(requests).length + Object.keys(limits).length > 0
  }
  if (whole(pod) || whole(old)) return 'pods with pod-level resources cannot be resized'
  if (Object.hasOwn(old.metadata.annotations ?? {}, mirrorAnnotation)) {
    return 'static pods cannot be resized'
  }
  return old.spec.os?.name === 'windows' ? 'windows pods cannot be resized' : null
}

/** A kubelet that can resize says what its containers have. Before one runs, nobody knows. */
function isSupported({ status }: Pod): boolean {
  const running = (status?.containerStatuses ?? []).find(c => c.state?.running !== undefined)
  return running === undefined || running.resources !== undefined
}

function validateContainer(container: Container, old: Container, field: string): FieldError[] {
  const errors: FieldError[] = []
  const { requests = {}, limits = {} } = container.resources ?? {}
  const { requests: oldRequests = {}, limits: oldLimits = {} } = old.resources ?? {}
  const lacks = (amounts: object, before: object) =>
    Object.keys(before).some(name => !Object.hasOwn(amounts, name))
  if (lacks(requests, oldRequests)) {
    errors.push(forbiddenField(`${field}.requests`, 'resource requests cannot be removed'))
  }
  if (lacks(limits, oldLimits)) {
    errors.push(forbiddenField(`${field}.limits`, 'resource limits cannot be removed'))
  }
  const policy = (container.resizePolicy ?? []).find(p => p.resourceName === 'memory')
  const memory = limits['memory']
  if (policy?.restartPolicy === 'RestartContainer' || memory === undefined) return errors
  const oldMemory = oldLimits['memory']
  const verb = oldMemory === undefined ? 'added' : isLess(memory, oldMemory) ? 'decreased' : null
  if (verb !== null) {
    const text = `memory limits cannot be ${verb} unless resizePolicy is RestartContainer`
    errors.push(forbiddenField(`${field}.limits[memory]`, text))
  }
  return errors
}

function isLess(a: string, b: string): boolean {
  return compareQuantities(parseQuantity(a) ?? zeroQuantity, parseQuantity(b) ?? zeroQuantity) < 0
}

/** With CPU and memory as they were: what then still differs may not. */
function withOldAmounts(container: Container, old: Container): Container {
  const { resources = {}, ...rest } = container
  const restored = (list: 'limits' | 'requests') => {
    const before = old.resources?.[list]
    if (before === undefined) return {}
    const { cpu: _cpu, memory: _memory, ...others } = resources[list] ?? {}
    const amounts: { [name: string]: string } = { ...others }
    for (const name of ['cpu', 'memory']) {
      const amount = before[name]
      if (amount !== undefined) amounts[name] = amount
    }
    return { [list]: amounts }
  }
  const { limits: _limits, requests: _requests, ...claims } = resources
  const merged: ResourceRequirements = { ...claims, ...restored('limits'), ...restored('requests') }
  const same = old.resources === undefined && Object.keys(merged).length === 0
  return same ? rest : { ...rest, resources: merged }
}
