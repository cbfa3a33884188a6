import { describe, expect, test } from 'vitest'
import { must } from '../../../../platform/errors.js'
import { kinds } from '../../../api/kinds.js'
import type { JsonObject } from '../../../api/object.js'
import type { ValidatingAdmissionPolicySpec } from '../../../api/types/admission-policy.js'
import { deploymentOf, everyDeployment, requestOf, view } from '../../testing/policy-requests.js'
import type { DynamicRequest } from '../dynamic.js'
import { boundPolicies } from './policy-set.js'
import type { BoundValidating } from './policy-set.js'
import { decideByPolicies } from './validating-decision.js'

function validating(
  spec: ValidatingAdmissionPolicySpec,
  binding: JsonObject = {},
): readonly BoundValidating[] {
  const policy = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: 'p' },
    spec: { failurePolicy: 'Fail', matchConstraints: everyDeployment, ...spec },
  }
  const bound = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: 'b' },
    spec: { policyName: 'p', validationActions: ['Deny'], ...binding },
  }
  return boundPolicies([policy], [bound])
}

function decided(
  spec: ValidatingAdmissionPolicySpec,
  binding: JsonObject = {},
  request: Partial<DynamicRequest> = {},
): string {
  const { refusal, warnings } = decideByPolicies(
    validating(spec, binding),
    requestOf(request),
    view,
  )
  return refusal === null ? ['allowed', ...warnings].join('\n') : refusal.message
}

const denied = (why: string) =>
  `deployments.apps "web" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: ${why}`
const holds = (expression: string) => ({ validations: [{ expression }] })

const dozen = '[1,2,3,4,5,6,7,8,9,10,11,12]'
const endless = ['a', 'b', 'c', 'd', 'e'].reduceRight(
  (inner, name) => `${dozen}.all(${name}, ${inner})`,
  'a + b + c + d + e > 0',
)

describe('what a policy says', () => {
  test('is the first thing that does not hold, with status and cause', () => {
    const spec = { validations: [{ expression: 'object.spec.replicas <= 2' }] }
    const { refusal } = decideByPolicies(validating(spec), requestOf(), view)
    const text =
      "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: failed expression: object.spec.replicas <= 2"
    expect(refusal?.status).toMatchObject({
      code: 422,
      reason: 'Invalid',
      message: `deployments.apps "web" is forbidden: ${text}`,
      details: { name: 'web', group: 'apps', kind: 'deployments', causes: [{ message: text }] },
    })
  })

  test.each<readonly [string, ValidatingAdmissionPolicySpec, string]>([
    ['nothing where all holds', holds('object.spec.replicas == 3'), 'allowed'],
    ['its message', { validations: [{ expression: 'false', message: ' no ' }] }, denied('no')],
    [
      'a message that it makes',
      {
        validations: [
          {
            expression: 'false',
            message: 'no',
            messageExpression: '"got " + string(object.spec.replicas)',
          },
        ],
      },
      denied('got 3'),
    ],
    [
      'its message where making one fails',
      {
        validations: [{ expression: 'false', message: 'no', messageExpression: 'object.nothing' }],
      },
      denied('no'),
    ],
    [
      'its message where the one made has lines',
      { validations: [{ expression: 'false', message: 'no', messageExpression: '"a\\nb"' }] },
      denied('no'),
    ],
    [
      'what went wrong',
      holds('object.spec.nothing == 1'),
      denied("expression 'object.spec.nothing == 1' resulted in error: no such key: nothing"),
    ],
    [
      'what does not compile',
      holds('nothing'),
      denied(
        "compilation error: compilation failed: ERROR: <input>:1:1: undeclared reference to 'nothing' (in container '')\n | nothing\n | ^",
      ),
    ],
    [
      'nothing about what went wrong where it ignores failures',
      { ...holds('object.spec.nothing == 1'), failurePolicy: 'Ignore' },
      'allowed',
    ],
    [
      'no where it ignores failures and something does not hold',
      { ...holds('false'), failurePolicy: 'Ignore' },
      denied('failed expression: false'),
    ],
    [
      'nothing where conditions do not hold',
      {
        ...holds('false'),
        matchConditions: [{ name: 'c', expression: 'request.userInfo.username != "jane"' }],
      },
      'allowed',
    ],
    [
      'what is wrong with conditions',
      {
        ...holds('true'),
        matchConditions: [
          { name: 'c', expression: 'object.z' },
          { name: 'd', expression: 'object.y' },
        ],
      },
      denied(
        "[expression 'object.z' resulted in error: no such key: z, expression 'object.y' resulted in error: no such key: y]",
      ),
    ],
    [
      'nothing where one condition fails and another does not hold',
      {
        ...holds('false'),
        matchConditions: [
          { name: 'c', expression: 'object.z' },
          { name: 'd', expression: 'false' },
        ],
      },
      'allowed',
    ],
    [
      'what variables say, of which unused ones may be wrong',
      {
        ...holds('variables.b == 6'),
        variables: [
          { name: 'bad', expression: 'object.z' },
          { name: 'a', expression: 'object.spec.replicas' },
          { name: 'b', expression: 'variables.a * 2' },
        ],
      },
      'allowed',
    ],
    [
      'which variable went wrong',
      { ...holds('variables.bad == 1'), variables: [{ name: 'bad', expression: 'object.z' }] },
      denied(
        `expression 'variables.bad == 1' resulted in error: composited variable "bad" fails to evaluate: no such key: z`,
      ),
    ],
    [
      'what the request is',
      holds(
        'request.operation == "CREATE" && request.kind.kind == "Deployment" && request.resource.resource == "deployments" && request.name == "web" && request.namespace == "a" && !request.dryRun && request.userInfo.groups == ["team"] && oldObject == null',
      ),
      'allowed',
    ],
    ['what namespace it is in', holds('namespaceObject.metadata.labels.env == "prod"'), 'allowed'],
    [
      'what others may do',
      holds(
        'authorizer.requestResource.check("approve").allowed() && !authorizer.group("apps").resource("x").check("get").allowed() && !authorizer.serviceAccount("a", "b").requestResource.check("approve").allowed() && authorizer.path("/x").check("get").reason() == "because"',
      ),
      'allowed',
    ],
    [
      'that it costs too much',
      holds(endless),
      denied(
        `expression '${endless}' resulted in error: operation cancelled: actual cost limit exceeded`,
      ),
    ],
  ])('%s', (_, spec, text) => {
    expect(decided(spec)).toBe(text)
  })

  test('reasons have their codes', () => {
    const spec = { validations: [{ expression: 'false', reason: 'Forbidden' }] }
    const { refusal } = decideByPolicies(validating(spec), requestOf(), view)
    expect(refusal?.status).toMatchObject({ code: 403, reason: 'Forbidden' })
  })

  test('bindings warn, or keep a record', () => {
    const warn = { validationActions: ['Warn'] }
    expect(decided(holds('false'), warn)).toBe(
      "allowed\nValidation failed for ValidatingAdmissionPolicy 'p' with binding 'b': failed expression: false",
    )
    const spec = {
      ...holds('false'),
      auditAnnotations: [
        { key: 'k', valueExpression: '"replicas " + string(object.spec.replicas)' },
        { key: 'none', valueExpression: 'object.spec.replicas > 5 ? dyn("x") : null' },
      ],
    }
    const { audit, refusal } = decideByPolicies(
      validating(spec, { validationActions: ['Audit'] }),
      requestOf(),
      view,
    )
    expect(refusal).toBeNull()
    expect(audit.map(({ message }) => message)).toEqual([
      'failed expression: false',
      'p/k: replicas 3',
    ])
    const wrong = { auditAnnotations: [{ key: 'k', valueExpression: 'object.z' }] }
    expect(decided(wrong, warn)).toBe(
      denied("expression 'object.z' resulted in error: no such key: z"),
    )
  })
})

