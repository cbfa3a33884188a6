import { connect as connectTcp } from 'node:net'
import { request as httpsRequest } from 'node:https'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { nodeClock } from '../../platform/node/clock.js'
import { LocalStore } from '../../store/local-store.js'
import { ApiClient } from './testing/api-client.js'
import type { Answer } from './testing/api-client.js'
import { startTestApiserver } from './testing/start-apiserver.js'
import type { TestApiserver } from './testing/start-apiserver.js'

const maps = '/api/v1/namespaces/default/configmaps'
const configMap = (name: string, data: object = {}, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...metadata },
  data,
})

interface Listed {
  metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number }
  items: { metadata: { name: string; resourceVersion: string; namespace: string } }[]
}

let store: LocalStore
let one: TestApiserver
let two: TestApiserver
let first: ApiClient
let second: ApiClient

beforeAll(async () => {
  store = new LocalStore({ clock: nodeClock() })
  one = await startTestApiserver({ store })
  two = await startTestApiserver({ store, authority: one.authority })
  first = new ApiClient(one.url, one.admin.caFile, one.admin)
  second = new ApiClient(two.url, two.admin.caFile, two.admin)
})

afterAll(async () => {
  first.close()
  second.close()
  await two.close()
  await one.close()
  store.close()
})

const names = (answer: Answer) => answer.json<Listed>().items.map(item => item.metadata.name)

describe('two masters over one store', () => {
  test('a write through one is in the next list and get through the other', async () => {
    for (let round = 0; round < 50; round++) {
      const [writer, reader] = round % 2 === 0 ? [first, second] : [second, first]
      const name = `fresh-${round}`
      expect((await writer.request('POST', maps, configMap(name))).status).toBe(201)
      expect(names(await reader.get(maps))).toContain(name)
      expect((await reader.get(`${maps}/${name}`)).status).toBe(200)
      expect((await reader.request('DELETE', `${maps}/${name}`)).status).toBe(200)
      expect(names(await writer.get(maps))).not.toContain(name)
    }
  })

  test('a list waits for revisions that neither cache holds anything of', async () => {
    // The revision moves on without any object changing: progress must be asked for.
    await store.put({ key: new TextEncoder().encode('/elsewhere'), value: new Uint8Array() })
    expect((await second.get(maps)).status).toBe(200)
  })

  test('concurrent updates of one object lose none: the others are told of the conflict', async () => {
    await first.request('POST', maps, configMap('counter', { n: '0' }))
    const increment = async (client: ApiClient) => {
      for (;;) {
        const found = (await client.get(`${maps}/counter`)).json<{ data: { n: string } }>()
        const next = { ...found, data: { n: String(Number(found.data.n) + 1) } }
        const { status } = await client.request('PUT', `${maps}/counter`, next)
        if (status === 200) return
        expect(status).toBe(409)
      }
    }
    await Promise.all(Array.from({ length: 20 }, (_, i) => increment(i % 2 === 0 ? first : second)))
    expect((await first.get(`${maps}/counter`)).json()).toMatchObject({ data: { n: '20' } })
  })

  test('patches that race each other all take effect', async () => {
    await first.request('POST', maps, configMap('patched'))
    const patch = (client: ApiClient, i: number) =>
      client.request(
        'PATCH',
        `${maps}/patched`,
        { data: { [`k${i}`]: 'x' } },
        {
          'content-type': 'application/merge-patch+json',
        },
      )
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, i) => patch(i % 2 === 0 ? first : second, i)),
    )
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 12 }, () => 200))
    const { data } = (await first.get(`${maps}/patched`)).json<{ data: object }>()
    expect(Object.keys(data)).toHaveLength(12)
  })

  test('no cluster IP and no node port is given away twice', async () => {
    const service = (i: number) => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: `s${i}` },
      spec: { type: 'NodePort', ports: [{ port: 80 }] },
    })
    const path = '/api/v1/namespaces/default/services'
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        (i % 2 === 0 ? first : second).request('POST', path, service(i)),
      ),
    )
    type Made = { spec: { clusterIP: string; ports: { nodePort: number }[] } }
    const made = answers.map(answer => answer.json<Made>().spec)
    expect(new Set(made.map(spec => spec.clusterIP)).size).toBe(40)
    expect(new Set(made.map(spec => spec.ports[0]?.nodePort)).size).toBe(40)
    const taken = made[0]?.clusterIP ?? ''
    const asking = { ...service(99), spec: { clusterIP: taken, ports: [{ port: 80 }] } }
    const refused = await second.request('POST', path, asking)
    expect(refused.status).toBe(422)
    expect(refused.json()['message']).toContain('provided IP is already allocated')
    await first.request('DELETE', `${path}/s0`)
    expect((await second.request('POST', path, asking)).status).toBe(201)
  })

  test('both stand behind the kubernetes Service', async () => {
    const endpoints = '/api/v1/namespaces/default/endpoints'
    const watch = first.watch(`${endpoints}?watch=1&fieldSelector=metadata.name=kubernetes`)
    for (;;) {
      const { object } = await watch.next()
      const subsets = object['subsets'] as { ports: { port: number }[] }[]
      const ports = subsets.map(subset => subset.ports[0]?.port ?? 0).sort((a, b) => a - b)
      if (ports.length === 2) {
        expect(ports).toEqual([one.port, two.port].sort((a, b) => a - b))
        break
      }
    }
    watch.stop()
  })
})

