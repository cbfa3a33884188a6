// Admission and recount against a model that only counts. Several masters, each with a cache that lags behind by as
// much as chance wants, create and delete; objects vanish without a write, as events that expire; recounts run all the time.
// Looked at afterwards at every revision that the store went through.

import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { silentLogger } from '../../../platform/logger.js'
import { nodeClock } from '../../../platform/node/clock.js'
import { nodeRandom } from '../../../platform/node/random.js'
import type { Store, WatchHandlers } from '../../../store/client/types.js'
import type { WatchBatch, WatchRequest } from '../../../store/core/types.js'
import { LocalStore } from '../../../store/local-store.js'
import type { KubeObject } from '../../api/object.js'
import { isStatusReason } from '../../api/status.js'
import type { ResourceQuota } from '../../api/types/core-quota.js'
import { EventLease } from '../../apiserver/event-lease.js'
import { collectionPrefix, keyBytes, prefixEnd, resourceOfKind } from '../../apiserver/keys.js'
import { ObjectReader } from '../../apiserver/object-reader.js'
import { ObjectStorage } from '../../apiserver/object-storage.js'
import { keyOf, ObjectWriter } from '../../apiserver/object-writer.js'
import { parseListOptions } from '../../apiserver/query-options.js'
import { QuotaLedger } from '../../apiserver/quota-ledger.js'
import { RegistryCache } from '../../apiserver/registry-cache.js'
import { checkVersion } from '../../apiserver/resource-endpoints.js'
import { kindOf } from '../../apiserver/testing/objects.js'
import { configMaps, type Resource } from '../../client/resources.js'
import { recount, type RecountClient } from './recount.js'

const maps = kindOf('configmaps')
const quotas = kindOf('resourcequotas')
const namespace = 'shop'
const hard = 4
const decoder = new TextDecoder()

/** The store as a master sees it: what is watched comes some turns late. */
function lagging(inner: LocalStore, turns: () => number): Store {
  return new Proxy<Store>(inner, {
    get: (target, name) => {
      const member = Reflect.get(target, name) as unknown
      if (typeof member !== 'function') return member
      if (name !== 'watch') return member.bind(target) as unknown
      return (request: WatchRequest, handlers: WatchHandlers) => {
        let before = Promise.resolve()
        const onBatch = (batch: WatchBatch) => {
          const late = turns()
          before = before.then(() => waitTurns(late)).then(() => handlers.onBatch(batch))
        }
        return target.watch(request, { ...handlers, onBatch })
      }
    },
  })
}

async function waitTurns(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise(resolve => setImmediate(resolve))
}

class Master {
  readonly #reader: ObjectReader
  readonly #writer: ObjectWriter
  readonly #cache: RegistryCache

  constructor(inner: LocalStore, turns: () => number) {
    const clock = nodeClock()
    const store = lagging(inner, turns)
    const cache = new RegistryCache({ store, clock, logger: silentLogger })
    const reader = new ObjectReader(store, cache, null, clock)
    const storage = new ObjectStorage(store, clock)
    this.#cache = cache
    this.#reader = reader
    this.#writer = new ObjectWriter({
      conversions: null,
      storage,
      quotas: new QuotaLedger({ reader, storage, cache }),
      reader,
      eventLease: new EventLease(store, clock),
      clock,
      random: nodeRandom(),
    })
  }

  async start(): Promise<void> {
    this.#cache.start()
    await this.#cache.waitFor(0, 10_000)
  }

  async fresh(): Promise<void> {
    await this.#cache.waitUntilFresh(10_000)
  }

  close(): void {
    this.#cache.close()
  }

  async create(name: string): Promise<void> {
    const object: KubeObject = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace, name, uid: name },
    }
    await this.#writer.create(maps, object, false)
  }

  async remove(name: string): Promise<void> {
    await this.#writer.change(maps, namespace, name, () => ({ kind: 'remove' }), false)
  }

  async createQuota(): Promise<void> {
    const quota: ResourceQuota = {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { namespace, name: 'q', uid: 'q' },
      spec: { hard: { configmaps: String(hard) } },
    }
    await this.#writer.create(quotas, quota, false)
  }

  /** As the API server serves the controller; the write comes some turns after the count. */
  client(turns: () => number): RecountClient {
    const kind = (resource: Resource) => kindOf(resource.plural)
    return {
      get: async <T extends KubeObject>(resource: Resource<T>, at: { readonly name: string }) => {
        const { object } = await this.#reader.get(kind(resource), namespace, at.name)
        return object as T
      },
      listAll: async <T extends KubeObject>(resource: Resource<T>) => {
        const options = parseListOptions(new URLSearchParams(), false)
        const { items } = await this.#reader.list(kind(resource), namespace, options)
        await waitTurns(turns())
        return { items: items.map(({ object }) => object as T) }
      },
      updateStatus: async <T extends KubeObject>(resource: Resource<T>, object: T) => {
        const of = kind(resource)
        const put = { kind: 'put', object } as const
        const decide = (current: KubeObject) => {
          checkVersion(of, object, current)
          return put
        }
        const { object: written } = await this.#writer.change(of, namespace, 'q', decide, false)
        return written.object as T
      },
    }
  }
}

