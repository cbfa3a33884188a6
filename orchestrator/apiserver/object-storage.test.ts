import { describe, expect, test } from 'vitest'
import type { Clock } from '../../platform/clock.js'
import { RaftsmanError } from '../../platform/errors.js'
import type { Store } from '../../store/client/types.js'
import type { TxnRequest, TxnResponse } from '../../store/core/types.js'
import { LocalStore } from '../../store/local-store.js'
import { ApiError } from '../api/status.js'
import { keyBytes } from './keys.js'
import { ObjectStorage } from './object-storage.js'
import type { Write } from './object-storage.js'

/** Time that passes as soon as somebody waits for it. */
const hasty: Clock = {
  monotonicMs: () => 0,
  wallMs: () => 0,
  setTimer: (_, callback) => {
    queueMicrotask(callback)
    return { cancel() {} }
  },
  setTicker: () => ({ cancel() {} }),
  defer: callback => queueMicrotask(callback),
}

const lost = (outcome: 'unknown' | 'not-applied') =>
  new RaftsmanError('the connection broke', { code: 'broken', retryable: true, outcome })

type Fault = 'before' | 'after' | 'refused' | null

/** Breaks transactions as the script says: before or after they took effect. */
function faulty(store: LocalStore, script: Fault[]): Store {
  const txn = async (request: TxnRequest): Promise<TxnResponse> => {
    const fault = script.shift() ?? null
    if (fault === 'before') throw lost('unknown')
    if (fault === 'refused') throw lost('not-applied')
    const answer = await store.txn(request)
    if (fault === 'after') throw lost('unknown')
    return answer
  }
  return new Proxy<Store>(store, {
    get: (target, name) => {
      if (name === 'txn') return txn
      const member = Reflect.get(target, name) as unknown
      return typeof member === 'function' ? (member.bind(target) as unknown) : member
    },
  })
}

const key = '/registry/core/configmaps/default/x'
const bytes = (text: string) => new TextEncoder().encode(text)
const write = (changes: Partial<Write>): Write => ({
  key,
  expected: 0,
  value: bytes('a'),
  lease: 0,
  claims: new Map(),
  releases: [],
  ...changes,
})

async function told(storage: ObjectStorage, what: Write): Promise<string> {
  try {
    const commit = await storage.commit(what)
    if (commit.kind === 'committed') return `committed ${commit.revision}`
    if (commit.kind === 'claimed') return `claimed ${commit.keys.join()}`
    if (commit.kind === 'overtaken') return 'overtaken'
    if (commit.kind === 'outdated') return `outdated ${commit.revision}`
    return `conflict ${commit.current?.revision ?? 'gone'}`
  } catch (error) {
    return error instanceof ApiError ? `${error.httpCode} ${error.status.reason ?? ''}` : 'thrown'
  }
}

describe('a write whose answer is lost', () => {
  test.each<readonly [string, Fault[], string]>([
    ['is offered again when it may not have happened', ['before'], 'committed 2'],
    ['is recognised when it had happened', ['after'], 'committed 2'],
    ['is recognised after several losses', ['before', 'after', 'before'], 'committed 2'],
    [
      'stays unknown when the store stays away',
      ['after', 'before', 'before', 'before'],
      '504 Timeout',
    ],
    [
      'is unavailable, not unknown, when it certainly did not happen',
      ['refused'],
      '503 ServiceUnavailable',
    ],
    [
      'stays unknown when the second try is refused',
      ['before', 'refused', 'refused', 'refused'],
      '504 Timeout',
    ],
  ])('%s', async (_, script, expected) => {
    const store = new LocalStore()
    expect(await told(new ObjectStorage(faulty(store, script), hasty), write({}))).toBe(expected)
    store.close()
  })

  test('stays unknown when somebody else has written since: refusing could be a lie', async () => {
    const store = new LocalStore()
    await store.put({ key: keyBytes(key), value: bytes('other') })
    const storage = new ObjectStorage(faulty(store, ['before']), hasty)
    expect(await told(storage, write({}))).toBe('504 Timeout')
    // Without a loss the same is a plain conflict.
    expect(await told(storage, write({}))).toBe('conflict 2')
    store.close()
  })

  test('of a delete is recognised by the key being gone', async () => {
    const store = new LocalStore()
    const { header } = await store.put({ key: keyBytes(key), value: bytes('a') })
    const storage = new ObjectStorage(faulty(store, ['after']), hasty)
    expect(await told(storage, write({ expected: header.revision, value: null }))).toBe(
      'committed 3',
    )
    store.close()
  })
})

describe('claims', () => {
  test('are taken with the object or not at all, and given back with it', async () => {
    const store = new LocalStore()
    const storage = new ObjectStorage(store, hasty)
    const claims = new Map([['/allocations/clusterip/10.0.0.2', bytes(key)]])
    expect(await told(storage, write({ claims }))).toBe('committed 2')
    const other = write({ key: `${key}2`, claims })
    expect(await told(storage, other)).toBe('claimed /allocations/clusterip/10.0.0.2')
    expect(await storage.read(`${key}2`)).toBeNull()
    const remove = write({ expected: 2, value: null, releases: [...claims.keys()] })
    expect(await told(storage, remove)).toBe('committed 3')
    expect(await told(storage, other)).toBe('committed 4')
    store.close()
  })
})

test('a write that rests on another key stands only while that is as it was read', async () => {
  const store = new LocalStore()
  const storage = new ObjectStorage(store, hasty)
  const base = '/registry/networking.k8s.io/servicecidrs/more'
  const claim = '/registry/networking.k8s.io/ipaddresses/10.0.0.2'
  const read = (await store.put({ key: keyBytes(base), value: bytes('ready') })).header.revision
  const claims = new Map([[claim, bytes('mine')]])
  const resting = (name: string) =>
    told(storage, write({ key: `${key}${name}`, claims, bases: new Map([[base, read]]) }))
  expect(await resting('1')).toBe('committed 3')
  // Who holds the claim matters more: then another one can be picked.
  expect(await resting('2')).toBe(`claimed ${claim}`)
  await store.deleteRange({ key: keyBytes(claim) })
  await store.put({ key: keyBytes(base), value: bytes('going') })
  expect(await resting('3')).toBe('outdated 5')
  await store.deleteRange({ key: keyBytes(base) })
  expect(await resting('4')).toBe('outdated 6')
  store.close()
})
