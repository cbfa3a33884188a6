import * as fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { KeyIntervals } from './auth-intervals.js'
import type { Command } from '../command.js'
import { boundsOf } from '../key-range.js'
import { AuthDriver, hash, permission } from '../testing/auth-driver.js'
import { ModelUser, world } from '../testing/auth-model.js'
import { end, key, ranged, txn } from '../testing/arbitraries.js'
import { bytes } from '../testing/driver.js'
import type { Access, RequestOp, TxnRequest } from '../types.js'

const put = (name: string, more: object = {}): Command => ({
  kind: 'put',
  request: { key: bytes(name), value: bytes('v'), ...more },
})
const transaction = (more: Partial<TxnRequest>): Command => ({
  kind: 'txn',
  request: { compare: [], success: [], failure: [], ...more },
})
const putOp = (name: string, more: object = {}): RequestOp => ({
  kind: 'put',
  request: { key: bytes(name), value: bytes('v'), ...more },
})
const rangeOp = (from: string, to?: string): RequestOp => ({
  kind: 'range',
  request: ranged(from, to),
})

/** u reads and writes [b, d), reads [e, g) and writes from x on; w may do nothing. */
function staffed(): AuthDriver {
  const driver = new AuthDriver()
  driver.put('a', '1')
  driver.put('c', '1')
  driver.put('f', '1')
  driver.addRole('rw', permission('readwrite', 'b', 'd'))
  driver.addRole('more', permission('read', 'e', 'g'), permission('write', 'x', '\0'))
  driver.addUser('u', 'rw', 'more')
  driver.addUser('w')
  driver.enable()
  return driver
}

describe('what a user may do', () => {
  const cases: readonly (readonly [string, Command, 'ok' | 'permission-denied'])[] = [
    ['put of its own key', put('c'), 'ok'],
    ['put of another key', put('a'), 'permission-denied'],
    ['put of a key it may only read', put('f'), 'permission-denied'],
    ['put of a key it may only write', put('y'), 'ok'],
    ['put with the value before, of its own key', put('c', { prevKv: true }), 'ok'],
    [
      'put with the value before, of a key it may only write',
      put('y', { prevKv: true }),
      'permission-denied',
    ],
    ['put at the end of its range', put('d'), 'permission-denied'],
    [
      'deletion that begins inside and ends outside',
      { kind: 'deleteRange', request: ranged('c', 'e') },
      'permission-denied',
    ],
    ['deletion of its whole range', { kind: 'deleteRange', request: ranged('b', 'd') }, 'ok'],
    [
      'deletion with the values before, where it may only write',
      { kind: 'deleteRange', request: { ...ranged('x', '\0'), prevKv: true } },
      'permission-denied',
    ],
    ['deletion from a key on', { kind: 'deleteRange', request: ranged('x', '\0') }, 'ok'],
    [
      'deletion from a key on, of too much',
      { kind: 'deleteRange', request: ranged('c', '\0') },
      'permission-denied',
    ],
    ['transaction that reads and writes its own', transaction({ success: [putOp('c')] }), 'ok'],
    [
      'comparison of a key it may not read',
      transaction({
        compare: [{ ...ranged('a', undefined), result: 'equal', target: 'mod', modRevision: 9 }],
      }),
      'permission-denied',
    ],
    [
      'comparison over a range that is half its own',
      transaction({
        compare: [{ ...ranged('c', 'e'), result: 'greater', target: 'version', version: 0 }],
        success: [putOp('c')],
      }),
      'permission-denied',
    ],
    [
      'read of another key on the branch that does not run',
      transaction({ success: [putOp('c')], failure: [rangeOp('a')] }),
      'permission-denied',
    ],
    [
      'write of another key on the branch that does not run',
      transaction({ success: [putOp('c')], failure: [putOp('a')] }),
      'permission-denied',
    ],
    [
      'write of another key in a nested transaction',
      transaction({
        success: [
          {
            kind: 'txn',
            request: {
              compare: [],
              success: [],
              failure: [
                { kind: 'txn', request: { compare: [], success: [putOp('a')], failure: [] } },
              ],
            },
          },
        ],
      }),
      'permission-denied',
    ],
    [
      'comparison in a nested transaction',
      transaction({
        success: [
          putOp('c'),
          {
            kind: 'txn',
            request: {
              compare: [
                { ...ranged('a', undefined), result: 'equal', target: 'value', value: bytes('1') },
              ],
              success: [],
              failure: [],
            },
          },
        ],
      }),
      'permission-denied',
    ],
    [
      'put with the value before in a nested transaction, of a key it may only write',
      transaction({
        success: [
          {
            kind: 'txn',
            request: { compare: [], success: [putOp('y', { prevKv: true })], failure: [] },
          },
        ],
      }),
      'permission-denied',
    ],
    ['compaction', { kind: 'compact', request: { revision: 2 } }, 'permission-denied'],
    ['grant of a lease', { kind: 'leaseGrant', id: 9, ttlSeconds: 60 }, 'ok'],
    [
      'change of its own password',
      {
        kind: 'auth',
        change: { action: 'userChangePassword', user: 'u', passwordHash: hash('x') },
      },
      'permission-denied',
    ],
    [
      'grant of the root role to itself',
      { kind: 'auth', change: { action: 'userGrantRole', user: 'u', role: 'root' } },
      'permission-denied',
    ],
    ['end of authentication', { kind: 'auth', change: { action: 'disable' } }, 'permission-denied'],
  ]
  it.each(cases)('%s', (_what, command, expected) => {
    const driver = staffed()
    const { revision } = driver.core
    expect(driver.verdict(command, 'u')).toBe(expected)
    if (expected !== 'ok') expect(driver.core.revision).toBe(revision)
  })

  it('is everything for a user with the root role', () => {
    for (const [, command] of cases) expect(staffed().verdict(command, 'root')).toBe('ok')
  })

  it('is nothing for a user without roles', () => {
    const denied = cases.filter(([, { kind }]) => kind !== 'leaseGrant')
    for (const [, command] of denied) {
      expect(staffed().verdict(command, 'w')).toBe('permission-denied')
    }
  })

  it('is nothing for nobody', () => {
    for (const [, command] of cases) expect(staffed().verdict(command)).toBe('user-empty')
  })

  it('is nothing for a user who is not there', () => {
    expect(staffed().verdict(put('c'), 'x')).toBe('permission-denied')
    expect(staffed().verdict({ kind: 'compact', request: { revision: 2 } }, 'x')).toBe(
      'user-not-found',
    )
  })

  it('is whatever it asks while authentication is off', () => {
    const driver = staffed()
    driver.change({ action: 'disable' })
    expect(driver.verdict(put('a'))).toBe('ok')
    expect(driver.verdict(put('a'), 'w')).toBe('ok')
  })
})

