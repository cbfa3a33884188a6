import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { MemoryBackend } from '../../backend/memory.js'
import { packArray } from '../../../platform/msgpack.js'
import { BackendError } from '../backend.js'
import { type Command, type CommandResult, commandVersion, decodeCommands } from '../command.js'
import { sessionLimits } from '../limits.js'
import { applyWhole, localEntry } from '../local-entry.js'
import { StoreCore } from '../store-core.js'
import type { StoreCoreConfig } from '../store-core-config.js'
import { AuthDriver, permission } from '../testing/auth-driver.js'
import { bytes, Driver, text } from '../testing/driver.js'
import type { Once } from '../types.js'

const raise = (version = 4): Command => ({ kind: 'cluster', change: { kind: 'raise', version } })

function started<D extends Driver>(driver: D): D {
  driver.batch([raise()])
  return driver
}

const put = (key: string, value: string, more = {}): Command => ({
  kind: 'put',
  request: { key: bytes(key), value: bytes(value), ...more },
})

const open = (driver: Driver): number => driver.run({ kind: 'openSession' }).session

const once = (session: number, number: number, floor = 1): Once => ({ session, number, floor })

/** What came of it, in one line. */
function shown(result: CommandResult | undefined): string {
  if (result === undefined) return 'nothing'
  if (!result.ok) return `${result.error.code}, ${result.error.outcome}`
  const { header, ...body } = result.response
  const values = JSON.stringify(body, (name, value: unknown) => {
    // Operations of a transaction have the header of the whole.
    if (name === 'header') return undefined
    const isBytes = value instanceof Uint8Array || (value as { type?: string })?.type === 'Buffer'
    return isBytes ? text(Buffer.from(value as Uint8Array)) : value
  })
  return `${result.kind} at ${header.revision} of term ${header.raftTerm}: ${values}`
}

const done = (driver: Driver, command: Command): string => shown(driver.batch([command])[0])

// ---- a dumb model: every answer that was ever given, and lists ----

interface ModelSession {
  readonly id: number
  readonly user: string | null
  readonly nonce: string | null
  usedAt: number
  floor: number
  readonly answers: Map<number, string>
}

const limits = { sessionsMax: 3, numbersMax: 4 }

class Model {
  sessions: ModelSession[] = []
  opened = 0
  /** Openings that came again and found what they had opened. */
  reopened = 0
  /** How often the counter was written. */
  counted = 0

  open(user: string | null, nonce: string | null, index: number): number {
    const known = this.sessions.find(
      one => nonce !== null && one.nonce === nonce && one.user === user,
    )
    if (known !== undefined) {
      known.usedAt = index
      this.reopened += 1
      return known.id
    }
    if (this.sessions.length === limits.sessionsMax) {
      this.sessions.sort((a, b) => a.usedAt - b.usedAt || a.id - b.id).shift()
    }
    this.opened += 1
    const answers = new Map<number, string>()
    this.sessions.push({ id: this.opened, user, nonce, usedAt: index, floor: 1, answers })
    return this.opened
  }

  /** Null: it is done now. */
  again({ session: id, number, floor }: Once, user: string | null, index: number): string | null {
    const session = this.sessions.find(one => one.id === id)
    if (session === undefined) return 'session-not-found, not-applied'
    if (session.user !== user) return 'session-denied, not-applied'
    session.usedAt = index
    session.floor = Math.max(session.floor, floor)
    if (number < session.floor) return 'once-forgotten, unknown'
    if (number >= session.floor + limits.numbersMax) return 'once-ahead, not-applied'
    return session.answers.get(number) ?? null
  }

  keep({ session: id, number }: Once, answer: string): void {
    this.sessions.find(one => one.id === id)?.answers.set(number, answer)
  }
}

type Step =
  | { readonly kind: 'open'; readonly user: string | null; readonly nonce: string | null }
  | { readonly kind: 'writes'; readonly writes: readonly Write[] }
  | { readonly kind: 'flush' | 'restart' | 'restore' | 'term' }

interface Write {
  readonly what: 'count' | 'swap' | 'refused'
  /** From the newest session back. */
  readonly session: number
  readonly number: number
  readonly behind: number
  readonly user: string | null
}

