// What is created and stored nowhere, reviews and what is sent to subresources, passes admission: with a real server of
// webhooks and a real kubectl.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { ApiClient } from './testing/api-client.js'
import type { Kubectl } from './testing/kubectl.js'
import { startWebhookedApiserver } from './testing/webhooked-apiserver.js'
import type { WebhookedApiserver } from './testing/webhooked-apiserver.js'
import type { WebhookServer } from './testing/webhook-server.js'

let whole: WebhookedApiserver
let hooks: WebhookServer
let api: ApiClient
let kubectl: Kubectl
let configure: WebhookedApiserver['configure']

beforeAll(async () => {
  whole = await startWebhookedApiserver()
  ;({ hooks, api, kubectl, configure } = whole)
  await kubectl.ok('create', 'serviceaccount', 'robot')
  await kubectl.ok('run', 'web', '--image=web:1')
})

afterEach(() => whole.unconfigure())
afterAll(() => whole.close())

type Fields = Readonly<Record<string, unknown>>

const authentication = 'authentication.k8s.io'
const authorization = 'authorization.k8s.io'
const pathOf = (group: string, resource: string, namespace = '') =>
  `/apis/${group}/v1/${namespace === '' ? '' : `namespaces/${namespace}/`}${resource}`
const patch = (...operations: readonly Fields[]) => ({
  allowed: true,
  patchType: 'JSONPatch',
  patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
})
const creating = (group: string, ...resources: readonly string[]) => ({
  rules: [{ apiGroups: [group], apiVersions: ['v1'], operations: ['CREATE'], resources }],
})
const attributes = { namespace: 'default', verb: 'get', resource: 'pods' }
const deny = (message: string) => () => ({ allowed: false, status: { message, code: 403 } })

