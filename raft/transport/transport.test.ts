// Two transports over links in memory: lost and silent links, and snapshots that arrive or do not.

import { beforeEach, describe, expect, test } from 'vitest'
import { must } from '../../platform/errors.js'
import { packArray } from '../../platform/msgpack.js'
import { silentLogger } from '../../platform/logger.js'
import { seededRandom } from '../../platform/seeded-random.js'
import { deafMetrics } from '../../platform/testing/deaf-metrics.js'
import { MemoryNetwork } from '../../platform/testing/memory-network.js'
import { VirtualClock } from '../../platform/testing/virtual-clock.js'
import type { ConfState, Message } from '../core/types.js'
import { logIndex, nodeId, term } from '../core/types.js'
import type { SnapshotSink, SnapshotSource } from '../state-machine.js'
import { Contacts } from './contacts.js'
import { decodeFrame } from './frame-codec.js'
import type { RefusalReason } from './refusals.js'
import { Transport } from './transport.js'
import type { Peer, SnapshotRequest, TransportOptions } from './transport-options.js'

let clock: VirtualClock
let wires: MemoryNetwork

beforeEach(() => {
  clock = new VirtualClock()
  wires = new MemoryNetwork(clock)
})

interface Side {
  readonly transport: Transport
  readonly received: Message[]
  readonly dropped: Message[]
  readonly snapshots: { readonly index: number; readonly text: string }[]
  readonly aborted: number[]
  readonly refused: RefusalReason[]
  readonly lost: number[]
  readonly gone: number[]
}

const peer = (id: number): Peer => ({
  id: nodeId(id),
  name: `n${id}`,
  address: `host${id}:1`,
})

const conf = (...voters: number[]): ConfState => ({
  voters: voters.map(nodeId),
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
})

