// What is acknowledged has been synced, on both sides: the system calls of the members are counted from
// outside, with strace, and not by what they say of themselves.

import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { etcdSide } from '../sides/etcd.js'
import { raftsmanSide } from '../sides/raftsman.js'
import type { Side } from '../sides/side.js'
import { before, putsOneByOne } from './testing/puts-one-by-one.js'
import { syncsIn, tracedCalls } from './testing/syncs.js'

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
    const strace = ['-f', '-qq', '-s', '0', '-e', tracedCalls, '-o', file]
    return { program: 'strace', args: [...strace, program, ...args] }
  },
})

function syncsSeen(): number {
  const traces = readdirSync(folder).map(name => readFileSync(join(folder, name), 'utf8'))
  return traces.reduce((sum, trace) => sum + syncsIn(trace), 0)
}

test.each([raftsmanSide, etcdSide])('Every put of $name has waited for a sync', async side => {
  const { answered, failed } = await putsOneByOne(watched(side))
  expect(failed).toBe(0)
  expect(answered).toBeGreaterThan(10)
  expect(syncsSeen()).toBeGreaterThanOrEqual(answered)
})

test('A member that only says that it has synced is found out', async () => {
  const program = `
    import fs from 'node:fs'
    import { syncBuiltinESMExports } from 'node:module'
    const { open } = fs
    fs.open = (path, flags, ...more) => open(path, flags & ~fs.constants.O_DSYNC, ...more)
    fs.fdatasync = (fd, done) => setImmediate(() => done(null))
    syncBuiltinESMExports()`
  const { answered, walSyncs } = await putsOneByOne(watched(raftsmanSide), before(program))
  expect(walSyncs).toBeGreaterThan(answered / 2)
  expect(syncsSeen()).toBeLessThan(answered / 2)
})
