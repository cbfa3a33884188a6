// Three members and their clients: what a user of the store is promised, through elections, crashes
// and restarts. Members run in this process on real disks and sockets; a crash is `halt`, which
// stops a member without a word to anybody.

import { rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'

import { RaftsmanError } from '../../platform/errors.js'
import type { StoreClient } from '../client/store-client.js'
import type { PutRequest } from '../core/types.js'
import { Seen, clientOf, everyKey, text, utf8 } from './testing/clients.js'
import { Fleet, until } from './testing/fleet.js'

let trio: Fleet
const clients: StoreClient[] = []

function connect(first = 1, options: Parameters<typeof clientOf>[1] = {}): StoreClient {
  const client = clientOf(trio.endpoints(first), options)
  clients.push(client)
  return client
}

const put = (key: string, value: string): PutRequest => ({ key: utf8(key), value: utf8(value) })

/** Writes one after another until told to stop, and remembers what was acknowledged. */
class Writer {
  readonly acknowledged: string[] = []
  readonly unknown: string[] = []
  #running = true
  #done: Promise<void> = Promise.resolve()

  start(store: StoreClient, prefix: string): this {
    this.#done = this.#run(store, prefix)
    return this
  }

  async #run(store: StoreClient, prefix: string): Promise<void> {
    let at = 0
    while (this.#running) {
      const key = `${prefix}${String(at).padStart(6, '0')}`
      at += 1
      try {
        await store.put(put(key, 'v'))
        this.acknowledged.push(key)
      } catch (error) {
        if (!(error instanceof RaftsmanError)) throw error
        // The test has failed, and its client is closed: going on would never give the turn back.
        if (error.code === 'client-closed') return
        if (error.outcome === 'unknown') this.unknown.push(key)
      }
    }
  }

  async until(count: number): Promise<void> {
    await until(() => this.acknowledged.length >= count)
  }

  stop(): Promise<void> {
    this.#running = false
    return this.#done
  }
}

const prefixed = (prefix: string) => {
  const end = Buffer.from(prefix)
  end[end.length - 1] = (end.at(-1) ?? 0) + 1
  return { key: utf8(prefix), end }
}

beforeAll(async () => {
  trio = await Fleet.found(3, () => ({ tickMs: 50 }))
  await trio.leader()
})

afterEach(() => {
  for (const client of clients.splice(0)) client.close()
})

afterAll(async () => {
  await trio.end()
  expect(trio.fatal).toEqual([])
})

describe('a cluster of three', () => {
  it('serves everything through any member', async () => {
    for (const id of [1, 2, 3]) {
      const store = clientOf([trio.endpoint(id)])
      clients.push(store)
      const { header } = await store.put(put(`any/${id}`, 'v'))
      expect(header.memberId).toBe(id)
      const swap = await store.txn({
        compare: [{ target: 'create', result: 'equal', key: utf8(`any/${id}`), createRevision: 0 }],
        success: [],
        failure: [{ kind: 'range', request: { key: utf8(`any/${id}`) } }],
      })
      expect(swap.succeeded).toBe(false)
      const lease = await store.leaseGrant({ ttlSeconds: 100 })
      expect((await store.leaseKeepAlive(lease.id)).ttlSeconds).toBe(100)
      const left = await store.leaseTimeToLive(lease.id, false)
      expect(left.ttlSeconds).toBeGreaterThan(90)
      await store.leaseRevoke(lease.id)
      const status = await store.status()
      expect([status.name, status.healthy, status.leader]).toEqual([
        `m${id}`,
        true,
        await trio.leader(),
      ])
      expect((await store.memberList()).map(member => member.name)).toEqual(['m1', 'm2', 'm3'])
    }
  })

  it('lets a read through one member see every write acknowledged through another', async () => {
    const stores = [1, 2, 3].map(id => connect(id))
    for (let at = 0; at < 150; at++) {
      await stores[at % 3]?.put(put('linear', String(at)))
      const read = await stores[(at + 1) % 3]?.range({ key: utf8('linear') })
      expect(text(read?.kvs[0]?.value ?? utf8(''))).toBe(String(at))
    }
  })

  it('compacts on every member', async () => {
    const store = connect(2)
    await store.put(put('compacted', '1'))
    const { header } = await store.put(put('compacted', '2'))
    await store.compact({ revision: header.revision, physical: true })
    await until(() =>
      [1, 2, 3].every(id => trio.server(id).status().compactRevision === header.revision),
    )
  })

  it('hands leadership to the member that is asked for, by way of any member', async () => {
    const from = await trio.leader()
    const to = (from % 3) + 1
    const store = clientOf([trio.endpoint((to % 3) + 1)])
    clients.push(store)
    await store.moveLeader(to)
    await until(() => trio.server(to).status().role === 'leader')
    expect((await store.put(put('moved', '1'))).header.revision).toBeGreaterThan(1)
    await expect(store.moveLeader(9)).rejects.toMatchObject({ code: 'bad-transferee' })
  })
})

