import { describe, expect, test } from 'vitest'
import { mutatingWebhookConfiguration } from '../../../api/kinds/admissionregistration/webhook-configurations.js'
import type { KubeObject } from '../../../api/object.js'
import { requestOf } from '../../testing/policy-requests.js'
import { webhookConditions } from './webhook-conditions.js'

const holds = webhookConditions({
  reader: { cachedAt: () => undefined },
  authorizer: { verdict: (_, asked) => ({ allowed: asked.verb === 'approve', reason: '' }) },
})
const request = requestOf()

function asked(expressions: readonly string[], failurePolicy = 'Fail') {
  const matchConditions = expressions.map((expression, at) => ({ name: `c${at}`, expression }))
  const webhook = {
    name: 'w.example.com',
    clientConfig: {},
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
    failurePolicy,
    matchConditions,
  }
  const hook = { id: 'w', webhook, namespaceSelector: [], objectSelector: [] }
  try {
    return holds(hook, request, request.kind, { object: request.object, old: null })
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

describe('conditions of webhooks', () => {
  test.each([
    [[], true],
    [['object.spec.replicas == 3', 'request.operation == "CREATE"'], true],
    [['object.spec.replicas == 3', 'false'], false],
    [['authorizer.requestResource.check("approve").allowed()'], true],
    [['object.z', 'false'], false],
  ])('%j: %s', (expressions, expected) => {
    expect(asked(expressions)).toBe(expected)
  })

  test('that fail refuse the request, or pass the webhook by', () => {
    expect(asked(['object.z'])).toBe(
      'deployments.apps "web" is forbidden: expression \'object.z\' resulted in error: no such key: z',
    )
    expect(asked(['object.z'], 'Ignore')).toBe(false)
  })

  test('are compiled when they are written', () => {
    const configuration = {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingWebhookConfiguration',
      metadata: { name: 'w' },
      webhooks: [
        {
          name: 'w.example.com',
          clientConfig: { url: 'https://w.example.com/x' },
          sideEffects: 'None',
          admissionReviewVersions: ['v1'],
          matchConditions: [{ name: 'c', expression: 'params.a' }],
        },
      ],
    } as KubeObject
    const { validate, withDefaults } = mutatingWebhookConfiguration
    expect(validate(withDefaults(configuration), null)).toEqual([
      {
        reason: 'FieldValueInvalid',
        field: 'webhooks[0].matchConditions[0].expression',
        message:
          "Invalid value: \"params.a\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'params' (in container '')\n | params.a\n | ^",
      },
    ])
  })
})
