// The life of a store as an operator leads it, with real processes and the command line alone: a cluster
// grows, loses a disk, shrinks, and is restored from a snapshot into a new one. etcdctl sees the same.

import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { freePort } from '../platform/testing/free-port.js'

const program = join(resolve(import.meta.dirname, '..'), 'dist', 'cli', 'main.js')
const directory = mkdtempSync(join(tmpdir(), 'raftsman-life-'))
const running = new Map<string, ChildProcess>()
const addresses = new Map<string, { readonly peer: string; readonly client: string }>()

interface Ran {
  readonly out: string
  readonly err: string
  readonly code: number
}

const run = (command: string, args: readonly string[]): Promise<Ran> =>
  new Promise(done => {
    const env = { ...process.env, ETCDCTL_API: '3' }
    execFile(command, [...args], { env }, (error, out, err) => {
      done({ out, err, code: error === null ? 0 : Number(error.code ?? 1) })
    })
  })

const raftsman = (...args: readonly string[]): Promise<Ran> =>
  run(process.execPath, [program, ...args])

async function ok(...args: readonly string[]): Promise<string> {
  const { out, err, code } = await raftsman(...args)
  if (code !== 0) throw new Error(err)
  return out
}

async function plan(...names: readonly string[]): Promise<void> {
  for (const name of names) {
    const peer = `127.0.0.1:${await freePort()}`
    addresses.set(name, { peer, client: `127.0.0.1:${await freePort()}` })
  }
}

const listOf = (...names: readonly string[]): string =>
  names.map(name => `${name}=${addresses.get(name)?.peer}/${addresses.get(name)?.client}`).join(',')
const dataDir = (name: string): string => join(directory, name)
const logOf = (name: string): string => readFileSync(`${dataDir(name)}.log`, 'utf8')
const at = (name: string): readonly string[] => ['--endpoints', addresses.get(name)?.client ?? '']

function start(name: string, ...flags: readonly string[]): void {
  const log = openSync(`${dataDir(name)}.log`, 'a')
  const child = spawn(
    process.execPath,
    [
      program,
      'store',
      `--name=${name}`,
      `--data-dir=${dataDir(name)}`,
      `--listen-peer=${addresses.get(name)?.peer}`,
      `--listen-client=${addresses.get(name)?.client}`,
      '--no-tls',
      '--no-peer-tls',
      '--lifeline',
      ...flags,
    ],
    { stdio: ['pipe', log, log] },
  )
  closeSync(log)
  child.stdin?.on('error', () => {})
  running.set(name, child)
}

const ended = (child: ChildProcess): Promise<number | null> =>
  child.exitCode !== null
    ? Promise.resolve(child.exitCode)
    : new Promise(done => child.once('exit', done))

async function kill(name: string): Promise<void> {
  const child = running.get(name)
  running.delete(name)
  if (child === undefined) return
  child.kill('SIGKILL')
  await ended(child)
}

