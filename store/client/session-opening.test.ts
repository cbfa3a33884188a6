// How a client opens the session for its writes where answers are lost, late or refused: over links and
// members that are played here, so that it is known what came and what did not.

import { describe, expect, it } from 'vitest'
import { silentLogger } from '../../platform/logger.js'
import type { Link, LinkHandlers, Network } from '../../platform/network.js'
import { seededRandom } from '../../platform/seeded-random.js'
import { VirtualClock } from '../../platform/testing/virtual-clock.js'
import { FrameWriter, decodeClientFrame, encodeServerMessage } from '../protocol.js'
import type { ClientMessage, Request } from '../protocol.js'
import { StoreClient } from './store-client.js'

/** What becomes of an opening that came: `{ code }` is a refusal. */
type Reaction = 'answer' | 'silence' | 'cut' | { readonly code: string }
type Opening = Extract<Request, { kind: 'openSession' }>
type Told = Parameters<typeof encodeServerMessage>[0]

interface Asked {
  /** In hexadecimal; null: it came without. */
  readonly nonce: string | null
  /** Of the link. */
  readonly version: number
  readonly atMs: number
}

const header = { clusterId: 7, memberId: 1, revision: 2, raftTerm: 1 }
const refusal = { message: '', retryable: true, outcome: 'unknown' } as const
const welcome = {
  clusterId: 7,
  memberId: 1,
  name: 'm1',
  serverVersion: '0',
  leader: 1,
  requestBytesMax: 1_000_000,
  inFlightMax: 100,
}

class PlayedLink implements Link {
  readonly remote = 'member'
  readonly peerName = null
  readonly bufferedBytes = 0
  readonly version: number
  readonly #members: Members
  readonly #handlers: LinkHandlers
  open = false

  constructor(members: Members, handlers: LinkHandlers, version: number) {
    this.#members = members
    this.#handlers = handlers
    this.version = version
    members.clock.setTimer(1, () => {
      this.open = true
      handlers.onOpen?.(this)
    })
  }

  send(frame: Uint8Array): void {
    const messages = decodeClientFrame(frame)
    this.#members.clock.setTimer(1, () => {
      for (const message of messages) if (this.open) this.#members.take(this, message)
    })
  }

  tell(message: Told): void {
    const writer = new FrameWriter(frame => this.#handlers.onFrame(this, frame))
    writer.add(encodeServerMessage(message))
    writer.cut()
  }

  close(): void {
    if (!this.open) return
    this.open = false
    this.#handlers.onClose(this, 'cut')
  }
}

/** Behind one address: the next link is to the next of them. */
class Members {
  readonly clock = new VirtualClock()
  readonly asked: Asked[] = []
  /** What the members of the next links speak; 3 behind the last. */
  versions: number[] = []
  /** To the next openings; they are answered behind the last. */
  reactions: Reaction[] = []
  /** To the next writes, likewise. */
  writeRefusals: string[] = []
  #sessions = 0

  readonly network: Network = {
    listen: () => {},
    connect: (_options, handlers) => new PlayedLink(this, handlers, this.versions.shift() ?? 3),
  }

  take(link: PlayedLink, message: ClientMessage): void {
    const { version } = link
    if (message.kind === 'hello') link.tell({ kind: 'welcome', welcome: { ...welcome, version } })
    if (message.kind === 'ping') link.tell({ kind: 'pong', id: message.id, leader: 1 })
    if (message.kind === 'openSession') this.#opening(link, message)
    if (message.kind === 'put') this.#put(link, message.id)
  }

  #put(link: PlayedLink, id: number): void {
    const code = this.writeRefusals.shift()
    if (code === undefined) {
      link.tell({ kind: 'answer', answer: { kind: 'put', id, response: { header, prevKv: null } } })
      return
    }
    const error = { code, message: '', retryable: false, outcome: 'not-applied' } as const
    link.tell({ kind: 'error', id, error })
  }

  #opening(link: PlayedLink, { id, nonce }: Opening): void {
    const shown = nonce === undefined ? null : Buffer.from(nonce).toString('hex')
    this.asked.push({ nonce: shown, version: link.version, atMs: this.clock.monotonicMs() })
    const reaction = this.reactions.shift() ?? 'answer'
    if (reaction === 'cut') link.close()
    else if (reaction === 'answer') {
      this.#sessions += 1
      const response = { header, session: this.#sessions, numbersMax: 4096 }
      link.tell({ kind: 'answer', answer: { kind: 'openSession', id, response } })
    } else if (reaction !== 'silence') {
      link.tell({ kind: 'error', id, error: { ...refusal, code: reaction.code } })
    }
  }
}