const user = fc.constantFrom(null, null, null, 'alice')
const write = fc.record({
  what: fc.constantFrom('count' as const, 'count' as const, 'swap' as const, 'refused' as const),
  session: fc.nat(4),
  number: fc.integer({ min: 1, max: 8 }),
  behind: fc.nat(5),
  user,
})
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('open' as const),
      user,
      nonce: fc.constantFrom(null, 'n', 'o'),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('writes' as const),
      writes: fc.array(write, { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'flush' as const,
        'restart' as const,
        'restore' as const,
        'term' as const,
      ),
    }),
  },
)

const commandOf: Record<Write['what'], Command> = {
  // The version of the key tells how often it was done.
  count: put('counter', 'x', { prevKv: true }),
  swap: {
    kind: 'txn',
    request: {
      compare: [{ target: 'version', result: 'less', version: 3, key: bytes('swapped') }],
      success: [{ kind: 'put', request: { key: bytes('swapped'), value: bytes('y') } }],
      failure: [
        { kind: 'range', request: { key: bytes('swapped') } },
        { kind: 'deleteRange', request: { key: bytes('swapped') } },
      ],
    },
  },
  refused: put('k', 'v', { lease: 99 }),
}

test('Writes with a name are done once and answered alike, through repetitions, restarts and snapshots.', () => {
  const config = { sessions: limits }
  let repeated = 0
  let reopened = 0
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30, size: 'medium' }), steps => {
      const backend = new MemoryBackend()
      const driver = started(new Driver(config, backend))
      // The same log without any of what happens to a member.
      const twin = new Driver(config)
      const model = new Model()
      let flushed = 0
      for (const one of steps) {
        const index = driver.core.appliedIndex + 1
        switch (one.kind) {
          case 'open': {
            const by = one.user === null ? {} : { by: { user: one.user, authRevision: 0 } }
            const named = one.nonce === null ? {} : { nonce: bytes(one.nonce.repeat(16)) }
            const { session } = driver.run({ kind: 'openSession', ...by, ...named })
            expect(session).toBe(model.open(one.user, one.nonce, index))
            break
          }
          case 'writes': {
            const commands = one.writes.map((wanted): Command => {
              const name = {
                session: Math.max(0, model.opened - wanted.session),
                number: wanted.number,
                floor: Math.max(0, wanted.number - wanted.behind),
              }
              const by = wanted.user === null ? {} : { by: { user: wanted.user, authRevision: 0 } }
              return { ...commandOf[wanted.what], ...by, once: name }
            })
            const results = driver.batch(commands).map(shown)
            commands.forEach((command, at) => {
              const name = command.once as Once
              const by =
                command.by === undefined || command.by === 'member' ? null : command.by.user
              const answer = model.again(name, by, index)
              const result = results[at] ?? ''
              if (answer === null) {
                if (one.writes[at]?.what === 'count') model.counted += 1
                model.keep(name, result)
                return
              }
              repeated += 1
              // A number that named another write is of no use to this one.
              const kind = command.kind
              const other = answer.includes(' at ') && !answer.startsWith(`${kind} at`)
              expect(result).toBe(other ? 'malformed, not-applied' : answer)
            })
            break
          }
          case 'flush':
            driver.core.flush()
            flushed = driver.entries.length
            break
          case 'restart':
            driver.core = new StoreCore(backend, { clusterId: 7, memberId: 1, ...config })
            for (const entry of driver.entries.slice(flushed)) driver.core.apply(entry)
            driver.core.applied()
            break
          case 'restore':
            driver.restoreFromItself()
            flushed = driver.entries.length
            break
          case 'term':
            driver.term += 1
            break
          default:
            throw new Error('a step of no kind')
        }
      }
      for (const entry of driver.entries) twin.core.apply(entry)
      expect(driver.core.stateHash).toBe(twin.core.stateHash)
      expect(driver.core.contentDigest).toBe(twin.core.contentDigest)
      const [counter] = driver.range('counter')
      expect(counter?.split(' v')[1] ?? '0').toBe(String(model.counted))
      reopened += model.reopened
    }),
    { numRuns: 300 },
  )
  expect(repeated).toBeGreaterThan(1000)
  expect(reopened).toBeGreaterThan(150)
})

