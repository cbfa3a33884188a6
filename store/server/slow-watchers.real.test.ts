// A thousand watchers that do not keep up, over real links and a real disk, while 100,000 events are
// written: what they cost is a place each, and none of them loses anything.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { SqliteBackend } from '../backend/sqlite.js'
import type { Command } from '../core/command.js'
import { localEntry } from '../core/local-entry.js'
import { StoreCore } from '../core/store-core.js'
import {
  FrameWriter,
  decodeServerFrame,
  encodeClientMessage,
  protocolLimits,
  protocolPath,
} from '../protocol.js'
import type { ClientMessage } from '../protocol.js'
import { everyKey, utf8 } from './testing/clients.js'
import { startLoneMember } from './testing/lone-member.js'
import { RawPeer, hello } from './testing/raw-peer.js'

const mebibyte = 1024 * 1024
const events = 100_000
const watchesPerLink = 50
const folder = mkdtempSync(join(tmpdir(), 'raftsman-watch-'))

afterAll(() => rmSync(folder, { recursive: true, force: true }))

const turn = () => new Promise<void>(resolve => setImmediate(resolve))

function memoryBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Watches everything on one link, and takes nothing from its socket until told. */
class Deaf {
  readonly #socket: WebSocket
  #events = 0
  #inOrder = true
  readonly #last = new Map<number, number>()

  constructor(address: string) {
    this.#socket = new WebSocket(`ws://${address}${protocolPath}`)
    this.#socket.on('message', (frame: Buffer) => this.#take(frame))
  }

  async watch(watches: number): Promise<void> {
    await new Promise(resolve => this.#socket.once('open', resolve))
    const frames: Uint8Array[] = []
    const writer = new FrameWriter(frame => frames.push(frame))
    const creates = Array.from({ length: watches }, (_, watch): ClientMessage => {
      const { creditBytesMax } = protocolLimits
      return { kind: 'watchCreate', watch, request: everyKey, creditBytes: creditBytesMax }
    })
    for (const message of [hello, ...creates]) writer.add(encodeClientMessage(message))
    writer.cut()
    for (const frame of frames) this.#socket.send(frame)
    await new Promise(resolve => this.#socket.once('message', resolve))
    this.#socket.pause()
  }

  /** Until one watch has had everything. */
  async catchUp(revision: number): Promise<{ readonly events: number; readonly inOrder: boolean }> {
    this.#socket.resume()
    while ((this.#last.get(0) ?? 0) < revision) await turn()
    this.#socket.terminate()
    return { events: this.#events, inOrder: this.#inOrder }
  }

  end(): void {
    this.#socket.terminate()
  }

  #take(frame: Buffer): void {
    for (const message of decodeServerFrame(frame, { clusterId: 7, memberId: 1 })) {
      if (message.kind !== 'watchEvents') continue
      for (const { kv } of message.events) {
        for (const watch of message.watches) {
          if (kv.modRevision !== (this.#last.get(watch) ?? 1) + 1) this.#inOrder = false
          this.#last.set(watch, kv.modRevision)
          if (watch === 0) this.#events += 1
        }
      }
    }
  }
}

it('A thousand slow watchers leave memory flat, and get every event when they read again.', async () => {
  const core = new StoreCore(new SqliteBackend({ path: join(folder, 'state.db') }), {
    clusterId: 7,
    memberId: 1,
    cacheBytesMax: 4 * mebibyte,
    flushBytes: mebibyte,
    watch: { logBytesMax: 4 * mebibyte },
  })
  const member = await startLoneMember({}, core)
  // Half of them have no credit, the other half no reader.
  const unpaid: RawPeer[] = []
  const deaf: Deaf[] = []
  for (let link = 0; link < 11; link++) {
    const peer = await RawPeer.greeted(member.address)
    peer.send(
      ...Array.from({ length: watchesPerLink }, (_, watch): ClientMessage => {
        return { kind: 'watchCreate', watch, request: everyKey, creditBytes: 1 }
      }),
    )
    await peer.until(() => peer.of('watchCreated').length === watchesPerLink)
    unpaid.push(peer)
    const other = new Deaf(member.address)
    // The first is to catch up, for which one watch is enough.
    await other.watch(link === 0 ? 1 : watchesPerLink)
    deaf.push(other)
  }
  expect(core.watcherCount).toBe(21 * watchesPerLink + 1)

  const value = utf8('x'.repeat(200))
  const write = async (from: number, to: number) => {
    for (let at = from; at < to; at += 100) {
      const commands = Array.from({ length: 100 }, (_, i): Command => {
        return { kind: 'put', request: { key: utf8(`k${(at + i) % 1_000}`), value } }
      })
      core.apply(localEntry(core.appliedIndex + 1, 1, commands))
      core.applied()
      if (core.needsFlush) core.flush()
      await turn()
    }
  }
  await write(0, 20_000)
  const before = memoryBytes()
  await write(20_000, events)
  const grown = memoryBytes() - before
  // The versions in the index are about 4 MiB of it.
  expect(grown).toBeLessThan(24 * mebibyte)

  const revision = core.revision
  const [first, ...others] = deaf
  for (const other of others) other.end()
  const caughtUp = await first?.catchUp(revision)
  expect(caughtUp).toEqual({ events, inOrder: true })

  const [peer] = unpaid
  expect(peer).toBeDefined()
  const { creditBytesMax } = protocolLimits
  peer?.send({ kind: 'watchCredit', watch: 7, creditBytes: creditBytesMax })
  const told = () => peer?.of('watchEvents').filter(({ watches }) => watches.includes(7)) ?? []
  await peer?.until(() => told().at(-1)?.revision === revision)
  expect(told().flatMap(message => message.events.map(({ kv }) => kv.modRevision))).toEqual(
    Array.from({ length: events }, (_, at) => at + 2),
  )
  for (const one of unpaid) one.close()
  await member.stop()
  core.close()
})
