// Signs the requests of others by an authority in two files, which may be one of ours or one that an operator
// brings: any of RSA, ECDSA and Ed25519. What may be signed is decided elsewhere; here it is done.
// Counterpart: pkg/controller/certificates/authority.

// The dependency injection inside @peculiar/x509 wants this first.
import 'reflect-metadata'
import { createPrivateKey, type KeyObject, webcrypto, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import * as x509 from '@peculiar/x509'
import type {
  CertificateOrder,
  CertificateSigner,
  SignedCertificate,
} from '../../orchestrator/controllers/certificates/certificate-signer.js'
import { UserError } from '../user-error.js'
import { type CertificateFiles, serialNumber } from './authority.js'

const { KeyUsageFlags: keyUsage, ExtendedKeyUsage: purpose } = x509

const keyUsages: ReadonlyMap<string, x509.KeyUsageFlags> = new Map([
  ['signing', keyUsage.digitalSignature],
  ['digital signature', keyUsage.digitalSignature],
  ['content commitment', keyUsage.nonRepudiation],
  ['key encipherment', keyUsage.keyEncipherment],
  ['key agreement', keyUsage.keyAgreement],
  ['data encipherment', keyUsage.dataEncipherment],
  ['cert sign', keyUsage.keyCertSign],
  ['crl sign', keyUsage.cRLSign],
  ['encipher only', keyUsage.encipherOnly],
  ['decipher only', keyUsage.decipherOnly],
])

/** Names of usages and of the object identifiers that stand for them in certificates. */
const purposes: ReadonlyMap<string, string> = new Map<string, string>([
  ['any', '2.5.29.37.0'],
  ['server auth', purpose.serverAuth],
  ['client auth', purpose.clientAuth],
  ['code signing', purpose.codeSigning],
  ['email protection', purpose.emailProtection],
  ['s/mime', purpose.emailProtection],
  ['ipsec end system', '1.3.6.1.5.5.7.3.5'],
  ['ipsec tunnel', '1.3.6.1.5.5.7.3.6'],
  ['ipsec user', '1.3.6.1.5.5.7.3.7'],
  ['timestamping', purpose.timeStamping],
  ['ocsp signing', purpose.ocspSigning],
  ['microsoft sgc', '1.3.6.1.4.1.311.10.3.3'],
  ['netscape sgc', '2.16.840.1.113730.4.1'],
])

interface Issuer {
  readonly certificate: x509.X509Certificate
  readonly key: webcrypto.CryptoKey
  readonly algorithm: SigningAlgorithm
}

type SigningAlgorithm =
  | { readonly name: 'RSASSA-PKCS1-v1_5'; readonly hash: string }
  | { readonly name: 'ECDSA'; readonly namedCurve: string; readonly hash: string }
  | { readonly name: 'Ed25519' }

/** Throws UserError for files that cannot be read, do not belong together or are no authority's. */
export async function openCertificateSigner(files: CertificateFiles): Promise<CertificateSigner> {
  const issuer = await openIssuer(files)
  return { sign: order => signed(issuer, order) }
}

async function openIssuer({ certFile, keyFile }: CertificateFiles): Promise<Issuer> {
  const [certificate, privateKey] = readPair(certFile, keyFile)
  if (!certificate.ca) {
    throw new UserError(`The certificate in ${certFile} is not that of an authority.`)
  }
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new UserError(`The key in ${keyFile} is not that of the certificate in ${certFile}.`)
  }
  const algorithm = algorithmOf(privateKey)
  if (algorithm === null) {
    throw new UserError(`The key in ${keyFile} is none of RSA, ECDSA (P-256, 384, 521), Ed25519.`)
  }
  const der = privateKey.export({ type: 'pkcs8', format: 'der' })
  const key = await webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign'])
  return { certificate: new x509.X509Certificate(certificate.raw), key, algorithm }
}

