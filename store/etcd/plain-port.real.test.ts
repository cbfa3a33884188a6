// The real etcdctl with endpoints that are URLs, at a port without TLS: some of its calls are made to the
// whole URL, which HTTP/2 does not allow.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { startLoneMember } from '../server/testing/lone-member.js'
import type { LoneMember } from '../server/testing/lone-member.js'
import { run } from './testing/program.js'

let member: LoneMember

beforeAll(async () => {
  member = await startLoneMember()
})

afterAll(() => member.stop())

describe('etcdctl at a plain port, by URL', () => {
  it.each<readonly [string, RegExp]>([
    ['endpoint status', /^http:\/\/127\.0\.0\.1:\d+, 1, /],
    ['endpoint hashkv', /^http:\/\/127\.0\.0\.1:\d+, \d+$/],
    ['endpoint health', /^http:\/\/127\.0\.0\.1:\d+ is healthy/],
    ['put k v', /^OK$/],
    ['get k --print-value-only', /^v$/],
    ['move-leader 1', /^Leadership transferred from 1 to 1/],
  ])('%s', async (words, says) => {
    const url = `http://${member.address}`
    const [line] = await run('etcdctl', [`--endpoints=${url}`, ...words.split(' ')], '')
    expect(line).toMatch(says)
  })
})
