// What a PKCS #10 request says of its subject, read from the PEM text and no further: enough to refuse
// what is none and whoever asks for groups that are not to be had. Signatures are the signer's to
// check. Counterpart: ParseCSR of pkg/apis/certificates. Pure.

import { decodeBase64, isBase64 } from './base64.js'

export interface CertificateSubject {
  readonly commonName: string
  readonly organizations: readonly string[]
}

export type ParsedRequest =
  | { readonly kind: 'request'; readonly subject: CertificateSubject }
  | { readonly kind: 'malformed'; readonly problem: string }

const block = /-----BEGIN ([A-Z0-9 ]+)-----\r?\n([A-Za-z0-9+/=\r\n]+?)\r?\n?-----END \1-----/
const requestBytesMax = 128 * 1024

/** `base64`: the field `spec.request`, which holds PEM text. */
export function parseCertificateRequest(base64: string): ParsedRequest {
  if (!isBase64(base64) || base64.length > requestBytesMax)
    return malformed('the request is too long')
  const pem = block.exec(new TextDecoder().decode(decodeBase64(base64)))
  if (pem === null || pem[1] !== 'CERTIFICATE REQUEST') {
    return malformed('PEM block type must be CERTIFICATE REQUEST')
  }
  const subject = subjectOf(decodeBase64((pem[2] ?? '').replaceAll(/[\r\n]/g, '')))
  return subject === null
    ? malformed('asn1: structure error: the request cannot be read')
    : { kind: 'request', subject }
}

function malformed(problem: string): ParsedRequest {
  return { kind: 'malformed', problem }
}

const sequence = 0x30
const set = 0x31
const objectIdentifier = 0x06
const commonNameId = '2.5.4.3'
const organizationId = '2.5.4.10'

interface Element {
  readonly tag: number
  readonly content: Uint8Array
}

/** SEQUENCE { info SEQUENCE { version, subject SEQUENCE OF SET OF SEQUENCE { id, value } ... } ... } */
function subjectOf(der: Uint8Array): CertificateSubject | null {
  const whole = elements(der)?.[0]
  const info = whole?.tag === sequence ? elements(whole.content)?.[0] : undefined
  const parts = info?.tag === sequence ? elements(info.content) : null
  const name = parts?.[1]
  const key = parts?.[2]
  if (name?.tag !== sequence || key?.tag !== sequence) return null
  const sets = elements(name.content)
  if (sets === null) return null
  let commonName = ''
  const organizations: string[] = []
  for (const one of sets) {
    const attributes = one.tag === set ? elements(one.content) : null
    if (attributes === null) return null
    for (const attribute of attributes) {
      const [id, value] = (attribute.tag === sequence ? elements(attribute.content) : null) ?? []
      if (id?.tag !== objectIdentifier || value === undefined) return null
      const said = new TextDecoder().decode(value.content)
      const what = identifierText(id.content)
      if (what === commonNameId) commonName = said
      if (what === organizationId) organizations.push(said)
    }
  }
  return { commonName, organizations }
}

/** The elements one after another; null where lengths do not fit. */
function elements(bytes: Uint8Array): readonly Element[] | null {
  const found: Element[] = []
  let at = 0
  while (at < bytes.length) {
    const tag = bytes[at] ?? 0
    const first = bytes[at + 1] ?? -1
    if (first < 0) return null
    const lengthBytes = first < 0x80 ? 0 : first - 0x80
    if (first === 0x80 || lengthBytes > 3) return null
    let length = first
    if (lengthBytes > 0) {
      length = 0
      for (let index = 0; index < lengthBytes; index++) {
        length = length * 256 + (bytes[at + 2 + index] ?? 0)
      }
    }
    const start = at + 2 + lengthBytes
    if (start + length > bytes.length) return null
    found.push({ tag, content: bytes.subarray(start, start + length) })
    at = start + length
  }
  return found
}

function identifierText(content: Uint8Array): string {
  const first = content[0] ?? 0
  const numbers = [Math.floor(first / 40), first % 40]
  let value = 0
  for (const byte of content.subarray(1)) {
    value = value * 128 + (byte & 0x7f)
    if (byte < 0x80) {
      numbers.push(value)
      value = 0
    }
  }
  return numbers.join('.')
}
