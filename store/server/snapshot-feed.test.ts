// A snapshot for a client whose connection is cut: what it gets over several of them, put together, is
// what it would have got over one.

import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { RaftsmanError } from '../../platform/errors.js'
import { VirtualClock } from '../../platform/testing/virtual-clock.js'
import { MemoryBackend } from '../backend/memory.js'
import { localEntry } from '../core/local-entry.js'
import { StoreCore } from '../core/store-core.js'
import { SnapshotDesk } from './snapshot-feed.js'
import type { SnapshotEnd } from './snapshot-feed.js'

const valueBytes = 256 * 1024
const valuesUsual = 120

class Taker {
  open = true
  bufferedBytes = 0
  readonly parts: Uint8Array[] = []
  error: RaftsmanError | null = null
  end: SnapshotEnd | null = null
  /** It goes once so much has come. */
  readonly #goesAt: number
  #length = 0

  constructor(goesAt = Number.POSITIVE_INFINITY) {
    this.#goesAt = goesAt
  }

  get bytes(): Buffer {
    return Buffer.concat(this.parts)
  }

  part(bytes: Uint8Array): void {
    this.parts.push(bytes.slice())
    this.#length += bytes.length
    if (this.#length >= this.#goesAt) this.open = false
  }

  done(error: RaftsmanError | null, end?: SnapshotEnd): void {
    this.error = error
    this.end = end ?? null
  }
}

function desk(values = valuesUsual) {
  const clock = new VirtualClock()
  const core = new StoreCore(new MemoryBackend(), { clusterId: 7, memberId: 1 })
  for (let at = 0; at < values; at += 1) {
    const key = Buffer.from(`key ${at}`)
    const request = { key, value: new Uint8Array(valueBytes).fill(at) }
    core.apply(localEntry(at + 1, 1, [{ kind: 'put', request }]))
  }
  const snapshots = new SnapshotDesk(core, clock)
  const ask = (name: number, offset: number, taker = new Taker()): Taker => {
    snapshots.feed({ name, offset }, taker, {
      part: bytes => taker.part(bytes),
      done: (error, end) => taker.done(error, end),
    })
    clock.advance(0)
    return taker
  }
  return { clock, core, ask }
}

const sha256 = (...parts: readonly Uint8Array[]): string => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

const megabyte = 1024 * 1024

describe('a snapshot whose connection is cut', () => {
  it('goes on from where the client is, twice, and is the same in the end', () => {
    const { ask } = desk()
    const first = ask(5, 0, new Taker(10 * megabyte))
    // Of what was sent, some never came.
    const came = first.bytes.subarray(0, 7 * megabyte + 13)
    const second = ask(5, came.length, new Taker(9 * megabyte))
    const third = ask(5, came.length + second.bytes.length)
    expect([first.end, second.end]).toEqual([null, null])
    const whole = sha256(came, second.bytes, third.bytes)
    expect(Buffer.from(third.end?.sha256 ?? []).toString('hex')).toBe(whole)
    expect(came.length + second.bytes.length + third.bytes.length).toBe(third.end?.bytes)
    expect(third.end?.bytes).toBeGreaterThan(valuesUsual * valueBytes)
  })

  it('tells its end again to one that has missed only that', () => {
    const { ask } = desk()
    const whole = ask(5, 0)
    const again = ask(5, whole.end?.bytes ?? 0)
    expect(again.bytes.length).toBe(0)
    expect(again.end).toEqual(whole.end)
  })

  it('goes to who asks last, when the first link only seems to live', () => {
    const { clock, ask } = desk()
    const first = new Taker()
    first.bufferedBytes = Number.POSITIVE_INFINITY
    ask(5, 0, first)
    const second = ask(5, 0)
    first.bufferedBytes = 0
    clock.advance(1_000)
    expect(first.error).toMatchObject({ code: 'snapshot-gone' })
    expect(first.parts).toEqual([])
    expect(sha256(second.bytes)).toBe(Buffer.from(second.end?.sha256 ?? []).toString('hex'))
  })

  it('is gone after half a minute, with what it held', () => {
    const { clock, core, ask } = desk()
    ask(5, 0, new Taker(megabyte))
    clock.advance(29_000)
    expect(ask(5, megabyte, new Taker(megabyte)).error).toBeNull()
    clock.advance(31_000)
    expect(ask(5, 2 * megabyte).error).toMatchObject({ code: 'snapshot-gone' })
    // As many as may be open at a time can be opened again.
    for (let at = 0; at < 4; at += 1) core.openSnapshot(error => expect(error).toBeNull())
  })

  it('cannot go on for who lost more than is kept, or never had it', () => {
    const { ask } = desk()
    ask(5, 0, new Taker(20 * megabyte))
    expect(ask(5, 2 * megabyte).error).toMatchObject({ code: 'snapshot-gone' })
    expect(ask(5, 25 * megabyte).error).toMatchObject({ code: 'snapshot-gone' })
    expect(ask(6, 1).error).toMatchObject({ code: 'snapshot-gone' })
    expect(ask(5, 19 * megabyte).end).not.toBeNull()
  })

  it('is not kept without a name', () => {
    const { core, ask } = desk()
    ask(0, 0, new Taker(megabyte))
    expect(ask(0, megabyte).error).toMatchObject({ code: 'snapshot-gone' })
    for (let at = 0; at < 4; at += 1) core.openSnapshot(error => expect(error).toBeNull())
  })

  it('makes room for others when nobody takes it', () => {
    const { ask } = desk(8)
    for (let name = 1; name <= 9; name += 1) expect(ask(name, 0).end, String(name)).not.toBeNull()
    expect(ask(1, 0, new Taker(megabyte)).error).toBeNull()
    const busy = [11, 12, 13, 14].map(name => {
      const taker = new Taker()
      taker.bufferedBytes = Number.POSITIVE_INFINITY
      return ask(name, 0, taker)
    })
    expect(busy.map(({ error }) => error)).toEqual([null, null, null, null])
    expect(ask(15, 0).error).toMatchObject({ code: 'too-many-snapshots' })
  })
})
