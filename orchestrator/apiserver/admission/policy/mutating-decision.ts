// What all MutatingAdmissionPolicies together make of an object, in up to two turns. Pure.
// Counterpart: the dispatchers of plugin/policy/mutating and plugin/policy/generic.

import { findWireType } from '../../../api/decode.js'
import { sameJson } from '../../../api/equality.js'
import type { Kind } from '../../../api/kind.js'
import type { KubeObject } from '../../../api/object.js'
import { ApiError, forbidden } from '../../../api/status.js'
import { asJson } from '../../object-fields.js'
import type { DynamicRequest } from '../dynamic.js'
import { matchingKind } from './policy-matching.js'
import { evaluateMutations } from './mutating-evaluation.js'
import type { MutableType } from './mutating-evaluation.js'
import { collectParams, ConfigurationError } from './policy-params.js'
import type { BoundMutating } from './policy-set.js'
import { inputFor, shownName } from './validating-decision.js'
import type { PolicyView } from './validating-decision.js'

/** Between the turns. */
export interface MutationMemory {
  /** As the policies left it in the first turn. */
  readonly left: KubeObject | null
  /** Policies, with binding and parameters, that may be asked again. */
  readonly invoked: ReadonlySet<string>
  /** Of those, whom something has changed behind. */
  readonly outdated: ReadonlySet<string>
}

export interface MutationDecision {
  /** Null where the request may go on. */
  readonly refusal: ApiError | null
  readonly object: KubeObject | null
  readonly changed: boolean
  readonly memory: MutationMemory
}

/** `stored` brings an object back into the version of the request. */
export function mutateByPolicies(
  policies: readonly BoundMutating[],
  request: DynamicRequest,
  view: PolicyView,
  memory: MutationMemory | null,
  stored: (object: KubeObject, kind: Kind) => KubeObject,
): MutationDecision {
  const invoked = new Set(memory?.invoked)
  const outdated = new Set<string>()
  const again = due(memory, request.object)
  const problems: string[] = []
  let { object } = request
  for (const { policy, bindings } of policies) {
    const { spec = {}, metadata } = policy
    const { name = '' } = metadata
    const kind = matchingKind(spec.matchConstraints ?? {}, request, view)
    const type = kind === null ? null : mutableType(request, kind)
    if (kind === null || type === null || object === null) continue
    const failing = (spec.failurePolicy ?? 'Fail') === 'Fail'
    for (const binding of bindings) {
      const bound = binding.metadata.name ?? ''
      const { matchResources, paramRef } = binding.spec ?? {}
      if (matchResources !== undefined && matchingKind(matchResources, request, view) === null) {
        continue
      }
      const refuse = (messages: readonly string[], at: string | null) => {
        if (!failing) return
        const by =
          at === null ? `policy ${JSON.stringify(name)}` : `policy '${name}' with binding '${at}'`
        problems.push(...messages.map(message => `${by} denied request: ${message}`))
      }
      let params: readonly (KubeObject | null)[]
      try {
        params = collectParams(spec.paramKind, paramRef, request.namespace, view.params)
      } catch (error) {
        if (!(error instanceof ConfigurationError)) throw error
        refuse([error.message], error.of === 'policy' ? null : bound)
        continue
      }
      for (const one of params) {
        const key = [name, bound, one?.metadata.namespace, one?.metadata.name].join('/')
        if (again !== null && !again.has(key)) continue
        const input = inputFor({ ...request, object }, kind, view)()
        if (input.object === null) continue
        const result = evaluateMutations(spec, type, {
          ...input,
          object: input.object,
          params: one,
        })
        refuse(result.errors, bound)
        if (!sameJson(asJson(result.object), asJson(input.object))) {
          object = stored(result.object, kind)
          for (const before of invoked) outdated.add(before)
        }
        if (result.matched && spec.reinvocationPolicy === 'IfNeeded') invoked.add(key)
      }
    }
  }
  const changed = !same(object, request.object)
  return {
    refusal: problems.length === 0 ? null : refusal(problems, request),
    object,
    changed,
    memory: { left: object, invoked, outdated },
  }
}

/** What the object is: one of the kind, or what is sent to a subresource; null where nobody knows. */
function mutableType({ body }: DynamicRequest, kind: Kind): MutableType | null {
  if (body === null) return kind
  const type = findWireType(body.group, body.version, body.kind)
  return type === null ? null : { ...type, withDefaults: object => object }
}

/** Whom the second turn asks; null in the first one: everybody. */
function due(memory: MutationMemory | null, object: KubeObject | null): ReadonlySet<string> | null {
  if (memory === null) return null
  return same(memory.left, object) ? memory.outdated : memory.invoked
}

function same(a: KubeObject | null, b: KubeObject | null): boolean {
  if (a === b) return true
  return a !== null && b !== null && sameJson(asJson(a), asJson(b))
}

function refusal(problems: readonly string[], request: DynamicRequest): ApiError {
  const { status } = forbidden(
    request.kind,
    shownName(request),
    'admission request denied by policy',
  )
  return new ApiError({
    ...status,
    message: problems[0] ?? '',
    details: { ...status.details, causes: problems.map(message => ({ message })) },
  })
}
