import { expect, test } from 'vitest'
import { silentLogger } from '../../platform/logger.js'
import { EventRecorder } from './event-recorder.js'
import { ApiClient } from './rest-client.js'
import { ScriptedTransport, status } from './testing/scripted-transport.js'
import { seededRandom } from '../../platform/seeded-random.js'
import { settle, VirtualClock } from '../../platform/testing/virtual-clock.js'

const web = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'shop', name: 'web', uid: 'u1', resourceVersion: '7' },
}

const podOf = (n: number) => ({ ...web, metadata: { ...web.metadata, uid: `u${n}` } })

function setUp() {
  const stop = new AbortController()
  const clock = new VirtualClock()
  const transport = new ScriptedTransport(() => ({ status: 200, body: {} }))
  const recorder = new EventRecorder({
    client: new ApiClient({ transport, signal: stop.signal }),
    clock,
    random: seededRandom(1),
    logger: silentLogger,
    component: 'default-scheduler',
  })
  const bodies = () => transport.requests.map(request => JSON.parse(request.body ?? '{}'))
  return { clock, transport, recorder, bodies, stop }
}

test('an event names its object exactly, and lies in its namespace', async () => {
  const { recorder, bodies, transport } = setUp()
  recorder.record(web, 'Normal', 'Scheduled', 'Successfully assigned shop/web to n1')
  await settle()
  expect(transport.requests[0]?.path).toBe('/api/v1/namespaces/shop/events')
  const [event] = bodies()
  expect(event.metadata.name).toMatch(/^web\.[0-9a-f]{16}$/)
  expect(event).toMatchObject({
    involvedObject: { kind: 'Pod', namespace: 'shop', name: 'web', uid: 'u1', apiVersion: 'v1' },
    reason: 'Scheduled',
    type: 'Normal',
    count: 1,
    source: { component: 'default-scheduler' },
    firstTimestamp: '2026-01-01T00:00:00Z',
    lastTimestamp: '2026-01-01T00:00:00Z',
  })
})

test('a repeat raises the count of the event that is there', async () => {
  const { recorder, bodies, transport, clock } = setUp()
  recorder.record(web, 'Warning', 'FailedScheduling', 'no')
  await clock.pass(3000)
  recorder.record(web, 'Warning', 'FailedScheduling', 'no')
  await settle()
  expect(transport.requests[1]?.method).toBe('PATCH')
  expect(transport.requests[1]?.path).toContain(bodies()[0].metadata.name)
  expect(bodies()[1]).toEqual({
    count: 2,
    lastTimestamp: '2026-01-01T00:00:03Z',
    message: 'no',
  })
})

test('a repeat of an event that has expired makes a new one', async () => {
  const { recorder, transport, bodies, clock } = setUp()
  transport.answer = request =>
    request.method === 'PATCH' ? status(404, 'NotFound') : { status: 201, body: {} }
  recorder.record(web, 'Warning', 'FailedScheduling', 'no')
  await clock.pass(1000)
  recorder.record(web, 'Warning', 'FailedScheduling', 'no')
  await settle()
  expect(transport.requests.map(one => one.method)).toEqual(['POST', 'PATCH', 'POST'])
  expect(bodies()[2]).toMatchObject({ count: 1, firstTimestamp: '2026-01-01T00:00:01Z' })
})

test('repeats of an event that waits are written with it, as one', async () => {
  const { recorder, bodies, transport } = setUp()
  for (let n = 0; n < 3; n++) recorder.record(web, 'Warning', 'FailedScheduling', 'no')
  await settle()
  expect(transport.requests.map(one => one.method)).toEqual(['POST'])
  expect(bodies()[0]).toMatchObject({ count: 3 })
})

test('an event that could not be written is written with the next of its kind', async () => {
  const { recorder, bodies, transport, clock } = setUp()
  transport.answer = () => status(500, 'InternalError')
  recorder.record(web, 'Warning', 'FailedScheduling', 'no')
  await settle()
  transport.answer = () => ({ status: 201, body: {} })
  await clock.pass(1000)
  recorder.record(web, 'Warning', 'FailedScheduling', 'no')
  await settle()
  expect(transport.requests.map(one => one.method)).toEqual(['POST', 'POST'])
  expect(bodies()[1]).toMatchObject({ count: 2, firstTimestamp: '2026-01-01T00:00:00Z' })
})

test('many events at once are written fifty a second after the first five hundred', async () => {
  const { recorder, transport, clock } = setUp()
  for (let n = 0; n < 700; n++) recorder.record(podOf(n), 'Normal', 'Scheduled', 'x')
  await clock.pass(1)
  expect(transport.requests).toHaveLength(500)
  await clock.pass(1000)
  expect(transport.requests).toHaveLength(550)
  await clock.pass(10_000)
  expect(transport.requests).toHaveLength(700)
  expect(recorder.droppedEvents).toBe(0)
})

test('what waits when the term is over is not written any more', async () => {
  const { recorder, transport, clock, stop } = setUp()
  for (let n = 0; n < 600; n++) recorder.record(podOf(n), 'Normal', 'Scheduled', 'x')
  await clock.pass(1)
  stop.abort()
  await clock.pass(10_000)
  expect(transport.requests).toHaveLength(500)
  expect(recorder.droppedEvents).toBe(99)
})

test('while the server does not answer the queue stays bounded', async () => {
  const { recorder, transport } = setUp()
  transport.answer = () => 'no answer'
  for (let n = 0; n < 9000; n++) recorder.record(podOf(n), 'Normal', 'Pulled', 'x')
  await settle()
  expect(transport.requests).toHaveLength(1)
  expect(recorder.droppedEvents).toBeGreaterThan(3900)
})
