// Checks of what storage drivers write: CSIDriver, CSINode, CSIStorageCapacity, VolumeAttachment.
// Counterpart: pkg/apis/storage/validation.

import { sameJson } from '../equality.js'
import type { FieldError } from '../kind.js'
import type { JsonObject } from '../object.js'
import { parseQuantity } from '../quantity.js'
import type { VolumeAttachment, VolumeError } from '../types/storage-attachment.js'
import type { CSIDriver, CSINode, CSINodeDriver, CSIStorageCapacity } from '../types/storage-csi.js'
import { validateDriverName } from './csi-driver-name.js'
import {
  duplicate,
  forbiddenField,
  invalidFor,
  invalidValue,
  notSupported,
  required,
  tooLong,
} from './field-errors.js'
import { immutableText, validateLabelSelector, validateObjectName } from './metadata.js'
import { dns1123Subdomain, qualifiedName } from './names.js'
import { validateInlineVolume } from './persistent-volume.js'
import { notNegative } from './resources.js'

const groupPolicies = ['File', 'None', 'ReadWriteOnceWithFSType'] as const
const lifecycleModes = ['Ephemeral', 'Persistent'] as const
const tokenSecondsMin = 600
const tokenSecondsMax = 2 ** 32
const updateSecondsMin = 10
const nodeIdBytesMax = 256
const attachmentBytesMax = 256 * 1024
const errorMessageBytesMax = 1024
const encoder = new TextEncoder()

function bytesOf(text: string): number {
  return encoder.encode(text).length
}

function validateTokenRequests(requests: CSIDriver['spec']['tokenRequests']): FieldError[] {
  const seen = new Set<string>()
  return (requests ?? []).flatMap(({ audience, expirationSeconds: seconds }, index) => {
    const at = `spec.tokenRequests[${index}]`
    if (seen.has(audience)) return [duplicate(`${at}.audience`, audience)]
    seen.add(audience)
    const field = `${at}.expirationSeconds`
    if (seconds !== undefined && seconds < tokenSecondsMin) {
      return [invalidValue(field, seconds, 'may not specify a duration less than 10 minutes')]
    }
    if (seconds !== undefined && seconds > tokenSecondsMax) {
      return [invalidValue(field, seconds, 'may not specify a duration larger than 2^32 seconds')]
    }
    return []
  })
}

export function validateCsiDriver(driver: CSIDriver, old: CSIDriver | null): FieldError[] {
  const { spec } = driver
  const { fsGroupPolicy, volumeLifecycleModes = [] } = spec
  const period = spec.nodeAllocatableUpdatePeriodSeconds
  const errors = validateObjectName(driver, dns1123Subdomain)
  if (fsGroupPolicy !== undefined && !groupPolicies.some(known => known === fsGroupPolicy)) {
    errors.push(notSupported('spec.fsGroupPolicy', fsGroupPolicy, groupPolicies))
  }
  errors.push(...validateTokenRequests(spec.tokenRequests))
  for (const mode of volumeLifecycleModes) {
    if (!lifecycleModes.some(known => known === mode)) {
      errors.push(notSupported('spec.volumeLifecycleModes', mode, lifecycleModes))
    }
  }
  if (period !== undefined && period < updateSecondsMin) {
    const text = `must be greater than or equal to ${updateSecondsMin} seconds`
    errors.push(invalidValue('spec.nodeAllocatableUpdatePeriodSeconds', period, text))
  }
  if (old !== null && old.spec.attachRequired !== spec.attachRequired) {
    // The original spells the field so.
    errors.push(invalidValue('spec.attachedRequired', spec.attachRequired, immutableText))
  }
  if (old !== null && !sameJson(old.spec.volumeLifecycleModes ?? [], volumeLifecycleModes)) {
    const at = 'spec.volumeLifecycleModes'
    errors.push(invalidValue(at, [...volumeLifecycleModes], immutableText))
  }
  return errors
}

function validateNodeDriver(driver: CSINodeDriver, field: string): FieldError[] {
  const { name, nodeID, topologyKeys = [], allocatable } = driver
  const errors = validateDriverName(name, `${field}.name`)
  if (nodeID === '') errors.push(required(`${field}.nodeID`))
  if (bytesOf(nodeID) > nodeIdBytesMax) {
    const text = `must be ${nodeIdBytesMax} characters or less`
    errors.push(invalidValue(`${field}.nodeID`, nodeID, text))
  }
  const count = allocatable?.count
  if (count !== undefined && count < 0) {
    errors.push(invalidValue(`${field}.allocatable.count`, count, notNegative))
  }
  for (const [index, key] of topologyKeys.entries()) {
    if (key === '') errors.push(required(field))
    if (topologyKeys.indexOf(key) < index) errors.push(duplicate(field, key))
    errors.push(...invalidFor(field, key, qualifiedName(key)))
  }
  return errors
}

