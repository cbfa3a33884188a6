// A certificate authority in two files, and certificates issued by it. ECDSA P-256 throughout.
// Keys are written with mode 0600 before anything refers to them.

// The dependency injection inside @peculiar/x509 wants this first.
import 'reflect-metadata'
import { randomBytes, webcrypto } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as x509 from '@peculiar/x509'

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const dayMs = 86_400_000
const authorityDays = 3650
const certificateDays = 365
/** A certificate that has less than this left is issued anew at the next start. */
const renewBeforeDays = 30
/** Clocks of other machines may be a little behind. */
const backdateMs = 5 * 60_000

export interface CertificateFiles {
  readonly certFile: string
  readonly keyFile: string
}

export interface CertificateRequest {
  readonly commonName: string
  readonly organizations?: readonly string[]
  /** DNS names and IP addresses. Empty for clients. */
  readonly hosts?: readonly string[]
  readonly usages: readonly ('server' | 'client')[]
  /** A year from now when absent. */
  readonly notAfter?: Date
}

export interface Authority extends CertificateFiles {
  readonly certificate: x509.X509Certificate
  readonly signingKey: webcrypto.CryptoKey
}

function writeFile(path: string, content: string, mode: number): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const temporary = `${path}.tmp`
  writeFileSync(temporary, content, { mode })
  renameSync(temporary, path)
}

export const serialNumber = (): string => {
  const bytes = randomBytes(16)
  // A serial number is a positive integer: the highest bit must be clear, the first byte not zero.
  bytes[0] = (bytes[0]! & 0x7f) | 0x01
  return bytes.toString('hex')
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = await webcrypto.subtle.exportKey('pkcs8', key)
  const base64 = Buffer.from(der).toString('base64')
  return `-----BEGIN PRIVATE KEY-----\n${base64.replaceAll(/.{64}/g, '$&\n').trimEnd()}\n-----END PRIVATE KEY-----\n`
}

async function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = Buffer.from(pem.replaceAll(/-----[A-Z ]+-----|\s/g, ''), 'base64')
  return webcrypto.subtle.importKey('pkcs8', der, algorithm, true, ['sign'])
}

const newKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])

/** Opens the authority `name` in `folder`, or founds it. */
export async function openAuthority(folder: string, name: string): Promise<Authority> {
  const certFile = join(folder, `${name}.crt`)
  const keyFile = join(folder, `${name}.key`)
  if (existsSync(certFile) && existsSync(keyFile)) {
    const certificate = new x509.X509Certificate(readFileSync(certFile, 'utf8'))
    const signingKey = await importKey(readFileSync(keyFile, 'utf8'))
    return { certFile, keyFile, certificate, signingKey }
  }
  const keys = await newKeys()
  const nowMs = Date.now()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `CN=raftsman-${name}`,
    notBefore: new Date(nowMs - backdateMs),
    notAfter: new Date(nowMs + authorityDays * dayMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign |
          x509.KeyUsageFlags.cRLSign |
          x509.KeyUsageFlags.digitalSignature,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  writeFile(keyFile, await exportKey(keys.privateKey), 0o600)
  writeFile(certFile, `${certificate.toString('pem')}\n`, 0o644)
  return { certFile, keyFile, certificate, signingKey: keys.privateKey }
}

function stillGood(certFile: string, authority: Authority, request: CertificateRequest): boolean {
  const certificate = new x509.X509Certificate(readFileSync(certFile, 'utf8'))
  if (certificate.notAfter.getTime() - Date.now() < renewBeforeDays * dayMs) return false
  if (certificate.issuer !== authority.certificate.subject) return false
  const named = certificate.getExtension(x509.SubjectAlternativeNameExtension)?.names.items ?? []
  const hosts = new Set(named.map(({ value }) => value))
  return (request.hosts ?? []).every(host => hosts.has(host))
}

const isAddress = (host: string): boolean => /^[0-9.]+$/.test(host) || host.includes(':')

/** The certificate `name` in `folder`, issued now if it is missing, about to expire or of other hosts. */
export async function issueCertificate(
  authority: Authority,
  folder: string,
  name: string,
  request: CertificateRequest,
): Promise<CertificateFiles> {
  const files = { certFile: join(folder, `${name}.crt`), keyFile: join(folder, `${name}.key`) }
  if (
    existsSync(files.keyFile) &&
    existsSync(files.certFile) &&
    stillGood(files.certFile, authority, request)
  ) {
    return files
  }
  const keys = await newKeys()
  const nowMs = Date.now()
  const usages = request.usages.map(usage =>
    usage === 'server' ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth,
  )
  const hosts = request.hosts ?? []
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: [
      ...(request.organizations ?? []).map(organization => ({ O: [organization] })),
      { CN: [request.commonName] },
    ],
    issuer: authority.certificate.subject,
    notBefore: new Date(nowMs - backdateMs),
    notAfter: request.notAfter ?? new Date(nowMs + certificateDays * dayMs),
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey: authority.signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(usages),
      await x509.AuthorityKeyIdentifierExtension.create(authority.certificate.publicKey),
      ...(hosts.length === 0
        ? []
        : [
            new x509.SubjectAlternativeNameExtension(
              hosts.map(host => ({ type: isAddress(host) ? 'ip' : 'dns', value: host }) as const),
            ),
          ]),
    ],
  })
  writeFile(files.keyFile, await exportKey(keys.privateKey), 0o600)
  writeFile(files.certFile, `${certificate.toString('pem')}\n`, 0o644)
  return files
}

/** A key of its own for signing service account tokens, apart from every certificate. */
export async function openSigningKey(folder: string, name: string): Promise<string> {
  const keyFile = join(folder, `${name}.key`)
  if (!existsSync(keyFile)) writeFile(keyFile, await exportKey((await newKeys()).privateKey), 0o600)
  return keyFile
}
