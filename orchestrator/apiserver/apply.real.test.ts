// Field ownership over HTTP, where kubectl does not go: other managers, subresources, preconditions,
// owners that clients correct or clear, limits and refusals.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ApiClient } from './testing/api-client.js'
import type { Answer } from './testing/api-client.js'
import { startTestApiserver } from './testing/start-apiserver.js'
import type { TestApiserver } from './testing/start-apiserver.js'

interface Entry {
  readonly manager: string
  readonly operation: string
  readonly subresource?: string
  readonly apiVersion?: string
  readonly time?: string
  readonly fieldsType?: string
  readonly fieldsV1?: object
}

interface Body {
  readonly message?: string
  readonly reason?: string
  readonly details?: { readonly causes?: readonly object[] }
  readonly metadata: {
    readonly uid: string
    readonly resourceVersion: string
    readonly managedFields?: readonly Entry[]
    readonly labels?: object
  }
  readonly data?: object
  readonly spec?: { readonly replicas?: number }
  readonly status?: { readonly replicas?: number }
}

const maps = '/api/v1/namespaces/default/configmaps'
const deployments = '/apis/apps/v1/namespaces/default/deployments'

let server: TestApiserver
let client: ApiClient

beforeAll(async () => {
  server = await startTestApiserver()
  client = new ApiClient(server.url, server.admin.caFile, server.admin)
})

afterAll(async () => {
  client.close()
  await server.close()
})

const applyType = { 'content-type': 'application/apply-patch+yaml' }

function apply(path: string, body: object, query = 'fieldManager=one'): Promise<Answer> {
  return client.request('PATCH', `${path}?${query}`, body, applyType)
}

function merge(path: string, body: object): Promise<Answer> {
  return client.request('PATCH', path, body, { 'content-type': 'application/merge-patch+json' })
}

function configMap(name: string, data: object, metadata: object = {}) {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...metadata }, data }
}

function deployment(name: string, spec: object) {
  const template = {
    metadata: { labels: { app: name } },
    spec: { containers: [{ name: 'web', image: 'nginx' }] },
  }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: { selector: { matchLabels: { app: name } }, template, ...spec },
  }
}

async function entriesOf(path: string): Promise<readonly Entry[]> {
  return (await client.get(path)).json<Body>().metadata.managedFields ?? []
}

async function owners(path: string): Promise<readonly string[]> {
  return (await entriesOf(path)).map(({ manager, operation, subresource = '' }) =>
    `${manager} ${operation} ${subresource}`.trimEnd(),
  )
}

describe('an apply is refused', () => {
  const path = `${maps}/refused`
  test.each<readonly [string, object, string, number, string]>([
    [
      'without a field manager',
      configMap('refused', {}),
      '',
      422,
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    ],
    [
      'for another version',
      { ...configMap('refused', {}), apiVersion: 'v2' },
      'fieldManager=one',
      400,
      'Incorrect version specified in apply patch. Specified patch version: v2, expected: v1',
    ],
    [
      'for another kind',
      { ...configMap('refused', {}), kind: 'Secret' },
      'fieldManager=one',
      500,
      'failed to create typed patch object (default/refused; v1, Kind=Secret): no corresponding type for v1, Kind=Secret',
    ],
    [
      'with owners of its own',
      configMap('refused', {}, { managedFields: [{}] }),
      'fieldManager=one',
      400,
      'metadata.managedFields must be nil',
    ],
    [
      'for another name',
      configMap('other', {}),
      'fieldManager=one',
      400,
      'the name of the object (other) does not match the name on the URL (refused)',
    ],
    [
      'with an identity, where there is no object',
      configMap('refused', {}, { uid: 'u-1' }),
      'fieldManager=one',
      409,
      'Operation cannot be fulfilled on configmaps "refused": uid mismatch: the provided object specified uid u-1, and no existing object was found',
    ],
    [
      'with fields nobody knows and values of the wrong sort',
      { ...configMap('refused', {}), colour: 'red', immutable: 'yes' },
      'fieldManager=one',
      500,
      'failed to create typed patch object (default/refused; v1, Kind=ConfigMap): errors:\n  .colour: field not declared in schema\n  .immutable: expected boolean, got &{yes}',
    ],
  ])('%s', async (_, body, query, code, message) => {
    const answer = await apply(path, body, query)
    expect(answer.status).toBe(code)
    expect(answer.json<Body>().message).toBe(message)
  })

  test('as CBOR', async () => {
    const headers = { 'content-type': 'application/apply-patch+cbor' }
    const answer = await client.request('PATCH', `${path}?fieldManager=one`, 'x', headers)
    expect(answer.status).toBe(415)
  })

  test('of a subresource, where there is no object', async () => {
    expect((await apply(`${deployments}/refused/status`, deployment('refused', {}))).status).toBe(
      404,
    )
    const scale = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'refused' } }
    expect((await apply(`${deployments}/refused/scale`, scale)).status).toBe(404)
  })

  test('by force, where it is another patch', async () => {
    const answer = await merge(`${path}?force=true`, {})
    expect(answer.json<Body>().message).toBe(
      'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch',
    )
  })

  test('with an element that stands there twice', async () => {
    const containers = [{ name: 'a' }, { name: 'a' }]
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { containers } }
    const answer = await apply('/api/v1/namespaces/default/pods/p', pod)
    expect(answer.json<Body>().message).toBe(
      'failed to create typed patch object (default/p; v1, Kind=Pod): .spec.containers: duplicate entries for key [name="a"]',
    )
  })
})

