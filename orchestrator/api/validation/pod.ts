// Checks of pods and pod templates, and what a running pod may still change.
// Counterpart: ValidatePodSpec and ValidatePodUpdate of pkg/apis/core/validation. A Binding and a
// write to pods/status do not go through here: they change fields that are closed to users.

import { sameJson } from '../equality.js'
import type { FieldError } from '../kind.js'
import type { Container } from '../types/core-container.js'
import type { Pod, PodSpec, PodTemplateSpec } from '../types/core-pod.js'
import { validateContainer, validateIds, validateInitContainer } from './container.js'
import {
  duplicate,
  forbiddenField,
  invalidFor,
  invalidValue,
  notSupported,
  required,
} from './field-errors.js'
import { validateAnnotations, validateLabels, validateObjectName } from './metadata.js'
import { dns1123Label, dns1123Subdomain, ipAddress } from './names.js'
import { validateAffinity, validateSpreadConstraints, validateToleration } from './scheduling.js'
import { validateVolumes } from './volume.js'

const restartPolicies = ['Always', 'Never', 'OnFailure'] as const
const dnsPolicies = ['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None'] as const
/** On what a kubelet shows of a pod that stands in its own files. */
export const mirrorAnnotation = 'kubernetes.io/config.mirror'

const secondsMax = 2 ** 31 - 1

export function validatePodSpec(spec: PodSpec, field: string): FieldError[] {
  return [
    ...validateVolumes(spec.volumes ?? [], `${field}.volumes`),
    ...validateContainers(spec, field),
    ...validatePodPolicies(spec, field),
    ...validatePodNames(spec, field),
    ...validateLabels(spec.nodeSelector, `${field}.nodeSelector`),
    ...(spec.affinity === undefined ? [] : validateAffinity(spec.affinity, `${field}.affinity`)),
    ...(spec.tolerations ?? []).flatMap((toleration, index) =>
      validateToleration(toleration, `${field}.tolerations[${index}]`),
    ),
    ...validateSpreadConstraints(
      spec.topologySpreadConstraints ?? [],
      `${field}.topologySpreadConstraints`,
    ),
    ...validateIds(spec.securityContext ?? {}, `${field}.securityContext`),
    ...(spec.hostAliases ?? []).flatMap((alias, index) =>
      invalidFor(`${field}.hostAliases[${index}].ip`, alias.ip, ipAddress(alias.ip)),
    ),
    ...validateGates(spec, field),
  ]
}

function validateContainers(spec: PodSpec, field: string): FieldError[] {
  const around = {
    volumeNames: new Set((spec.volumes ?? []).map(v => v.name)),
    hostNetwork: spec.hostNetwork === true,
    names: new Set<string>(),
  }
  const errors: FieldError[] = []
  if (spec.containers.length === 0) errors.push(required(`${field}.containers`))
  for (const [index, container] of spec.containers.entries()) {
    const at = `${field}.containers[${index}]`
    errors.push(...validateContainer(container, at, around))
    if (container.restartPolicy !== undefined) {
      const text = 'may not be set for non-init containers'
      errors.push(forbiddenField(`${at}.restartPolicy`, text))
    }
  }
  for (const [index, container] of (spec.initContainers ?? []).entries()) {
    const at = `${field}.initContainers[${index}]`
    errors.push(...validateContainer(container, at, around))
    errors.push(...validateInitContainer(container, at))
  }
  return [...errors, ...validateHostPorts(spec, field)]
}

/** Two containers cannot listen on one port of the node. */
function validateHostPorts(spec: PodSpec, field: string): FieldError[] {
  const seen = new Set<string>()
  return spec.containers.flatMap((container, index) =>
    (container.ports ?? []).flatMap(({ hostPort = 0, hostIP = '', protocol = 'TCP' }, at) => {
      if (hostPort === 0) return []
      const identity = `${hostIP === '0.0.0.0' ? '' : hostIP}/${hostPort}/${protocol}`
      const taken = seen.has(identity)
      seen.add(identity)
      if (!taken) return []
      return [duplicate(`${field}.containers[${index}].ports[${at}].hostPort`, identity)]
    }),
  )
}

