// Checks of volumes. Counterpart: validateVolumeSource of pkg/apis/core/validation. Sources of retired
// in-tree drivers are held to their required fields by the schema alone.

import type { FieldError } from '../kind.js'
import { parseQuantity } from '../quantity.js'
import type {
  HostPathVolumeSource,
  KeyToPath,
  NFSVolumeSource,
  Volume,
  VolumeProjection,
} from '../types/core-volume.js'
import {
  duplicate,
  forbiddenField,
  invalidFor,
  invalidValue,
  notSupported,
  required,
} from './field-errors.js'
import { dns1123Label, dns1123Subdomain } from './names.js'
import { validateClaimSpec } from './persistent-volume-claim.js'

const hostPathTypes = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
] as const

const modeMax = 0o777
const tokenSecondsMin = 600

export function validateVolumes(volumes: readonly Volume[], field: string): FieldError[] {
  const seen = new Set<string>()
  return volumes.flatMap((volume, index) => {
    const at = `${field}[${index}]`
    const { name } = volume
    const errors: FieldError[] = []
    if (name === '') errors.push(required(`${at}.name`))
    else errors.push(...invalidFor(`${at}.name`, name, dns1123Label(name)))
    if (seen.has(name)) errors.push(duplicate(`${at}.name`, name))
    seen.add(name)
    const sources = Object.keys(volume).filter(key => key !== 'name')
    for (const source of sources.slice(1)) {
      errors.push(forbiddenField(`${at}.${source}`, 'may not specify more than 1 volume type'))
    }
    if (sources.length === 0) errors.push(required(at, 'must specify a volume type'))
    errors.push(...validateSource(volume, at))
    return errors
  })
}

function requiredText(value: string | undefined, field: string): FieldError[] {
  return value === undefined || value === '' ? [required(field)] : []
}

function validateSource(volume: Volume, at: string): FieldError[] {
  const errors: FieldError[] = []
  const { hostPath, emptyDir, secret, configMap, downwardAPI, projected, nfs, csi, image } = volume
  if (hostPath !== undefined) {
    errors.push(...validateHostPath(hostPath, `${at}.hostPath`))
  }
  const sizeLimit = emptyDir?.sizeLimit
  if (sizeLimit !== undefined && (parseQuantity(sizeLimit)?.nanos ?? -1n) < 0n) {
    const text = 'SizeLimit field must be a valid resource quantity'
    errors.push(forbiddenField(`${at}.emptyDir.sizeLimit`, text))
  }
  if (secret !== undefined) {
    errors.push(...requiredText(secret.secretName, `${at}.secret.secretName`))
    errors.push(...validateFiles(secret, `${at}.secret`))
  }
  if (configMap !== undefined) {
    errors.push(...requiredText(configMap.name, `${at}.configMap.name`))
    errors.push(...validateFiles(configMap, `${at}.configMap`))
  }
  if (downwardAPI !== undefined) {
    errors.push(...validateMode(downwardAPI.defaultMode, `${at}.downwardAPI.defaultMode`))
    for (const [index, item] of (downwardAPI.items ?? []).entries()) {
      const place = `${at}.downwardAPI.items[${index}]`
      errors.push(...validateRelativePath(item.path, `${place}.path`))
      if (item.fieldRef === undefined && item.resourceFieldRef === undefined) {
        errors.push(required(place, 'one of fieldRef and resourceFieldRef is required'))
      }
    }
  }
  if (projected !== undefined) {
    errors.push(...validateMode(projected.defaultMode, `${at}.projected.defaultMode`))
    for (const [index, source] of (projected.sources ?? []).entries()) {
      errors.push(...validateProjection(source, `${at}.projected.sources[${index}]`))
    }
  }
  if (nfs !== undefined) {
    errors.push(...validateNfs(nfs, `${at}.nfs`))
  }
  if (csi !== undefined) errors.push(...requiredText(csi.driver, `${at}.csi.driver`))
  if (image !== undefined) {
    errors.push(...requiredText(image.reference, `${at}.image.reference`))
  }
  const claim = volume.persistentVolumeClaim
  if (claim !== undefined) {
    const place = `${at}.persistentVolumeClaim.claimName`
    errors.push(...requiredText(claim.claimName, place))
    if (claim.claimName !== '') {
      errors.push(...invalidFor(place, claim.claimName, dns1123Subdomain(claim.claimName)))
    }
  }
  if (volume.ephemeral !== undefined) {
    const template = volume.ephemeral.volumeClaimTemplate
    const place = `${at}.ephemeral.volumeClaimTemplate`
    if (template === undefined) errors.push(required(place))
    else errors.push(...validateClaimSpec(template.spec, `${place}.spec`))
  }
  return errors
}

