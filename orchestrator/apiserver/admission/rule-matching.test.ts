import { describe, expect, test } from 'vitest'
import { must } from '../../../platform/errors.js'
import { findKind, kinds } from '../../api/kinds.js'
import type { RuleWithOperations } from '../../api/types/admission-webhook.js'
import { kindOf, objectOf } from '../testing/objects.js'
import type { DynamicRequest } from './dynamic.js'
import {
  isExempt,
  matchedKind,
  namespaceLabels,
  namespaceOf,
  objectMatches,
  ruleMatches,
} from './rule-matching.js'

const request = (changes: Partial<DynamicRequest> = {}): DynamicRequest => {
  const kind = changes.kind ?? kindOf('pods')
  return {
    kind,
    requestKind: kind,
    body: null,
    subresource: '',
    operation: 'create',
    namespace: 'a',
    name: 'p',
    object: objectOf('Pod', { name: 'p', labels: { app: 'web' } }),
    old: null,
    user: { name: 'u', uid: '', groups: [], extra: {} },
    options: null,
    dryRun: false,
    ...changes,
  }
}

const rule = (changes: Partial<RuleWithOperations> = {}): RuleWithOperations => ({
  operations: ['CREATE'],
  apiGroups: [''],
  apiVersions: ['v1'],
  resources: ['pods'],
  scope: '*',
  ...changes,
})

const nodes = { kind: kindOf('nodes'), namespace: '' }
const namespaces = { kind: kindOf('namespaces'), namespace: 'a', name: 'a' }
const exec = { subresource: 'exec', operation: 'connect' } as const

describe('a rule', () => {
  test.each<[string, Partial<RuleWithOperations>, Partial<DynamicRequest>, boolean]>([
    ['of the resource', {}, {}, true],
    ['of another operation', { operations: ['UPDATE', 'DELETE'] }, {}, false],
    ['of every operation', { operations: ['*'] }, { operation: 'delete' }, true],
    ['of another group', { apiGroups: ['apps'] }, {}, false],
    ['of every group', { apiGroups: ['*'] }, {}, true],
    ['of another version', { apiVersions: ['v2'] }, {}, false],
    ['of every version', { apiVersions: ['*'] }, {}, true],
    ['of every resource', { resources: ['*'] }, {}, true],
    [
      'of every resource, for a subresource',
      { resources: ['*'] },
      { subresource: 'status' },
      false,
    ],
    ['of all there is', { resources: ['*/*'] }, { subresource: 'status' }, true],
    ['of all there is, for the object itself', { resources: ['*/*'] }, {}, true],
    ['of the resource, for a subresource', {}, { subresource: 'status' }, false],
    ['of the subresource', { resources: ['pods/status'] }, { subresource: 'status' }, true],
    ['of another subresource', { resources: ['pods/status'] }, { subresource: 'binding' }, false],
    ['of any subresource', { resources: ['pods/*'] }, { subresource: 'binding' }, true],
    ['of any subresource, for the object itself', { resources: ['pods/*'] }, {}, true],
    ['of that of every resource', { resources: ['*/scale'] }, { subresource: 'scale' }, true],
    ['of a stream', { operations: ['CONNECT'], resources: ['pods/exec'] }, exec, true],
    ['of what is in namespaces', { scope: 'Namespaced' }, {}, true],
    [
      'of what is in namespaces, for a node',
      { scope: 'Namespaced', resources: ['*'] },
      nodes,
      false,
    ],
    ['of what is in none', { scope: 'Cluster' }, {}, false],
    ['of what is in none, for a node', { scope: 'Cluster', resources: ['*'] }, nodes, true],
    [
      'of what is in none, for a namespace',
      { scope: 'Cluster', resources: ['*'] },
      namespaces,
      true,
    ],
  ])('%s', (_, ofRule, ofRequest, matches) => {
    expect(ruleMatches(rule(ofRule), request(ofRequest))).toBe(matches)
  })
})

