// Requests of people who mean no good, through the real HTTP path: each is answered with what is wrong
// with it, nothing of it is taken for something else, and the server goes on.

import { readFileSync } from 'node:fs'
import { request as httpsRequest } from 'node:https'
import { gzipSync } from 'node:zlib'
import * as fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { encodeProtobuf } from '../api/protobuf/encoder.js'
import { configMap } from '../api/kinds/core/config-map.js'
import { ApiClient } from './testing/api-client.js'
import type { Answer } from './testing/api-client.js'
import { startTestApiserver } from './testing/start-apiserver.js'
import type { TestApiserver } from './testing/start-apiserver.js'

const maps = '/api/v1/namespaces/default/configmaps'
const json = 'application/json'
const yaml = 'application/yaml'
const protobuf = 'application/vnd.kubernetes.protobuf'

let server: TestApiserver
let client: ApiClient

beforeAll(async () => {
  server = await startTestApiserver()
  client = new ApiClient(server.url, server.admin.caFile, server.admin)
})

afterEach(async () => {
  expect((await client.get('/livez')).status).toBe(200)
})

afterAll(async () => {
  client.close()
  await server.close()
})

const post = (
  type: string,
  body: string | Uint8Array,
  query = '',
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> =>
  client.request('POST', maps + query, body, { 'content-type': type, ...headers })

const map = (inner: string) =>
  `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m"},${inner}}`
const utf8 = (text: string) => new TextEncoder().encode(text)
const nested = (open: string, close: string, depth: number) =>
  open.repeat(depth) + '1' + close.repeat(depth)

/** Nine levels of nine: a few hundred bytes that stand for gigabytes. */
const laughs = Array.from({ length: 9 }, (_, i) =>
  i === 0
    ? 'a0: &a0 [lol]'
    : `a${i}: &a${i} [${Array.from({ length: 9 }, () => `*a${i - 1}`).join(',')}]`,
).join('\n')

const megabyte = 1024 * 1024
const whole = encodeProtobuf(
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'wire' }, data: { a: 'b', c: 'd' } },
  configMap.schema,
)

