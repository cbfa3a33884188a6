import { describe, expect, test } from 'vitest'
import type { ControllerRevision } from '../../api/types/apps-daemon-set.js'
import { planRevision, surplusRevisions, templateOf } from '../revisions.js'
import { currentHashes, namesInUse } from './history.js'
import { daemonPodOn, daemonSet, revision } from './testing/objects.js'

const withImage = (image: string) => daemonSet({ pod: { containers: [{ name: 'c', image }] } })
const names = (revisions: readonly ControllerRevision[]) =>
  revisions.map(({ metadata }) => metadata.name)

describe('DaemonSet: history', () => {
  const first = planRevision(withImage('agent:1'), [], 0).revision
  const second = planRevision(withImage('agent:2'), [first], 0).revision

  test('each template gets a revision, which holds it to be rolled back to', () => {
    expect([first.revision, second.revision]).toEqual([1, 2])
    expect(templateOf(first)).toEqual(withImage('agent:1').spec.template)
  })
  test('one that is gone back to gets the newest number under its old name', () => {
    const { kind, revision: returned } = planRevision(withImage('agent:1'), [first, second], 0)
    expect(kind).toBe('returned')
    expect([returned.metadata.name, returned.revision]).toEqual([first.metadata.name, 3])
  })
  test('a collision makes another name', () => {
    const { revision: other } = planRevision(withImage('agent:1'), [], 1)
    expect(other.metadata.name).not.toBe(first.metadata.name)
  })
  test('pods of any revision with the current template are current', () => {
    const twin = { ...revision(3, 'a'), revision: 4, metadata: { name: 'agent-twin' } }
    const hashes = currentHashes(revision(3, 'a'), [revision(2, 'b'), revision(3, 'a'), twin])
    expect(hashes).toEqual(new Set(['hash-3', 'agent-twin']))
  })
  test('surplus history is deleted, the oldest first; what pods come from stays', () => {
    const revisions = [1, 2, 3, 4, 5].map(number => revision(number, `a:${number}`))
    const current = revision(5, 'a:5')
    const pods = [daemonPodOn('n1', 'p', { hash: 'hash-1' })]
    const set = daemonSet({ revisionHistoryLimit: 1 })
    const inUse = namesInUse(current, revisions, pods)
    expect(names(surplusRevisions(set, revisions, inUse))).toEqual(['agent-2', 'agent-3'])
    expect(surplusRevisions(daemonSet(), revisions, inUse)).toEqual([])
  })
})
