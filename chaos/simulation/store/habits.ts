// What clients do, one function a habit: each is a loop that asks, thinks, and asks again until there is no
// more to ask. Few keys, so that they meet; values that are never written twice.

import { must } from '../../../platform/errors.js'
import type { KeyValue, RequestOp, TxnRequest, WatchRequest } from '../../../store/core/types.js'
import { between, chance, pick, wholeBetween } from '../streams.js'
import type { Asker } from './asker.js'
import { deleteRegister, putRegister, readRegister, swapRegister } from './registers.js'
import type { Habit } from './store-swarm.js'

const utf8 = (text: string): Buffer => Buffer.from(text)
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

const padding = (asker: Asker): string =>
  'x'.repeat(asker.random.integer(asker.world.store.valueBytesMax))

const keyOf = (asker: Asker, prefix: string): string =>
  `${prefix}${wholeBetween(asker.random, 1, asker.world.store.keys)}`

/** Reads, puts, swaps and deletions of single keys; checked without their revisions as well. */
async function registers(asker: Asker): Promise<void> {
  const { random } = asker
  let seen: { readonly key: string; readonly kv: KeyValue | null } | null = null
  while (asker.mayAsk) {
    const key = keyOf(asker, 'r')
    const draw = random.next()
    if (draw < 0.35) {
      const kv = await readRegister(asker, key)
      if (kv !== undefined) seen = { key, kv }
    } else if (draw < 0.6) await putRegister(asker, key, padding(asker))
    else if (draw < 0.7) await deleteRegister(asker, key)
    else if (seen !== null) await swapRegister(asker, seen.key, seen.kv, padding(asker))
    await asker.think()
  }
}

/** Puts of all kinds, deletions of single keys and of ranges, transactions of both. */
async function keys(asker: Asker): Promise<void> {
  const { random } = asker
  while (asker.mayAsk) {
    const draw = random.next()
    const prevKv = chance(random, 0.5)
    if (draw < 0.45) {
      const lease = pick(random, [0, 0, ...asker.world.record.reference.leases.keys()]) ?? 0
      const keeps = chance(random, 0.1) ? { ignoreLease: true } : { lease }
      await asker.put(keyOf(asker, 'k'), padding(asker), { ...keeps, prevKv }).done
    } else if (draw < 0.65) await asker.delete(keyOf(asker, 'k'), prevKv).done
    else if (draw < 0.7) await asker.deleteRange({ key: utf8('k3'), end: utf8('k6') }).done
    else if (draw < 0.95) await asker.txn(mark => anyTxn(asker, mark, 1)).done
    else await asker.txn(() => anyReadTxn(asker)).done
    await asker.think()
  }
}

function anyTxn(asker: Asker, mark: string, depth: number): TxnRequest {
  const { random } = asker
  // A key is written once in a transaction: each branch has some of its own.
  const all = ['k1', 'k2', 'k3', 'k4', 'k5', 'k6', 'k7'].filter(() => chance(random, 0.5))
  const ops = (of: readonly string[]): RequestOp[] =>
    of.map(key => {
      const draw = random.next()
      if (draw < 0.5)
        return {
          kind: 'put',
          request: {
            key: utf8(key),
            value: utf8(`${mark}${padding(asker)}`),
            prevKv: chance(random, 0.5),
          },
        }
      if (draw < 0.7) return { kind: 'deleteRange', request: { key: utf8(key), prevKv: true } }
      return { kind: 'range', request: { key: utf8(key) } }
    })
  const half = Math.floor(all.length / 2)
  const success = ops(all.slice(0, half))
  if (depth > 0 && chance(random, 0.2)) {
    const nested = anyTxn(asker, mark, 0)
    const free = new Set(all.slice(0, half))
    const others = (list: readonly RequestOp[]) =>
      list.filter(op => op.kind !== 'txn' && !free.has(text(op.request.key)))
    success.push({
      kind: 'txn',
      request: {
        compare: nested.compare,
        success: others(nested.success),
        failure: others(nested.failure),
      },
    })
  }
  const compared = pick(random, ['k1', 'k2', 'k3'])
  return {
    compare: chance(random, 0.7)
      ? [
          {
            target: 'version',
            result: pick(random, ['equal', 'greater', 'less', 'notEqual']),
            version: random.integer(3),
            key: utf8(compared),
          },
        ]
      : [],
    success,
    failure: ops(all.slice(half)),
  }
}