describe('watching', () => {
  test('events come in order, and an object that leaves the selector is DELETED', async () => {
    const { metadata } = (await first.get(maps)).json<Listed>()
    const query = `watch=1&labelSelector=team%3Dred&resourceVersion=${metadata.resourceVersion}`
    const watch = second.watch(`${maps}?${query}`)
    const label = (team: string) => configMap('w', {}, { labels: { team } })
    await first.request('POST', maps, label('blue'))
    await first.request('PUT', `${maps}/w`, label('red'))
    await first.request('PUT', `${maps}/w`, { ...label('red'), data: { a: 'b' } })
    await first.request('PUT', `${maps}/w`, label('blue'))
    await first.request('DELETE', `${maps}/w`)
    await first.request('POST', maps, configMap('w', {}, { labels: { team: 'red' } }))
    await first.request('DELETE', `${maps}/w`)
    const seen: string[] = []
    for (let i = 0; i < 5; i++) {
      const { type, object } = await watch.next()
      const labels = object.metadata?.['labels'] as { team: string }
      seen.push(`${type} ${labels.team}`)
    }
    watch.stop()
    expect(seen).toEqual(['ADDED red', 'MODIFIED red', 'DELETED red', 'ADDED red', 'DELETED red'])
  })

  test('the initial state ends with the annotated bookmark, and changes follow', async () => {
    await first.request('POST', maps, configMap('before'))
    const watch = second.watch(
      `${maps}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`,
    )
    const initial: string[] = []
    for (;;) {
      const { type, object } = await watch.next()
      if (type === 'BOOKMARK') {
        expect(object.metadata?.['annotations']).toEqual({ 'k8s.io/initial-events-end': 'true' })
        break
      }
      initial.push(String(object.metadata?.['name']))
    }
    expect(initial).toEqual(names(await first.get(maps)))
    await first.request('DELETE', `${maps}/before`)
    expect(await watch.next()).toMatchObject({
      type: 'DELETED',
      object: { metadata: { name: 'before' } },
    })
    watch.stop()
  })

  test('a revision that is not at hand any more is 410', async () => {
    // The second master began when there was history already.
    const gone = await second.get(`${maps}?watch=1&resourceVersion=1`)
    const status = { kind: 'Status', reason: 'Expired', code: 410 }
    expect(gone).toMatchObject({ status: 200 })
    expect(gone.json()).toMatchObject({ type: 'ERROR', object: status })
  })

  test('a watch ends when its time is over, with a bookmark for those who want one', async () => {
    const answer = await first.get(`${maps}?watch=1&timeoutSeconds=1&allowWatchBookmarks=true`)
    const lines = answer.text.trim().split('\n')
    expect(JSON.parse(lines[lines.length - 1] ?? '')).toMatchObject({ type: 'BOOKMARK' })
  })

  test('tables name their columns once', async () => {
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io'
    const watch = first.watch(`${maps}?watch=1`, { accept })
    const { object: one } = await watch.next()
    expect((one['columnDefinitions'] as { name: string }[]).map(({ name }) => name)).toEqual([
      'Name',
      'Data',
      'Age',
    ])
    expect((await watch.next()).object['columnDefinitions']).toBeNull()
    watch.stop()
  })
})

