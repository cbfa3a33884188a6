import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { allocateCidr, formatCidr, parseCidr } from './reconcile.js'

describe('Node IPAM: ranges', () => {
  for (const text of ['0.0.0.0/0', '127.64.0.0/12', '10.244.3.0/24', '1.2.3.4/32']) {
    test(`${text} reads and writes back`, () => expect(formatCidr(parseCidr(text))).toBe(text))
  }
  for (const text of ['', '10.0.0.0', '10.0.0.0/33', '256.0.0.0/8', '10.0.0.1/24', 'fd00::/8']) {
    test(`"${text}" is refused`, () => expect(() => parseCidr(text)).toThrow('IPv4 network'))
  }
})

describe('Node IPAM: allocation', () => {
  const cases: readonly [string, readonly string[], string][] = [
    ['the first block', [], '127.64.0.0/24'],
    ['the lowest free block', ['127.64.0.0/24', '127.64.2.0/24'], '127.64.1.0/24'],
    ['past a larger block in use', ['127.64.0.0/22'], '127.64.4.0/24'],
    ['past a smaller block in use', ['127.64.0.128/25'], '127.64.1.0/24'],
    ['blocks from outside do not matter', ['10.0.0.0/8'], '127.64.0.0/24'],
  ]
  for (const [name, used, wanted] of cases) {
    test(name, () => expect(allocateCidr('127.64.0.0/12', 24, used)).toBe(wanted))
  }
  test('a full range says so', () => {
    const used = ['10.0.0.0/25', '10.0.0.128/25']
    expect(() => allocateCidr('10.0.0.0/24', 25, used)).toThrow('no /25 block is left')
  })
  test('never two the same, whatever was given back before', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(40), { maxLength: 120 }), releases => {
        const used: string[] = []
        for (const release of releases) {
          if (release < used.length && release % 3 === 0) used.splice(release, 1)
          else if (used.length < 64) {
            const cidr = allocateCidr('10.0.0.0/18', 24, used)
            expect(used).not.toContain(cidr)
            used.push(cidr)
          }
        }
      }),
    )
  })
})
