// The peer port under any sequence of frames, sound, damaged or invented, from a client that knows the
// protocol: nothing of it ends the process, nothing foreign reaches the core, and a peer that keeps the
// rules is served as before. On links in memory.

import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { must } from '../../platform/errors.js'
import { silentLogger } from '../../platform/logger.js'
import { packArray } from '../../platform/msgpack.js'
import type { Link } from '../../platform/network.js'
import { seededRandom } from '../../platform/seeded-random.js'
import { deafMetrics } from '../../platform/testing/deaf-metrics.js'
import { MemoryNetwork } from '../../platform/testing/memory-network.js'
import { VirtualClock } from '../../platform/testing/virtual-clock.js'
import type { Message } from '../core/types.js'
import { logIndex, nodeId, term } from '../core/types.js'
import { Contacts } from './contacts.js'
import type { Frame } from './frame-codec.js'
import { decodeFrame, encodeFrame, protocolVersion } from './frame-codec.js'
import { Transport } from './transport.js'
import type { Peer } from './transport-options.js'

type Sendable = Exclude<Frame, { readonly kind: 'foreignHello' }>

const peer = (id: number): Peer => ({ id: nodeId(id), name: `n${id}`, address: `host${id}:1` })
const voters = [nodeId(1), nodeId(2)]
const confState = { voters, votersOutgoing: [], learners: [], learnersNext: [] }

const hello = (from: number, channel: 'messages' | 'snapshot'): Sendable => ({
  kind: 'hello',
  version: protocolVersion,
  clusterId: 7,
  from: nodeId(from),
  to: nodeId(1),
  name: `n${from}`,
  channel,
})

const beat = (from: number): Message => ({
  kind: 'heartbeatResponse',
  from: nodeId(from),
  to: nodeId(1),
  term: term(1),
  readRound: 1,
})

const snapshotRequest = (index: number): Message => ({
  kind: 'snapshotRequest',
  from: nodeId(2),
  to: nodeId(1),
  term: term(3),
  snapshot: { index: logIndex(index), term: term(2), confState },
})

/** `offset` is added to the challenge of the link, if it has been welcomed. */
const frame = fc.oneof(
  fc.constantFrom(2, 2, 2, 1, 9).chain(from => {
    return fc.constantFrom(hello(from, 'messages'), hello(from, 'snapshot'))
  }),
  fc.record({ offset: fc.nat(3), from: fc.constantFrom(2, 2, 3) }).map(({ offset, from }) => {
    return { kind: 'messages', sequence: offset, messages: [beat(from)] } as const
  }),
  fc.record({ offset: fc.nat(1), transfer: fc.nat(2), index: fc.integer({ min: 1, max: 3 }) }).map(
    ({ offset, transfer, index }) =>
      ({
        kind: 'snapshotBegin',
        challenge: offset,
        transfer,
        message: snapshotRequest(index),
      }) as const,
  ),
  fc
    .record({ sequence: fc.nat(3), checksum: fc.constantFrom(0, 1) })
    .map(parts => ({ kind: 'snapshotChunk', ...parts, bytes: new Uint8Array(0) }) as const),
  fc.constantFrom<Sendable>(
    { kind: 'ping' },
    { kind: 'pong' },
    { kind: 'welcome', challenge: 1, speaks: { min: 1, max: 2 } },
    { kind: 'refused', reason: 'silent', detail: 'x' },
    { kind: 'roster', roster: { index: logIndex(99), members: [peer(9)] } },
    { kind: 'snapshotResume', sequence: 0 },
    { kind: 'snapshotAck', sequence: 1 },
    { kind: 'snapshotEnd', chunks: 0, totalBytes: 0, checksum: 0 },
    { kind: 'snapshotResult', ok: true, reason: '' },
  ),
)

const step = fc.oneof(
  { weight: 6, arbitrary: frame.map(sent => ({ kind: 'frame', sent }) as const) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(frame, fc.nat())
      .map(([sent, flip]) => ({ kind: 'damaged', sent, flip }) as const),
  },
  {
    weight: 1,
    arbitrary: fc.uint8Array({ maxLength: 40 }).map(bytes => ({ kind: 'bytes', bytes }) as const),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'again' } as const) },
  { weight: 1, arbitrary: fc.nat(40_000).map(ms => ({ kind: 'wait', ms }) as const) },
)