describe('when the leader crashes', () => {
  it('clients go on, nothing acknowledged is lost, and watches have neither gap nor double', async () => {
    const leader = await trio.leader()
    const seen = [1, 2, 3].map(id => new Seen(connect(id), prefixed('crash/')))
    await Promise.all(seen.map(each => each.until(() => each.created.length > 0)))
    // One client sits on the leader, the others do not.
    const writers = [1, 2, 3].map(id => new Writer().start(connect(id), `crash/${id}/`))
    await Promise.all(writers.map(writer => writer.until(30)))
    await trio.halt(leader)
    await Promise.all(writers.map(writer => writer.until(writer.acknowledged.length + 30)))
    await trio.start(leader)
    await Promise.all(writers.map(writer => writer.until(writer.acknowledged.length + 30)))
    await Promise.all(writers.map(writer => writer.stop()))

    const reader = connect(leader)
    const { kvs, header } = await reader.range(prefixed('crash/'))
    const stored = kvs.map(kv => text(kv.key))
    const acknowledged = writers.flatMap(writer => writer.acknowledged)
    const unknown = writers.flatMap(writer => writer.unknown)
    expect(acknowledged.filter(key => !stored.includes(key))).toEqual([])
    expect(stored.filter(key => !acknowledged.includes(key) && !unknown.includes(key))).toEqual([])

    const byRevision = kvs.toSorted((a, b) => a.modRevision - b.modRevision).map(kv => text(kv.key))
    for (const each of seen) {
      each.watch.requestProgress()
      await each.until(() => (each.progress.at(-1) ?? 0) >= header.revision)
      expect(each.events.map(({ kv }) => text(kv.key))).toEqual(byRevision)
    }
  })

  it('a client leaves its own member while that is down, and comes back to it', async () => {
    const own = ((await trio.leader()) % 3) + 1
    const store = connect(own)
    const memberOf = async (at: number) =>
      (await store.put(put('home', String(at)))).header.memberId
    while ((await memberOf(0)) !== own) await store.status()
    await trio.halt(own)
    const away = new Set<number>()
    for (let at = 0; at < 20; at++) {
      const answered = await memberOf(at).catch((error: RaftsmanError) => {
        expect(error.outcome).toBe('unknown')
        return null
      })
      if (answered !== null) away.add(answered)
    }
    expect(away.size).toBe(1)
    expect(away.has(own)).toBe(false)
    await trio.start(own)
    while ((await memberOf(1)) !== own) await store.status()
  })

  it('a lease that is kept alive outlives it, and one that is not ends once, with its keys', async () => {
    const store = connect(1)
    const kept = await store.leaseGrant({ ttlSeconds: 3 })
    const left = await store.leaseGrant({ ttlSeconds: 2 })
    await store.put({ ...put('leased/kept', '1'), lease: kept.id })
    await store.put({ ...put('leased/left', '1'), lease: left.id })
    const seen = new Seen(store, prefixed('leased/'))
    await seen.until(() => seen.created.length > 0)
    const lost: Error[] = []
    store.keepAlive(kept.id, error => lost.push(error))
    const leader = await trio.leader()
    await trio.halt(leader)
    await seen.until(() => seen.events.length > 0)
    await trio.start(leader)
    // Two more lifetimes of the lease that is kept.
    const endMs = Date.now() + 6_000
    await until(() => Date.now() > endMs)
    expect(seen.values).toEqual(['leased/left='])
    expect(lost).toEqual([])
    expect((await store.leaseLeases()).leases).toEqual([kept.id])
    await store.leaseRevoke(kept.id)
  })
})