function anyReadTxn(asker: Asker): TxnRequest {
  const range: RequestOp = { kind: 'range', request: { key: utf8(keyOf(asker, 'k')) } }
  const all: RequestOp = {
    kind: 'range',
    request: { key: utf8('k'), end: utf8('l'), countOnly: chance(asker.random, 0.3) },
  }
  return {
    compare: [{ target: 'create', result: 'greater', createRevision: 0, key: utf8('k1') }],
    success: [range, all],
    failure: [all],
  }
}

/** Several lists at once: read, then append to some if none has changed. */
async function lists(asker: Asker): Promise<void> {
  const { random } = asker
  while (asker.mayAsk) {
    const names = ['l1', 'l2', 'l3', 'l4'].filter(() => chance(random, 0.5))
    const found = new Map<string, KeyValue>()
    const range = await asker.range({ key: utf8('l'), end: utf8('m') }).done
    await asker.sleep(between(random, 0, 20))
    if (range !== null && names.length > 0) {
      for (const kv of range.kvs) found.set(text(kv.key), kv)
      const { done } = asker.txn(mark => ({
        compare: names.map(name => ({
          target: 'mod',
          result: 'equal',
          key: utf8(name),
          modRevision: found.get(name)?.modRevision ?? 0,
        })),
        success: names.map(name => ({
          kind: 'put',
          request: { key: utf8(name), value: utf8(appended(found.get(name), mark)) },
        })),
        failure: [],
      }))
      await done
    }
    await asker.think()
  }
}

/** The last few items, the newest first, so that the value begins with the mark of who wrote it. */
function appended(kv: KeyValue | undefined, mark: string): string {
  const items = kv === undefined ? [] : text(kv.value).split(',')
  return [mark, ...items].slice(0, 20).join(',')
}

/** Ranges of all kinds: now and then, of one key and of all, in any order. */
async function ranges(asker: Asker): Promise<void> {
  const { random, world } = asker
  while (asker.mayAsk) {
    const newest = world.witness.floor
    const draw = random.next()
    const revision =
      draw < 0.5
        ? 0
        : draw < 0.9
          ? wholeBetween(random, Math.max(1, newest - 60), newest)
          : newest + random.integer(3)
    const single = chance(random, 0.3)
    await asker.range({
      key: utf8(single ? keyOf(asker, 'k') : pick(random, ['k', 'r', 'a'])),
      ...(single ? {} : { end: utf8(pick(random, ['l', 's', '\0'])) }),
      revision,
      serializable: chance(random, 0.25),
      ...(chance(random, 0.3) ? { limit: wholeBetween(random, 1, 5) } : {}),
      ...(chance(random, 0.2)
        ? {
            sortTarget: pick(random, ['key', 'version', 'create', 'mod', 'value']),
            sortOrder: pick(random, ['ascend', 'descend']),
          }
        : {}),
      ...(chance(random, 0.1) ? { minModRevision: Math.max(1, newest - 20) } : {}),
      keysOnly: chance(random, 0.1),
      countOnly: chance(random, 0.1),
    }).done
    await asker.think()
  }
}

/** One lease after another: keys on it, renewals for a while, then it is revoked or left to expire. */
async function leases(asker: Asker): Promise<void> {
  const { random, world } = asker
  while (asker.mayAsk) {
    const lease = await asker.grant(wholeBetween(random, 1, world.store.ttlSecondsMax))
    if (lease === null) {
      await asker.think()
      continue
    }
    const { id, ttl } = lease
    for (let count = random.integer(4); count > 0; count -= 1)
      await asker.put(`e${id}/${count}`, padding(asker), { lease: id }).done
    const endMs = world.scheduler.nowMs + between(random, 0, 4000 * ttl)
    const everyMs = between(random, 20, 400 * ttl)
    let lives = true
    while (lives && asker.mayAsk && world.scheduler.nowMs < endMs) {
      lives = (await asker.keepAlive(id)) !== 0
      if (chance(random, 0.2)) await asker.timeToLive(id)
      await asker.sleep(everyMs)
    }
    if (lives && chance(random, 0.3)) await asker.revoke(id)
    await asker.think()
  }
}

