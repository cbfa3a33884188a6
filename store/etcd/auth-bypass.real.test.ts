// Ways round authentication over gRPC: every method there is, asked by nobody and by somebody who may
// do little. A method that forgets to ask fails here without anybody having thought of it (compare
// CVE-2026-33413).

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import type { StoreClient } from '../client/store-client.js'
import { clientOf, utf8 } from '../server/testing/clients.js'
import { startLoneMember } from '../server/testing/lone-member.js'
import type { LoneMember } from '../server/testing/lone-member.js'
import { as, cheapPasswords, permission, staff } from '../server/testing/staff.js'
import { message } from '../../platform/protobuf-message.js'
import { CallFailed, EtcdClient } from './testing/etcd-client.js'
import type { CallOptions } from './testing/etcd-client.js'
import * as methods from './testing/methods.js'

let member: LoneMember
let client: EtcdClient
let root: StoreClient
let anna: CallOptions

const anything = message('anything', {})
const rpc = /rpc (\w+)\s*\((stream )?[\w.]+\)\s*returns\s*\((stream )?[\w.]+\)/g

/** Of our own proto files: path, and which sides stream. */
function everyMethod() {
  return ['etcdserverpb', 'v3lockpb', 'v3electionpb'].flatMap(name => {
    const proto = readFileSync(join(import.meta.dirname, 'proto', `${name}.proto`), 'utf8')
    return [...proto.matchAll(/service (\w+) \{([\s\S]*?)\n\}/g)].flatMap(([, service, body]) =>
      [...(body ?? '').matchAll(rpc)].map(([, method, asks, answers]) => ({
        path: `/${name}.${service}/${method}`,
        manyRequests: asks !== undefined,
        manyAnswers: answers !== undefined,
      })),
    )
  })
}

/** What the first answer to a request of nothing says, or how it was refused. */
async function told(
  { path, manyRequests, manyAnswers }: ReturnType<typeof everyMethod>[number],
  options: CallOptions = {},
): Promise<string> {
  // The key in the first field; whoever has no such field skips it or says that it is another one.
  const keyed = /KV\/(Range|Put|Delete)/.test(path)
  const key = keyed ? { key: utf8('z') } : {}
  const method = { path, request: keyed ? methods.range.request : anything, answer: anything }
  try {
    if (manyRequests) {
      const stream = client.stream(method, options)
      stream.send(key)
      await stream.next()
      stream.cancel()
    } else if (manyAnswers) await client.serverStream(method, key, options).next()
    else await client.call(method, key, options)
    return 'answered'
  } catch (error) {
    if (!(error instanceof CallFailed)) throw error
    return error.details
  }
}

beforeAll(async () => {
  member = await startLoneMember(cheapPasswords)
  const store = clientOf([member.address])
  await store.put({ key: utf8('z'), value: utf8('secret') })
  await staff(store, { anna: [permission('readwrite', 'a', 'c'), permission('write', 'd')] })
  root = clientOf([member.address], as('root'))
  client = new EtcdClient(member.address)
  anna = { metadata: { token: await store.authenticate('anna', 'anna') } }
  store.close()
})

afterAll(async () => {
  client.close()
  root.close()
  await member.stop()
})

/** What needs no user, and requests that lack so much that nothing is looked at. */
const open = new Map([
  ['/etcdserverpb.Auth/AuthStatus', 'answered'],
  [
    '/etcdserverpb.Auth/Authenticate',
    'etcdserver: authentication failed, invalid user ID or password',
  ],
  ['/etcdserverpb.Auth/RoleGrantPermission', 'etcdserver: permission not given'],
  ['/v3lockpb.Lock/Unlock', 'etcdserver: key is not provided'],
  ['/v3electionpb.Election/Proclaim', '"leader" field must be provided'],
  ['/v3electionpb.Election/Resign', '"leader" field must be provided'],
])
/** Tested by itself: it answers in the stream. */
const watch = '/etcdserverpb.Watch/Watch'

describe('nobody', () => {
  it.each(everyMethod().filter(({ path }) => path !== watch))(
    'may not ask for $path',
    async one => {
      const expected = open.get(one.path) ?? 'etcdserver: user name is empty'
      const said = await told(one)
      // What is not there needs no permission.
      if (!said.startsWith('unknown method')) {
        expect(said).toBe(expected)
      }
    },
  )

  it('may not watch', async () => {
    const stream = client.stream(methods.watchStream)
    stream.send({ createRequest: { key: utf8('a') } })
    const answer = await stream.next()
    expect(answer).toMatchObject({ created: true, canceled: true })
    expect(answer?.cancelReason).toBe(
      'rpc error: code = InvalidArgument desc = etcdserver: user name is empty',
    )
    stream.cancel()
  })
})