describe('a body is refused', () => {
  test.each<
    readonly [name: string, type: string, body: string | Uint8Array, code: number, says: RegExp]
  >([
    ['that is empty', json, '', 400, /body is empty/],
    ['that is null', json, 'null', 400, /must be one ConfigMap/],
    ['that is a list', json, '[]', 400, /must be one ConfigMap/],
    ['that is a text', json, '"x"', 400, /must be one ConfigMap/],
    ['that is cut off', json, map('"data":{').slice(0, -1), 400, /unexpected end of JSON input/],
    ['with something behind it', json, `${map('"data":{}')}{}`, 400, /after top-level value/],
    [
      'of another kind',
      json,
      '{"apiVersion":"v1","kind":"Secret"}',
      400,
      /does not match the expected kind/,
    ],
    [
      'whose kind is an object',
      json,
      '{"apiVersion":"v1","kind":{}}',
      400,
      /does not match the expected kind/,
    ],
    ['with deep objects', json, nested('{"a":', '}', 100_000), 400, /exceeded max depth/],
    ['with deep lists', json, nested('[', ']', 100_000), 400, /exceeded max depth/],
    ['with deep lists that never end', json, '['.repeat(megabyte), 400, /exceeded max depth/],
    [
      'with more than 3 MiB',
      json,
      map(`"data":{"a":"${'a'.repeat(3 * megabyte)}"}`),
      413,
      /limit is 3145728/,
    ],
    [
      'with more than is stored',
      json,
      map(`"data":{"a":"${'a'.repeat(2 * megabyte)}"}`),
      422,
      /Too long/,
    ],
    [
      'that is not UTF-8',
      json,
      Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d),
      400,
      /not UTF-8/,
    ],
    ['that is UTF-16', json, Buffer.from('\ufeff{}', 'utf16le'), 400, /unrecognized/],
    ['with a NUL byte', json, map('"data":{"a":"\u0000"}'), 400, /in string literal/],
    ['with a NUL in a name', json, '{"metadata":{"name":"a\\u0000b"}}', 422, /Invalid value/],
    ['with a number beyond all', json, map('"data":1e400'), 400, /out of range/],
    [
      'with a number that cannot be kept',
      json,
      '{"metadata":{"generation":99999999999999999999}}',
      400,
      /cannot be kept exactly/,
    ],
    [
      'with a million digits',
      json,
      map(`"x":${'1'.repeat(megabyte)}`),
      400,
      /out of range|cannot be kept/,
    ],
    ['with a number for a text', json, map('"data":{"a":1}'), 400, /cannot unmarshal number/],
    [
      'with a prototype for an object',
      json,
      '{"__proto__":{"metadata":{"name":"p"}}}',
      422,
      /name or generateName is required/,
    ],
    ['that is not base64', json, map('"binaryData":{"a":"*"}'), 400, /illegal base64/],
    ['of YAML that laughs', yaml, `${laughs}\nkind: ConfigMap`, 400, /alias/i],
    ['of YAML that contains itself', yaml, 'a: &a {b: *a}', 400, /./],
    ['of YAML with an unknown alias', yaml, 'kind: *nobody', 400, /nobody/],
    ['of deep YAML', yaml, nested('[', ']', 50_000), 400, /exceeded max depth/],
    ['of YAML that is deep by dashes', yaml, `${'- '.repeat(5_000)}a`, 400, /exceeded max depth/],
    [
      'of two documents of YAML',
      yaml,
      'kind: ConfigMap\n---\nkind: ConfigMap\n',
      400,
      /more than one document/,
    ],
    ['of YAML that wants code', yaml, 'metadata: !!js/function "x"', 400, /./],
    ['of YAML with objects for keys', yaml, '{{a: b}: c}', 400, /./],
    [
      'of YAML with too many parts',
      yaml,
      '[a,'.concat('a,'.repeat(200_000), ']'),
      400,
      /too many parts/,
    ],
    [
      'that is protobuf in name only',
      protobuf,
      map('"data":{}'),
      400,
      /does not begin as Kubernetes protobuf/,
    ],
    ['that is nothing but magic', protobuf, utf8('k8s\u0000'), 400, /no kind/],
    [
      'of protobuf of an unknown kind',
      protobuf,
      Uint8Array.of(0x6b, 0x38, 0x73, 0, 0x0a, 4, 0x12, 2, 0x58, 0x58),
      400,
      /no kind .*XX/,
    ],
    [
      'of protobuf whose length lies',
      protobuf,
      Uint8Array.of(0x6b, 0x38, 0x73, 0, 0x12, 0xff, 0xff, 0xff, 0xff, 0x7f),
      400,
      /ends too early/,
    ],
    ['of plain text', 'text/plain', map('"data":{}'), 415, /accepted media types include/],
    ['of a form', 'application/x-www-form-urlencoded', 'a=b', 415, /accepted media types include/],
    ['of a type that is none', ';;;=', map('"data":{}'), 201, /./],
  ])('%s', async (_, type, body, code, says) => {
    const answer = await post(type, body, '?dryRun=All')
    expect(`${answer.status} ${answer.text.slice(0, 300)}`).toMatch(new RegExp(`^${code} `))
    expect(answer.text).toMatch(says)
    if (code >= 400) {
      expect(answer.json()).toMatchObject({ kind: 'Status', status: 'Failure', code })
      // What was sent is not sent back.
      expect(answer.text.length).toBeLessThan(4_096)
    }
  })

  test('of protobuf, cut off anywhere', async () => {
    for (let length = 0; length < whole.length; length++) {
      const answer = await post(protobuf, whole.subarray(0, length), '?dryRun=All')
      // A message may end between two fields; then what has come is all there is.
      expect([201, 400, 422], `${length} bytes: ${answer.text}`).toContain(answer.status)
    }
  })

  test('that is packed, however much it would unpack to', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * megabyte))
    const answer = await post(json, bomb, '', { 'content-encoding': 'gzip' })
    expect(answer.status).toBe(400)
  })

  test('whatever its bytes are', async () => {
    const type = fc.constantFrom(json, yaml, protobuf)
    const junk = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc.string({ unit: 'binary' }).map(utf8),
      fc
        .uint8Array({ maxLength: 64 })
        .map(bytes => Uint8Array.from([...utf8('k8s\u0000'), ...bytes])),
      fc.tuple(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 255 })).map(([at, byte]) => {
        const changed = Uint8Array.from(whole)
        changed[at] = byte
        return changed
      }),
    )
    await fc.assert(
      fc.asyncProperty(type, junk, async (contentType, body) => {
        const { status } = await post(contentType, body, '?dryRun=All')
        expect(status === 201 || (status >= 400 && status < 500)).toBe(true)
      }),
      { numRuns: 200 },
    )
  })
})

