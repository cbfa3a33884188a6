// What comes to the peer port and has no business there: every kind is refused with a sentence and
// counted, the link is closed, and the member goes on. Over real sockets, from a hand-made client.

import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import * as net from 'node:net'
import { tmpdir } from 'node:os'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { packArray } from '../platform/msgpack.js'
import type { NodeMetrics } from '../platform/node/metrics.js'
import { nodeMetrics } from '../platform/node/metrics.js'
import type { Message } from './core/types.js'
import { logIndex, nodeId, term } from './core/types.js'
import { propose, RealCluster, until } from './testing/real-cluster.js'
import type { Frame } from './transport/frame-codec.js'
import {
  decodeFrame,
  encodeFrame,
  frameBytesMax,
  protocolVersion,
  protocolVersionMin,
} from './transport/frame-codec.js'
import type { RefusalReason } from './transport/refusals.js'

let directory: string
let cluster: RealCluster
let metrics: NodeMetrics
let address: string
let items = 0

beforeAll(async () => {
  directory = mkdtempSync(`${tmpdir()}/raft-`)
  metrics = nodeMetrics()
  // n3 is never started: what pretends to be it meets no living double.
  cluster = await RealCluster.plan(directory, 3)
  await Promise.all([cluster.start(1, { metrics }), cluster.start(2)])
  await cluster.leader()
  ;({ address } = cluster.node(1).status())
})

afterAll(async () => {
  await cluster.killAll()
  rmSync(directory, { recursive: true })
})

async function counted(reason: RefusalReason): Promise<number> {
  const line = new RegExp(`raftsman_peer_refusals_total\\{reason="${reason}"\\} (\\d+)`)
  return Number(line.exec(await metrics.text())?.[1] ?? 0)
}

interface Answer {
  readonly kinds: string[]
  readonly refused: { reason: string; detail: string } | null
}