describe('leases', () => {
  it('with keys of others are not revoked, renewed, told the keys of, or attached to', () => {
    const driver = staffed()
    driver.verdict({ kind: 'leaseGrant', id: 5, ttlSeconds: 60 }, 'root')
    driver.verdict(put('a', { lease: 5 }), 'root')
    driver.verdict(put('c', { lease: 5 }), 'root')
    const { authCheck } = driver.core
    expect(driver.verdict({ kind: 'leaseRevoke', id: 5, leaderTerm: 0 }, 'u')).toBe(
      'permission-denied',
    )
    expect(() => authCheck.leaseWrite(driver.by('u'), 5)).toThrow('permission denied')
    expect(() => authCheck.leaseKeys(driver.by('u'), 5)).toThrow('permission denied')
    expect(() => authCheck.leaseLeases(driver.by('u'))).toThrow('permission denied')
    expect(driver.verdict(put('c', { lease: 5 }), 'u')).toBe('permission-denied')
    expect(driver.verdict(transaction({ failure: [putOp('c', { lease: 5 })] }), 'u')).toBe(
      'permission-denied',
    )
  })

  it('with keys of its own only are the user’s', () => {
    const driver = staffed()
    driver.verdict({ kind: 'leaseGrant', id: 5, ttlSeconds: 60 }, 'u')
    expect(driver.verdict(put('c', { lease: 5 }), 'u')).toBe('ok')
    const { authCheck } = driver.core
    authCheck.leaseWrite(driver.by('u'), 5)
    authCheck.leaseKeys(driver.by('u'), 5)
    authCheck.leaseLeases(driver.by('u'))
    expect(driver.verdict({ kind: 'leaseRevoke', id: 5, leaderTerm: 0 }, 'u')).toBe('ok')
  })

  it('that ran out are revoked by the leader, whosever keys they hold', () => {
    const driver = staffed()
    driver.verdict({ kind: 'leaseGrant', id: 5, ttlSeconds: 60 }, 'root')
    driver.verdict(put('a', { lease: 5 }), 'root')
    const revoke: Command = { kind: 'leaseRevoke', id: 5, leaderTerm: driver.term }
    expect(driver.verdict(revoke)).toBe('ok')
  })

  it('whose keys were written while authentication was off are protected all the same', () => {
    const driver = new AuthDriver()
    driver.grant(5, 60)
    driver.put('a', '1', { lease: 5 })
    driver.addUser('w')
    driver.enable()
    expect(driver.verdict({ kind: 'leaseRevoke', id: 5, leaderTerm: 0 }, 'w')).toBe(
      'permission-denied',
    )
  })
})