function readPair(certFile: string, keyFile: string): [X509Certificate, KeyObject] {
  try {
    return [new X509Certificate(readFileSync(certFile)), createPrivateKey(readFileSync(keyFile))]
  } catch {
    // What was wrong with a key is not repeated, lest a part of it be.
    throw new UserError(`${certFile} and ${keyFile} are no certificate and its key, both in PEM.`)
  }
}

const curves: Readonly<Record<string, readonly [string, string]>> = {
  prime256v1: ['P-256', 'SHA-256'],
  secp384r1: ['P-384', 'SHA-384'],
  secp521r1: ['P-521', 'SHA-512'],
}

function algorithmOf(key: KeyObject): SigningAlgorithm | null {
  const [namedCurve, hash] = curves[key.asymmetricKeyDetails?.namedCurve ?? ''] ?? []
  const type = key.asymmetricKeyType
  if (type === 'rsa') return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
  if (type === 'ed25519') return { name: 'Ed25519' }
  if (type !== 'ec' || namedCurve === undefined || hash === undefined) return null
  return { name: 'ECDSA', namedCurve, hash }
}

async function signed(issuer: Issuer, order: CertificateOrder): Promise<SignedCertificate> {
  const request = await genuineRequest(order.requestPem)
  if (typeof request === 'string') return { kind: 'refused', why: request }
  const endMs = issuer.certificate.notAfter.getTime()
  if (order.notBeforeMs >= endMs) throw new Error('the authority that signs has expired')
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: request.subjectName,
    issuer: issuer.certificate.subjectName,
    notBefore: new Date(order.notBeforeMs),
    notAfter: new Date(Math.min(order.notAfterMs, endMs)),
    signingAlgorithm: issuer.algorithm,
    publicKey: request.publicKey,
    signingKey: issuer.key,
    extensions: await extensionsOf(issuer, request, order.usages),
  })
  return { kind: 'signed', pem: `${certificate.toString('pem')}\n` }
}

/** The request, or what is wrong with it: whoever asks must have the key that the certificate will be for. */
async function genuineRequest(pem: string): Promise<x509.Pkcs10CertificateRequest | string> {
  let request: x509.Pkcs10CertificateRequest
  try {
    request = new x509.Pkcs10CertificateRequest(pem)
    if (await request.verify()) return request
  } catch {
    return 'unable to verify certificate request signature: its key or algorithm is not supported'
  }
  return 'unable to verify certificate request signature: it is not by the key of the request'
}

async function extensionsOf(
  { certificate }: Issuer,
  request: x509.Pkcs10CertificateRequest,
  usages: readonly string[],
): Promise<x509.Extension[]> {
  const flags = usages.reduce((all, usage) => all | (keyUsages.get(usage) ?? 0), 0)
  const wanted = usages.flatMap(usage => purposes.get(usage) ?? [])
  const names = alternativeNames(request)
  const identifier = certificate.getExtension(x509.SubjectKeyIdentifierExtension)
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    ...(flags === 0 ? [] : [new x509.KeyUsagesExtension(flags, true)]),
    ...(wanted.length === 0 ? [] : [new x509.ExtendedKeyUsageExtension([...new Set(wanted)])]),
    identifier === null
      ? await x509.AuthorityKeyIdentifierExtension.create(certificate.publicKey)
      : new x509.AuthorityKeyIdentifierExtension(identifier.keyId),
    ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
  ]
}

const signedNames: ReadonlySet<x509.GeneralNameType> = new Set(['dns', 'email', 'ip', 'url'])

/** Those of the kinds that the rules of signers speak of, and no others. */
function alternativeNames({ extensions }: x509.Pkcs10CertificateRequest): x509.JsonGeneralName[] {
  return extensions
    .filter(one => one instanceof x509.SubjectAlternativeNameExtension)
    .flatMap(({ names }) => names.items)
    .filter(({ type }) => signedNames.has(type))
    .map(({ type, value }) => ({ type, value }))
}