/** Sends frames as a client that speaks WebSocket, after the welcome where there is one to come. */
async function speak(
  first: readonly Uint8Array[],
  afterWelcome: (challenge: number) => readonly Uint8Array[] = () => [],
): Promise<Answer> {
  const socket = new WebSocket(`ws://${address}/raft`, { perMessageDeflate: false })
  const kinds: string[] = []
  let refused: Answer['refused'] = null
  return new Promise(resolve => {
    socket.on('open', () => {
      for (const frame of first) socket.send(frame)
    })
    socket.on('message', (data: Buffer) => {
      const frame = decodeFrame(data)
      kinds.push(frame.kind)
      if (frame.kind === 'refused') refused = { reason: frame.reason, detail: frame.detail }
      if (frame.kind === 'welcome')
        for (const next of afterWelcome(frame.challenge)) socket.send(next)
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve({ kinds, refused }))
  })
}

const greeting = (
  changes: Partial<Extract<Frame, { kind: 'hello' }>> = {},
): readonly Uint8Array[] => [
  encodeFrame({
    kind: 'hello',
    version: protocolVersion,
    clusterId: 77,
    from: nodeId(3),
    to: nodeId(1),
    name: 'n3',
    channel: 'messages',
    ...changes,
  }),
]

const message: Message = {
  kind: 'heartbeatResponse',
  from: nodeId(3),
  to: nodeId(1),
  term: term(0),
  readRound: 0,
}
const carrying = (sequence: number, ...messages: readonly Message[]): Uint8Array =>
  encodeFrame({ kind: 'messages', sequence, messages })
const confState = { voters: [nodeId(3)], votersOutgoing: [], learners: [], learnersNext: [] }
const meta = { index: logIndex(9), term: term(1), confState }
const begin = (challenge: number, kind: 'snapshotRequest' | 'timeoutNow'): Uint8Array =>
  encodeFrame({
    kind: 'snapshotBegin',
    challenge,
    transfer: 5,
    message: { kind, from: nodeId(3), to: nodeId(1), term: term(0), snapshot: meta },
  })
const chunk = (checksum: number): Uint8Array =>
  encodeFrame({ kind: 'snapshotChunk', sequence: 1, checksum, bytes: Buffer.from('abc') })

interface Case {
  readonly what: string
  readonly reason: RefusalReason
  readonly sentence: string
  readonly run: () => Promise<Answer>
}

const cases: readonly Case[] = [
  {
    what: 'garbage',
    reason: 'malformed',
    sentence: 'malformed frame',
    run: () => speak([randomBytes(100).fill(0xc1, 0, 1)]),
  },
  {
    what: 'a frame with something behind it',
    reason: 'malformed',
    sentence: 'too long',
    run: () => speak(greeting(), () => [packArray([3, 1])]),
  },
  {
    what: 'another protocol version',
    reason: 'wrong-version',
    sentence: `protocol version 99, spoken here are ${protocolVersionMin} to ${protocolVersion}`,
    run: () => speak(greeting({ version: 99 })),
  },
  {
    what: 'another cluster',
    reason: 'wrong-cluster',
    sentence: 'is of cluster 78, this is cluster 77',
    run: () => speak(greeting({ clusterId: 78 })),
  },
  {
    what: 'a greeting for another node',
    reason: 'wrong-node',
    sentence: 'this is node 1, not 2',
    run: () => speak(greeting({ to: nodeId(2) })),
  },
  {
    what: 'a node that was never added',
    reason: 'unknown-peer',
    sentence: 'node 9 ("n9") is not a member of this cluster; add it first',
    run: () => speak(greeting({ from: nodeId(9), name: 'n9' })),
  },
  {
    what: 'a node that pretends to be this one',
    reason: 'unknown-peer',
    sentence: 'node 1',
    run: () => speak(greeting({ from: nodeId(1), name: 'n1' })),
  },
  {
    what: 'a ping before the greeting',
    reason: 'not-greeted',
    sentence: 'a frame ping before the greeting',
    run: () => speak([encodeFrame({ kind: 'ping' })]),
  },
  {
    what: 'messages before the greeting',
    reason: 'not-greeted',
    sentence: 'a frame messages before the greeting',
    run: () => speak([carrying(1, message)]),
  },
  {
    what: 'a second greeting',
    reason: 'unexpected',
    sentence: 'unexpected frame hello',
    run: () => speak([...greeting(), ...greeting()]),
  },
  {
    what: 'an answer to nothing',
    reason: 'unexpected',
    sentence: 'unexpected frame pong',
    run: () => speak(greeting(), () => [encodeFrame({ kind: 'pong' })]),
  },
  {
    what: 'a message in the name of another node',
    reason: 'foreign-message',
    sentence: 'a message of another node',
    run: () =>
      speak(greeting(), challenge => [carrying(challenge + 1, { ...message, from: nodeId(2) })]),
  },
  {
    what: 'a frame that was sent before',
    reason: 'replayed',
    sentence: 'repeated',
    run: () =>
      speak(greeting(), challenge => [
        carrying(challenge + 1, message),
        carrying(challenge + 1, message),
      ]),
  },
  {
    what: 'a frame behind one that is missing',
    reason: 'replayed',
    sentence: 'left out',
    run: () => speak(greeting(), challenge => [carrying(challenge + 2, message)]),
  },
  {
    what: 'a frame that was recorded on another link',
    reason: 'replayed',
    sentence: 'of another link',
    run: async () => {
      let recorded = 0
      await speak(greeting(), challenge => {
        recorded = challenge
        return [carrying(challenge + 1, message), encodeFrame({ kind: 'pong' })]
      })
      return speak(greeting(), () => [carrying(recorded + 1, message)])
    },
  },
  {
    what: 'a frame that is a little too large',
    reason: 'oversized',
    sentence: `more than ${frameBytesMax} bytes`,
    run: () => speak(greeting(), () => [Buffer.alloc(frameBytesMax + 1)]),
  },
  {
    what: 'a snapshot on the channel for messages',
    reason: 'unexpected',
    sentence: 'unexpected frame snapshotBegin',
    run: () => speak(greeting(), challenge => [begin(challenge, 'snapshotRequest')]),
  },
  {
    what: 'messages on the channel for snapshots',
    reason: 'unexpected',
    sentence: 'unexpected frame messages',
    run: () =>
      speak(greeting({ channel: 'snapshot' }), challenge => [carrying(challenge + 1, message)]),
  },
  {
    what: 'a snapshot that was recorded on another link',
    reason: 'replayed',
    sentence: 'begun on another link',
    run: () =>
      speak(greeting({ channel: 'snapshot' }), challenge => [
        begin(challenge + 1, 'snapshotRequest'),
      ]),
  },
  {
    what: 'a snapshot that is none',
    reason: 'unexpected',
    sentence: 'not the beginning of a snapshot',
    run: () =>
      speak(greeting({ channel: 'snapshot' }), challenge => [begin(challenge, 'timeoutNow')]),
  },
  {
    what: 'a chunk without its checksum',
    reason: 'corrupt-chunk',
    sentence: 'chunk 1 does not have its checksum',
    run: () =>
      speak(greeting({ channel: 'snapshot' }), challenge => [
        begin(challenge, 'snapshotRequest'),
        chunk(1),
      ]),
  },
]

describe('on the peer port', () => {
  test.each(cases)('$what is refused with a sentence, and counted', async ({ run, ...wanted }) => {
    const before = await counted(wanted.reason)
    const { refused } = await run()
    expect(refused?.reason).toBe(wanted.reason)
    expect(refused?.detail).toContain(wanted.sentence)
    expect(await counted(wanted.reason)).toBeGreaterThan(before)
    await stillWorks()
  })

  test('a frame far above the limit is counted without being read', async () => {
    const before = await counted('oversized')
    await speak(greeting(), () => [Buffer.alloc(frameBytesMax + 1024 * 1024)])
    // Our side hears of the end of the link after the stranger did.
    while ((await counted('oversized')) === before) await new Promise(done => setTimeout(done, 10))
    await stillWorks()
  })

  test('bytes that are no HTTP, other paths and silence do no harm', async () => {
    const [host, port] = address.split(':')
    const raw = Array.from({ length: 20 }, () => net.connect(Number(port), host))
    for (const socket of raw) {
      socket.on('error', () => {})
      socket.write(randomBytes(5000))
    }
    const other = new WebSocket(`ws://${address}/other`)
    await new Promise<void>(done => other.on('error', () => done()))
    const before = await counted('silent')
    expect((await speak([])).kinds).toEqual([])
    expect(await counted('silent')).toBe(before + 1)
    await stillWorks()
    for (const socket of raw) socket.destroy()
  })
})

async function stillWorks(): Promise<void> {
  items += 1
  const leader = await cluster.leader()
  expect(await propose(cluster.node(leader), 'x')).toBe(items)
  await until('the first member has it', () => cluster.member(1).machine.items.length === items)
}