/** A client of theirs writes every second for so many; answers whether the last of its writes was done. */
async function writing(members: Members, seconds: number): Promise<boolean> {
  const client = new StoreClient({
    endpoints: ['m:1'],
    tls: null,
    clock: members.clock,
    random: seededRandom(7),
    network: members.network,
    logger: silentLogger,
    requestTimeoutMs: 5_000,
  })
  let done = 0
  for (let second = 0; second < seconds; second += 1) {
    client.put({ key: Buffer.from('a'), value: Buffer.from('x') }).then(
      () => {
        done = second + 1
      },
      () => {},
    )
    for (let passedMs = 0; passedMs < 1_000; passedMs += 10) {
      members.clock.advance(10)
      // What a promise brings about, too.
      await new Promise(resolve => {
        setImmediate(resolve)
      })
    }
  }
  client.close()
  return done === seconds
}

const noncesOf = ({ asked }: Members) => asked.map(({ nonce }) => nonce)

describe('the opening of a session', () => {
  it('has a nonce of sixteen bytes, another one for each session', async () => {
    const members = new Members()
    // Two sessions are not to be had any more when the first write in them comes.
    members.writeRefusals = ['session-not-found', 'session-denied']
    expect(await writing(members, 2)).toBe(true)
    const nonces = noncesOf(members)
    expect(nonces).toHaveLength(3)
    expect(new Set(nonces).size).toBe(3)
    for (const nonce of nonces) expect(nonce).toMatch(/^[0-9a-f]{32}$/)
  })

  it.each<[string, readonly Reaction[]]>([
    ['links end before the answer', ['cut', 'cut']],
    ['answers do not come in time', ['silence', 'silence']],
    ['nobody knows what became of it', [{ code: 'timeout' }, { code: 'timeout' }]],
    [
      'members are in trouble',
      [{ code: 'no-leader' }, { code: 'stopped' }, { code: 'not-leader' }],
    ],
    ['too much is under way', [{ code: 'too-many-requests' }, { code: 'disk-full' }]],
    ['a leader is lost', [{ code: 'leader-lost' }, 'cut', { code: 'leader-lost' }]],
    ['the cluster knows none for a while', [{ code: 'version-too-low' }]],
  ])('keeps its nonce when %s', async (_what, reactions) => {
    const members = new Members()
    members.reactions = [...reactions]
    expect(await writing(members, 14)).toBe(true)
    const nonces = noncesOf(members)
    expect(nonces).toHaveLength(reactions.length + 1)
    expect(new Set(nonces).size).toBe(1)
  })

  it('is asked for without its nonce where the member knows none, and with the same elsewhere', async () => {
    const members = new Members()
    members.versions = [3, 2, 3, 2]
    members.reactions = ['cut', 'cut', 'cut']
    expect(await writing(members, 5)).toBe(true)
    expect(members.asked.map(({ version }) => version)).toEqual([3, 2, 3, 2])
    const [first, second, third, fourth] = noncesOf(members)
    expect([second, fourth]).toEqual([null, null])
    expect(first).not.toBeNull()
    expect(third).toBe(first)
  })

  it('is asked for one at a time, and less and less often while it is refused', async () => {
    const members = new Members()
    members.reactions = Array.from({ length: 200 }, () => ({ code: 'too-many-requests' }))
    await writing(members, 20)
    const times = members.asked.map(({ atMs }) => atMs)
    const waits = times.slice(1).map((atMs, at) => atMs - (times[at] ?? 0))
    const [first = 0, second = 0, third = 0, ...later] = waits
    expect(first).toBeGreaterThanOrEqual(200)
    expect(second).toBeGreaterThan(first)
    expect(third).toBeGreaterThan(second)
    for (const wait of later) expect(wait).toBeGreaterThanOrEqual(1_600)
    expect(Math.max(...later)).toBeLessThan(2_000)
  })
})
