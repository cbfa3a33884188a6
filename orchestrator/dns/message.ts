// Messages of DNS on the wire: questions that may come from anybody, and answers that fit. Pure; the codec is
// dns-packet. Answers keep to the size that the other side can take: what is too much is left out, and said so,
// and a client that wants all of it comes by TCP.

import packets from 'dns-packet'
import { RaftsmanError, unreachable } from '../../platform/errors.js'
import type { DnsRecord } from './cluster-zone.js'

export const rcodes = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
} as const

export type Rcode = (typeof rcodes)[keyof typeof rcodes]

export interface Query {
  readonly id: number
  /** As it was written, without a dot at its end. */
  readonly name: string
  /** As in "AAAA"; "UNKNOWN_65" for types without a name. */
  readonly type: packets.RecordType
  readonly recursionDesired: boolean
  /** What the other side takes by UDP; null where it does not speak EDNS. */
  readonly udpBytes: number | null
}

export interface Reply {
  readonly rcode: Rcode
  readonly authoritative: boolean
  readonly answers: readonly packets.Answer[]
  readonly authorities?: readonly packets.Answer[]
  readonly additionals?: readonly packets.Answer[]
}

export type Parsed =
  | { readonly kind: 'query'; readonly query: Query }
  /** No question of ours to answer; this is said in reply. */
  | { readonly kind: 'refusal'; readonly bytes: Uint8Array; readonly rcode: Rcode | 'badvers' }
  /** Nothing that a reply would help. */
  | { readonly kind: 'drop' }

/** Large enough for most answers, small enough for every path. */
export const ownUdpBytes = 1232
export const udpBytesMin = 512
export const messageBytesMax = 65_535

const headerBytes = 12
const flags = { response: 0x8000, truncated: 0x0200 } as const

/** An answer of another server that makes no sense. */
export class DnsMessageError extends RaftsmanError {
  constructor(message: string) {
    super(message, { code: 'dns-message', retryable: true, outcome: 'not-applied' })
  }
}

export function parseQuery(bytes: Uint8Array): Parsed {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (buffer.length < headerBytes || (buffer.readUInt16BE(2) & flags.response) !== 0) {
    return { kind: 'drop' }
  }
  const opcode = (buffer.readUInt16BE(2) >> 11) & 0xf
  if (opcode !== 0) return refusal(buffer, rcodes.notImplemented)
  const message = decoded(buffer)
  const [question, second] = message?.questions ?? []
  if (message === null || question === undefined || second !== undefined) {
    return refusal(buffer, rcodes.formatError)
  }
  if ((question.class ?? 'IN') !== 'IN') return refusal(buffer, rcodes.refused)
  const edns = message.additionals?.find(one => one.type === 'OPT')
  if (edns !== undefined && edns.ednsVersion !== 0) return { ...badVersion(buffer, question) }
  return {
    kind: 'query',
    query: {
      id: message.id ?? 0,
      name: question.name,
      type: question.type,
      recursionDesired: ((message.flags ?? 0) & packets.RECURSION_DESIRED) !== 0,
      udpBytes: edns === undefined ? null : Math.max(edns.udpPayloadSize, udpBytesMin),
    },
  }
}

function decoded(buffer: Buffer): packets.DecodedPacket | null {
  try {
    return packets.decode(buffer)
  } catch {
    // Whatever is wrong with it, the sender made it so.
    return null
  }
}

/** The header alone, turned round. */
function refusal(query: Buffer, rcode: Rcode): Parsed {
  const bytes = Buffer.alloc(headerBytes)
  query.copy(bytes, 0, 0, 2)
  const kept = query.readUInt16BE(2) & (0x7800 | packets.RECURSION_DESIRED)
  bytes.writeUInt16BE(flags.response | kept | rcode, 2)
  return { kind: 'refusal', bytes, rcode }
}

function badVersion(query: Buffer, question: packets.Question): Parsed {
  const bytes = packets.encode({
    type: 'response',
    id: query.readUInt16BE(0),
    questions: [question],
    additionals: [ownEdns(1)],
  })
  return { kind: 'refusal', bytes, rcode: 'badvers' }
}

const ownEdns = (extendedRcode: number): packets.Answer => ({
  type: 'OPT',
  name: '.',
  udpPayloadSize: ownUdpBytes,
  extendedRcode,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
})

/** Bytes that a reply may have by UDP. */
export const udpLimit = ({ udpBytes }: Query): number =>
  udpBytes === null ? udpBytesMin : Math.min(udpBytes, ownUdpBytes)

