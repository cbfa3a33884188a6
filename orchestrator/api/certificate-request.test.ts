import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseCertificateRequest } from './certificate-request.js'

/** One element: tag, length, content. */
function der(tag: number, ...parts: readonly (readonly number[])[]): number[] {
  const content = parts.flat()
  const { length } = content
  return [tag, ...(length < 128 ? [length] : [0x82, length >> 8, length & 255]), ...content]
}

const text = (value: string) => der(0x0c, [...new TextEncoder().encode(value)])
const attribute = (last: number, value: string) =>
  der(0x31, der(0x30, der(0x06, [0x55, 0x04, last]), text(value)))

function request(...names: readonly (readonly number[])[]): string {
  return requestWith(names, [])
}

function requestWith(
  names: readonly (readonly number[])[],
  attributes: readonly (readonly number[])[],
): string {
  const info = der(
    0x30,
    der(0x02, [0]),
    der(0x30, ...names),
    der(0x30, [0x05, 0x00]),
    der(0xa0, ...attributes),
  )
  return pem('CERTIFICATE REQUEST', der(0x30, info, der(0x30, [0x05, 0x00]), der(0x03, [0, 1])))
}

function pem(type: string, bytes: readonly number[]): string {
  const body = Buffer.from(bytes).toString('base64')
  const lines = `-----BEGIN ${type}-----\n${body}\n-----END ${type}-----\n`
  return Buffer.from(lines).toString('base64')
}

describe('a request for a certificate', () => {
  test('says for whom it is', () => {
    const names = [attribute(10, 'dev'), attribute(10, 'x'.repeat(300)), attribute(3, 'ann')]
    expect(parseCertificateRequest(request(...names))).toEqual({
      kind: 'request',
      pem: expect.stringMatching(/^-----BEGIN [^]+ REQUEST-----$/) as string,
      alternativeNames: new Set(),
      subject: { commonName: 'ann', organizations: ['dev', 'x'.repeat(300)] },
    })
    expect(parseCertificateRequest(request())).toMatchObject({ kind: 'request' })
  })

  test('says so in whatever encoding', () => {
    const wide = [...new TextEncoder().encode('system:masters')].flatMap(byte => [0, byte])
    const inOne = (tag: number, bytes: readonly number[]) =>
      request(der(0x31, der(0x30, der(0x06, [0x55, 0x04, 10]), der(tag, bytes))))
    expect(parseCertificateRequest(inOne(0x1e, wide))).toMatchObject({
      subject: { organizations: ['system:masters'] },
    })
    expect(parseCertificateRequest(inOne(0x1c, wide))).toMatchObject({ kind: 'malformed' })
  })

  test('says which kinds of names it wants beside', () => {
    const id = (...bytes: readonly number[]) => der(0x06, bytes)
    const extension = (last: number, value: readonly number[]) =>
      der(0x30, id(0x55, 0x1d, last), der(0x04, value))
    const wanted = (...extensions: readonly (readonly number[])[]) =>
      der(
        0x30,
        id(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e),
        der(0x31, der(0x30, ...extensions)),
      )
    const names = der(0x30, der(0x82, [97]), der(0x87, [127, 0, 0, 1]), der(0xa0, [1]))
    expect(
      parseCertificateRequest(
        requestWith([attribute(3, 'ann')], [wanted(extension(0x0f, [1]), extension(0x11, names))]),
      ),
    ).toMatchObject({ alternativeNames: new Set(['dns', 'ip']) })
    const broken = requestWith([], [wanted(extension(0x11, [1]))])
    expect(parseCertificateRequest(broken)).toMatchObject({ kind: 'malformed' })
  })

  test.each([
    ['', 'PEM block type must be CERTIFICATE REQUEST'],
    [pem('CERTIFICATE', [0x30, 0]), 'PEM block type must be CERTIFICATE REQUEST'],
    [pem('CERTIFICATE REQUEST', [0x30, 0]), 'asn1: structure error: the request cannot be read'],
    [pem('CERTIFICATE REQUEST', [0x30, 0x80]), 'asn1: structure error: the request cannot be read'],
  ])('that is none is refused: %s', (value, problem) => {
    expect(parseCertificateRequest(value)).toEqual({ kind: 'malformed', problem })
  })

  test('of any bytes is one or none, and never an accident', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), bytes => {
        const { kind } = parseCertificateRequest(pem('CERTIFICATE REQUEST', [...bytes]))
        expect(['request', 'malformed']).toContain(kind)
      }),
    )
  })
})
