import { describe, expect, it } from 'vitest'
import { parseLogRequest } from './log-query.js'
import { mayAskKubelet } from './server-authorization.js'

const nowMs = Date.UTC(2026, 0, 1)
const parse = (query: string) => parseLogRequest(new URLSearchParams(query), nowMs)

describe('a request for a log', () => {
  it('wants all of it when it says nothing', () => {
    expect(parse('')).toEqual({
      previous: false,
      query: { follow: false, tailLines: null, sinceMs: null, timestamps: false, limitBytes: null },
    })
  })

  it.each([
    ['follow=true&timestamps=true', { follow: true, timestamps: true }],
    ['tailLines=0', { tailLines: 0 }],
    ['limitBytes=10', { limitBytes: 10 }],
    ['sinceSeconds=60', { sinceMs: nowMs - 60_000 }],
    ['sinceTime=2025-12-31T23:00:00Z', { sinceMs: nowMs - 3_600_000 }],
  ])('understands %s', (query, wanted) => {
    expect(parse(query)).toMatchObject({ query: wanted })
  })

  it.each([
    'tailLines=-1',
    'tailLines=many',
    'limitBytes=0',
    'sinceSeconds=0',
    'sinceTime=yesterday',
    'sinceSeconds=1&sinceTime=2025-12-31T23:00:00Z',
  ])('refuses %s with a sentence', query => {
    expect(typeof parse(query)).toBe('string')
  })
})

describe('a kubelet', () => {
  it.each([
    ['kube-apiserver-kubelet-client', [], true],
    ['kubernetes-admin', ['system:masters'], true],
    ['system:node:node-1', ['system:nodes'], false],
    ['', [], false],
  ])('is asked by %s of %j: %s', (commonName, organizations, wanted) => {
    expect(mayAskKubelet({ commonName, organizations })).toBe(wanted)
  })
})