class Port {
  readonly clock = new VirtualClock()
  readonly network = new MemoryNetwork(this.clock)
  readonly received: Message[] = []
  openSinks = 0
  sinksMax = 0

  constructor() {
    let opened: Transport | null = null
    Transport.open(
      {
        id: nodeId(1),
        name: 'n1',
        clusterId: 7,
        contacts: new Contacts(peer(1), [peer(1), peer(2)], logIndex(0), confState),
        listen: 'host1:1',
        tls: null,
        clock: this.clock,
        random: seededRandom(1),
        network: this.network.at('host1:1'),
        logger: silentLogger,
        metrics: deafMetrics,
        onMessages: messages => this.received.push(...messages),
        onDropped: () => {},
        onLost: () => {},
        onGone: () => {},
        onRefused: () => {},
        beginRestore: (_request, done) => {
          this.openSinks += 1
          this.sinksMax = Math.max(this.sinksMax, this.openSinks)
          this.clock.defer(() =>
            done(null, {
              write: (_chunk, answer) => this.clock.defer(() => answer(null)),
              commit: answer => answer(null),
              abort: () => {
                this.openSinks -= 1
              },
            }),
          )
        },
        onSnapshot: (_request, sink) => sink.abort(),
      },
      (_error, transport) => {
        opened = transport ?? null
      },
    )
    this.clock.advance(1)
    must(opened, 'it listens')
  }
}

class Client {
  private readonly port: Port
  private link: Link
  private challenge = 0

  constructor(port: Port) {
    this.port = port
    this.link = this.connect()
  }

  connect(): Link {
    this.challenge = 0
    this.link = this.port.network.at('host2:1').connect(
      { address: 'host1:1', tls: null, path: '/raft', frameBytesMax: 1e9, handshakeMsMax: 1000 },
      {
        onFrame: (_link, bytes) => {
          const sent = decodeFrame(bytes)
          if (sent.kind === 'welcome') ({ challenge: this.challenge } = sent)
        },
        onClose: () => {},
      },
    )
    this.port.clock.advance(1)
    return this.link
  }

  send(sent: Sendable): void {
    this.sendBytes(this.bytesOf(sent))
  }

  bytesOf(sent: Sendable): Uint8Array {
    if (sent.kind === 'messages')
      return encodeFrame({ ...sent, sequence: this.challenge + sent.sequence })
    if (sent.kind === 'snapshotBegin')
      return encodeFrame({ ...sent, challenge: this.challenge + sent.challenge })
    return encodeFrame(sent)
  }

  sendBytes(bytes: Uint8Array): void {
    this.link.send(bytes)
    this.port.clock.advance(1)
  }
}

test('any sequence of frames leaves the port as it was', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), steps => {
      const port = new Port()
      const client = new Client(port)
      for (const next of steps) {
        switch (next.kind) {
          case 'frame':
            client.send(next.sent)
            break
          case 'damaged': {
            const bytes = client.bytesOf(next.sent).slice()
            const at = next.flip % bytes.length
            bytes[at] = (bytes[at] as number) ^ (1 << (next.flip % 8))
            client.sendBytes(bytes)
            break
          }
          case 'bytes':
            client.sendBytes(next.bytes)
            break
          case 'again':
            client.connect()
            break
          case 'wait':
            port.clock.advance(next.ms)
        }
        expect(port.openSinks).toBeLessThanOrEqual(2)
      }
      const before = port.received.length
      expect(port.received.filter(({ from }) => from !== 2)).toEqual([])
      client.connect()
      client.send(hello(2, 'messages'))
      client.send({ kind: 'messages', sequence: 1, messages: [beat(2), beat(2)] })
      expect(port.received).toHaveLength(before + 2)
      port.clock.advance(120_000)
      // Whatever was begun is given back when nobody goes on with it.
      expect(port.openSinks).toBe(0)
    }),
    { numRuns: 300 },
  )
})

test('a frame of any packed values is refused or taken, whatever they are', () => {
  const value = fc.oneof(fc.nat(20), fc.boolean(), fc.constant(null), fc.uint8Array(), fc.string())
  fc.assert(
    fc.property(fc.nat(13), fc.array(value, { maxLength: 6 }), (code, rest) => {
      const port = new Port()
      const client = new Client(port)
      client.send(hello(2, 'snapshot'))
      client.sendBytes(packArray([code, ...rest]))
      expect(port.openSinks).toBeLessThanOrEqual(1)
    }),
    { numRuns: 300 },
  )
})