test('Sessions are told in any order of restarts which one was used longest ago.', () => {
  const backend = new MemoryBackend()
  const config = { sessions: { sessionsMax: 2 } }
  const driver = started(new Driver(config, backend))
  driver.batch([{ kind: 'openSession' }, { kind: 'openSession' }])
  // Both in one entry, the later one first.
  driver.batch([
    { ...put('a', '1'), once: once(2, 1) },
    { ...put('a', '2'), once: once(1, 1) },
  ])
  driver.core.flush()
  const again = new StoreCore(backend, { clusterId: 7, memberId: 1, ...config })
  const entry = localEntry(driver.core.appliedIndex + 1, 1, [
    { kind: 'openSession' },
    { ...put('a', '3'), once: once(1, 2) },
    { ...put('a', '4'), once: once(2, 2) },
  ])
  for (const core of [driver.core, again]) {
    expect(
      applyWhole(core, entry)
        .map(shown)
        .map(one => one.split(':')[0]),
    ).toEqual([
      'openSession at 3 of term 1',
      'session-not-found, not-applied',
      'put at 4 of term 1',
    ])
  }
})

// ---- single cases ----

test('A write that comes again has the revision and the term of the first time.', () => {
  const driver = started(new Driver())
  const session = open(driver)
  const first = done(driver, { ...put('a', '1'), once: once(session, 1) })
  driver.put('a', 'another')
  driver.term = 5
  expect(done(driver, { ...put('a', '1'), once: once(session, 1) })).toBe(first)
  expect(driver.range('a')).toEqual(['a=another c2 m3 v2'])
})

test.each<[string, Command]>([
  ['put', put('a', 'new', { prevKv: true })],
  [
    'deletion',
    { kind: 'deleteRange', request: { key: bytes('a'), end: bytes('z'), prevKv: true } },
  ],
  ['lease grant', { kind: 'leaseGrant', id: 8, ttlSeconds: 60 }],
  ['lease revoke', { kind: 'leaseRevoke', id: 7, leaderTerm: 0 }],
  ['compaction', { kind: 'compact', request: { revision: 2 } }],
  ['compaction that is refused', { kind: 'compact', request: { revision: 99 } }],
  ['grant that is refused', { kind: 'leaseGrant', id: 7, ttlSeconds: 60 }],
  [
    'transaction that writes nothing',
    { kind: 'txn', request: { compare: [], success: [], failure: [] } },
  ],
  [
    'transaction',
    {
      kind: 'txn',
      request: {
        compare: [{ target: 'version', result: 'greater', version: 0, key: bytes('a') }],
        success: [
          { kind: 'range', request: { key: bytes('a'), end: bytes('z'), limit: 1 } },
          { kind: 'put', request: { key: bytes('c'), value: bytes('v'), prevKv: true } },
          { kind: 'deleteRange', request: { key: bytes('b'), prevKv: true } },
          {
            kind: 'txn',
            request: {
              compare: [],
              success: [{ kind: 'put', request: { key: bytes('d'), value: bytes('v') } }],
              failure: [],
            },
          },
        ],
        failure: [],
      },
    },
  ],
])('A %s is answered as it was, also from a snapshot, and changes nothing.', (_what, command) => {
  const driver = started(new Driver())
  driver.grant(7, 60)
  driver.put('a', '1', { lease: 7 })
  driver.put('b', '2')
  const session = open(driver)
  const named = { ...command, once: once(session, 1) }
  const first = done(driver, named)
  const { revision } = driver.core
  expect(done(driver, named)).toBe(first)
  driver.restoreFromItself()
  expect(done(driver, named)).toBe(first)
  expect(driver.core.revision).toBe(revision)
})

test('A refusal is final: what has changed since does not make another answer of it.', () => {
  const driver = started(new Driver())
  const session = open(driver)
  const command = { ...put('a', '1', { lease: 7 }), once: once(session, 1) }
  expect(driver.refusal(command)).toBe('lease-not-found')
  driver.grant(7, 60)
  expect(driver.refusal(command)).toBe('lease-not-found')
  expect(driver.range('a')).toEqual([])
})

test('A compacted write is refused with the revision that it was refused with first.', () => {
  const driver = started(new Driver())
  for (const value of ['1', '2', '3']) driver.put('a', value)
  driver.compact(3)
  const session = open(driver)
  const command: Command = { kind: 'compact', request: { revision: 2 }, once: once(session, 1) }
  const first = driver.batch([command])[0]
  driver.compact(4)
  expect(driver.batch([command])[0]).toEqual(first)
})