function start(id: number, overrides: Partial<TransportOptions> = {}): Side {
  const received: Message[] = []
  const dropped: Message[] = []
  const snapshots: Side['snapshots'] = []
  const aborted: number[] = []
  const refused: RefusalReason[] = []
  const lost: number[] = []
  const gone: number[] = []
  const chunks = new Map<SnapshotSink, Uint8Array[]>()
  let opened: Transport | null = null
  Transport.open(
    {
      id: nodeId(id),
      name: `n${id}`,
      clusterId: 7,
      contacts: new Contacts(peer(id), [peer(1), peer(2)], logIndex(0), conf(1, 2)),
      listen: `host${id}:1`,
      tls: null,
      clock,
      random: seededRandom(id),
      network: wires.at(`host${id}:1`),
      logger: silentLogger,
      metrics: deafMetrics,
      onMessages: messages => received.push(...messages),
      onRefused: (_peer, reason) => refused.push(reason),
      onDropped: message => dropped.push(message),
      onLost: peer => lost.push(peer),
      onGone: peer => gone.push(peer),
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
  return {
    transport: must<Transport>(opened, 'it listens'),
    received,
    dropped,
    snapshots,
    aborted,
    refused,
    lost,
    gone,
  }
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

  test('tell what either side speaks, for as long as there is a link', () => {
    const one = start(1, { speaks: { min: 1, max: 2 } })
    const two = start(2, { speaks: { min: 2, max: 5 } })
    clock.advance(2000)
    expect([...one.transport.versions]).toEqual([[2, { min: 2, max: 5 }]])
    expect([...two.transport.versions]).toEqual([[1, { min: 1, max: 2 }]])
    two.transport.close(() => {})
    wires.cutAll()
    clock.advance(2000)
    expect([...one.transport.versions]).toEqual([])
  })

  test('flow to a node that knows only the version before, and again in the newest later', () => {
    const one = start(1)
    // What that node does with a greeting in version 3, and how it answers one in version 2.
    wires.tamper = frame => {
      const { kind, ...greeting } = decodeFrame(frame)
      if (kind !== 'hello' || !('version' in greeting) || greeting.version < 3) return frame
      return packArray([0, 99])
    }
    const two = start(2)
    clock.advance(3000)
    expect([...one.transport.versions]).toEqual([[2, { min: 1, max: 1 }]])
    one.transport.send(beat(1))
    one.transport.flush()
    clock.advance(10)
    expect(two.received).toHaveLength(1)
    two.transport.close(() => {})
    wires.cutAll()
    wires.tamper = frame => frame
    clock.advance(1)
    start(2, { speaks: { min: 1, max: 2 } })
    clock.advance(3000)
    expect([...one.transport.versions]).toEqual([[2, { min: 1, max: 2 }]])
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

  /** Those of the other links, which nothing happens to here. */
  const isOfMessages = (frame: Uint8Array) => {
    const { kind } = decodeFrame(frame)
    return kind === 'ping' || kind === 'pong' || kind === 'messages' || kind === 'roster'
  }

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

  test.each(Array.from({ length: 24 }, (_, at) => at + 1))(
    'goes on from where it was when its link breaks at frame %i, reading nothing twice',
    breakAt => {
      const [one, two] = [start(1), start(2)]
      clock.advance(2000)
      let frames = 0
      wires.tamper = frame => {
        if (isOfMessages(frame)) return frame
        frames += 1
        return frames === breakAt ? null : frame
      }
      const outcome = send(one)
      clock.advance(10_000)
      expect(outcome.closed).toBe(1)
      // Before anything was agreed, there is nothing to go on from.
      if (breakAt <= 4) expect(outcome.results).toEqual(['cut'])
      else {
        expect(outcome.results).toEqual(['ok'])
        expect(two.snapshots).toEqual([{ index: 50, text }])
        expect(two.aborted).toEqual([])
      }
    },
  )

  test('arrives over a link that breaks again and again', () => {
    const [one, two] = [start(1), start(2)]
    clock.advance(2000)
    let frames = 0
    wires.tamper = frame => {
      if (isOfMessages(frame)) return frame
      frames += 1
      return frames % 9 === 0 ? null : frame
    }
    const outcome = send(one)
    clock.advance(60_000)
    expect(outcome).toEqual({ results: ['ok'], closed: 1 })
    expect(two.snapshots).toEqual([{ index: 50, text }])
  })

  const capital = (frame: Uint8Array) =>
    Buffer.from(Buffer.from(frame).toString('latin1').replace('words', 'Words'), 'latin1')

  test('of which a chunk is changed on its way gets that chunk once more', () => {
    const [one, two] = [start(1), start(2)]
    clock.advance(2000)
    let left = 1
    wires.tamper = frame => {
      const changed = capital(frame)
      if (changed.equals(frame)) return frame
      left -= 1
      return left < 0 ? frame : changed
    }
    const outcome = send(one)
    clock.advance(10_000)
    expect(outcome).toEqual({ results: ['ok'], closed: 1 })
    expect(two.snapshots).toEqual([{ index: 50, text }])
  })

  test('that is changed on its way every time is given up, and its sink given back', () => {
    const [one, two] = [start(1), start(2)]
    clock.advance(2000)
    wires.tamper = capital
    const outcome = send(one)
    clock.advance(120_000)
    expect(outcome).toEqual({ results: ['no progress'], closed: 1 })
    expect(two.snapshots).toEqual([])
    expect(two.aborted).toHaveLength(1)
  })

  test('cannot go on when its receiver was started anew, and is given up at once', () => {
    const [one, two] = [start(1), start(2)]
    clock.advance(2000)
    let frames = 0
    wires.tamper = frame => {
      if (isOfMessages(frame)) return frame
      frames += 1
      return frames === 12 ? null : frame
    }
    const outcome = send(one)
    clock.advance(20)
    expect(outcome.results).toEqual([])
    two.transport.close(() => {})
    clock.advance(1)
    start(2)
    clock.advance(10_000)
    expect(outcome).toEqual({ results: ['the receiver has lost the beginning'], closed: 1 })
  })

  test('of a newer leader takes the place of one whose sender went away', () => {
    const three = start(3, {
      contacts: new Contacts(peer(3), [peer(1), peer(2)], logIndex(0), conf(1, 2, 3)),
    })
    const two = start(2, {
      contacts: new Contacts(peer(2), [peer(1), peer(3)], logIndex(0), conf(1, 2, 3)),
    })
    const one = start(1)
    clock.advance(2000)
    let frames = 0
    wires.tamper = frame => {
      if (isOfMessages(frame)) return frame
      frames += 1
      return frames === 12 ? null : frame
    }
    send(one)
    clock.advance(20)
    one.transport.close(() => {})
    const results: string[] = []
    const later = { ...request, from: nodeId(3), term: term(4) }
    const source = () => sourceOf('of the new leader', () => {})
    three.transport.sendSnapshot({ ...later, term: term(3) }, source(), (_ok, why) =>
      results.push(why),
    )
    clock.advance(100)
    three.transport.sendSnapshot(later, source(), ok => results.push(ok ? 'ok' : 'no'))
    clock.advance(1000)
    expect(results).toEqual(['a snapshot is being taken in already', 'ok'])
    expect(two.snapshots).toEqual([{ index: 50, text: 'of the new leader' }])
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

test('the end of a link is told, however soon it is made again, and nothing of one that never was', () => {
  const one = start(1)
  clock.advance(5000)
  expect(one.lost).toEqual([])
  start(2)
  clock.advance(5000)
  wires.cutAll()
  clock.advance(50)
  expect(one.transport.reachable).toEqual([2])
  expect(one.lost).toEqual([2])
})

describe('a peer that has ended', () => {
  const steadyMs = 2000
  const quicklyMs = 4
  const toTwo = (_from: string, to: string) => to === 'host2:1'

  test('is known to be gone at once: its links have closed, and nobody listens at its address', () => {
    const [one, two] = [start(1), start(2)]
    clock.advance(steadyMs)
    two.transport.close(() => {})
    clock.advance(quicklyMs)
    expect(one.gone).toEqual([2])
  })

  test('is told of again for as long as it stays away, and no more when it is back', () => {
    const [one, two] = [start(1), start(2)]
    clock.advance(steadyMs)
    two.transport.close(() => {})
    clock.advance(5000)
    expect(one.gone.length).toBeGreaterThan(3)
    start(2)
    clock.advance(steadyMs)
    const told = one.gone.length
    clock.advance(10_000)
    expect(one.gone).toHaveLength(told)
  })

  test('is known to be gone whichever of the links closes first', () => {
    for (const first of ['host1:1', 'host2:1']) {
      wires = new MemoryNetwork(clock)
      const [one, two] = [start(1), start(2)]
      clock.advance(steadyMs)
      wires.cutAll(from => from === first)
      wires.refusing = toTwo
      clock.advance(quicklyMs)
      expect(one.gone, first).toEqual([])
      two.transport.close(() => {})
      clock.advance(quicklyMs)
      expect(one.gone, first).toEqual([2])
    }
  })

  test('is not taken for gone while it has a link to us, whoever refuses our connections', () => {
    const one = start(1)
    start(2)
    clock.advance(steadyMs)
    wires.refusing = toTwo
    wires.cutAll(toTwo)
    clock.advance(30_000)
    expect(one.gone).toEqual([])
    expect(one.transport.reachable).toEqual([])
  })

  test('is not taken for gone by silence, nor by links that break and are made again', () => {
    const one = start(1)
    start(2)
    clock.advance(steadyMs)
    wires.cutAll()
    clock.advance(steadyMs)
    wires.silent = true
    clock.advance(30_000)
    wires.silent = false
    clock.advance(steadyMs)
    wires.severed = (from, to) => from === 'host1:1' || to === 'host1:1'
    wires.cutAll()
    clock.advance(30_000)
    expect(one.gone).toEqual([])
  })

  test('is not missed by one that had never reached it: the address may be wrong', () => {
    const one = start(1)
    clock.advance(5000)
    expect(one.gone).toEqual([])
    wires.refusing = toTwo
    const two = start(2)
    clock.advance(steadyMs)
    two.transport.close(() => {})
    clock.advance(5000)
    expect(one.gone).toEqual([])
  })
})
