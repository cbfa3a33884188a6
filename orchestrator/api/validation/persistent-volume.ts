// Checks of PersistentVolumes. Counterpart: ValidatePersistentVolume and
// ValidatePersistentVolumeUpdate of pkg/apis/core/validation. Sources of retired in-tree drivers are
// held to their required fields.

import { sameJson } from '../equality.js'
import type { FieldError } from '../kind.js'
import type { JsonObject } from '../object.js'
import { parseQuantity } from '../quantity.js'
import { persistentVolumeSpec } from '../schema/core-persistent-volume.js'
import type {
  CSIPersistentVolumeSource,
  PersistentVolume,
  PersistentVolumeSpec,
  SecretReference,
} from '../types/core-persistent-volume.js'
import type { FCVolumeSource } from '../types/core-volume.js'
import { forbiddenField, invalidFor, invalidValue, notSupported, required } from './field-errors.js'
import { validateAccessModes, volumeModes } from './access-modes.js'
import { validateDriverName } from './csi-driver-name.js'
import { immutableText, validateObjectName } from './metadata.js'
import { dns1123Label, dns1123Subdomain } from './names.js'
import { validateNodeSelector } from './scheduling.js'
import { validateBackSteps, validateHostPath, validateNfs } from './volume.js'

const reclaimPolicies = ['Delete', 'Recycle', 'Retain'] as const
const notPositive = 'must be greater than zero'
const lunMax = 255

/** The fields of a volume's spec that say where it is: what protobuf nests in a message. */
const sources: readonly string[] = [...persistentVolumeSpec.fields]
  .filter(([, field]) => field.within.length > 0)
  .map(([name]) => name)

/** What a source cannot do without. */
const requiredParts: Readonly<Record<string, readonly string[]>> = {
  awsElasticBlockStore: ['volumeID'],
  azureDisk: ['diskName', 'diskURI'],
  azureFile: ['secretName', 'shareName'],
  cephfs: ['monitors'],
  cinder: ['volumeID'],
  flexVolume: ['driver'],
  gcePersistentDisk: ['pdName'],
  glusterfs: ['endpoints', 'path'],
  iscsi: ['targetPortal', 'iqn'],
  local: ['path'],
  photonPersistentDisk: ['pdID'],
  portworxVolume: ['volumeID'],
  quobyte: ['registry', 'volume'],
  rbd: ['monitors', 'image'],
  scaleIO: ['gateway', 'system', 'volumeName'],
  storageos: ['volumeName'],
  vsphereVolume: ['volumePath'],
}

function validateCapacity(capacity: PersistentVolumeSpec['capacity']): FieldError[] {
  const entries = Object.entries(capacity ?? {})
  const errors: FieldError[] = []
  if (entries.length === 0) errors.push(required('spec.capacity'))
  if (entries.length !== 1 || entries[0]?.[0] !== 'storage') {
    errors.push(notSupported('spec.capacity', { ...capacity }, ['storage']))
  }
  for (const [name, text] of entries) {
    const at = `spec.capacity[${name}]`
    const nanos = parseQuantity(text)?.nanos ?? -1n
    if (nanos < 0n) errors.push(invalidValue(at, text, 'must be a valid resource quantity'))
    if (nanos <= 0n) errors.push(invalidValue(at, text, notPositive))
  }
  return errors
}

function validateSecretReference(
  reference: SecretReference | undefined,
  field: string,
): FieldError[] {
  if (reference === undefined) return []
  const { name = '', namespace = '' } = reference
  return [
    ...(name === ''
      ? [required(`${field}.name`)]
      : invalidFor(`${field}.name`, name, dns1123Subdomain(name))),
    ...(namespace === ''
      ? [required(`${field}.namespace`)]
      : invalidFor(`${field}.namespace`, namespace, dns1123Label(namespace))),
  ]
}

function validateCsi(csi: CSIPersistentVolumeSource, field: string): FieldError[] {
  return [
    ...validateDriverName(csi.driver, `${field}.driver`),
    ...(csi.volumeHandle === '' ? [required(`${field}.volumeHandle`)] : []),
    ...(
      [
        'controllerPublishSecretRef',
        'controllerExpandSecretRef',
        'nodePublishSecretRef',
        'nodeStageSecretRef',
        'nodeExpandSecretRef',
      ] as const
    ).flatMap(name => validateSecretReference(csi[name], `${field}.${name}`)),
  ]
}