describe('lists in pages', () => {
  test('all pages are of the revision of the first, whatever happens in between', async () => {
    await first.request('POST', '/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'pages' },
    })
    const path = '/api/v1/namespaces/pages/configmaps'
    for (let i = 0; i < 7; i++) await first.request('POST', path, configMap(`p${i}`))
    const page = (await second.get(`${path}?limit=3`)).json<Listed>()
    expect(page.metadata.remainingItemCount).toBe(4)
    await first.request('DELETE', `${path}/p4`)
    await first.request('POST', path, configMap('p35'))
    const found = page.items.map(item => item.metadata.name)
    let token = page.metadata.continue
    while (token !== undefined) {
      const next = (await first.get(`${path}?limit=3&continue=${token}`)).json<Listed>()
      expect(next.metadata.resourceVersion).toBe(page.metadata.resourceVersion)
      found.push(...next.items.map(item => item.metadata.name))
      token = next.metadata.continue
    }
    expect(found).toEqual(['p0', 'p1', 'p2', 'p3', 'p4', 'p5', 'p6'])
    const exact = `resourceVersion=${page.metadata.resourceVersion}&resourceVersionMatch=Exact`
    expect(names(await first.get(`${path}?${exact}`))).toEqual(found)
  })

  test('a page of a compacted revision is 410 with a token that goes on all the same', async () => {
    const path = '/api/v1/namespaces/pages/configmaps'
    const page = (await first.get(`${path}?limit=2`)).json<Listed>()
    await first.request('POST', path, configMap('z-later'))
    const status = await store.status()
    await store.compact({ revision: status.header.revision })
    const gone = await first.get(`${path}?limit=2&continue=${page.metadata.continue ?? ''}`)
    expect(gone.status).toBe(410)
    const fresh = gone.json<Listed>().metadata.continue ?? ''
    const rest = await first.get(`${path}?limit=500&continue=${fresh}`)
    expect(rest.status).toBe(200)
    expect(names(rest)).toContain('z-later')
  })

  test.each(['x', 'e30', 'eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiIuLi9ub2RlcyJ9'])(
    'a token that is none is refused: %s',
    async token => {
      expect((await first.get(`${maps}?limit=2&continue=${token}`)).status).toBe(400)
    },
  )
})