function validatePodPolicies(spec: PodSpec, field: string): FieldError[] {
  const errors: FieldError[] = []
  const { restartPolicy = '', dnsPolicy = '', activeDeadlineSeconds } = spec
  if (restartPolicy === '') errors.push(required(`${field}.restartPolicy`))
  else if (!restartPolicies.some(known => known === restartPolicy)) {
    errors.push(notSupported(`${field}.restartPolicy`, restartPolicy, restartPolicies))
  }
  if (dnsPolicy === '') errors.push(required(`${field}.dnsPolicy`))
  else if (!dnsPolicies.some(known => known === dnsPolicy)) {
    errors.push(notSupported(`${field}.dnsPolicy`, dnsPolicy, dnsPolicies))
  }
  if (dnsPolicy === 'None' && (spec.dnsConfig?.nameservers ?? []).length === 0) {
    const text = 'must provide at least one DNS nameserver when `dnsPolicy` is None'
    errors.push(required(`${field}.dnsConfig.nameservers`, text))
  }
  if (
    activeDeadlineSeconds !== undefined &&
    (activeDeadlineSeconds < 1 || activeDeadlineSeconds > secondsMax)
  ) {
    const text = 'must be between 1 and 2147483647, inclusive'
    errors.push(invalidValue(`${field}.activeDeadlineSeconds`, activeDeadlineSeconds, text))
  }
  const grace = spec.terminationGracePeriodSeconds ?? 0
  if (grace < 0) {
    const text = 'must be greater than or equal to 0'
    errors.push(invalidValue(`${field}.terminationGracePeriodSeconds`, grace, text))
  }
  return errors
}

function validatePodNames(spec: PodSpec, field: string): FieldError[] {
  const errors: FieldError[] = []
  const subdomains = ['nodeName', 'serviceAccountName', 'priorityClassName', 'runtimeClassName']
  for (const name of subdomains as readonly ('nodeName' | 'serviceAccountName')[]) {
    const value = spec[name] ?? ''
    if (value !== '') errors.push(...invalidFor(`${field}.${name}`, value, dns1123Subdomain(value)))
  }
  for (const name of ['hostname', 'subdomain'] as const) {
    const value = spec[name] ?? ''
    if (value !== '') errors.push(...invalidFor(`${field}.${name}`, value, dns1123Label(value)))
  }
  return errors
}

function validateGates(spec: PodSpec, field: string): FieldError[] {
  const seen = new Set<string>()
  const errors: FieldError[] = []
  for (const [index, { name }] of (spec.schedulingGates ?? []).entries()) {
    if (seen.has(name)) errors.push(duplicate(`${field}.schedulingGates[${index}]`, name))
    seen.add(name)
  }
  if (seen.size > 0 && (spec.nodeName ?? '') !== '') {
    const text = 'cannot be set until all schedulingGates have been cleared'
    errors.push(forbiddenField(`${field}.nodeName`, text))
  }
  return errors
}

/** A template without a spec is checked as an empty one, so that what it needs is said. */
export function validatePodTemplate(template: PodTemplateSpec, field: string): FieldError[] {
  const errors = [
    ...validateLabels(template.metadata?.labels, `${field}.metadata.labels`),
    ...validateAnnotations(template.metadata?.annotations, `${field}.metadata.annotations`),
    ...validatePodSpec(template.spec ?? { containers: [] }, `${field}.spec`),
  ]
  if ((template.spec?.ephemeralContainers ?? []).length > 0) {
    const text = 'ephemeral containers not allowed in pod template'
    errors.push(forbiddenField(`${field}.spec.ephemeralContainers`, text))
  }
  return errors
}