test('A number that named a write of another kind is of no use to this one.', () => {
  const driver = started(new Driver())
  const session = open(driver)
  driver.run({ ...put('a', '1'), once: once(session, 1) } as Command & { kind: 'put' })
  const deletion: Command = { kind: 'deleteRange', request: { key: bytes('a') } }
  expect(driver.refusal({ ...deletion, once: once(session, 1) })).toBe('malformed')
  expect(driver.range('a')).toHaveLength(1)
})

test('An answer that is too long is not kept; it is told whether the write changed anything.', () => {
  const driver = started(new Driver())
  const long = 'x'.repeat(sessionLimits.answerBytesMax)
  driver.put('a', long)
  const session = open(driver)
  const changing = { ...put('a', '1', { prevKv: true }), once: once(session, 1) }
  expect(done(driver, changing)).toContain('put at 3')
  const [again] = driver.batch([changing])
  expect(again).toMatchObject({ error: { code: 'once-answer-long', outcome: 'unknown' } })
  expect(again).toMatchObject({
    error: { message: expect.stringContaining('at revision 3') as string },
  })
  driver.put('a', long)
  const reading: Command = {
    kind: 'txn',
    request: {
      compare: [{ target: 'version', result: 'equal', version: 9, key: bytes('a') }],
      success: [{ kind: 'put', request: { key: bytes('a'), value: bytes('2') } }],
      failure: [{ kind: 'range', request: { key: bytes('a') } }],
    },
    once: once(session, 2),
  }
  expect(done(driver, reading)).toContain('txn at 4')
  expect(done(driver, reading)).toBe('once-answer-long, not-applied')
})

test('A session keeps so many bytes of answers whole, and short ones always.', () => {
  const driver = started(new Driver({ sessions: { sessionBytesMax: 300 } }))
  driver.put('a', 'x'.repeat(150))
  const session = open(driver)
  const ask = (number: number, prevKv: boolean): string => {
    const value = { prevKv, ignoreValue: true }
    return done(driver, { ...put('a', '', value), once: once(session, number) })
  }
  ask(1, true)
  ask(2, true)
  ask(3, false)
  expect(ask(1, true)).toContain('put at 3')
  expect(ask(2, true)).toBe('once-answer-long, unknown')
  expect(ask(3, false)).toContain('put at 5')
})

test('The sessions that were used longest ago make room when all of them hold too much.', () => {
  const driver = started(new Driver({ sessions: { bytesMax: 1_000 } }))
  driver.put('a', 'x'.repeat(200))
  const sessions = [open(driver), open(driver), open(driver)]
  const ask = (session = 0, number = 1): string => {
    const value = { prevKv: true, ignoreValue: true }
    const answer = done(driver, { ...put('a', '', value), once: once(session, number) })
    return answer.split(':')[0] ?? ''
  }
  for (const session of sessions) ask(session)
  expect(sessions.map(session => ask(session, 1))).toEqual([
    'session-not-found, not-applied',
    'put at 4 of term 1',
    'put at 5 of term 1',
  ])
})

test('Whoever did not open a session has no use of it, and gets no answer of another user.', () => {
  const driver = started(new AuthDriver())
  driver.addRole('all', permission('readwrite', 'a', 'z'))
  driver.addUser('alice', 'all')
  driver.addUser('bob', 'all')
  driver.enable()
  const { session } = driver.run({ kind: 'openSession', by: driver.by('alice') })
  const command = { ...put('a', '1'), once: once(session, 1) }
  expect(driver.verdict(command, 'bob')).toBe('session-denied')
  expect(driver.verdict(command, 'alice')).toBe('ok')
  expect(driver.verdict(command, 'bob')).toBe('session-denied')
  expect(driver.verdict(command)).toBe('session-denied')
  expect(driver.verdict({ kind: 'openSession' })).toBe('user-empty')
})

test('What was done stays answered when its user may not do it any more; what was not is refused for good.', () => {
  const driver = started(new AuthDriver())
  driver.addRole('all', permission('readwrite', 'a', 'z'))
  driver.addUser('alice', 'all')
  driver.enable()
  const { session } = driver.run({ kind: 'openSession', by: driver.by('alice') })
  const [first, second] = [1, 2].map(number => ({ ...put('a', '1'), once: once(session, number) }))
  if (first === undefined || second === undefined) throw new Error('no commands')
  expect(driver.verdict(first, 'alice')).toBe('ok')
  const stale = driver.by('alice')
  driver.change({ action: 'userRevokeRole', user: 'alice', role: 'all' })
  // It is looked at anew under the same number, so that refusal cannot be kept.
  expect(driver.refusal({ ...second, by: stale })).toBe('auth-old-revision')
  expect(driver.verdict(first, 'alice')).toBe('ok')
  expect(driver.verdict(second, 'alice')).toBe('permission-denied')
  driver.change({ action: 'userGrantRole', user: 'alice', role: 'all' })
  expect(driver.verdict(second, 'alice')).toBe('permission-denied')
  expect(driver.range('a')).toEqual(['a=1 c2 m2 v1'])
})

