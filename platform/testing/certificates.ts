// A throw-away certificate authority for tests of TLS, of the same make as those of a cluster. What
// it issues is for this machine and serves as server and client alike.

import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { issueCertificate, openAuthority } from '../../cli/pki/authority.js'
import type { TlsFiles } from '../network.js'

export interface TestAuthority {
  readonly caFile: string
  readonly caKeyFile: string
  readonly caPem: string
  /** A new identity each time; its common name is `name` unless the subject says otherwise. */
  issue(
    name: string,
    subject?: {
      readonly commonName: string
      readonly organizations?: readonly string[]
      /** Beside those of this machine. */
      readonly hosts?: readonly string[]
      readonly notAfter?: Date
    },
  ): Promise<TlsFiles>
}

/** Files go to a new directory below `parent`. */
export async function testAuthority(parent: string, name = 'test'): Promise<TestAuthority> {
  mkdirSync(parent, { recursive: true, mode: 0o700 })
  const directory = mkdtempSync(join(parent, 'pki-'))
  const authority = await openAuthority(directory, name)
  let issued = 0
  return {
    caFile: authority.certFile,
    caKeyFile: authority.keyFile,
    caPem: readFileSync(authority.certFile, 'utf8'),
    async issue(fileName, subject = { commonName: fileName }) {
      issued += 1
      const files = await issueCertificate(authority, directory, `${fileName}-${issued}`, {
        ...subject,
        hosts: ['localhost', '127.0.0.1', ...(subject.hosts ?? [])],
        usages: ['server', 'client'],
      })
      return { ...files, caFile: authority.certFile }
    },
  }
}