function validateSource(spec: PersistentVolumeSpec, name: string, field: string): FieldError[] {
  const at = `${field}.${name}`
  if (name === 'hostPath' && spec.hostPath !== undefined) return validateHostPath(spec.hostPath, at)
  if (name === 'nfs' && spec.nfs !== undefined) return validateNfs(spec.nfs, at)
  if (name === 'fc' && spec.fc !== undefined) return validateFibreChannel(spec.fc, at)
  if (name === 'csi' && spec.csi !== undefined) return validateCsi(spec.csi, at)
  const given = (spec as JsonObject)[name] as JsonObject
  const errors = (requiredParts[name] ?? [])
    .filter(part => isEmpty(given[part]))
    .map(part => required(`${at}.${part}`))
  if (spec.local !== undefined && name === 'local') {
    errors.push(...validateBackSteps(spec.local.path, `${at}.path`))
  }
  if (spec.iscsi !== undefined && name === 'iscsi') {
    errors.push(...validateLun(spec.iscsi.lun, `${at}.lun`))
  }
  return errors
}

/** A disk is named by its ports and a number, or by its own ids. */
function validateFibreChannel(fc: FCVolumeSource, at: string): FieldError[] {
  const { targetWWNs = [], wwids = [], lun } = fc
  const field = `${at}.targetWWNs`
  if (targetWWNs.length === 0) {
    if (wwids.length > 0) return []
    return [required(field, 'must specify either targetWWNs or wwids, but not both')]
  }
  const errors =
    wwids.length === 0
      ? []
      : [
          invalidValue(
            field,
            [...targetWWNs],
            'targetWWNs and wwids can not be specified simultaneously',
          ),
        ]
  if (lun !== undefined) return [...errors, ...validateLun(lun, `${at}.lun`)]
  return [...errors, required(`${at}.lun`, 'lun is required if targetWWNs is specified')]
}

function validateLun(lun: number, field: string): FieldError[] {
  if (lun >= 0 && lun <= lunMax) return []
  return [invalidValue(field, lun, `must be between 0 and ${lunMax}, inclusive`)]
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === '' || (Array.isArray(value) && value.length === 0)
}

function sourcesOf(spec: PersistentVolumeSpec): readonly string[] {
  const given = spec as JsonObject
  return sources.filter(name => given[name] !== undefined)
}

function validateSources(spec: PersistentVolumeSpec, field: string): FieldError[] {
  const [first, ...more] = sourcesOf(spec)
  if (first === undefined) return [required(field, 'must specify a volume type')]
  return [
    ...validateSource(spec, first, field),
    ...more.map(name =>
      forbiddenField(`${field}.${name}`, 'may not specify more than 1 volume type'),
    ),
  ]
}

function validateSpec(spec: PersistentVolumeSpec): FieldError[] {
  const { volumeMode, nodeAffinity, storageClassName = '', volumeAttributesClassName } = spec
  const policy = spec.persistentVolumeReclaimPolicy ?? ''
  const errors: FieldError[] = []
  if ((spec.accessModes ?? []).length === 0) errors.push(required('spec.accessModes'))
  errors.push(...validateAccessModes(spec.accessModes ?? [], 'spec.accessModes'))
  errors.push(...validateCapacity(spec.capacity))
  if (policy !== '' && !reclaimPolicies.some(known => known === policy)) {
    errors.push(notSupported('spec.persistentVolumeReclaimPolicy', policy, reclaimPolicies))
  }
  if (nodeAffinity !== undefined) {
    const at = 'spec.nodeAffinity.required'
    if (nodeAffinity.required !== undefined) {
      errors.push(...validateNodeSelector(nodeAffinity.required, at))
    } else errors.push(required(at, 'must specify required node constraints'))
  }
  errors.push(...validateSources(spec, 'spec'))
  if (spec.local !== undefined && nodeAffinity?.required === undefined) {
    errors.push(required('spec.nodeAffinity', 'Local volume requires node affinity'))
  }
  if (policy === 'Recycle' && /^\/+$/.test(spec.hostPath?.path ?? '')) {
    const text = "may not be 'recycle' for a hostPath mount of '/'"
    errors.push(forbiddenField('spec.persistentVolumeReclaimPolicy', text))
  }
  if (storageClassName !== '') {
    const wrong = dns1123Subdomain(storageClassName)
    errors.push(...invalidFor('spec.storageClassName', storageClassName, wrong))
  }
  if (volumeMode !== undefined && !volumeModes.some(known => known === volumeMode)) {
    errors.push(notSupported('spec.volumeMode', volumeMode, volumeModes))
  }
  if (volumeAttributesClassName !== undefined) {
    const at = 'spec.volumeAttributesClassName'
    if (volumeAttributesClassName === '') {
      errors.push(required(at, 'an empty string is disallowed'))
    } else {
      const wrong = dns1123Subdomain(volumeAttributesClassName)
      errors.push(...invalidFor(at, volumeAttributesClassName, wrong))
    }
    if (spec.csi === undefined) {
      errors.push(required('spec.csi', 'has to be specified when using volumeAttributesClassName'))
    }
  }
  return errors
}