describe('an apply', () => {
  test('makes an object, and changes nothing the second time', async () => {
    const path = `${maps}/made`
    const first = await apply(path, configMap('made', { a: 'b' }))
    expect(first.status).toBe(201)
    const second = await apply(path, configMap('made', { a: 'b' }))
    expect(second.status).toBe(200)
    expect(second.json()).toEqual(first.json())
  })

  test('that is tried out makes nothing', async () => {
    const path = `${maps}/tried`
    const query = 'fieldManager=one&dryRun=All'
    expect((await apply(path, configMap('tried', { a: 'b' }), query)).status).toBe(201)
    expect((await client.get(path)).status).toBe(404)
  })

  test('made by several at once has all of them as owners', async () => {
    const path = `${maps}/raced`
    const answers = await Promise.all(
      ['a', 'b', 'c'].map(manager =>
        apply(path, configMap('raced', { [manager]: 'x' }), `fieldManager=${manager}`),
      ),
    )
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 200, 201])
    expect((await client.get(path)).json<Body>().data).toEqual({ a: 'x', b: 'x', c: 'x' })
    expect((await owners(path)).toSorted()).toEqual(['a Apply', 'b Apply', 'c Apply'])
  })

  test('keeps to the version that it names', async () => {
    const path = `${maps}/versioned`
    const made = (await apply(path, configMap('versioned', { a: 'b' }))).json<Body>()
    const { resourceVersion, uid } = made.metadata
    const next = configMap('versioned', { a: 'c' }, { resourceVersion, uid })
    expect((await apply(path, next)).status).toBe(200)
    const stale = await apply(path, configMap('versioned', { a: 'd' }, { resourceVersion }))
    expect(stale.status).toBe(409)
    expect(stale.json<Body>().message).toContain('the object has been modified')
  })

  test('conflicts field by field, with a cause for each', async () => {
    const path = `${maps}/contested`
    await apply(path, configMap('contested', { a: '1', b: '1' }))
    await client.request(
      'PATCH',
      `${path}?fieldManager=two`,
      { data: { b: '2', c: '2' } },
      {
        'content-type': 'application/merge-patch+json',
      },
    )
    const answer = await apply(
      path,
      configMap('contested', { a: '3', b: '3', c: '3' }),
      'fieldManager=three',
    )
    expect(answer.status).toBe(409)
    expect(answer.json<Body>()).toMatchObject({
      reason: 'Conflict',
      message:
        'Apply failed with 3 conflicts: conflicts with "one":\n- .data.a\nconflicts with "two" using v1:\n- .data.b\n- .data.c',
      details: {
        causes: [
          {
            reason: 'FieldManagerConflict',
            message: 'conflict with "one"',
            field: '.data.a',
          },
          {
            reason: 'FieldManagerConflict',
            message: 'conflict with "two" using v1',
            field: '.data.b',
          },
          {
            reason: 'FieldManagerConflict',
            message: 'conflict with "two" using v1',
            field: '.data.c',
          },
        ],
      },
    })
    const query = 'fieldManager=three&force=true'
    await apply(path, configMap('contested', { a: '3', b: '3', c: '3' }), query)
    expect(await owners(path)).toEqual(['three Apply'])
  })

  test('warns of keys that stand there twice, or refuses them', async () => {
    const text =
      '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"twice"},"data":{"a":"1","a":"2"}}'
    const path = `${maps}/twice`
    const warned = await client.request('PATCH', `${path}?fieldManager=one`, text, applyType)
    expect(warned.status).toBe(201)
    expect(warned.headers['warning']).toBe(String.raw`299 - "duplicate field \"data.a\""`)
    const strict = `${path}?fieldManager=one&fieldValidation=Strict`
    const refused = await client.request('PATCH', strict, text, applyType)
    expect(refused.status).toBe(400)
  })

  test('of null takes a field away', async () => {
    const path = `${deployments}/nulled`
    await apply(path, deployment('nulled', { minReadySeconds: 3, paused: true }))
    const answer = await apply(path, deployment('nulled', { minReadySeconds: null, paused: true }))
    expect(answer.status).toBe(200)
    expect(answer.json<Body>().spec).not.toHaveProperty('minReadySeconds')
  })
})

