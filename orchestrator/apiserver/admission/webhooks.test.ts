import { Buffer } from 'node:buffer'
import { describe, expect, test } from 'vitest'
import { silentLogger } from '../../../platform/logger.js'
import { nodeRandom } from '../../../platform/node/random.js'
import { deafMetrics } from '../../../platform/testing/deaf-metrics.js'
import { VirtualClock } from '../../../platform/testing/virtual-clock.js'
import { mutatingWebhookDefaults } from '../../api/defaults/admission-webhook.js'
import { kinds } from '../../api/kinds.js'
import type { Json, JsonObject } from '../../api/object.js'
import { ApiError } from '../../api/status.js'
import { kindOf, objectOf } from '../testing/objects.js'
import { mutateInTurn, validateInTurn } from './dynamic.js'
import type { DynamicRequest } from './dynamic.js'
import { WebhookMetrics } from './webhook-metrics.js'
import { WebhookSelection } from './webhook-selection.js'
import { MutatingWebhooks, ValidatingWebhooks } from './webhooks.js'
import type { WebhookServices } from './webhooks.js'

const rules: Json = [
  { operations: ['*'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] },
]

interface Webhook extends JsonObject {
  readonly name: string
}

const configuration = (name: string, ...webhooks: readonly Webhook[]) =>
  mutatingWebhookDefaults(
    objectOf(
      'MutatingWebhookConfiguration',
      { name },
      {
        webhooks: webhooks.map(webhook => ({
          rules,
          clientConfig: { url: `https://hooks.test/${webhook.name}` },
          sideEffects: 'None',
          admissionReviewVersions: ['v1'],
          ...webhook,
        })),
      },
    ),
  )

/** What a webhook answers, given the review's request; throws as a call that fails. */
type Answer = (asked: JsonObject) => JsonObject

const patch = (...operations: readonly Json[]): JsonObject => ({
  allowed: true,
  patchType: 'JSONPatch',
  patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
})

const add = (key: string, value = 'x'): Json => ({ op: 'add', path: `/data/${key}`, value })

/** Adds a key once, and says nothing where it is there. */
const adding =
  (key: string): Answer =>
  asked => {
    const { data } = asked['object'] as { readonly data: JsonObject }
    return key in data ? { allowed: true } : patch(add(key))
  }

function services(
  configurations: readonly ReturnType<typeof configuration>[],
  answers: Readonly<Record<string, Answer>>,
): WebhookServices & { readonly calls: string[]; readonly asked: JsonObject[] } {
  const calls: string[] = []
  const asked: JsonObject[] = []
  return {
    calls,
    asked,
    caller: {
      post: ({ url = '' }, body) => {
        const name = url.replace('https://hooks.test/', '')
        const sent = body['request'] as JsonObject
        calls.push(name)
        asked.push(sent)
        const response = { uid: sent['uid'] ?? '', ...answers[name]?.(sent) }
        return Promise.resolve({
          apiVersion: body['apiVersion'] ?? '',
          kind: 'AdmissionReview',
          response,
        })
      },
    },
    selection: new WebhookSelection({
      configurations: () => configurations,
      namespace: name =>
        name === 'a' ? objectOf('Namespace', { name, labels: { team: 'x' } }) : null,
      served: () => kinds,
    }),
    conditions: () => true,
    metrics: new WebhookMetrics(deafMetrics),
    clock: new VirtualClock(),
    random: nodeRandom(),
    logger: silentLogger,
  }
}

const request = (changes: Partial<DynamicRequest> = {}): DynamicRequest => ({
  kind: kindOf('configmaps'),
  requestKind: kindOf('configmaps'),
  body: null,
  subresource: '',
  operation: 'create',
  namespace: 'a',
  name: 'c',
  object: objectOf('ConfigMap', { name: 'c', namespace: 'a' }, { data: { k: 'v' } }),
  old: null,
  user: { name: 'u', uid: '1', groups: ['g'], extra: { e: ['f'] } },
  options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
  dryRun: false,
  ...changes,
})

const mutated = (given: WebhookServices, changes?: Partial<DynamicRequest>) =>
  mutateInTurn([new MutatingWebhooks(given)], request(changes), ({ object }) => object)

const refusal = async (work: Promise<unknown>): Promise<string> => {
  const error: unknown = await work.then(
    () => null,
    (refused: unknown) => refused,
  )
  if (!(error instanceof ApiError)) throw new Error(`not refused but ${String(error)}`)
  return `${error.httpCode} ${error.status.reason ?? ''}: ${error.message}`
}

