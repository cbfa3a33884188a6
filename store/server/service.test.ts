// The service of one member by a clock of the test's own.

import { expect, it } from 'vitest'
import { quietPlatform } from '../../platform/testing/quiet-platform.js'
import { VirtualClock } from '../../platform/testing/virtual-clock.js'
import { MemoryBackend } from '../backend/memory.js'
import { localEntry } from '../core/local-entry.js'
import { StoreCore } from '../core/store-core.js'
import type { Answer, WireError } from '../protocol.js'
import { Maintenance } from './maintenance.js'
import type { Requester } from './requester.js'
import { StoreService } from './service.js'
import { LoneReplica } from './testing/lone-member.js'

function follower() {
  const clock = new VirtualClock()
  const machine = new StoreCore(new MemoryBackend(), { clusterId: 7, memberId: 1 })
  const raft = new LoneReplica(machine, clock)
  raft.setLeads(false)
  const platform = { ...quietPlatform(), clock }
  const maintenance = new Maintenance({ machine, ...platform, autoCompaction: { mode: 'off' } })
  const options = {
    ...platform,
    id: 1,
    name: 'm1',
    members: [{ id: 1, name: 'm1', peerAddress: 'nowhere:1', clientAddress: 'nowhere:2' }],
    dataDirectory: '/nowhere',
    listenClient: 'nowhere:2',
    listenPeer: 'nowhere:1',
    clientTls: null,
    peerTls: null,
    version: '0.0.0',
    onFatal: (error: Error) => {
      throw error
    },
  }
  const parts = { options, clusterId: 7, requestTimeoutMs: 1_000, raft, machine, maintenance }
  const service = new StoreService(parts)
  raft.onSoftState(state => service.leaderChanged(state))
  return { clock, machine, raft, service }
}

class Asker implements Requester {
  readonly principal = { commonName: null, token: null }
  readonly open = true
  readonly bufferedBytes = 0
  readonly told: string[] = []

  answer(answer: Answer): void {
    this.told.push(
      answer.kind === 'leaseKeepAlive' ? `${answer.response.ttlSeconds} s` : answer.kind,
    )
  }

  fail(_id: number, error: unknown): void {
    this.told.push((error as { code: string }).code)
  }

  failWith(_id: number, error: WireError): void {
    this.told.push(error.code)
  }

  rangePart(): void {}
  snapshotPart(): void {}
  written(): void {}
  notWritten(): void {}

  paced(answer: () => void): void {
    answer()
  }
}

it('renews leases from the moment of its election on', () => {
  const { clock, machine, raft, service } = follower()
  machine.apply(localEntry(1, 1, [{ kind: 'leaseGrant', id: 5, ttlSeconds: 100 }]))
  const asker = new Asker()
  const renew = () => {
    service.handle(asker, { kind: 'leaseKeepAlive', id: 1, lease: 5, forwarded: true })
    clock.advance(0)
  }
  raft.setLeads(true)
  renew()
  expect(asker.told).toEqual(['100 s'])
})

it('knows nothing of the times of leases from the moment on when it leads no more', () => {
  const { clock, machine, raft, service } = follower()
  machine.apply(localEntry(1, 1, [{ kind: 'leaseGrant', id: 5, ttlSeconds: 100 }]))
  raft.setLeads(true)
  clock.advance(0)
  clock.advance(40_000)
  expect(machine.leaseTimeToLive(5, false, clock.monotonicMs()).ttlSeconds).toBe(60)
  raft.setLeads(false)
  expect(machine.leaseTimeToLive(5, false, clock.monotonicMs()).ttlSeconds).toBe(100)
  service.close()
})

it('goes by the time that the leader before has noted, though it hears of that after its election', () => {
  const { clock, machine, raft, service } = follower()
  machine.apply(localEntry(1, 1, [{ kind: 'leaseGrant', id: 5, ttlSeconds: 100 }]))
  raft.setLeads(true)
  // Committed before the election, and applied only now; the quorum answers behind it.
  const checkpoints = [{ id: 5, remainingSeconds: 10 }]
  machine.apply(localEntry(2, 1, [{ kind: 'leaseCheckpoint', leaderTerm: 1, checkpoints }]))
  clock.advance(0)
  expect(machine.leaseTimeToLive(5, false, clock.monotonicMs()).ttlSeconds).toBe(10)
  service.close()
})
