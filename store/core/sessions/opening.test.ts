// Openings of sessions that come again: one nonce of one user is one session, as long as it is remembered.

import { expect, test } from 'vitest'
import { MemoryBackend } from '../../backend/memory.js'
import { packArray } from '../../../platform/msgpack.js'
import { type Command, commandVersion, decodeCommands, encodeCommands } from '../command.js'
import { StoreCore } from '../store-core.js'
import type { StoreCoreConfig } from '../store-core-config.js'
import { AuthDriver } from '../testing/auth-driver.js'
import { bytes, Driver } from '../testing/driver.js'
import type { Once } from '../types.js'

const cluster = (change: 'raise' | 'downgrade', version: number): Command => ({
  kind: 'cluster',
  change: change === 'raise' ? { kind: change, version } : { kind: change, target: version },
})

function started(config: Partial<StoreCoreConfig> = {}, backend = new MemoryBackend()): Driver {
  const driver = new Driver(config, backend)
  driver.batch([cluster('raise', 4)])
  return driver
}

const opening = (name: string) =>
  ({ kind: 'openSession', nonce: bytes(name.padEnd(16, '.')) }) as const

const open = (driver: Driver, name: string): number => driver.run(opening(name)).session

const put = (session: number, number: number): Command & { readonly once: Once } => ({
  kind: 'put',
  request: { key: bytes('a'), value: bytes('x') },
  once: { session, number, floor: number },
})

function restarted(backend: MemoryBackend, config: Partial<StoreCoreConfig> = {}): StoreCore {
  return new StoreCore(backend, { clusterId: 7, memberId: 1, ...config })
}

test('An opening that comes again is answered with the session that it opened.', () => {
  const driver = started()
  const answers = driver.batch([opening('one'), opening('two'), opening('one')])
  expect(answers.map(answer => (answer.ok ? answer.response : answer.error))).toMatchObject([
    { session: 1, numbersMax: 4096 },
    { session: 2, numbersMax: 4096 },
    { session: 1, numbersMax: 4096 },
  ])
  expect(open(driver, 'two')).toBe(2)
  expect(driver.run({ kind: 'openSession' }).session).toBe(3)
})

test('It is known again after a restart, and from a snapshot.', () => {
  const backend = new MemoryBackend()
  const driver = started({}, backend)
  open(driver, 'one')
  driver.run({ kind: 'openSession' })
  const { contentDigest } = driver.core
  driver.core.flush()
  driver.core = restarted(backend)
  expect(driver.core.contentDigest).toBe(contentDigest)
  expect(open(driver, 'one')).toBe(1)
  driver.restoreFromItself()
  expect(open(driver, 'one')).toBe(1)
  expect(open(driver, 'two')).toBe(3)
})

test('States in which openings had other nonces are told apart.', () => {
  const cores = [opening('one'), opening('two'), { kind: 'openSession' } as const].map(command => {
    const driver = started()
    driver.batch([command])
    return driver.core
  })
  expect(new Set(cores.map(core => core.stateHash)).size).toBe(3)
  expect(new Set(cores.map(core => core.contentDigest)).size).toBe(3)
})

test('However often it comes, the sessions of others stay.', () => {
  const driver = started({ sessions: { sessionsMax: 2 } })
  const other = open(driver, 'other')
  for (let sent = 0; sent < 100; sent += 1) expect(open(driver, 'one')).toBe(2)
  driver.run(put(other, 1) as Command & { kind: 'put' })
})

test('One that comes very late finds its session used, and leaves it as it is.', () => {
  const driver = started()
  const session = open(driver, 'one')
  const write = put(session, 1)
  const first = driver.batch([write])
  expect(open(driver, 'one')).toBe(session)
  expect(driver.batch([write])).toEqual(first)
  expect(driver.range('a')).toEqual(['a=x c2 m2 v1'])
})

test('It counts as a use of the session; once that is forgotten, it opens another.', () => {
  const driver = started({ sessions: { sessionsMax: 2 } })
  open(driver, 'one')
  open(driver, 'two')
  open(driver, 'one')
  expect(open(driver, 'three')).toBe(3)
  expect(open(driver, 'one')).toBe(1)
  expect(open(driver, 'two')).toBe(4)
  expect(driver.refusal(put(2, 1))).toBe('session-not-found')
})

