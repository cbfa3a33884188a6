// Certificates signed by authorities of each kind, read back by node:crypto, which has no part in making them.

import 'reflect-metadata'
import { generateKeyPairSync, KeyObject, webcrypto, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'
import { afterAll, expect, test } from 'vitest'
import { clientRequest } from '../../orchestrator/controllers/certificates/testing/requests.js'
import { testAuthority } from '../../platform/testing/certificates.js'
import { openCertificateSigner } from './certificate-signer.js'

const folder = mkdtempSync(join(tmpdir(), 'raftsman-signer-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const nowMs = Date.UTC(2026, 11, 1, 12)
const orderOf = (requestPem: string, usages: readonly string[] = ['client auth']) => ({
  requestPem,
  usages,
  notBeforeMs: nowMs,
  notAfterMs: nowMs + 3_600_000,
})

async function ownAuthority() {
  const authority = await testAuthority(folder)
  return { certFile: authority.caFile, keyFile: authority.caKeyFile }
}

type KeyForm = 'pkcs1' | 'pkcs8' | 'sec1'

/** Whose identifier is not made of its key, as with many that operators bring. */
async function foreignAuthority(name: string, algorithm: webcrypto.Algorithm, form: KeyForm) {
  const [certFile, keyFile] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)]
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  if (!('privateKey' in keys)) throw new Error('not a pair')
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.SubjectKeyIdentifierExtension('0123456789abcdef'),
    ],
  })
  writeFileSync(certFile, certificate.toString('pem'))
  writeFileSync(keyFile, KeyObject.from(keys.privateKey).export({ type: form, format: 'pem' }))
  return { certFile, keyFile }
}

test('a certificate has the names and the key of the request, and the usages and times of the order', async () => {
  const files = await ownAuthority()
  const signer = await openCertificateSigner(files)
  const request = await clientRequest('CN=system:node:a, O=system:nodes', [
    { type: 'dns', value: 'a.local' },
    { type: 'ip', value: '127.0.0.7' },
    { type: 'dn', value: 'CN=smuggled' },
  ])
  const usages = ['digital signature', 'key encipherment', 'server auth', 'ipsec user']
  const signed = await signer.sign(orderOf(request.pem, usages))
  if (signed.kind !== 'signed') throw new Error(signed.why)
  const certificate = new X509Certificate(signed.pem)
  expect(certificate.subject).toBe('CN=system:node:a\nO=system:nodes')
  expect(certificate.subjectAltName).toBe('DNS:a.local, IP Address:127.0.0.7')
  expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.7'])
  expect(certificate.ca).toBe(false)
  expect(Date.parse(certificate.validFrom)).toBe(nowMs)
  expect(Date.parse(certificate.validTo)).toBe(nowMs + 3_600_000)
})

const rsa = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 2048 }
const publicExponent = new Uint8Array([1, 0, 1])

test.each<readonly [string, webcrypto.Algorithm, KeyForm]>([
  ['RSA', { ...rsa, publicExponent } as webcrypto.Algorithm, 'pkcs1'],
  ['P-384', { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' } as webcrypto.Algorithm, 'sec1'],
  ['Ed25519', { name: 'Ed25519' }, 'pkcs8'],
])('an authority of %s that was brought signs', async (name, algorithm, form) => {
  const files = await foreignAuthority(name, algorithm, form)
  const signer = await openCertificateSigner(files)
  const signed = await signer.sign(orderOf((await clientRequest('CN=ann')).pem))
  if (signed.kind !== 'signed') throw new Error(signed.why)
  const [certificate, issuer] = [signed.pem, readFileSync(files.certFile)].map(
    pem => new X509Certificate(pem),
  )
  if (certificate === undefined || issuer === undefined) throw new Error('two are read')
  expect(certificate.checkIssued(issuer)).toBe(true)
  expect(certificate.verify(issuer.publicKey)).toBe(true)
})

test('nothing outlives the authority, and nothing is signed after its end', async () => {
  const files = await ownAuthority()
  const signer = await openCertificateSigner(files)
  const { pem } = await clientRequest('CN=ann')
  const forever = { ...orderOf(pem), notAfterMs: nowMs + 100 * 365 * 86_400_000 }
  const signed = await signer.sign(forever)
  if (signed.kind !== 'signed') throw new Error(signed.why)
  const authority = new X509Certificate(readFileSync(files.certFile))
  expect(new X509Certificate(signed.pem).validTo).toBe(authority.validTo)
  const late = signer.sign({ ...forever, notBeforeMs: nowMs + 99 * 365 * 86_400_000 })
  await expect(late).rejects.toThrow('the authority that signs has expired')
})

test('a request by another key than the one it is for is refused', async () => {
  const signer = await openCertificateSigner(await ownAuthority())
  const { pem } = await clientRequest('CN=ann')
  const der = Buffer.from(pem.replaceAll(/-----[A-Z ]+-----|\s/g, ''), 'base64')
  // The name, which is signed: another letter, the same form.
  der[der.indexOf('ann')] = 'o'.charCodeAt(0)
  const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----`
  expect(await signer.sign(orderOf(forged))).toEqual({
    kind: 'refused',
    why: 'unable to verify certificate request signature: it is not by the key of the request',
  })
})

test('files that are no authority are refused without a word of the key', async () => {
  const { certFile, keyFile } = await ownAuthority()
  const other = await ownAuthority()
  const leaf = await (await testAuthority(folder)).issue('leaf')
  const secret = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  const broken = join(folder, 'broken.key')
  writeFileSync(broken, secret.export({ type: 'pkcs8', format: 'pem' }).slice(0, 400))
  await expect(openCertificateSigner({ certFile, keyFile: broken })).rejects.toThrow(
    `${certFile} and ${broken} are no certificate and its key, both in PEM.`,
  )
  await expect(openCertificateSigner({ certFile, keyFile: other.keyFile })).rejects.toThrow(
    `The key in ${other.keyFile} is not that of the certificate in ${certFile}.`,
  )
  await expect(openCertificateSigner(leaf)).rejects.toThrow('is not that of an authority')
  expect(await openCertificateSigner({ certFile, keyFile })).toBeDefined()
})
