// Webhooks of admission over TLS, with a real server of them and a real kubectl.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../../platform/testing/free-port.js'
import type { ApiClient } from './testing/api-client.js'
import type { Kubectl } from './testing/kubectl.js'
import { ofMaps, startWebhookedApiserver } from './testing/webhooked-apiserver.js'
import type { WebhookedApiserver } from './testing/webhooked-apiserver.js'
import type { WebhookServer } from './testing/webhook-server.js'

const maps = '/api/v1/namespaces/default/configmaps'

let whole: WebhookedApiserver
let hooks: WebhookServer
let api: ApiClient
let kubectl: Kubectl
let configure: WebhookedApiserver['configure']

beforeAll(async () => {
  whole = await startWebhookedApiserver()
  ;({ hooks, api, kubectl, configure } = whole)
})

afterEach(() => whole.unconfigure())
afterAll(() => whole.close())

type Fields = Readonly<Record<string, unknown>>

const patch = (...operations: readonly Fields[]) => ({
  allowed: true,
  patchType: 'JSONPatch',
  patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
})

const mapOf = (name: string, data: Fields = {}) => ({ metadata: { name }, data })
const textOf = (object: Fields) => JSON.stringify(object)

describe('webhooks that mutate', () => {
  test('put a container beside those of a pod, and its defaults are filled in', async () => {
    hooks.answer('/sidecar', () => ({
      ...patch(
        { op: 'add', path: '/spec/containers/-', value: { name: 'side', image: 'side:1' } },
        { op: 'add', path: '/metadata/labels', value: { injected: 'yes' } },
      ),
      warnings: ['a container was added'],
    }))
    await configure('mutating', 'sidecar', {
      rules: [{ ...ofMaps, operations: ['CREATE'], resources: ['pods'] }],
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'default' } },
    })
    const pod = kubectl.file(
      'pod.yaml',
      'apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: web, image: web:1}]}\n',
    )
    const { stdout, stderr } = await kubectl.run('apply', '-f', pod)
    expect([stdout, stderr]).toEqual(['pod/web created\n', 'Warning: a container was added\n'])
    const path =
      '{.metadata.labels.injected} {.spec.containers[*].name} {.spec.containers[1].imagePullPolicy}'
    expect(await kubectl.ok('get', 'pod', 'web', '-o', `jsonpath=${path}`)).toBe(
      'yes web side IfNotPresent',
    )
    const [review] = hooks.reviews('/sidecar')
    expect(review?.request).toMatchObject({
      operation: 'CREATE',
      name: 'web',
      namespace: 'default',
      userInfo: {
        username: 'kubernetes-admin',
        groups: ['system:masters', 'system:authenticated'],
      },
      object: { metadata: { name: 'web' }, spec: { containers: [{ name: 'web' }] } },
      oldObject: null,
      dryRun: false,
      options: { kind: 'CreateOptions', fieldManager: 'kubectl-client-side-apply' },
    })
    // Names and uids are given out after admission has had its say.
    expect(review?.request['object']).not.toHaveProperty('metadata.uid')
  })

  test('see the name of an object that has one, and no other', async () => {
    hooks.answer('/names', () => patch({ op: 'add', path: '/data', value: { by: 'hook' } }))
    await configure('mutating', 'names', {})
    const answer = await api.request('POST', maps, { metadata: { generateName: 'some-' } })
    expect(answer.json()).toMatchObject({ data: { by: 'hook' } })
    const [review] = hooks.reviews('/names')
    expect(review?.request).not.toHaveProperty('name')
  })

  test('are asked in dry runs, which leave nothing behind', async () => {
    hooks.answer('/dry', () => patch({ op: 'add', path: '/data/by', value: 'hook' }))
    await configure('mutating', 'dry', { sideEffects: 'NoneOnDryRun' })
    const made = await kubectl.ok(
      'create',
      'configmap',
      'dry',
      '--from-literal=a=b',
      '--dry-run=server',
      '--output=yaml',
    )
    expect(made).toContain('by: hook')
    expect(hooks.reviews('/dry')[0]?.request).toMatchObject({
      dryRun: true,
      options: { dryRun: ['All'] },
    })
    expect((await api.get(`${maps}/dry`)).status).toBe(404)
  })

  test('are asked when objects change, whatever the way, and count as a change', async () => {
    await api.request('POST', maps, mapOf('way', { a: '1' }))
    hooks.answer('/way', ({ request }) => {
      const { data } = request['object'] as { data: Fields }
      return patch({ op: 'add', path: '/data/seen', value: Object.keys(data).toSorted().join() })
    })
    await configure('mutating', 'way', {})
    const merge = { 'content-type': 'application/merge-patch+json' }
    const apply = { 'content-type': 'application/apply-patch+yaml' }
    const seen = async (method: string, body: Fields, headers = {}, query = '') => {
      const answer = await api.request(method, `${maps}/way${query}`, textOf(body), headers)
      return answer.json<{ data?: Fields }>().data?.['seen'] ?? answer.text
    }
    const json = { 'content-type': 'application/json' }
    expect(await seen('PUT', mapOf('way', { b: '2' }), json)).toBe('b')
    expect(await seen('PATCH', { data: { c: '3' } }, merge)).toBe('b,c,seen')
    const applied = { apiVersion: 'v1', kind: 'ConfigMap', ...mapOf('way', { d: '4' }) }
    expect(await seen('PATCH', applied, apply, '?fieldManager=me')).toBe('b,c,d,seen')
    const operations = hooks.reviews('/way').map(({ request }) => request['operation'])
    expect(new Set(operations)).toEqual(new Set(['UPDATE']))
  })
})

