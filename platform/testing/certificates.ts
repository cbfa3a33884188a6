// A throw-away certificate authority for tests of TLS: one CA, and leaf certificates for 127.0.0.1
// that serve as server and client alike. Not for production, which has its own in cli.

import { webcrypto } from 'node:crypto'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
// @peculiar/x509 finds its parts through this one and does not bring it.
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import type { TlsFiles } from '../network.js'

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const dayMs = 24 * 60 * 60 * 1000

export interface TestAuthority {
  readonly caFile: string
  issue(commonName: string): Promise<TlsFiles>
}

/** Files go to a new directory below `parent`. */
export async function testAuthority(parent: string): Promise<TestAuthority> {
  x509.cryptoProvider.set(webcrypto)
  const directory = mkdtempSync(join(parent, 'ca-'))
  const validity = {
    notBefore: new Date(Date.now() - dayMs),
    notAfter: new Date(Date.now() + dayMs),
  }
  const caKeys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity,
    serialNumber: '01',
    name: 'CN=test authority',
    keys: caKeys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  })
  const caFile = join(directory, 'ca.crt')
  writeFileSync(caFile, ca.toString('pem'))
  let serial = 1
  return {
    caFile,
    async issue(commonName) {
      serial += 1
      const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
      const certificate = await x509.X509CertificateGenerator.create({
        ...validity,
        serialNumber: serial.toString(16).padStart(2, '0'),
        subject: `CN=${commonName}`,
        issuer: ca.subject,
        publicKey: keys.publicKey,
        signingKey: caKeys.privateKey,
        signingAlgorithm: algorithm,
        extensions: [
          new x509.SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }]),
          new x509.ExtendedKeyUsageExtension([
            x509.ExtendedKeyUsage.serverAuth,
            x509.ExtendedKeyUsage.clientAuth,
          ]),
        ],
      })
      const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
      const files = {
        certFile: join(directory, `${commonName}-${serial}.crt`),
        keyFile: join(directory, `${commonName}-${serial}.key`),
        caFile,
      }
      writeFileSync(files.certFile, certificate.toString('pem'))
      writeFileSync(files.keyFile, x509.PemConverter.encode(pkcs8, 'PRIVATE KEY'), { mode: 0o600 })
      return files
    },
  }
}
