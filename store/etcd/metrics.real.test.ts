// Our metrics beside those of a real etcd: what has its name is of its type and has its labels. And the
// alerts that people have for etcd, and those that we ship, find everything they ask for.

import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parse } from 'yaml'

import { MemberProcess } from '../server/testing/member-process.js'
import { metricsOf } from '../server/testing/prometheus-text.js'
import type { PrometheusText } from '../server/testing/prometheus-text.js'
import { EtcdClient } from './testing/etcd-client.js'
import * as methods from './testing/methods.js'
import { EtcdProcess } from './testing/etcd-process.js'

let member: MemberProcess
let etcd: EtcdProcess
let ours: PrometheusText
let theirs: PrometheusText

beforeAll(async () => {
  member = await MemberProcess.start()
  etcd = await EtcdProcess.start({ flags: ['--metrics=extensive'] })
  const scrape = async (address: string) => {
    const client = new EtcdClient(address)
    await client.call(methods.put, { key: Buffer.from('a'), value: Buffer.from('1') })
    client.close()
    return metricsOf(await (await fetch(`http://${address}/metrics`)).text())
  }
  ours = await scrape(member.address)
  theirs = await scrape(etcd.address)
})

afterAll(async () => {
  await member.stop()
  await etcd.stop()
})

it("has etcd's types and labels where it has etcd's names", () => {
  const shared = [...ours.described].filter(([name]) => theirs.described.has(name))
  const shape = (text: PrometheusText, name: string) => {
    const { type, labels } = text.described.get(name) ?? { type: '', labels: [] }
    return { name, type, labels }
  }
  expect(shared.length).toBeGreaterThan(50)
  expect(shared.map(([name]) => shape(ours, name))).toEqual(
    shared.map(([name]) => shape(theirs, name)),
  )
})

it('invents no name in the place of etcd', () => {
  // A lone etcd shows nothing of peers.
  const elsewhere = /^etcd_network_(peer|active_peers|disconnected_peers)/
  const unknown = [...ours.described.keys()].filter(
    name => /^(etcd|grpc)_/.test(name) && !theirs.described.has(name) && !elsewhere.test(name),
  )
  expect(unknown).toEqual([])
})

/** What the alerts that are usual for etcd ask for. */
const usual = [
  'etcd_server_has_leader',
  'etcd_server_leader_changes_seen_total',
  'etcd_server_proposals_failed_total',
  'etcd_server_quota_backend_bytes',
  'etcd_mvcc_db_total_size_in_bytes',
  'etcd_mvcc_db_total_size_in_use_in_bytes',
  'etcd_disk_wal_fsync_duration_seconds_bucket',
  'etcd_disk_backend_commit_duration_seconds_bucket',
  'etcd_network_peer_sent_failures_total',
  'etcd_network_peer_round_trip_time_seconds_bucket',
  'grpc_server_handled_total',
  'grpc_server_handling_seconds_bucket',
]

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly expr: string }[] }[]
}

it('is described where alerts look', () => {
  const { groups } = parse(readFileSync('examples/prometheus-alerts.yaml', 'utf8')) as Rules
  const asked = groups.flatMap(({ rules }) =>
    rules.flatMap(({ expr }) => expr.match(/\b(etcd|raftsman|grpc|process)_[a-z0-9_]+/g) ?? []),
  )
  expect(asked.length).toBeGreaterThan(10)
  const family = (name: string) => name.replace(/_bucket$/, '')
  const lacking = [...usual, ...asked.filter(name => name !== 'grpc_type')].filter(
    name => !ours.described.has(family(name)),
  )
  expect(lacking).toEqual([])
})
