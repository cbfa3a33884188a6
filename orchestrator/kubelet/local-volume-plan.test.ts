import { describe, expect, it } from 'vitest'
import type { PersistentVolume, PersistentVolumeSpec } from '../api/types/core-persistent-volume.js'
import { ownPath, planLocalVolume } from './local-volume-plan.js'

const directory = '/data/volumes'

function volume(changes: {
  readonly name?: string
  readonly phase?: string
  readonly policy?: string
  readonly going?: boolean
  readonly node?: string
  readonly finalizers?: readonly string[]
  readonly spec?: PersistentVolumeSpec
}): PersistentVolume {
  const { name = 'pvc-1', node = 'n1', finalizers = ['raftsman.dev/local-volume'] } = changes
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: {
      name,
      finalizers,
      labels: { 'raftsman.dev/node': node },
      ...(changes.going ? { deletionTimestamp: '2026-01-01T12:00:00Z' } : {}),
    },
    spec: {
      local: { path: `${directory}/${name}` },
      persistentVolumeReclaimPolicy: changes.policy ?? 'Delete',
      ...changes.spec,
    },
    status: { phase: changes.phase ?? 'Released' },
  }
}

describe('a directory of this node', () => {
  const remove = { kind: 'remove', path: `${directory}/pvc-1` }
  it.each([
    ['goes with a volume that was released', volume({}), remove],
    ['stays while a claim has it', volume({ phase: 'Bound' }), { kind: 'keep' }],
    ['stays before a claim has it', volume({ phase: 'Available' }), { kind: 'keep' }],
    ['stays with one that is to be kept', volume({ policy: 'Retain' }), { kind: 'keep' }],
    [
      'stays though the volume was deleted under its claim',
      volume({ phase: 'Bound', going: true }),
      { kind: 'keep' },
    ],
    ['goes with a volume that was deleted', volume({ phase: 'Available', going: true }), remove],
    [
      'stays where the volume goes and its data shall not',
      volume({ policy: 'Retain', going: true }),
      { kind: 'let-go' },
    ],
    ['is not one of another node', volume({ node: 'n2' }), { kind: 'keep' }],
    ['is none where nobody waits for it', volume({ finalizers: [] }), { kind: 'keep' }],
    [
      'is not somewhere else, whatever the volume says',
      volume({ spec: { local: { path: '/home' } } }),
      { kind: 'refuse', message: `"/home" is not a volume of ${directory}, and is left as it is` },
    ],
  ])('%s', (_, of, expected) => {
    expect(planLocalVolume({ volume: of, nodeName: 'n1', directory, inUse: false })).toEqual(
      expected,
    )
  })

  it('waits for the last pod that has it', () => {
    const input = { volume: volume({}), nodeName: 'n1', directory, inUse: true }
    expect(planLocalVolume(input)).toEqual({ kind: 'wait' })
  })

  it.each(['..', '.', '', 'a/b', '../up', 'a/../../b', 'a..b', '.hidden', 'A', 'x\0'])(
    'is never reckoned from the name %j',
    name => {
      expect(ownPath({ volume: volume({ name }), directory })).toBeNull()
    },
  )
})
