// What clients accept, through the real HTTP path: the same objects as JSON, YAML, protobuf, tables and
// bare metadata, one by one, in lists and in watches.

import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findWireType, wireTypeOf } from '../api/decode.js'
import { parseYamlText } from '../api/decode/yaml-text.js'
import { kinds } from '../api/kinds.js'
import { hasWireForm } from '../api/protobuf/layout.js'
import type { JsonObject } from '../api/object.js'
import { decodeProtobuf, decodeWatchEvent } from '../api/protobuf/decoder.js'
import { encodeProtobuf } from '../api/protobuf/encoder.js'
import { ApiClient } from './testing/api-client.js'
import { startTestApiserver } from './testing/start-apiserver.js'
import type { TestApiserver } from './testing/start-apiserver.js'

const protobuf = 'application/vnd.kubernetes.protobuf'
const partial = 'as=PartialObjectMetadata;v=v1;g=meta.k8s.io'
const partialList = 'as=PartialObjectMetadataList;v=v1;g=meta.k8s.io'
const maps = '/api/v1/namespaces/default/configmaps'

let server: TestApiserver
let client: ApiClient

beforeAll(async () => {
  server = await startTestApiserver()
  client = new ApiClient(server.url, server.admin.caFile, server.admin)
  const labels = { brace: '}{"', quote: '"\\' }
  const metadata = { name: 'one', annotations: labels }
  await client.request('POST', maps, { metadata, data: { a: 'b' } })
})

afterAll(async () => {
  client.close()
  await server.close()
})

const get = (path: string, accept: string) => client.get(path, { accept })

describe('one object', () => {
  test('is the same in JSON, YAML and protobuf', async () => {
    const json = await get(`${maps}/one`, 'application/json')
    const yaml = await get(`${maps}/one`, 'application/yaml')
    const wire = await get(`${maps}/one`, protobuf)
    expect([json, yaml, wire].map(({ headers }) => headers['content-type'])).toEqual([
      'application/json',
      'application/yaml',
      protobuf,
    ])
    expect(parseYamlText(yaml.text).value).toEqual(json.json())
    expect(decodeProtobuf(wire.bytes, findWireType)).toEqual(json.json())
  })

  test('is its metadata in JSON and protobuf', async () => {
    const whole = (await get(`${maps}/one`, 'application/json')).json<JsonObject>()
    const expected = {
      kind: 'PartialObjectMetadata',
      apiVersion: 'meta.k8s.io/v1',
      metadata: whole['metadata'],
    }
    expect((await get(`${maps}/one`, `application/json;${partial}`)).json()).toEqual(expected)
    const wire = await get(`${maps}/one`, `${protobuf};${partial}`)
    expect(decodeProtobuf(wire.bytes, findWireType)).toEqual(expected)
  })

  test('is created, replaced and deleted in protobuf', async () => {
    const type = findWireType('', 'v1', 'ConfigMap')
    if (type === null) throw new Error('there is no ConfigMap')
    const headers = { 'content-type': protobuf, accept: protobuf }
    const body = encodeProtobuf(
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'wire' }, data: { a: '1' } },
      type.schema,
    )
    const created = await client.request('POST', maps, body, headers)
    expect(created.status).toBe(201)
    const object = decodeProtobuf(created.bytes, findWireType)
    expect(object).toMatchObject({ metadata: { name: 'wire' }, data: { a: '1' } })
    const next = encodeProtobuf({ ...object, data: { a: '2' } }, type.schema)
    const replaced = await client.request('PUT', `${maps}/wire`, next, headers)
    expect(decodeProtobuf(replaced.bytes, findWireType)).toMatchObject({ data: { a: '2' } })
    const again = await client.request('PUT', `${maps}/wire`, body, headers)
    const conflict = await client.request('PUT', `${maps}/wire`, next, headers)
    expect([again.status, conflict.status]).toEqual([200, 409])
    expect(decodeProtobuf(conflict.bytes, findWireType)).toMatchObject({
      kind: 'Status',
      reason: 'Conflict',
      details: { name: 'wire', kind: 'configmaps' },
      code: 409,
    })
    const gone = await client.request('DELETE', `${maps}/wire`, undefined, { accept: protobuf })
    expect(decodeProtobuf(gone.bytes, findWireType)).toMatchObject({ status: 'Success' })
  })
})

const listed = kinds.filter(({ verbs }) => verbs.includes('list'))
const wired = listed.filter(({ schema }) => hasWireForm(schema))

test('only what nodes and pods use has no message', () => {
  const others = listed.filter(kind => !wired.includes(kind))
  expect(others.map(({ group }) => group)).toEqual(['metrics.k8s.io', 'metrics.k8s.io'])
})

