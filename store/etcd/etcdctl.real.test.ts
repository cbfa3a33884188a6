// The real etcdctl against a member, subcommand by subcommand.

import { execFile } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { startLoneMember } from '../server/testing/lone-member.js'
import type { LoneMember } from '../server/testing/lone-member.js'

let member: LoneMember

interface Ran {
  readonly out: string
  readonly err: string
  readonly code: number
}

const etcdctl = (args: readonly string[], input = ''): Promise<Ran> =>
  new Promise(resolve => {
    const child = execFile(
      'etcdctl',
      ['--endpoints', member.address, ...args],
      { env: { ...process.env, ETCDCTL_API: '3' } },
      (error, stdout, stderr) => {
        resolve({ out: stdout, err: stderr, code: error === null ? 0 : Number(error.code ?? 1) })
      },
    )
    child.stdin?.end(input)
  })

const out = async (...args: readonly string[]): Promise<string> => {
  const ran = await etcdctl(args)
  expect(ran.err).toBe('')
  return ran.out
}

beforeAll(async () => {
  member = await startLoneMember()
})

afterAll(async () => {
  await member.stop()
})

describe('etcdctl', () => {
  it('puts, gets and deletes', async () => {
    expect(await out('put', 'a', '1')).toBe('OK\n')
    expect(await out('put', 'a', '2', '--prev-kv')).toBe('OK\na\n1\n')
    expect(await out('get', 'a')).toBe('a\n2\n')
    expect(await out('del', 'a', '--prev-kv')).toBe('1\na\n2\n')
    expect(await out('get', 'a')).toBe('')
  })

  it('grants, renews, looks at and revokes leases', async () => {
    const granted = await out('lease', 'grant', '60')
    const [, id = ''] = /^lease ([0-9a-f]+) granted with TTL\(60s\)\n$/.exec(granted) ?? []
    expect(await out('put', 'leased', '1', '--lease', id)).toBe('OK\n')
    expect(await out('lease', 'keep-alive', '--once', id)).toBe(
      `lease ${id} keepalived with TTL(60)\n`,
    )
    expect(await out('lease', 'timetolive', id, '--keys')).toMatch(
      /granted with TTL\(60s\), remaining\((60|59)s\), attached keys\(\[leased\]\)/,
    )
    expect(await out('lease', 'list')).toBe(`found 1 leases\n${id}\n`)
    expect(await out('lease', 'revoke', id)).toBe(`lease ${id} revoked\n`)
    expect(await out('get', 'leased')).toBe('')
  })

  it('compares and swaps', async () => {
    await out('put', 'counter', '1')
    const ran = await etcdctl(
      ['txn'],
      'value("counter") = "1"\n\nput counter 2\nget counter\n\nput counter 3\n\n',
    )
    expect(ran.out).toBe('SUCCESS\n\nOK\n\ncounter\n2\n')
  })

  it('lists alarms and turns them off', async () => {
    expect(await out('alarm', 'list')).toBe('')
    const alarm = { kind: 'nospace', member: 1 } as const
    await new Promise<void>(done => {
      const command = { kind: 'alarm', activate: true, alarm } as const
      member.port.service.writes.submit(command, { written: () => done(), notWritten() {} }, 0)
    })
    expect(await out('alarm', 'list')).toBe('memberID:1 alarm:NOSPACE \n')
    expect((await etcdctl(['put', 'a', '1'])).err).toContain(
      'etcdserver: mvcc: database space exceeded',
    )
    expect((await etcdctl(['endpoint', 'status'])).out).toContain('memberID:1 alarm:NOSPACE')
    expect(await out('alarm', 'disarm')).toBe('memberID:1 alarm:NOSPACE \n')
    expect(await out('put', 'a', '1')).toBe('OK\n')
    expect(await out('alarm', 'disarm')).toBe('')
  })

  it('compacts', async () => {
    const { revision } = member.core
    expect(await out('compact', String(revision))).toBe(`compacted revision ${revision}\n`)
    const ran = await etcdctl(['compact', String(revision)])
    expect(ran.err).toContain('etcdserver: mvcc: required revision has been compacted')
    expect(ran.code).not.toBe(0)
  })

  it('sees members and status', async () => {
    expect(await out('member', 'list')).toBe(
      '1, started, lone, http://127.0.0.1:1, http://127.0.0.1:2, false\n',
    )
    expect(await out('endpoint', 'status')).toContain(`${member.address}, 1, 3.7.0,`)
    const health = await etcdctl(['endpoint', 'health'])
    expect(health.out + health.err).toContain('is healthy')
  })
})
