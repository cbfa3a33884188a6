// A Job that takes over what another left behind, through a real API server with a node that runs nothing.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Pod } from '../../api/types/core-pod.js'
import { jobs, pods } from '../../client/resources.js'
import { controllerOf } from '../ownership.js'
import { eventually } from '../testing/fake-kubelet.js'
import { type ControlPlaneForTests, startControlPlane } from '../testing/running-controllers.js'
import { isTracked } from './tracking.js'

let plane: ControlPlaneForTests

beforeAll(async () => {
  plane = await startControlPlane(['n1'])
})

afterAll(async () => {
  await plane?.stop()
})

const namespace = 'default'
const labels = { batch: 'nightly' }
const spec = { restartPolicy: 'Never', containers: [{ name: 'c', image: 'batch:1' }] }
const read = (name: string) => plane.client.get(pods, { namespace, name })
const ownerOf = (pod: Pod) => controllerOf(pod)?.name ?? null
const all = async () => (await plane.client.list(pods, { namespace })).items

test('an orphan is adopted with its finalizer and counted when it ends; one with other labels is let go', async () => {
  const { client } = plane
  for (const name of ['left', 'astray']) {
    const metadata = { namespace, name, labels }
    await client.create(pods, { apiVersion: 'v1', kind: 'Pod', metadata, spec })
  }
  await client.create(jobs, {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { namespace, name: 'nightly' },
    spec: {
      completions: 2,
      parallelism: 2,
      manualSelector: true,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec },
    },
  })
  for (const name of ['left', 'astray']) {
    const adopted = await eventually(
      () => read(name),
      pod => ownerOf(pod) === 'nightly',
    )
    expect(isTracked(adopted)).toBe(true)
  }
  await eventually(all, found => found.every(({ status }) => status?.phase === 'Running'))
  expect(await all()).toHaveLength(2)
  const other = { metadata: { labels: { batch: 'other' } } }
  await client.patch(pods, { namespace, name: 'astray' }, 'merge', other)
  const released = await eventually(
    () => read('astray'),
    pod => ownerOf(pod) === null,
  )
  expect(isTracked(released)).toBe(false)
  // Another one takes its place.
  const three = await eventually(all, found => found.length === 3)
  expect(three.filter(pod => ownerOf(pod) === 'nightly')).toHaveLength(2)
  const ended = { status: { phase: 'Succeeded' } }
  await client.patch(pods, { namespace, name: 'left' }, 'merge', ended, { subresource: 'status' })
  await eventually(
    () => client.get(jobs, { namespace, name: 'nightly' }),
    ({ status }) => status?.succeeded === 1 && status.active === 1,
  )
})
