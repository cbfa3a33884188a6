import { describe, expect, test } from 'vitest'
import { must } from '../../../../platform/errors.js'
import { configMap } from '../../../api/kinds/core/config-map.js'
import { kinds } from '../../../api/kinds.js'
import type { MutatingAdmissionPolicySpec } from '../../../api/types/admission-policy.js'
import { deploymentOf, everyDeployment, requestOf, view } from '../../testing/policy-requests.js'
import { mutateByPolicies } from './mutating-decision.js'
import { boundPolicies } from './policy-set.js'
import type { BoundMutating } from './policy-set.js'

function mutating(...specs: readonly MutatingAdmissionPolicySpec[]): readonly BoundMutating[] {
  const named = (name: string, kind: string) => ({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind,
    metadata: { name },
  })
  return boundPolicies(
    specs.map((spec, at) => ({
      ...named(`m${at}`, 'MutatingAdmissionPolicy'),
      spec: {
        failurePolicy: 'Fail',
        reinvocationPolicy: 'Never',
        matchConstraints: everyDeployment,
        ...spec,
      },
    })),
    specs.map((_, at) => ({
      ...named(`b${at}`, 'MutatingAdmissionPolicyBinding'),
      spec: { policyName: `m${at}` },
    })),
  )
}
const apply = (expression: string) => ({
  patchType: 'ApplyConfiguration',
  applyConfiguration: { expression },
})
const patch = (expression: string) => ({ patchType: 'JSONPatch', jsonPatch: { expression } })

function mutated(policies: readonly BoundMutating[], request = requestOf()) {
  const decision = mutateByPolicies(policies, request, view, null, object => object)
  return decision.refusal?.message ?? decision
}

