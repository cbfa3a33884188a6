import { expect, test } from 'vitest'
import { nodeClock } from '../../platform/node/clock.js'
import {
  extensionOwner,
  extensionPool,
  extensionTarget,
  passToExtension,
} from './extension-call.js'
import { KeptConnections } from './kept-connections.js'
import { RequestAbandon } from './request-abandon.js'

const clock = nodeClock()
const spec = {
  group: 'zoo.example.com',
  version: 'v1',
  groupPriorityMinimum: 1,
  versionPriority: 1,
  service: { namespace: 'default', name: 'zoo' },
}
const user = { name: 'joe', uid: '', groups: [], extra: {} }
const request = {
  method: 'GET',
  url: '/apis/zoo.example.com/v1',
  headers: new Map<string, string>(),
  remote: '127.0.0.1:1',
  peer: null,
  body: new Uint8Array(),
  signal: new RequestAbandon(),
}

test('who calls while too many do is told when to come again', async () => {
  const connections = new KeptConnections(clock, { callsMax: 0 })
  const pool = extensionPool(connections, extensionOwner('zoo.example.com', 'v1'), spec, null)
  const target = extensionTarget(spec, { host: '127.0.0.1', port: 1 }, request.url, null)
  const answer = await passToExtension(target, pool, request, user, clock)
  expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '1' } })
})

test('a pool is kept for as long as the same is trusted', () => {
  const connections = new KeptConnections(clock)
  const pool = (changes: object) =>
    extensionPool(connections, 'owner', { ...spec, ...changes }, null)
  const first = pool({})
  expect(pool({ versionPriority: 7 })).toBe(first)
  const settings = [
    { insecureSkipTLSVerify: true },
    { caBundle: 'YQ==' },
    { service: { namespace: 'default', name: 'other' } },
  ]
  let last = first
  for (const changes of settings) {
    const next = pool(changes)
    expect(next).not.toBe(last)
    expect(pool(changes)).toBe(next)
    last = next
  }
})