test('A nonce is its user’s: nobody else is given the session, and nobody is a user too.', () => {
  const driver = new AuthDriver()
  driver.batch([cluster('raise', 4)])
  const nobodys = open(driver, 'one')
  driver.addUser('alice')
  driver.addUser('bob')
  driver.enable()
  const openedBy = (user: string) => driver.run({ ...opening('one'), by: driver.by(user) }).session
  const opened = [openedBy('alice'), openedBy('bob')]
  expect([openedBy('alice'), openedBy('bob')]).toEqual(opened)
  expect(new Set([nobodys, ...opened]).size).toBe(3)
  expect(driver.refusal(opening('one'))).toBe('user-empty')
  // Not by the end of the one and the beginning of the other, either.
  const joined = { kind: 'openSession', nonce: bytes('aaaaaaaaaaaaaaaa') } as const
  driver.addUser('abob')
  const [left, right] = ['bob', 'abob'].map(user => driver.run({ ...joined, by: driver.by(user) }))
  expect(left?.session).not.toBe(right?.session)
})

test.each([0, 1, 15, 17, 10_000])(
  'A nonce of %i bytes is malformed, and opens nothing.',
  length => {
    const driver = started()
    const { contentDigest } = driver.core
    const command: Command = { kind: 'openSession', nonce: new Uint8Array(length) }
    expect(driver.refusal(command)).toBe('malformed')
    expect(driver.core.contentDigest).toBe(contentDigest)
  },
)

test('In the log it is a command of its own; the one without a nonce is what it was.', () => {
  const hexOf = (command: Command) => Buffer.from(encodeCommands([command])).toString('hex')
  expect(hexOf({ kind: 'openSession' })).toBe('0191910f')
  expect(hexOf(opening('one'))).toBe('01919228c4106f6e652e2e2e2e2e2e2e2e2e2e2e2e2e')
})

test.each([
  ['no nonce', [40]],
  ['a nonce that is a text', [40, 'x'.repeat(16)]],
  ['a field too many', [40, bytes('x'.repeat(16)), 0]],
  ['a nonce where none belongs', [15, bytes('x'.repeat(16))]],
])('An opening in the log with %s is malformed.', (_what, fields) => {
  expect(() => decodeCommands(Uint8Array.of(1, ...packArray([fields])))).toThrow('malformed')
})

test('Before the cluster knows of it, it is refused; sessions without one go on as before.', () => {
  const driver = new Driver()
  driver.batch([cluster('raise', 3)])
  expect([opening('one'), { kind: 'openSession' } as const].map(commandVersion)).toEqual([4, 3])
  expect(driver.run({ kind: 'openSession' }).session).toBe(1)
  driver.run(put(1, 1) as Command & { kind: 'put' })
  // What programs say to one another that know of nonces, and those that do not.
  expect(driver.core.stateHash).toBe('fc31a21d7d9ee2fe')
  expect(driver.core.contentDigest).toBe('887244ac6473c2a80000000087fe087c')
  expect(driver.refusal(opening('one'))).toBe('version-too-low')
  expect(driver.core.contentDigest).toBe('887244ac6473c2a80000000087fe087c')
})

test('A downgrade to what knows no nonces leaves the sessions, in the form of old.', () => {
  const drivers = [opening('one'), { kind: 'openSession' } as const].map(command => {
    const backend = new MemoryBackend()
    const driver = started({}, backend)
    driver.run<'openSession'>(command)
    driver.run(put(1, 1) as Command & { kind: 'put' })
    // The nonce is on disk by then, and has to go from there.
    driver.core.flush()
    driver.batch([cluster('downgrade', 3)])
    driver.core.flush()
    return { driver, backend }
  })
  const [named, nameless] = drivers
  if (named === undefined || nameless === undefined) throw new Error('no drivers')
  expect(named.driver.core.contentDigest).toBe(nameless.driver.core.contentDigest)
  const older = restarted(named.backend, { versionMax: 3 })
  expect(older.contentDigest).toBe(nameless.driver.core.contentDigest)
  // Programs of then read no more than four fields of a session.
  const stored = ({ backend }: { readonly backend: MemoryBackend }) =>
    backend.records().map(({ name, value }) => [name, Buffer.from(value).toString('hex')])
  expect(stored(named)).toEqual(stored(nameless))
  const { driver } = named
  expect(driver.refusal(opening('one'))).toBe('version-too-low')
  driver.run(put(1, 2) as Command & { kind: 'put' })
  driver.run({ kind: 'cluster', change: { kind: 'endDowngrade' } })
  driver.batch([cluster('raise', 4)])
  expect(open(driver, 'one')).toBe(2)
})
