// What is acknowledged has been synced, on both sides: the system calls of the members are counted from
// outside, with strace, and not by what they say of themselves.

import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { nodeClock } from '../../platform/node/clock.js'
import { must } from '../../platform/errors.js'
import { StopSwitch } from '../harness/stop.js'
import { scenarios } from '../scenarios/registry.js'
import { etcdSide } from '../sides/etcd.js'
import { raftsmanSide } from '../sides/raftsman.js'
import type { Side } from '../sides/side.js'
import { runBench } from './run.js'

let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'raftsman-syncs-'))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Every member under the eyes of strace, which writes down the syncs of each. */
const watched = (side: Side): Side => ({
  ...side,
  launch: (member, all, profiling) => {
    const { program, args } = side.launch(member, all, profiling)
    const file = join(folder, member.name)
    const calls = 'trace=fsync,fdatasync'
    return { program: 'strace', args: ['-f', '-qq', '-e', calls, '-o', file, program, ...args] }
  },
})

/** Those that have come back, not those that were only begun. */
function syncsSeen(): number {
  const lines = readdirSync(folder).flatMap(name =>
    readFileSync(join(folder, name), 'utf8').split('\n'),
  )
  return lines.filter(line => /\b(?:fsync|fdatasync)\b.* = 0$/.test(line)).length
}

async function putsOneByOne(side: Side, environment: Readonly<Record<string, string>> = {}) {
  const { scenarios: reports } = await runBench({
    scenarios: scenarios.filter(({ name }) => name === 'put-1x1'),
    sides: [watched(side)],
    members: 1,
    repetitions: 1,
    settings: {
      clients: null,
      valueBytes: null,
      rate: null,
      seconds: 1,
      warmUpSeconds: 0.2,
      quick: true,
    },
    parent: tmpdir(),
    clock: nodeClock(),
    stop: new StopSwitch(),
    environment,
    say: () => {},
  })
  const report = must(reports[0], 'one was asked for')
  expect(report.failures).toEqual([])
  return must(report[side.name], 'it came to a result')
}

test.each([raftsmanSide, etcdSide])('Every put of $name has waited for a sync', async side => {
  const { answered, failed } = await putsOneByOne(side)
  expect(failed).toBe(0)
  expect(answered).toBeGreaterThan(10)
  expect(syncsSeen()).toBeGreaterThanOrEqual(answered)
})

test('A member that only says that it has synced is found out', async () => {
  const program = `
    import fs from 'node:fs'
    import { syncBuiltinESMExports } from 'node:module'
    fs.fdatasync = (fd, done) => setImmediate(() => done(null))
    syncBuiltinESMExports()`
  const url = `data:text/javascript,${encodeURIComponent(program)}`
  const { answered, walSyncs } = await putsOneByOne(raftsmanSide, {
    NODE_OPTIONS: `--import "${url}"`,
  })
  expect(walSyncs).toBeGreaterThan(answered / 2)
  expect(syncsSeen()).toBeLessThan(answered / 2)
})
