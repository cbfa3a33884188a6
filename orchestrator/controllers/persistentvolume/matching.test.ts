import { describe, expect, test } from 'vitest'
import type {
  PersistentVolume,
  PersistentVolumeClaim,
} from '../../api/types/core-persistent-volume.js'
import { node } from '../testing/objects.js'
import { bestVolume, mismatch } from './matching.js'
import { claim, refTo, volume } from './testing/storage-objects.js'

const modes = (...accessModes: string[]) => ({ accessModes })
const deletionTimestamp = '2026-01-01T00:00:00Z'
const onNode = (name: string) => ({
  nodeAffinity: {
    required: {
      nodeSelectorTerms: [
        { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [name] }] },
      ],
    },
  },
})

function chosen(
  of: PersistentVolumeClaim,
  volumes: readonly PersistentVolume[],
  options: Partial<Parameters<typeof bestVolume>[2]> = {},
): string | null {
  const best = bestVolume(of, volumes, { node: null, reservedOnly: false, ...options })
  return best?.metadata.name ?? null
}

describe('of several volumes a claim gets', () => {
  const mine = claim('mine', { size: '5Gi' })
  const cases: readonly [
    string,
    PersistentVolumeClaim,
    readonly PersistentVolume[],
    string | null,
  ][] = [
    [
      'the smallest that is large enough',
      mine,
      [volume('huge', { size: '1Ti' }), volume('fits', { size: '6Gi' }), volume('tiny')],
      'fits',
    ],
    [
      'one of just that size',
      mine,
      [volume('more', { size: '6Gi' }), volume('same', { size: '5120Mi' })],
      'same',
    ],
    ['none that is too small', mine, [volume('tiny', { size: '5119Mi' })], null],
    [
      'one with all access modes asked for',
      claim('mine', modes('ReadWriteOnce', 'ReadOnlyMany')),
      [volume('one'), volume('both', modes('ReadWriteOnce', 'ReadOnlyMany', 'ReadWriteMany'))],
      'both',
    ],
    [
      'of equals the one with the fewest other modes',
      claim('mine'),
      [volume('a', modes('ReadWriteOnce', 'ReadWriteMany')), volume('b')],
      'b',
    ],
    ['of twins the first by name', claim('mine'), [volume('b'), volume('a')], 'a'],
    ['none of another class', claim('mine'), [volume('v', { storageClassName: 'fast' })], null],
    [
      'one of its class',
      claim('mine', { storageClassName: 'fast' }),
      [volume('none'), volume('v', { storageClassName: 'fast' })],
      'v',
    ],
    [
      'one of the class in the older annotation',
      claim(
        'mine',
        {},
        { meta: { annotations: { 'volume.beta.kubernetes.io/storage-class': 'old' } } },
      ),
      [volume('v', { storageClassName: 'old' })],
      'v',
    ],
    ['none of another volume mode', claim('mine'), [volume('v', { volumeMode: 'Block' })], null],
    [
      'none with other attributes',
      claim('mine', { volumeAttributesClassName: 'gold' }),
      [volume('v')],
      null,
    ],
    [
      'one that its selector names',
      claim('mine', { selector: { matchLabels: { disk: 'ssd' } } }),
      [volume('a'), volume('b', {}, { meta: { labels: { disk: 'ssd' } } })],
      'b',
    ],
    [
      'none that is not known to be available',
      claim('mine'),
      [volume('v', {}, { phase: 'Pending' })],
      null,
    ],
    ['none that was released', claim('mine'), [volume('v', {}, { phase: 'Released' })], null],
    ['none that is going', claim('mine'), [volume('v', {}, { meta: { deletionTimestamp } })], null],
    [
      'none that another claim has',
      claim('mine'),
      [volume('v', { claimRef: refTo(claim('other')) })],
      null,
    ],
    [
      'the one that names it, before any that suits better',
      claim('mine'),
      [
        volume('better'),
        volume('own', { size: '9Gi', claimRef: { namespace: 'shop', name: 'mine' } }),
      ],
      'own',
    ],
    [
      'not the one that names its namesake of before',
      claim('mine'),
      [volume('v', { claimRef: { ...refTo(claim('mine')), uid: 'uid-of-before' } })],
      null,
    ],
    [
      'not even one that names it and is too small',
      mine,
      [volume('v', { claimRef: { namespace: 'shop', name: 'mine' } })],
      null,
    ],
  ]
  test.each(cases)('%s', (_, of, volumes, expected) => {
    expect(chosen(of, volumes)).toBe(expected)
  })

  test('where it waits for its consumer, only one that was reserved for it', () => {
    const reserved = volume('own', { claimRef: { namespace: 'shop', name: 'mine' } })
    expect(chosen(claim('mine'), [volume('free')], { reservedOnly: true })).toBeNull()
    expect(chosen(claim('mine'), [volume('free'), reserved], { reservedOnly: true })).toBe('own')
  })

  test('on a node, one that can be reached from there', () => {
    const here = node('n1', { labels: { 'kubernetes.io/hostname': 'n1' } })
    const volumes = [volume('a', onNode('n2')), volume('b', onNode('n1')), volume('c')]
    expect(chosen(claim('mine'), volumes, { node: here })).toBe('b')
  })
})

test('why a volume that a claim names does not suit', () => {
  const reasons: readonly [PersistentVolume, string | null][] = [
    [volume('v'), null],
    [volume('v', { size: '1Mi' }), 'requested PV is too small'],
    [volume('v', { storageClassName: 'fast' }), 'storageClassName does not match'],
    [volume('v', { volumeMode: 'Block' }), 'incompatible volumeMode'],
    [volume('v', modes('ReadOnlyMany')), 'incompatible accessMode'],
  ]
  for (const [of, why] of reasons) expect(mismatch(of, claim('mine'))).toBe(why)
})