describe('subresources', () => {
  test('the scale owns replicas, and meets those who applied them', async () => {
    const path = `${deployments}/scaled`
    await apply(path, deployment('scaled', { replicas: 1 }))
    const scale = (replicas: number) => ({
      apiVersion: 'autoscaling/v1',
      kind: 'Scale',
      metadata: { name: 'scaled' },
      spec: { replicas },
    })
    const refused = await apply(`${path}/scale`, scale(2), 'fieldManager=two')
    expect(refused.json<Body>().message).toBe(
      'Apply failed with 1 conflict: conflict with "one": .spec.replicas',
    )
    const forced = await apply(`${path}/scale`, scale(2), 'fieldManager=two&force=true')
    expect(forced.json<Body>().spec).toEqual({ replicas: 2 })
    expect((await entriesOf(path)).find(({ manager }) => manager === 'two')).toMatchObject({
      operation: 'Apply',
      subresource: 'scale',
      apiVersion: 'apps/v1',
      fieldsV1: { 'f:spec': { 'f:replicas': {} } },
    })
    await client.request('PUT', `${path}/scale?fieldManager=three`, scale(3))
    expect(await owners(path)).toEqual(['one Apply', 'three Update scale'])
    expect((await client.get(path)).json<Body>().spec?.replicas).toBe(3)
  })

  test('the status is owned apart from the rest, and neither writes the other', async () => {
    const path = `${deployments}/stated`
    await apply(path, { ...deployment('stated', { replicas: 1 }), status: { replicas: 9 } })
    expect((await client.get(path)).json<Body>().status?.replicas).toBeUndefined()
    const status = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'stated' },
      spec: { replicas: 5 },
      status: { replicas: 1 },
    }
    const answer = await apply(`${path}/status`, status, 'fieldManager=two')
    expect(answer.json<Body>()).toMatchObject({ spec: { replicas: 1 }, status: { replicas: 1 } })
    expect((await entriesOf(path)).find(({ manager }) => manager === 'two')).toMatchObject({
      subresource: 'status',
      fieldsV1: { 'f:status': { 'f:replicas': {} } },
    })
    const gone = { ...status, status: {} }
    await apply(`${path}/status`, gone, 'fieldManager=two')
    expect((await client.get(path)).json<Body>().status?.replicas).toBeUndefined()
  })
})

