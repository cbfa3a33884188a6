import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { base64ByteLength, encodeBase64, isBase64 } from './base64.js'

test('what is encoded is base64 of the length of the bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array(), bytes => {
      const text = encodeBase64(bytes)
      expect(isBase64(text)).toBe(true)
      expect(base64ByteLength(text)).toBe(bytes.length)
    }),
  )
})

test.each(['a', 'ab', 'abc', 'a===', 'ab=c', 'ab c', 'äbcd', '===='])('%j is not base64', text => {
  expect(isBase64(text)).toBe(false)
})

test('line breaks are allowed', () => {
  expect(isBase64('YWJj\nZGVm\r\n')).toBe(true)
  expect(base64ByteLength('YWJj\nZGVm\r\n')).toBe(6)
})
