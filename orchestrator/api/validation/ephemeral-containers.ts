// Checks of ephemeral containers: they look into a pod that runs, and are never part of what it does.
// Counterpart: validateEphemeralContainers and ValidatePodEphemeralContainersUpdate of
// pkg/apis/core/validation.

import { sameJson } from '../equality.js'
import type { FieldError } from '../kind.js'
import type { EphemeralContainer } from '../types/core-container.js'
import type { Pod } from '../types/core-pod.js'
import { validateContainer } from './container.js'
import { forbiddenField, notFoundValue } from './field-errors.js'
import { mirrorAnnotation, validatePodSpec } from './pod.js'

const closedFields = [
  'ports',
  'resources',
  'resizePolicy',
  'restartPolicy',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
] as const
const closedText = 'cannot be set for an Ephemeral Container'

/** `pod` differs from `old` in its ephemeral containers alone. */
export function validateEphemeralUpdate(pod: Pod, old: Pod): FieldError[] {
  if (Object.hasOwn(old.metadata.annotations ?? {}, mirrorAnnotation)) {
    return [forbiddenField('', 'static pods do not support ephemeral containers')]
  }
  const field = 'spec.ephemeralContainers'
  const next = pod.spec.ephemeralContainers ?? []
  return [
    ...validatePodSpec(pod.spec, 'spec'),
    ...validateEphemeralContainers(pod, field),
    ...(old.spec.ephemeralContainers ?? []).flatMap(container => {
      const kept = next.find(({ name }) => name === container.name)
      if (kept !== undefined && sameJson(kept, container)) return []
      const verb = kept === undefined ? 'removed' : 'changed'
      const text = `existing ephemeral containers "${container.name}" may not be ${verb}\n`
      return [forbiddenField(field, text)]
    }),
  ]
}

function validateEphemeralContainers({ spec }: Pod, field: string): FieldError[] {
  const lasting = [...spec.containers, ...(spec.initContainers ?? [])].map(({ name }) => name)
  const around = {
    volumeNames: new Set((spec.volumes ?? []).map(({ name }) => name)),
    hostNetwork: spec.hostNetwork === true,
    names: new Set(lasting),
  }
  return (spec.ephemeralContainers ?? []).flatMap((container, index) => {
    const at = `${field}[${index}]`
    const { targetContainerName: target = '' } = container
    return [
      ...validateContainer(container, at, around),
      ...(target === '' || lasting.includes(target)
        ? []
        : [notFoundValue(`${at}.targetContainerName`, target)]),
      ...closedFields
        .filter(name => isSet(container[name]))
        .map(name => forbiddenField(`${at}.${name}`, closedText)),
      ...validateMounts(container, `${at}.volumeMounts`),
    ]
  })
}

/** A defaulted struct is as good as none. */
function isSet(value: EphemeralContainer[(typeof closedFields)[number]]): boolean {
  return typeof value === 'object' ? Object.keys(value).length > 0 : value !== undefined
}

/** Parts of volumes are mounted by hand, and would be left behind until the pod ends. */
function validateMounts({ volumeMounts = [] }: EphemeralContainer, field: string): FieldError[] {
  return volumeMounts.flatMap((mount, index) =>
    (['subPath', 'subPathExpr'] as const)
      .filter(name => (mount[name] ?? '') !== '')
      .map(name => forbiddenField(`${field}[${index}].${name}`, closedText)),
  )
}
