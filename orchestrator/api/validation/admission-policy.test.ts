import { describe, expect, test } from 'vitest'
import type { Kind } from '../kind.js'
import {
  mutatingAdmissionPolicy,
  mutatingAdmissionPolicyBinding,
  validatingAdmissionPolicy,
  validatingAdmissionPolicyBinding,
} from '../kinds/admissionregistration/admission-policies.js'
import { kinds } from '../kinds.js'
import type { JsonObject, KubeObject } from '../object.js'
import { expressionWarnings } from '../policy-language/type-checking.js'
import type { ValidatingAdmissionPolicy } from '../types/admission-policy.js'

function objectOf(kind: Kind, spec: JsonObject): KubeObject {
  const object = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: kind.kind,
    metadata: { name: 'p.example.com' },
    spec,
  }
  return kind.withDefaults(object)
}

function errors(kind: Kind, spec: JsonObject, old: JsonObject | null = null): readonly string[] {
  const before = old === null ? null : objectOf(kind, old)
  return kind
    .validate(objectOf(kind, spec), before)
    .map(({ field, message }) => `${field}: ${message}`)
}

const rule = {
  apiGroups: ['apps'],
  apiVersions: ['v1'],
  operations: ['*'],
  resources: ['deployments'],
}
const matchConstraints = { resourceRules: [rule] }
const good = { matchConstraints, validations: [{ expression: 'true' }] }
const at = (validation: JsonObject) => ({ matchConstraints, validations: [validation] })
const atVariables = (...variables: readonly JsonObject[]) => ({ ...good, variables })

describe('validating policies', () => {
  test('are completed', () => {
    expect(objectOf(validatingAdmissionPolicy, good)).toMatchObject({
      spec: {
        failurePolicy: 'Fail',
        matchConstraints: {
          matchPolicy: 'Equivalent',
          namespaceSelector: {},
          objectSelector: {},
          resourceRules: [{ scope: '*' }],
        },
      },
    })
    expect(errors(validatingAdmissionPolicy, good)).toEqual([])
  })

  test.each<readonly [string, JsonObject, readonly string[]]>([
    [
      'no rules',
      { ...good, matchConstraints: {} },
      ['spec.matchConstraints.resourceRules: Required value'],
    ],
    [
      'no constraints',
      { validations: [{ expression: 'true' }] },
      ['spec.matchConstraints: Required value'],
    ],
    [
      'nothing to say',
      { matchConstraints },
      [
        'spec.validations: Required value: validations or auditAnnotations must contain at least one item',
        'spec.auditAnnotations: Required value: validations or auditAnnotations must contain at least one item',
      ],
    ],
    [
      'a policy for failures that there is not',
      { ...good, failurePolicy: 'Maybe' },
      ['spec.failurePolicy: Unsupported value: "Maybe": supported values: "Fail", "Ignore"'],
    ],
    [
      'no expression',
      at({ expression: ' ' }),
      ['spec.validations[0].expression: Required value: expression is not specified'],
    ],
    [
      'an expression of the wrong type',
      at({ expression: '1' }),
      ['spec.validations[0].expression: Invalid value: "1": must evaluate to bool'],
    ],
    [
      'a message that is no text',
      at({ expression: 'true', messageExpression: '1' }),
      ['spec.validations[0].messageExpression: Invalid value: "1": must evaluate to string'],
    ],
    [
      'a message that asks who may',
      at({ expression: 'true', messageExpression: 'authorizer.path("/").check("get").reason()' }),
      [
        'spec.validations[0].messageExpression: Invalid value: "authorizer.path(\\"/\\").check(\\"get\\").reason()": compilation failed: ERROR: <input>:1:1: undeclared reference to \'authorizer\' (in container \'\')\n | authorizer.path("/").check("get").reason()\n | ^',
      ],
    ],
    [
      'a message with lines',
      at({ expression: 'true', message: 'a\nb' }),
      ['spec.validations[0].message: Invalid value: "a\\nb": message must not contain line breaks'],
    ],
    [
      'a reason that there is not',
      at({ expression: 'true', reason: 'Why' }),
      [
        'spec.validations[0].reason: Unsupported value: "Why": supported values: "Forbidden", "Invalid", "RequestEntityTooLarge"',
      ],
    ],
    [
      'parameters that are not declared',
      at({ expression: 'params.a' }),
      [
        "spec.validations[0].expression: Invalid value: \"params.a\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'params' (in container '')\n | params.a\n | ^",
      ],
    ],
    [
      'a field that requests do not have',
      at({ expression: 'request.user == ""' }),
      [
        'spec.validations[0].expression: Invalid value: "request.user == \\"\\"": compilation failed: ERROR: <input>:1:8: undefined field \'user\'\n | request.user == ""\n | .......^',
      ],
    ],
    [
      'a variable before its time',
      atVariables({ name: 'a', expression: 'variables.b' }, { name: 'b', expression: '1' }),
      [
        'spec.variables[0].expression: Invalid value: "variables.b": compilation failed: ERROR: <input>:1:10: undefined field \'b\'\n | variables.b\n | .........^',
      ],
    ],
    [
      'a variable that is no name',
      atVariables({ name: 'a-b', expression: '1' }),
      ['spec.variables[0].name: Invalid value: "a-b": name is not a valid CEL identifier'],
    ],
    [
      'conditions that speak of variables',
      {
        ...atVariables({ name: 'a', expression: 'true' }),
        matchConditions: [{ name: 'c', expression: 'variables.a' }],
      },
      [
        "spec.matchConditions[0].expression: Invalid value: \"variables.a\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'variables' (in container '')\n | variables.a\n | ^",
      ],
    ],
    [
      'an annotation of the wrong type',
      { matchConstraints, auditAnnotations: [{ key: 'k', valueExpression: '1' }] },
      [
        'spec.auditAnnotations[0].valueExpression: Invalid value: "1": must evaluate to one of [string null_type]',
      ],
    ],
    [
      'an annotation twice',
      {
        matchConstraints,
        auditAnnotations: [
          { key: 'k', valueExpression: '"a"' },
          { key: 'k', valueExpression: '"a"' },
        ],
      },
      ['spec.auditAnnotations[1].key: Duplicate value: "k"'],
    ],
    [
      'parameters of a strange kind',
      { ...good, paramKind: { apiVersion: 'a/b/c', kind: '' } },
      [
        'spec.paramKind.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
        'spec.paramKind.kind: Required value',
      ],
    ],
    [
      'names twice',
      { ...good, matchConstraints: { resourceRules: [{ ...rule, resourceNames: ['a', 'a'] }] } },
      ['spec.matchConstraints.resourceRules[0].resourceNames[1]: Duplicate value: "a"'],
    ],
  ])('with %s are refused', (_, spec, expected) => {
    expect(errors(validatingAdmissionPolicy, spec)).toEqual(expected)
  })

  test('keep conditions that an older server let pass', () => {
    const old = { ...good, matchConditions: [{ name: 'c', expression: 'nothing' }] }
    expect(errors(validatingAdmissionPolicy, old)).toHaveLength(1)
    expect(errors(validatingAdmissionPolicy, { ...old, failurePolicy: 'Ignore' }, old)).toEqual([])
  })
})

