// Adoption and release over the wire: what is asked before, and what is written.

import { expect, test } from 'vitest'
import type { KubeObject } from '../api/object.js'
import {
  daemonSets,
  deployments,
  jobs,
  pods,
  replicaSets,
  type Resource,
  statefulSets,
} from '../client/resources.js'
import { ApiClient } from '../client/rest-client.js'
import { type Answer, ScriptedTransport, status } from '../client/testing/scripted-transport.js'
import { makeClaims } from './claiming.js'
import { pod, replicaSet, secondsAgo } from './testing/objects.js'

const owner = replicaSet('web', 3)
const finalizer = 'batch.kubernetes.io/job-tracking'
const none = { owned: [], adopt: [], release: [] }

function setUp(answerTo: { readonly get?: Answer; readonly patch?: Answer }) {
  const transport = new ScriptedTransport(({ method }) =>
    method === 'GET'
      ? (answerTo.get ?? { status: 200, body: owner })
      : (answerTo.patch ?? { status: 200, body: {} }),
  )
  const client = new ApiClient({ transport })
  const calls = () =>
    transport.requests.map(({ method, path }) => `${method} ${path.replace(/\?.*/, '')}`)
  const written = () =>
    transport.requests.flatMap(({ body }) => (body === null ? [] : [JSON.parse(body).metadata]))
  return { client, calls, written }
}

const own = { resource: replicaSets, object: owner }

test('the owner is read afresh before the first adoption, and once for all of them', async () => {
  const { client, calls, written } = setUp({})
  await makeClaims(client, own, pods, { ...none, adopt: [pod('a'), pod('b')] })
  expect(calls()).toEqual([
    'GET /apis/apps/v1/namespaces/shop/replicasets/web',
    'PATCH /api/v1/namespaces/shop/pods/a',
    'PATCH /api/v1/namespaces/shop/pods/b',
  ])
  expect(written()[0]).toMatchObject({
    uid: 'uid-a',
    resourceVersion: '1',
    ownerReferences: [{ kind: 'ReplicaSet', name: 'web', uid: 'uid-web', controller: true }],
  })
})

/** Every controller that adopts does so by this. */
const adopters: readonly Resource[] = [replicaSets, deployments, statefulSets, daemonSets, jobs]

test.each(adopters.map(resource => [resource.kind, resource] as const))(
  'a %s that is another one by now, or is being deleted, adopts nothing',
  async (_, resource) => {
    const object: KubeObject = { ...owner, kind: resource.kind }
    const adopt = [pod('a')]
    for (const [metadata, why] of [
      [{ ...owner.metadata, uid: 'uid-successor' }, 'another object by now'],
      [{ ...owner.metadata, deletionTimestamp: secondsAgo(1) }, 'has just been deleted'],
    ] as const) {
      const { client, calls } = setUp({ get: { status: 200, body: { ...object, metadata } } })
      const claiming = makeClaims(client, { resource, object }, pods, { ...none, adopt })
      await expect(claiming).rejects.toThrow(why)
      expect(calls()).toHaveLength(1)
    }
    const { client, calls } = setUp({ get: status(404, 'NotFound') })
    const gone = makeClaims(client, { resource, object }, pods, { ...none, adopt })
    await expect(gone).rejects.toMatchObject({ reason: 'NotFound' })
    expect(calls()).toHaveLength(1)
  },
)

test('an adoption that is refused throws, so that nobody counts on it', async () => {
  const { client } = setUp({ patch: status(409, 'Conflict') })
  const claiming = makeClaims(client, own, pods, { ...none, adopt: [pod('a')] })
  await expect(claiming).rejects.toMatchObject({ reason: 'Conflict' })
})

test('a release takes off the one owner, and asks nobody before', async () => {
  const { client, calls, written } = setUp({})
  const friend = { apiVersion: 'v1', kind: 'Friend', name: 'f', uid: 'uid-friend' }
  const released = pod('a', { owner })
  const { ownerReferences = [] } = released.metadata
  const both = {
    ...released,
    metadata: { ...released.metadata, ownerReferences: [...ownerReferences, friend] },
  }
  await makeClaims(client, own, pods, { ...none, release: [both] })
  expect(calls()).toEqual(['PATCH /api/v1/namespaces/shop/pods/a'])
  expect(written()[0]).toMatchObject({ uid: 'uid-a', ownerReferences: [friend] })
})

test('what was to be released and is gone is passed over', async () => {
  const { client } = setUp({ patch: status(404, 'NotFound') })
  await makeClaims(client, own, pods, { ...none, release: [pod('a', { owner })] })
})

test('a finalizer comes with an owner and goes with it, and others stay', async () => {
  const { client, written } = setUp({})
  const held = (name: string, finalizers: readonly string[]) => pod(name, { meta: { finalizers } })
  const claims = {
    ...none,
    adopt: [held('a', ['x/y']), held('b', [finalizer])],
    release: [held('c', [finalizer, 'x/y'])],
  }
  await makeClaims(client, own, pods, claims, finalizer)
  expect(written().map(({ finalizers }) => finalizers)).toEqual([
    ['x/y', finalizer],
    [finalizer],
    ['x/y'],
  ])
})