/** Watches over one key or many, from now, from the past or the future, for a while or for good. */
async function watches(asker: Asker): Promise<void> {
  const { random, world } = asker
  for (let number = 1; asker.mayAsk; number += 1) {
    let request = anyWatch(asker)
    for (let again = true; again; ) {
      const name = `watch ${number} of c${asker.host}`
      const watch = asker.watch(request, name)
      const stays = chance(random, 0.3)
      const lastsMs = between(random, 100, stays ? world.swarm.untilMs : 5000)
      const rounds = wholeBetween(random, 1, 6)
      let over: 'cancelled' | 'compacted' | 'open' = 'open'
      void watch.over.then(how => {
        over = how
      })
      for (let round = 0; round < rounds && asker.mayAsk && isOpen(over); round += 1) {
        await Promise.race([asker.sleep(lastsMs / rounds), watch.over])
        if (isOpen(over) && chance(random, 0.4)) watch.requestProgress()
      }
      again = !isOpen(over) && asker.mayAsk
      if (again) {
        // What it missed is gone: it lists anew and goes on behind that.
        const list = await asker.range({ key: request.key, ...endOf(request) }).done
        request = { ...request, startRevision: (list?.header.revision ?? 0) + 1 }
      } else if (!stays && isOpen(over)) watch.cancel()
    }
    await asker.think()
  }
}

const isOpen = (over: string): boolean => over === 'open'
const endOf = ({ end }: WatchRequest) => (end === undefined ? {} : { end })

function anyWatch(asker: Asker): WatchRequest {
  const { random, world } = asker
  const shape = random.next()
  const { revision, compacted } = world.record.reference
  const [from, to] = pick<readonly [string, string]>(random, [
    ['k', 'l'],
    ['k', 's'],
    ['r', 's'],
    ['l', 'm'],
    ['e', 'l'],
  ])
  const range =
    shape < 0.4
      ? { key: utf8('\0'), end: utf8('\0') }
      : shape < 0.7
        ? { key: utf8(from), end: utf8(to) }
        : { key: utf8(keyOf(asker, pick(random, ['k', 'r']))) }
  const start = random.next()
  // The compacted revision itself is the earliest that may be asked for.
  const startRevision =
    start < 0.4
      ? 0
      : start < 0.55
        ? Math.max(1, compacted)
        : start < 0.9
          ? wholeBetween(random, Math.max(1, compacted - 3), revision)
          : revision + wholeBetween(random, 1, 20)
  return {
    ...range,
    startRevision,
    prevKv: chance(random, 0.5),
    progressNotify: chance(random, 0.4),
    ...(chance(random, 0.15) ? { noPut: true } : chance(random, 0.15) ? { noDelete: true } : {}),
  }
}

async function compactions(asker: Asker): Promise<void> {
  const { random, world } = asker
  while (asker.mayAsk) {
    await asker.sleep(between(random, 200, 5000))
    const { floor } = world.witness
    const revision = Math.max(1, floor - random.integer(pick(random, [1, 10, 100])))
    if (asker.mayAsk) await asker.compact(revision, chance(random, 0.3))
  }
}

/** So many keys that a range of them comes in pages. */
async function crowd(asker: Asker): Promise<void> {
  const { random } = asker
  const size = wholeBetween(random, 520, 1100)
  for (let from = 0; from < size && asker.mayAsk; from += 100) {
    const { done } = asker.txn(mark => ({
      compare: [],
      success: Array.from({ length: Math.min(100, size - from) }, (_, at) => ({
        kind: 'put' as const,
        request: { key: utf8(`m${String(from + at).padStart(4, '0')}`), value: utf8(mark) },
      })),
      failure: [],
    }))
    await done
  }
  while (asker.mayAsk) {
    const revision = chance(random, 0.5) ? 0 : asker.world.witness.floor
    await asker.range({
      key: utf8('m'),
      end: utf8('n'),
      revision,
      serializable: chance(random, 0.3),
    }).done
    await asker.put(`m${String(random.integer(size)).padStart(4, '0')}`, '').done
    await asker.sleep(between(random, 100, 2000))
  }
}

const loops: Record<Habit, (asker: Asker) => Promise<void>> = {
  registers,
  keys,
  lists,
  ranges,
  leases,
  watches,
  compactions,
  crowd,
}

/** Runs until there is no more to ask. */
export function live(asker: Asker, habit: Habit): Promise<void> {
  return must(loops[habit], 'a known habit')(asker)
}