describe('mutating policies', () => {
  const mutations = (...list: readonly JsonObject[]) => ({
    matchConstraints,
    reinvocationPolicy: 'Never',
    mutations: list,
  })
  const configuration = (expression: string) =>
    mutations({ patchType: 'ApplyConfiguration', applyConfiguration: { expression } })
  test.each<readonly [string, JsonObject, readonly string[]]>([
    ['a configuration', configuration('Object{spec: Object.spec{}}'), []],
    [
      'a patch',
      mutations({
        patchType: 'JSONPatch',
        jsonPatch: { expression: '[JSONPatch{op: "remove", path: "/a"}]' },
      }),
      [],
    ],
    ['no steps', mutations({ patchType: 'JSONPatch', jsonPatch: { expression: '[]' } }), []],
    [
      'nothing',
      { matchConstraints },
      [
        'spec.mutations: Required value: mutations must contain at least one item',
        'spec.reinvocationPolicy: Required value',
      ],
    ],
    [
      'something else',
      configuration('1'),
      [
        'spec.mutations[0].applyConfiguration.expression: Invalid value: "1": must evaluate to Object',
      ],
    ],
    [
      'a step alone',
      mutations({ patchType: 'JSONPatch', jsonPatch: { expression: 'JSONPatch{}' } }),
      [
        'spec.mutations[0].jsonPatch.expression: Invalid value: "JSONPatch{}": must evaluate to list(JSONPatch)',
      ],
    ],
    [
      'an unknown sort',
      mutations({ patchType: 'Merge' }),
      [
        'spec.mutations[0].patchType: Unsupported value: "Merge": supported values: "ApplyConfiguration", "JSONPatch"',
      ],
    ],
    [
      'the other sort',
      mutations({ patchType: 'JSONPatch' }),
      [
        'spec.mutations[0].jsonPatch: Required value: must be specified when patchType is JSONPatch',
      ],
    ],
  ])('with %s', (_, spec, expected) => {
    expect(errors(mutatingAdmissionPolicy, spec)).toEqual(expected)
  })
})