describe('webhooks that refuse', () => {
  test('are quoted, with the code and the reason that they give', async () => {
    hooks.answer('/deny', () => ({
      allowed: false,
      status: { message: 'not here', reason: 'Forbidden', code: 403 },
      warnings: ['this is watched'],
    }))
    await configure('validating', 'deny', {})
    const file = kubectl.file(
      'denied.json',
      textOf({ apiVersion: 'v1', kind: 'ConfigMap', ...mapOf('denied') }),
    )
    const { code, stderr } = await kubectl.run('create', '-f', file)
    expect([code, stderr]).toEqual([
      1,
      `Warning: this is watched\nError from server (Forbidden): error when creating "${file}": admission webhook "deny.hooks.test" denied the request: not here\n`,
    ])
    hooks.answer('/deny', () => ({ allowed: false }))
    expect((await kubectl.run('create', 'configmap', 'denied')).stderr).toBe(
      'error: failed to create configmap: admission webhook "deny.hooks.test" denied the request without explanation\n',
    )
  })

  test('keep what is there, one by one and all of a collection', async () => {
    await api.request('POST', maps, mapOf('kept'))
    hooks.answer('/keep', () => ({ allowed: false, status: { message: 'it stays' } }))
    await configure('validating', 'keep', { rules: [{ ...ofMaps, operations: ['DELETE'] }] })
    expect((await kubectl.run('delete', 'configmap', 'kept')).stderr).toBe(
      'Error from server: admission webhook "keep.hooks.test" denied the request: it stays\n',
    )
    expect((await kubectl.run('delete', '--raw', maps)).stderr).toBe(
      'Error from server: admission webhook "keep.hooks.test" denied the request: it stays\n',
    )
    const [one, collection] = hooks.reviews('/keep')
    expect(one?.request).toMatchObject({
      operation: 'DELETE',
      name: 'kept',
      object: null,
      oldObject: { metadata: { name: 'kept' } },
      options: { kind: 'DeleteOptions', propagationPolicy: 'Background' },
    })
    expect(collection?.request).not.toHaveProperty('name')
    expect((await api.get(`${maps}/kept`)).status).toBe(200)
  })

  test('stand before streams and before a number of replicas', async () => {
    await api.request('POST', '/api/v1/namespaces/default/pods', {
      metadata: { name: 'busy' },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    })
    hooks.answer('/gate', () => ({ allowed: false, status: { message: 'closed' } }))
    await configure('validating', 'gate', {
      rules: [
        { ...ofMaps, operations: ['CONNECT'], resources: ['pods/exec'] },
        { ...ofMaps, apiGroups: ['apps'], resources: ['deployments/scale'] },
      ],
    })
    const refused = 'admission webhook "gate.hooks.test" denied the request: closed\n'
    const exec = await kubectl.run('exec', 'busy', '--', 'ls', '-l')
    expect(exec.stderr).toContain(refused)
    await kubectl.ok('create', 'deployment', 'scaled', '--image=i')
    const scaled = await kubectl.run('scale', 'deployment/scaled', '--replicas=3')
    expect(scaled.stderr).toContain(refused)
    // kubectl knocks twice: over WebSocket, and over SPDY.
    const reviews = hooks.reviews('/gate')
    const [ofExec, ofScale] = [reviews[0], reviews.at(-1)]
    expect(ofExec?.request).toMatchObject({
      operation: 'CONNECT',
      kind: { group: '', version: 'v1', kind: 'PodExecOptions' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      subResource: 'exec',
      object: { kind: 'PodExecOptions', command: ['ls', '-l'], container: 'c', stdout: true },
    })
    expect(ofScale?.request).toMatchObject({
      operation: 'UPDATE',
      kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
      resource: { group: 'apps', version: 'v1', resource: 'deployments' },
      subResource: 'scale',
      object: { spec: { replicas: 3 } },
      oldObject: { spec: { replicas: 1 } },
    })
  })
})

test('are asked where their conditions hold, of the object and of who asks', async () => {
  hooks.answer('/some', () => patch({ op: 'add', path: '/data/seen', value: 'yes' }))
  await configure('mutating', 'some', {
    matchConditions: [
      { name: 'wanted', expression: "object.metadata.name.startsWith('wanted')" },
      { name: 'not-nodes', expression: "!('system:nodes' in request.userInfo.groups)" },
      {
        name: 'may-break-glass',
        expression:
          "authorizer.group('hooks.test').resource('doors').check('breakglass').allowed() && request.operation == 'CREATE'",
      },
    ],
  })
  const seen = async (name: string) => {
    const answer = await api.request('POST', maps, mapOf(name, { a: 'b' }))
    return answer.json<{ data: Fields }>().data['seen'] ?? 'no'
  }
  expect([await seen('wanted-1'), await seen('other')]).toEqual(['yes', 'no'])
})

test('may fail to say whether they are to be asked, which refuses the request or passes them over', async () => {
  const broken = [{ name: 'broken', expression: "object.data.nothing == 'x'" }]
  await configure('mutating', 'unclear', { matchConditions: broken })
  const answer = await api.request('POST', maps, mapOf('unclear'))
  expect([answer.status, answer.json<{ reason: string }>().reason]).toEqual([403, 'Forbidden'])
  await whole.unconfigure()
  await configure('mutating', 'unclear', { matchConditions: broken, failurePolicy: 'Ignore' })
  expect((await api.request('POST', maps, mapOf('unclear'))).status).toBe(201)
  expect(hooks.reviews('/unclear')).toEqual([])
})

test('see a pod when a part of it is patched, and change no more than that part', async () => {
  const limits = { cpu: '1', memory: '64Mi' }
  await api.request('POST', '/api/v1/namespaces/default/pods', {
    metadata: { name: 'small' },
    spec: { containers: [{ name: 'c', image: 'i', resources: { limits } }] },
  })
  hooks.answer('/parts', ({ request }) =>
    request['subResource'] === 'resize'
      ? patch(
          { op: 'replace', path: '/spec/containers/0/resources/limits/memory', value: '128Mi' },
          { op: 'replace', path: '/spec/containers/0/resources/requests/memory', value: '128Mi' },
          { op: 'add', path: '/spec/nodeName', value: 'elsewhere' },
        )
      : { allowed: true },
  )
  await configure('mutating', 'parts', {
    rules: [{ ...ofMaps, operations: ['UPDATE'], resources: ['pods/*'] }],
  })
  const wanted = [{ name: 'c', resources: { limits: { cpu: '2' }, requests: { cpu: '2' } } }]
  const body = textOf({ spec: { containers: wanted } })
  const out = await kubectl.ok('patch', 'pod', 'small', '--subresource=resize', '-p', body)
  expect(out).toBe('pod/small patched\n')
  const eye = { name: 'eye', image: 'i' }
  const strategic = { 'content-type': 'application/strategic-merge-patch+json' }
  const patched = await api.request(
    'PATCH',
    '/api/v1/namespaces/default/pods/small/ephemeralcontainers',
    textOf({ spec: { ephemeralContainers: [eye] } }),
    strategic,
  )
  const { spec } = patched.json<{ spec: Fields }>()
  expect(spec).toMatchObject({
    containers: [{ resources: { limits: { cpu: '2', memory: '128Mi' } } }],
    ephemeralContainers: [eye],
  })
  expect(spec).not.toHaveProperty('nodeName')
  const parts = hooks.reviews('/parts').map(({ request }) => request['subResource'])
  expect(parts).toEqual(['resize', 'ephemeralcontainers'])
})

test('may not leave the owners of fields in pieces', async () => {
  hooks.answer('/owners', () =>
    patch({ op: 'add', path: '/metadata/managedFields', value: [{ manager: 'me' }] }),
  )
  await configure('mutating', 'owners', {})
  const answer = await api.request('POST', maps, mapOf('owned', { a: 'b' }), {
    'content-type': 'application/json',
    'user-agent': 'maker/1',
  })
  expect(answer.headers['warning']).toContain('.metadata.managedFields was in an invalid state')
  expect(answer.json()).toMatchObject({ metadata: { managedFields: [{ manager: 'maker' }] } })
})

describe('webhooks that fail', () => {
  const refusal = async () => {
    const answer = await api.request('POST', maps, mapOf('failing'), {})
    return answer.json<{ message?: string }>().message
  }
  const failed = (why: string) =>
    `Internal error occurred: failed calling webhook "fail.hooks.test": failed to call webhook: ${why}`

  test('are told of as Kubernetes does', async () => {
    const port = await freePort()
    const dead = `https://127.0.0.1:${port}/fail`
    await configure('validating', 'fail', { clientConfig: { url: dead } })
    const file = kubectl.file(
      'fail.json',
      textOf({ apiVersion: 'v1', kind: 'ConfigMap', ...mapOf('failing') }),
    )
    const why = failed(
      `Post "${dead}?timeout=5s": dial tcp 127.0.0.1:${port}: connect: connection refused`,
    )
    expect((await kubectl.run('create', '-f', file)).stderr).toBe(
      `Error from server (InternalError): error when creating "${file}": ${why}\n`,
    )
  })

  test.each<[string, () => Fields, string]>([
    [
      'a certificate of somebody else',
      () => ({ clientConfig: { url: `${hooks.url}/fail` } }),
      'Post "<url>/fail?timeout=5s": tls: failed to verify certificate: x509: certificate signed by unknown authority',
    ],
    [
      'silence',
      () => {
        hooks.answer('/silent', () => 'silence')
        const url = `${hooks.url}/silent`
        return { clientConfig: { url, caBundle: hooks.caBundle }, timeoutSeconds: 1 }
      },
      'Post "<url>/silent?timeout=1s": context deadline exceeded',
    ],
    [
      'another page',
      () => ({ clientConfig: { url: `${hooks.url}/nothing`, caBundle: hooks.caBundle } }),
      'the server could not find the requested resource',
    ],
    [
      'an error',
      () => {
        hooks.answer('/broken', () => 500)
        return { clientConfig: { url: `${hooks.url}/broken`, caBundle: hooks.caBundle } }
      },
      'an error on the server ("not this time") has prevented the request from succeeding',
    ],
    [
      'a Service that is not there',
      () => ({ clientConfig: { service: { namespace: 'default', name: 'none', path: '/x' } } }),
      'Post "https://none.default.svc:443/x?timeout=5s": service "none" not found',
    ],
  ])('by %s', async (_, webhook, why) => {
    await configure('validating', 'fail', webhook())
    expect(await refusal()).toBe(failed(why.replace('<url>', hooks.url)))
  })

  test('keep a client no longer than it wants to wait', async () => {
    hooks.answer('/silent', () => 'silence')
    const clientConfig = { url: `${hooks.url}/silent`, caBundle: hooks.caBundle }
    await configure('validating', 'fail', { clientConfig, timeoutSeconds: 30 })
    const answer = await api.request('POST', `${maps}?timeout=300ms`, mapOf('failing'), {})
    expect(answer.json()).toMatchObject({ code: 504, reason: 'Timeout' })
    const refused = await kubectl.run('get', '--raw', `${maps}?timeout=soon`)
    expect(refused.stderr).toBe(
      'Error from server (BadRequest): invalid timeout specified in the request URL - time: invalid duration "soon"\n',
    )
  })

  test('do not matter where that is their policy, and are counted', async () => {
    const url = `https://127.0.0.1:${await freePort()}/fail`
    await configure('mutating', 'fail', { clientConfig: { url }, failurePolicy: 'Ignore' })
    expect((await api.request('POST', maps, mapOf('ignored'))).status).toBe(201)
    const { text } = await api.get('/metrics')
    expect(text).toContain(
      'apiserver_admission_webhook_fail_open_count{name="fail.hooks.test",type="admit"} 1',
    )
    expect(text).toMatch(/webhook_rejection_count\{name="deny.hooks.test",type="validating".*\} \d/)
    expect(text).toMatch(
      /webhook_admission_duration_seconds_count\{name="sidecar.hooks.test".*\} 1/,
    )
  })
})

test('a webhook behind a Service is found by its endpoints, and known by its name', async () => {
  await api.request('POST', '/api/v1/namespaces/default/services', {
    metadata: { name: 'hooks' },
    spec: { ports: [{ port: 443, targetPort: hooks.port }] },
  })
  await api.request('POST', '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', {
    metadata: { name: 'hooks-1', labels: { 'kubernetes.io/service-name': 'hooks' } },
    addressType: 'IPv4',
    ports: [{ port: hooks.port }],
    endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true } }],
  })
  await api.get('/apis/discovery.k8s.io/v1/endpointslices')
  hooks.answer('/behind', () => patch({ op: 'add', path: '/data', value: { by: 'service' } }))
  const service = { namespace: 'default', name: 'hooks', path: '/behind' }
  await configure('mutating', 'behind', { clientConfig: { service, caBundle: hooks.caBundle } })
  const answer = await api.request('POST', maps, mapOf('behind'))
  expect(answer.json()).toMatchObject({ data: { by: 'service' } })
})