describe.each(wired.map(kind => [kind.plural, kind] as const))('a list of %s', (plural, kind) => {
  const root = kind.group === '' ? '/api' : `/apis/${kind.group}`
  const path = `${root}/${kind.version}/${plural}`

  test('is the same in every form', async () => {
    const json = (await get(path, 'application/json')).json<{ items: JsonObject[] } & JsonObject>()
    const wire = decodeProtobuf((await get(path, protobuf)).bytes, findWireType)
    const versions = ({ items }: JsonObject) =>
      ((items as readonly JsonObject[] | undefined) ?? []).map(item => item['metadata'])
    // Empty metadata, of a list that is of no revision, has no place on the wire.
    const { metadata = {} } = wire
    expect([wire['kind'], metadata]).toEqual([`${kind.kind}List`, json['metadata']])
    expect(versions(wire)).toEqual(versions(json))
    const bare = (await get(path, `application/json;${partialList}`)).json<JsonObject>()
    expect(bare['kind']).toBe('PartialObjectMetadataList')
    expect(versions(bare)).toEqual(versions(json))
    const bareWire = decodeProtobuf(
      (await get(path, `${protobuf};${partialList}`)).bytes,
      findWireType,
    )
    expect(versions(bareWire)).toEqual(versions(json))
    expect(wireTypeOf(bareWire)).not.toBeNull()
  })
})

/** The whole frames at the beginning of a stream. */
function framesOf(bytes: Uint8Array): readonly Uint8Array[] {
  const frames: Uint8Array[] = []
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  while (at + 4 <= bytes.length && at + 4 + view.getUint32(at) <= bytes.length) {
    const end = at + 4 + view.getUint32(at)
    frames.push(bytes.subarray(at + 4, end))
    at = end
  }
  return frames
}

describe('a watch', () => {
  const query =
    'watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan'
  const events = async (accept: string) => {
    const enough = (bytes: Uint8Array) => framesOf(bytes).length >= 2
    const path = `${maps}?${query}&fieldSelector=metadata.name%3Done`
    const { contentType, bytes } = await client.read(path, { accept }, enough)
    return { contentType, events: framesOf(bytes).map(f => decodeWatchEvent(f, findWireType)) }
  }

  test('comes in frames of protobuf', async () => {
    const object = (await get(`${maps}/one`, 'application/json')).json()
    const {
      contentType,
      events: [added, bookmark],
    } = await events(protobuf)
    expect(contentType).toBe(`${protobuf};stream=watch`)
    expect(added).toEqual({ type: 'ADDED', object })
    expect(bookmark).toMatchObject({
      type: 'BOOKMARK',
      object: {
        kind: 'ConfigMap',
        metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } },
      },
    })
  })

  test('of metadata comes in frames of protobuf', async () => {
    const { metadata } = (await get(`${maps}/one`, 'application/json')).json<JsonObject>()
    const {
      events: [added, bookmark],
    } = await events(`${protobuf};${partial}`)
    const kind = 'PartialObjectMetadata'
    expect(added).toMatchObject({ type: 'ADDED', object: { kind, metadata } })
    expect(bookmark).toMatchObject({ type: 'BOOKMARK', object: { kind } })
  })

  test('of metadata comes in lines of JSON', async () => {
    const { metadata } = (await get(`${maps}/one`, 'application/json')).json<JsonObject>()
    const watch = client.watch(`${maps}?${query}&fieldSelector=metadata.name%3Done`, {
      accept: `application/json;${partial}`,
    })
    const kind = 'PartialObjectMetadata'
    expect(await watch.next()).toMatchObject({ type: 'ADDED', object: { kind, metadata } })
    expect(await watch.next()).toMatchObject({ type: 'BOOKMARK', object: { kind } })
    watch.stop()
  })
})

test.each([
  [
    `${maps}/one`,
    'text/html',
    'application/json, application/yaml, application/vnd.kubernetes.protobuf',
  ],
  [
    maps,
    'application/json;q=0',
    'application/json, application/yaml, application/vnd.kubernetes.protobuf',
  ],
  [
    `${maps}?watch=1`,
    'application/yaml',
    `application/json;stream=watch, ${protobuf};stream=watch`,
  ],
  ['/apis/apps/v1', protobuf, 'application/json, application/yaml'],
  ['/openapi/v3', 'application/yaml', 'application/json'],
])('%s as %s is not acceptable', async (path, accept, offered) => {
  const answer = await get(path, accept)
  const message = `only the following media types are accepted: ${offered}`
  const wire = answer.headers['content-type'] === protobuf
  const body = wire ? decodeProtobuf(answer.bytes, findWireType) : parseYamlText(answer.text).value
  expect(body).toMatchObject({ status: 'Failure', code: 406, reason: 'NotAcceptable', message })
  expect(answer.status).toBe(406)
})

