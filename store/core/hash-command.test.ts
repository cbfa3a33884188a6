import { expect, test } from 'vitest'
import { MemoryBackend } from '../backend/memory.js'
import type { Command } from './command.js'
import type { HashChange } from './hash-command.js'
import { applyWhole, localEntry } from './local-entry.js'
import { StoreCore } from './store-core.js'
import { bytes, Driver } from './testing/driver.js'

const hash = (change: HashChange): Command => ({ kind: 'hash', change })
const mark = (...voters: number[]): Command => hash({ kind: 'mark', voters })
const put = (key: string, value: string): Command => ({
  kind: 'put',
  request: { key: bytes(key), value: bytes(value) },
})

/** Members that are given one log. */
class Cluster {
  readonly members = new Map<number, StoreCore>()
  #index = 0

  constructor(...ids: number[]) {
    for (const id of ids) {
      this.members.set(id, new StoreCore(new MemoryBackend(), { clusterId: 7, memberId: id }))
    }
  }

  core(id: number): StoreCore {
    const core = this.members.get(id)
    if (core === undefined) throw new Error('no such member')
    return core
  }

  /** Codes of what was refused. */
  log(...commands: Command[]): string[] {
    this.#index++
    const codes: string[] = []
    for (const core of this.members.values()) {
      for (const result of applyWhole(core, localEntry(this.#index, 1, commands))) {
        if (!result.ok) codes.push(result.error.code)
      }
    }
    return codes
  }

  /** Something that this member alone took for applied. */
  diverge(id: number): void {
    this.#index++
    for (const [member, core] of this.members) {
      const value = member === id ? 'wrong' : 'right'
      core.apply(localEntry(this.#index, 1, [put('diverged', value)]))
    }
  }

  report(...ids: number[]): void {
    for (const id of ids) {
      const due = this.core(id).hashMarks.due(id)
      if (due !== null) this.log(hash({ kind: 'report', member: id, ...due }))
    }
  }

  alarms(id: number): string[] {
    const { alarms } = this.core(id)
    return alarms
      .list()
      .map(({ kind, member }) => `${kind} ${member}${alarms.contained.has(member) ? ' alone' : ''}`)
  }

  outvoted(): number[] {
    return [...this.members].filter(([, core]) => core.hashMarks.outvoted).map(([id]) => id)
  }
}

test('Members with one state agree, and no alarm is raised.', () => {
  const cluster = new Cluster(1, 2, 3)
  cluster.log(put('a', '1'), put('b', '2'))
  cluster.log(mark(1, 2, 3))
  cluster.report(1, 2, 3)
  expect(cluster.alarms(1)).toEqual([])
  expect(cluster.outvoted()).toEqual([])
  // Everybody has said what it found: there is nothing more to say.
  expect([1, 2, 3].map(id => cluster.core(id).hashMarks.due(id))).toEqual([null, null, null])
})

test.each([
  ['first', [3, 1, 2]],
  ['last', [1, 2, 3]],
  ['between', [2, 3, 1]],
])('A member with another state is found when it reports %s, and it alone.', (_, order) => {
  const cluster = new Cluster(1, 2, 3)
  cluster.log(put('a', '1'))
  cluster.diverge(3)
  cluster.log(mark(1, 2, 3))
  cluster.report(...order)
  for (const id of [1, 2, 3]) expect(cluster.alarms(id)).toEqual(['corrupt 3 alone'])
  expect(cluster.outvoted()).toEqual([3])
  // The others go on.
  expect(cluster.log(put('b', '1'))).toEqual([])
})

test('It is not judged before a majority of the voters has spoken.', () => {
  const cluster = new Cluster(1, 2, 3, 4, 5)
  cluster.diverge(3)
  cluster.log(mark(1, 2, 3, 4, 5))
  cluster.report(3, 1, 2)
  expect(cluster.alarms(1)).toEqual([])
  expect(cluster.outvoted()).toEqual([])
  cluster.report(5)
  expect(cluster.alarms(1)).toEqual(['corrupt 3 alone'])
})

test('A learner is judged, and its word does not count.', () => {
  const cluster = new Cluster(1, 2, 3)
  cluster.diverge(3)
  cluster.log(mark(1, 2))
  cluster.report(3, 1)
  expect(cluster.alarms(1)).toEqual([])
  cluster.report(2)
  expect(cluster.alarms(1)).toEqual(['corrupt 3 alone'])
})

test('Where no majority agrees nobody can say who is wrong, and the whole cluster stops.', () => {
  const cluster = new Cluster(1, 2)
  cluster.diverge(2)
  cluster.log(mark(1, 2))
  cluster.report(1, 2)
  expect(cluster.alarms(1)).toEqual(['corrupt 0'])
  expect(cluster.outvoted()).toEqual([])
  expect(cluster.log(put('b', '1'))).toEqual(['corrupt', 'corrupt'])
})

test('A member that was brought back is cleared at the next mark, and only then.', () => {
  const cluster = new Cluster(1, 2, 3)
  cluster.diverge(3)
  cluster.log(mark(1, 2, 3))
  cluster.report(1, 2, 3)
  // What it would get from a peer.
  const sink = { failed: '' }
  cluster.core(1).openSnapshot((_none, source) => {
    cluster.core(3).beginRestore(cluster.core(1).appliedIndex, (_failed, into) => {
      source?.read(1_000_000, (_error, chunk) => into?.write(chunk ?? new Uint8Array(), () => {}))
      into?.commit(error => {
        sink.failed = error?.code ?? ''
      })
    })
  })
  expect(sink.failed).toBe('')
  expect(cluster.alarms(3)).toEqual(['corrupt 3 alone'])
  expect(cluster.outvoted()).toEqual([])
  // It was not there, with this state, when the mark was made.
  expect(cluster.core(3).hashMarks.due(3)).toBeNull()
  cluster.log(mark(1, 2, 3))
  cluster.report(3, 1)
  for (const id of [1, 2, 3]) expect(cluster.alarms(id)).toEqual([])
})

test('What somebody has raised for a member is neither narrowed down nor cleared by a comparison.', () => {
  const cluster = new Cluster(1, 2, 3)
  const alarm = { kind: 'corrupt', member: 3 } as const
  cluster.log({ kind: 'alarm', activate: true, alarm })
  cluster.diverge(3)
  cluster.log(mark(1, 2, 3))
  cluster.report(1, 2, 3)
  expect(cluster.alarms(1)).toEqual(['corrupt 3'])
  expect(cluster.log(put('b', '1'))).toEqual(['corrupt', 'corrupt', 'corrupt'])
})

test('Reports of an older mark, second ones, and such in other terms count for nothing.', () => {
  const cluster = new Cluster(1, 2, 3)
  cluster.log(mark(1, 2, 3))
  const old = cluster.core(3).hashMarks.mark
  cluster.log(mark(1, 2, 3))
  cluster.report(1, 2)
  const report = (change: { mark: number; digest: string }): void => {
    cluster.log(hash({ kind: 'report', member: 3, ...change }))
  }
  report({ mark: old, digest: '1other' })
  expect(cluster.alarms(1)).toEqual([])
  report({ mark: cluster.core(3).hashMarks.mark, digest: '2computed in another way' })
  expect(cluster.alarms(1)).toEqual([])
  report({ mark: cluster.core(3).hashMarks.mark, digest: '1other' })
  expect(cluster.alarms(1)).toEqual([])
})

test('A member that has found damage itself gives its state up only while most others are sound.', () => {
  const confess = (cluster: Cluster, member: number) =>
    cluster.log(hash({ kind: 'report', member, mark: 0, digest: '' }))
  const cluster = new Cluster(1, 2, 3)
  // Nobody knows yet who the voters are.
  expect(confess(cluster, 2)[0]).toBe('unhealthy-cluster')
  cluster.log(mark(1, 2, 3))
  expect(confess(cluster, 2)).toEqual([])
  expect(cluster.alarms(1)).toEqual(['corrupt 2 alone'])
  expect(confess(cluster, 3)[0]).toBe('unhealthy-cluster')
  expect(cluster.alarms(1)).toEqual(['corrupt 2 alone'])
  const alone = new Cluster(1)
  alone.log(mark(1))
  expect(confess(alone, 1)).toEqual(['unhealthy-cluster'])
})

test('The mark, and what was said of it, outlive a restart; what was noted does not.', () => {
  const backend = new MemoryBackend()
  const driver = new Driver({}, backend)
  driver.put('a', '1')
  driver.batch([mark(1, 2, 3)])
  const due = driver.core.hashMarks.due(1)
  expect(due).toMatchObject({ mark: 2 })
  driver.batch([hash({ kind: 'report', member: 2, mark: 2, digest: due?.digest ?? '' })])
  driver.core.flush()
  const again = new StoreCore(backend, { clusterId: 7, memberId: 1 })
  expect(again.hashMarks.mark).toBe(2)
  expect(again.hashMarks.due(1)).toBeNull()
  again.apply(
    localEntry(4, 1, [hash({ kind: 'report', member: 3, mark: 2, digest: due?.digest ?? '' })]),
  )
  again.apply(localEntry(5, 1, [hash({ kind: 'report', member: 1, mark: 2, digest: '1other' })]))
  expect(again.alarms.list()).toEqual([{ kind: 'corrupt', member: 1 }])
})
