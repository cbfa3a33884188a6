// Who asks for a certificate stands in the request as the server knows them; who approves or signs
// must be allowed to do so for the signer. Counterpart: the admission plugins CertificateApproval,
// CertificateSigning and CertificateSubjectRestriction, and the strategy of the kind.

import { sameJson } from '../api/equality.js'
import { parseCertificateRequest } from '../api/certificate-request.js'
import type { KubeObject } from '../api/object.js'
import { mastersGroup } from '../api/rbac/attributes.js'
import { forbidden } from '../api/status.js'
import type { CertificateSigningRequest } from '../api/types/certificates.js'
import type { AdmissionRequest } from './admission.js'
import type { User } from './authentication.js'
import type { Authorizer } from './authorizer.js'

const group = 'certificates.k8s.io'
const clientSigner = 'kubernetes.io/kube-apiserver-client'

export function isCertificateRequest({ kind }: Pick<AdmissionRequest, 'kind'>): boolean {
  return kind.group === group && kind.plural === 'certificatesigningrequests'
}

/** A new request with the user fields of its caller, whatever the caller wrote there. */
export function withRequester(object: KubeObject, user: User): KubeObject {
  const request = object as CertificateSigningRequest
  const { username: _, uid: __, groups: ___, extra: ____, ...asked } = request.spec
  const spec: CertificateSigningRequest['spec'] = {
    ...asked,
    username: user.name,
    ...(user.uid === '' ? {} : { uid: user.uid }),
    ...(user.groups.length === 0 ? {} : { groups: user.groups }),
    ...(Object.keys(user.extra).length === 0 ? {} : { extra: user.extra }),
  }
  const changed: CertificateSigningRequest = { ...request, spec }
  return changed
}

/** Throws ApiError Forbidden. */
export function guardCertificates(
  request: AdmissionRequest,
  authorizer: Pick<Authorizer, 'verdict'>,
): void {
  if (!isCertificateRequest(request) || request.object === null) return
  const object = request.object as CertificateSigningRequest
  const { signerName } = object.spec
  const refuse = (why: string) => forbidden(request.kind, request.name, why)
  if (request.operation === 'create') {
    const parsed = parseCertificateRequest(object.spec.request)
    const groups = parsed.kind === 'request' ? parsed.subject.organizations : []
    if (signerName === clientSigner && groups.includes(mastersGroup)) {
      throw refuse(`use of ${clientSigner} signer with ${mastersGroup} group is not allowed`)
    }
    return
  }
  const old = request.old as CertificateSigningRequest
  if (
    request.subresource === 'approval' &&
    !mayFor(authorizer, request.user, 'approve', signerName)
  ) {
    throw refuse(
      `user not permitted to approve requests with signerName ${JSON.stringify(signerName)}`,
    )
  }
  if (request.subresource === 'status' && !sameJson(object.status ?? {}, old.status ?? {})) {
    if (!mayFor(authorizer, request.user, 'sign', signerName)) {
      throw refuse(
        `user not permitted to sign requests with signerName ${JSON.stringify(signerName)}`,
      )
    }
  }
}

/** For the signer by name, or for all signers of its domain. */
function mayFor(
  authorizer: Pick<Authorizer, 'verdict'>,
  user: User,
  verb: 'approve' | 'sign',
  signerName: string,
): boolean {
  const domain = `${signerName.split('/')[0] ?? ''}/*`
  return [signerName, domain].some(
    name =>
      authorizer.verdict(user, {
        kind: 'resource',
        verb,
        group,
        resource: 'signers',
        subresource: '',
        namespace: '',
        name,
      }).allowed,
  )
}
