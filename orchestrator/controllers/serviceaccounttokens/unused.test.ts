import { expect, test } from 'vitest'
import type { Secret, ServiceAccount } from '../../api/types/core-config.js'
import { nowMs, secondsAgo } from '../testing/objects.js'
import { withoutReference } from './reconcile.js'
import { planUnused, type UnusedInputs } from './unused.js'

const daySeconds = 24 * 3600
const day = (ago: number) => secondsAgo(ago * daySeconds).slice(0, 10)
const dayMs = (ago: number) => Date.parse(`${day(ago)}T00:00:00Z`)
const used = 'kubernetes.io/legacy-token-last-used'
const invalid = 'kubernetes.io/legacy-token-invalid-since'

function secret(labels: Readonly<Record<string, string>> = {}, createdDaysAgo = 900): Secret {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      namespace: 'shop',
      name: 'robot-token-x7k2p',
      labels,
      creationTimestamp: secondsAgo(createdDaysAgo * daySeconds),
      annotations: {
        'kubernetes.io/service-account.name': 'robot',
        'kubernetes.io/service-account.uid': 'uid-robot',
      },
    },
    type: 'kubernetes.io/service-account-token',
  }
}

const account = (names: readonly string[] = ['robot-token-x7k2p'], uid = 'uid-robot') =>
  ({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { namespace: 'shop', name: 'robot', uid },
    secrets: names.map(name => ({ name })),
  }) satisfies ServiceAccount

const usual: UnusedInputs = {
  secret: secret(),
  account: account(),
  isMounted: false,
  trackedSinceMs: dayMs(800),
  nowMs,
}

test.each<readonly [string, Partial<UnusedInputs>, 'keep' | 'withdraw' | 'delete']>([
  ['one that was never used is withdrawn', {}, 'withdraw'],
  [
    'one that was last used long ago is withdrawn',
    { secret: secret({ [used]: day(400) }) },
    'withdraw',
  ],
  ['one that was used within the year stays', { secret: secret({ [used]: day(300) }) }, 'keep'],
  ['one of which nobody can tell stays', { secret: secret({ [used]: 'lately' }) }, 'keep'],
  ['one that is younger than a year stays', { secret: secret({}, 300) }, 'keep'],
  ['one that a pod mounts stays', { isMounted: true }, 'keep'],
  ['one that somebody made by hand stays', { account: account([]) }, 'keep'],
  [
    'one of another account of the name is not looked at',
    { account: account(undefined, 'new') },
    'keep',
  ],
  ['one of no account is not looked at', { account: undefined }, 'keep'],
  ['none goes before uses were noted for a year', { trackedSinceMs: dayMs(365) }, 'keep'],
  ['none goes where they are not noted', { trackedSinceMs: null }, 'keep'],
  [
    'one that was withdrawn this year stays withdrawn',
    { secret: secret({ [invalid]: day(100) }) },
    'keep',
  ],
  [
    'one that was withdrawn a year ago is deleted',
    { secret: secret({ [invalid]: day(400) }) },
    'delete',
  ],
  ['one that says nonsense is withdrawn anew', { secret: secret({ [invalid]: 'x' }) }, 'withdraw'],
  [
    'one that is used again stays',
    { secret: secret({ [invalid]: day(400), [used]: day(1) }) },
    'keep',
  ],
])('legacy token cleaner: %s', (_, more, kind) => {
  expect(planUnused({ ...usual, ...more }).kind).toBe(kind)
})

test('legacy token cleaner: the label says since when', () => {
  expect(planUnused(usual)).toEqual({ kind: 'withdraw', day: day(0) })
})

test('an account forgets a Secret that is gone', () => {
  expect(withoutReference(account(['a', 'b']), 'a')?.secrets).toEqual([{ name: 'b' }])
  expect(withoutReference(account(['b']), 'a')).toBeNull()
})