export function encodeReply(query: Query, reply: Reply, bytesMax: number): Uint8Array {
  const { rcode, authoritative, answers, authorities = [], additionals = [] } = reply
  const edns = query.udpBytes === null ? [] : [ownEdns(0)]
  const encoded = (
    some: readonly packets.Answer[],
    more: readonly packets.Answer[],
    truncated: boolean,
  ): Buffer =>
    packets.encode({
      type: 'response',
      id: query.id,
      flags:
        rcode |
        packets.RECURSION_AVAILABLE |
        (query.recursionDesired ? packets.RECURSION_DESIRED : 0) |
        (authoritative ? packets.AUTHORITATIVE_ANSWER : 0) |
        (truncated ? packets.TRUNCATED_RESPONSE : 0),
      questions: [{ name: query.name, type: query.type, class: 'IN' }],
      answers: [...some],
      authorities: [...authorities],
      additionals: [...more, ...edns],
    })
  const whole = encoded(answers, additionals, false)
  if (whole.length <= bytesMax) return whole
  // What is beside the answer may be left out without a word.
  const bare = encoded(answers, [], false)
  if (bare.length <= bytesMax) return bare
  let [fits, tooMany] = [0, answers.length]
  while (fits + 1 < tooMany) {
    const middle = (fits + tooMany) >> 1
    if (encoded(answers.slice(0, middle), [], true).length <= bytesMax) fits = middle
    else tooMany = middle
  }
  return encoded(answers.slice(0, fits), [], true)
}

/** Of records as the zone has them. */
export function wireRecord(record: DnsRecord): packets.Answer {
  const { name, ttl } = record
  switch (record.type) {
    case 'SRV': {
      const { priority, weight, port, target } = record.data
      return { type: 'SRV', name, ttl, data: { priority, weight, port, target } }
    }
    case 'SOA':
      return { type: 'SOA', name, ttl, data: { ...record.data } }
    case 'TXT':
      return { type: 'TXT', name, ttl, data: record.data }
    case 'A':
    case 'AAAA':
    case 'CNAME':
    case 'NS':
    case 'PTR':
      return { type: record.type, name, ttl, data: record.data }
    default:
      return unreachable(record)
  }
}

/** Asks another server, under an id that nobody can guess. */
export const encodeQuestion = (id: number, name: string, type: packets.RecordType): Uint8Array =>
  packets.encode({
    type: 'query',
    id,
    flags: packets.RECURSION_DESIRED,
    questions: [{ name, type, class: 'IN' }],
    additionals: [ownEdns(0)],
  })

/** Records of another server's answer. @throws DnsMessageError */
export function decodeAnswers(bytes: Uint8Array): {
  readonly rcode: number
  readonly answers: readonly packets.Answer[]
} {
  const message = decoded(Buffer.from(bytes))
  if (message === null) throw new DnsMessageError('an answer from elsewhere cannot be read')
  return { rcode: (message.flags ?? 0) & 0xf, answers: message.answers ?? [] }
}

/** Where the first question of a message ends; null where it has none that is whole. */
export function questionEnd(bytes: Uint8Array): number | null {
  let at = headerBytes
  for (;;) {
    const length = bytes[at]
    if (length === undefined || length > 63) return null
    at += 1 + length
    if (length === 0) return at + 4 <= bytes.length ? at + 4 : null
  }
}

/** Whether `answer` answers `question`, both as bytes: same id, same name in any case, same type. */
export function isAnswerTo(answer: Uint8Array, question: Uint8Array): boolean {
  const end = questionEnd(question)
  if (end === null || answer.length < end) return false
  if (answer[0] !== question[0] || answer[1] !== question[1]) return false
  if (((answer[2] ?? 0) & 0x80) === 0) return false
  const lower = (bytes: Uint8Array): string =>
    Buffer.from(bytes.subarray(headerBytes, end)).toString('latin1').toLowerCase()
  return lower(answer) === lower(question)
}

export const withId = (bytes: Uint8Array, id: number): Uint8Array => {
  const copy = Buffer.from(bytes)
  copy.writeUInt16BE(id, 0)
  return copy
}

export const isTruncated = (bytes: Uint8Array): boolean => ((bytes[2] ?? 0) & 0x02) !== 0

/** Header and question of an answer that is too long, with the word to come by TCP. */
export function cutAnswer(bytes: Uint8Array): Uint8Array {
  const end = questionEnd(bytes) ?? headerBytes
  const cut = Buffer.from(bytes.subarray(0, end))
  cut.writeUInt16BE(cut.readUInt16BE(2) | flags.truncated, 2)
  cut.writeUInt16BE(end === headerBytes ? 0 : 1, 4)
  cut.fill(0, 6, headerBytes)
  return cut
}