describe('owners', () => {
  test('go by the program that wrote, where it names nobody', async () => {
    await client.request('POST', maps, configMap('agent', { a: 'b' }), {
      'content-type': 'application/json',
      'user-agent': 'writer/1.0 (linux)',
    })
    expect(await owners(`${maps}/agent`)).toEqual(['writer Update'])
    const nobody = await client.request('POST', maps, configMap('nobody', { a: 'b' }))
    expect(nobody.json<Body>().metadata.managedFields?.[0]).toMatchObject({
      manager: 'unknown',
      fieldsV1: { 'f:data': { '.': {}, 'f:a': {} } },
    })
  })

  test.each([[[]], [[{}]]])(
    'are cleared by %j, and known again after the first apply',
    async managedFields => {
      const name = `cleared-${managedFields.length}`
      const path = `${maps}/${name}`
      await client.request('POST', maps, configMap(name, { a: 'b' }))
      await merge(path, { metadata: { managedFields } })
      expect(await owners(path)).toEqual([])
      await merge(path, { data: { c: 'd' } })
      expect(await owners(path)).toEqual([])
      const refused = await apply(path, configMap(name, { a: 'z' }))
      expect(refused.json<Body>().message).toBe(
        'Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.a',
      )
      expect((await apply(path, configMap(name, { a: 'b', e: 'f' }))).status).toBe(200)
      expect(await owners(path)).toEqual(['one Apply', 'before-first-apply Update'])
    },
  )

  test('can be corrected, but not to what says nothing', async () => {
    const path = `${maps}/corrected`
    await client.request('POST', maps, configMap('corrected', { a: 'b' }))
    const entry: Entry = {
      manager: 'two',
      operation: 'Apply',
      apiVersion: 'v1',
      time: '2026-01-01T00:00:00Z',
      fieldsType: 'FieldsV1',
      fieldsV1: { 'f:data': { 'f:a': {} } },
    }
    await merge(path, { metadata: { managedFields: [entry] } })
    expect(await entriesOf(path)).toEqual([entry])
    for (const wrong of [
      { ...entry, operation: 'Steal' },
      { ...entry, fieldsType: 'FieldsV2' },
      { ...entry, fieldsV1: { data: {} } },
      { ...entry, apiVersion: '' },
    ]) {
      await merge(path, { metadata: { managedFields: [wrong] } })
      expect(await entriesOf(path)).toEqual([entry])
    }
    await merge(path, { metadata: { managedFields: null } })
    expect(await entriesOf(path)).toEqual([entry])
  })

  test('of updates are joined, the oldest first, beyond ten', async () => {
    const path = `${maps}/busy`
    await apply(path, configMap('busy', { own: 'x' }))
    for (let writer = 0; writer < 14; writer++) {
      await client.request(
        'PATCH',
        `${path}?fieldManager=w${String(writer).padStart(2, '0')}`,
        { data: { [`k${writer}`]: 'x' } },
        { 'content-type': 'application/merge-patch+json' },
      )
    }
    const all = await owners(path)
    expect(all.filter(owner => owner.endsWith('Update'))).toHaveLength(10)
    expect(all).toContain('ancient-changes Update')
    expect(all).toContain('one Apply')
  })

  test('lose what others change or remove, and who changes nothing owns nothing', async () => {
    const path = `${maps}/traded`
    await client.request('POST', `${maps}?fieldManager=a`, configMap('traded', { x: '1', y: '1' }))
    const before = (await client.get(path)).json<Body>().metadata.resourceVersion
    await client.request(
      'PATCH',
      `${path}?fieldManager=b`,
      { data: { x: '1' } },
      {
        'content-type': 'application/merge-patch+json',
      },
    )
    expect((await client.get(path)).json<Body>().metadata.resourceVersion).toBe(before)
    await client.request(
      'PATCH',
      `${path}?fieldManager=b`,
      { data: { x: '2', y: null } },
      {
        'content-type': 'application/merge-patch+json',
      },
    )
    expect(await entriesOf(path)).toMatchObject([
      { manager: 'a', fieldsV1: { 'f:data': {} } },
      { manager: 'b', fieldsV1: { 'f:data': { 'f:x': {} } } },
    ])
  })
})

test('a JSON patch of too many operations is too large', async () => {
  await client.request('POST', maps, configMap('large', {}))
  const patch = Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/kind', value: 'x' }))
  const headers = { 'content-type': 'application/json-patch+json' }
  const answer = await client.request('PATCH', `${maps}/large`, patch, headers)
  expect(answer.status).toBe(413)
  expect(answer.json<Body>().message).toBe(
    'Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001',
  )
})
