import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { silentLogger } from '../../platform/logger.js'
import type { Pod } from '../api/types/core-pod.js'
import { Informer } from './informer.js'
import { pods } from './resources.js'
import { ApiClient } from './rest-client.js'
import { type Answer, ScriptedTransport, status } from './testing/scripted-transport.js'
import { seededRandom } from '../../platform/seeded-random.js'
import { settle, VirtualClock } from '../../platform/testing/virtual-clock.js'

function pod(name: string, resourceVersion: number, uid = `uid-${name}`): Pod {
  const metadata = { namespace: 'n', name, uid, resourceVersion: String(resourceVersion) }
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [] } }
}

function list(version: number, items: readonly Pod[], more: object = {}): Answer {
  const metadata = { resourceVersion: String(version), ...more }
  return { status: 200, body: { apiVersion: 'v1', kind: 'PodList', metadata, items } }
}

function setUp(answer: () => Answer | Promise<Answer>) {
  const clock = new VirtualClock()
  const transport = new ScriptedTransport(answer)
  const client = new ApiClient({ transport })
  const random = seededRandom(1)
  const informer = new Informer({ client, resource: pods, clock, random, logger: silentLogger })
  const seen: string[] = []
  informer.addHandlers({
    onAdd: object => seen.push(`add ${object.metadata.name}`),
    onUpdate: object => {
      seen.push(`update ${object.metadata.name} ${object.metadata.resourceVersion}`)
    },
    onDelete: object => seen.push(`delete ${object.metadata.name}`),
  })
  return { clock, transport, informer, seen }
}

const versionOf = (path: string) => new URLSearchParams(path.split('?')[1]).get('resourceVersion')

test('it lists, then watches from the version of the list with bookmarks', async () => {
  const { transport, informer, seen } = setUp(() => list(10, [pod('a', 4), pod('b', 9)]))
  expect(informer.hasSynced).toBe(false)
  informer.start()
  await informer.whenSynced()
  expect(seen).toEqual(['add a', 'add b'])
  expect(versionOf(transport.stream0.request.path)).toBe('10')
  expect(transport.stream0.request.path).toContain('allowWatchBookmarks=true')
  transport.stream0.event('ADDED', pod('c', 11))
  transport.stream0.event('MODIFIED', pod('a', 12))
  transport.stream0.event('DELETED', pod('b', 13))
  expect(seen.slice(2)).toEqual(['add c', 'update a 12', 'delete b'])
  expect(informer.objects.keys()).toEqual(['n/a', 'n/c'])
  expect(informer.resourceVersion).toBe('13')
})

test('who is told of a change finds the informer as far as the change', async () => {
  const { informer, transport } = setUp(() => list(10, []))
  const versions: string[] = []
  const note = () => versions.push(informer.resourceVersion)
  informer.addHandlers({ onAdd: note, onUpdate: note, onDelete: note })
  informer.start()
  await informer.whenSynced()
  transport.stream0.event('ADDED', pod('a', 11))
  transport.stream0.event('MODIFIED', pod('a', 12))
  transport.stream0.event('DELETED', pod('a', 13))
  expect(versions).toEqual(['11', '12', '13'])
})

test('pages of a list are followed and pinned by their continue tokens', async () => {
  const pages = [list(10, [pod('a', 1)], { continue: 'next' }), list(10, [pod('b', 2)])]
  const { transport, informer } = setUp(() => pages.shift() ?? 'lost')
  informer.start()
  await informer.whenSynced()
  expect(informer.objects.size).toBe(2)
  expect(transport.requests[1]?.path).toContain('continue=next')
})

test('a watch that breaks is resumed from the last version seen, a bookmark included', async () => {
  const { clock, transport, informer } = setUp(() => list(10, []))
  informer.start()
  await settle()
  transport.stream0.event('ADDED', pod('a', 11))
  transport.stream0.event('BOOKMARK', { kind: 'Pod', metadata: { resourceVersion: '57' } })
  transport.stream0.breakOff()
  expect(transport.streams).toHaveLength(1)
  await clock.pass(1000)
  expect(transport.streams).toHaveLength(2)
  expect(versionOf(transport.stream0.request.path)).toBe('57')
  expect(transport.requests).toHaveLength(1)
})