describe('which requests a policy is about', () => {
  const rule = everyDeployment.resourceRules[0]
  test.each<
    readonly [string, ValidatingAdmissionPolicySpec, JsonObject, Partial<DynamicRequest>, boolean]
  >([
    ['those of its rules', {}, {}, {}, true],
    [
      'no others',
      { matchConstraints: { resourceRules: [{ ...rule, resources: ['pods'] }] } },
      {},
      {},
      false,
    ],
    [
      'no other operations',
      { matchConstraints: { resourceRules: [{ ...rule, operations: ['UPDATE'] }] } },
      {},
      {},
      false,
    ],
    [
      'names',
      { matchConstraints: { resourceRules: [{ ...rule, resourceNames: ['web'] }] } },
      {},
      {},
      true,
    ],
    [
      'no other names',
      { matchConstraints: { resourceRules: [{ ...rule, resourceNames: ['db'] }] } },
      {},
      {},
      false,
    ],
    [
      'nothing that is excluded',
      {
        matchConstraints: {
          ...everyDeployment,
          excludeResourceRules: [{ ...rule, resourceNames: ['web'] }],
        },
      },
      {},
      {},
      false,
    ],
    [
      'namespaces by label',
      {
        matchConstraints: {
          ...everyDeployment,
          namespaceSelector: { matchLabels: { env: 'prod' } },
        },
      },
      {},
      {},
      true,
    ],
    [
      'no other namespaces',
      {
        matchConstraints: {
          ...everyDeployment,
          namespaceSelector: { matchLabels: { env: 'test' } },
        },
      },
      {},
      {},
      false,
    ],
    [
      'objects by label',
      { matchConstraints: { ...everyDeployment, objectSelector: { matchLabels: { x: 'y' } } } },
      {},
      { old: deploymentOf(1, { x: 'y' }) },
      true,
    ],
    [
      'no other objects',
      { matchConstraints: { ...everyDeployment, objectSelector: { matchLabels: { x: 'y' } } } },
      {},
      {},
      false,
    ],
    [
      'what its binding is about',
      {},
      { matchResources: { namespaceSelector: { matchLabels: { env: 'prod' } } } },
      {},
      true,
    ],
    [
      'nothing else than that',
      {},
      { matchResources: { resourceRules: [{ ...rule, operations: ['DELETE'] }] } },
      {},
      false,
    ],
    ['nothing without a binding', {}, { policyName: 'q' }, {}, false],
  ])('%s', (_, spec, binding, request, expected) => {
    expect(decided({ ...holds('false'), ...spec }, binding, request) !== 'allowed').toBe(expected)
  })
})