describe('webhooks', () => {
  test.each<readonly [string, string, string, string, Fields]>([
    [authentication, 'tokenreviews', 'TokenReview', '', { token: 'x' }],
    [authentication, 'selfsubjectreviews', 'SelfSubjectReview', '', {}],
    [
      authorization,
      'subjectaccessreviews',
      'SubjectAccessReview',
      '',
      { user: 'jane', resourceAttributes: attributes },
    ],
    [
      authorization,
      'selfsubjectaccessreviews',
      'SelfSubjectAccessReview',
      '',
      { resourceAttributes: attributes },
    ],
    [
      authorization,
      'localsubjectaccessreviews',
      'LocalSubjectAccessReview',
      'default',
      { user: 'jane', resourceAttributes: attributes },
    ],
    [
      authorization,
      'selfsubjectrulesreviews',
      'SelfSubjectRulesReview',
      '',
      { namespace: 'default' },
    ],
  ])('of %s see %s, in dry runs too', async (group, resource, kind, namespace, spec) => {
    hooks.answer('/seen', () => ({ allowed: true, warnings: ['seen'] }))
    await configure('validating', 'seen', creating(group, resource))
    const before = hooks.reviews('/seen').length
    const path = `${pathOf(group, resource, namespace)}?dryRun=All&fieldManager=me`
    const body = { metadata: { name: 'asked' }, spec }
    const answer = await api.request('POST', path, body)
    expect(answer.status).toBe(201)
    expect(answer.headers['warning']).toContain('299 - "seen"')
    const [review] = hooks.reviews('/seen').slice(before)
    expect(review?.request).toMatchObject({
      kind: { group, version: 'v1', kind },
      resource: { group, version: 'v1', resource },
      requestResource: { group, version: 'v1', resource },
      name: 'asked',
      operation: 'CREATE',
      userInfo: { username: 'kubernetes-admin' },
      object: {
        kind,
        metadata: { name: 'asked' },
        ...(resource === 'selfsubjectreviews' ? {} : { spec }),
      },
      oldObject: null,
      dryRun: true,
      options: { kind: 'CreateOptions', dryRun: ['All'], fieldManager: 'me' },
    })
    expect(review?.request['namespace']).toBe(namespace === '' ? undefined : namespace)
    expect(review?.request).not.toHaveProperty('subResource')
  })

  test('change what is asked, and the answer is to that', async () => {
    const spec = { user: 'nobody', resourceAttributes: attributes }
    const asked = async () => {
      const answer = await api.request('POST', pathOf(authorization, 'subjectaccessreviews'), {
        spec,
      })
      return answer.json<{ spec: Fields; status: { allowed: boolean } }>()
    }
    expect((await asked()).status.allowed).toBe(false)
    const groups = { op: 'add', path: '/spec/groups', value: ['system:masters'] }
    hooks.answer('/masters', () => patch(groups))
    await configure('mutating', 'masters', creating(authorization, 'subjectaccessreviews'))
    expect(await asked()).toMatchObject({
      spec: { groups: ['system:masters'] },
      status: { allowed: true },
    })
    // What they make of it must be a question.
    hooks.answer('/masters', () => ({
      ...patch({ op: 'remove', path: '/spec/resourceAttributes' }),
      warnings: ['asked too much'],
    }))
    const answer = await api.request('POST', pathOf(authorization, 'subjectaccessreviews'), {
      spec,
    })
    expect(answer.headers['warning']).toContain('299 - "asked too much"')
    expect(answer.json()).toMatchObject({
      reason: 'Invalid',
      details: { causes: [{ field: 'spec.resourceAttributes' }] },
    })
    hooks.answer('/masters', () => patch({ op: 'replace', path: '/spec', value: 'x' }))
    const broken = await api.request('POST', pathOf(authorization, 'subjectaccessreviews'), {
      spec,
    })
    expect(broken.json()).toMatchObject({ code: 500, reason: 'InternalError' })
  })

  test('refuse, and kubectl quotes them', async () => {
    hooks.answer('/quiet', deny('ask somebody else'))
    await configure(
      'validating',
      'quiet',
      creating('*', 'selfsubjectaccessreviews', 'selfsubjectreviews'),
    )
    const why = 'admission webhook "quiet.hooks.test" denied the request: ask somebody else'
    const can = await kubectl.run('auth', 'can-i', 'get', 'pods')
    expect([can.code, can.stderr]).toEqual([1, `Error from server: ${why}\n`])
    const who = await kubectl.run('auth', 'whoami')
    expect([who.code, who.stderr]).toEqual([
      1,
      // What kubectl makes of any 403 here.
      'error: the selfsubjectreviews API is not enabled in the cluster or you do not have permission to call it\n',
    ])
  })
})