describe('objects through their life', () => {
  test('a pod on a node waits for its kubelet, and goes when that says so', async () => {
    const pods = '/api/v1/namespaces/default/pods'
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { generateName: 'life-' },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    }
    const made = (await first.request('POST', pods, pod)).json<{ metadata: { name: string } }>()
    const { name } = made.metadata
    expect(name).toMatch(/^life-[a-z0-9]{5}$/)
    const binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name },
      target: { kind: 'Node', name: 'n1' },
    }
    expect((await second.request('POST', `${pods}/${name}/binding`, binding)).status).toBe(201)
    const again = await first.request('POST', `${pods}/${name}/binding`, binding)
    expect(again.json()['message']).toBe(
      `Operation cannot be fulfilled on pods "${name}": pod ${name} is already assigned to node "n1"`,
    )
    const marked = (await first.request('DELETE', `${pods}/${name}`)).json()
    expect(marked['metadata']).toMatchObject({ deletionGracePeriodSeconds: 30 })
    expect((await first.get(`${pods}/${name}`)).status).toBe(200)
    const node = await one.identity('system:node:n1', ['system:nodes'])
    const kubelet = new ApiClient(one.url, node.caFile, node)
    const done = await kubelet.request('DELETE', `${pods}/${name}`, { gracePeriodSeconds: 0 })
    expect(done.status).toBe(200)
    kubelet.close()
    expect((await second.get(`${pods}/${name}`)).status).toBe(404)
  })

  test('a binding may also name its pod itself', async () => {
    const pods = '/api/v1/namespaces/default/pods'
    await first.request('POST', pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'named' },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    })
    const bindings = '/api/v1/namespaces/default/bindings'
    const binding = (metadata: object) => ({ metadata, target: { kind: 'Node', name: 'n1' } })
    const nameless = await first.request('POST', bindings, binding({}))
    expect([nameless.status, nameless.json()['message']]).toEqual([400, 'Name parameter required.'])
    const elsewhere = binding({ name: 'named', namespace: 'other' })
    expect((await first.request('POST', bindings, elsewhere)).status).toBe(400)
    expect((await first.request('POST', bindings, binding({ name: 'none' }))).json()).toMatchObject(
      {
        code: 404,
        message: 'pods "none" not found',
      },
    )
    const tried = await first.request('POST', `${bindings}?dryRun=All`, binding({ name: 'named' }))
    expect(tried.status).toBe(201)
    const bound = await second.request('POST', bindings, binding({ name: 'named' }))
    expect(bound.json()).toMatchObject({ kind: 'Status', status: 'Success', code: 201 })
    const pod = (await first.get(`${pods}/named`)).json<{ spec: object }>()
    expect(pod.spec).toMatchObject({ nodeName: 'n1' })
    expect((await first.get(bindings)).status).toBe(405)
    await first.request('DELETE', `${pods}/named?gracePeriodSeconds=0`)
  })

  test('a finalizer holds an object until it is taken off', async () => {
    await first.request('POST', maps, configMap('held', {}, { finalizers: ['example.com/x'] }))
    await first.request('DELETE', `${maps}/held`)
    const held = (await first.get(`${maps}/held`)).json<{ metadata: object }>()
    expect(held.metadata).toHaveProperty('deletionTimestamp')
    const patch = [{ op: 'remove', path: '/metadata/finalizers' }]
    const type = { 'content-type': 'application/json-patch+json' }
    await second.request('PATCH', `${maps}/held`, patch, type)
    expect((await first.get(`${maps}/held`)).status).toBe(404)
  })

  test('nothing new in a namespace that is going, or not there', async () => {
    await first.request('POST', '/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'going' },
    })
    const path = '/api/v1/namespaces/going/configmaps'
    // The other master may not have seen the namespace come yet: it has to look.
    expect((await second.request('POST', path, configMap('early'))).status).toBe(201)
    await first.request('DELETE', '/api/v1/namespaces/going')
    const late = await first.request('POST', path, configMap('late'))
    expect(late.json()['message']).toBe(
      'configmaps "late" is forbidden: unable to create new content in namespace going because it is being terminated',
    )
    const nowhere = await first.request('POST', path.replace('going', 'none'), configMap('x'))
    expect(nowhere.json()['message']).toBe('namespaces "none" not found')
    const namespace = (await first.get('/api/v1/namespaces/going')).json<{ spec: object }>()
    const freed = { ...namespace, spec: { finalizers: [] } }
    await first.request('PUT', '/api/v1/namespaces/going/finalize', freed)
    expect((await second.get('/api/v1/namespaces/going')).status).toBe(404)
  })

  test('an unknown field is refused, warned about or ignored, as asked', async () => {
    const odd = { ...configMap('odd'), colour: 'red' }
    const post = (validation: string) =>
      first.request('POST', `${maps}?dryRun=All&fieldValidation=${validation}`, odd)
    expect((await post('Strict')).json()['message']).toContain('unknown field "colour"')
    const warned = await post('Warn')
    expect(warned.headers['warning']).toBe('299 - "unknown field \\"colour\\""')
    expect((await post('Ignore')).headers['warning']).toBeUndefined()
    expect((await first.get(`${maps}/odd`)).status).toBe(404)
  })

  test('an Event is kept for an hour and no longer, also when it is counted up', async () => {
    const events = '/api/v1/namespaces/default/events'
    const event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'e' },
      involvedObject: { kind: 'Pod', name: 'p', namespace: 'default' },
      reason: 'R',
      type: 'Normal',
    }
    expect((await first.request('POST', events, event)).status).toBe(201)
    const type = { 'content-type': 'application/merge-patch+json' }
    expect((await second.request('PATCH', `${events}/e`, { count: 2 }, type)).status).toBe(200)
    const key = new TextEncoder().encode('/registry/core/events/default/e')
    const lease = (await store.range({ key })).kvs[0]?.lease ?? 0
    const { grantedTtlSeconds } = await store.leaseTimeToLive(lease, false)
    expect(grantedTtlSeconds).toBeGreaterThanOrEqual(3_600)
    await store.leaseRevoke(lease)
    expect((await first.get(`${events}/e`)).status).toBe(404)
  })

  test('PUT that changes nothing makes no new version', async () => {
    const made = (await first.request('POST', maps, configMap('same'))).json<{
      metadata: { resourceVersion: string }
    }>()
    const put = await second.request('PUT', `${maps}/same`, made)
    expect(put.json()['metadata']).toEqual(made.metadata)
  })
})