describe('an identity', () => {
  it('of an older auth revision is refused, though the permission is still there', () => {
    const driver = staffed()
    const by = driver.by('u')
    driver.addUser('late')
    expect(driver.refusal({ ...put('c'), by })).toBe('auth-old-revision')
  })

  it('whose permission was revoked earlier in the same entry is refused', () => {
    const driver = staffed()
    const by = driver.by('u')
    const results = driver.batch([
      {
        kind: 'auth',
        change: { action: 'userRevokeRole', user: 'u', role: 'rw' },
        by: driver.by(),
      },
      { ...put('c'), by },
    ])
    expect(results.map(result => (result.ok ? 'ok' : result.error.code))).toEqual([
      'ok',
      'auth-old-revision',
    ])
    expect(driver.verdict(put('c'), 'u')).toBe('permission-denied')
  })

  it('that was none because authentication was off is refused once it is on', () => {
    const driver = staffed()
    driver.change({ action: 'disable' })
    const results = driver.batch([
      { kind: 'auth', change: { action: 'enable', secret: new Uint8Array(32) }, by: driver.by() },
      put('c'),
    ])
    expect(results.map(result => (result.ok ? 'ok' : result.error.code))).toEqual([
      'ok',
      'user-empty',
    ])
  })

  it('of the member itself may do all that members do', () => {
    const driver = staffed()
    const compact: Command = { kind: 'compact', request: { revision: 2 }, by: 'member' }
    expect(driver.verdict(compact)).toBe('ok')
  })

  it('is told about itself and its roles, and about others only as root', () => {
    const driver = staffed()
    const { authCheck } = driver.core
    const u = driver.by('u')
    authCheck.userGet(u, 'u')
    authCheck.roleGet(u, 'rw')
    expect(() => authCheck.userGet(u, 'w')).toThrow('permission denied')
    expect(() => authCheck.roleGet(driver.by('w'), 'rw')).toThrow('permission denied')
    expect(() => authCheck.userGet(undefined, 'u')).toThrow('user name is empty')
    authCheck.userGet(driver.by(), 'w')
    authCheck.roleGet(driver.by(), 'nobody has it')
  })
})

test('a watch needs the right to read all of its ranges, to their ends', () => {
  const driver = staffed()
  const { authCheck } = driver.core
  const u = driver.by('u')
  authCheck.watch(u, { ...ranged('b', 'd'), moreRanges: [ranged('e', 'g')] })
  const wide = [
    ranged('b', 'e'),
    ranged('b', '\0'),
    ranged('\0', '\0'),
    { ...ranged('b', 'd'), moreRanges: [ranged('x', 'y')] },
    { ...ranged('b', 'd'), moreRanges: [ranged('c', undefined), ranged('f', '\0')] },
  ]
  for (const request of wide) {
    expect(() => authCheck.watch(u, request)).toThrow('permission denied')
  }
})

describe('merged permissions', () => {
  const covers = (permitted: readonly (readonly [string, string?])[], from: string, to?: string) =>
    new KeyIntervals(permitted.map(([a, b]) => boundsOf(ranged(a, b)))).covers(
      boundsOf(ranged(from, to)),
    )

  it('of neighbours cover a range over both', () => {
    expect(
      covers(
        [
          ['c', 'e'],
          ['a', 'c'],
        ],
        'a',
        'e',
      ),
    ).toBe(true)
    expect(
      covers(
        [
          ['c', 'e'],
          ['a', 'b'],
        ],
        'a',
        'e',
      ),
    ).toBe(false)
    expect(
      covers(
        [
          ['a', 'z'],
          ['b', 'c'],
        ],
        'a',
        'z',
      ),
    ).toBe(true)
    expect(covers([['a']], 'a', 'a\0')).toBe(true)
  })

  it('without an end cover everything behind them, and nothing else has no end', () => {
    expect(covers([['b', '\0']], 'b', '\0')).toBe(true)
    expect(covers([['b', '\0']], 'a', '\0')).toBe(false)
    expect(covers([['b', '\xff\xff']], 'b', '\0')).toBe(false)
    expect(covers([['\0', '\0']], '\0', '\0')).toBe(true)
    expect(covers([], 'a')).toBe(false)
  })

  it('cover a range that is turned around where they cover the key it begins with', () => {
    expect(covers([['m', 'n']], 'm', 'c')).toBe(true)
    expect(covers([['m', 'n']], 'a', 'a')).toBe(false)
    expect(covers([['c', 'd']], 'm', 'c')).toBe(false)
  })
})

