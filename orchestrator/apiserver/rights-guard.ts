// What a write needs beyond the right to make it: to grant, to approve, to sign.

import type { AdmissionRequest } from './admission.js'
import type { Authorizer } from './authorizer.js'
import { guardCertificates } from './certificate-guard.js'
import { guardRoles } from './role-guard.js'

/** Throws ApiError Forbidden. */
export function guardRights(request: AdmissionRequest, authorizer: Authorizer): void {
  guardRoles(request, authorizer)
  guardCertificates(request, authorizer)
}
