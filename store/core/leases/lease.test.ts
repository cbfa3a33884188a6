import { expect, test } from 'vitest'
import type { Command } from '../command.js'
import { bytes, Driver, text } from '../testing/driver.js'
import { LeaseTable } from './lease.js'
import { LeaseClock, leaseClockDefaults } from './lease-clock.js'

const seconds = (value: number): number => value * 1000

/** Ticks and applies what comes of it, as a leader's shell does. */
function tick(driver: Driver, nowMs: number): string[] {
  const commands = driver.core.leaseTick(nowMs, true, driver.term)
  return commands.map((command: Command) => {
    const [result] = driver.batch([command])
    const answer = result?.ok === true ? 'ok' : result?.error.code
    return command.kind === 'leaseRevoke'
      ? `revoke ${command.id} ${answer}`
      : `${command.kind} ${answer}`
  })
}

test('Revoking a lease deletes its keys in one revision, in key order, and nothing else.', () => {
  const driver = new Driver()
  driver.grant(5, 60)
  for (const key of ['c', 'a', 'b']) driver.put(key, 'v', { lease: 5 })
  driver.put('other', 'v')
  const watcher = driver.core.openWatch(
    { key: bytes('\0'), end: bytes('\0'), startRevision: 6 },
    () => {},
  )
  expect(driver.run({ kind: 'leaseRevoke', id: 5, leaderTerm: 0 }).header.revision).toBe(6)
  const batch = watcher.next(1)
  expect(batch?.events.map(event => `${event.kind} ${text(event.kv.key)}`)).toEqual([
    'delete a',
    'delete b',
    'delete c',
  ])
  expect(driver.range('\0', '\0')).toHaveLength(1)
  expect(driver.core.leaseLeases().leases).toEqual([])
})

test('A lease without keys is revoked without a revision.', () => {
  const driver = new Driver()
  driver.grant(5, 60)
  expect(driver.run({ kind: 'leaseRevoke', id: 5, leaderTerm: 0 }).header.revision).toBe(1)
})

test('A put without a lease, with another, or a deletion detaches a key.', () => {
  const driver = new Driver()
  driver.grant(5, 60)
  driver.grant(6, 60)
  const keysOf = (id: number) => driver.core.leaseTimeToLive(id, true, 0).keys.map(text)
  for (const key of ['a', 'b', 'c', 'd']) driver.put(key, 'v', { lease: 5 })
  driver.put('a', 'v')
  driver.put('b', 'v', { lease: 6 })
  driver.delete('c')
  expect([keysOf(5), keysOf(6)]).toEqual([['d'], ['b']])
})

test('A lease id is granted once.', () => {
  const driver = new Driver()
  driver.grant(5, 60)
  expect(driver.refusal({ kind: 'leaseGrant', id: 5, ttlSeconds: 9 })).toBe('lease-exists')
})

test.each([
  [0, 0, { id: 77, ttlSeconds: 4 }],
  [9, 3, { id: 9, ttlSeconds: 4 }],
  [9, 30, { id: 9, ttlSeconds: 30 }],
])(
  'A grant of id %i for %i s is proposed with an id and at least the minimum.',
  (id, ttlSeconds, wanted) => {
    const { core } = new Driver({ leaseTtlSecondsMin: 4 })
    expect(core.leaseGrantCommand({ id, ttlSeconds }, 77)).toMatchObject(wanted)
  },
)

test('A grant beyond the longest time is refused before it is proposed.', () => {
  const { core } = new Driver()
  expect(() => core.leaseGrantCommand({ ttlSeconds: 9_000_000_001 }, 1)).toThrow(
    'too large lease TTL',
  )
})

test('A lease expires when its time has passed without a keep-alive, on the leader only.', () => {
  const driver = new Driver()
  tick(driver, 0)
  driver.grant(5, 10)
  driver.put('a', 'v', { lease: 5 })
  expect(tick(driver, 100)).toEqual([])
  expect(driver.core.leaseKeepAlive(5, seconds(9))).toEqual({ id: 5, ttlSeconds: 10, before: null })
  expect(driver.core.leaseTimeToLive(5, false, seconds(10))).toMatchObject({
    ttlSeconds: 9,
    grantedTtlSeconds: 10,
  })
  expect(tick(driver, seconds(18.9))).toEqual([])
  expect(driver.core.leaseTick(seconds(30), false, 1)).toEqual([])
  expect(tick(driver, seconds(40))).toEqual([])
  expect(tick(driver, seconds(50))).toEqual(['revoke 5 ok'])
  expect(driver.range('a')).toEqual([])
})