describe('mutating webhooks', () => {
  test('are called by the name of their configuration, and in its order', async () => {
    const given = services(
      [
        configuration('b', { name: 'b1.x.io' }, { name: 'b0.x.io' }),
        configuration('a', { name: 'a1.x.io' }),
      ],
      { 'a1.x.io': adding('a'), 'b1.x.io': adding('b'), 'b0.x.io': adding('c') },
    )
    const { object } = await mutated(given)
    expect(given.calls).toEqual(['a1.x.io', 'b1.x.io', 'b0.x.io'])
    expect(object).toHaveProperty('data', { k: 'v', a: 'x', b: 'x', c: 'x' })
  })

  test.each([
    ['nobody asks for it', {}, ['1', '2', '3']],
    ['the first asks for it, and others change more', { 1: 'IfNeeded' }, ['1', '2', '3', '1']],
    [
      'the last asks for it, after which nobody changes anything',
      { 3: 'IfNeeded' },
      ['1', '2', '3'],
    ],
    ['all ask for it', { 1: 'IfNeeded', 2: 'IfNeeded', 3: 'IfNeeded' }, ['1', '2', '3', '1', '2']],
  ])('are called again where %s', async (_, policies: Readonly<Record<string, string>>, calls) => {
    const hook = (name: string) => ({
      name: `${name}.x.io`,
      reinvocationPolicy: policies[name] ?? 'Never',
    })
    const given = services([configuration('a', hook('1'), hook('2'), hook('3'))], {
      '1.x.io': adding('a'),
      '2.x.io': adding('b'),
      '3.x.io': adding('c'),
    })
    await mutated(given)
    expect(given.calls.map(name => name.replace('.x.io', ''))).toEqual(calls)
  })

  test('are called again where what is built in changed their work', async () => {
    const hook = { name: '1.x.io', reinvocationPolicy: 'IfNeeded' }
    const given = services([configuration('a', hook)], { '1.x.io': adding('a') })
    let turns = 0
    const builtIn = ({ object }: DynamicRequest) => {
      turns++
      return turns === 1 || object === null ? object : { ...object, data: { builtIn: 'x' } }
    }
    const { object } = await mutateInTurn([new MutatingWebhooks(given)], request(), builtIn)
    expect(given.calls).toEqual(['1.x.io', '1.x.io'])
    expect(object).toHaveProperty('data', { builtIn: 'x', a: 'x' })
  })

  test('see all of the request', async () => {
    const given = services([configuration('a', { name: 'a.x.io' })], {})
    await refusal(mutated(given, { dryRun: true }))
    const resource = { group: '', version: 'v1', resource: 'configmaps' }
    const kind = { group: '', version: 'v1', kind: 'ConfigMap' }
    expect(given.asked[0]).toEqual({
      uid: expect.stringMatching(/^[-0-9a-f]{36}$/) as string,
      kind,
      resource,
      requestKind: kind,
      requestResource: resource,
      name: 'c',
      namespace: 'a',
      operation: 'CREATE',
      userInfo: { username: 'u', uid: '1', groups: ['g'], extra: { e: ['f'] } },
      object: request().object,
      oldObject: null,
      dryRun: true,
      options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
    })
  })

  test.each<[string, JsonObject, Answer, Partial<DynamicRequest>, string]>([
    [
      'denies without a word',
      {},
      () => ({ allowed: false }),
      {},
      '400 : admission webhook "a.x.io" denied the request without explanation',
    ],
    [
      'denies with a message, a reason and a code',
      {},
      () => ({ allowed: false, status: { message: 'no', reason: 'Forbidden', code: 403 } }),
      {},
      '403 Forbidden: admission webhook "a.x.io" denied the request: no',
    ],
    [
      'denies with a code that is none of a denial',
      {},
      () => ({ allowed: false, status: { reason: 'Because', code: 200, status: 'Success' } }),
      {},
      '400 Because: admission webhook "a.x.io" denied the request: Because',
    ],
    [
      'answers somebody else',
      {},
      () => ({ uid: 'other', allowed: true }),
      {},
      '500 InternalError: Internal error occurred: failed calling webhook "a.x.io": received invalid webhook response: expected response.uid=',
    ],
    [
      'sends a patch without its type',
      {},
      () => ({ ...patch(add('x')), patchType: null }),
      {},
      '500 InternalError: Internal error occurred: failed calling webhook "a.x.io": received invalid webhook response: webhook returned response.patch but not response.patchType',
    ],
    [
      'sends a patch that does not apply',
      {},
      () => patch({ op: 'remove', path: '/nothing' }),
      {},
      '500 InternalError: Internal error occurred: ',
    ],
    [
      'makes an object that is none',
      {},
      () => patch({ op: 'add', path: '/data', value: 1 }),
      {},
      '500 InternalError: Internal error occurred: ',
    ],
    [
      'patches where there is nothing',
      {},
      () => patch(add('x')),
      { operation: 'delete', object: null, old: request().object },
      '500 InternalError: Internal error occurred: admission webhook "a.x.io" attempted to modify the object, which is not supported for this operation',
    ],
    [
      'is not there',
      {},
      () => {
        throw new Error('Post "https://hooks.test/a.x.io": EOF')
      },
      {},
      '500 InternalError: Internal error occurred: failed calling webhook "a.x.io": failed to call webhook: Post "https://hooks.test/a.x.io": EOF',
    ],
    [
      'has effects, and the run is dry',
      { sideEffects: 'Some', failurePolicy: 'Ignore' },
      () => ({ allowed: true }),
      { dryRun: true },
      '400 BadRequest: admission webhook "a.x.io" does not support dry run',
    ],
    [
      'is chosen by a namespace that is not there',
      { namespaceSelector: { matchLabels: { team: 'x' } } },
      () => ({ allowed: true }),
      { namespace: 'b' },
      '404 NotFound: namespaces "b" not found',
    ],
    [
      'speaks another version',
      { admissionReviewVersions: ['v2'] },
      () => ({ allowed: true }),
      {},
      '500 InternalError: Internal error occurred: failed calling webhook "a.x.io": could not create admission objects: webhook does not accept known AdmissionReview versions (v1, v1beta1)',
    ],
  ])('refuse the request where one %s', async (_, webhook, answer, changes, text) => {
    const given = services([configuration('a', { name: 'a.x.io', ...webhook })], {
      'a.x.io': answer,
    })
    expect((await refusal(mutated(given, changes))).slice(0, text.length)).toBe(text)
  })

  test.each<[string, JsonObject, Partial<DynamicRequest>, number]>([
    ['its namespace', { namespaceSelector: { matchLabels: { team: 'x' } } }, {}, 1],
    ['another namespace', { namespaceSelector: { matchLabels: { team: 'y' } } }, {}, 0],
    ['its labels', { objectSelector: { matchLabels: { app: 'web' } } }, {}, 0],
    ['the operation', {}, { operation: 'delete', object: null, old: request().object }, 1],
  ])('are chosen by %s', async (_, webhook, changes, calls) => {
    const given = services([configuration('a', { name: 'a.x.io', ...webhook })], {
      'a.x.io': () => ({ allowed: true }),
    })
    await mutated(given, changes)
    expect(given.calls).toHaveLength(calls)
  })

  test('may fail where that is their policy, and what others say still counts', async () => {
    const given = services(
      [configuration('a', { name: 'a.x.io', failurePolicy: 'Ignore' }, { name: 'b.x.io' })],
      {
        'a.x.io': () => {
          throw new Error('gone')
        },
        'b.x.io': () => ({ ...patch(add('b')), warnings: ['mind the gap'] }),
      },
    )
    const { object, warnings } = await mutated(given)
    expect(object).toHaveProperty('data.b', 'x')
    expect(warnings).toEqual(['mind the gap'])
  })

  test('of the older version need no uid and no type', async () => {
    const webhook = { name: 'a.x.io', admissionReviewVersions: ['v2', 'v1beta1'] }
    const given = services([configuration('a', webhook)], {
      'a.x.io': () => ({ ...patch(add('b')), patchType: null, uid: '' }),
    })
    expect((await mutated(given)).object).toHaveProperty('data.b', 'x')
  })

  test('see what configures admission no more than anybody does', () => {
    const everything = {
      operations: ['*'],
      apiGroups: ['*'],
      apiVersions: ['*'],
      resources: ['*/*'],
    }
    const given = services([configuration('a', { name: 'a.x.io', rules: [everything] })], {})
    const plugin = new MutatingWebhooks(given)
    const kind = kindOf('mutatingwebhookconfigurations', 'admissionregistration.k8s.io')
    expect(plugin.concerns(request({ kind, requestKind: kind }))).toBe(false)
    expect(plugin.concerns(request())).toBe(true)
  })
})

