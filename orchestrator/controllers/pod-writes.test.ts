import { expect, test } from 'vitest'
import { silentLogger } from '../../platform/logger.js'
import { seededRandom } from '../../platform/seeded-random.js'
import { settle, VirtualClock } from '../../platform/testing/virtual-clock.js'
import { EventRecorder } from '../client/event-recorder.js'
import { Expectations } from '../client/expectations.js'
import { ApiClient } from '../client/rest-client.js'
import { type Answer, ScriptedTransport, status } from '../client/testing/scripted-transport.js'
import { PodWriter } from './pod-writes.js'
import { pod, replicaSet } from './testing/objects.js'

const owner = replicaSet('web', 7)
const seven = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map(name => pod(name))

/** `answer` is asked with the number of creations so far. */
function setUp(answer: (made: number) => Answer) {
  const clock = new VirtualClock()
  const created: string[] = []
  const transport = new ScriptedTransport(({ path, body }) => {
    if (!path.includes('/pods')) return { status: 201, body: {} }
    created.push(JSON.parse(body ?? '{}').metadata.name)
    const said = answer(created.length)
    return said === 'lost' || said === 'no answer' || said.status !== 201
      ? said
      : { status: 201, body: JSON.parse(body ?? '{}') }
  })
  const client = new ApiClient({ transport })
  const random = seededRandom(1)
  const parts = { client, clock, random, logger: silentLogger, component: 'c' }
  const expectations = new Expectations(clock)
  const writer = new PodWriter(client, new EventRecorder(parts), expectations)
  const eventReasons = () =>
    transport.requests
      .filter(({ path }) => path.includes('/events'))
      .map(({ body }) => JSON.parse(body ?? '{}').reason)
  return { created, expectations, writer, eventReasons }
}

test('slow-start batches: pods that differ are each made once, by one, two, four', async () => {
  const { created, writer, eventReasons } = setUp(() => ({ status: 201, body: {} }))
  expect(await writer.createEach('shop/web', owner, seven)).toBeNull()
  expect(created).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g'])
  await settle()
  expect(eventReasons()).toEqual(Array.from({ length: 7 }, () => 'SuccessfulCreate'))
})

test('after a refusal the rest is not sent, and not expected', async () => {
  const { created, writer, expectations } = setUp(made =>
    made === 1 ? { status: 201, body: {} } : status(403, 'Forbidden', 'exceeded quota'),
  )
  expectations.expect('shop/web', 7, [])
  expect(String(await writer.createEach('shop/web', owner, seven))).toContain('exceeded quota')
  expect(created).toEqual(['a', 'b', 'c'])
  expect(expectations.satisfied('shop/web')).toBe(false)
  expectations.creationObserved('shop/web')
  expect(expectations.satisfied('shop/web')).toBe(true)
})

test('pods of one kind go the same way', async () => {
  const { created, writer } = setUp(made =>
    made < 3 ? { status: 201, body: {} } : status(403, 'Forbidden'),
  )
  expect(await writer.create('shop/web', owner, pod('a'), 10)).not.toBeNull()
  expect(created).toHaveLength(3)
})
