// A leader that ends over real sockets, where silence alone would elect nobody for a minute: whoever
// leads afterwards was elected because connections to the old leader are refused.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { testAuthority } from '../platform/testing/certificates.js'
import { RealCluster, until } from './testing/real-cluster.js'

/** Of 20 ms. */
const aMinute = 3000

let directory: string
let cluster: RealCluster | null = null

beforeEach(() => {
  directory = mkdtempSync(`${tmpdir()}/raft-`)
})

afterEach(async () => {
  await cluster?.killAll()
  for (const { fatal } of cluster?.members ?? []) expect(fatal).toEqual([])
  cluster = null
  rmSync(directory, { recursive: true })
})

test.each([false, true])('is replaced at once, with certificates: %s', async secure => {
  const authority = await testAuthority(directory)
  const names = secure ? ['n1', 'n2', 'n3'] : []
  const tls = await Promise.all(names.map(name => authority.issue(name)))
  const three = await RealCluster.plan(directory, 3, { electionTicks: aMinute }, tls)
  cluster = three
  await Promise.all([2, 3].map(id => three.start(id)))
  // The one that does not wait so long leads first.
  await three.start(1, { electionTicks: 10 })
  expect(await three.leader()).toBe(1)
  await three.insist(1, 'before')
  await until('all have met', () => [2, 3].every(id => three.node(id).peerVersions().size === 2))
  await three.kill(1)
  await until('another leader', () =>
    three.running().some(({ node }) => node?.status().role === 'leader'),
  )
  const second = await three.leader()
  await three.insist(second, 'after')
  await three.agree(['before', 'after'])
})
