// What operators see of members that are processes of their own: metrics and probes, through a life with
// a full quota, without a quorum, and to the end.

import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { EtcdClient } from '../etcd/testing/etcd-client.js'
import * as methods from '../etcd/testing/methods.js'
import { text, utf8 } from './testing/clients.js'
import { metricsOf } from './testing/prometheus-text.js'
import { StoreProcesses, memberIds, pause } from './testing/store-processes.js'

const quotaBytes = 2 * 1024 * 1024
let processes: StoreProcesses

beforeAll(async () => {
  processes = await StoreProcesses.start({ flags: [`--quota-backend-bytes=${quotaBytes}`] })
  // The leader puts it into the log when it looks for the first time.
  const limited = async (id: number) =>
    (await valueOf(id, 'etcd_server_quota_backend_bytes')) === quotaBytes
  for (const id of memberIds) await until(() => limited(id))
})

afterAll(async () => {
  expect(processes.surprises).toEqual([])
  await processes.end()
})

const metrics = async (id: number) => metricsOf((await processes.http(id, '/metrics')).body)
const valueOf = async (id: number, series: string): Promise<number | undefined> =>
  (await metrics(id)).samples.get(series)

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await pause()
}

describe('metrics', () => {
  it('are those of the documentation, each with its type, labels and meaning', async () => {
    const leader = await processes.leader()
    const client = new EtcdClient(processes.endpoint(leader), processes.clientIdentity)
    await client.call(methods.put, { key: utf8('over/grpc'), value: utf8('1') })
    client.close()
    // Series of peers come with the first ping.
    await until(async () =>
      (await processes.http(leader, '/metrics')).body.includes('round_trip_time_seconds_count{'),
    )
    const { described } = await metrics(leader)
    // What Node tells of the process is a matter of its version.
    const ours = [...described].filter(([name]) => !/^(nodejs|process)_/.test(name))
    const rows = ours.map(([name, { type, labels, help }]) =>
      `| \`${name}\` | ${type} | ${labels.map(label => `\`${label}\``).join(' ')} | ${help} |`.replace(
        '|  |',
        '| |',
      ),
    )
    const documented = readFileSync('docs/metrics.md', 'utf8')
      .split('\n')
      .filter(line => /^\| `[a-z_]+` \| (counter|gauge|histogram) \|/.test(line))
    expect(documented.toSorted()).toEqual(rows.toSorted())
  })

  it('tell who leads, and what was done', async () => {
    const leader = await processes.leader()
    const follower = memberIds.find(id => id !== leader) ?? 0
    const client = processes.client([processes.endpoint(follower)])
    const before = (await valueOf(follower, 'etcd_mvcc_put_total')) ?? 0
    for (let at = 0; at < 5; at += 1) await client.put({ key: utf8(`k${at}`), value: utf8('v') })
    await client.range({ key: utf8('k0') })
    const { samples } = await metrics(follower)
    expect(samples.get('etcd_mvcc_put_total')).toBe(before + 5)
    expect(samples.get('etcd_server_has_leader')).toBe(1)
    expect(samples.get('etcd_server_is_leader')).toBe(0)
    expect(samples.get('etcd_server_quota_backend_bytes')).toBe(quotaBytes)
    expect(samples.get('etcd_server_proposals_applied_total')).toBe(
      samples.get('etcd_server_proposals_committed_total'),
    )
    expect(samples.get('etcd_disk_wal_fsync_duration_seconds_count')).toBeGreaterThan(0)
    expect(samples.get(`etcd_network_peer_sent_bytes_total{To="${leader}"}`)).toBeGreaterThan(0)
    expect(samples.get(`etcd_network_active_peers{Local="${follower}",Remote="${leader}"}`)).toBe(1)
    expect(await valueOf(leader, 'etcd_server_is_leader')).toBe(1)
  })
})

describe('probes', () => {
  const get = async (id: number, path: string): Promise<string> => {
    const { status, body } = await processes.http(id, path)
    return `${status} ${body.trim()}`
  }
  const good = '200 {"health":"true","reason":""}'

  it('list their checks when asked to', async () => {
    expect(await get(1, '/health')).toBe(good)
    expect(await get(1, '/livez?verbose')).toBe('200 [+]serializable_read ok\nlivez check passed')
    expect(await get(1, '/readyz?verbose&exclude=leader&exclude=nonsense')).toBe(
      [
        '200 [+]shutdown ok',
        '[+]data_corruption ok',
        '[+]log_disk ok',
        '[+]state_disk ok',
        '[+]state_writes ok',
        '[+]leader excluded: ok',
        '[+]apply_lag ok',
        '[+]serializable_read ok',
        '[+]linearizable_read ok',
        'warn: some health checks cannot be excluded: no matches for "nonsense"',
        'readyz check passed',
      ].join('\n'),
    )
    expect(await get(1, '/readyz/linearizable_read')).toBe('200 ok')
    expect(await get(1, '/readyz/nonsense')).toBe('404 not found')
    expect(await get(1, '//')).toBe('404 not found')
    expect(JSON.parse((await processes.http(1, '/version')).body)).toMatchObject({
      etcdserver: '3.7.0',
      raftsmancluster: '0.3.0',
    })
  })

  it('tell of a full quota where etcd does: in /health alone', async () => {
    const client = processes.client(processes.endpoints(1))
    const value = new Uint8Array(256 * 1024)
    await expect(
      (async () => {
        for (let at = 0; ; at += 1) await client.put({ key: utf8(`full/${at}`), value })
      })(),
    ).rejects.toMatchObject({ code: 'no-space' })
    await until(async () => (await get(1, '/health')) !== good)
    expect(await get(1, '/health')).toBe('503 {"health":"false","reason":"ALARM NOSPACE"}')
    expect(await get(1, '/health?exclude=NOSPACE')).toBe(good)
    expect(await get(1, '/readyz')).toBe('200 ok')
    expect(await valueOf(1, 'raftsman_store_alarms{alarm="nospace"}')).toBe(1)
    const { deleted } = await client.deleteRange({ key: utf8('full/'), end: utf8('full0') })
    expect(deleted).toBeGreaterThan(0)
    const { header } = await client.range({ key: utf8('k0') })
    await client.compact({ revision: header.revision })
    for (const alarm of (await client.alarm({ action: 'get', kind: 'nospace', member: 0 })).alarms)
      await client.alarm({ action: 'deactivate', ...alarm })
    await until(async () => (await get(1, '/health')) === good)
  })

  it('tell of CORRUPT, raised for the whole cluster', async () => {
    const client = processes.client(processes.endpoints(1))
    await client.alarm({ action: 'activate', kind: 'corrupt', member: 2 })
    await until(async () => (await get(1, '/health')) !== good)
    expect(await get(1, '/health')).toBe('503 {"health":"false","reason":"ALARM CORRUPT"}')
    expect(await get(1, '/health?exclude=CORRUPT')).toBe(good)
    expect(await get(1, '/readyz/data_corruption')).toBe(
      '503 [-]data_corruption failed: the alarm CORRUPT is on\nreadyz check failed',
    )
    expect(await get(1, '/livez')).toBe('200 ok')
    await client.alarm({ action: 'deactivate', kind: 'corrupt', member: 2 })
    await until(async () => (await get(1, '/health')) === good)
  })

  it('tell of the loss of the quorum, and live on', async () => {
    await processes.kill(2)
    await processes.kill(3)
    await until(async () => (await get(1, '/readyz')).startsWith('503'))
    await until(async () => (await get(1, '/health')).includes('RAFT NO LEADER'))
    expect(await get(1, '/readyz?exclude=linearizable_read')).toContain(
      '[-]leader failed: the cluster has no leader',
    )
    expect(await get(1, '/health?serializable=true')).toBe(good)
    expect(await get(1, '/livez')).toBe('200 ok')
    expect(await valueOf(1, 'etcd_server_has_leader')).toBe(0)
    processes.startMember(2)
    processes.startMember(3)
    await until(async () => (await get(1, '/readyz')) === '200 ok')
    expect(
      text(
        (await processes.client(processes.endpoints(1)).range({ key: utf8('k0') })).kvs[0]?.value ??
          utf8(''),
      ),
    ).toBe('v')
  })
})
