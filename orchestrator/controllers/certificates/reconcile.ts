// What becomes of a request for a certificate: who approves it without being asked, what is signed and until when,
// and how long it is kept. Pure. Counterpart: pkg/controller/certificates with its signer, approver and cleaner.

import { parseCertificateRequest } from '../../api/certificate-request.js'
import type { SubjectAccessReviewSpec } from '../../api/types/authorization.js'
import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
} from '../../api/types/certificates.js'
import { formatTime, parseTimeMs } from '../../client/timestamps.js'
import { isDeleting } from '../ownership.js'
import type { CertificateOrder } from './certificate-signer.js'
import { isKubeletClient, isOurSigner, refusalBy } from './signers.js'

const secondMs = 1000
const minuteMs = 60 * secondMs
const hourMs = 60 * minuteMs
export const certificateMsMax = 365 * 24 * hourMs
const certificateMsMin = 10 * minuteMs
/** Clocks of others may be behind. */
const backdateMs = 5 * minuteMs
/** What is valid for less is not made shorter by what it is dated back. */
const shortMs = 8 * hourMs

/** Kept for so long after the decision, or while there is none. */
const decidedMs = hourMs
const pendingMs = 24 * hourMs

export type SigningPlan =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'refuse'; readonly why: string }
  | { readonly kind: 'sign'; readonly order: CertificateOrder }

export function planSigning(request: CertificateSigningRequest, nowMs: number): SigningPlan {
  const { signerName, usages = [], expirationSeconds } = request.spec
  const settled = isIssued(request) || has(request, 'Failed') || has(request, 'Denied')
  if (settled || !has(request, 'Approved') || !isOurSigner(signerName) || isDeleting(request)) {
    return { kind: 'nothing' }
  }
  const parsed = parseCertificateRequest(request.spec.request)
  if (parsed.kind === 'malformed') return { kind: 'refuse', why: parsed.problem }
  const why = refusalBy(signerName, parsed, usages)
  if (why !== null) return { kind: 'refuse', why }
  const askedMs = (expirationSeconds ?? Infinity) * secondMs
  const validMs = Math.min(certificateMsMax, Math.max(certificateMsMin, askedMs))
  const notAfterMs = nowMs + validMs - (validMs < shortMs ? 0 : backdateMs)
  const order = { requestPem: parsed.pem, usages, notBeforeMs: nowMs - backdateMs, notAfterMs }
  return { kind: 'sign', order }
}

/** Whoever has the right to this subresource has requests approved without anybody's look. */
export interface SelfApproval {
  readonly subresource: 'selfnodeclient' | 'nodeclient'
  readonly message: string
  readonly review: SubjectAccessReviewSpec
}

/** In the order in which they are tried; none where it is none of our business. */
export function planApproval(request: CertificateSigningRequest): readonly SelfApproval[] {
  const { signerName, usages = [], username = '', uid, groups, extra } = request.spec
  const decided = has(request, 'Approved') || has(request, 'Denied') || has(request, 'Failed')
  if (decided || isIssued(request) || isDeleting(request)) return []
  const parsed = parseCertificateRequest(request.spec.request)
  if (parsed.kind === 'malformed' || !isKubeletClient(signerName, parsed, usages)) return []
  const approval = (
    subresource: SelfApproval['subresource'],
    message: string,
  ): readonly SelfApproval[] => [
    {
      subresource,
      message,
      review: {
        user: username,
        ...(uid === undefined ? {} : { uid }),
        ...(groups === undefined ? {} : { groups }),
        ...(extra === undefined ? {} : { extra }),
        resourceAttributes: {
          group: 'certificates.k8s.io',
          version: '*',
          resource: 'certificatesigningrequests',
          subresource,
          verb: 'create',
        },
      },
    },
  ]
  const ownName = username === parsed.subject.commonName
  return [
    ...(ownName
      ? approval(
          'selfnodeclient',
          'Auto approving self kubelet client certificate after SubjectAccessReview.',
        )
      : []),
    ...approval(
      'nodeclient',
      'Auto approving kubelet client certificate after SubjectAccessReview.',
    ),
  ]
}

/** How long it is still kept; 0 when its time is over. `notAfterMs`: the end of its certificate, if it has one. */
export function keptForMs(
  request: CertificateSigningRequest,
  notAfterMs: number | null,
  nowMs: number,
): number {
  const conditions = request.status?.conditions ?? []
  const createdMs = parseTimeMs(request.metadata.creationTimestamp) ?? nowMs
  const ends = conditions
    .filter(({ type }) => type === 'Approved' || type === 'Denied' || type === 'Failed')
    .map(({ lastUpdateTime }) => (parseTimeMs(lastUpdateTime) ?? createdMs) + decidedMs)
  if (conditions.length === 0) ends.push(createdMs + pendingMs)
  if (notAfterMs !== null) ends.push(notAfterMs)
  return Math.max(0, Math.min(...ends, nowMs + pendingMs) - nowMs)
}

export function withCondition(
  request: CertificateSigningRequest,
  condition: Pick<CertificateSigningRequestCondition, 'type' | 'reason' | 'message'>,
  nowMs: number,
): CertificateSigningRequest {
  const added = { ...condition, status: 'True', lastUpdateTime: formatTime(nowMs) }
  const conditions = [...(request.status?.conditions ?? []), added]
  return { ...request, status: { ...request.status, conditions } }
}

export const isIssued = ({ status }: CertificateSigningRequest): boolean =>
  (status?.certificate ?? '') !== ''

function has({ status }: CertificateSigningRequest, type: string): boolean {
  return (status?.conditions ?? []).some(one => one.type === type && one.status === 'True')
}
