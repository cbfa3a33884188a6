// Three members behind mutual TLS, and etcd's own client: whichever member it asks, also for what only
// the leader knows, and when leadership moves.

import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { must } from '../../platform/errors.js'
import type { TlsFiles } from '../../platform/network.js'
import { testAuthority } from '../../platform/testing/certificates.js'
import { Trio } from '../server/testing/trio.js'
import { EtcdClient } from './testing/etcd-client.js'
import * as methods from './testing/methods.js'

const folder = mkdtempSync(join(tmpdir(), 'raftsman-etcd-tls-'))
const utf8 = (text: string) => Buffer.from(text)
let trio: Trio
let files: TlsFiles
let strange: TlsFiles

beforeAll(async () => {
  const authority = await testAuthority(folder)
  files = await authority.issue('client')
  strange = await (await testAuthority(folder, 'strange')).issue('client')
  const own = new Map<string, TlsFiles>()
  for (const name of ['m1', 'm2', 'm3']) own.set(name, await authority.issue(name))
  trio = await Trio.start(({ name }) => {
    const tls = must(own.get(name), 'a member has a certificate')
    return { tickMs: 50, clientTls: tls, peerTls: tls }
  })
  await trio.leader()
})

afterAll(async () => {
  await trio.stop()
  rmSync(folder, { recursive: true, force: true })
})

interface Ran {
  readonly out: string
  readonly err: string
}

const etcdctl = (
  args: readonly string[],
  endpoints = trio.endpoints(),
  tls: TlsFiles = files,
): Promise<Ran> =>
  new Promise(resolve => {
    const flags = [
      `--endpoints=${endpoints.map(address => `https://${address}`).join(',')}`,
      `--cacert=${files.caFile}`,
      `--cert=${tls.certFile}`,
      `--key=${tls.keyFile}`,
      '--dial-timeout=1s',
      '--command-timeout=2s',
    ]
    const env = { ...process.env, ETCDCTL_API: '3' }
    execFile('etcdctl', [...flags, ...args], { env }, (_error, out, err) => resolve({ out, err }))
  })

const out = async (args: readonly string[], endpoints?: readonly string[]): Promise<string> => {
  const ran = await etcdctl(args, endpoints)
  expect(ran.err).toBe('')
  return ran.out
}

describe('etcdctl against three members with mutual TLS', () => {
  it('writes through one and reads through the others', async () => {
    for (const id of [1, 2, 3]) {
      expect(await out(['put', 'k', `by ${id}`], [trio.endpoint(id)])).toBe('OK\n')
      for (const other of [1, 2, 3]) {
        expect(await out(['get', 'k'], [trio.endpoint(other)])).toBe(`k\nby ${id}\n`)
      }
    }
  })

  it('keeps leases through members that do not lead', async () => {
    for (const id of [1, 2, 3]) {
      const here = [trio.endpoint(id)]
      const granted = await out(['lease', 'grant', '60'], here)
      const [, lease = ''] = /^lease ([0-9a-f]+) /.exec(granted) ?? []
      expect(await out(['lease', 'keep-alive', '--once', lease], here)).toContain('TTL(60)')
      expect(await out(['lease', 'timetolive', lease], here)).toContain('granted with TTL(60s)')
      expect(await out(['lease', 'revoke', lease], here)).toContain('revoked')
    }
  })

  it('sees every member, and which one leads', async () => {
    const members = await out(['member', 'list'])
    for (const { name, clientAddress } of trio.members) {
      expect(members).toContain(`${name}, https://`)
      expect(members).toContain(`https://${clientAddress}`)
    }
    const status = JSON.parse(await out(['endpoint', 'status', '-w', 'json'])) as {
      readonly Endpoint: string
      readonly Status: { readonly leader: number; readonly header: { readonly member_id: number } }
    }[]
    expect(status.map(({ Status }) => Status.header.member_id)).toEqual([1, 2, 3])
    expect(new Set(status.map(({ Status }) => Status.leader))).toEqual(
      new Set([await trio.leader()]),
    )
  })

  it('is refused with a certificate of somebody else', async () => {
    const { err } = await etcdctl(['get', 'k'], undefined, strange)
    expect(err).not.toBe('')
  })
})

describe('a watch through a member that does not lead', () => {
  it('goes on while leadership moves, without gap or duplicate', async () => {
    const leader = await trio.leader()
    const [follower = 0, next = 0] = [1, 2, 3].filter(id => id !== leader)
    const client = new EtcdClient(trio.endpoint(follower), files)
    const stream = client.stream(methods.watchStream)
    stream.send({ createRequest: { key: utf8('moving') } })
    await stream.take(1)
    const count = 40
    for (let at = 1; at <= count; at++) {
      await client.call(methods.put, { key: utf8('moving'), value: utf8(String(at)) })
      if (at === 10) await out(['move-leader', next.toString(16)], [trio.endpoint(leader)])
    }
    const versions: number[] = []
    while (versions.length < count) {
      for (const { kv } of (await stream.next())?.events ?? []) versions.push(kv?.version ?? 0)
    }
    expect(versions).toEqual(Array.from({ length: count }, (_, at) => at + 1))
    stream.cancel()
    client.close()
  })
})
