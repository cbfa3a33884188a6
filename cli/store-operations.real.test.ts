// A store as its operator sees it: three members as processes of their own under TLS, and the command
// line. What is full says so, what is stopped hands over first, what is said can be read by programs.

import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { statSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { must, RaftsmanError } from '../platform/errors.js'
import { EtcdClient } from '../store/etcd/testing/etcd-client.js'
import * as methods from '../store/etcd/testing/methods.js'
import { utf8 } from '../store/server/testing/clients.js'
import { staff } from '../store/server/testing/staff.js'
import { StoreProcesses, memberIds, pause } from '../store/server/testing/store-processes.js'

const program = join(resolve(import.meta.dirname, '..'), 'dist', 'cli', 'main.js')
const quotaBytes = 4 * 1024 * 1024
let processes: StoreProcesses

beforeAll(async () => {
  processes = await StoreProcesses.start({
    flags: [`--quota-backend-bytes=${quotaBytes}`, '--password-cost=10'],
  })
  await until(async () => (await statuses()).every(({ dbSizeQuota }) => dbSizeQuota === quotaBytes))
})

afterAll(async () => {
  expect(processes.surprises).toEqual([])
  await processes.end()
})

interface Ran {
  readonly out: string
  readonly err: string
  readonly code: number
}

/** `first`: the member that is asked first, or alone where the command asks one. */
function raftsman(
  first: number | readonly (number | string)[],
  ...args: readonly string[]
): Promise<Ran> {
  const asked =
    typeof first === 'number'
      ? processes.endpoints(first)
      : first.map(one => (typeof one === 'number' ? processes.endpoint(one) : one))
  const { certFile, keyFile, caFile } = processes.clientIdentity
  const access = [
    '--endpoints',
    asked.join(','),
    '--cert',
    certFile,
    '--key',
    keyFile,
    '--cacert',
    caFile,
  ]
  return new Promise(done => {
    execFile(process.execPath, [program, ...args, ...access], (error, out, err) => {
      done({ out, err, code: error === null ? 0 : Number(error.code ?? 1) })
    })
  })
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await pause()
}

interface Status {
  readonly leader: number
  readonly raftTerm: number
  readonly clusterVersion: string
  readonly dbSize: number
  readonly dbSizeInUse: number
  readonly dbSizeQuota: number
  readonly used: number
  readonly errors: readonly string[]
}

async function statuses(): Promise<readonly Status[]> {
  const { out } = await raftsman(1, 'endpoint', 'status', '-o', 'json')
  return (JSON.parse(out) as { readonly Status: Status }[]).map(({ Status: status }) => status)
}

describe('raftsman endpoint status', () => {
  it('shows what is stored, what may be, and by which version the cluster works', async () => {
    await until(async () =>
      (await statuses()).every(({ clusterVersion }) => clusterVersion === '0.3.0'),
    )
    for (const status of await statuses()) {
      expect(status).toMatchObject({ dbSizeQuota: quotaBytes, errors: [] })
      expect(status.dbSize).toBeGreaterThan(0)
      expect(status.dbSizeInUse).toBeGreaterThan(0)
    }
    const { out } = await raftsman(1, 'endpoint', 'status', '-w', 'table')
    for (const head of ['CLUSTER VERSION', 'IN USE', 'USED', 'QUOTA']) expect(out).toContain(head)
    expect(out).toContain('4.2 MB')
  })
})

describe('a full quota', () => {
  it('refuses through every member, says so, and is left as the documentation has it', async () => {
    const client = processes.client(processes.endpoints(2))
    const value = new Uint8Array(1024 * 1024)
    for (let at = 0; at < 3; at += 1) await client.put({ key: utf8(`full/${at}`), value })
    await expect(client.put({ key: utf8('full/3'), value })).rejects.toMatchObject({
      code: 'no-space',
    })
    for (const id of memberIds) {
      const refused = await raftsman([id], 'kv', 'put', 'a', '1')
      expect([refused.code, refused.err]).toEqual([
        1,
        expect.stringContaining('database space exceeded'),
      ])
    }
    const listed = await raftsman(1, 'alarm', 'list')
    expect(listed.out).toMatch(/^memberID:\d alarm:NOSPACE\n$/)
    await until(async () => (await statuses()).every(({ errors }) => errors.length === 1))
    expect((await statuses())[0]?.errors[0]).toMatch(/^alarm NOSPACE of member \d$/)

    expect((await raftsman(1, 'kv', 'del', 'full/', '--prefix')).out).toBe('3\n')
    const { header } = await client.range({ key: utf8('a') })
    expect((await raftsman(1, 'kv', 'compact', String(header.revision))).code).toBe(0)
    expect((await raftsman(1, 'alarm', 'disarm')).out).toMatch(/^memberID:\d alarm:NOSPACE\n$/)
    expect((await raftsman(1, 'alarm', 'list')).out).toBe('')
    expect((await raftsman(1, 'kv', 'put', 'a', '1')).out).toBe('OK\n')
    expect((await statuses())[0]?.used).toBeLessThan(quotaBytes / 4)
  })
})

describe('raftsman snapshot save', () => {
  it('goes on over another connection when one is cut, and has the whole', async () => {
    const client = processes.client(processes.endpoints(1))
    // Nothing that could be made smaller on its way.
    const value = randomBytes(90 * 1024)
    for (let at = 0; at < 30; at += 1) await client.put({ key: utf8(`large/${at}`), value })
    const cuts = [700_000, 900_000, 100, 500_000]
    const proxy = await cuttingProxy(processes.endpoint(1), cuts)
    const file = join(processes.directory, 'cut.db')
    const saved = await raftsman([proxy.address], 'snapshot', 'save', file)
    await proxy.close()
    expect([saved.out, saved.err]).toEqual([`Snapshot saved at ${file}\n`, ''])
    // It was cut each time, and of what had come before nothing was sent again.
    expect(cuts).toEqual([])
    const status = await raftsman(1, 'snapshot', 'status', file)
    expect([status.code, status.err]).toEqual([0, ''])
    expect(proxy.bytes()).toBeLessThan(1.5 * statSync(file).size)
    await client.deleteRange({ key: utf8('large/'), end: utf8('large0') })
  })
})

describe('a downgrade', () => {
  it('is judged over gRPC as over the native protocol', async () => {
    const client = new EtcdClient(processes.endpoint(2), processes.clientIdentity)
    const ask = (action: number, version: string) =>
      client.call(methods.downgrade, { action, version })
    const [validate, begin, cancel] = [0, 1, 2]
    await expect(ask(validate, 'nonsense')).rejects.toMatchObject({
      details: 'etcdserver: wrong downgrade target version format',
    })
    await expect(ask(begin, '0.7.0')).rejects.toMatchObject({
      details: 'etcdserver: invalid downgrade target version',
    })
    await expect(ask(cancel, '')).rejects.toMatchObject({
      details: 'etcdserver: no inflight downgrade job',
    })
    client.close()
  })
})

describe('SIGTERM', () => {
  it('moves leadership before the leader ends, and fails nothing but what may be asked again', async () => {
    const leader = await processes.leader()
    const heir = must(
      memberIds.find(id => id !== leader),
      'there are others',
    )
    const before = must((await statuses())[0], 'a member answers').raftTerm
    const failures: RaftsmanError[] = []
    let acknowledged = 0
    const over = new AbortController()
    const write = async (first: number): Promise<void> => {
      const client = processes.client(processes.endpoints(first))
      for (let at = 0; !over.signal.aborted; at += 1) {
        try {
          await client.put({ key: utf8(`handover/${first}/${at}`), value: utf8('v') })
          acknowledged += 1
        } catch (error) {
          if (!(error instanceof RaftsmanError)) throw error
          failures.push(error)
        }
      }
    }
    const writers = [leader, heir].map(write)
    const enough = acknowledged + 50
    await until(async () => acknowledged >= enough)
    await processes.stop(leader)
    const ended = acknowledged
    await until(async () => acknowledged >= ended + 50)
    over.abort()
    await Promise.all(writers)

    // Another one campaigned before this one had gone.
    const after = await processes.statuses([heir])
    expect(after[0]?.raftTerm).toBeGreaterThan(before)
    expect(failures.filter(({ retryable }) => !retryable)).toEqual([])
    const said = lines(leader)
    const from = said.findLastIndex(({ msg }) => msg === 'stopping')
    const told = said
      .slice(from)
      .map(({ msg, role }) => (role === undefined ? msg : `${msg}: ${role}`))
    expect(told.indexOf('role or leader: follower')).toBeGreaterThan(0)
    expect(told.at(-1)).toBe('stopped')
    processes.startMember(leader)
    await processes.serves(leader)
  })

  it('leaves a log of JSON, with the member, the time and no secret', () => {
    for (const id of memberIds) {
      for (const line of lines(id)) {
        expect(line).toMatchObject({ process: 'store', name: `m${id}`, level: expect.any(String) })
        expect(Number.isNaN(Date.parse(line.time ?? ''))).toBe(false)
      }
      expect(processes.log(id)).not.toContain('PRIVATE KEY')
    }
  })
})

describe('a member that joins a cluster with users, under TLS', () => {
  it('is let in by a password, serves, and ends when it is removed', async () => {
    const client = processes.client(processes.endpoints(1))
    await staff(client, {})
    const stranger = await processes.join('m4', [])
    expect(await stranger.ended).toBe(1)
    expect(stranger.log()).toContain(
      'the cluster does not take m4: etcdserver: user name not found',
    )

    const passwordFile = join(processes.directory, 'password')
    writeFileSync(passwordFile, 'root\n')
    const credentials = ['--join-user=root', `--join-password-file=${passwordFile}`]
    const joined = await processes.join('m4', credentials)
    const asRoot = ['--user', 'root:root']
    await until(async () => {
      const { out } = await raftsman(1, 'member', 'list', ...asRoot)
      return /^\d+, started, m4, .*, false$/m.test(out)
    })
    expect((await raftsman([joined.endpoint], 'kv', 'put', 'b', '1', ...asRoot)).out).toBe('OK\n')
    expect((await raftsman([joined.endpoint], 'kv', 'put', 'b', '2')).code).toBe(1)

    const { out } = await raftsman(1, 'member', 'list', ...asRoot)
    const id = /^(\d+), started, m4/m.exec(out)?.[1] ?? ''
    expect((await raftsman(1, 'member', 'remove', id, ...asRoot)).code).toBe(0)
    expect(await joined.ended).toBe(0)
    expect(joined.log()).toContain('this member was removed from its cluster and ends')
  })
})

interface CuttingProxy {
  readonly address: string
  /** That came from the member. */
  readonly bytes: () => number
  readonly close: () => Promise<void>
}

/** Passes everything on, and cuts as many connections as `cuts` says, each after so many bytes. */
async function cuttingProxy(to: string, cuts: number[]): Promise<CuttingProxy> {
  let bytes = 0
  const [host = '', port = ''] = to.split(':')
  const server = createServer(near => {
    const cutAt = cuts.shift() ?? Number.POSITIVE_INFINITY
    const far = connect(Number(port), host)
    let passed = 0
    const cut = () => {
      // What has been passed still arrives.
      near.unpipe(far).resume()
      near.end()
      far.destroy()
    }
    for (const end of [near, far]) end.on('error', cut).on('close', cut)
    near.pipe(far)
    far.on('data', (chunk: Buffer) => {
      passed += chunk.length
      bytes += chunk.length
      near.write(chunk)
      if (passed > cutAt) cut()
    })
  })
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    bytes: () => bytes,
    close: () =>
      new Promise(done => {
        server.close(() => done())
      }),
  }
}

interface Line {
  readonly msg: string
  readonly role?: string
  readonly time?: string
}

function lines(id: number): readonly Line[] {
  const text = processes.log(id).trim().split('\n')
  // What Node itself warns about is none of ours.
  return text.filter(line => line.startsWith('{')).map(line => JSON.parse(line) as Line)
}
