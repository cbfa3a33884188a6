// Two transports over links in memory: lost and silent links, and snapshots that arrive or do not.

import { beforeEach, describe, expect, test } from 'vitest'
import { must } from '../../platform/errors.js'
import { silentLogger } from '../../platform/logger.js'
import type { Link, LinkHandlers, Network } from '../../platform/network.js'
import { seededRandom } from '../../platform/seeded-random.js'
import { deafMetrics } from '../../platform/testing/deaf-metrics.js'
import { VirtualClock } from '../../platform/testing/virtual-clock.js'
import type { Message } from '../core/types.js'
import { logIndex, nodeId, term } from '../core/types.js'
import type { SnapshotSink, SnapshotSource } from '../state-machine.js'
import { Transport } from './transport.js'
import type { SnapshotRequest, TransportOptions } from './transport-options.js'

/** Links that may lose frames without a word, as a machine that vanished does. */
class Wires {
  readonly clock: VirtualClock
  silent = false
  /** Changes a frame on its way. */
  tamper: (frame: Uint8Array) => Uint8Array = frame => frame
  made = 0
  private readonly listeners = new Map<string, LinkHandlers>()

  constructor(clock: VirtualClock) {
    this.clock = clock
  }

  readonly network: Network = {
    listen: (options, handlers, ready) => {
      this.listeners.set(options.address, handlers)
      this.clock.defer(() =>
        ready(null, {
          address: options.address,
          close: done => {
            this.listeners.delete(options.address)
            this.clock.defer(done)
          },
        }),
      )
    },
    connect: (options, near) => this.pair(options.address, near),
  }

  private pair(address: string, near: LinkHandlers): Link {
    this.made += 1
    const state = { open: false }
    const ends: { link: Link; handlers: LinkHandlers }[] = []
    const end = (side: 0 | 1): Link => ({
      remote: address,
      peerName: null,
      bufferedBytes: 0,
      get open() {
        return state.open
      },
      send: frame => {
        if (!state.open || this.silent) return
        const sent = this.tamper(frame.slice())
        this.clock.defer(() => {
          const other = must(ends[1 - side], 'a link has two ends')
          if (state.open) other.handlers.onFrame(other.link, sent)
        })
      },
      close: reason => {
        if (!state.open) return
        state.open = false
        if (this.silent) return
        this.clock.defer(() => {
          for (const { link, handlers } of ends) handlers.onClose(link, reason)
        })
      },
    })
    ends.push({ link: end(0), handlers: near })
    this.clock.defer(() => {
      const far = this.listeners.get(address)
      const first = must(ends[0], 'the near end').link
      if (far === undefined || this.silent) {
        near.onClose(first, 'not reached')
        return
      }
      ends.push({ link: end(1), handlers: far })
      state.open = true
      far.onOpen?.(must(ends[1], 'the far end').link)
      near.onOpen?.(first)
    })
    return must(ends[0], 'the near end').link
  }
}

let clock: VirtualClock
let wires: Wires

beforeEach(() => {
  clock = new VirtualClock()
  wires = new Wires(clock)
})

interface Side {
  readonly transport: Transport
  readonly received: Message[]
  readonly dropped: Message[]
  readonly snapshots: { readonly index: number; readonly text: string }[]
  readonly aborted: number[]
}

function start(id: number, overrides: Partial<TransportOptions> = {}): Side {
  const received: Message[] = []
  const dropped: Message[] = []
  const snapshots: Side['snapshots'] = []
  const aborted: number[] = []
  const chunks = new Map<SnapshotSink, Uint8Array[]>()
  let opened: Transport | null = null
  Transport.open(
    {
      id: nodeId(id),
      name: `n${id}`,
      clusterId: 7,
      peers: [1, 2].map(at => ({ id: nodeId(at), name: `n${at}`, address: `host${at}:1` })),
      listen: `host${id}:1`,
      tls: null,
      clock,
      random: seededRandom(id),
      network: wires.network,
      logger: silentLogger,
      metrics: deafMetrics,
      onMessages: messages => received.push(...messages),
      onDropped: message => dropped.push(message),
      beginRestore(_request, done) {
        const taken: Uint8Array[] = []
        const sink: SnapshotSink = {
          write(chunk, answer) {
            taken.push(chunk.slice())
            clock.defer(() => answer(null))
          },
          commit: answer => answer(null),
          abort: () => aborted.push(taken.length),
        }
        chunks.set(sink, taken)
        clock.defer(() => done(null, sink))
      },
      onSnapshot(request, sink) {
        const text = Buffer.concat(must(chunks.get(sink), 'a sink of ours')).toString()
        snapshots.push({ index: request.snapshot.index, text })
      },
      ...overrides,
    },
    (_error, transport) => {
      opened = transport ?? null
    },
  )
  clock.advance(1)
  return { transport: must<Transport>(opened, 'it listens'), received, dropped, snapshots, aborted }
}

const beat = (readRound: number): Message => ({
  kind: 'heartbeatResponse',
  from: nodeId(1),
  to: nodeId(2),
  term: term(1),
  readRound,
})

