// The desk between a real state machine and a log that a test holds back.

import { describe, expect, it } from 'vitest'
import { must } from '../../platform/errors.js'
import type { RaftsmanError } from '../../platform/errors.js'
import { VirtualClock } from '../../platform/testing/virtual-clock.js'
import { term } from '../../raft/core/types.js'
import { nodeId } from '../../raft/core/types.js'
import type { Replica as Raft } from '../../raft/index.js'
import { raftNodeError } from '../../raft/index.js'
import { MemoryBackend } from '../backend/memory.js'
import { localEntry } from '../core/local-entry.js'
import { decodeCommands } from '../core/command.js'
import { StoreCore } from '../core/store-core.js'
import { LeaseDesk } from './lease-desk.js'
import { ReadBatcher } from './read-batcher.js'
import { WriteBatcher } from './write-batcher.js'

type Propose = Raft['propose']
type Held = { readonly payload: Uint8Array; readonly done: Parameters<Propose>[1] }

/** The desk of a leader that has one lease of 100 s, with checkpoints every ten. */
class Desk {
  readonly clock = new VirtualClock()
  readonly core = new StoreCore(new MemoryBackend(), {
    clusterId: 1,
    memberId: 1,
    leases: { checkpointIntervalMs: 10_000 },
  })
  readonly held: Held[] = []
  readonly desk: LeaseDesk

  constructor() {
    const log = {
      propose: (payload: Uint8Array, done: Held['done']) => this.held.push({ payload, done }),
      readIndex: (done: (error: null) => void) => done(null),
    }
    const raft = log as unknown as Raft
    this.desk = new LeaseDesk({
      machine: this.core,
      writes: new WriteBatcher(raft, this.clock, command => command),
      reads: new ReadBatcher(raft, this.clock),
      clock: this.clock,
    })
    this.tick()
    this.core.apply(
      localEntry(this.core.appliedIndex + 1, 1, [{ kind: 'leaseGrant', id: 5, ttlSeconds: 100 }]),
    )
    this.tick()
  }

  tick(inTerm = 1): void {
    this.desk.tick({ role: 'leader', leader: nodeId(1), term: term(inTerm) })
    this.clock.advance(0)
  }

  renew(): { seconds: number | null; error: RaftsmanError | null } {
    const answer: ReturnType<Desk['renew']> = { seconds: null, error: null }
    const anybodyMay = () => {}
    this.desk.keepAlive(1, 5, anybodyMay, (error, answered) => {
      answer.error = error
      if (answered?.kind === 'leaseKeepAlive') answer.seconds = answered.response.ttlSeconds
    })
    this.clock.advance(0)
    return answer
  }

  /** Applies the oldest entry that is held, as one of that term. */
  apply(inTerm = 1): void {
    const { payload, done } = must(this.held.shift(), 'something was proposed')
    const entry = localEntry(this.core.appliedIndex + 1, inTerm, decodeCommands(payload))
    done(null, this.core.apply(entry))
  }
}

describe('the lease desk', () => {
  it('answers a renewal behind a checkpoint under way only when that is withdrawn', () => {
    const desk = new Desk()
    desk.clock.advance(40_000)
    desk.tick()
    expect(desk.held).toHaveLength(1)
    const answer = desk.renew()
    expect(answer.seconds).toBeNull()
    desk.apply()
    expect(answer.seconds).toBeNull()
    desk.apply()
    expect(answer.seconds).toBe(100)
    expect(desk.renew().seconds).toBe(100)
  })

  it('answers at once when the checkpoint was refused, and waits when nobody knows', () => {
    const desk = new Desk()
    desk.clock.advance(40_000)
    desk.tick()
    must(desk.held.shift(), 'a checkpoint').done(raftNodeError('too-many-requests'))
    expect(desk.renew().seconds).toBe(100)
    desk.clock.advance(40_000)
    desk.tick()
    must(desk.held.shift(), 'a checkpoint').done(raftNodeError('timeout', 'unknown'))
    expect(desk.renew().seconds).toBeNull()
    desk.apply()
  })

  it('tells who renews with a leader of before to ask the next one', () => {
    const desk = new Desk()
    desk.clock.advance(40_000)
    desk.tick()
    const answer = desk.renew()
    desk.apply()
    desk.apply(2)
    expect(answer.error).toMatchObject({ code: 'not-leader', retryable: true })
  })
})
