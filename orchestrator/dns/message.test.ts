import packets from 'dns-packet'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  cutAnswer,
  encodeQuestion,
  encodeReply,
  isAnswerTo,
  parseQuery,
  type Query,
  questionEnd,
  type Reply,
  udpLimit,
  withId,
} from './message.js'

const query = (udpBytes: number | null = null): Query => ({
  id: 7,
  name: 'web.example',
  type: 'A',
  recursionDesired: true,
  udpBytes,
})

const replyOf = (count: number): Reply => ({
  rcode: 0,
  authoritative: true,
  answers: Array.from({ length: count }, (_, index) => ({
    type: 'A' as const,
    name: 'web.example',
    ttl: 5,
    data: `10.0.${index >> 8}.${index & 255}`,
  })),
})

const raw = (question: Partial<packets.Packet>): Buffer =>
  packets.encode({ type: 'query', id: 7, questions: [{ name: 'a.b', type: 'A' }], ...question })

describe('a question', () => {
  it('is read with what the other side can take', () => {
    expect(parseQuery(encodeQuestion(7, 'Web.Example', 'SRV'))).toEqual({
      kind: 'query',
      query: { id: 7, name: 'Web.Example', type: 'SRV', recursionDesired: true, udpBytes: 1232 },
    })
    expect(parseQuery(raw({}))).toMatchObject({
      query: { udpBytes: null, recursionDesired: false },
    })
  })

  const refused: readonly [string, Uint8Array, number | string][] = [
    [
      'of two questions',
      raw({
        questions: [
          { name: 'a', type: 'A' },
          { name: 'b', type: 'A' },
        ],
      }),
      1,
    ],
    ['of none', raw({ questions: [] }), 1],
    ['that ends too soon', raw({}).subarray(0, 15), 1],
    ['of another class', raw({ questions: [{ name: 'a', type: 'A', class: 'CH' }] }), 5],
    ['of another operation', raw({ flags: 5 << 11 }), 4],
  ]
  it.each(refused)('%s is refused under its id', (_what, bytes, rcode) => {
    const parsed = parseQuery(bytes)
    expect(parsed).toMatchObject({ kind: 'refusal', rcode })
    if (parsed.kind !== 'refusal') return
    expect([parsed.bytes[1], (parsed.bytes[2] ?? 0) >> 7, (parsed.bytes[3] ?? 0) & 15]).toEqual([
      7,
      1,
      rcode,
    ])
  })

  it('of a later EDNS is told which one we speak', () => {
    const parsed = parseQuery(
      raw({
        additionals: [
          {
            type: 'OPT',
            name: '.',
            udpPayloadSize: 4096,
            extendedRcode: 0,
            ednsVersion: 1,
            flags: 0,
            flag_do: false,
            options: [],
          },
        ],
      }),
    )
    expect(parsed).toMatchObject({ kind: 'refusal', rcode: 'badvers' })
  })

  it('that is an answer, or too short for an id, is dropped', () => {
    expect(parseQuery(encodeReply(query(), replyOf(1), 512))).toEqual({ kind: 'drop' })
    expect(parseQuery(new Uint8Array(11))).toEqual({ kind: 'drop' })
  })

  it('of any bytes whatever breaks nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 0, maxLength: 200 }), bytes => {
        expect(['query', 'refusal', 'drop']).toContain(parseQuery(bytes).kind)
      }),
      { numRuns: 2000 },
    )
    const good = encodeQuestion(7, 'web.example', 'A')
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), (at, value) => {
        const bytes = Buffer.from(good)
        bytes[at] = value
        expect(['query', 'refusal', 'drop']).toContain(parseQuery(bytes).kind)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('an answer', () => {
  const bytes = (count: number, udpBytes: number | null, most: number) =>
    encodeReply(query(udpBytes), replyOf(count), most)

  it('never is longer than the other side takes, and says so when something is missing', () => {
    fc.assert(
      fc.property(fc.nat(200), fc.integer({ min: 512, max: 4096 }), (count, udpBytes) => {
        const asked = query(udpBytes)
        const encoded = encodeReply(asked, replyOf(count), udpLimit(asked))
        expect(encoded.length).toBeLessThanOrEqual(Math.min(udpBytes, 1232))
        const read = packets.decode(Buffer.from(encoded))
        expect(read.flag_tc).toBe((read.answers ?? []).length < count)
      }),
      { numRuns: 200 },
    )
  })

  it('of everything there is by TCP is whole', () => {
    const read = packets.decode(Buffer.from(bytes(1000, null, 65_535)))
    expect([read.flag_tc, read.answers?.length, (read.flags ?? 0) & 15]).toEqual([false, 1000, 0])
  })

  it('speaks EDNS with who speaks it', () => {
    const spoken = (udpBytes: number | null) =>
      (packets.decode(Buffer.from(bytes(1, udpBytes, 512))).additionals ?? []).map(
        ({ type }) => type,
      )
    expect([spoken(null), spoken(4096)]).toEqual([[], ['OPT']])
  })

  it('loses what is beside it before it is cut', () => {
    const beside = replyOf(30).answers
    const encoded = encodeReply(query(), { ...replyOf(5), additionals: beside }, 512)
    const read = packets.decode(Buffer.from(encoded))
    expect([read.answers?.length, read.additionals?.length, read.flag_tc]).toEqual([5, 0, false])
  })

  it('of another server counts only when it answers what was asked', () => {
    const question = encodeQuestion(7, 'web.example', 'A')
    const answer = (name: string, id = 7) => encodeReply({ ...query(), name, id }, replyOf(1), 512)
    expect(isAnswerTo(answer('web.example'), question)).toBe(true)
    expect(isAnswerTo(answer('WEB.example'), question)).toBe(true)
    expect(isAnswerTo(answer('web.examples'), question)).toBe(false)
    expect(isAnswerTo(answer('web.example', 8), question)).toBe(false)
    expect(isAnswerTo(question, question)).toBe(false)
    expect(isAnswerTo(withId(answer('web.example'), 9), withId(question, 9))).toBe(true)
  })

  it('that is too long leaves its question', () => {
    const whole = bytes(100, null, 65_535)
    const read = packets.decode(Buffer.from(cutAnswer(whole)))
    expect([read.flag_tc, read.questions?.[0]?.name, read.answers?.length]).toEqual([
      true,
      'web.example',
      0,
    ])
    expect(questionEnd(whole)).toBe(12 + 13 + 4)
    expect(questionEnd(whole.subarray(0, 20))).toBeNull()
  })
})
