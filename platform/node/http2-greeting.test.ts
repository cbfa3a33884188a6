import { describe, expect, it } from 'vitest'

import { readHeaderText } from './hpack-text.js'
import { Http2Greeting } from './http2-greeting.js'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex')
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const settings = hex('000000 04 00 00000000')
const ack = hex('000000 04 01 00000000')
const ping = hex('000008 06 00 00000000 0102030405060708')
const pong = hex('000008 06 01 00000000 0102030405060708')
/** As etcdctl 3.4 sends it for `endpoint status`; the authority is `http://127.0.0.1:24999`. */
const status = hex(`
  000077 01 04 00000001
  83 86 45 9760a924882d9dcb6571afa066a925a87510ac6e48d36a3f
  41 90 9d29aee30c044eae05c0b86e09a7df7f
  5f8b1d75d0620d263d4c4d65647a8b9acac8b4c7602bb2caecff40027465864d833505b11f40899acac8b24d494f6a7f
  8669f7c401396f408d25062d495875996ee5b1063d5f03332e34`)
const authorityAt = status.indexOf(hex('41 90 9d29'))
const readable = 'http:--127.0.0.1:24999'
const mended = (() => {
  const rest = status.subarray(authorityAt + 18)
  const field = Buffer.concat([hex('41'), Buffer.from([readable.length]), Buffer.from(readable)])
  const whole = Buffer.concat([status.subarray(0, authorityAt), field, rest])
  whole.writeUIntBE(whole.length - 9, 0, 3)
  return whole
})()
/** The same client's call to a name without a scheme. */
const get = hex(`
  00006b 01 04 00000001
  83 86 45 9060a924882d9dcb6571af9b8b1b4754c5 41 8b 089d5c0b8170dc134fbeff
  5f8b1d75d0620d263d4c4d65647a8b9acac8b4c7602bb2caecff40027465864d833505b11f40899acac8b24d494f6a7f
  8669f7db0bcf5b408d25062d495875996ee5b1063d5f03332e34`)
const data = hex('000005 00 01 00000001 0000000000')

/** What node:http2 is given in the end, and what the client was told before. */
function greet(...chunks: readonly Buffer[]) {
  const greeting = new Http2Greeting()
  const sent: Buffer[] = []
  for (const [at, chunk] of chunks.entries()) {
    const step = greeting.push(chunk)
    if (step.kind === 'refused') return { refused: step.reason }
    if (step.kind === 'over') {
      expect(at).toBe(chunks.length - 1)
      return { sent: Buffer.concat(sent), bytes: step.bytes }
    }
    if (step.send !== null) sent.push(step.send)
  }
  return { sent: Buffer.concat(sent), waiting: greeting.settled }
}

describe('the first frames of a plain connection', () => {
  it('are mended where the first call names a URL as the authority, of one that waits to be greeted', () => {
    const seen = greet(Buffer.concat([preface, settings]), Buffer.concat([ack, status, data]))
    expect(seen).toEqual({
      sent: settings,
      bytes: Buffer.concat([preface, settings, mended, data]),
    })
  })

  it('are mended at once of one that does not wait, which hears nothing from here', () => {
    const seen = greet(Buffer.concat([preface, settings, status]))
    expect(seen).toEqual({
      sent: Buffer.alloc(0),
      bytes: Buffer.concat([preface, settings, mended]),
    })
  })

  it('pass as they are where the authority is none', () => {
    const seen = greet(Buffer.concat([preface, settings, get, data]))
    expect(seen).toMatchObject({ bytes: Buffer.concat([preface, settings, get, data]) })
  })

  it('are kept until the answer to what was sent from here has come, which goes no further', () => {
    const chunks = [Buffer.concat([preface, settings]), status, data, ack]
    expect(greet(...chunks.slice(0, 3))).toMatchObject({ waiting: false })
    expect(greet(...chunks)).toMatchObject({
      bytes: Buffer.concat([preface, settings, mended, data]),
    })
  })

  it('are understood however they are cut', () => {
    const all = Buffer.concat([preface, settings, ack, status])
    const bytes = Array.from(all, byte => Buffer.from([byte]))
    expect(greet(...bytes)).toEqual({
      sent: settings,
      bytes: Buffer.concat([preface, settings, mended]),
    })
  })

  it('may be followed by as much as there is room for', () => {
    const head = hex('004000 00 00 00000001')
    const large = Buffer.concat([head, Buffer.alloc(16_384)])
    const much = Buffer.concat(Array.from({ length: 40 }, () => large))
    const seen = greet(Buffer.concat([preface, settings, status, much]))
    const expected = Buffer.concat([preface, settings, mended, much])
    // By hand: the library compares them byte by byte, for ten seconds.
    expect('bytes' in seen && expected.equals(seen.bytes)).toBe(true)
  })

  it('keep a client alive that only asks whether somebody is there', () => {
    const seen = greet(Buffer.concat([preface, settings]), ack, ping)
    expect(seen).toEqual({ sent: Buffer.concat([settings, pong]), waiting: true })
  })

  it('are left to the library where they make no sense', () => {
    const cut = Buffer.from(status)
    // The length of the authority points beyond the end.
    cut[authorityAt + 1] = 0xff
    const broken = Buffer.concat([preface, settings, cut])
    expect(greet(broken)).toMatchObject({ bytes: broken })
    const padded = hex('000002 01 0c 00000001 ff00')
    expect(greet(Buffer.concat([preface, settings, padded]))).toMatchObject({
      bytes: Buffer.concat([preface, settings, padded]),
    })
  })

  it('have an end', () => {
    const endless = hex('ffffff 00 00 00000001')
    expect(greet(Buffer.concat([preface, endless]))).toHaveProperty('refused')
    const window = hex('000004 08 00 00000000 00000001')
    const many = Buffer.concat(Array.from({ length: 30_000 }, () => window))
    expect(greet(Buffer.concat([preface, many]))).toHaveProperty('refused')
  })
})

describe('a text as HPACK shortens it', () => {
  it.each([
    ['9d29aee30c044eae05c0b86e09a7df7f', 'http://127.0.0.1:24999'],
    ['089d5c0b8170dc134fbeff', '127.0.0.1:24999'],
    // The examples of RFC 7541, appendix C.4 and C.6.
    ['f1e3c2e5f23a6ba0ab90f4ff', 'www.example.com'],
    ['a8eb10649cbf', 'no-cache'],
    ['9d29ad171863c78f0b97c8e9ae82ae43d3', 'https://www.example.com'],
  ])('%s', (encoded, text) => {
    expect(readHeaderText(hex(encoded))).toBe(text)
  })

  it('is not understood when it is cut within a sign, or has a sign that no host has', () => {
    expect(readHeaderText(hex('9d29aee30c044eae05c0b86e09a7df7f00'))).toBeNull()
    expect(readHeaderText(hex('ffffffff'))).toBeNull()
  })
})
