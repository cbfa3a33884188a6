// The real etcdctl, every subcommand that talks to a server: golden scripts, each replayed against three
// members of a real etcd and against three of ours, with mutual TLS and users. What they print is what
// stands in the script, on both. UPDATE_GOLDEN=1 writes what happened; it is then to be read, line by
// line, before it is committed.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import type { RunningCluster } from './testing/etcdctl-clusters.js'
import { startOurs, startTheirs } from './testing/etcdctl-clusters.js'
import { EtcdctlSession } from './testing/etcdctl-script.js'

const folder = join(import.meta.dirname, 'golden')
const update = process.env['UPDATE_GOLDEN'] === '1'
/** In their order: users and what is stored stay from one to the next. */
const files = readdirSync(folder).sort()

const running: { readonly cluster: RunningCluster; readonly session: EtcdctlSession }[] = []

beforeAll(async () => {
  for (const start of [startTheirs, startOurs]) {
    const cluster = await start()
    running.push({ cluster, session: new EtcdctlSession(cluster) })
  }
})

afterAll(async () => {
  for (const { cluster, session } of running) {
    await session.end()
    await cluster.end()
  }
})

describe('etcdctl', () => {
  it.each(files)('%s', async file => {
    const path = join(folder, file)
    const script = readFileSync(path, 'utf8')
    const [real = '', own = ''] = await Promise.all(
      running.map(({ session }) => session.replay(script)),
    )
    if (update && real !== script) writeFileSync(path, real)
    else if (update && own !== script) writeFileSync(path, own)
    else {
      expect(real).toBe(script)
      expect(own).toBe(script)
    }
  })
})
