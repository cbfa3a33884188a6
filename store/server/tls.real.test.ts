// The store behind mutual TLS: members trust each other and their clients by certificate, and a
// stranger gets nowhere, whether it comes without a certificate or with one of its own making.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'

import { issueCertificate, openAuthority } from '../../cli/pki/authority.js'
import { must } from '../../platform/errors.js'
import type { RaftsmanError } from '../../platform/errors.js'
import type { TlsFiles } from '../../platform/network.js'
import { clientOf, utf8 } from './testing/clients.js'
import { Fleet } from './testing/fleet.js'

const folder = mkdtempSync(join(tmpdir(), 'raftsman-tls-'))
let trio: Fleet
let files: TlsFiles
let strange: TlsFiles

/** Peers are known by the name in their certificate. */
async function filesOf(authorityName: string, commonName: string): Promise<TlsFiles> {
  const authority = await openAuthority(join(folder, authorityName), authorityName)
  const certificate = await issueCertificate(authority, join(folder, authorityName), commonName, {
    commonName,
    hosts: ['127.0.0.1', 'localhost'],
    usages: ['server', 'client'],
  })
  return { ...certificate, caFile: authority.certFile }
}

beforeAll(async () => {
  files = await filesOf('store-ca', 'client')
  strange = await filesOf('strange-ca', 'client')
  const own = new Map<string, TlsFiles>()
  for (const name of ['m1', 'm2', 'm3']) own.set(name, await filesOf('store-ca', name))
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

it('serves clients that have a certificate, and forwards to the leader with its own', async () => {
  for (const id of [1, 2, 3]) {
    const store = clientOf([trio.endpoint(id)], { tls: files })
    const lease = await store.leaseGrant({ ttlSeconds: 60 })
    await store.put({ key: utf8('tls'), value: utf8('yes'), lease: lease.id })
    expect((await store.leaseKeepAlive(lease.id)).ttlSeconds).toBe(60)
    store.close()
  }
})

it.each([
  ['without TLS', () => null],
  ['with a certificate of another authority', () => strange],
])('refuses a client %s', async (_what, tls) => {
  const store = clientOf(trio.endpoints(), { tls: tls(), requestTimeoutMs: 600 })
  const error = await store.put({ key: utf8('tls'), value: utf8('no') }).then(
    () => null,
    (thrown: RaftsmanError) => thrown,
  )
  expect(error).toMatchObject({ code: 'unavailable', outcome: 'not-applied' })
  store.close()
})
