// The real etcdctl against a member, subcommand by subcommand.

import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
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

const running: Running[] = []

/** One that goes on until it is interrupted; `said` waits for what it is to print. */
class Running {
  readonly child: ChildProcess
  #out = ''
  #wake: () => void = () => {}
  readonly #ended: Promise<void>

  constructor(...args: readonly string[]) {
    this.child = spawn('etcdctl', ['--endpoints', member.address, ...args], {
      env: { ...process.env, ETCDCTL_API: '3' },
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    this.child.stdout?.on('data', (bytes: Buffer) => {
      this.#out += String(bytes)
      this.#wake()
    })
    running.push(this)
    this.#ended = new Promise(resolve => {
      this.child.once('exit', () => resolve())
    })
  }

  async said(pattern: RegExp): Promise<string> {
    for (;;) {
      const found = pattern.exec(this.#out)
      if (found !== null) return found[0]
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }

  async interrupt(): Promise<void> {
    this.child.kill('SIGINT')
    await this.#ended
  }
}

const out = async (...args: readonly string[]): Promise<string> => {
  const ran = await etcdctl(args)
  expect(ran.err).toBe('')
  return ran.out
}

beforeAll(async () => {
  member = await startLoneMember()
})

afterAll(async () => {
  for (const { child } of running) child.kill('SIGKILL')
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

  it('defragments', async () => {
    expect(await out('defrag')).toContain('Finished defragmenting etcd member')
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

  it('watches what comes and what was', async () => {
    await out('put', 'watched', '1')
    const { revision } = member.core
    const watch = new Running('watch', 'watched', '--rev', String(revision), '--prev-kv')
    expect(await watch.said(/PUT[\s\S]*1\n/)).toBe('PUT\nwatched\n1\n')
    await out('put', 'watched', '2')
    await watch.said(/PUT\nwatched\n1\nwatched\n2\n/)
    await out('del', 'watched')
    await watch.said(/DELETE\nwatched\n2\nwatched\n/)
    await watch.interrupt()
    // Without anybody who listens nothing is kept.
    while (member.core.watcherCount > 0) await out('get', 'watched')
  })

  it('locks: one holder at a time, the next one when it goes', async () => {
    const first = new Running('lock', 'mutex')
    const key = await first.said(/mutex\/[0-9a-f]+\n/)
    const second = new Running('lock', 'mutex')
    while (
      !(await out('get', 'mutex/', '--prefix', '--keys-only')).replace(key, '').includes('mutex')
    ) {
      // The second one has not come to the queue yet.
    }
    await first.interrupt()
    expect(await second.said(/mutex\/[0-9a-f]+\n/)).not.toBe(key)
    await second.interrupt()
  })

  it('elects: followed by those who listen, and proclaimed anew', async () => {
    const leader = new Running('elect', 'chair', 'anna')
    await leader.said(/chair\/[0-9a-f]+\nanna\n/)
    const listener = new Running('elect', '--listen', 'chair')
    await listener.said(/anna\n/)
    const next = new Running('elect', 'chair', 'berta')
    while (!(await out('get', 'chair/', '--prefix')).includes('berta')) {
      // The second candidate has not come to the queue yet.
    }
    await leader.interrupt()
    await next.said(/berta\n/)
    await listener.said(/berta\n/)
    await next.interrupt()
    await listener.interrupt()
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