test('configurations that could not be kept to are refused, every fault by its field', async () => {
  const file = kubectl.file(
    'wrong.yaml',
    `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: wrong}
webhooks:
- name: short.name
  clientConfig: {url: "http://hooks.test/x"}
  rules:
  - {operations: [CREATE, "*"], apiGroups: [""], apiVersions: [v1], resources: ["pods/*", pods/status]}
  sideEffects: Some
  admissionReviewVersions: [v2]
  timeoutSeconds: 31
`,
  )
  const { stderr } = await kubectl.run('apply', '-f', file)
  const faults = [
    'webhooks[0].name: Invalid value: "short.name": should be a domain with at least three segments separated by dots',
    `webhooks[0].rules[0].operations: Invalid value: ["CREATE","*"]: if '*' is present, must not specify other operations`,
    `webhooks[0].rules[0].resources[1]: Invalid value: "pods/status": if 'pods/*' is present, must not specify pods/status`,
    'webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"',
    'webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds',
    `webhooks[0].clientConfig.url: Invalid value: "http": 'https' is the only allowed URL scheme; desired format: https://host[/path]`,
    'webhooks[0].admissionReviewVersions: Invalid value: ["v2"]: must include at least one of v1, v1beta1',
  ]
  expect(stderr).toBe(
    `The ValidatingWebhookConfiguration "wrong" is invalid: \n${faults.map(fault => `* ${fault}`).join('\n')}\n`,
  )
})

test('are listed with how many webhooks there are', async () => {
  await configure('validating', 'shown', {})
  const table = await kubectl.ok('get', 'validatingwebhookconfigurations')
  expect(table).toMatch(/^NAME +WEBHOOKS +AGE\nshown +1 +\d+s\n$/)
})
