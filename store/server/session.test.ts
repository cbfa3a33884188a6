// What a link is given at a time, when it takes everything and tells nothing.

import { describe, expect, it } from 'vitest'
import { silentLogger } from '../../platform/logger.js'
import type { Link } from '../../platform/network.js'
import { VirtualClock } from '../../platform/testing/virtual-clock.js'
import { MemoryBackend } from '../backend/memory.js'
import { StoreCore } from '../core/store-core.js'
import { LinkWatches } from './link-watches.js'
import { Session } from './session.js'
import { UnreadBudget } from './unread-budget.js'
import { WatchPump } from './watch-pump.js'

const megabyte = Buffer.alloc(1_000_000)

/** A link as a socket is whose end is not known yet: open, and nothing seems to wait in it. */
class Bottomless implements Link {
  readonly remote = 'bottomless'
  readonly peerName = null
  bufferedBytes = 0
  open = true
  send(): void {}
  close(): void {
    this.open = false
  }
}

function sessionOver(link: Link, clock: VirtualClock): Session {
  const machine = new StoreCore(new MemoryBackend(), {
    clusterId: 7,
    memberId: 1,
    leaseTtlSecondsMin: 1,
  })
  return new Session({
    link,
    clock,
    logger: silentLogger,
    unread: new UnreadBudget(),
    welcome: () => {
      throw new Error('nobody greets')
    },
    handle: () => {},
    checkToken: () => {},
    makePump: session =>
      new WatchPump({
        machine,
        guard: {
          permitted: (_asker, _check, done) => done(null),
          openWatch: (_asker, request, onReadable) => machine.openWatch(request, onReadable),
        },
        asker: session,
        clock,
        progressMs: 1_000,
        output: new LinkWatches(session, session.send),
      }),
  })
}

describe('long answers', () => {
  it('are made a few a turn, whatever the link says of what waits in it', () => {
    const clock = new VirtualClock()
    const session = sessionOver(new Bottomless(), clock)
    let answers = 0
    for (let at = 0; at < 400; at++) {
      session.paced(() => {
        answers += 1
        session.send(megabyte)
      })
    }
    expect(answers).toBeLessThanOrEqual(5)
    let inTurn = answers
    while (clock.pending > 0) {
      const before = answers
      clock.step()
      inTurn = Math.max(inTurn, answers - before)
    }
    expect(inTurn).toBeLessThanOrEqual(5)
    expect(answers).toBe(400)
  })

  it('are not made any more when the link has ended', () => {
    const clock = new VirtualClock()
    const link = new Bottomless()
    const session = sessionOver(link, clock)
    link.bufferedBytes = 10_000_000
    let answers = 0
    for (let at = 0; at < 100; at++) session.paced(() => (answers += 1))
    link.bufferedBytes = 0
    link.close()
    session.closed()
    while (clock.pending > 0) clock.step()
    expect(answers).toBe(0)
  })
})