const request: SnapshotRequest = {
  kind: 'snapshotRequest',
  from: nodeId(1),
  to: nodeId(2),
  term: term(3),
  snapshot: {
    index: logIndex(50),
    term: term(2),
    confState: { voters: [nodeId(1)], votersOutgoing: [], learners: [], learnersNext: [] },
  },
}

function sourceOf(text: string, onClose: () => void): SnapshotSource {
  const bytes = Buffer.from(text)
  let at = 0
  return {
    index: logIndex(50),
    read(_bytesMax, done) {
      const chunk = at === bytes.length ? null : bytes.subarray(at, at + 10)
      at = Math.min(bytes.length, at + 10)
      clock.defer(() => done(null, chunk))
    },
    close: onClose,
  }
}

describe('messages', () => {
  test('of a turn arrive in order, and those for nobody are given back', () => {
    const [one, two] = [start(1), start(2)]
    clock.advance(2000)
    for (let round = 1; round <= 3; round += 1) one.transport.send(beat(round))
    one.transport.send({ ...beat(4), to: nodeId(9) })
    one.transport.flush()
    clock.advance(10)
    expect(two.received.map(message => 'readRound' in message && message.readRound)).toEqual([
      1, 2, 3,
    ])
    expect(one.dropped).toHaveLength(1)
  })

  test('are given back while the peer is out of reach, and flow when it is there', () => {
    const one = start(1)
    clock.advance(5000)
    one.transport.send(beat(1))
    one.transport.flush()
    expect(one.dropped).toHaveLength(1)
    const two = start(2)
    clock.advance(2000)
    one.transport.send(beat(2))
    one.transport.flush()
    clock.advance(10)
    expect(two.received).toHaveLength(1)
    expect(one.transport.reachable).toEqual([2])
  })

  test('find a new link when the old one falls silent without a word', () => {
    const [one, two] = [start(1), start(2)]
    clock.advance(2000)
    wires.silent = true
    clock.advance(10_000)
    expect(one.transport.reachable).toEqual([])
    wires.silent = false
    clock.advance(3000)
    one.transport.send(beat(1))
    one.transport.flush()
    clock.advance(10)
    expect(two.received).toHaveLength(1)
  })

  test('are not tried for more than about once a second while the peer is away', () => {
    start(1)
    clock.advance(60_000)
    const { made } = wires
    clock.advance(60_000)
    expect(wires.made - made).toBeGreaterThan(30)
    expect(wires.made - made).toBeLessThan(150)
  })

  test('are refused from another cluster', () => {
    const one = start(1, { clusterId: 8 })
    start(2)
    clock.advance(5000)
    expect(one.transport.reachable).toEqual([])
  })
})

describe('a snapshot', () => {
  const text = 'many words that make more than one chunk of ten bytes'

  function send(side: Side): { results: string[]; closed: number } {
    const outcome = { results: [] as string[], closed: 0 }
    const source = sourceOf(text, () => {
      outcome.closed += 1
    })
    side.transport.sendSnapshot(request, source, (ok, reason) => {
      outcome.results.push(ok ? 'ok' : reason)
    })
    return outcome
  }

  test('arrives whole, and its source is closed', () => {
    const [one, two] = [start(1), start(2)]
    clock.advance(2000)
    const outcome = send(one)
    clock.advance(100)
    expect(two.snapshots).toEqual([{ index: 50, text }])
    expect(outcome).toEqual({ results: ['ok'], closed: 1 })
    expect(two.aborted).toEqual([])
  })

  test('that is changed on its way is refused, and its sink given back', () => {
    const [one, two] = [start(1), start(2)]
    clock.advance(2000)
    wires.tamper = frame =>
      Buffer.from(Buffer.from(frame).toString('latin1').replace('words', 'Words'), 'latin1')
    const outcome = send(one)
    clock.advance(100)
    expect(two.snapshots).toEqual([])
    expect(outcome).toEqual({ results: ['the snapshot is not whole'], closed: 1 })
    expect(two.aborted).toHaveLength(1)
  })

  test('that stops on its way is given up on both sides', () => {
    const [one, two] = [start(1), start(2)]
    clock.advance(2000)
    const outcome = send(one)
    for (let at = 0; at < 14; at += 1) clock.step()
    wires.silent = true
    clock.advance(120_000)
    expect(outcome).toEqual({ results: ['no progress'], closed: 1 })
    expect(two.snapshots).toEqual([])
    expect(two.aborted.length).toBeLessThanOrEqual(1)
  })

  test('for which there is no room is refused with the reason', () => {
    const one = start(1)
    start(2, {
      beginRestore: (_request, done) =>
        done(
          Object.assign(new Error('busy'), {
            code: 'x',
            retryable: true,
            outcome: 'not-applied' as const,
          }),
        ),
    })
    clock.advance(2000)
    const outcome = send(one)
    clock.advance(100)
    expect(outcome).toEqual({ results: ['busy'], closed: 1 })
  })

  test('to a peer that is not there fails, and its source is closed', () => {
    const one = start(1)
    const outcome = send(one)
    clock.advance(100)
    expect(outcome).toEqual({ results: ['not reached'], closed: 1 })
  })
})
