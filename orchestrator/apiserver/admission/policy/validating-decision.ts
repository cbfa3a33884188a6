// What all ValidatingAdmissionPolicies together say about a request: whether it is refused, what to
// warn about, what goes on record. Pure. Counterpart: the dispatcher of plugin/policy/validating.

import type { Kind } from '../../../api/kind.js'
import type { KubeObject } from '../../../api/object.js'
import { forbidden, ApiError } from '../../../api/status.js'
import type { DynamicRequest } from '../dynamic.js'
import { matchingKind } from './policy-matching.js'
import type { Surroundings } from './policy-matching.js'
import { collectParams, ConfigurationError } from './policy-params.js'
import type { ParamSource } from './policy-params.js'
import type { PolicyInput } from './policy-run.js'
import type { BoundValidating } from './policy-set.js'
import { evaluateValidations } from './validating-evaluation.js'
import type { Refusal } from './validating-evaluation.js'

/** What a decision needs of everything else. */
export interface PolicyView extends Surroundings {
  readonly params: ParamSource
  readonly decide: PolicyInput['decide']
  /** A stored object in another version of its kind. */
  readonly converted: (object: KubeObject, kind: Kind) => KubeObject
}

export interface PolicyRecord {
  readonly policy: string
  readonly binding: string
  /** Why the request would be refused, or an annotation as "key: value". */
  readonly message: string
}

export interface PolicyDecision {
  /** Null where it may go on. */
  readonly refusal: ApiError | null
  readonly warnings: readonly string[]
  readonly audit: readonly PolicyRecord[]
}

interface Denial extends Refusal {
  readonly policy: string
  /** Null where the policy itself is at fault. */
  readonly binding: string | null
}

export function decideByPolicies(
  policies: readonly BoundValidating[],
  request: DynamicRequest,
  view: PolicyView,
): PolicyDecision {
  const denials: Denial[] = []
  const warnings: string[] = []
  const audit: PolicyRecord[] = []
  for (const { policy, bindings } of policies) {
    const { spec = {}, metadata } = policy
    const { name = '' } = metadata
    const kind = matchingKind(spec.matchConstraints ?? {}, request, view)
    if (kind === null) continue
    const failing = (spec.failurePolicy ?? 'Fail') === 'Fail'
    const input = inputFor(request, kind, view)
    for (const binding of bindings) {
      const bound = binding.metadata.name ?? ''
      const { matchResources, paramRef, validationActions } = binding.spec
      if (matchResources !== undefined && matchingKind(matchResources, request, view) === null) {
        continue
      }
      let params: readonly (KubeObject | null)[]
      try {
        params = collectParams(spec.paramKind, paramRef, request.namespace, view.params)
      } catch (error) {
        if (!(error instanceof ConfigurationError)) throw error
        const { of, message } = error
        const at = of === 'policy' ? null : bound
        if (failing) denials.push({ policy: name, binding: at, message, reason: '' })
        continue
      }
      for (const one of params) {
        const verdict = evaluateValidations(spec, { ...input(), params: one })
        const denied = (refusal: Refusal) => ({ policy: name, binding: bound, ...refusal })
        for (const refusal of verdict.refusals) {
          if (validationActions.includes('Deny')) denials.push(denied(refusal))
          if (validationActions.includes('Warn')) {
            warnings.push(
              `Validation failed for ValidatingAdmissionPolicy '${name}' with binding '${bound}': ${refusal.message}`,
            )
          }
          if (validationActions.includes('Audit')) {
            audit.push({ policy: name, binding: bound, message: refusal.message })
          }
        }
        denials.push(...verdict.failures.map(denied))
        for (const [key, value] of verdict.annotations) {
          audit.push({ policy: name, binding: bound, message: `${name}/${key}: ${value}` })
        }
      }
    }
  }
  const [first] = denials
  return { refusal: first === undefined ? null : refusalOf(first, request), warnings, audit }
}

/** Converted once for all bindings of a policy, and only where one of them asks. */
export function inputFor(
  request: DynamicRequest,
  kind: Kind,
  view: PolicyView,
): () => Omit<PolicyInput, 'params'> {
  let made: Omit<PolicyInput, 'params'> | null = null
  return () => {
    const converted = (object: KubeObject | null) =>
      object === null || request.body !== null ? object : view.converted(object, kind)
    made ??= {
      request,
      kind,
      object: converted(request.object),
      old: converted(request.old),
      namespace: request.namespace === '' ? null : view.namespace(request.namespace),
      decide: view.decide,
    }
    return made
  }
}

const codes: ReadonlyMap<string, number> = new Map([
  ['Unauthorized', 401],
  ['Forbidden', 403],
  ['RequestEntityTooLarge', 413],
  ['Invalid', 422],
])

function refusalOf(
  { policy, binding, message, reason }: Denial,
  request: DynamicRequest,
): ApiError {
  const by = binding === null ? '' : ` with binding '${binding}'`
  const text = `ValidatingAdmissionPolicy '${policy}'${by} denied request: ${message}`
  const { status } = forbidden(request.kind, shownName(request), text)
  const why = reason === '' ? 'Invalid' : reason
  return new ApiError({
    ...status,
    reason: why,
    code: codes.get(why) ?? 422,
    details: { ...status.details, causes: [{ message: text }] },
  })
}

/** As far as there is a name yet. */
export function shownName({ name, object }: DynamicRequest): string {
  const { name: own = '', generateName = '' } = object?.metadata ?? {}
  return name || own || generateName
}
