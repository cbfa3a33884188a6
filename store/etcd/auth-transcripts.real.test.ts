// The same conversation about users and roles with a real etcd and with a member of ours: the same
// answers and the same errors. Left out is what etcd itself does otherwise since the 3.4 of this
// comparison: what the root role says it may do, and what becomes of a token while authentication is off.

import { afterAll, beforeAll, expect, it } from 'vitest'

import { startLoneMember } from '../server/testing/lone-member.js'
import type { LoneMember } from '../server/testing/lone-member.js'
import { cheapPasswords } from '../server/testing/staff.js'
import type { MessageType } from '../../platform/protobuf-message.js'
import * as auth from './messages/auth.js'
import { told } from './testing/conversation.js'
import { CallFailed, EtcdClient } from './testing/etcd-client.js'
import { EtcdProcess } from './testing/etcd-process.js'
import * as kv from './testing/methods.js'

let etcd: EtcdProcess
let member: LoneMember

const utf8 = (text: string) => Buffer.from(text)

const of = <Q, A>(
  name: string,
  request: MessageType<unknown, Q>,
  answer: MessageType<A, never>,
) => ({ path: `/etcdserverpb.Auth/${name}`, request, answer })

const m = {
  enable: of('AuthEnable', auth.AuthEnableRequest, auth.AuthEnableResponse),
  disable: of('AuthDisable', auth.AuthDisableRequest, auth.AuthDisableResponse),
  login: of('Authenticate', auth.AuthenticateRequest, auth.AuthenticateResponse),
  userAdd: of('UserAdd', auth.AuthUserAddRequest, auth.AuthUserAddResponse),
  userGet: of('UserGet', auth.AuthUserGetRequest, auth.AuthUserGetResponse),
  userList: of('UserList', auth.AuthUserListRequest, auth.AuthUserListResponse),
  userDelete: of('UserDelete', auth.AuthUserDeleteRequest, auth.AuthUserDeleteResponse),
  passwd: of(
    'UserChangePassword',
    auth.AuthUserChangePasswordRequest,
    auth.AuthUserChangePasswordResponse,
  ),
  grantRole: of('UserGrantRole', auth.AuthUserGrantRoleRequest, auth.AuthUserGrantRoleResponse),
  revokeRole: of('UserRevokeRole', auth.AuthUserRevokeRoleRequest, auth.AuthUserRevokeRoleResponse),
  roleAdd: of('RoleAdd', auth.AuthRoleAddRequest, auth.AuthRoleAddResponse),
  roleGet: of('RoleGet', auth.AuthRoleGetRequest, auth.AuthRoleGetResponse),
  roleList: of('RoleList', auth.AuthRoleListRequest, auth.AuthRoleListResponse),
  roleDelete: of('RoleDelete', auth.AuthRoleDeleteRequest, auth.AuthRoleDeleteResponse),
  grant: of(
    'RoleGrantPermission',
    auth.AuthRoleGrantPermissionRequest,
    auth.AuthRoleGrantPermissionResponse,
  ),
  revoke: of(
    'RoleRevokePermission',
    auth.AuthRoleRevokePermissionRequest,
    auth.AuthRoleRevokePermissionResponse,
  ),
}

/** Everything that was said, and whoever is logged in. */
class AuthTalk {
  readonly answers: unknown[] = []
  readonly #client: EtcdClient
  #token: string | null = null

  constructor(client: EtcdClient) {
    this.#client = client
  }

