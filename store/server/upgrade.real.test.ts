// Members of two versions of the program in one cluster. The older one is this program told to know
// only the older commands.

import { afterAll, beforeAll, expect, it } from 'vitest'

import { clientOf, utf8 } from './testing/clients.js'
import { Fleet, until } from './testing/fleet.js'
import { RawPeer, hello } from './testing/raw-peer.js'

let trio: Fleet
const known = new Map([
  [1, 2],
  [2, 2],
  [3, 1],
])

beforeAll(async () => {
  trio = await Fleet.found(3, ({ id }) => ({
    tickMs: 50,
    tuning: { core: { versionMax: known.get(id) ?? 2 } },
  }))
})

afterAll(() => trio.end())

const versions = () => [1, 2, 3].map(id => trio.server(id).inspect().core.clusterVersion.version)

it('stays at the version that the oldest member knows, and serves what that version has', async () => {
  const client = clientOf(trio.endpoints(3))
  await client.put({ key: utf8('a'), value: utf8('1') })
  await client.put({ key: utf8('a'), value: utf8('2') })
  client.close()
  // Both newer members have heard from all by now, or else could not know better.
  await until(() => trio.server(1).inspect().raft.peerVersions().size === 2)
  expect(versions()).toEqual([1, 1, 1])
})

it('goes up by itself when the last member has been upgraded', async () => {
  await trio.stop(3)
  known.set(3, 2)
  await trio.start(3)
  await until(() => versions().every(version => version === 2))
})

it('is not joined by an older program, which says what it lacks', async () => {
  await trio.stop(3)
  known.set(3, 1)
  // Its state may not have come as far as the change of version, and then its log has it.
  const told = await trio.start(3).then(
    async () => {
      await until(() => trio.fatal.length > 0)
      return trio.fatal.splice(0)[0]?.message
    },
    (error: unknown) => String(error),
  )
  expect(told).toContain('the cluster is at version 2 of the commands, and this program knows 1')
  known.set(3, 2)
})

it('opens sessions for new clients too while a member knows no nonces, and once each when all do', async () => {
  const speaks = new Map([
    [1, 4],
    [2, 4],
    [3, 3],
  ])
  const fleet = await Fleet.found(3, ({ id }) => ({
    tickMs: 50,
    tuning: { core: { versionMax: speaks.get(id) ?? 4 } },
  }))
  const version = (id: number) => fleet.server(id).inspect().core.clusterVersion.version
  const opened = async (): Promise<readonly number[]> => {
    const peer = await RawPeer.open(fleet.endpoint(1))
    const nonce = Buffer.alloc(16, 'n')
    peer.send(
      { ...hello, versionMax: 3 } as typeof hello,
      { kind: 'openSession', id: 1, nonce },
      { kind: 'openSession', id: 2, nonce },
    )
    await peer.until(() => peer.of('answer').length === 2)
    peer.close()
    return peer
      .of('answer')
      .map(({ answer }) => (answer.kind === 'openSession' ? answer.response.session : 0))
  }
  try {
    await until(() => [1, 2, 3].every(id => version(id) === 3))
    expect(await opened()).toEqual([1, 2])
    await fleet.stop(3)
    speaks.set(3, 4)
    await fleet.start(3)
    await until(() => [1, 2, 3].every(id => version(id) === 4))
    expect(await opened()).toEqual([3, 3])
    expect(fleet.fatal).toEqual([])
  } finally {
    await fleet.end()
  }
})