function withoutRoom(driver: CSINodeDriver): Omit<CSINodeDriver, 'allocatable'> {
  const { allocatable: _, ...rest } = driver
  return rest
}

/** A driver of a node changes by going and coming again, but for how much it can take. */
export function validateCsiNode(node: CSINode, old: CSINode | null): FieldError[] {
  const errors = validateObjectName(node, dns1123Subdomain)
  const seen = new Set<string>()
  for (const [index, driver] of node.spec.drivers.entries()) {
    const at = `spec.drivers[${index}]`
    errors.push(...validateNodeDriver(driver, at))
    if (seen.has(driver.name)) errors.push(duplicate(`${at}.name`, driver.name))
    seen.add(driver.name)
    const before = old?.spec.drivers.find(known => known.name === driver.name)
    if (before !== undefined && !sameJson(withoutRoom(driver), withoutRoom(before))) {
      errors.push(invalidValue('spec.drivers', withoutRoom(driver), immutableText))
    }
  }
  return errors
}

export function validateCsiStorageCapacity(
  capacity: CSIStorageCapacity,
  old: CSIStorageCapacity | null,
): FieldError[] {
  const { nodeTopology, storageClassName } = capacity
  const errors = validateObjectName(capacity, dns1123Subdomain)
  if (nodeTopology !== undefined)
    errors.push(...validateLabelSelector(nodeTopology, 'nodeTopology'))
  const wrong = dns1123Subdomain(storageClassName)
  errors.push(...invalidFor('storageClassName', storageClassName, wrong))
  for (const name of ['capacity', 'maximumVolumeSize'] as const) {
    const amount = capacity[name]
    if (amount !== undefined && (parseQuantity(amount)?.nanos ?? -1n) < 0n) {
      errors.push(invalidValue(name, amount, notNegative))
    }
  }
  if (old !== null && !sameJson(nodeTopology, old.nodeTopology)) {
    errors.push(invalidValue('nodeTopology', nodeTopology as JsonObject, immutableText))
  }
  if (old !== null && storageClassName !== old.storageClassName) {
    errors.push(invalidValue('storageClassName', storageClassName, immutableText))
  }
  return errors
}

function validateVolumeError(error: VolumeError | undefined, field: string): FieldError[] {
  const errors: FieldError[] = []
  if (bytesOf(error?.message ?? '') > errorMessageBytesMax) {
    errors.push(tooLong(`${field}.message`, errorMessageBytesMax))
  }
  const code = error?.errorCode
  if (code !== undefined && code < 0) {
    const text = 'must be between 0 and 2147483647, inclusive'
    errors.push(invalidValue(`${field}.errorCode`, code, text))
  }
  return errors
}

function validateAttachmentSource(attachment: VolumeAttachment): FieldError[] {
  const { persistentVolumeName: name, inlineVolumeSpec: inline } = attachment.spec.source
  const at = 'spec.source'
  const one = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName'
  if (name === undefined && inline === undefined) return [required(at, one)]
  if (name !== undefined && inline !== undefined) return [forbiddenField(at, one)]
  if (inline !== undefined) return validateInlineVolume(inline, `${at}.inlineVolumeSpec`)
  const field = `${at}.persistentVolumeName`
  if (name === undefined || name === '') {
    return [required(field, 'must specify non empty persistentVolumeName')]
  }
  return invalidFor(field, name, dns1123Subdomain(name))
}

export function validateVolumeAttachment(
  attachment: VolumeAttachment,
  old: VolumeAttachment | null,
): FieldError[] {
  const { spec, status } = attachment
  const bytes = Object.entries(status?.attachmentMetadata ?? {}).reduce(
    (sum, [key, value]) => sum + bytesOf(key) + bytesOf(value),
    0,
  )
  const errors = [
    ...validateObjectName(attachment, dns1123Subdomain),
    ...validateDriverName(spec.attacher, 'spec.attacher'),
    ...validateAttachmentSource(attachment),
    ...invalidFor('spec.nodeName', spec.nodeName, dns1123Subdomain(spec.nodeName)),
    ...validateVolumeError(status?.attachError, 'status.attachError'),
    ...validateVolumeError(status?.detachError, 'status.detachError'),
  ]
  if (bytes > attachmentBytesMax) {
    errors.push(tooLong('status.attachmentMetadata', attachmentBytesMax))
  }
  if (old !== null && !sameJson(old.spec, spec)) {
    errors.push(invalidValue('spec', spec as unknown as JsonObject, immutableText))
  }
  return errors
}