describe('parameters', () => {
  const spec = {
    paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
    ...holds('object.spec.replicas <= int(params.data.max)'),
  }
  const reference = (paramRef: JsonObject) => ({
    paramRef: { parameterNotFoundAction: 'Deny', ...paramRef },
  })
  const broken = (of: string, why: string) => denied(`failed to configure ${of}: ${why}`)
  test.each<readonly [string, ValidatingAdmissionPolicySpec, JsonObject, string]>([
    ['by name', spec, reference({ name: 'limits' }), 'allowed'],
    [
      'that refuse',
      spec,
      reference({ name: 'low' }),
      denied('failed expression: object.spec.replicas <= int(params.data.max)'),
    ],
    [
      'by label: all must hold',
      spec,
      reference({ selector: {} }),
      denied('failed expression: object.spec.replicas <= int(params.data.max)'),
    ],
    [
      'by label',
      spec,
      reference({ selector: { matchLabels: { tier: 'x' } } }),
      denied('failed expression: object.spec.replicas <= int(params.data.max)'),
    ],
    [
      'in another namespace',
      spec,
      reference({ name: 'limits', namespace: 'z' }),
      broken('binding', 'no params found for policy binding with `Deny` parameterNotFoundAction'),
    ],
    [
      'that are not there and need not be',
      spec,
      reference({ name: 'z', parameterNotFoundAction: 'Allow' }),
      'allowed',
    ],
    [
      'of no kind',
      { ...spec, paramKind: { apiVersion: 'x/v1', kind: 'Y' } },
      reference({ name: 'z' }),
      denied(
        "failed to configure policy: failed to find resource referenced by paramKind: 'x/v1, Kind=Y'",
      ).replace(" with binding 'b'", ''),
    ],
    ['that nobody refers to', { ...spec, ...holds('params == null') }, {}, 'allowed'],
    [
      'of the cluster in a namespace',
      { ...spec, paramKind: { apiVersion: 'v1', kind: 'Node' } },
      reference({ name: 'n', namespace: 'a' }),
      broken('binding', 'paramRef.namespace must not be provided for a cluster-scoped `paramKind`'),
    ],
    [
      'that are wrong, and the policy ignores it',
      { ...spec, failurePolicy: 'Ignore' },
      reference({ name: 'z' }),
      'allowed',
    ],
  ])('%s', (_, policy, binding, text) => {
    expect(decided(policy, binding)).toBe(text)
  })
})

const kindCalled = (plural: string) =>
  must(
    kinds.find(kind => kind.plural === plural),
    'every kind is served',
  )

describe('whatever a policy is about, it has', () => {
  const all = { apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*'] }
  const everything = { ...holds('false'), matchConstraints: { resourceRules: [all] } }
  test.each([
    ['no', 'mutatingadmissionpolicies'],
    ['no', 'mutatingadmissionpolicybindings'],
    ['no', 'validatingadmissionpolicies'],
    ['no', 'validatingadmissionpolicybindings'],
    ['no', 'tokenreviews'],
    ['no', 'selfsubjectreviews'],
    ['no', 'subjectaccessreviews'],
    ['no', 'localsubjectaccessreviews'],
    ['no', 'selfsubjectaccessreviews'],
    ['no', 'selfsubjectrulesreviews'],
    ['a', 'mutatingwebhookconfigurations'],
    ['a', 'validatingwebhookconfigurations'],
    ['a', 'deployments'],
    ['a', 'clusterroles'],
  ])('%s say in %s', (say, plural) => {
    const kind = kindCalled(plural)
    const text = decided(everything, {}, { kind, requestKind: kind, namespace: '' })
    expect(text === 'allowed').toBe(say === 'no')
  })

  test.each([
    ['pods', 'binding', { group: '', version: 'v1', kind: 'Binding' }],
    ['pods', 'eviction', { group: 'policy', version: 'v1', kind: 'Eviction' }],
    ['pods', 'exec', { group: '', version: 'v1', kind: 'PodExecOptions' }],
    [
      'serviceaccounts',
      'token',
      { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' },
    ],
  ])('a say in %s/%s, as what is sent there', (plural, subresource, body) => {
    const kind = kindCalled(plural)
    const below = { ...all, resources: [`${plural}/${subresource}`] }
    const expression = `request.kind.kind != "${body.kind}" || request.subResource != "${subresource}"`
    const spec = { ...holds(expression), matchConstraints: { resourceRules: [below] } }
    const request = { kind, requestKind: kind, subresource, body }
    expect(decided(spec, {}, request)).toContain(`failed expression: ${expression}`)
  })
})
