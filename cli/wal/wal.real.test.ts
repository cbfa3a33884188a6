// `raftsman wal` as people run it, on logs that the shipping code wrote and that were damaged since.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { must } from '../../platform/errors.js'
import { quietPlatform } from '../../platform/testing/quiet-platform.js'
import { encodeConfChange } from '../../raft/core/conf-change.js'
import { logIndex, nodeId, term } from '../../raft/core/types.js'
import { RaftLog } from '../../raft/storage/log.js'
import { entry, hard, meta, write } from '../../raft/storage/testing/log-bench.js'
import { projectRoot } from '../testing/local-cluster.js'

const program = join(projectRoot, 'dist', 'cli', 'main.js')
const directories: string[] = []
let open: RaftLog | null = null

afterEach(async () => {
  const log = open
  open = null
  if (log !== null)
    await new Promise<void>(resolve => {
      log.close(resolve)
    })
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true })
})

function wal(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, 'wal', ...args], {
    encoding: 'utf8',
  })
  for (const line of stdout.split('\n'))
    if (!line.startsWith('{')) expect(line.length).toBeLessThanOrEqual(80)
  return { status, stdout, stderr }
}

/** A log of 60 entries in several segments, and still open. */
async function written(repairing = false): Promise<{ directory: string; log: RaftLog }> {
  const directory = mkdtempSync(join(tmpdir(), 'raftsman-wal-'))
  directories.push(directory)
  const log = await opened(directory, repairing)
  const append = (parts: Parameters<typeof write>[0]) =>
    new Promise<void>(resolve => {
      log.append(write(parts), resolve)
    })
  await append({ snapshot: meta(0, 0), hardState: hard(1, 0) })
  for (let index = 1; index <= 60; index += 1) {
    const data = index === 7 ? encodeConfChange([{ kind: 'addLearner', node: nodeId(4) }]) : null
    const one = { ...entry(index, 1 + Math.floor(index / 30), 400) }
    const added = data === null ? one : { ...one, kind: 'confChange' as const, data }
    await append({ entries: [added], hardState: hard(added.term, index - 1) })
  }
  return { directory, log }
}

async function opened(directory: string, repair: boolean): Promise<RaftLog> {
  open = await new Promise<RaftLog>((resolve, reject) => {
    RaftLog.open(
      {
        directory,
        clusterId: 7,
        nodeId: nodeId(1),
        segmentBytes: 16 * 1024,
        ...quietPlatform(),
        repair,
        appliedIndex: logIndex(repair ? 50 : 0),
        onFatal: reject,
      },
      (error, log) => {
        if (error === null) resolve(must(log, 'a log'))
        else reject(error)
      },
    )
  })
  return open
}

function damage(directory: string, name: string, offset: number): void {
  const path = join(directory, name)
  const content = readFileSync(path)
  content[offset] = (content[offset] ?? 0) ^ 0x10
  writeFileSync(path, content)
}