test('Nobody but the leader renews.', () => {
  const driver = new Driver()
  driver.grant(5, 10)
  expect(() => driver.core.leaseKeepAlive(5, 0)).toThrow(
    expect.objectContaining({ code: 'not-leader' }),
  )
  tick(driver, 0)
  expect(driver.core.leaseKeepAlive(5, 0).ttlSeconds).toBe(10)
  driver.core.leaseTick(0, false, 2)
  expect(() => driver.core.leaseKeepAlive(5, 0)).toThrow(
    expect.objectContaining({ code: 'not-leader' }),
  )
})

test('A missing lease renews to 0 and has -1 s to live.', () => {
  const driver = new Driver()
  tick(driver, 0)
  expect(driver.core.leaseKeepAlive(5, 0)).toEqual({ id: 5, ttlSeconds: 0, before: null })
  expect(driver.core.leaseTimeToLive(5, true, 0)).toMatchObject({ ttlSeconds: -1, keys: [] })
})

test('A revoke by a leader of an earlier term is refused on apply; one by a client never.', () => {
  const driver = new Driver()
  driver.grant(5, 10)
  driver.term = 3
  expect(driver.refusal({ kind: 'leaseRevoke', id: 5, leaderTerm: 2 })).toBe('stale-leader')
  const checkpoints = [{ id: 5, remainingSeconds: 1 }]
  expect(driver.refusal({ kind: 'leaseCheckpoint', leaderTerm: 2, checkpoints })).toBe(
    'stale-leader',
  )
  expect(driver.core.leaseTimeToLive(5, false, 0).ttlSeconds).toBe(10)
  driver.run({ kind: 'leaseRevoke', id: 5, leaderTerm: 0 })
})

test('Remaining time survives an election by checkpoints; what was renewed meanwhile too.', () => {
  const driver = new Driver({ leases: { checkpointIntervalMs: seconds(10) } })
  driver.grant(5, 100)
  driver.grant(6, 100)
  tick(driver, 0)
  expect(tick(driver, seconds(40))).toEqual(['leaseCheckpoint ok'])
  const renewal = driver.core.leaseKeepAlive(6, seconds(45))
  expect(renewal).toMatchObject({
    ttlSeconds: 100,
    before: { checkpoints: [{ id: 6, remainingSeconds: 0 }] },
  })
  if (renewal.before !== null) driver.batch([renewal.before])
  // Another leader, with another clock: 60 s are left of the first, 100 of the second.
  driver.term = 2
  driver.core.leaseTick(seconds(1000), false, 1)
  expect(tick(driver, seconds(5000))).toEqual([])
  expect(tick(driver, seconds(5059)).filter(one => one.startsWith('revoke'))).toEqual([])
  expect(tick(driver, seconds(5061)).filter(one => one.startsWith('revoke'))).toEqual([
    'revoke 5 ok',
  ])
  expect(tick(driver, seconds(5101)).filter(one => one.startsWith('revoke'))).toEqual([
    'revoke 6 ok',
  ])
})

test('A renewal withdraws a checkpoint that is still on its way as well.', () => {
  const driver = new Driver({ leases: { checkpointIntervalMs: seconds(10) } })
  driver.grant(5, 100)
  tick(driver, 0)
  const [told] = driver.core.leaseTick(seconds(40), true, driver.term)
  // Proposed and not applied: the next leader may come to know of 60 s, and of no renewal.
  const renewal = driver.core.leaseKeepAlive(5, seconds(45))
  expect(renewal).toMatchObject({
    ttlSeconds: 100,
    before: { kind: 'leaseCheckpoint', checkpoints: [{ id: 5, remainingSeconds: 0 }] },
  })
  if (told === undefined || renewal.before === null) throw new Error('nothing to apply')
  driver.batch([told, renewal.before])
  driver.core.leaseCommandEnded(told)
  expect(driver.core.leaseKeepAlive(5, seconds(50)).before).toBeNull()
  driver.term = 2
  expect(tick(driver, seconds(1000))).toEqual([])
  expect(tick(driver, seconds(1099)).filter(one => one.startsWith('revoke'))).toEqual([])
})

