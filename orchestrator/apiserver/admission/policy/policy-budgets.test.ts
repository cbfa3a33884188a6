import { describe, expect, test } from 'vitest'
import type { JsonObject, KubeObject } from '../../../api/object.js'
import type {
  MutatingAdmissionPolicySpec,
  ValidatingAdmissionPolicySpec,
} from '../../../api/types/admission-policy.js'
import { everyDeployment, requestOf, view } from '../../testing/policy-requests.js'
import { mutateByPolicies } from './mutating-decision.js'
import { boundPolicies } from './policy-set.js'
import { decideByPolicies } from './validating-decision.js'
import { webhookConditions } from './webhook-conditions.js'

/** Costs about three tenths of what one evaluation may, and takes no time: the first character matches. True. */
const dear = `"${'a'.repeat(7_800)}".matches("a|${'b'.repeat(1_500)}")`
const endless = `[1,2,3,4,5,6,7,8,9].all(x, ${dear})`

const times = <T>(count: number, make: (at: number) => T): readonly T[] =>
  Array.from({ length: count }, (_, at) => make(at))
const validations = (count: number, expression = dear) => times(count, () => ({ expression }))
const conditions = (count: number, expression = dear) =>
  times(count, at => ({ name: `c${at}`, expression }))

const spent =
  'validation failed due to running out of cost budget, no further validation rules will be run'
const named = (kind: string, name: string) => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind,
  metadata: { name },
})
const binding = (at: number, spec: JsonObject = {}) => ({
  ...named('ValidatingAdmissionPolicyBinding', `b${at}`),
  spec: { policyName: 'p', validationActions: ['Deny'], ...spec },
})

/** What of the refusal comes after the policy and the binding; 'allowed' for none. */
function decided(
  spec: ValidatingAdmissionPolicySpec,
  bindings: readonly ReturnType<typeof binding>[] = [binding(0)],
): string {
  const policy = {
    ...named('ValidatingAdmissionPolicy', 'p'),
    spec: { failurePolicy: 'Fail', matchConstraints: everyDeployment, ...spec },
  }
  const { refusal, warnings } = decideByPolicies(
    boundPolicies([policy], bindings),
    requestOf(),
    view,
  )
  if (refusal === null) return ['allowed', ...warnings].join(', ')
  return refusal.message.replace(/^.* with binding '(\w+)' denied request: /, '$1: ')
}

describe('the budget of a policy', () => {
  const annotations = (count: number) =>
    times(count, at => ({ key: `k${at}`, valueExpression: `${dear} ? "x" : "y"` }))
  test.each<readonly [string, ValidatingAdmissionPolicySpec, string]>([
    ['does for many validations', { validations: validations(25) }, 'allowed'],
    ['is spent by too many', { validations: validations(60) }, `b0: ${spent}`],
    [
      'is spent by those before, whatever they found',
      { validations: [{ expression: 'false' }, ...validations(60)] },
      `b0: ${spent}`,
    ],
    [
      'does not matter where failures are ignored',
      { validations: validations(60), failurePolicy: 'Ignore' },
      'allowed',
    ],
    [
      'is that of variables too',
      {
        variables: times(60, at => ({ name: `v${at}`, expression: dear })),
        validations: times(60, at => ({ expression: `variables.v${at}` })),
      },
      `b0: ${spent}`,
    ],
    [
      'pays for a variable once',
      {
        variables: [{ name: 'v', expression: dear }],
        validations: validations(60, 'variables.v'),
      },
      'allowed',
    ],
    [
      'pays for messages when all validations have been looked at',
      {
        validations: times(25, () => ({
          expression: `!(${dear})`,
          messageExpression: `${dear} ? "x" : "y"`,
        })),
      },
      `b0: failed messageExpression: ${spent}`,
    ],
    [
      'pays for no message of what holds',
      {
        validations: times(25, () => ({
          expression: dear,
          messageExpression: `${dear} ? "x" : "y"`,
        })),
      },
      'allowed',
    ],
    [
      'is not that of annotations',
      { validations: validations(25), auditAnnotations: annotations(25) },
      'allowed',
    ],
    [
      'of annotations is spent by too many',
      { validations: validations(25), auditAnnotations: annotations(60) },
      `b0: ${spent}`,
    ],
    [
      'of annotations leaves alone what does not hold, where failures are ignored',
      {
        validations: [{ expression: 'false' }],
        auditAnnotations: annotations(60),
        failurePolicy: 'Ignore',
      },
      'b0: failed expression: false',
    ],
    [
      'is not that of conditions',
      { matchConditions: conditions(5), validations: validations(30) },
      'allowed',
    ],
    [
      'of conditions is spent by fewer',
      { matchConditions: conditions(15), validations: [] },
      `b0: ${spent}`,
    ],
    [
      'of conditions does not matter where failures are ignored',
      {
        matchConditions: conditions(15),
        validations: [{ expression: 'false' }],
        failurePolicy: 'Ignore',
      },
      'allowed',
    ],
    [
      'is not needed for a condition behind one that does not hold',
      {
        matchConditions: [{ name: 'no', expression: 'false' }, ...conditions(15)],
        validations: [{ expression: 'false' }],
      },
      'allowed',
    ],
  ])('%s', (_, spec, text) => {
    expect(decided(spec)).toBe(text)
  })

  test('is that of one binding, and of one parameter', () => {
    const spec = { validations: validations(25) }
    expect(decided(spec, times(3, binding))).toBe('allowed')
    const paramKind = { apiVersion: 'v1', kind: 'ConfigMap' }
    const all = { paramRef: { selector: {}, parameterNotFoundAction: 'Deny' } }
    expect(decided({ ...spec, paramKind }, [binding(0, all)])).toBe('allowed')
    const low = { expression: `params.data.max == "5" || ${dear}` }
    const dearer = { paramKind, validations: times(60, () => low) }
    expect(decided(dearer, [binding(0, all), binding(1, all)])).toBe(`b0: ${spent}`)
  })

  test('is looked at behind what one evaluation may cost', () => {
    expect(decided({ validations: [{ expression: endless }] })).toBe(
      `b0: expression '${endless}' resulted in error: operation cancelled: actual cost limit exceeded`,
    )
  })

  test('is warned of where the binding warns', () => {
    const warning = binding(0, { validationActions: ['Warn'] })
    expect(decided({ validations: validations(60) }, [warning])).toBe(
      `allowed, Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b0': ${spent}`,
    )
  })
})

