// Requests of one stream while it is not certain yet whether the one before is permitted: whatever is
// under way, they are answered as if one had been asked after the other, as etcd does.

import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import type { RpcCall } from '../../platform/rpc.js'
import { VirtualClock } from '../../platform/testing/virtual-clock.js'
import { StoreError } from '../core/errors.js'
import { Driver, bytes } from '../core/testing/driver.js'
import type { WatchRequest as Watch } from '../core/types.js'
import type { EtcdContext } from './context.js'
import { WatchRequest, WatchResponse } from './messages/watch.js'
import { WatchStream } from './watch-stream.js'

/** A call that hands on no message while it is paused, as the real one. */
class Inbox implements RpcCall {
  readonly connection = { remote: 'nobody', peerName: null, bufferedBytes: 0 } as const
  readonly metadata = () => null
  readonly sent: Uint8Array[] = []
  readonly waiting: Uint8Array[] = []
  bufferedBytes = 0
  open = true
  #paused = false
  #taking = false
  onMessage: (message: Uint8Array) => void = () => {}

  give(message: Uint8Array): void {
    this.waiting.push(message)
    this.#take()
  }

  send(message: Uint8Array): void {
    this.sent.push(message)
  }

  end(): void {
    this.open = false
  }

  pauseReading(): void {
    this.#paused = true
  }

  resumeReading(): void {
    this.#paused = false
    this.#take()
  }

  #take(): void {
    if (this.#taking) return
    this.#taking = true
    while (this.open && !this.#paused) {
      const message = this.waiting.shift()
      if (message === undefined) break
      this.onMessage(message)
    }
    this.#taking = false
  }
}

/**
 * What a test asks for. Keys that begin with `x` are forbidden, which is told when the quorum has
 * answered; those with `d` are permitted by what only the quorum knows.
 */
type Asked =
  | { readonly create: string; readonly id?: number; readonly to?: string }
  | { readonly cancel: number }
  | 'progress'

const encoded = (asked: Asked): Uint8Array => {
  if (asked === 'progress') return WatchRequest.encode({ progressRequest: {} })
  if ('cancel' in asked) return WatchRequest.encode({ cancelRequest: { watchId: asked.cancel } })
  const { create, id = 0, to = '' } = asked
  return WatchRequest.encode({
    createRequest: { key: bytes(create), rangeEnd: bytes(to), watchId: id },
  })
}

const forbidden = 'rpc error: code = PermissionDenied desc = etcdserver: permission denied'
const empty = 'mvcc: watcher range is empty'
const duplicate = 'mvcc: duplicate watch ID provided on the WatchStream'

/** etcd's receive loop: one request after another, and a number for none that is refused. */
function answersOfEtcd(requests: readonly Asked[]): string[] {
  const taken = new Set<number>()
  let nextId = 0
  return requests.flatMap(asked => {
    if (asked === 'progress') return ['progress']
    if ('cancel' in asked) return taken.delete(asked.cancel) ? [`${asked.cancel} canceled`] : []
    const { create, id = 0, to = '' } = asked
    if (create.startsWith('x')) return [`refused: ${forbidden}`]
    if (to !== '' && create >= to) return [`refused: ${empty}`]
    if (taken.has(id) && id !== 0) return [`refused: ${duplicate}`]
    let number = id
    if (id === 0) {
      while (taken.has(nextId)) nextId += 1
      number = nextId
      nextId += 1
    }
    taken.add(number)
    return [`${number} created`]
  })
}

const beside = <T>(list: readonly T[]) => list.filter(one => one !== 'progress')
const upToLastProgress = <T>(list: readonly T[]) =>
  list.slice(0, list.findLastIndex(one => one === 'progress') + 1)

/** Progress has no turn, but comes behind the answers to all that was asked before it. */
function expectAsOfEtcd(said: readonly string[], requests: readonly Asked[]): void {
  expect(beside(said)).toEqual(beside(answersOfEtcd(requests)))
  expect(said.includes('progress')).toBe(requests.includes('progress'))
  const before = beside(answersOfEtcd(upToLastProgress(requests)))
  expect(beside(upToLastProgress(said)).length).toBeGreaterThanOrEqual(before.length)
}

function told(message: Uint8Array): string {
  const { watchId, created, canceled, cancelReason } = WatchResponse.decode(message)
  if (created && canceled) return `refused: ${cancelReason}`
  if (created) return `${watchId} created`
  if (canceled) return `${watchId} canceled`
  return watchId === -1 ? 'progress' : `${watchId} events`
}