export function validateHostPath(
  { path, type = '' }: HostPathVolumeSource,
  at: string,
): FieldError[] {
  const errors = requiredText(path, `${at}.path`)
  errors.push(...validateBackSteps(path, `${at}.path`))
  if (!hostPathTypes.some(known => known === type)) {
    errors.push(notSupported(`${at}.type`, type, hostPathTypes))
  }
  return errors
}

export function validateNfs({ server, path }: NFSVolumeSource, at: string): FieldError[] {
  const errors = [...requiredText(server, `${at}.server`), ...requiredText(path, `${at}.path`)]
  if (path !== '' && !path.startsWith('/')) {
    errors.push(invalidValue(`${at}.path`, path, 'must be an absolute path'))
  }
  return errors
}

function validateProjection(source: VolumeProjection, at: string): FieldError[] {
  const kinds = Object.keys(source)
  const errors = kinds
    .slice(1)
    .map(kind =>
      forbiddenField(`${at}.${kind}`, 'may not specify more than 1 volume type per source'),
    )
  if (kinds.length === 0) {
    errors.push(required(at, 'no volume type specified'))
  }
  const { secret, configMap, serviceAccountToken } = source
  if (secret !== undefined) {
    errors.push(...requiredText(secret.name, `${at}.secret.name`))
    errors.push(...validateFiles(secret, `${at}.secret`))
  }
  if (configMap !== undefined) {
    errors.push(...requiredText(configMap.name, `${at}.configMap.name`))
    errors.push(...validateFiles(configMap, `${at}.configMap`))
  }
  if (serviceAccountToken !== undefined) {
    const place = `${at}.serviceAccountToken`
    const seconds = serviceAccountToken.expirationSeconds ?? tokenSecondsMin
    if (seconds < tokenSecondsMin) {
      const text = 'may not specify a duration less than 10 minutes'
      errors.push(invalidValue(`${place}.expirationSeconds`, seconds, text))
    }
    errors.push(...requiredText(serviceAccountToken.path, `${place}.path`))
  }
  return errors
}

function validateFiles(
  source: { readonly defaultMode?: number; readonly items?: readonly KeyToPath[] },
  at: string,
): FieldError[] {
  const items = (source.items ?? []).flatMap((item, index) => {
    const place = `${at}.items[${index}]`
    return [
      ...requiredText(item.key, `${place}.key`),
      ...validateRelativePath(item.path, `${place}.path`),
      ...validateMode(item.mode, `${place}.mode`),
    ]
  })
  return [...validateMode(source.defaultMode, `${at}.defaultMode`), ...items]
}

function validateMode(mode: number | undefined, field: string): FieldError[] {
  if (mode === undefined || (mode >= 0 && mode <= modeMax)) return []
  const text = 'must be a number between 0 and 0777 (octal), both inclusive'
  return [invalidValue(field, mode, text)]
}

/** A path inside the volume, which must not lead out of it. */
export function validateRelativePath(path: string, field: string): FieldError[] {
  if (path === '') return [required(field)]
  const errors: FieldError[] = []
  if (path.startsWith('/')) errors.push(invalidValue(field, path, 'must be a relative path'))
  errors.push(...validateBackSteps(path, field))
  if (path.startsWith('..') && path !== '..' && !path.startsWith('../')) {
    errors.push(invalidValue(field, path, "must not start with '..'"))
  }
  return errors
}

export function validateBackSteps(path: string, field: string): FieldError[] {
  if (!path.split('/').includes('..')) return []
  return [invalidValue(field, path, "must not contain '..'")]
}