describe('mutations', () => {
  test('merge configurations, one after the other', () => {
    const policies = mutating({
      variables: [{ name: 'next', expression: 'object.spec.replicas + 1' }],
      mutations: [
        apply(
          'Object{metadata: Object.metadata{labels: {"a": "b"}}, spec: Object.spec{replicas: variables.next}}',
        ),
        apply('Object{spec: Object.spec{replicas: variables.next}}'),
        apply(
          'Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{containers: [Object.spec.template.spec.containers{name: "side", image: "example/side"}]}}}}',
        ),
      ],
    })
    expect(mutated(policies)).toMatchObject({
      changed: true,
      object: {
        metadata: { name: 'web', labels: { a: 'b' } },
        spec: {
          replicas: 5,
          template: {
            spec: { containers: [{ name: 'c' }, { name: 'side', imagePullPolicy: 'Always' }] },
          },
        },
      },
    })
  })

  test('are JSON patches', () => {
    const policies = mutating({
      mutations: [
        patch(
          '[JSONPatch{op: "test", path: "/spec/replicas", value: 3}, JSONPatch{op: "add", path: "/metadata/labels/" + jsonpatch.escapeKey("x.y/z"), value: "1"}]',
        ),
        patch(
          'has(object.metadata.labels) ? [JSONPatch{op: "replace", path: "/spec/replicas", value: 7}] : []',
        ),
      ],
    })
    expect(mutated(policies)).toMatchObject({
      object: { metadata: { labels: { 'x.y/z': '1' } }, spec: { replicas: 7 } },
    })
  })

  const refused = (why: string) => `policy 'm0' with binding 'b0' denied request: ${why}`
  test.each([
    [
      apply('Object{spec: Object.spec{template: Object.spec.wrong{}}}'),
      'type mismatch: unexpected type name "Object.spec.wrong", expected "Object.spec.template", which matches field name path from root Object type',
    ],
    [
      apply(
        'Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{containers: [Object.spec.template.spec.containers{name: "c", command: ["x"]}]}}}}',
      ),
      'error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .spec.template.spec.containers[0].command',
    ],
    [
      apply('Object{spec: Object.spec{nothing: 1}}'),
      'error applying patch: failed to convert patch object to typed object: .spec.nothing: field not declared in schema',
    ],
    [
      apply('object.spec.replicas > 9 ? Object{} : Object{spec: object.z}'),
      "expression 'object.spec.replicas > 9 ? Object{} : Object{spec: object.z}' resulted in error: no such key: z",
    ],
  ])('%j is refused', (mutation, why) => {
    expect(mutated(mutating({ mutations: [mutation] }))).toBe(refused(why))
    const ignored = mutating({ mutations: [mutation], failurePolicy: 'Ignore' })
    expect(mutated(ignored)).toMatchObject({ changed: false })
  })

  test('are asked again when something changed behind them, if they want to be', () => {
    const count = (label: string) =>
      apply(
        `Object{metadata: Object.metadata{labels: {"${label}": string(int(object.metadata.?labels.?${label}.orValue("0")) + 1)}}}`,
      )
    const policies = mutating(
      { mutations: [count('often')], reinvocationPolicy: 'IfNeeded' },
      { mutations: [count('once')] },
      { mutations: [count('last')], reinvocationPolicy: 'IfNeeded' },
    )
    const first = mutateByPolicies(policies, requestOf(), view, null, object => object)
    const again = requestOf({ object: first.object })
    const second = mutateByPolicies(policies, again, view, first.memory, object => object)
    expect(second.object?.metadata.labels).toEqual({ often: '2', once: '1', last: '1' })
    // Somebody else changed it between the turns: everybody who wants to be is asked.
    const other = requestOf({ object: deploymentOf(9, first.object?.metadata.labels) })
    const third = mutateByPolicies(policies, other, view, first.memory, object => object)
    expect(third.object?.metadata.labels).toEqual({ often: '2', once: '1', last: '2' })
  })

  test('change what is sent to a subresource', () => {
    const resources = ['deployments/scale']
    const rules = [{ ...everyDeployment.resourceRules[0], resources }]
    const policies = mutating({
      matchConstraints: { resourceRules: rules },
      mutations: [apply('Object{spec: Object.spec{replicas: object.spec.replicas + 1}}')],
    })
    const scale = {
      apiVersion: 'autoscaling/v1',
      kind: 'Scale',
      metadata: { name: 'web' },
      spec: { replicas: 4 },
    }
    const request = requestOf({
      subresource: 'scale',
      body: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
      object: scale,
    })
    expect(mutated(policies, request)).toMatchObject({
      object: { kind: 'Scale', spec: { replicas: 5 } },
    })
  })

  test.each([
    'mutatingadmissionpolicies',
    'mutatingadmissionpolicybindings',
    'validatingadmissionpolicies',
    'validatingadmissionpolicybindings',
    'tokenreviews',
    'selfsubjectreviews',
    'subjectaccessreviews',
    'localsubjectaccessreviews',
    'selfsubjectaccessreviews',
    'selfsubjectrulesreviews',
  ])('leave %s alone, and webhooks not', plural => {
    const all = { apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*'] }
    const label = 'Object{metadata: Object.metadata{labels: {"a": "b"}}}'
    const everything = mutating({
      matchConstraints: { resourceRules: [all] },
      mutations: [apply(label)],
    })
    const changed = (wanted: string) => {
      const kind = must(
        kinds.find(one => one.plural === wanted),
        'every kind is served',
      )
      const object = { apiVersion: 'v1', kind: kind.kind, metadata: { name: 'x' } }
      return mutated(everything, requestOf({ kind, requestKind: kind, namespace: '', object }))
    }
    expect(changed(plural)).toMatchObject({ changed: false })
    expect(changed('mutatingwebhookconfigurations')).toMatchObject({ changed: true })
  })

  test('leave alone what they are not about', () => {
    const request = requestOf({ kind: configMap, requestKind: configMap })
    expect(mutated(mutating({ mutations: [apply('Object{}')] }), request)).toMatchObject({
      changed: false,
    })
  })
})
