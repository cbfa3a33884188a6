// What a PKCS #10 request says of its subject, read from the PEM text and no further: enough to refuse
// what is none, whoever asks for groups that are not to be had, and names that a signer does not
// sign. Signatures are the signer's to check. Counterpart: ParseCSR of pkg/apis/certificates. Pure.

import { decodeBase64, isBase64 } from './base64.js'

export interface CertificateSubject {
  readonly commonName: string
  readonly organizations: readonly string[]
}

export type AlternativeName = 'dns' | 'email' | 'ip' | 'uri'

export interface CertificateRequestContent {
  readonly subject: CertificateSubject
  /** The kinds of names that are asked for beside the subject. */
  readonly alternativeNames: ReadonlySet<AlternativeName>
}

export type ParsedRequest =
  | ({ readonly kind: 'request'; readonly pem: string } & CertificateRequestContent)
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
  const content = contentOf(decodeBase64((pem[2] ?? '').replaceAll(/[\r\n]/g, '')))
  return content === null
    ? malformed('asn1: structure error: the request cannot be read')
    : { kind: 'request', pem: pem[0], ...content }
}

function malformed(problem: string): ParsedRequest {
  return { kind: 'malformed', problem }
}

const sequence = 0x30
const set = 0x31
const objectIdentifier = 0x06
const octetString = 0x04
const attributesTag = 0xa0
const commonNameId = '2.5.4.3'
const organizationId = '2.5.4.10'
const extensionRequestId = '1.2.840.113549.1.9.14'
const alternativeNameId = '2.5.29.17'
/** By their tags: UTF8String, NumericString, PrintableString, T61String, IA5String, BMPString. */
const textEncodings: ReadonlyMap<number, string> = new Map([
  [0x0c, 'utf-8'],
  [0x12, 'latin1'],
  [0x13, 'latin1'],
  [0x14, 'latin1'],
  [0x16, 'latin1'],
  [0x1e, 'utf-16be'],
])
/** By their tags; others stand for names that certificates of a cluster do not have. */
const alternativeNameTags: ReadonlyMap<number, AlternativeName> = new Map([
  [0x81, 'email'],
  [0x82, 'dns'],
  [0x86, 'uri'],
  [0x87, 'ip'],
])

interface Element {
  readonly tag: number
  readonly content: Uint8Array
}

/** SEQUENCE { info SEQUENCE { version, subject, key SEQUENCE, attributes [0] } ... } */
function contentOf(der: Uint8Array): CertificateRequestContent | null {
  const whole = elements(der)?.[0]
  const info = whole?.tag === sequence ? elements(whole.content)?.[0] : undefined
  const parts = info?.tag === sequence ? elements(info.content) : null
  const [, name, key, attributes] = parts ?? []
  if (name?.tag !== sequence || key?.tag !== sequence) return null
  const subject = subjectOf(name)
  const alternativeNames =
    attributes?.tag === attributesTag ? alternativeNamesOf(attributes) : new Set<AlternativeName>()
  return subject === null || alternativeNames === null ? null : { subject, alternativeNames }
}

/** SEQUENCE OF SET OF SEQUENCE { id, value } */
function subjectOf(name: Element): CertificateSubject | null {
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
      const what = identifierText(id.content)
      if (what !== commonNameId && what !== organizationId) continue
      const said = textOf(value)
      if (said === null) return null
      if (what === commonNameId) commonName = said
      else organizations.push(said)
    }
  }
  return { commonName, organizations }
}

/**
 * As whoever is shown the certificate will read it: a forbidden name in another encoding is the same name.
 * Null for text that is none of these.
 */
function textOf({ tag, content }: Element): string | null {
  const encoding = textEncodings.get(tag)
  return encoding === undefined ? null : new TextDecoder(encoding).decode(content)
}

/** SET OF SEQUENCE { id, SET OF SEQUENCE OF extension SEQUENCE { id, critical?, OCTET STRING } } */
function alternativeNamesOf(attributes: Element): ReadonlySet<AlternativeName> | null {
  const found = new Set<AlternativeName>()
  for (const attribute of elements(attributes.content) ?? [null]) {
    const [id, values] = inSequence(attribute) ?? []
    if (id?.tag !== objectIdentifier || values?.tag !== set) return null
    if (identifierText(id.content) !== extensionRequestId) continue
    for (const extensions of elements(values.content) ?? [null]) {
      for (const extension of inSequence(extensions) ?? [null]) {
        const parts = inSequence(extension)
        const [what, value] = [parts?.[0], parts?.at(-1)]
        if (what?.tag !== objectIdentifier || value?.tag !== octetString) return null
        if (identifierText(what.content) !== alternativeNameId) continue
        const names = inSequence(elements(value.content)?.[0])
        if (names === null) return null
        for (const { tag } of names) {
          const known = alternativeNameTags.get(tag)
          if (known !== undefined) found.add(known)
        }
      }
    }
  }
  return found
}

/** Null for what is no sequence, or cannot be read. */
function inSequence(element: Element | null | undefined): readonly Element[] | null {
  return element?.tag === sequence ? elements(element.content) : null
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
