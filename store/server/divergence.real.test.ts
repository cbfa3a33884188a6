// Members whose files were changed behind their backs: found by the others or by themselves, taken out
// of service, brought back from their peers, and in service again.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'

import type { StoreClient } from '../client/store-client.js'
import { makeRow } from '../core/row.js'
import { clientOf, text, utf8 } from './testing/clients.js'
import { Fleet, until } from './testing/fleet.js'

let trio: Fleet
const clients: StoreClient[] = []

const connect = (endpoints: readonly string[]): StoreClient => {
  const client = clientOf(endpoints)
  clients.push(client)
  return client
}

const core = (id: number) => trio.server(id).inspect().core
const alarmed = (id: number) => [1, 2, 3].some(at => core(at).alarms.contained.has(id))
const alarms = () => [1, 2, 3].flatMap(id => core(id).alarms.list())
const firstIndex = (id: number) => trio.server(id).inspect().raft.inspect().status.firstIndex

interface Stored {
  readonly ordinal: number
  readonly key: Buffer
  readonly create_revision: number
  readonly mod_revision: number
  readonly version: number
  readonly lease: number
}

/** Stops the member, writes another value into its file, and starts it again. */
async function tamper(id: number, key: string, value: string, sums: boolean): Promise<void> {
  await trio.stop(id)
  const file = new Database(join(trio.dataDirectory(id), 'state.db'))
  const generation = file.prepare('SELECT generation FROM meta').pluck().get() as number
  const table = `rows_${generation}`
  const row = file
    .prepare<[Uint8Array], Stored>(`SELECT * FROM ${table} WHERE key = ? ORDER BY ordinal DESC`)
    .get(utf8(key))
  if (row === undefined) throw new Error('the row is there')
  const { checksum } = makeRow(row.ordinal, {
    key: row.key,
    value: utf8(value),
    createRevision: row.create_revision,
    modRevision: row.mod_revision,
    version: row.version,
    lease: row.lease,
  })
  file.prepare(`UPDATE ${table} SET value = ? WHERE ordinal = ?`).run(utf8(value), row.ordinal)
  if (sums)
    file.prepare(`UPDATE ${table} SET checksum = ? WHERE ordinal = ?`).run(checksum, row.ordinal)
  file.close()
  await trio.start(id)
}

async function valueAt(id: number, key: string): Promise<string> {
  const { kvs } = await connect([trio.endpoint(id)]).range({ key: utf8(key), serializable: true })
  return text(kvs[0]?.value ?? new Uint8Array())
}

beforeAll(async () => {
  trio = await Fleet.found(3, () => ({
    tickMs: 50,
    entriesKept: 10,
    tuning: { hashMarkMs: 100, core: { cacheBytesMax: 0 } },
  }))
  const client = connect(trio.endpoints())
  for (let i = 0; i < 100; i++)
    await client.put({ key: utf8(`key${i % 40}`), value: utf8(`v${i}`) })
  // So that a state that is given up comes back as a snapshot, not from the log.
  await until(() => [1, 2, 3].every(id => firstIndex(id) > 50 && core(id).hashMarks.mark > 0))
})

afterEach(() => {
  for (const client of clients.splice(0)) client.close()
})

afterAll(() => trio.end())

it('is outvoted when even the checksum fits, brought back, and then in service again', async () => {
  const client = connect(trio.endpoints(1))
  await tamper(3, 'key7', 'forged', true)
  await client.put({ key: utf8('more'), value: utf8('1') })
  await until(() => alarmed(3))
  // The others serve on, and clients of the wrong one are sent to them.
  await client.put({ key: utf8('more'), value: utf8('2') })
  expect(
    text((await connect(trio.endpoints(3)).range({ key: utf8('key7') })).kvs[0]?.value ?? utf8('')),
  ).toBe('v87')
  await until(() => existsSync(join(trio.dataDirectory(3), 'state.db.damaged')))
  await until(() => alarms().length === 0)
  expect(await valueAt(3, 'key7')).toBe('v87')
  expect(core(3).contentDigest).toBe(core(1).contentDigest)
  expect(trio.fatal).toEqual([])
})

it('finds by itself what does not fit its checksum, also when it leads', async () => {
  await tamper(2, 'key8', 'forged', false)
  await connect(trio.endpoints(1))
    .moveLeader(2)
    .catch(() => {})
  await until(() => alarmed(2))
  await until(() => alarms().length === 0 && core(2).damage === null)
  expect(await valueAt(2, 'key8')).toBe('v88')
  expect(trio.fatal).toEqual([])
})

it('gives its state up at once where an entry needs what is damaged', async () => {
  await trio.stop(1)
  await connect(trio.endpoints(2)).put({ key: utf8('key9'), value: utf8('next'), prevKv: true })
  await trio.start(1)
  await tamper(1, 'key9', 'forged', false)
  await connect(trio.endpoints(2)).put({ key: utf8('key9'), value: utf8('last'), prevKv: true })
  await until(() => core(1).damage === null && core(1).appliedIndex >= core(2).appliedIndex)
  await until(() => alarms().length === 0)
  expect(await valueAt(1, 'key9')).toBe('last')
  expect(trio.fatal).toEqual([])
})
