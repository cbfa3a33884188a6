import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { RaftsmanError } from '../../platform/errors.js'
import { silentLogger } from '../../platform/logger.js'
import { nodeClock } from '../../platform/node/clock.js'
import type { Store, WatchHandlers } from '../../store/client/types.js'
import { LocalStore } from '../../store/local-store.js'
import { keyBytes } from './keys.js'
import { CacheBehindError, RegistryCache } from './registry-cache.js'
import { encodeObject } from './stored-object.js'

const waitMs = 10_000
const resource = 'core/configmaps'
const prefix = `/registry/${resource}/`

let store: LocalStore
let cache: RegistryCache
let down: boolean
let reads: number
let watches: WatchHandlers[]

/** The store, with a switch, and with the ends of its watches at hand. */
function switched(inner: LocalStore): Store {
  const proxied = new Proxy<Store>(inner, {
    get: (target, name) => {
      const member = Reflect.get(target, name) as unknown
      if (typeof member !== 'function') return member
      return (...args: readonly unknown[]) => {
        if (down) {
          const traits = { code: 'away', retryable: true, outcome: 'not-applied' } as const
          return Promise.reject(new RaftsmanError('the store is away', traits))
        }
        if (name === 'range') reads++
        if (name === 'watch') watches.push(args[1] as WatchHandlers)
        return Reflect.apply(member, target, args) as unknown
      }
    },
  })
  return proxied
}

beforeEach(() => {
  store = new LocalStore()
  down = false
  reads = 0
  watches = []
  cache = new RegistryCache({ store: switched(store), clock: nodeClock(), logger: silentLogger })
})

afterEach(() => {
  cache.close()
  store.close()
})

const put = (name: string) =>
  store.put({
    key: keyBytes(prefix + name),
    value: encodeObject({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } }),
  })

const cached = () =>
  cache
    .resource(resource)
    .list(prefix)
    .map(({ key }) => key.slice(prefix.length))

describe('the cache of the registry', () => {
  test('loads what is there in pages, and follows', async () => {
    for (let i = 0; i < 1_203; i++) await put(`n${String(i).padStart(4, '0')}`)
    cache.start()
    await cache.waitUntilFresh(waitMs)
    expect(cached()).toHaveLength(1_203)
    await put('z')
    await cache.waitUntilFresh(waitMs)
    expect(cached().at(-1)).toBe('z')
  })

  test('is fresh to a revision that no object of its own reached', async () => {
    cache.start()
    const { header } = await store.put({ key: keyBytes('/other'), value: keyBytes('x') })
    expect(await cache.waitUntilFresh(waitMs)).toBe(header.revision)
    expect(cache.revision).toBeGreaterThanOrEqual(header.revision)
  })

  test('starts over after the history it needed was compacted, and ends old cursors', async () => {
    cache.start()
    await put('a')
    await cache.waitUntilFresh(waitMs)
    let resets = 0
    cache.listen(resource, { onChange() {}, onReset: () => resets++ })
    const before = cache.resource(resource)
    watches[0]?.onEnd(new Error('compacted'), 99)
    expect(cache.synced).toBe(false)
    await store.deleteRange({ key: keyBytes(`${prefix}a`) })
    await put('b')
    await cache.waitUntilFresh(waitMs)
    expect([cached(), resets]).toEqual([['b'], 1])
    expect(cache.resource(resource)).not.toBe(before)
  })

  test('comes up when the store does, and says no until then', async () => {
    down = true
    cache.start()
    await expect(cache.waitUntilFresh(waitMs)).rejects.toThrow('the store is away')
    await expect(cache.waitFor(1, 1)).rejects.toThrow(CacheBehindError)
    down = false
    await put('a')
    await cache.waitUntilFresh(waitMs)
    expect(cached()).toEqual(['a'])
  })

  test('reads of one moment share a question to the store, but none that began before', async () => {
    cache.start()
    await cache.waitUntilFresh(waitMs)
    reads = 0
    const early = cache.readRevision()
    const { header } = await put('a')
    const late = await Promise.all(Array.from({ length: 50 }, () => cache.readRevision()))
    expect(await early).toBeLessThanOrEqual(header.revision)
    expect(late.every(revision => revision >= header.revision)).toBe(true)
    expect(reads).toBeLessThanOrEqual(3)
  })

  test('many listeners are told in turns, each of the newest, and none that has gone', async () => {
    const real = nodeClock()
    let nowMs = 0
    const turns: number[][] = []
    // Telling somebody takes five milliseconds by this clock.
    const clock = {
      ...real,
      monotonicMs: () => (nowMs += 5),
      defer: (work: () => void) =>
        real.defer(() => {
          turns.push([])
          work()
        }),
    }
    cache = new RegistryCache({ store: switched(store), clock, logger: silentLogger })
    cache.start()
    await cache.waitUntilFresh(waitMs)
    const unlisten = Array.from({ length: 9 }, (_, at) =>
      cache.listen(resource, {
        onChange() {
          turns.at(-1)?.push(at)
          // The last one leaves while the first is told.
          if (at === 0) unlisten[8]?.()
        },
        onReset() {},
      }),
    )
    await put('a')
    await cache.waitUntilFresh(waitMs)
    while (turns.flat().length < 8) await new Promise(resolve => setImmediate(resolve))
    const told = turns.filter(turn => turn.length > 0)
    expect(told.flat()).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    expect(Math.max(...told.map(turn => turn.length))).toBeLessThanOrEqual(2)
  })

  test('closing lets nobody wait for ever', async () => {
    cache.start()
    await cache.waitUntilFresh(waitMs)
    const waiting = cache.waitFor(1_000_000, 600_000)
    cache.close()
    await expect(waiting).rejects.toThrow(CacheBehindError)
  })
})