describe('strangers and floods', () => {
  test('without a certificate there are health and version, and nothing else', async () => {
    const stranger = new ApiClient(one.url, one.admin.caFile, null)
    for (const path of ['/healthz', '/livez', '/readyz', '/version']) {
      expect((await stranger.get(path)).status).toBe(200)
    }
    for (const path of ['/api', '/metrics', '/api/v1/pods', '/openapi/v3']) {
      expect((await stranger.get(path)).status).toBe(403)
    }
    stranger.close()
  })

  test('a certificate of another authority is nobody, not even anonymous', async () => {
    const other = await startTestApiserver()
    const forged = { ...other.admin, caFile: one.admin.caFile }
    const client = new ApiClient(one.url, one.admin.caFile, forged)
    expect((await client.get('/version')).status).toBe(401)
    client.close()
    await other.close()
  })

  test('a node reads the secrets of its pods and no others', async () => {
    const secret = (name: string) => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name } })
    const secrets = '/api/v1/namespaces/default/secrets'
    await first.request('POST', secrets, secret('mine'))
    await first.request('POST', secrets, secret('other'))
    await first.request('POST', '/api/v1/namespaces/default/pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'user-of-mine' },
      spec: {
        nodeName: 'n7',
        containers: [
          {
            name: 'c',
            image: 'i',
            env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'mine', key: 'k' } } }],
          },
        ],
      },
    })
    const identity = await one.identity('system:node:n7', ['system:nodes'])
    const node = new ApiClient(two.url, identity.caFile, identity)
    expect((await node.get(`${secrets}/mine`)).status).toBe(200)
    expect((await node.get(`${secrets}/other`)).status).toBe(403)
    expect((await node.get(secrets)).status).toBe(403)
    node.close()
  })

  test('a body above the limit is 413, and the connection goes on', async () => {
    const huge = configMap('huge', { a: 'x'.repeat(3 * 1024 * 1024) })
    expect((await first.request('POST', maps, huge)).status).toBe(413)
    const pods = '/api/v1/namespaces/default/pods'
    const large = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'large' },
      spec: { containers: [{ name: 'c', image: 'i', args: ['x'.repeat(1_500_000)] }] },
    }
    expect((await first.request('POST', pods, large)).status).toBe(413)
    expect((await first.get(`${pods}/large`)).status).toBe(404)
  })

  test('above the limits requests and watches are 429 with Retry-After', async () => {
    const small = await startTestApiserver({ store, overrides: { limits: { watchesMax: 1 } } })
    const client = new ApiClient(small.url, small.admin.caFile, small.admin)
    const watch = client.watch(`${maps}?watch=1`)
    await watch.next()
    const refused = await client.get(`${maps}?watch=1`)
    expect([refused.status, refused.headers['retry-after']]).toEqual([429, '5'])
    watch.stop()
    await watch.ended
    client.close()
    await small.close()
  })

  test('garbage on the port harms nobody', async () => {
    const speak = (bytes: string) =>
      new Promise<void>(resolve => {
        const socket = connectTcp(one.port, '127.0.0.1', () => socket.write(bytes))
        socket.on('error', () => {})
        socket.on('close', () => resolve())
        socket.on('data', () => {})
      })
    await Promise.all([
      speak('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
      speak('\x16\x03\x01\xff\xff\xff\xff'.repeat(100)),
      speak('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      speak('\0'.repeat(70_000)),
    ])
    expect((await first.get('/readyz')).text).toBe('ok')
  })

  test('plain HTTP is told that this port speaks HTTPS', async () => {
    const told = await new Promise<string>((resolve, reject) => {
      const socket = connectTcp(one.port, '127.0.0.1', () =>
        socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
      )
      let text = ''
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString()
      })
      socket.on('error', reject)
      socket.on('close', () => resolve(text))
    })
    expect(told).toMatch(/^HTTP\/1\.0 400 Bad Request\r\n/)
    expect(told).toContain('Client sent an HTTP request to an HTTPS server.')
  })

  test('JSON is indented for curl, and for who asks', async () => {
    const agent = { 'user-agent': 'curl/8.5.0' }
    const [plain, forCurl, asked, lean, missing] = await Promise.all([
      first.get(maps),
      first.request('GET', maps, undefined, agent),
      first.get(`${maps}?pretty=true`),
      first.request('GET', `${maps}?pretty=false`, undefined, agent),
      first.request('GET', `${maps}/none`, undefined, agent),
    ])
    expect(forCurl.text).toBe(JSON.stringify(plain.json(), null, 2))
    expect(asked.text).toBe(forCurl.text)
    expect(lean.text).toBe(plain.text)
    expect(missing.text).toBe(JSON.stringify(missing.json(), null, 2))
  })

  test('HTTP/1.1 is served on the same port', async () => {
    const status = await new Promise<[number, string]>((resolve, reject) => {
      const call = httpsRequest(
        `${one.url}${maps}`,
        {
          cert: readFileSync(one.admin.certFile),
          key: readFileSync(one.admin.keyFile),
          ca: readFileSync(one.admin.caFile),
        },
        answer => {
          answer.resume()
          answer.on('end', () => resolve([answer.statusCode ?? 0, answer.httpVersion]))
        },
      )
      call.on('error', reject)
      call.end()
    })
    expect(status).toEqual([200, '1.1'])
  })
})