describe('validating webhooks', () => {
  test('are all asked at once, and the first in order says why not', async () => {
    const given = services(
      [configuration('a', { name: 'a.x.io' }, { name: 'b.x.io' }, { name: 'c.x.io' })],
      {
        'a.x.io': () => ({ allowed: true, warnings: ['w'] }),
        'b.x.io': () => ({ allowed: false, status: { message: 'not b' } }),
        'c.x.io': () => ({ allowed: false, status: { message: 'not c' } }),
      },
    )
    const work = validateInTurn([new ValidatingWebhooks(given)], request())
    expect(await refusal(work)).toBe('400 : admission webhook "b.x.io" denied the request: not b')
    expect(given.calls).toEqual(['a.x.io', 'b.x.io', 'c.x.io'])
  })

  test('may not patch', async () => {
    const given = services([configuration('a', { name: 'a.x.io' })], { 'a.x.io': adding('a') })
    const work = validateInTurn([new ValidatingWebhooks(given)], request())
    expect(await refusal(work)).toBe(
      '500 InternalError: Internal error occurred: failed calling webhook "a.x.io": received invalid webhook response: validating webhook may not return response.patch',
    )
  })

  test('answer with warnings', async () => {
    const given = services([configuration('a', { name: 'a.x.io' }, { name: 'b.x.io' })], {
      'a.x.io': () => ({ allowed: true, warnings: ['one'] }),
      'b.x.io': () => ({ allowed: true, warnings: ['two'] }),
    })
    expect(await validateInTurn([new ValidatingWebhooks(given)], request())).toEqual(['one', 'two'])
  })
})