describe('bindings', () => {
  const binding = { policyName: 'p.example.com', validationActions: ['Deny'] }
  const withParams = (paramRef: JsonObject) => ({ ...binding, paramRef })
  test.each<readonly [string, JsonObject, readonly string[]]>([
    ['enough', binding, []],
    ['no policy', { validationActions: ['Deny'] }, ['spec.policyName: Required value']],
    [
      'no action',
      { policyName: 'p', validationActions: [] },
      ['spec.validationActions: Required value: at least one validation action is required'],
    ],
    [
      'an unknown action',
      { ...binding, validationActions: ['Shout'] },
      [
        'spec.validationActions[0]: Unsupported value: "Shout": supported values: "Audit", "Deny", "Warn"',
      ],
    ],
    [
      'both ways to tell the client',
      { ...binding, validationActions: ['Deny', 'Warn'] },
      [
        'spec.validationActions: Invalid value: ["Deny","Warn"]: must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
      ],
    ],
    [
      'both ways to name parameters',
      withParams({ name: 'a', selector: {}, parameterNotFoundAction: 'Deny' }),
      [
        'spec.paramRef.name: Forbidden: name and selector are mutually exclusive',
        'spec.paramRef.selector: Forbidden: name and selector are mutually exclusive',
      ],
    ],
    [
      'no way to name parameters',
      withParams({ parameterNotFoundAction: 'Deny' }),
      ['spec.paramRef: Required value: one of name or selector must be specified'],
    ],
    [
      'nothing about missing parameters',
      withParams({ name: 'a' }),
      ['spec.paramRef.parameterNotFoundAction: Required value'],
    ],
  ])('with %s', (_, spec, expected) => {
    expect(errors(validatingAdmissionPolicyBinding, spec)).toEqual(expected)
  })

  test('of mutating policies have no actions', () => {
    expect(errors(mutatingAdmissionPolicyBinding, { policyName: 'p' })).toEqual([])
  })
})

describe('type checking', () => {
  const warnings = (expression: string, more: JsonObject = {}) => {
    const policy = objectOf(validatingAdmissionPolicy, { ...at({ expression }), ...more })
    return expressionWarnings(policy as ValidatingAdmissionPolicy, kinds).map(
      ({ warning }) => warning,
    )
  }
  const said = (column: number, what: string, expression: string) =>
    `apps/v1, Kind=Deployment: ERROR: <input>:1:${column}: ${what}\n | ${expression}\n | ${'.'.repeat(column - 1)}^\n`

  test.each([
    'object.spec.replicas > 1',
    'oldObject == null || object.metadata.labels.a == oldObject.metadata.labels["a"]',
    'object.spec.template.spec.containers.all(c, c.image.startsWith("x") && !has(c.command))',
    'object.spec.strategy.rollingUpdate.maxSurge == 1 || object.spec.strategy.rollingUpdate.maxSurge == "25%"',
    'object.metadata.creationTimestamp < timestamp("2030-01-01T00:00:00Z")',
    'quantity(object.spec.template.spec.containers[0].resources.limits["cpu"]).isLessThan(quantity("1"))',
    'object.metadata.?labels[?"a"].orValue("b") == "b"',
    'request.userInfo.groups.exists(g, g == "a") && namespaceObject.metadata.name == request.namespace',
    'authorizer.requestResource.check("get").allowed()',
  ])('%s fits', expression => {
    expect(warnings(expression)).toEqual([])
  })

  test.each<readonly [string, number, string]>([
    ['object.replicas > 1', 7, "undefined field 'replicas'"],
    [
      'object.spec.replicas > "1"',
      22,
      "found no matching overload for '_>_' applied to '(int, string)'",
    ],
    ['request.user == ""', 8, "undefined field 'user'"],
    ['object.spec.template.spec.containers.all(c, c.img == "")', 46, "undefined field 'img'"],
  ])('%s does not', (expression, column, what) => {
    expect(warnings(expression)).toEqual([said(column, what, expression)])
  })

  test('knows parameters and variables', () => {
    const params = { paramKind: { apiVersion: 'v1', kind: 'ConfigMap' } }
    expect(warnings('params.data.a == "1"', params)).toEqual([])
    expect(warnings('params.dat.a == "1"', params)).toEqual([
      said(7, "undefined field 'dat'", 'params.dat.a == "1"'),
    ])
    const variables = {
      variables: [
        { name: 'n', expression: 'object.spec.replicas' },
        { name: 'twice', expression: 'variables.n * 2' },
      ],
    }
    expect(warnings('variables.twice > 1', variables)).toEqual([])
    expect(warnings('variables.twice > "1"', variables)).toEqual([
      said(
        17,
        "found no matching overload for '_>_' applied to '(int, string)'",
        'variables.twice > "1"',
      ),
    ])
  })

  test('says nothing where a rule names no kind', () => {
    const all = { resourceRules: [{ ...rule, apiGroups: ['*'] }] }
    expect(warnings('object.nothing', { matchConstraints: all })).toEqual([])
  })
})
