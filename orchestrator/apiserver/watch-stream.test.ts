import { beforeEach, describe, expect, test } from 'vitest'
import type { Clock } from '../../platform/clock.js'
import { silentLogger } from '../../platform/logger.js'
import { nodeClock } from '../../platform/node/clock.js'
import { LocalStore } from '../../store/local-store.js'
import type { BodySink } from './exchange.js'
import { keyBytes } from './keys.js'
import { RegistryCache } from './registry-cache.js'
import { eventEncoder } from './event-encoder.js'
import { plain } from './rendering.js'
import { defaultWindow } from './resource-cache.js'
import { encodeObject } from './stored-object.js'
import { kindOf } from './testing/objects.js'
import { WatchGate } from './watch-gate.js'
import { WatchStream } from './watch-stream.js'

/** A client that reads only when told to. */
class SlowSink implements BodySink {
  readonly lines: { type: string; object: { code?: number; metadata?: { name?: string } } }[] = []
  ended = false
  ready = true
  bytes = 0
  #drain: () => void = () => {}

  write(chunk: Uint8Array): boolean {
    this.bytes += chunk.length
    const text = new TextDecoder().decode(chunk)
    for (const line of text.split('\n')) {
      if (line !== '') this.lines.push(JSON.parse(line) as SlowSink['lines'][number])
    }
    return this.ready
  }

  end(): void {
    this.ended = true
  }

  abort(): void {
    this.ended = true
  }

  onDrain(callback: () => void): void {
    this.#drain = callback
  }

  catchUp(): void {
    this.ready = true
    this.#drain()
  }
}

const resource = 'core/configmaps'
const prefix = `/registry/${resource}/`

let store: LocalStore
let cache: RegistryCache
let sink: SlowSink
let timers: (() => void)[]

/** Real time for the cache; for the stream, timers that only the test fires. */
const still: Clock = {
  ...nodeClock(),
  setTimer: (_, callback) => {
    timers.push(callback)
    return { cancel() {} }
  },
  setTicker: () => ({ cancel() {} }),
}

beforeEach(async () => {
  store = new LocalStore()
  cache = new RegistryCache({ store, clock: nodeClock(), logger: silentLogger })
  sink = new SlowSink()
  timers = []
  cache.start()
  await cache.waitUntilFresh(10_000)
})

const put = async (name: string, size = 0) => {
  const data = { x: 'a'.repeat(size) }
  const value = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data }
  await store.put({ key: keyBytes(prefix + name), value: encodeObject(value) })
}

/** Until the cache has everything and has told the watchers. */
const settle = async () => {
  await cache.waitUntilFresh(10_000)
  await new Promise(resolve => setImmediate(resolve))
  await new Promise(resolve => setImmediate(resolve))
}

let closed = 0
const open = () => {
  const window = cache.resource(resource)
  return new WatchStream(
    {
      cache,
      resource,
      prefix,
      filter: null,
      start: { window, initial: [], cursor: window.endSequence, revision: cache.revision },
      encoder: eventEncoder(kindOf('configmaps'), plain, () => 0),
      bookmarks: false,
      initialEventsEnd: false,
      timeoutMs: 1,
      clock: still,
      convert: () => Promise.reject(new Error('no kind here has a webhook')),
      onClose: () => closed++,
    },
    sink,
  )
}

describe('one watch', () => {
  test('of a client that does not read holds nothing for it, and goes on when it does', async () => {
    open()
    await put('first')
    await settle()
    sink.ready = false
    await put('second')
    await settle()
    const before = sink.bytes
    for (let i = 0; i < 100; i++) await put(`more-${i}`, 1_000)
    await settle()
    expect(sink.bytes).toBe(before)
    sink.catchUp()
    const names = sink.lines.map(({ object }) => object.metadata?.name)
    expect(names).toEqual([
      'first',
      'second',
      ...Array.from({ length: 100 }, (_, i) => `more-${i}`),
    ])
    store.close()
  })

  test('of a client that fell out of the window ends, and says so', async () => {
    open()
    sink.ready = false
    await put('first')
    await settle()
    for (let i = 0; i <= defaultWindow.eventsMax; i++) await put(`n${i % 10}`)
    await settle()
    closed = 0
    sink.catchUp()
    expect(sink.lines.map(({ type }) => type)).toEqual(['ADDED', 'ERROR'])
    expect(sink.lines[1]?.object.code).toBe(410)
    expect([sink.ended, closed]).toEqual([true, 1])
    store.close()
  })

  test('ends when its time is over, once', async () => {
    closed = 0
    const stream = open()
    for (const fire of timers) fire()
    stream.close()
    expect([sink.ended, closed]).toEqual([true, 1])
    await put('late')
    await settle()
    expect(sink.lines).toEqual([])
    store.close()
  })
})

test('there are only so many watches, and leaving makes room', () => {
  const gate = new WatchGate(2)
  const ticket = gate.enter()
  gate.enter()
  expect(() => gate.enter()).toThrow('too many watches')
  ticket.leave()
  ticket.leave()
  expect(gate.count).toBe(1)
  expect(() => gate.enter()).not.toThrow()
})