describe('without a quorum', () => {
  it('reads and writes fail with typed errors, stale reads are served, and all comes back', async () => {
    const leader = await trio.leader()
    const others = [1, 2, 3].filter(id => id !== leader)
    await connect(leader).put(put('quorum', '1'))
    for (const id of others) await trio.halt(id)
    const store = clientOf([trio.endpoint(leader)], { requestTimeoutMs: 2_000 })
    clients.push(store)
    const [read, write] = await Promise.allSettled([
      store.range({ key: utf8('quorum') }),
      store.put(put('quorum', '2')),
    ])
    const traits = (result: PromiseSettledResult<unknown>) => {
      const error = result.status === 'rejected' ? (result.reason as RaftsmanError) : null
      return [error?.retryable, error?.outcome]
    }
    expect(traits(read)).toEqual([true, 'not-applied'])
    expect(traits(write)[0]).toBe(true)
    const stale = await store.range({ key: utf8('quorum'), serializable: true })
    expect(text(stale.kvs[0]?.value ?? utf8(''))).toBe('1')
    for (const id of others) await trio.start(id)
    await connect(leader).put(put('quorum', '3'))
    expect(text((await store.range({ key: utf8('quorum') })).kvs[0]?.value ?? utf8(''))).toBe('3')
  })
})

describe('a member', () => {
  it('that stops hands leadership over first, and clients hardly notice', async () => {
    const leader = await trio.leader()
    const writer = new Writer().start(connect(leader), 'graceful/')
    await writer.until(20)
    const termBefore = trio.server(leader).status().raftTerm
    await trio.stop(leader)
    // When it is gone another one campaigns already. Without a handover the others would not have
    // missed it yet.
    const others = [1, 2, 3].filter(id => id !== leader)
    const terms = others.map(id => trio.server(id).status().raftTerm)
    expect(Math.max(...terms)).toBeGreaterThan(termBefore)
    await writer.until(writer.acknowledged.length + 20)
    await writer.stop()
    const restarted = await trio.start(leader)
    const { header } = await connect(leader).range(everyKey)
    await until(() => restarted.status().header.revision >= header.revision)
  })

  it.each([
    ['overwritten', (path: string) => writeFileSync(path, 'this was a database once')],
    ['cut', (path: string) => truncateSync(path, 5_000)],
    ['removed', (path: string) => rmSync(path)],
  ])('whose state was %s builds it again from the log', async (_how, damage) => {
    const follower = ((await trio.leader()) % 3) + 1
    await trio.stop(follower)
    const path = join(trio.dataDirectory(follower), 'state.db')
    rmSync(`${path}-wal`, { force: true })
    rmSync(`${path}-shm`, { force: true })
    damage(path)
    const server = await trio.start(follower)
    const whole = await connect(((follower + 1) % 3) + 1).range({ ...everyKey })
    await until(() => server.status().header.revision >= whole.header.revision)
    const own = clientOf([trio.endpoint(follower)])
    clients.push(own)
    const local = await own.range({
      ...everyKey,
      serializable: true,
      revision: whole.header.revision,
    })
    expect(local.kvs).toEqual(whole.kvs)
  })
})
