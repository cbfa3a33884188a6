import { expect, test } from 'vitest'
import { MemoryBackend } from '../backend/memory.js'
import { packArray } from '../../platform/msgpack.js'
import { type ClusterChange, versionOfRelease } from './cluster-command.js'
import { commandVersion, encodeCommands } from './command.js'
import { UnknownCommandError } from './errors.js'
import { localEntry } from './local-entry.js'
import { StoreCore } from './store-core.js'
import { bytes, Driver } from './testing/driver.js'

type Step = readonly [change: ClusterChange, outcome: string]

const raise = (version: number): ClusterChange => ({ kind: 'raise', version })
const downgrade = (target: number): ClusterChange => ({ kind: 'downgrade', target })
const end: ClusterChange = { kind: 'endDowngrade' }

/** The version after each step and what it is being lowered to, or why the step was refused. */
function outcomes(steps: readonly Step[]): string[] {
  const driver = new Driver({ versionMax: 4 })
  return steps.map(([change]) => {
    const [result] = driver.batch([{ kind: 'cluster', change }])
    if (result === undefined || !result.ok) return result?.error.code ?? 'none'
    const { version, downgradeTo } = driver.core.clusterVersion
    return downgradeTo === null ? String(version) : `${version} for ${downgradeTo}`
  })
}

test.each<[string, readonly Step[]]>([
  [
    'goes up and never down by a raise',
    [
      [raise(2), '2'],
      [raise(4), '4'],
      [raise(3), '4'],
      [raise(4), '4'],
    ],
  ],
  [
    'goes down by one at a time, and is not raised before that has ended',
    [
      [raise(4), '4'],
      [downgrade(2), 'downgrade-target'],
      [downgrade(4), 'downgrade-target'],
      [downgrade(5), 'downgrade-target'],
      [downgrade(3), '3 for 3'],
      [raise(4), '3 for 3'],
      [downgrade(2), 'downgrade-in-progress'],
      [end, '3'],
      [end, 'no-downgrade'],
      [raise(4), '4'],
    ],
  ],
  [
    'does not go down to what knows no system records',
    [
      [raise(2), '2'],
      [downgrade(1), 'downgrade-target'],
    ],
  ],
  ['is not lowered before it is known', [[downgrade(1), 'cluster-version-unknown']]],
])('The version of a cluster %s.', (_rule, steps) => {
  expect(outcomes(steps)).toEqual(steps.map(([, outcome]) => outcome))
})

test('The version, and a downgrade under way, are found again after a restart.', () => {
  const backend = new MemoryBackend()
  const driver = new Driver({ versionMax: 3 }, backend)
  driver.run({ kind: 'cluster', change: raise(3) })
  driver.run({ kind: 'cluster', change: downgrade(2) })
  driver.core.flush()
  const again = new StoreCore(backend, { clusterId: 7, memberId: 1, versionMax: 2 })
  expect(again.clusterVersion).toMatchObject({ version: 2, downgradeTo: 2, undecided: false })
  expect(again.clusterVersion.response(again.header())).toMatchObject({
    release: '0.1.0',
    version: 2,
    downgradeTo: '0.1.0',
  })
})

test('A program that is too old for the stored state says so.', () => {
  const backend = new MemoryBackend()
  const driver = new Driver({ versionMax: 3 }, backend)
  driver.run({ kind: 'cluster', change: raise(3) })
  driver.core.flush()
  expect(() => new StoreCore(backend, { clusterId: 7, memberId: 1, versionMax: 2 })).toThrow(
    'the cluster is at version 3 of the commands, and this program knows 2; a newer version of the program is needed',
  )
})

test.each<[string, Uint8Array]>([
  ['a command', Uint8Array.of(1, ...packArray([[1e6, 0]]))],
  ['a command of a family it knows in part', Uint8Array.of(1, ...packArray([[9.5e3]]))],
  ['a form of entries', Uint8Array.of(9, ...packArray([]))],
  ['a version', encodeCommands([{ kind: 'cluster', change: raise(99) }])],
])('A member that does not know %s of the log stops there and writes nothing more.', (_, data) => {
  const backend = new MemoryBackend()
  const driver = new Driver({}, backend)
  driver.put('a', '1')
  driver.core.flush()
  const entry = { ...localEntry(2, 1, []), data }
  expect(() => driver.core.apply(entry)).toThrow(UnknownCommandError)
  expect(driver.core.appliedIndex).toBe(1)
  expect(() => driver.core.range({ key: bytes('a') })).toThrow('could not be applied whole')
  expect(() => driver.core.flush()).toThrow('could not be applied whole')
  driver.core.close()
  expect(backend.meta?.appliedIndex).toBe(1)
})

test('A snapshot of a cluster that this program is too old for is refused, and the state stays.', () => {
  const from = new Driver({ versionMax: 5 })
  from.run({ kind: 'cluster', change: raise(5) })
  const to = new Driver()
  to.put('a', 'stays')
  let failure: string | undefined
  from.core.openSnapshot((_error, source) => {
    to.core.beginRestore(from.core.appliedIndex, (_failed, sink) => {
      source?.read(1_000_000, (_none, chunk) => sink?.write(chunk ?? new Uint8Array(), () => {}))
      sink?.commit(error => {
        failure = error?.code
      })
    })
  })
  expect(failure).toBe('version-unknown')
  expect(to.range('a')).toEqual(['a=stays c2 m2 v1'])
})

test('What was there before versions may always be proposed, all else from version 2 on.', () => {
  expect(commandVersion({ kind: 'compact', request: { revision: 1 } })).toBe(1)
  expect(commandVersion({ kind: 'leaseRevoke', id: 1, leaderTerm: 0 })).toBe(1)
})

test.each([
  ['0.1', 2],
  ['0.1.7', 2],
  ['0.12.0', 13],
  ['3.5', 0],
])('Release %s came with version %i of the commands.', (release, version) => {
  expect(versionOfRelease(release)).toBe(version)
})

test.each(['', 'x', '1', '1.2.3.4', 'v1.2', '1.-2', '1.2-rc'])('%j names no release.', release => {
  expect(() => versionOfRelease(release)).toThrow('wrong downgrade target version format')
})