export function validatePod(pod: Pod, old: Pod | null): FieldError[] {
  const errors = validateObjectName(pod, dns1123Subdomain)
  if (old !== null) return [...errors, ...validatePodUpdate(pod, old)]
  if ((pod.spec.ephemeralContainers ?? []).length > 0) {
    const text = 'cannot be set on create'
    errors.push(forbiddenField('spec.ephemeralContainers', text))
  }
  return [...errors, ...validatePodSpec(pod.spec, 'spec')]
}

const closedText =
  'pod updates may not change fields other than `spec.containers[*].image`,' +
  '`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions ' +
  'to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it ' +
  'was previously negative)'

function validatePodUpdate(pod: Pod, old: Pod): FieldError[] {
  const errors: FieldError[] = []
  for (const name of ['containers', 'initContainers'] as const) {
    if ((pod.spec[name] ?? []).length !== (old.spec[name] ?? []).length) {
      const text = 'pod updates may not add or remove containers'
      errors.push(forbiddenField(`spec.${name}`, text))
    }
  }
  if (errors.length > 0) return errors
  for (const name of ['containers', 'initContainers'] as const) {
    for (const [index, { image = '' }] of (pod.spec[name] ?? []).entries()) {
      if (image === '') errors.push(required(`spec.${name}[${index}].image`))
    }
  }
  const deadline = pod.spec.activeDeadlineSeconds
  const oldDeadline = old.spec.activeDeadlineSeconds
  if (oldDeadline !== undefined && (deadline === undefined || deadline > oldDeadline)) {
    const text =
      deadline === undefined
        ? 'must not update from a positive integer to nil value'
        : `must be less than or equal to previous value: ${oldDeadline}`
    errors.push(invalidValue('spec.activeDeadlineSeconds', deadline ?? null, text))
  }
  const allowed = new Set((pod.spec.schedulingGates ?? []).map(g => g.name))
  for (const { name } of old.spec.schedulingGates ?? []) allowed.delete(name)
  if (allowed.size > 0) {
    const names = [...allowed].join(', ')
    const text = `only deletion is allowed, but found new scheduling gates '${names}'`
    errors.push(forbiddenField('spec.schedulingGates', text))
  }
  const tolerations = pod.spec.tolerations ?? []
  const kept = (old.spec.tolerations ?? []).every(had => tolerations.some(t => sameJson(t, had)))
  if (!kept) {
    const text = 'existing toleration can not be modified except its tolerationSeconds'
    errors.push(forbiddenField('spec.tolerations', text))
  }
  if (!sameJson(withOpenFieldsOf(pod.spec, old.spec), old.spec)) {
    errors.push(forbiddenField('spec', closedText))
  }
  return errors
}

/** The new spec with every field that may change set back, so that any difference left is wrong. */
function withOpenFieldsOf(spec: PodSpec, old: PodSpec): PodSpec {
  const withImages = (list: readonly Container[], before: readonly Container[]) =>
    list.map((container, index) => {
      const { image: _, ...rest } = container
      const image = before[index]?.image
      return image === undefined ? rest : { ...rest, image }
    })
  const {
    activeDeadlineSeconds: _deadline,
    tolerations: _tolerations,
    schedulingGates: _gates,
    terminationGracePeriodSeconds: grace,
    ...rest
  } = spec
  const oldGrace = old.terminationGracePeriodSeconds
  const shownGrace = oldGrace !== undefined && oldGrace < 0 && grace === 1 ? oldGrace : grace
  return {
    ...rest,
    ...(old.activeDeadlineSeconds === undefined
      ? {}
      : { activeDeadlineSeconds: old.activeDeadlineSeconds }),
    ...(old.tolerations === undefined ? {} : { tolerations: old.tolerations }),
    ...(old.schedulingGates === undefined ? {} : { schedulingGates: old.schedulingGates }),
    ...(shownGrace === undefined ? {} : { terminationGracePeriodSeconds: shownGrace }),
    containers: withImages(spec.containers, old.containers),
    ...(spec.initContainers === undefined
      ? {}
      : { initContainers: withImages(spec.initContainers, old.initContainers ?? []) }),
  }
}
