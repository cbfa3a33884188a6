// A client that follows the membership: it goes on with members it was never told of, forgets those that
// have left, and always finds back to those it was given.

import { afterEach, expect, it } from 'vitest'

import { nodeClock } from '../../platform/node/clock.js'
import { freePort } from '../../platform/testing/free-port.js'
import { clientOf, utf8 } from '../server/testing/clients.js'
import { Fleet, until } from '../server/testing/fleet.js'
import { startLoneMember } from '../server/testing/lone-member.js'
import { addressesOf, learnedMax } from './member-follower.js'
import type { StoreClient } from './store-client.js'

const cleanUps: (() => Promise<void> | void)[] = []

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp()
})

const followMembersMs = 50

/** `look`: what it does every so often, now; it has learned when the returned promise is kept. */
function following(endpoints: readonly string[]): {
  readonly client: StoreClient
  readonly look: () => Promise<void>
} {
  const clock = nodeClock()
  const ticks: (() => void)[] = []
  const client = clientOf(endpoints, {
    followMembersMs,
    requestTimeoutMs: 60_000,
    clock: {
      ...clock,
      setTicker(periodMs, tick) {
        if (periodMs !== followMembersMs) return clock.setTicker(periodMs, tick)
        ticks.push(tick)
        return { cancel: () => ticks.splice(0) }
      },
    },
  })
  cleanUps.push(() => client.close())
  return {
    client,
    look: async () => {
      for (const tick of ticks) tick()
      // Answers of one member come in the order of the questions.
      await client.memberList()
    },
  }
}

/** A write may be under way when its member goes. */
const put = (client: StoreClient, value: string): Promise<void> =>
  until(() =>
    client.put({ key: utf8('a'), value: utf8(value) }).then(
      () => true,
      () => false,
    ),
  )

it('outlives every member that it was told of', async () => {
  const fleet = await Fleet.found(3)
  cleanUps.push(() => fleet.end())
  const { client, look } = following([fleet.endpoints(1)[0] ?? ''])
  await put(client, 'first')
  for (const id of [4, 5]) {
    const { peerAddress } = await fleet.plan(id)
    await client.memberAdd({ name: `m${id}`, peerAddresses: [peerAddress] }, 'promoted')
    await fleet.start(id)
    await until(async () => {
      const members = await client.memberList()
      return members.some(member => member.id === id && !member.learner && member.name === `m${id}`)
    })
  }
  await look()
  // All founders go, one after the other, with the one it was told of as the first.
  for (const id of [1, 2, 3]) {
    await until(() =>
      client.memberRemove(id).then(
        () => true,
        () => client.memberList().then(members => !members.some(member => member.id === id)),
      ),
    )
    await fleet.halt(id)
    await put(client, `without ${id}`)
    await look()
  }
  const { kvs } = await client.range({ key: utf8('a') })
  expect(Buffer.from(kvs[0]?.value ?? []).toString()).toBe('without 3')
  expect((await client.memberList()).map(({ id }) => id)).toEqual([4, 5])
})

it('comes back to the one it was given, whatever it has learned since', async () => {
  const [given, told] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`]
  /** Both say that the second is the only member. */
  const start = (listenClient: string) =>
    startLoneMember({
      listenClient,
      members: [{ id: 1, name: 'lone', peerAddress: '127.0.0.1:1', clientAddress: told }],
    })
  const first = await start(given)
  const { client, look } = following([given])
  await until(async () => {
    const members = await client.memberList()
    return members.some(({ clientAddresses }) => clientAddresses.includes(told))
  })
  const second = await start(told)
  const marked = async () => (await client.range({ key: utf8('where') })).kvs.length === 1
  await clientOfOnce(told, client => client.put({ key: utf8('where'), value: utf8('second') }))
  await look()
  await first.stop()
  await until(marked)
  await look()
  await second.stop()
  const again = await start(given)
  await until(async () => !(await marked()))
  await again.stop()
})

async function clientOfOnce(
  address: string,
  use: (client: StoreClient) => Promise<unknown>,
): Promise<void> {
  const client = clientOf([address])
  await use(client)
  client.close()
}

it('takes no more than a limit, no learners and nobody twice', () => {
  const member = (id: number, clientAddresses: readonly string[], learner = false) => ({
    id,
    name: `m${id}`,
    peerAddresses: [],
    clientAddresses,
    learner,
  })
  expect(
    addressesOf([member(1, ['a:1', 'b:1']), member(2, ['b:1']), member(3, ['c:1'], true)]),
  ).toEqual(['a:1', 'b:1'])
  const many = Array.from({ length: 500 }, (_, id) => member(id, [`m${id}:1`]))
  expect(addressesOf(many)).toHaveLength(learnedMax)
})
