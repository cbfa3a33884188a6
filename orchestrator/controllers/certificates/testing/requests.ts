// Requests for certificates as clients make them, with the key that belongs to each.

import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'
import type {
  CertificateSigningRequest,
  CertificateSigningRequestSpec,
} from '../../../api/types/certificates.js'
import { secondsAgo } from '../../testing/objects.js'

export interface ClientRequest {
  readonly pem: string
  /** The field `spec.request`. */
  readonly base64: string
  /** PKCS #8 in PEM. */
  readonly keyPem: string
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

/** `subject` as in "CN=ann, O=dev". */
export async function clientRequest(
  subject: string,
  names: readonly x509.JsonGeneralName[] = [],
): Promise<ClientRequest> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: subject,
    keys,
    signingAlgorithm: algorithm,
    extensions: names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension([...names])],
  })
  const pem = `${request.toString('pem')}\n`
  const der = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
  const key = Buffer.from(der).toString('base64')
  return {
    pem,
    base64: Buffer.from(pem).toString('base64'),
    keyPem: `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n`,
  }
}

export type Decision = 'Approved' | 'Denied' | 'Failed'

/** Made an hour and a half ago; decided upon half an hour ago, if at all. */
export function signingRequest(
  spec: Pick<CertificateSigningRequestSpec, 'request' | 'signerName'> &
    Partial<CertificateSigningRequestSpec>,
  decisions: readonly Decision[] = [],
  certificate = '',
): CertificateSigningRequest {
  const conditions = decisions.map(type => ({
    type,
    status: 'True',
    lastUpdateTime: secondsAgo(1800),
  }))
  return {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name: 'ann', uid: 'uid-ann', creationTimestamp: secondsAgo(5400) },
    spec: { usages: ['client auth'], username: 'ann', ...spec },
    status: {
      ...(conditions.length === 0 ? {} : { conditions }),
      ...(certificate === '' ? {} : { certificate }),
    },
  }
}