  async say<Q, A>(method: ReturnType<typeof of<Q, A>>, request: Q): Promise<void> {
    const options = this.#token === null ? {} : { metadata: { token: this.#token } }
    try {
      const answer = told(await this.#client.call(method, request, options))
      this.answers.push([method.path, answer])
    } catch (error) {
      if (!(error instanceof CallFailed)) throw error
      this.answers.push([method.path, error.message])
    }
  }

  /** Requests of one stream that are all under way before the first of them is answered. */
  async watch(requests: readonly object[], answers: number): Promise<void> {
    const metadata = this.#token === null ? {} : { token: this.#token }
    const stream = this.#client.stream(kv.watchStream, { metadata })
    for (const request of requests) stream.send(request)
    for (const answer of await stream.take(answers)) this.answers.push(told(answer))
    stream.cancel()
  }

  async become(name: string | null, password = ''): Promise<void> {
    this.#token = null
    if (name === null) return
    try {
      const { token } = await this.#client.call(m.login, { name, password })
      this.#token = token
      this.answers.push(['login', 'ok'])
    } catch (error) {
      if (!(error instanceof CallFailed)) throw error
      this.answers.push(['login', error.message])
    }
  }
}

const perm = (permType: number, key: string, rangeEnd = '') => ({
  permType,
  key: utf8(key),
  rangeEnd: utf8(rangeEnd),
})

async function administer(talk: AuthTalk): Promise<void> {
  await talk.become('root', 'x')
  await talk.say(m.enable, {})
  await talk.say(m.userAdd, { name: '', password: 'x' })
  await talk.say(m.userAdd, { name: 'root', password: 'x' })
  await talk.say(m.userAdd, { name: 'root', password: 'x' })
  await talk.say(m.enable, {})
  await talk.say(m.roleAdd, { name: '' })
  await talk.say(m.roleAdd, { name: 'r' })
  await talk.say(m.roleAdd, { name: 'r' })
  await talk.say(m.grant, { name: 'x', perm: perm(0, 'a') })
  await talk.say(m.grant, { name: 'r', perm: perm(0, 'b', 'd') })
  await talk.say(m.grant, { name: 'r', perm: perm(2, 'a') })
  await talk.say(m.grant, { name: 'r', perm: perm(1, 'x', '\0') })
  await talk.say(m.grant, { name: 'r', perm: perm(2, 'b', 'd') })
  await talk.say(m.roleGet, { role: 'r' })
  await talk.say(m.roleGet, { role: 'x' })
  await talk.say(m.revoke, { role: 'r', key: utf8('b') })
  await talk.say(m.revoke, { role: 'r', key: utf8('a') })
  await talk.say(m.roleGet, { role: 'r' })
  await talk.say(m.userAdd, { name: 'u', password: 'p' })
  await talk.say(m.grantRole, { user: 'u', role: 'x' })
  await talk.say(m.grantRole, { user: 'x', role: 'r' })
  await talk.say(m.grantRole, { user: 'u', role: 'r' })
  await talk.say(m.grantRole, { user: 'u', role: 'r' })
  await talk.say(m.revokeRole, { name: 'u', role: 'x' })
  await talk.say(m.userGet, { name: 'u' })
  await talk.say(m.userGet, { name: 'x' })
  await talk.say(m.userList, {})
  await talk.say(m.roleList, {})
  await talk.say(m.userDelete, { name: 'x' })
  await talk.say(m.passwd, { name: 'x', password: 'p' })
  await talk.say(m.grantRole, { user: 'root', role: 'root' })
  await talk.say(m.roleAdd, { name: 'root' })
  await talk.say(m.enable, {})
}

async function use(talk: AuthTalk): Promise<void> {
  await talk.become('u', 'wrong')
  await talk.become('nobody', 'p')
  await talk.say(kv.put, { key: utf8('b'), value: utf8('1') })
  await talk.say(kv.range, { key: utf8('b') })
  await talk.become('u', 'p')
  await talk.say(kv.put, { key: utf8('b'), value: utf8('1') })
  await talk.say(kv.put, { key: utf8('d'), value: utf8('1') })
  await talk.say(kv.put, { key: utf8('x'), value: utf8('1') })
  await talk.say(kv.put, { key: utf8('x'), value: utf8('1'), prevKv: true })
  await talk.say(kv.range, { key: utf8('b'), rangeEnd: utf8('d') })
  await talk.say(kv.range, { key: utf8('b'), rangeEnd: utf8('e') })
  await talk.say(kv.range, { key: utf8('b'), rangeEnd: utf8('\0') })
  await talk.say(kv.range, { key: utf8('c'), rangeEnd: utf8('a') })
  await talk.say(kv.deleteRange, { key: utf8('x'), rangeEnd: utf8('\0') })
  await talk.say(kv.deleteRange, { key: utf8('x'), rangeEnd: utf8('\0'), prevKv: true })
  await talk.say(kv.txn, {
    compare: [{ key: utf8('a'), target: 2, result: 0, modRevision: 0 }],
    success: [{ requestPut: { key: utf8('b') } }],
  })
  await talk.say(kv.txn, {
    success: [{ requestPut: { key: utf8('b') } }],
    failure: [{ requestPut: { key: utf8('a') } }],
  })
  await talk.say(kv.txn, { success: [{ requestRange: { key: utf8('b') } }] })
  await talk.say(kv.txn, { success: [{ requestRange: { key: utf8('a') } }] })
  await talk.say(m.userGet, { name: 'u' })
  await talk.say(m.userGet, { name: 'root' })
  await talk.say(m.roleGet, { role: 'r' })
  await talk.say(m.roleGet, { role: 'root' })
  await talk.say(m.userList, {})
  await talk.say(m.roleList, {})
  await talk.say(m.passwd, { name: 'u', password: 'q' })
  await talk.say(m.disable, {})
}

async function takeAway(talk: AuthTalk): Promise<void> {
  await talk.become('root', 'x')
  await talk.say(m.userDelete, { name: 'root' })
  await talk.say(m.revokeRole, { name: 'root', role: 'root' })
  await talk.say(m.roleDelete, { role: 'root' })
  await talk.say(m.enable, {})
  await talk.say(m.passwd, { name: 'u', password: 'q' })
  await talk.say(m.roleDelete, { role: 'r' })
  await talk.say(m.userGet, { name: 'u' })
  await talk.become('u', 'p')
  await talk.become('u', 'q')
  await talk.say(kv.range, { key: utf8('b') })
  await talk.become('root', 'x')
  await talk.say(m.userDelete, { name: 'u' })
  await talk.say(m.disable, {})
  await talk.become(null)
  await talk.say(m.disable, {})
  await talk.become('root', 'x')
  await talk.say(m.revokeRole, { name: 'root', role: 'root' })
  await talk.say(m.roleDelete, { role: 'root' })
  await talk.say(m.userDelete, { name: 'root' })
  await talk.say(m.userList, {})
}

async function watchTogether(talk: AuthTalk): Promise<void> {
  await talk.say(m.userAdd, { name: 'root', password: 'x' })
  await talk.say(m.grantRole, { user: 'root', role: 'root' })
  await talk.say(m.roleAdd, { name: 'w' })
  await talk.say(m.grant, { name: 'w', perm: perm(0, 'a', 'c') })
  await talk.say(m.userAdd, { name: 'v', password: 'p' })
  await talk.say(m.grantRole, { user: 'v', role: 'w' })
  await talk.say(m.enable, {})
  await talk.become('v', 'p')
  const create = (key: string, watchId = 0, rangeEnd = '') => ({
    createRequest: { key: utf8(key), rangeEnd: utf8(rangeEnd), watchId },
  })
  const cancel = (watchId: number) => ({ cancelRequest: { watchId } })
  const refused = [create('x'), create('x', 3), create('b', 0, 'a')]
  const numbered = [create('a'), create('x'), cancel(1), create('a'), cancel(1), create('a', 3)]
  const taken = [create('x', 3), create('b', 3), cancel(3), create('a', 2), create('x', 4)]
  const passedOver = [create('a'), create('a', 1), create('a'), create('a')]
  const requests = [...refused, ...numbered, ...taken, ...passedOver]
  // The first cancel finds no watch, and has no answer.
  await talk.watch(requests, requests.length - 1)
  await talk.become('root', 'x')
  await talk.say(m.disable, {})
}

beforeAll(async () => {
  etcd = await EtcdProcess.start({ flags: ['--bcrypt-cost=4'] })
  member = await startLoneMember(cheapPasswords)
})

afterAll(async () => {
  await member.stop()
  await etcd.stop()
})

async function same(talkAbout: (talk: AuthTalk) => Promise<void>): Promise<void> {
  const said: unknown[][] = []
  for (const { address } of [etcd, member]) {
    const client = new EtcdClient(address)
    const talk = new AuthTalk(client)
    await talkAbout(talk)
    said.push(talk.answers)
    client.close()
  }
  expect(said[1]).toEqual(said[0])
}

it('users, roles and what they may are talked about as with etcd', () =>
  same(async talk => {
    await administer(talk)
    await use(talk)
    await takeAway(talk)
  }))

it('watches that come at once, of one who may not read all, are decided one by one and numbered as by etcd', () =>
  same(watchTogether))
