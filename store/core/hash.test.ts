// The running hash stands on disks and in digests that members compare: it never changes.

import { expect, test } from 'vitest'
import { RunningHash } from './hash.js'

const pattern = (length: number, offset: number): Uint8Array => {
  const whole = new Uint8Array(offset + length)
  for (let at = 0; at < whole.length; at += 1) whole[at] = (at * 131 + length) & 0xff
  return whole.subarray(offset)
}

/** Byte by byte, word by word, and nothing clever. */
function dumb(value: Uint8Array): string {
  let a = 0x2545f491 ^ value.length
  let b = (0x1b873593 + value.length) | 0
  const take = (word: number) => {
    a = Math.imul(a ^ word, 0x9e3779b1)
    a ^= a >>> 15
    b = (Math.imul(b, 0x85ebca77) + (word ^ (b >>> 13))) | 0
  }
  const whole = value.length - (value.length % 4)
  for (let at = 0; at < whole; at += 4) {
    let word = 0
    for (let byte = 3; byte >= 0; byte -= 1) word = (word << 8) | (value[at + byte] ?? 0)
    take(word)
  }
  for (let at = whole; at < value.length; at += 1) take(value[at] ?? 0)
  a = Math.imul(a ^ value.length, 0x9e3779b1)
  a ^= a >>> 16
  b = (Math.imul(b ^ (value.length >>> 7), 0x85ebca77) + a) | 0
  b ^= b >>> 14
  return [a, b].map(lane => (lane >>> 0).toString(16).padStart(8, '0')).join('')
}

test.each([0, 1, 3, 4, 7, 64, 511, 512, 513, 1_023, 1_024, 65_537])(
  'Bytes hash alike however they are read, at every place in memory (%i of them).',
  length => {
    for (let offset = 0; offset < 5; offset += 1) {
      const value = pattern(length, offset)
      expect(new RunningHash().bytes(value).digest()).toBe(dumb(value))
    }
  },
)

test('What it made of some bytes once it makes of them always.', () => {
  const digest = new RunningHash()
    .number(7)
    .bytes(pattern(600, 1))
    .number(2 ** 40)
    .digest()
  expect(digest).toBe('3beb4dd92fad58a9')
})
