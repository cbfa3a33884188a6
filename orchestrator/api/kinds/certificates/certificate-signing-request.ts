// CertificateSigningRequests: a wish for a certificate, who allowed it, and the certificate.
// Counterpart: pkg/registry/certificates/certificates.

import { humanDuration } from '../../duration.js'
import type { Kind } from '../../kind.js'
import type { KubeObject } from '../../object.js'
import { certificateSigningRequest as schema } from '../../schema/certificates.js'
import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition as Condition,
} from '../../types/certificates.js'
import { validateCertificateRequest } from '../../validation/certificates.js'
import { ageColumn, nameColumn, none, orNone, text } from '../columns.js'
import { ordinary } from '../kind-parts.js'

const group = 'certificates.k8s.io'
const kind = 'CertificateSigningRequest'
const decided = new Set(['Approved', 'Denied'])

function conditionText({ status }: CertificateSigningRequest): string {
  const has = (type: string) => (status?.conditions ?? []).some(c => c.type === type)
  const decision = has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending'
  const failed = has('Failed') ? ',Failed' : ''
  return `${decision}${failed}${(status?.certificate ?? '') === '' ? '' : ',Issued'}`
}

function conditionsOf(object: KubeObject): readonly Condition[] {
  return (object as CertificateSigningRequest).status?.conditions ?? []
}

/** Who did not say since when a condition holds means since now. */
function timed(conditions: readonly Condition[], old: KubeObject, now: string): Condition[] {
  return conditions.map(condition => {
    const before = conditionsOf(old).find(({ type }) => type === condition.type)
    const held = before?.status === condition.status ? before.lastTransitionTime : undefined
    return {
      ...condition,
      lastUpdateTime: condition.lastUpdateTime ?? now,
      lastTransitionTime: condition.lastTransitionTime ?? held ?? now,
    }
  })
}

function withStatus(old: KubeObject, status: CertificateSigningRequest['status']): KubeObject {
  const request = old as CertificateSigningRequest
  const changed: CertificateSigningRequest = status === undefined ? request : { ...request, status }
  return changed
}

/** Approving and denying changes the conditions and nothing else. */
function onApproval(object: KubeObject, old: KubeObject, now: string): KubeObject {
  const conditions = timed(conditionsOf(object), old, now)
  return withStatus(old, { ...(old as CertificateSigningRequest).status, conditions })
}

/** A signer says what it will, but who approved or denied stays. */
function onStatus(object: KubeObject, old: KubeObject, now: string): KubeObject {
  const conditions = [
    ...conditionsOf(object).filter(({ type }) => !decided.has(type)),
    ...conditionsOf(old).filter(({ type }) => decided.has(type)),
  ]
  const { status } = object as CertificateSigningRequest
  return withStatus(old, { ...status, conditions: timed(conditions, old, now) })
}

export const certificateSigningRequest: Kind = {
  ...ordinary,
  group,
  version: 'v1',
  kind,
  plural: 'certificatesigningrequests',
  singular: 'certificatesigningrequest',
  shortNames: ['csr'],
  namespaced: false,
  schema,
  hasStatus: true,
  subresources: [
    {
      name: 'approval',
      group,
      version: 'v1',
      kind,
      verbs: ['get', 'patch', 'update'],
      part: { merge: onApproval },
    },
  ],
  columns: [
    nameColumn,
    ageColumn,
    text<CertificateSigningRequest>('SignerName', 'Who is to sign.', r => r.spec.signerName),
    text<CertificateSigningRequest>('Requestor', 'Who asked.', r => r.spec.username ?? ''),
    text<CertificateSigningRequest>(
      'RequestedDuration',
      'For how long it was asked.',
      ({ spec: { expirationSeconds: seconds } }) =>
        seconds === undefined ? none : orNone(humanDuration(seconds * 1000)),
    ),
    text<CertificateSigningRequest>('Condition', 'What became of it.', conditionText),
  ],
  fieldSelectors: {
    'spec.signerName': object => (object as CertificateSigningRequest).spec.signerName,
  },
  validate: (object, old) =>
    validateCertificateRequest(
      object as CertificateSigningRequest,
      old as CertificateSigningRequest | null,
    ),
  writes: {
    onUpdate: (object, old) => ({
      ...(object as CertificateSigningRequest),
      spec: (old as CertificateSigningRequest).spec,
    }),
    onStatus,
  },
}