describe('names of prototypes are names like others', () => {
  const data = '{"__proto__":"a","constructor":"b","toString":"c","hasOwnProperty":"d"}'

  test.each([
    [json, map(`"data":${data}`)],
    [yaml, `metadata: {name: m}\ndata: ${data}`],
  ])('in %s', async (type, body) => {
    const answer = await post(type, body, '?dryRun=All')
    expect(answer.status).toBe(201)
    const kept = JSON.stringify(answer.json()['data'])
    expect(JSON.parse(kept)).toEqual(JSON.parse(data))
    expect(kept).toContain('"__proto__":"a"')
  })

  test.each([
    ['application/merge-patch+json', `{"data":${data}}`],
    ['application/strategic-merge-patch+json', `{"data":${data}}`],
    ['application/json-patch+json', `[{"op":"add","path":"/data/__proto__","value":"a"}]`],
  ])('in %s', async (type, body) => {
    const { metadata } = (
      await post(json, '{"metadata":{"generateName":"p-"},"data":{"x":"y"}}')
    ).json<{
      metadata: { name: string }
    }>()
    const path = `${maps}/${metadata.name}`
    const answer = await client.request('PATCH', path, body, { 'content-type': type })
    expect(answer.status).toBe(200)
    expect(answer.text).toContain('"__proto__":"a"')
    const clean = await post(json, map('"data":{}'), '?dryRun=All')
    expect(clean.json()).not.toHaveProperty('data')
  })
})

describe('keys that occur twice, and keys that nobody knows', () => {
  const twice = map('"data":{"a":"1","a":"2"},"dato":{}')

  test('are refused when asked to be strict', async () => {
    const answer = await post(json, twice, '?dryRun=All&fieldValidation=Strict')
    expect(answer.status).toBe(400)
    const text = 'strict decoding error: duplicate field "data.a", unknown field "dato"'
    expect(answer.json()['message']).toContain(text)
  })

  test('are warned of otherwise, or passed over', async () => {
    const warned = await post(json, twice, '?dryRun=All&fieldValidation=Warn')
    const ignored = await post(json, twice, '?dryRun=All&fieldValidation=Ignore')
    expect([warned.status, ignored.status]).toEqual([201, 201])
    expect(warned.headers['warning']).toMatch(/299 - "duplicate field \\"data.a\\""/)
    expect(ignored.headers['warning']).toBeUndefined()
    expect(ignored.json()['data']).toEqual({ a: '2' })
  })

  test('are named, but not all of a hundred thousand', async () => {
    const many = Array.from({ length: 100_000 }, (_, i) => `"x${i}":1`).join(',')
    const answer = await post(json, map(many), '?dryRun=All&fieldValidation=Strict')
    expect(answer.status).toBe(400)
    expect(answer.text.length).toBeLessThan(16_384)
  })
})

describe('what stands before the body', () => {
  test.each([
    [`${maps}?labelSelector=${'a'.repeat(20_000)}`, [400, 414]],
    [`${maps}/%zz`, [400]],
    [`${maps}/%00`, [400, 404]],
    [`${maps}/..%2f..%2fnodes`, [400, 404]],
    [`${maps}/${'a'.repeat(2_000)}`, [404]],
    ['/api/v1/namespaces/__proto__/configmaps/constructor', [404]],
    ['/apis/__proto__/v1/toString', [404]],
    [`${maps}?labelSelector=a%20in%20(`, [400]],
    [`${maps}?fieldSelector=__proto__%3Da`, [400]],
    [`${maps}?limit=1e99`, [400]],
    [`${maps}?continue=AAAA`, [400]],
  ])('%.60s is answered %s', async (path, codes) => {
    const answer = await client.get(path)
    expect(codes, answer.text.slice(0, 300)).toContain(answer.status)
  })

  test('a megabyte of headers is not read', async () => {
    const large = client.get(maps, { 'x-large': 'a'.repeat(megabyte) })
    const outcome = await large.then(
      ({ status }) => status,
      () => 431,
    )
    expect(outcome).toBe(431)
    client.close()
    client = new ApiClient(server.url, server.admin.caFile, server.admin)
  })

  test('a hundred kilobytes of headers are refused on HTTP/1.1', async () => {
    const { caFile, certFile, keyFile } = server.admin
    const status = await new Promise<number>(resolve => {
      const request = httpsRequest(
        server.url + maps,
        {
          ca: readFileSync(caFile),
          cert: readFileSync(certFile),
          key: readFileSync(keyFile),
          headers: { 'x-large': 'a'.repeat(100_000) },
        },
        answer => {
          answer.resume()
          resolve(answer.statusCode ?? 0)
        },
      )
      // The connection may be closed while the headers are still being sent.
      request.on('error', () => resolve(431))
      request.end()
    })
    expect(status).toBe(431)
  })
})

test('a patch of more operations than are taken is refused', async () => {
  const operation = { op: 'test', path: '/kind', value: 'ConfigMap' }
  const body = JSON.stringify(Array.from({ length: 10_001 }, () => operation))
  await post(json, '{"metadata":{"name":"patched"}}')
  const answer = await client.request('PATCH', `${maps}/patched`, body, {
    'content-type': 'application/json-patch+json',
  })
  expect(answer.status).toBe(413)
  expect(answer.text).toContain('maximum operations in a JSON patch is 10000')
})