test('A write that the quota refused is refused again when there is room; its number is taken.', () => {
  const driver = started(new Driver())
  driver.run({ kind: 'quota', bytes: 1_000 })
  const session = open(driver)
  const command = { ...put('a', 'x'.repeat(2_000)), once: once(session, 1) }
  expect(driver.refusal(command)).toBe('no-space')
  driver.run({ kind: 'quota', bytes: 0 })
  driver.run({ kind: 'alarm', activate: false, alarm: { kind: 'nospace', member: 1 } })
  expect(driver.refusal(command)).toBe('no-space')
  driver.run({ ...command, once: once(session, 2) } as Command & { kind: 'put' })
})

test.each<[string, Once, Command]>([
  ['number 0', once(1, 0, 0), put('a', '1')],
  ['a floor above its number', once(1, 1, 2), put('a', '1')],
  ['a command of operators', once(1, 1), raise()],
  ['a session in a session', once(1, 1), { kind: 'openSession' }],
])('A name with %s is malformed.', (_what, name, command) => {
  const driver = started(new Driver())
  open(driver)
  expect(driver.refusal({ ...command, once: name })).toBe('malformed')
})

test('Nothing of it is done before all members know it, nor after a downgrade, which ends all sessions.', () => {
  const config: Partial<StoreCoreConfig> = { versionMax: 3 }
  const driver = new Driver(config)
  const named = { ...put('a', '1'), once: once(1, 1) }
  expect([{ kind: 'openSession' } as const, named].map(commandVersion)).toEqual([3, 3])
  expect(driver.refusal({ kind: 'openSession' })).toBe('version-too-low')
  expect(driver.refusal(named)).toBe('version-too-low')
  driver.batch([raise(3)])
  const before = driver.core.contentDigest
  open(driver)
  expect(driver.core.contentDigest).not.toBe(before)
  driver.run({ kind: 'cluster', change: { kind: 'downgrade', target: 2 } })
  expect(driver.refusal(named)).toBe('version-too-low')
  driver.run({ kind: 'cluster', change: { kind: 'endDowngrade' } })
  driver.batch([raise(3)])
  expect(driver.refusal(named)).toBe('session-not-found')
  expect(open(driver)).toBe(2)
})

test.each([
  ['an author inside', [14, 1, 1, 1, [16, 'u', 1, [1, bytes('a'), bytes('b'), 0, 0]]]],
  ['a name inside', [14, 1, 1, 1, [14, 1, 1, 1, [1, bytes('a'), bytes('b'), 0, 0]]]],
  ['a field too few', [14, 1, 1, [1, bytes('a'), bytes('b'), 0, 0]]],
  ['a number that is none', [14, 1, -1, 1, [1, bytes('a'), bytes('b'), 0, 0]]],
])('A name in the log with %s is refused as a whole.', (_what, fields) => {
  const data = Uint8Array.of(1, ...packArray([fields]))
  expect(() => decodeCommands(data)).toThrow('malformed')
})

test('A stored session that cannot be read is a damaged state.', () => {
  const shortNonce = packArray([null, 1, 1, [], bytes('short')])
  for (const value of [bytes('x'), Uint8Array.of(0x94, 0xc0, 1, 1, 0x92, 1), shortNonce]) {
    const backend = new MemoryBackend()
    const driver = started(new Driver({}, backend))
    open(driver)
    driver.core.flush()
    const meta = backend.meta
    if (meta === null) throw new Error('nothing was written')
    backend.commit({
      meta,
      rows: [],
      deletedOrdinals: [],
      leases: [],
      deletedLeases: [],
      records: [{ name: 'client/1', value }],
      deletedRecords: [],
    })
    expect(() => new StoreCore(backend, { clusterId: 7, memberId: 1 })).toThrow(BackendError)
  }
})
