// `raftsman bench` as people meet it: wrong words are refused in a sentence, and Ctrl-C ends members and
// prints what there is.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { BenchReport } from '../../bench/run/report.js'
import { program } from '../../store/server/testing/store-processes.js'

const bench = (...args: readonly string[]) => {
  const env = { ...process.env, ETCD_BIN: '/no/such/etcd' }
  const words = [program, 'bench', ...args]
  return spawnSync(process.execPath, words, { encoding: 'utf8', env })
}

test('The list names every scenario, as text and as JSON.', () => {
  const { status, stdout } = bench('list')
  expect(status).toBe(0)
  for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  const { stdout: json } = bench('list', '-o', 'json')
  const names = (JSON.parse(json) as { name: string }[]).map(({ name }) => name)
  expect(names).toEqual(expect.arrayContaining(['put', 'range', 'txn-mixed', 'watch', 'recovery']))
  expect(new Set(names).size).toBe(names.length)
  for (const name of names) expect(stdout).toContain(name)
})

test.each([
  [['pat'], 'no scenario and no group "pat"'],
  [['put', '--seconds', 'many'], '--seconds takes a whole number'],
  [['put-1x1', 'recovery', '--clients', '5'], '--clients means nothing to put-1x1, recovery'],
  [['put', '--data-dir', '/dev/shm'], '/dev/shm lies in memory'],
  [['put', '--data-dir', '/proc/no/such'], '/proc/no/such cannot be made'],
  [['put', '--report', '/no/such/folder/page.html'], 'cannot be written to /no/such/folder'],
  [['put', '--against', 'etcd'], '"/no/such/etcd" cannot be run'],
])('%j is refused', (words, sentence) => {
  const { status, stderr, stdout } = bench(...words)
  expect(stderr).toContain(sentence)
  expect(stderr.trim().split('\n').length).toBe(1)
  expect(stdout).toBe('')
  expect(status).toBe(1)
})

test('Ctrl-C ends members, prints what there is and fails; a page is written all the same.', async () => {
  const parent = mkdtempSync(join(tmpdir(), 'raftsman-bench-test-'))
  const page = join(parent, 'page.html')
  const words = ['put-1x1', '--members', '1', '--seconds', '600', '-o', 'json']
  const where = ['--data-dir', join(parent, 'data'), '--report', page]
  const child = spawn(process.execPath, [program, 'bench', ...words, ...where], { stdio: 'pipe' })
  try {
    let out = ''
    child.stdout.on('data', (bytes: Buffer) => {
      out += String(bytes)
    })
    const members = () => membersBelow(join(parent, 'data'))
    while (members().length === 0) await new Promise(done => setTimeout(done, 20))
    expect(members()).toHaveLength(1)
    child.kill('SIGINT')
    const [code] = (await once(child, 'close')) as [number | null]
    expect(code).toBe(1)
    const report = JSON.parse(out) as BenchReport
    expect(report.interrupted).toBe(true)
    expect(members()).toEqual([])
    expect(readdirSync(join(parent, 'data'))).toEqual([])
    expect(readFileSync(page, 'utf8')).toContain('ended before it was done')
  } finally {
    child.kill('SIGKILL')
    rmSync(parent, { recursive: true, force: true })
  }
})

test('Members end with a bench that was killed.', async () => {
  const parent = mkdtempSync(join(tmpdir(), 'raftsman-bench-test-'))
  const words = ['put-1x1', '--members', '1', '--seconds', '600', '--data-dir', parent]
  const child = spawn(process.execPath, [program, 'bench', ...words], { stdio: 'ignore' })
  try {
    while (membersBelow(parent).length === 0) await new Promise(done => setTimeout(done, 20))
    child.kill('SIGKILL')
    while (membersBelow(parent).length > 0) await new Promise(done => setTimeout(done, 20))
  } finally {
    child.kill('SIGKILL')
    rmSync(parent, { recursive: true, force: true })
  }
})

/** Pids of store members that keep their data below the folder. */
function membersBelow(folder: string): readonly string[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .filter(pid => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
        return words[2] === 'store' && words.some(word => word.includes(folder))
      } catch {
        return false
      }
    })
}