function setUp() {
  const { core: machine } = new Driver()
  const clock = new VirtualClock()
  const call = new Inbox()
  /** What a quorum is still asked. */
  const doubts: (() => void)[] = []
  const context = {
    machine,
    clock,
    service: {
      softState: { term: 1 },
      unread: { share: Number.POSITIVE_INFINITY, sent() {} },
      guard: {
        permitted(
          _asker: unknown,
          check: (check: { watch(by: undefined, watch: Watch): void }, by: undefined) => void,
          done: (error: StoreError | null) => void,
        ) {
          const watch = (_by: undefined, { key }: Watch) => {
            const [first = 0] = key
            if (first === 'x'.charCodeAt(0)) {
              doubts.push(() => done(new StoreError('permission-denied')))
            } else if (first === 'd'.charCodeAt(0)) doubts.push(() => done(null))
            else done(null)
          }
          check({ watch }, undefined)
        },
        openWatch: (_asker: unknown, request: Watch, onReadable: () => void) =>
          machine.openWatch(request, onReadable),
      },
    },
  } as unknown as EtcdContext
  const stream = new WatchStream({ context, call, progressMs: 1_000, ended: () => {} })
  call.onMessage = message => stream.onMessage(message)
  const settle = () => {
    while (clock.pending > 0) clock.step()
  }
  return { call, stream, doubts, settle, news: () => call.sent.splice(0).map(told) }
}

const x = { create: 'x' } as const
const a = { create: 'a' } as const
const d = { create: 'd' } as const

describe('requests of one stream that come at once', () => {
  it.each<[string, readonly Asked[]]>([
    ['several that are refused and one that is not', [x, x, a]],
    ['a refused one before two that are not', [x, a, a]],
    ['refused ones between', [a, x, d, x, a]],
    ['permitted ones that are decided late', [d, a, d, a]],
    ['an id of its own that is the next to be given', [x, { create: 'a', id: 1 }, a, a]],
    ['the same while it is undecided', [d, { create: 'd', id: 1 }, a, a]],
    [
      'an id that is refused and then free',
      [
        { create: 'x', id: 3 },
        { create: 'a', id: 3 },
      ],
    ],
    ['an id twice, undecided', [{ create: 'd', id: 3 }, { create: 'a', id: 3 }, a]],
    [
      'an id that is taken, by one who may not',
      [
        { create: 'a', id: 3 },
        { create: 'x', id: 3 },
      ],
    ],
    ['empty ranges', [{ create: 'b', to: 'a' }, x, { create: 'd', to: 'a' }, a]],
    ['a cancel of one that is undecided', [d, { cancel: 0 }, a, { cancel: 0 }, a]],
    ['a cancel of one that will be refused', [x, { cancel: 0 }, a]],
    ['progress while one is undecided', [d, 'progress', a, 'progress', x, 'progress']],
  ])('are answered in their order: %s', (_name, requests) => {
    const { call, doubts, settle, news } = setUp()
    for (const asked of requests) {
      call.give(encoded(asked))
      settle()
    }
    // Each answer may let further requests in.
    for (let at = 0; at < requests.length; at++) {
      doubts.shift()?.()
      settle()
    }
    expectAsOfEtcd(news(), requests)
    expect(call.waiting).toEqual([])
  })

  it('are answered as etcd answers them whenever a quorum answers', () => {
    const id = fc.integer({ min: 0, max: 4 })
    const range = { create: fc.constantFrom('a', 'x', 'd'), to: fc.constantFrom('', 'z', 'a') }
    const asked: fc.Arbitrary<Asked> = fc.oneof(
      { weight: 5, arbitrary: fc.record({ ...range, id }) },
      { weight: 3, arbitrary: fc.record(range) },
      { weight: 2, arbitrary: fc.record({ cancel: id }) },
      { weight: 1, arbitrary: fc.constant('progress' as const) },
    )
    const step = fc.oneof(asked, fc.constant('answer' as const))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), steps => {
        const { call, doubts, settle, news } = setUp()
        for (const one of steps) {
          if (one === 'answer') doubts.shift()?.()
          else call.give(encoded(one))
          settle()
        }
        for (let at = 0; at < steps.length; at++) {
          doubts.shift()?.()
          settle()
        }
        expectAsOfEtcd(
          news(),
          steps.filter(one => one !== 'answer'),
        )
      }),
      { numRuns: 500 },
    )
  })

  it('wait where they are while one is undecided', () => {
    const { call, doubts, news } = setUp()
    for (const asked of [d, a, a]) call.give(encoded(asked))
    expect(call.waiting).toHaveLength(2)
    expect(doubts).toHaveLength(1)
    expect(news()).toEqual([])
  })

  it('wait on for a client that does not read, and come when it has', () => {
    const { call, stream, doubts, news } = setUp()
    for (const asked of [d, a]) call.give(encoded(asked))
    call.bufferedBytes = 1_000_000
    doubts.shift()?.()
    expect(news()).toEqual(['0 created'])
    call.bufferedBytes = 0
    stream.onDrain()
    expect(news()).toEqual(['1 created'])
  })

  it('wait on for the decision when the client has read meanwhile', () => {
    const { call, stream, doubts, news } = setUp()
    for (const asked of [d, a]) call.give(encoded(asked))
    stream.onDrain()
    expect(news()).toEqual([])
    doubts.shift()?.()
    expect(news()).toEqual(['0 created', '1 created'])
  })

  it.each(['ended', 'cancelled'])('are forgotten when the stream is %s meanwhile', how => {
    const { call, stream, doubts, news } = setUp()
    for (const asked of [d, a]) call.give(encoded(asked))
    if (how === 'ended') stream.end({ code: 14, message: 'etcdserver: server stopped' })
    else {
      call.open = false
      stream.onCancel()
    }
    doubts.shift()?.()
    expect(news()).toEqual([])
    expect(stream.size).toBe(0)
  })
})
