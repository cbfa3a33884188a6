// CertificateSigningRequests.
// Counterpart: certificates/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import {
  always,
  bytes,
  field,
  int32,
  keyed,
  list,
  map,
  pointer,
  string,
  struct,
  time,
  typeMeta,
} from '../schema.js'

export const certificateSigningRequestSpec: StructSchema = struct(
  'io.k8s.api.certificates.v1.CertificateSigningRequestSpec',
  {
    request: always(1, bytes, { required: true }),
    username: field(2, string),
    uid: field(3, string),
    groups: field(4, list(string)),
    usages: field(5, list(string)),
    extra: field(6, map(list(string))),
    signerName: always(7, string, { required: true }),
    expirationSeconds: pointer(8, int32),
  },
)

export const certificateSigningRequestCondition: StructSchema = struct(
  'io.k8s.api.certificates.v1.CertificateSigningRequestCondition',
  {
    type: always(1, string, { required: true }),
    reason: field(2, string),
    message: field(3, string),
    lastUpdateTime: field(4, time),
    lastTransitionTime: field(5, time),
    status: always(6, string, { required: true }),
  },
)

export const certificateSigningRequestStatus: StructSchema = struct(
  'io.k8s.api.certificates.v1.CertificateSigningRequestStatus',
  {
    conditions: field(1, keyed(certificateSigningRequestCondition, 'type')),
    certificate: field(2, bytes),
  },
)

export const certificateSigningRequest: StructSchema = struct(
  'io.k8s.api.certificates.v1.CertificateSigningRequest',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: always(2, certificateSigningRequestSpec, { required: true }),
    status: field(3, certificateSigningRequestStatus),
  },
  { description: 'A wish for a certificate, who allowed it, and the certificate.' },
)
