// Three members behind mutual TLS: who has no certificate of theirs, and a watch through a follower while
// leadership moves.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { must } from '../../platform/errors.js'
import type { TlsFiles } from '../../platform/network.js'
import { testAuthority } from '../../platform/testing/certificates.js'
import { Fleet } from '../server/testing/fleet.js'
import { EtcdClient } from './testing/etcd-client.js'
import * as methods from './testing/methods.js'
import { run } from './testing/program.js'

const folder = mkdtempSync(join(tmpdir(), 'raftsman-etcd-tls-'))
const utf8 = (text: string) => Buffer.from(text)
let trio: Fleet
let files: TlsFiles
let strange: TlsFiles

beforeAll(async () => {
  const authority = await testAuthority(folder)
  files = await authority.issue('client')
  strange = await (await testAuthority(folder, 'strange')).issue('client')
  const own = new Map<string, TlsFiles>()
  for (const name of ['m1', 'm2', 'm3']) own.set(name, await authority.issue(name))
  trio = await Fleet.found(3, ({ name }) => {
    const tls = must(own.get(name), 'a member has a certificate')
    return { tickMs: 50, clientTls: tls, peerTls: tls }
  })
  await trio.leader()
})

afterAll(async () => {
  await trio.end()
  rmSync(folder, { recursive: true, force: true })
})

const etcdctl = (
  args: readonly string[],
  endpoints = trio.endpoints(),
  tls: TlsFiles | null = files,
): Promise<readonly string[]> => {
  const flags = [
    `--endpoints=${endpoints.map(address => `https://${address}`).join(',')}`,
    `--cacert=${files.caFile}`,
    '--dial-timeout=1s',
    '--command-timeout=2s',
  ]
  const own = tls === null ? [] : [`--cert=${tls.certFile}`, `--key=${tls.keyFile}`]
  return run('etcdctl', [...flags, ...own, ...args], '')
}

describe('a client with a certificate of somebody else', () => {
  it('is refused, and so is one that has none', async () => {
    expect(await etcdctl(['get', 'k'])).toEqual([])
    for (const tls of [strange, null]) {
      expect((await etcdctl(['get', 'k'], undefined, tls)).at(-1)).toBe('exit 1')
    }
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
      if (at === 10) await etcdctl(['move-leader', next.toString(16)], [trio.endpoint(leader)])
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