test('A checkpoint that was refused needs no withdrawal, one that is lost does for its term.', () => {
  const driver = new Driver({ leases: { checkpointIntervalMs: seconds(10) } })
  for (const id of [5, 6]) driver.grant(id, 100)
  tick(driver, 0)
  const [told] = driver.core.leaseTick(seconds(40), true, driver.term)
  if (told === undefined) throw new Error('nothing was proposed')
  expect(driver.core.leaseKeepAlive(5, seconds(41)).before).not.toBeNull()
  driver.core.leaseCommandEnded(told)
  expect(driver.core.leaseKeepAlive(6, seconds(41)).before).toBeNull()
  driver.core.leaseTick(seconds(80), true, driver.term)
  expect(driver.core.leaseKeepAlive(5, seconds(81)).before).not.toBeNull()
  expect(driver.core.leaseKeepAlive(5, seconds(82)).before).not.toBeNull()
  driver.core.leaseTick(seconds(90), true, 2)
  expect(driver.core.leaseKeepAlive(5, seconds(91)).before).toBeNull()
})

test('Many expired leases are revoked in chunks, and a revoke that got lost is repeated.', () => {
  const driver = new Driver({ leases: { revokesPerTickMax: 2, revokeRepeatMs: 1000 } })
  for (const id of [1, 2, 3]) driver.grant(id, 5)
  tick(driver, 0)
  const lost = driver.core.leaseTick(seconds(6), true, 1)
  expect(lost).toHaveLength(2)
  const lostIds = lost.flatMap(one => (one.kind === 'leaseRevoke' ? [one.id] : []))
  for (const id of lostIds) expect(driver.core.leaseKeepAlive(id, seconds(6)).ttlSeconds).toBe(0)
  expect(tick(driver, seconds(6.1))).toHaveLength(1)
  expect(tick(driver, seconds(6.5))).toEqual([])
  expect(tick(driver, seconds(7.2)).sort()).toEqual(lostIds.map(id => `revoke ${id} ok`).sort())
  expect(driver.core.leaseLeases().leases).toEqual([])
  expect(tick(driver, seconds(20))).toEqual([])
})

test('A lease that is granted anew under the id of a revoked one has its own time.', () => {
  const driver = new Driver()
  tick(driver, 0)
  driver.grant(5, 10)
  tick(driver, 0)
  driver.run({ kind: 'leaseRevoke', id: 5, leaderTerm: 0 })
  driver.grant(5, 100)
  expect(driver.core.leaseTimeToLive(5, false, seconds(1)).ttlSeconds).toBe(100)
  tick(driver, seconds(1))
  expect(driver.core.leaseTimeToLive(5, false, seconds(2)).ttlSeconds).toBe(99)
  expect(tick(driver, seconds(11))).toEqual([])
  expect(tick(driver, seconds(102))).toEqual(['revoke 5 ok'])
})

test('A lease that is granted anew while the revoke of the old one is on its way is not taken for it.', () => {
  const driver = new Driver({ leases: { revokeRepeatMs: 1000 } })
  driver.grant(5, 10)
  tick(driver, 0)
  expect(driver.core.leaseTick(seconds(11), true, 1)).toHaveLength(1)
  driver.run({ kind: 'leaseRevoke', id: 5, leaderTerm: 0 })
  driver.grant(5, 100)
  expect(driver.core.leaseKeepAlive(5, seconds(11.5)).ttlSeconds).toBe(100)
  expect(tick(driver, seconds(13))).toEqual([])
})

test('Of leases that were revoked before their time nothing is kept.', () => {
  const table = new LeaseTable([])
  const clock = new LeaseClock(table, leaseClockDefaults)
  clock.tick(0, true, 1)
  for (let id = 1; id <= 10_000; id += 1) {
    table.grant(id, 9_000_000_000)
    clock.granted(id)
    clock.tick(id, true, 1)
    table.remove(id)
    clock.revoked(id)
  }
  expect(clock.size).toBeLessThan(200)
})
