// Checks of the small kinds: Namespace, ConfigMap, Secret, Lease.
// Counterpart: pkg/apis/core/validation and pkg/apis/coordination/validation.

import { base64ByteLength, decodeBase64 } from '../base64.js'
import { JsonTextError, parseJsonText } from '../decode/json-text.js'
import { sameJson } from '../equality.js'
import type { FieldError } from '../kind.js'
import { isJsonObject } from '../record.js'
import type { ConfigMap, Namespace, Secret } from '../types/core-config.js'
import type { Lease } from '../types/coordination.js'
import { forbiddenField, invalidFor, invalidValue, required, tooLong } from './field-errors.js'
import { immutableText, validateObjectName } from './metadata.js'
import { configMapKey, dns1123Label, dns1123Subdomain, qualifiedName } from './names.js'
import { notNegative } from './resources.js'

const contentBytesMax = 1024 * 1024
const encoder = new TextEncoder()
const decoder = new TextDecoder()

type Entries = { readonly [key: string]: string }

export function validateNamespace(namespace: Namespace, old: Namespace | null): FieldError[] {
  const errors = validateObjectName(namespace, dns1123Label)
  for (const [index, finalizer] of (namespace.spec?.finalizers ?? []).entries()) {
    if (finalizer === 'kubernetes') continue
    const at = `spec.finalizers[${index}]`
    errors.push(...invalidFor(at, finalizer, qualifiedName(finalizer)))
    if (!finalizer.includes('/')) {
      const text = 'name is neither a standard finalizer name nor is it fully qualified'
      errors.push(invalidValue(at, finalizer, text))
    }
  }
  const phase = namespace.status?.phase
  if (old?.metadata.deletionTimestamp !== undefined && phase !== 'Terminating') {
    const text = "may only be 'Terminating' if `deletionTimestamp` is not empty"
    errors.push(invalidValue('status.phase', phase, text))
  }
  return errors
}

function validateKeys(entries: Entries | undefined, field: string): FieldError[] {
  return Object.keys(entries ?? {}).flatMap(key =>
    invalidFor(`${field}[${key}]`, key, configMapKey(key)),
  )
}

function textBytes(entries: Entries | undefined): number {
  return Object.values(entries ?? {}).reduce((sum, text) => sum + encoder.encode(text).length, 0)
}

function binaryBytes(entries: Entries | undefined): number {
  return Object.values(entries ?? {}).reduce((sum, text) => sum + base64ByteLength(text), 0)
}

const sealedText = 'field is immutable when `immutable` is set'

/** Once `immutable` is true, neither it nor the content can change. */
function validateSealed<K extends string>(
  object: { readonly immutable?: boolean } & { readonly [key in K]?: Entries },
  old: typeof object | null,
  contents: readonly K[],
): FieldError[] {
  if (old?.immutable !== true) return []
  const errors: FieldError[] = []
  if (object.immutable !== true) errors.push(forbiddenField('immutable', sealedText))
  for (const name of contents) {
    if (!sameJson(object[name], old[name])) errors.push(forbiddenField(name, sealedText))
  }
  return errors
}

export function validateConfigMap(configMap: ConfigMap, old: ConfigMap | null): FieldError[] {
  const { data, binaryData } = configMap
  const errors = [
    ...validateObjectName(configMap, dns1123Subdomain),
    ...validateKeys(data, 'data'),
    ...validateKeys(binaryData, 'binaryData'),
  ]
  for (const key of Object.keys(binaryData ?? {})) {
    if (Object.hasOwn(data ?? {}, key)) {
      errors.push(invalidValue(`data[${key}]`, key, 'duplicate of key present in binaryData'))
    }
  }
  if (textBytes(data) + binaryBytes(binaryData) > contentBytesMax) {
    errors.push(tooLong('', contentBytesMax))
  }
  return [...errors, ...validateSealed(configMap, old, ['data', 'binaryData'])]
}

const accountAnnotation = 'kubernetes.io/service-account.name'

/** What a type of secret promises to those who read it. */
function validateTypedContent(secret: Secret, data: Entries): FieldError[] {
  const missing = (...keys: readonly string[]) =>
    keys.filter(key => !Object.hasOwn(data, key)).map(key => required(`data[${key}]`))
  switch (secret.type ?? '') {
    case 'kubernetes.io/tls':
      return missing('tls.crt', 'tls.key')
    case 'kubernetes.io/dockercfg':
      return [...missing('.dockercfg'), ...validateJsonEntry(data, '.dockercfg')]
    case 'kubernetes.io/dockerconfigjson':
      return [...missing('.dockerconfigjson'), ...validateJsonEntry(data, '.dockerconfigjson')]
    case 'kubernetes.io/ssh-auth':
      return (data['ssh-privatekey'] ?? '') === '' ? [required('data[ssh-privatekey]')] : []
    case 'kubernetes.io/basic-auth': {
      // One of the two is enough, and it may be empty.
      const wanted = missing('username', 'password')
      return wanted.length === 2 ? wanted : []
    }
    case 'kubernetes.io/service-account-token':
      return (secret.metadata.annotations?.[accountAnnotation] ?? '') === ''
        ? [required(`metadata.annotations[${accountAnnotation}]`)]
        : []
    default:
      return []
  }
}

/** The content must be an object in JSON; what it is instead is nobody's to read in an error. */
function validateJsonEntry(data: Entries, key: string): FieldError[] {
  const text = data[key]
  if (text === undefined) return []
  const problem = jsonObjectProblem(decoder.decode(decodeBase64(text)))
  if (problem === null) return []
  return [invalidValue(`data[${key}]`, '<secret contents redacted>', problem)]
}

function jsonObjectProblem(text: string): string | null {
  try {
    const { value } = parseJsonText(text)
    if (value === null || isJsonObject(value)) return null
    const found = Array.isArray(value) ? 'array' : goNames[typeof value]
    return `json: cannot unmarshal ${found ?? 'value'} into Go value of type map[string]interface {}`
  } catch (error) {
    if (error instanceof JsonTextError) return error.message
    throw error
  }
}

/** What clients of the original are used to read. */
const goNames: Readonly<Record<string, string>> = {
  boolean: 'bool',
  number: 'number',
  string: 'string',
}

export function validateSecret(secret: Secret, old: Secret | null): FieldError[] {
  const { data = {}, type = '' } = secret
  const errors = [
    ...validateObjectName(secret, dns1123Subdomain),
    ...validateKeys(data, 'data'),
    ...validateSealed(secret, old, ['data']),
  ]
  if (binaryBytes(data) > contentBytesMax) errors.push(tooLong('data', contentBytesMax))
  errors.push(...validateTypedContent(secret, data))
  if (old !== null && (old.type ?? '') !== type) {
    errors.push(invalidValue('type', type, immutableText))
  }
  return errors
}

export function validateLease(lease: Lease): FieldError[] {
  const errors = validateObjectName(lease, dns1123Subdomain)
  const { leaseDurationSeconds: duration, leaseTransitions: transitions } = lease.spec ?? {}
  if (duration !== undefined && duration <= 0) {
    errors.push(invalidValue('spec.leaseDurationSeconds', duration, 'must be greater than 0'))
  }
  if (transitions !== undefined && transitions < 0) {
    errors.push(invalidValue('spec.leaseTransitions', transitions, notNegative))
  }
  return errors
}