test('a watch that ended in order after its time is resumed at once', async () => {
  const { clock, transport, informer } = setUp(() => list(10, []))
  informer.start()
  await clock.pass(300_000)
  transport.stream0.end()
  expect(transport.streams).toHaveLength(2)
})

for (const how of ['as an ERROR event', 'as the answer']) {
  test(`410 ${how} leads to a new list, which shows what was missed as events`, async () => {
    const lists = [list(10, [pod('a', 1), pod('b', 2), pod('d', 3, 'old')])]
    const { clock, transport, informer, seen } = setUp(() => lists.shift() ?? 'lost')
    informer.start()
    await settle()
    seen.length = 0
    lists.push(list(90, [pod('a', 50), pod('c', 60), pod('d', 70, 'new')]))
    const gone = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' }
    if (how === 'as the answer') transport.stream0.refuse(410, gone)
    else transport.stream0.event('ERROR', gone)
    await clock.pass(1000)
    expect(seen).toEqual(['update a 50', 'add c', 'delete d', 'add d', 'delete b'])
    expect(versionOf(transport.stream0.request.path)).toBe('90')
  })
}

test('a list that fails is tried again, later and later, until it works', async () => {
  let failures = 6
  const { clock, transport, informer } = setUp(() =>
    failures-- > 0 ? status(503, 'ServiceUnavailable') : list(1, []),
  )
  informer.start()
  await clock.pass(1000)
  const early = transport.requests.length
  expect(early).toBeLessThan(4)
  await clock.pass(60_000)
  expect(informer.hasSynced).toBe(true)
  expect(transport.requests).toHaveLength(7)
})

test('an event older than what is known changes nothing', async () => {
  const { transport, informer, seen } = setUp(() => list(10, [pod('a', 9)]))
  informer.start()
  await settle()
  transport.stream0.event('MODIFIED', pod('a', 12))
  transport.stream0.event('MODIFIED', pod('a', 11))
  transport.stream0.event('DELETED', pod('a', 8))
  expect(seen).toEqual(['add a', 'update a 12'])
  expect(informer.objects.get('n/a')?.metadata.resourceVersion).toBe('12')
  expect(informer.resourceVersion).toBe('12')
})

test('a line that is no event breaks the watch and not the informer', async () => {
  const { clock, transport, informer } = setUp(() => list(10, []))
  informer.start()
  await settle()
  transport.stream0.send('{"type": "ADDED", oops\n')
  await clock.pass(1000)
  expect(transport.streams).toHaveLength(2)
  transport.stream0.event('ADDED', pod('a', 11))
  expect(informer.objects.size).toBe(1)
})

test('however the stream is cut into chunks, the same objects come out', async () => {
  const events = ['ä', 'b', 'c'].map((name, index) =>
    JSON.stringify({ type: 'ADDED', object: pod(name, 20 + index) }),
  )
  const text = `${events.join('\n')}\n\n`
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(text.length), { maxLength: 12 }), async cuts => {
      const { transport, informer, seen } = setUp(() => list(10, []))
      informer.start()
      await settle()
      const edges = [0, ...cuts.sort((a, b) => a - b), text.length]
      for (const [index, edge] of edges.entries()) {
        transport.stream0.send(text.slice(edges[index - 1] ?? 0, edge))
      }
      expect(seen).toEqual(['add ä', 'add b', 'add c'])
    }),
  )
})

test('a stopped informer calls nobody, and asks nothing more', async () => {
  const { clock, transport, informer, seen } = setUp(() => list(10, []))
  informer.start()
  await settle()
  const stream = transport.stream0
  informer.stop()
  stream.event('ADDED', pod('a', 11))
  expect(stream.cancelled).toBe(true)
  expect(seen).toEqual([])
  await clock.pass(600_000)
  expect(transport.requests).toHaveLength(1)
  expect(clock.pending).toBe(0)
})

test('handlers that come late are told of everything that is there', async () => {
  const { informer } = setUp(() => list(10, [pod('a', 1)]))
  informer.start()
  await informer.whenSynced()
  const late: string[] = []
  informer.addHandlers({ onAdd: object => late.push(object.metadata.name ?? '') })
  expect(late).toEqual(['a'])
})