describe('somebody with a forged, a foreign or no token', () => {
  it.each(['', 'x', 'a.b', 'anna.12'])('is not let in by %j', async token => {
    const call = client.call(methods.range, { key: utf8('a') }, { metadata: { token } })
    await expect(call).rejects.toThrow('16: etcdserver: invalid auth token')
  })

  // etcd's client logs in again and goes on where a watch was refused in exactly these words.
  it('is told in the words that make a client log in again where a watch is refused', async () => {
    const stream = client.stream(methods.watchStream, { metadata: { token: 'x' } })
    stream.send({ createRequest: { key: utf8('a') } })
    expect(await stream.next()).toMatchObject({
      created: true,
      canceled: true,
      cancelReason: 'rpc error: code = Unauthenticated desc = etcdserver: invalid auth token',
    })
    stream.cancel()
  })

  it('is let in by a bearer token as by any other', async () => {
    const metadata = { authorization: `Bearer ${anna.metadata?.['token'] ?? ''}` }
    await client.call(methods.range, { key: utf8('a') }, { metadata })
  })

  it('is not let in by a token of before authentication was turned off and on', async () => {
    await root.auth({ action: 'disable' })
    await clientOf([member.address]).auth({ action: 'enable' })
    const call = client.call(methods.range, { key: utf8('a') }, anna)
    await expect(call).rejects.toThrow('16: etcdserver: invalid auth token')
    const token = await root.authenticate('anna', 'anna')
    anna = { metadata: { token } }
  })
})

describe('a user of little', () => {
  const refused: readonly string[] = [
    '/etcdserverpb.KV/Range',
    '/etcdserverpb.KV/RangeStream',
    '/etcdserverpb.KV/Put',
    '/etcdserverpb.KV/DeleteRange',
    '/etcdserverpb.KV/Compact',
    '/etcdserverpb.Cluster/MemberAdd',
    '/etcdserverpb.Cluster/MemberRemove',
    '/etcdserverpb.Cluster/MemberUpdate',
    '/etcdserverpb.Cluster/MemberPromote',
    '/etcdserverpb.Maintenance/Defragment',
    '/etcdserverpb.Maintenance/Hash',
    '/etcdserverpb.Maintenance/HashKV',
    '/etcdserverpb.Maintenance/Snapshot',
    '/etcdserverpb.Maintenance/MoveLeader',
    '/etcdserverpb.Maintenance/Downgrade',
    '/etcdserverpb.Auth/AuthDisable',
    '/etcdserverpb.Auth/AuthEnable',
    '/etcdserverpb.Auth/UserList',
    '/etcdserverpb.Auth/RoleList',
  ]
  it.each(everyMethod().filter(({ path }) => refused.includes(path)))(
    'may not ask for $path',
    async one => {
      const said = await told(one, anna)
      if (!said.startsWith('unknown method')) expect(said).toBe('etcdserver: permission denied')
    },
  )

  const denied = '7: etcdserver: permission denied'

  it('reads nothing by way of what it may write', async () => {
    const put = { key: utf8('d'), value: utf8('x') }
    await client.call(methods.put, put, anna)
    const attempts = [
      client.call(methods.put, { ...put, prevKv: true }, anna),
      client.call(methods.deleteRange, { key: utf8('d'), prevKv: true }, anna),
      client.call(methods.txn, { success: [{ requestPut: { ...put, prevKv: true } }] }, anna),
    ]
    for (const attempt of attempts) await expect(attempt).rejects.toThrow(denied)
  })

  it('learns nothing by comparing, on either branch, at any depth', async () => {
    const compare = [{ key: utf8('z'), target: 3, result: 1, value: utf8('a') }]
    const nested = { requestTxn: { compare } }
    const attempts = [
      client.call(methods.txn, { compare }, anna),
      client.call(methods.txn, { success: [nested] }, anna),
      client.call(methods.txn, { failure: [{ requestTxn: { failure: [nested] } }] }, anna),
      client.call(methods.txn, { failure: [{ requestRange: { key: utf8('z') } }] }, anna),
      client.call(
        methods.txn,
        { success: [{ requestRange: { key: utf8('a'), rangeEnd: utf8('\0') } }] },
        anna,
      ),
    ]
    for (const attempt of attempts) await expect(attempt).rejects.toThrow(denied)
  })

  it('watches no further than it reads', async () => {
    for (const rangeEnd of ['d', '\0']) {
      const stream = client.stream(methods.watchStream, anna)
      stream.send({ createRequest: { key: utf8('a'), rangeEnd: utf8(rangeEnd) } })
      const answer = await stream.next()
      expect(answer?.canceled).toBe(true)
      expect(answer?.cancelReason).toBe(
        'rpc error: code = PermissionDenied desc = etcdserver: permission denied',
      )
      stream.cancel()
    }
  })
})
