import { expect, test } from 'vitest'

import { requestMsOf } from './request-timeout.js'

const msOf = (query: string): number => requestMsOf(new URLSearchParams(query), 60_000)

test.each([
  ['', 60_000],
  ['timeout=', 60_000],
  ['timeout=0', 60_000],
  ['timeout=0s', 60_000],
  ['timeout=250ms', 250],
  ['timeout=1m', 60_000],
  ['timeout=1h', 60_000],
  ['timeout=1.5s', 1_500],
])('%j gives a request %d ms', (query, ms) => {
  expect(msOf(query)).toBe(ms)
})

test.each(['5', 'soon', '-1s', '1d', '1 s', '1s2', 'NaN', '9'.repeat(400)])(
  'a timeout of %j is refused',
  text => {
    expect(() => msOf(`timeout=${text}`)).toThrow(/invalid timeout specified in the request URL/)
  },
)