describe('raftsman wal verify', () => {
  test('calls a log in use good, takes no lock and changes nothing', async () => {
    const { directory } = await written()
    const before = readdirSync(directory)
    const { status, stdout } = wal('verify', directory)
    expect(stdout).toContain('The log is good: entries 1 to 60, term 3, vote for 1, commit 59.')
    expect(status).toBe(0)
    expect(readdirSync(directory)).toEqual(before)
  })

  test('names the damaged segment and the bytes, and ends with 1', async () => {
    const { directory } = await written()
    damage(directory, '0000000002.wal', 5000)
    const { status, stdout } = wal('verify', directory)
    expect(status).toBe(1)
    expect(stdout).toMatch(/0000000002\.wal +\d+ {2}damaged; bytes \d+ to \d+ are not readable/)
    expect(stdout).toContain('The log is damaged.')
    const json = JSON.parse(wal('verify', directory, '-o', 'json').stdout) as {
      verdict: string
      segments: { verdict: string }[]
    }
    expect(json.verdict).toBe('damaged')
    expect(json.segments.map(({ verdict }) => verdict)).toContain('damaged')
  })

  test('tells a header that is not readable, and a segment that is missing', async () => {
    const { directory } = await written()
    damage(directory, '0000000002.wal', 30)
    expect(wal('verify', directory).stdout).toContain('its header is not readable')
    rmSync(join(directory, '0000000002.wal'))
    const { status, stdout } = wal('verify', directory)
    expect(stdout).toContain('the segment before it is missing')
    expect(status).toBe(1)
  })

  test('takes an unfinished last write for what it is', async () => {
    const { directory } = await written()
    const last = must(
      readdirSync(directory).findLast(name => name.endsWith('.wal')),
      'a segment',
    )
    const content = readFileSync(join(directory, last))
    const end = content.findLastIndex(byte => byte !== 0)
    content.fill(0, end - 100)
    content[end - 50] = 1
    writeFileSync(join(directory, last), content)
    const { status, stdout } = wal('verify', directory)
    expect(stdout).toContain('bytes of an unfinished write')
    expect(status).toBe(0)
  })

  test('shows what a repair replaced, and what it waits for', async () => {
    const { directory, log } = await written()
    await new Promise<void>(resolve => {
      log.close(resolve)
    })
    damage(directory, '0000000001.wal', 5000)
    await opened(directory, true)
    const { status, stdout } = wal('verify', directory)
    expect(status).toBe(0)
    expect(stdout).toContain('The log is good')
    expect(readdirSync(directory).some(name => name.startsWith('damaged-'))).toBe(true)
  })

  test('ends with 2 and a sentence where there is nothing to verify', () => {
    const empty = mkdtempSync(join(tmpdir(), 'raftsman-wal-'))
    directories.push(empty)
    expect(wal('verify', empty)).toMatchObject({ status: 2, stdout: '' })
    expect(wal('verify', empty).stderr).toContain('holds no segments of a log')
    expect(wal('verify', join(empty, 'none')).stderr).toContain('There is no directory')
    const file = join(empty, 'file')
    writeFileSync(file, 'x')
    expect(wal('verify', file).stderr).toContain('give the directory of the log')
  })
})

describe('raftsman wal dump', () => {
  test('prints every record with its place, type and range', async () => {
    const { directory } = await written()
    const { status, stdout } = wal('dump', directory)
    expect(status).toBe(0)
    expect(stdout).toContain('format 2, cluster 7, node 1, next entry 1')
    expect(stdout).toMatch(/ +264 +\d+ +200 {2}snapshot +index 0, term 0, voters 1\n/)
    for (let index = 1; index <= 60; index += 1)
      expect(stdout).toMatch(new RegExp(`entries +${index}-${index}, term \\d\n`))
  })

  test('prints one JSON object a line, with the data when asked', async () => {
    const { directory } = await written()
    const { stdout } = wal('dump', directory, '-o', 'json', '--data', '--from', '20', '--to', '21')
    const lines = stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as Record<string, unknown>)
    const records = lines.filter(({ type }) => type === 'entries')
    expect(records.map(({ first }) => first)).toEqual([20, 21])
    const data = Buffer.alloc(400, 21).toString('base64')
    expect(records[0]).toMatchObject({ entries: [{ index: 20, term: term(1), data }] })
  })

  test('prints entries and what they change', async () => {
    const { directory } = await written()
    const { stdout } = wal('dump', directory, '--from', '7', '--to', '7', '--data')
    expect(stdout).toMatch(/ 7 {2}term 1, confChange, from 1\/7001, \d+ B: addLearner 4\n/)
    expect(stdout.match(/\.wal:/g)).toHaveLength(1)
  })

  test('goes on behind damage', async () => {
    const { directory } = await written()
    damage(directory, '0000000001.wal', 9300)
    const { status, stdout } = wal('dump', directory)
    expect(status).toBe(0)
    expect(stdout).toMatch(/ unreadable\n/)
    expect(stdout).toMatch(/entries +60-60, term 3\n/)
  })

  test('refuses an index that is none', () => {
    expect(wal('dump', '.', '--from', 'x')).toMatchObject({ status: 2 })
  })
})