describe('the budget of mutations', () => {
  const mutation = (expression: string) => ({
    patchType: 'ApplyConfiguration',
    applyConfiguration: { expression },
  })
  const labelled = (label: string) => `Object{metadata: Object.metadata{labels: {"${label}": "x"}}}`
  const mutated = (spec: MutatingAdmissionPolicySpec) => {
    const policy = {
      ...named('MutatingAdmissionPolicy', 'm'),
      spec: { failurePolicy: 'Fail', matchConstraints: everyDeployment, ...spec },
    }
    const bound = {
      ...named('MutatingAdmissionPolicyBinding', 'b'),
      spec: { policyName: 'm' },
    }
    const policies = boundPolicies([policy], [bound])
    const { refusal, object } = mutateByPolicies(policies, requestOf(), view, null, one => one)
    return refusal?.message ?? Object.keys((object as KubeObject).metadata.labels ?? {}).join()
  }
  const many = times(60, at => ({ name: `v${at}`, expression: dear }))
  const some = (count: number) => times(count, at => `variables.v${at}`).join(' && ')
  test('is that of each', () => {
    const each = times(3, at => mutation(`${some(25)} ? ${labelled(`l${at}`)} : Object{}`))
    expect(mutated({ variables: many, mutations: each })).toBe('l0,l1,l2')
  })

  test('is spent by one, and the others go on where failures are ignored', () => {
    const dearest = mutation(`${some(60)} ? ${labelled('dear')} : Object{}`)
    const spec = { variables: many, mutations: [dearest, mutation(labelled('cheap'))] }
    expect(mutated(spec)).toBe(`policy 'm' with binding 'b' denied request: ${spent}`)
    expect(mutated({ ...spec, failurePolicy: 'Ignore' })).toBe('cheap')
  })

  test('is not that of conditions', () => {
    const spec = { matchConditions: conditions(15), mutations: [mutation(labelled('x'))] }
    expect(mutated(spec)).toBe(`policy 'm' with binding 'b' denied request: ${spent}`)
    expect(mutated({ ...spec, failurePolicy: 'Ignore' })).toBe('')
  })
})

describe('the budget of a webhook', () => {
  const holds = webhookConditions({
    reader: { cachedAt: () => undefined },
    authorizer: { verdict: () => ({ allowed: true, reason: '' }) },
  })
  const request = requestOf()
  const asked = (failurePolicy: string, count: number) => {
    const webhook = {
      name: 'w.example.com',
      clientConfig: {},
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
      failurePolicy,
      matchConditions: conditions(count),
    }
    const hook = { id: 'w', webhook, namespaceSelector: [], objectSelector: [] }
    return () => holds(hook, request, request.kind, { object: request.object, old: null })
  }
  test('is for its conditions', () => {
    expect(asked('Fail', 5)()).toBe(true)
    expect(asked('Fail', 15)).toThrow(`deployments.apps "web" is forbidden: ${spent}`)
    expect(asked('Ignore', 15)()).toBe(false)
  })
})