describe('the version that is shown', () => {
  const v1 = must(findKind('autoscaling', 'v1', 'horizontalpodautoscalers'), 'served')
  const v2 = must(findKind('autoscaling', 'v2', 'horizontalpodautoscalers'), 'served')
  const asked = request({ kind: v2, requestKind: v1 })
  const rules = (...versions: readonly string[]) =>
    versions.map(version =>
      rule({
        apiGroups: ['autoscaling'],
        apiVersions: [version],
        resources: ['horizontalpodautoscalers'],
      }),
    )

  test.each([
    ['Equivalent', ['v1'], v1],
    ['Equivalent', ['v2', 'v1'], v1],
    ['Equivalent', ['v2'], v2],
    ['Equivalent', ['v3'], null],
    ['Exact', ['v2'], null],
    ['Exact', ['v1'], v1],
  ] as const)('is %s for rules of %j', (policy, versions, kind) => {
    expect(matchedKind(rules(...versions), policy, asked, kinds)).toBe(kind)
  })

  test('may be one of another group', () => {
    const event = must(findKind('events.k8s.io', 'v1', 'events'), 'served')
    const core = kindOf('events')
    const ofCore = [rule({ resources: ['events'] })]
    const written = request({ kind: core, requestKind: event })
    expect(matchedKind(ofCore, 'Equivalent', written, kinds)).toBe(core)
  })
})

describe('selectors', () => {
  const named = (name: string) =>
    name === 'a' ? objectOf('Namespace', { name, labels: { team: 'x' } }) : null

  test('of namespaces look at the one there is, or at what it becomes', () => {
    const written = objectOf('Namespace', { name: 'a', labels: { team: 'y' } })
    const update = { ...namespaces, operation: 'update', object: written } as const
    expect(namespaceLabels(request(), named)).toEqual({ team: 'x' })
    expect(namespaceLabels(request(update), named)).toEqual({ team: 'y' })
    expect(namespaceLabels(request({ ...update, operation: 'delete' }), named)).toEqual({
      team: 'x',
    })
    expect(namespaceLabels(request(nodes), named)).toBeNull()
    expect(namespaceLabels(request({ namespace: 'b' }), named)).toBe('missing')
  })

  test('a namespace is in itself before it is there', () => {
    const made = request({ kind: kindOf('namespaces'), namespace: '', name: 'n' })
    expect(namespaceOf(made)).toBe('n')
    expect(namespaceOf(request(nodes))).toBe('')
  })

  test.each([
    ['web', 'web', true],
    ['web', null, true],
    [null, 'web', true],
    ['api', 'web', true],
    ['api', 'db', false],
    [null, null, false],
  ])('of objects look at %s and at what was there, %s', (now, before, matches) => {
    const pod = (app: string | null) =>
      app === null ? null : objectOf('Pod', { name: 'p', labels: { app } })
    const selector = [{ key: 'app', operator: 'In', values: ['web'] }] as const
    expect(objectMatches(selector, request({ object: pod(now), old: pod(before) }))).toBe(matches)
  })
})

test.each([
  ['mutatingwebhookconfigurations', 'admissionregistration.k8s.io', true],
  ['validatingwebhookconfigurations', 'admissionregistration.k8s.io', true],
  ['validatingadmissionpolicies', 'admissionregistration.k8s.io', true],
  ['validatingadmissionpolicybindings', 'admissionregistration.k8s.io', true],
  ['mutatingadmissionpolicies', 'admissionregistration.k8s.io', true],
  ['mutatingadmissionpolicybindings', 'admissionregistration.k8s.io', true],
  ['tokenreviews', 'authentication.k8s.io', false],
  ['selfsubjectreviews', 'authentication.k8s.io', false],
  ['subjectaccessreviews', 'authorization.k8s.io', false],
  ['localsubjectaccessreviews', 'authorization.k8s.io', false],
  ['selfsubjectaccessreviews', 'authorization.k8s.io', false],
  ['selfsubjectrulesreviews', 'authorization.k8s.io', false],
  ['deployments', 'apps', false],
])('%s are exempt: %3$s', (plural, group, exempt) => {
  expect(isExempt(request({ kind: kindOf(plural, group) }))).toBe(exempt)
})