type Step =
  | { readonly kind: 'create' | 'remove'; readonly master: number; readonly name: number }
  | { readonly kind: 'vanish'; readonly name: number }
  | { readonly kind: 'recount'; readonly master: number }

const master = fc.nat(2)
const name = fc.nat(6)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('create' as const), master, name }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('remove' as const), master, name }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('vanish' as const), name }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('recount' as const), master }) },
)
/** Steps of one burst are under way at once. */
const bursts = fc.array(fc.array(step, { minLength: 1, maxLength: 6 }), {
  minLength: 1,
  maxLength: 6,
})

const expected = ['AlreadyExists', 'NotFound', 'Forbidden', 'Conflict'] as const

test('what is used never exceeds what may be, is never told too low, and comes to the truth', async () => {
  const lags = fc.array(fc.nat(3), { minLength: 1, maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(bursts, lags, async (script, drawn) => {
      let at = 0
      const turns = () => drawn[at++ % drawn.length] ?? 0
      const store = new LocalStore()
      const masters = [0, 1, 2].map(() => new Master(store, turns))
      try {
        await Promise.all(masters.map(one => one.start()))
        await masters[0]?.createQuota()
        // Until a master has heard of a quota it charges nothing: that is what the controller looks twice for.
        await Promise.all(masters.map(one => one.fresh()))
        const run = (one: Step) => perform(store, masters, one, turns)
        const from = (await truthAt(store, 0)).revision
        for (const burst of script) await Promise.all(burst.map(run))
        const to = (await truthAt(store, 0)).revision
        for (let revision = from; revision <= to; revision++) {
          const { objects, used } = await truthAt(store, revision)
          expect(objects, `at ${revision}`).toBeLessThanOrEqual(hard)
          expect(used, `at ${revision}`).toBeGreaterThanOrEqual(objects)
        }
        await run({ kind: 'recount', master: 0 })
        const { objects, used } = await truthAt(store, 0)
        expect(used).toBe(objects)
      } finally {
        for (const one of masters) one.close()
        store.close()
      }
    }),
    { numRuns: 80 },
  )
}, 60_000)

async function perform(
  store: LocalStore,
  masters: readonly Master[],
  one: Step,
  turns: () => number,
): Promise<void> {
  if (one.kind === 'vanish') {
    await store.deleteRange({ key: keyBytes(keyOf(maps, namespace, `m${one.name}`)) })
    return
  }
  const by = masters[one.master]
  if (by === undefined) throw new Error('there are three masters')
  try {
    if (one.kind === 'create') await by.create(`m${one.name}`)
    else if (one.kind === 'remove') await by.remove(`m${one.name}`)
    else
      await recount(by.client(turns), () => Promise.resolve(configMaps), { namespace, name: 'q' })
  } catch (error) {
    if (!expected.some(reason => isStatusReason(error, reason))) throw error
  }
}

/** Revision 0: now. */
async function truthAt(
  store: LocalStore,
  revision: number,
): Promise<{ readonly revision: number; readonly objects: number; readonly used: number }> {
  const prefix = collectionPrefix(resourceOfKind(maps), namespace)
  const [listed, quota] = await Promise.all([
    store.range({ key: keyBytes(prefix), end: prefixEnd(prefix), revision }),
    store.range({ key: keyBytes(keyOf(quotas, namespace, 'q')), revision }),
  ])
  const { status } = JSON.parse(decoder.decode(quota.kvs[0]?.value)) as ResourceQuota
  return {
    revision: listed.header.revision,
    objects: listed.kvs.length,
    used: Number(status?.used?.['configmaps']),
  }
}