/** Polls; the test's own time limit is the only one. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise(done => setTimeout(done, 50))
}

const members = async (asked: string): Promise<readonly string[]> => {
  const { out } = await raftsman('member', 'list', ...at(asked))
  return out
    .trim()
    .split('\n')
    .map(line => line.split(', '))
    .map(([id, status, name, , , learner]) => `${id} ${name} ${status} ${learner}`)
}

afterAll(async () => {
  await Promise.all([...running.keys()].map(kill))
  rmSync(directory, { recursive: true, force: true })
})

describe('a store', () => {
  test('is founded by three, and a fourth joins with one command', async () => {
    await plan('m1', 'm2', 'm3', 'm4')
    for (const name of ['m1', 'm2', 'm3'])
      start(name, `--initial-cluster=${listOf('m1', 'm2', 'm3')}`)
    await until(async () => (await raftsman('kv', 'put', 'a', '1', ...at('m1'))).code === 0)
    start('m4', `--join=${addresses.get('m1')?.client},${addresses.get('m2')?.client}`)
    await until(async () => (await members('m1')).includes('4 m4 started false'))
    expect(await ok('kv', 'get', 'a', ...at('m4'))).toBe('a\n1\n')
  })

  test('looks the same to etcdctl, which adds, moves, promotes and removes', async () => {
    const etcdctl = async (...args: readonly string[]) => run('etcdctl', [...at('m2'), ...args])
    const peer = `127.0.0.1:${await freePort()}`
    const added = await etcdctl('member', 'add', 'm5', '--learner', `--peer-urls=http://${peer}`)
    expect(added.out).toContain('Member                5 added to cluster')
    expect((await etcdctl('member', 'list')).out).toContain(
      `5, unstarted, , http://${peer}, , true`,
    )
    expect((await etcdctl('member', 'promote', '5')).err).toContain(
      'etcdserver: can only promote a learner member which is in sync with leader',
    )
    await plan('m5')
    const moved = addresses.get('m5')?.peer ?? ''
    await etcdctl('member', 'update', '5', `--peer-urls=http://${moved}`)
    expect((await etcdctl('member', 'list')).out).toContain(
      `5, unstarted, , http://${moved}, , true`,
    )
    start('m5', `--join=${addresses.get('m2')?.client}`)
    await until(async () => (await etcdctl('member', 'promote', '5')).code === 0)
    expect(await members('m1')).toContain('5 m5 started false')
    const removed = await etcdctl('member', 'remove', '5')
    expect(removed.out).toContain('Member                5 removed from cluster')
  })

  test('has a removed member say so and end, also when it is started again', async () => {
    for (const restart of [false, true]) {
      if (restart) start('m5', `--join=${addresses.get('m2')?.client}`)
      const child = running.get('m5')
      expect(child === undefined ? null : await ended(child)).toBe(0)
      expect(logOf('m5')).toContain('this member was removed from its cluster and ends')
    }
    running.delete('m5')
  })

  test('does not take a founder back that lost its disk, but a new member in its place', async () => {
    await kill('m3')
    rmSync(dataDir('m3'), { recursive: true })
    start('m3', `--initial-cluster=${listOf('m1', 'm2', 'm3')}`)
    const child = running.get('m3')
    expect(child === undefined ? null : await ended(child)).toBe(1)
    expect(logOf('m3')).toContain('m3 (id 3) has run in this cluster before')
    start('m3', `--join=${addresses.get('m1')?.client}`, '--replaces=m3')
    await until(async () => {
      const now = await members('m1')
      return now.includes('6 m3 started false') && !now.some(member => member.startsWith('3 '))
    })
    expect(await ok('kv', 'get', 'a', ...at('m3'))).toBe('a\n1\n')
  })

  test('is saved while it works, and restored into a new cluster that goes on', async () => {
    const ours = join(directory, 'ours.db')
    const theirs = join(directory, 'theirs.db')
    expect(await ok('snapshot', 'save', ours, ...at('m1'))).toBe(`Snapshot saved at ${ours}\n`)
    expect((await run('etcdctl', [...at('m1'), 'snapshot', 'save', theirs])).code).toBe(0)
    const status = await ok('snapshot', 'status', ours)
    expect(status).toMatch(/^[0-9a-f]+, \d+, 1, [0-9.]+ k?B\n$/)
    // Members write to the log by themselves, so two pictures are alike in what clients wrote.
    const shown = (told: string) => told.split(', ').slice(1, 3)
    expect(shown(await ok('snapshot', 'status', theirs))).toEqual(shown(status))
    const bytes = readFileSync(ours)
    bytes[100] = (bytes[100] ?? 0) ^ 1
    writeFileSync(join(directory, 'bad.db'), bytes)
    const bad = await raftsman('snapshot', 'status', join(directory, 'bad.db'))
    expect([bad.code, bad.err]).toEqual([1, expect.stringContaining('is damaged')])
    await plan('n1', 'n2', 'n3')
    const list = listOf('n1', 'n2', 'n3')
    for (const name of ['n1', 'n2', 'n3']) {
      const flags = [`--data-dir=${dataDir(name)}`, `--name=${name}`, `--initial-cluster=${list}`]
      await ok('snapshot', 'restore', theirs, ...flags, '--bump-revision=1000', '--mark-compacted')
      start(name)
    }
    await until(async () => (await raftsman('kv', 'put', 'b', '2', ...at('n2'))).code === 0)
    expect(await ok('kv', 'get', 'a', ...at('n3'))).toBe('a\n1\n')
    const headerAt = async (name: string) => {
      const answer = await ok('kv', 'get', 'b', '-o', 'json', ...at(name))
      return (JSON.parse(answer) as { header: { revision: number; cluster_id: number } }).header
    }
    const header = await headerAt('n1')
    expect(header.revision).toBeGreaterThan(1000)
    expect((await headerAt('m1')).cluster_id).not.toBe(header.cluster_id)
    expect((await raftsman('kv', 'get', 'a', '--rev', '2', ...at('n1'))).err).toContain('compacted')
  })
})
