// The types of ../schema/certificates.ts, written by source.ts: change the schema, then run the
// tests of this folder with -u.

import type { KubeObject } from '../object.js'

export interface CertificateSigningRequestSpec {
  readonly request: string
  readonly username?: string
  readonly uid?: string
  readonly groups?: readonly string[]
  readonly usages?: readonly string[]
  readonly extra?: { readonly [key: string]: readonly string[] }
  readonly signerName: string
  readonly expirationSeconds?: number
}

export interface CertificateSigningRequestCondition {
  readonly type: string
  readonly reason?: string
  readonly message?: string
  readonly lastUpdateTime?: string
  readonly lastTransitionTime?: string
  readonly status: string
}

export interface CertificateSigningRequestStatus {
  readonly conditions?: readonly CertificateSigningRequestCondition[]
  readonly certificate?: string
}

export interface CertificateSigningRequest extends KubeObject {
  readonly spec: CertificateSigningRequestSpec
  readonly status?: CertificateSigningRequestStatus
}