test('a list of resources says in which form each is kept', async () => {
  const hashes = async (path: string) => {
    const { resources } = (await get(path, 'application/json')).json<{
      resources: { name: string; storageVersionHash?: string }[]
    }>()
    return new Map(resources.map(({ name, storageVersionHash }) => [name, storageVersionHash]))
  }
  // As every server of the original says it.
  expect((await hashes('/api/v1')).get('pods')).toBe('xPOwRZ+Yhw8=')
  expect((await hashes('/apis/apps/v1')).get('deployments')).toBe('8aSe+NMegvE=')
  expect((await hashes('/api/v1')).get('pods/log')).toBeUndefined()
})

describe('documents about the API', () => {
  test.each([
    ['/apis', 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'],
    ['/api', 'application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList'],
    ['/openapi/v3', 'application/json'],
    ['/openapi/v2', 'application/json'],
    ['/openapi/v2', 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf'],
  ])('%s is not sent again to those who have it', async (path, accept) => {
    const { headers, status } = await get(path, accept)
    const etag = String(headers['etag'])
    expect([status, etag.length]).toEqual([200, 130])
    const again = await client.get(path, { accept, 'if-none-match': `"x", ${etag}` })
    expect([again.status, again.bytes.length]).toEqual([304, 0])
  })

  test('the root tells of every path there is', async () => {
    const { paths } = (await get('/', 'application/json')).json<{ paths: string[] }>()
    expect(paths).toEqual(paths.toSorted())
    const known = ['/api', '/api/v1', '/apis/apps', '/apis/apps/v1', '/livez/ping', '/openapi/v2']
    expect(paths).toEqual(expect.arrayContaining(known))
    const answers = await Promise.all(paths.map(path => get(path, 'application/json')))
    expect(paths.filter((_, at) => answers[at]?.status === 404)).toEqual([])
  })

  test('OpenAPI documents stay under the names that the index has for them', async () => {
    const { paths } = (await get('/openapi/v3', 'application/json')).json<{
      paths: Record<string, { serverRelativeURL: string }>
    }>()
    const url = paths['apis/apps/v1']?.serverRelativeURL ?? ''
    const named = await get(url, 'application/json')
    expect(named.headers['cache-control']).toBe('public, max-age=31536000, immutable')
    const moved = await get('/openapi/v3/apis/apps/v1?hash=OLD', 'application/json')
    expect([moved.status, moved.headers['location']]).toEqual([301, url])
  })

  test('OpenAPI v2 is protobuf for all who can read that', async () => {
    const both =
      'application/json, application/com.github.proto-openapi.spec.v2.v1.0+protobuf;q=0.1'
    const type = (answer: { headers: Readonly<Record<string, unknown>> }) =>
      answer.headers['content-type']
    expect(type(await get('/openapi/v2', both))).toMatch(/\+protobuf$/)
    expect(type(await get('/openapi/v2', 'application/json, */*'))).toBe('application/json')
    expect((await get('/openapi/v2', '*/*')).status).toBe(406)
  })
})

test('large answers are packed for those who take that', async () => {
  const data = { a: 'x'.repeat(200_000) }
  await client.request('POST', maps, { metadata: { name: 'large' }, data })
  const path = `${maps}/large`
  const packed = await client.get(path, { 'accept-encoding': 'deflate, gzip;q=0.5' })
  expect(packed.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'Accept-Encoding' })
  expect(packed.bytes.length).toBeLessThan(20_000)
  const plain = await client.get(path, { 'accept-encoding': 'gzip;q=0' })
  expect(plain.headers['content-encoding']).toBeUndefined()
  expect(gunzipSync(packed.bytes)).toEqual(plain.bytes)
  const small = await client.get(`${maps}/one`, { 'accept-encoding': 'gzip' })
  expect(small.headers['content-encoding']).toBeUndefined()
  const list = await client.get(maps, { 'accept-encoding': 'gzip' })
  expect(gunzipSync(list.bytes).toString()).toContain('"large"')
})

test('an error comes in the format that was asked for', async () => {
  const answer = await get(`${maps}/nobody`, protobuf)
  expect(answer.headers['content-type']).toBe(protobuf)
  expect(decodeProtobuf(answer.bytes, findWireType)).toMatchObject({ code: 404, kind: 'Status' })
})
