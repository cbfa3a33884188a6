// Certificates for tests: an authority, server and client identities, written as PEM files.

import { webcrypto } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
// @peculiar/x509 finds its parts through this one and does not bring it.
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import type { TlsFiles } from '../../../platform/network.js'

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const dayMs = 24 * 3_600_000

export interface TestAuthority {
  readonly caFile: string
  readonly caPem: string
  /** An identity of this authority; files lie in its folder. */
  issue(
    name: string,
    subject: { readonly commonName: string; readonly organizations?: readonly string[] },
  ): Promise<TlsFiles>
}

export async function testAuthority(folder: string, name = 'test-ca'): Promise<TestAuthority> {
  x509.cryptoProvider.set(webcrypto)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const now = Date.now()
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: `CN=${name}`,
    notBefore: new Date(now - dayMs),
    notAfter: new Date(now + 30 * dayMs),
    signingAlgorithm: algorithm,
    keys: keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  })
  const caPem = ca.toString('pem')
  const caFile = join(folder, `${name}.crt`)
  writeFileSync(caFile, caPem)
  let serial = 2
  return {
    caFile,
    caPem,
    async issue(fileName, subject) {
      const own = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
      const certificate = await x509.X509CertificateGenerator.create({
        serialNumber: (serial++).toString(16).padStart(4, '0'),
        subject: new x509.Name([
          { CN: [subject.commonName] },
          ...(subject.organizations ?? []).map(organization => ({ O: [organization] })),
        ]).toString(),
        issuer: ca.subject,
        notBefore: new Date(now - dayMs),
        notAfter: new Date(now + 30 * dayMs),
        signingAlgorithm: algorithm,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        extensions: [
          new x509.ExtendedKeyUsageExtension([
            x509.ExtendedKeyUsage.serverAuth,
            x509.ExtendedKeyUsage.clientAuth,
          ]),
          new x509.SubjectAlternativeNameExtension([
            { type: 'dns', value: 'localhost' },
            { type: 'ip', value: '127.0.0.1' },
          ]),
        ],
      })
      const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', own.privateKey)
      const certFile = join(folder, `${fileName}.crt`)
      const keyFile = join(folder, `${fileName}.key`)
      writeFileSync(certFile, certificate.toString('pem'))
      writeFileSync(keyFile, x509.PemConverter.encode(pkcs8, 'PRIVATE KEY'), { mode: 0o600 })
      return { certFile, keyFile, caFile }
    },
  }
}
