// An identity for TLS whose files may be renewed while the process runs: they are looked at before
// every handshake, and read again when one of them is another file than before. Counterpart: the
// GetCertificate callbacks of etcd's transport. Connections that stand keep what they began with.

import { X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { Logger } from '../logger.js'
import type { TlsFiles } from '../network.js'

/** As node:tls takes it. */
export interface TlsMaterial {
  readonly cert: Buffer
  readonly key: Buffer
  readonly ca: Buffer
  readonly minVersion: 'TLSv1.2'
}

export class TlsIdentity {
  readonly #files: TlsFiles
  readonly #logger: Logger
  #material: TlsMaterial
  /** What the files looked like when they were read last, be it with or without success. */
  #seen: string

  /** Throws what the file system or OpenSSL says about the files. */
  constructor(files: TlsFiles, logger: Logger) {
    this.#files = files
    this.#logger = logger
    this.#seen = marksOf(files)
    this.#material = load(files)
  }

  get material(): TlsMaterial {
    return this.#material
  }

  /**
   * True when `material` is another one from now on. Files that are missing, do not fit together or
   * hold an expired certificate change nothing: a renewal may be under way, or have gone wrong.
   */
  renew(): boolean {
    const { certFile } = this.#files
    let marks: string
    try {
      marks = marksOf(this.#files)
    } catch (error) {
      marks = sentence(error)
      if (marks !== this.#seen)
        this.#logger.error({ certFile, reason: marks }, 'certificate cannot be read; the old stays')
      this.#seen = marks
      return false
    }
    if (marks === this.#seen) return false
    this.#seen = marks
    try {
      const material = load(this.#files)
      const { subject, validTo } = unexpired(material)
      this.#material = material
      this.#logger.info({ certFile, subject, validTo }, 'certificate renewed')
      return true
    } catch (error) {
      const reason = sentence(error)
      this.#logger.error({ certFile, reason }, 'certificate cannot be used; the old stays')
      return false
    }
  }
}

/** Every file's time, length and place: a renewal changes one of them, however it is done. */
function marksOf({ certFile, keyFile, caFile }: TlsFiles): string {
  return [certFile, keyFile, caFile]
    .map(file => {
      const { mtimeNs, ctimeNs, size, ino } = statSync(file, { bigint: true })
      return `${mtimeNs} ${ctimeNs} ${size} ${ino}`
    })
    .join('\n')
}

function load({ certFile, keyFile, caFile }: TlsFiles): TlsMaterial {
  const material = {
    cert: readFileSync(certFile),
    key: readFileSync(keyFile),
    ca: readFileSync(caFile),
    minVersion: 'TLSv1.2' as const,
  }
  // Says whether certificate and key belong together, and whether the authority is one at all.
  createSecureContext(material)
  const authority = new X509Certificate(material.ca)
  if (!authority.ca) throw new Error(`${caFile} is not the certificate of an authority`)
  return material
}

function unexpired({ cert }: TlsMaterial): X509Certificate {
  const certificate = new X509Certificate(cert)
  if (Date.parse(certificate.validTo) < Date.now())
    throw new Error(`it has expired (${certificate.validTo})`)
  return certificate
}

function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