describe('what is sent to subresources', () => {
  test('a request for a token is seen as it came, and judged as it is acted on', async () => {
    hooks.answer('/came', () =>
      patch({ op: 'replace', path: '/spec/expirationSeconds', value: 1200 }),
    )
    hooks.answer('/acted', () => ({ allowed: true }))
    const tokens = creating('', 'serviceaccounts/token')
    await configure('mutating', 'came', tokens)
    await configure('validating', 'acted', tokens)
    const made = await kubectl.ok('create', 'token', 'robot', '-o', 'json')
    expect(JSON.parse(made)).toMatchObject({
      metadata: { name: 'robot', namespace: 'default' },
      spec: { expirationSeconds: 1200, audiences: [expect.any(String)] },
      status: { token: expect.any(String) as string },
    })
    const [came] = hooks.reviews('/came')
    expect(came?.request).toMatchObject({
      kind: { group: authentication, version: 'v1', kind: 'TokenRequest' },
      resource: { group: '', version: 'v1', resource: 'serviceaccounts' },
      subResource: 'token',
      name: 'robot',
      namespace: 'default',
      object: { spec: { expirationSeconds: 3600 } },
    })
    const [acted] = hooks.reviews('/acted')
    expect(acted?.request).toMatchObject({
      object: {
        metadata: { name: 'robot', namespace: 'default' },
        spec: { expirationSeconds: 1200, audiences: [expect.any(String)] },
      },
    })
  })

  test('a refusal of a token is quoted', async () => {
    hooks.answer('/none', deny('no more tokens'))
    await configure('validating', 'none', creating('', 'serviceaccounts/token'))
    const { code, stderr } = await kubectl.run('create', 'token', 'robot')
    expect([code, stderr]).toEqual([
      1,
      'error: failed to create token: admission webhook "none.hooks.test" denied the request: no more tokens\n',
    ])
  })

  test.each<readonly [string, Fields, string]>([
    ['serviceaccounts/robot/token', { spec: { audiences: [], nothing: 1 } }, 'spec.nothing'],
    ['pods/web/eviction', { metadata: { name: 'web' }, nothing: 1 }, 'nothing'],
    [
      'pods/web/binding',
      { metadata: { name: 'web' }, target: { name: 'n' }, nothing: 1 },
      'nothing',
    ],
  ])('unknown fields in %s are refused where they are to be', async (path, body, field) => {
    const whole = `/api/v1/namespaces/default/${path}`
    const strict = await api.request('POST', `${whole}?fieldValidation=Strict&dryRun=All`, body)
    expect(strict.json()).toMatchObject({ code: 400 })
    expect(strict.text).toContain(`unknown field \\"${field}\\"`)
    const warned = await api.request('POST', `${whole}?fieldValidation=Warn&dryRun=All`, body)
    expect(warned.status).toBe(201)
    expect(warned.headers['warning']).toContain(`unknown field`)
  })

  test.each([
    ['serviceaccounts/robot/token', 'must match the service account name if specified'],
    ['pods/web/eviction', 'name in URL does not match name in Eviction object'],
    ['pods/web/binding', 'name in URL does not match name in Binding object'],
  ])('%s is about the object of the URL', async (path, text) => {
    const body = { metadata: { name: 'other' }, spec: {}, target: { name: 'n' } }
    const url = `/api/v1/namespaces/default/${path}?fieldValidation=Ignore`
    const answer = await api.request('POST', url, body)
    expect(answer.text).toContain(text)
  })
})

test('a policy about everything leaves reviews alone, and nothing else', async () => {
  const registration = '/apis/admissionregistration.k8s.io/v1'
  const all = {
    apiGroups: ['*'],
    apiVersions: ['*'],
    operations: ['CREATE'],
    resources: ['*/*'],
  }
  const policy = {
    metadata: { name: 'nothing' },
    spec: {
      matchConstraints: { resourceRules: [all] },
      validations: [{ expression: 'false', message: 'nothing at all' }],
    },
  }
  const binding = {
    metadata: { name: 'nothing' },
    spec: { policyName: 'nothing', validationActions: ['Deny'] },
  }
  const policies = `${registration}/validatingadmissionpolicies`
  const bindings = `${registration}/validatingadmissionpolicybindings`
  expect((await api.request('POST', policies, policy)).status).toBe(201)
  expect((await api.request('POST', bindings, binding)).status).toBe(201)
  await api.get(bindings)
  const denied =
    "ValidatingAdmissionPolicy 'nothing' with binding 'nothing' denied request: nothing at all"
  expect(await kubectl.ok('auth', 'can-i', 'get', 'pods')).toBe('yes\n')
  expect(await kubectl.ok('auth', 'whoami')).toContain('kubernetes-admin')
  expect(await kubectl.ok('auth', 'can-i', '--list')).toContain('Resources')
  for (const args of [
    ['create', 'configmap', 'x'],
    ['create', 'token', 'robot'],
  ]) {
    expect((await kubectl.run(...args)).stderr).toContain(denied)
  }
  const hook = { apiVersion: 'admissionregistration.k8s.io/v1', metadata: { name: 'x' } }
  const configurations = `${registration}/validatingwebhookconfigurations`
  expect((await api.request('POST', configurations, hook)).text).toContain(denied)
  expect((await api.request('DELETE', `${bindings}/nothing`)).status).toBe(200)
})
