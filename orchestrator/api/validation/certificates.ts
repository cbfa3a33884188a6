// Checks of CertificateSigningRequests. Counterpart: pkg/apis/certificates/validation.

import { parseCertificateRequest } from '../certificate-request.js'
import type { FieldError } from '../kind.js'
import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
} from '../types/certificates.js'
import {
  duplicate,
  forbiddenField,
  invalidFor,
  invalidValue,
  notSupported,
  required,
} from './field-errors.js'
import { validateObjectName } from './metadata.js'
import { dns1123Subdomain } from './names.js'

const secondsMin = 600
const signerPathMax = 571

const usagesKnown = new Set([
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
])

export function validateCertificateRequest(
  request: CertificateSigningRequest,
  old: CertificateSigningRequest | null,
): FieldError[] {
  const errors = validateObjectName(request, dns1123Subdomain)
  // What was asked for never changes, so it is looked at once.
  if (old === null) errors.push(...validateSpec(request))
  return [...errors, ...validateConditions(request, old)]
}

function validateSpec({ spec }: CertificateSigningRequest): FieldError[] {
  const errors: FieldError[] = []
  const parsed = parseCertificateRequest(spec.request)
  if (parsed.kind === 'malformed') {
    errors.push(invalidValue('spec.request', spec.request, parsed.problem))
  }
  const usages = spec.usages ?? []
  if (usages.length === 0) errors.push(required('spec.usages'))
  for (const [index, usage] of usages.entries()) {
    const field = `spec.usages[${index}]`
    if (!usagesKnown.has(usage)) errors.push(notSupported(field, usage, usagesKnown))
    else if (usages.indexOf(usage) < index) errors.push(duplicate(field, usage))
  }
  errors.push(...validateSignerName(spec.signerName))
  const seconds = spec.expirationSeconds
  if (seconds !== undefined && seconds < secondsMin) {
    const text = `may not specify a duration less than ${secondsMin} seconds (10 minutes)`
    errors.push(invalidValue('spec.expirationSeconds', seconds, text))
  }
  return errors
}

function validateSignerName(name: string): FieldError[] {
  const field = 'spec.signerName'
  if (name === '') return [required(field)]
  const [domain = '', path, ...more] = name.split('/')
  if (path === undefined || more.length > 0) {
    const text = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
    return [invalidValue(field, name, text)]
  }
  if (!domain.includes('.')) {
    return [
      invalidValue(
        field,
        domain,
        'should be a domain with at least two segments separated by dots',
      ),
    ]
  }
  if (name.length > signerPathMax) {
    return [invalidValue(field, name, `may not be more than ${signerPathMax} characters`)]
  }
  return [
    ...invalidFor(field, name, dns1123Subdomain(domain)),
    ...invalidFor(field, name, dns1123Subdomain(path)),
  ]
}

/** Decisions that are kept once they are made, and stand for yes. */
const decisions = ['Approved', 'Denied', 'Failed']

function validateConditions(
  { status }: CertificateSigningRequest,
  old: CertificateSigningRequest | null,
): FieldError[] {
  const field = 'status.conditions'
  const conditions = status?.conditions ?? []
  const errors = conditions.flatMap((condition, index) =>
    validateCondition(condition, `${field}[${index}]`),
  )
  const has = (type: string) => conditions.some(condition => condition.type === type)
  if (has('Approved') && has('Denied')) {
    const text = 'Approved and Denied conditions are mutually exclusive'
    errors.push(invalidValue(field, 'Denied', text))
  }
  for (const { type } of old?.status?.conditions ?? []) {
    if (decisions.includes(type) && !has(type)) {
      errors.push(forbiddenField(field, `updates may not remove a condition of type "${type}"`))
    }
  }
  const kept = old?.status?.certificate ?? ''
  if (kept !== '' && kept !== (status?.certificate ?? '')) {
    const text = 'updates may not set or modify existing certificate content'
    errors.push(forbiddenField('status.certificate', text))
  }
  return errors
}

function validateCondition(
  { type, status }: CertificateSigningRequestCondition,
  field: string,
): FieldError[] {
  if (type === '') return [required(`${field}.type`)]
  if (status === '') return [required(`${field}.status`)]
  const all = decisions.includes(type) ? ['True'] : ['True', 'False', 'Unknown']
  return all.includes(status) ? [] : [notSupported(`${field}.status`, status, all)]
}