describe('what is asked for in a way we do not serve', () => {
  test.each([
    ['GET', '/api/v1/namespaces/default/nothings', 404],
    ['GET', '/apis/none.example.com/v1/things', 404],
    ['POST', '/api/v1/configmaps', 405],
    ['PUT', maps, 405],
    ['GET', `${maps}/none`, 404],
    ['DELETE', `${maps}/none`, 404],
    ['GET', `${maps}?limit=x`, 400],
    ['GET', `${maps}?resourceVersion=abc`, 422],
    ['GET', `${maps}?resourceVersion=99999999&resourceVersionMatch=NotOlderThan`, 504],
    ['GET', `${maps}?watch=1&resourceVersionMatch=Exact`, 422],
  ])('%s %s is %i with a Status', async (method, path, status) => {
    const answer = await first.request(method, path)
    expect(answer.json()).toMatchObject({ kind: 'Status', code: status })
    expect(answer.status).toBe(status)
  })

  test('formats that are not spoken are 406 and 415', async () => {
    expect((await first.get(maps, { accept: 'text/html' })).status).toBe(406)
    const type = { 'content-type': 'text/csv' }
    expect((await first.request('POST', maps, configMap('x'), type)).status).toBe(415)
    const binary = { 'content-type': 'application/apply-patch+cbor' }
    expect((await first.request('PATCH', `${maps}/x`, {}, binary)).status).toBe(415)
  })

  test('YAML is read and written', async () => {
    const yaml =
      'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: from-yaml\ndata:\n  a: "yes"\n'
    const headers = { 'content-type': 'application/yaml', accept: 'application/yaml' }
    const made = await first.request('POST', maps, yaml, headers)
    expect([made.status, made.headers['content-type'], made.text]).toEqual([
      201,
      'application/yaml',
      expect.stringContaining('a: "yes"'),
    ])
  })

  test('documents of discovery carry their exact types, and tags that spare the rest', async () => {
    const type = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
    const found = await first.get('/apis', { accept: `${type},application/json` })
    expect(found.headers['content-type']).toBe(type)
    const etag = String(found.headers['etag'])
    const same = await first.get('/apis', { accept: type, 'if-none-match': etag })
    expect([same.status, same.text]).toEqual([304, ''])
    expect((await first.get('/apis')).json()).toMatchObject({ kind: 'APIGroupList' })
  })
})
