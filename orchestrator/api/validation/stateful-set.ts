// Checks of StatefulSets. Counterpart: ValidateStatefulSet of pkg/apis/apps/validation.

import { sameJson } from '../equality.js'
import type { FieldError } from '../kind.js'
import type { PodTemplateSpec } from '../types/core-pod.js'
import type { StatefulSet, StatefulSetSpec } from '../types/apps-stateful-set.js'
import { forbiddenField, invalidFor, invalidValue, notSupported, required } from './field-errors.js'
import { validateObjectName } from './metadata.js'
import { dns1123Label, dns1123Subdomain } from './names.js'
import { validateClaimSpec } from './persistent-volume-claim.js'
import {
  isNothing,
  validateAtMostAll,
  validateAtMostReplicas,
  validateCollisionCount,
  validateCount,
  validateCounts,
  validateLastingTemplate,
  validateSelection,
  validateShare,
} from './workload-parts.js'

const retentions = ['Retain', 'Delete'] as const

export function validateStatefulSet(set: StatefulSet, old: StatefulSet | null): FieldError[] {
  const { spec } = set
  return [
    ...(old === null ? validateNew(set) : validateUpdate(spec, old.spec)),
    ...validatePodManagement(spec),
    ...validateUpdateStrategy(spec),
    ...validateRetention(spec),
    ...validateCount(spec.replicas, 'spec.replicas'),
    ...validateCount(spec.minReadySeconds, 'spec.minReadySeconds'),
    ...validateCount(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit'),
    ...validateCount(spec.ordinals?.start, 'spec.ordinals.start'),
    ...validateSelection(spec.selector, spec.template, 'statefulset'),
    ...validateLastingTemplate(withClaimedVolumes(spec), 'StatefulSet'),
    ...validateStatus(set, old),
  ]
}

/** What cannot change afterwards: names that pods and claims get, and the claims. */
function validateNew(set: StatefulSet): FieldError[] {
  const { serviceName = '', volumeClaimTemplates = [] } = set.spec
  return [
    ...validateObjectName(set, dns1123Subdomain),
    ...(serviceName === ''
      ? []
      : invalidFor('spec.serviceName', serviceName, dns1123Label(serviceName))),
    ...volumeClaimTemplates.flatMap(({ metadata, spec }, index) => {
      const field = `spec.volumeClaimTemplates[${index}]`
      const { name = '' } = metadata
      const at = `${field}.metadata.name`
      return [
        ...(name === '' ? [required(at)] : invalidFor(at, name, dns1123Label(name))),
        ...validateClaimSpec(spec ?? {}, `${field}.spec`),
      ]
    }),
  ]
}

const openFields: ReadonlySet<string> = new Set([
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
])

function validateUpdate(spec: StatefulSetSpec, old: StatefulSetSpec): FieldError[] {
  const closed = (from: StatefulSetSpec) =>
    Object.fromEntries(Object.entries(from).filter(([name]) => !openFields.has(name)))
  if (sameJson(closed(spec), closed(old))) return []
  const text =
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', " +
    "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and " +
    "'minReadySeconds' are forbidden"
  return [forbiddenField('spec', text)]
}

function validatePodManagement({ podManagementPolicy = '' }: StatefulSetSpec): FieldError[] {
  const field = 'spec.podManagementPolicy'
  if (podManagementPolicy === '') return [required(field)]
  if (podManagementPolicy === 'OrderedReady' || podManagementPolicy === 'Parallel') return []
  return [invalidValue(field, podManagementPolicy, "must be 'OrderedReady' or 'Parallel'")]
}

function validateUpdateStrategy({ updateStrategy }: StatefulSetSpec): FieldError[] {
  const field = 'spec.updateStrategy'
  const { type = '', rollingUpdate } = updateStrategy ?? {}
  const at = `${field}.rollingUpdate`
  switch (type) {
    case '':
      return [required(field)]
    case 'OnDelete':
      return rollingUpdate === undefined
        ? []
        : [
            invalidValue(
              at,
              { ...rollingUpdate },
              "only allowed for updateStrategy 'RollingUpdate'",
            ),
          ]
    case 'RollingUpdate': {
      const { partition, maxUnavailable } = rollingUpdate ?? {}
      const share = `${at}.maxUnavailable`
      return [
        ...validateCount(partition, `${at}.partition`),
        ...(maxUnavailable === undefined
          ? []
          : [
              ...validateShare(maxUnavailable, share),
              ...(isNothing(maxUnavailable)
                ? [invalidValue(share, maxUnavailable, 'cannot be 0')]
                : []),
              ...validateAtMostAll(maxUnavailable, share),
            ]),
      ]
    }
    default:
      return [invalidValue(field, { type }, "must be 'RollingUpdate' or 'OnDelete'")]
  }
}

function validateRetention(spec: StatefulSetSpec): FieldError[] {
  const policy = spec.persistentVolumeClaimRetentionPolicy
  if (policy === undefined) return []
  return (['whenDeleted', 'whenScaled'] as const).flatMap(name => {
    const value = policy[name] ?? ''
    if (retentions.some(known => known === value)) return []
    return [notSupported(`spec.persistentVolumeClaimRetentionPolicy.${name}`, value, retentions)]
  })
}

/** Every pod gets a volume of the name of each claim; one of the template gives way to it. */
function withClaimedVolumes(spec: StatefulSetSpec): PodTemplateSpec {
  const { template, volumeClaimTemplates = [] } = spec
  const podSpec = template.spec
  if (podSpec === undefined || volumeClaimTemplates.length === 0) return template
  const claims = volumeClaimTemplates
    .map(({ metadata }) => metadata.name ?? '')
    .filter(name => dns1123Label(name).length === 0)
  const volumes = (podSpec.volumes ?? []).filter(({ name }) => !claims.includes(name))
  const claimed = claims.map(name => ({ name, persistentVolumeClaim: { claimName: name } }))
  return { ...template, spec: { ...podSpec, volumes: [...volumes, ...claimed] } }
}

function validateStatus({ status }: StatefulSet, old: StatefulSet | null): FieldError[] {
  if (status === undefined) return []
  const parts = [
    'readyReplicas',
    'currentReplicas',
    'updatedReplicas',
    'availableReplicas',
  ] as const
  const { readyReplicas = 0, availableReplicas = 0 } = status
  const counts = ['replicas', ...parts, 'observedGeneration', 'collisionCount'] as const
  const errors = [
    ...validateCounts(status, counts, 'status'),
    ...validateAtMostReplicas(status, parts),
    ...validateCollisionCount(status, old?.status),
  ]
  if (availableReplicas > readyReplicas) {
    const text = 'cannot be greater than status.readyReplicas'
    errors.push(invalidValue('status.availableReplicas', availableReplicas, text))
  }
  return errors
}