const access = fc.constantFrom<Access>('read', 'write', 'readwrite')
const permitted = fc
  .record({
    access,
    from: fc.constantFrom(...world),
    to: fc.constantFrom(undefined, '\0', ...world),
  })
  .filter(({ from, to }) => to === undefined || to === '\0' || from < to)

test('every transaction is judged as the dumb model judges it', () => {
  const leases = fc.array(fc.record({ lease: fc.integer({ min: 1, max: 2 }), key }), {
    maxLength: 3,
  })
  fc.assert(
    fc.property(
      fc.array(permitted, { maxLength: 8 }),
      fc.array(txn, { minLength: 1, maxLength: 4 }),
      leases,
      (permissions, txns, attached) => {
        const driver = new AuthDriver()
        const granted = permissions.map(one => permission(one.access, one.from, one.to))
        // Spread over two roles: what counts is what they amount to together.
        driver.addRole('odd', ...granted.filter((_, at) => at % 2 === 1))
        driver.addRole('even', ...granted.filter((_, at) => at % 2 === 0))
        driver.addUser('u', 'odd', 'even')
        driver.enable()
        for (const lease of [1, 2]) {
          driver.verdict({ kind: 'leaseGrant', id: lease, ttlSeconds: 60 }, 'root')
        }
        for (const one of attached) driver.verdict(put(one.key, { lease: one.lease }), 'root')
        const holds = new Map<string, number>()
        for (const one of attached) holds.set(one.key, one.lease)
        const model = new ModelUser(lastOfEachRange(granted))
        const keysOf = (lease: number): string[] =>
          [...holds].filter(([, at]) => at === lease).map(([name]) => name)
        for (const request of txns) {
          const leased = withLeases(request)
          const allowed = model.txn(leased, keysOf)
          const judged = ((): boolean => {
            try {
              driver.core.authCheck.readTxn(driver.by('u'), leased)
              return true
            } catch {
              return false
            }
          })()
          expect(judged).toBe(allowed)
        }
      },
    ),
    { numRuns: 200 },
  )
})

/** A grant over the same range replaces the one before, within one role. */
function lastOfEachRange(granted: readonly ReturnType<typeof permission>[]) {
  return [0, 1].flatMap(half => {
    const byRange = new Map<string, ReturnType<typeof permission>>()
    granted.forEach((one, at) => {
      const name = `${String(one.key)} ${String(one.end)}`
      if (at % 2 === half) byRange.set(name, one)
    })
    return [...byRange.values()]
  })
}

/** Every other put of a transaction hangs its key on a lease. */
function withLeases(request: TxnRequest): TxnRequest {
  let puts = 0
  const op = (one: RequestOp): RequestOp => {
    if (one.kind === 'txn') return { kind: 'txn', request: walk(one.request) }
    if (one.kind !== 'put') return one
    puts += 1
    return { kind: 'put', request: { ...one.request, lease: puts % 3 } }
  }
  const walk = (one: TxnRequest): TxnRequest => ({
    compare: one.compare,
    success: one.success.map(op),
    failure: one.failure.map(op),
  })
  return walk(request)
}

test('every range is judged as the dumb model judges it', () => {
  fc.assert(
    fc.property(
      fc.array(permitted, { maxLength: 6 }),
      fc.constantFrom(...world),
      fc.oneof(end, fc.constantFrom(...world)),
      (permissions, from, to) => {
        fc.pre(to === undefined || to === '\0' || from < to)
        const granted = permissions.map(one => permission(one.access, one.from, one.to))
        const intervals = new KeyIntervals(
          granted.filter(one => one.access !== 'write').map(boundsOf),
        )
        expect(intervals.covers(boundsOf(ranged(from, to)))).toBe(
          new ModelUser(granted).reads(ranged(from, to)),
        )
      },
    ),
    { numRuns: 1_500 },
  )
})