/** A volume inside of another object, which only a driver of the newer kind can attach. */
export function validateInlineVolume(spec: PersistentVolumeSpec, field: string): FieldError[] {
  const inline = 'in the context of inline volumes'
  const errors: FieldError[] = []
  if (spec.csi === undefined) {
    errors.push(required(`${field}.csi`, `has to be specified ${inline}`))
  }
  if (spec.capacity !== undefined) {
    errors.push(forbiddenField(`${field}.capacity`, `may not be specified ${inline}`))
  }
  if ((spec.accessModes ?? []).length === 0) errors.push(required(`${field}.accessModes`))
  errors.push(...validateAccessModes(spec.accessModes ?? [], `${field}.accessModes`))
  for (const name of ['claimRef', 'nodeAffinity', 'storageClassName'] as const) {
    if (spec[name] !== undefined && spec[name] !== '') {
      errors.push(forbiddenField(`${field}.${name}`, `may not be specified ${inline}`))
    }
  }
  const policy = spec.persistentVolumeReclaimPolicy ?? ''
  if (policy !== '' && policy !== 'Retain') {
    const at = `${field}.persistentVolumeReclaimPolicy`
    errors.push(forbiddenField(at, `may only be Retain ${inline}`))
  }
  if (spec.volumeMode !== undefined && spec.volumeMode !== 'Filesystem') {
    const text = `may not specify volumeMode other than Filesystem ${inline}`
    errors.push(forbiddenField(`${field}.volumeMode`, text))
  }
  return [...errors, ...validateSources(spec, field)]
}

/** What a volume's source is, once a secret that may come later is left out of account. */
function lastingSource(spec: PersistentVolumeSpec, old: PersistentVolumeSpec): JsonObject {
  const given = spec as JsonObject
  const source = Object.fromEntries(sourcesOf(spec).map(name => [name, given[name] ?? null]))
  if (spec.csi === undefined || old.csi === undefined) return source
  if (old.csi.controllerExpandSecretRef !== undefined) return source
  const { controllerExpandSecretRef: _, ...csi } = spec.csi
  return { ...source, csi: csi as unknown as JsonObject }
}

/** Where a volume is and how it is used stays; a node affinity can be added and not changed. */
function validateUpdate(spec: PersistentVolumeSpec, old: PersistentVolumeSpec): FieldError[] {
  const errors: FieldError[] = []
  if (!sameJson(lastingSource(spec, old), lastingSource(old, old))) {
    const text = 'spec.persistentvolumesource is immutable after creation'
    errors.push(forbiddenField('spec.persistentvolumesource', text))
  }
  if (spec.volumeMode !== old.volumeMode) {
    errors.push(invalidValue('volumeMode', spec.volumeMode, immutableText))
  }
  if (old.nodeAffinity !== undefined && !sameJson(spec.nodeAffinity, old.nodeAffinity)) {
    errors.push(invalidValue('nodeAffinity', spec.nodeAffinity as JsonObject, immutableText))
  }
  if (old.volumeAttributesClassName !== undefined && spec.volumeAttributesClassName === undefined) {
    const text = 'update from non-nil value to nil is forbidden'
    errors.push(forbiddenField('spec.volumeAttributesClassName', text))
  }
  return errors
}

export function validatePersistentVolume(
  volume: PersistentVolume,
  old: PersistentVolume | null,
): FieldError[] {
  const spec = volume.spec ?? {}
  return [
    ...validateObjectName(volume, dns1123Subdomain),
    ...validateSpec(spec),
    ...(old === null ? [] : validateUpdate(spec, old.spec ?? {})),
  ]
}
