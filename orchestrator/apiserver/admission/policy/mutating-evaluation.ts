// What a MutatingAdmissionPolicy makes of an object. Pure. Counterpart: plugin/policy/mutating/patch.

import { jsonOfCel } from '../../../api/cel/json-values.js'
import { MessageValue, misplacedMessage } from '../../../api/cel/library/messages.js'
import { CelError } from '../../../api/cel/cel-error.js'
import { checkShape } from '../../../api/decode.js'
import type { WireType } from '../../../api/decode.js'
import type { Kind } from '../../../api/kind.js'
import { configurationErrors } from '../../../api/merge/configuration-errors.js'
import { isGranularList, isGranularRecord, fieldType } from '../../../api/merge/granularity.js'
import { jsonPatch } from '../../../api/merge/json-patch.js'
import { fieldElement, pathText } from '../../../api/merge/path-element.js'
import type { PathElement } from '../../../api/merge/path-element.js'
import { mergeTyped } from '../../../api/merge/typed-merge.js'
import type { Json, JsonObject, KubeObject } from '../../../api/object.js'
import { isJsonObject } from '../../../api/record.js'
import type { TypeSchema } from '../../../api/schema.js'
import { ApiError } from '../../../api/status.js'
import type { MutatingAdmissionPolicySpec, Mutation } from '../../../api/types/admission-policy.js'
import { asJson, asObject } from '../../object-fields.js'
import { ExpressionError, PolicyRun } from './policy-run.js'
import type { PolicyInput } from './policy-run.js'

/** What is changed: an object of a kind, or what is sent to a subresource. */
export type MutableType = WireType & Pick<Kind, 'withDefaults'>

export interface MutatedObject {
  readonly object: KubeObject
  /** Why the request is refused, if the policy fails that way. */
  readonly errors: readonly string[]
  /** Its conditions hold. */
  readonly matched: boolean
}

/** Mutations of one policy follow one another, each with a budget of its own; one that fails changes nothing. */
export function evaluateMutations(
  spec: MutatingAdmissionPolicySpec,
  type: MutableType,
  input: PolicyInput & { readonly object: KubeObject },
): MutatedObject {
  const run = new PolicyRun(spec, input)
  const matched = run.matches()
  let { object } = input
  if (matched === 'no') return { object, errors: [], matched: false }
  if (matched !== 'yes') return { object, errors: [matched.error], matched: false }
  const errors: string[] = []
  for (const mutation of spec.mutations ?? []) {
    try {
      object = mutated(run.withBudget(), mutation, type, object)
      run.withObject(object)
    } catch (error) {
      const known =
        error instanceof ExpressionError || error instanceof CelError || error instanceof PatchError
      if (!known) throw error
      errors.push(error.message)
    }
  }
  return { object, errors, matched: true }
}

class PatchError extends Error {}

const full = { authorizer: true }

function mutated(
  run: PolicyRun,
  mutation: Mutation,
  type: MutableType,
  object: KubeObject,
): KubeObject {
  if (mutation.patchType === 'JSONPatch') {
    const steps = run.answer(mutation.jsonPatch?.expression ?? '', ['list<JSONPatch>'], full)
    if (!Array.isArray(steps) || !steps.every(one => one instanceof MessageValue)) {
      throw new PatchError('type mismatch: JSONPatchType.expression should evaluate to array')
    }
    return patched(type, object, steps.map(jsonOfCel))
  }
  const value = run.answer(mutation.applyConfiguration?.expression ?? '', ['Object'], full)
  if (!(value instanceof MessageValue)) {
    throw new PatchError('unsupported return type from ApplyConfiguration expression')
  }
  const misplaced = misplacedMessage(value)
  if (misplaced !== null) throw new PatchError(`type mismatch: ${misplaced}`)
  return merged(type, object, jsonOfCel(value))
}

function patched(type: MutableType, object: KubeObject, steps: readonly Json[]): KubeObject {
  let result: Json
  try {
    result = jsonPatch(asJson(object), steps)
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    throw new PatchError(`JSON Patch: ${error.message}`)
  }
  return settled(type, object, result)
}

function merged(type: MutableType, object: KubeObject, configuration: Json): KubeObject {
  const failed = (why: string) => new PatchError(`error applying patch: ${why}`)
  if (!isJsonObject(configuration)) throw failed('the configuration is no object')
  const [wrong] = configurationErrors(configuration, type.schema)
  if (wrong !== undefined) {
    throw failed(`failed to convert patch object to typed object: ${wrong}`)
  }
  const atomic = atomicPaths(configuration, type.schema, [])
  if (atomic.length > 0) {
    const text = `may not mutate atomic arrays, maps or structs: ${atomic.join(', ')}`
    throw failed(`invalid ApplyConfiguration: ${text}`)
  }
  return settled(type, object, mergeTyped(type.schema, asJson(object), configuration))
}

/** A part that is replaced whole would lose what the expression does not know of. */
function atomicPaths(value: Json, type: TypeSchema, path: readonly PathElement[]): string[] {
  if (Array.isArray(value)) {
    if (type.type !== 'list') return []
    const below = (value as readonly Json[]).flatMap((item, index) =>
      atomicPaths(item, type.items, [...path, `i:${index}`]),
    )
    return isGranularList(type) ? below : [pathText(path), ...below]
  }
  if (!isJsonObject(value)) return []
  const below = Object.entries(value).flatMap(([key, inner]) => {
    const innerType = fieldType(type, key)
    if (innerType === null || inner === undefined) return []
    return atomicPaths(inner, innerType, [...path, fieldElement(key)])
  })
  const whole = (type.type === 'struct' || type.type === 'map') && !isGranularRecord(type, value)
  return whole ? [pathText(path), ...below] : below
}

/** As decoding leaves objects, with defaults. What the object is stays as it is. */
function settled(type: MutableType, before: KubeObject, result: Json): KubeObject {
  const given: JsonObject = isJsonObject(result) ? result : {}
  const { apiVersion, kind: name } = before
  const checked = checkShape(type, { ...given, apiVersion, kind: name })
  const [wrong] = checked.typeErrors
  if (wrong !== undefined) throw new PatchError(wrong.message)
  const { metadata } = checked.object
  return type.withDefaults(asObject({ ...checked.object, metadata: metadata ?? {} }))
}
