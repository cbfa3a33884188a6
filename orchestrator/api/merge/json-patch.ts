// JSON patch (RFC 6902) over pointers (RFC 6901): add, remove, replace, move, copy, test.
// Counterpart: evanphx/json-patch as the original uses it, with its limits. Every step returns a new
// value along the path it touches; the original is never changed.

import type { Json, JsonObject } from '../object.js'
import { isJsonObject, own, put } from '../record.js'
import { ApiError, badRequest, tooLarge } from '../status.js'
import type { ApiError as ApiErrorType } from '../status.js'

/** As the original: operations in one patch. */
export const jsonPatchOperationsMax = 10_000

/** Copies multiply: what they add up to is limited, as in the original, in bytes of JSON. */
export const copiedBytesMax = 3 * 1024 * 1024

const encoder = new TextEncoder()

const pointerDepthMax = 200

/** Every step copies the lists and objects along its path: their sizes are limited in sum. */
const copiedFieldsMax = 50_000_000

/** What a patch may still cost. */
interface Budget {
  bytes: number
  fields: number
}

function spend(budget: Budget, container: Json): void {
  const size = Array.isArray(container) ? container.length : Object.keys(container ?? {}).length
  budget.fields -= size
  if (budget.fields < 0) throw badRequest('a JSON patch changes too much of a large object')
}

/** A patch that is well formed but does not fit the object: a 422 without causes. */
function doesNotApply(message: string): ApiErrorType {
  return new ApiError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: `the server rejected our request due to an error in our request: ${message}`,
    reason: 'Invalid',
    details: {},
    code: 422,
  })
}

type Operation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: string; readonly value: Json }
  | { readonly op: 'remove'; readonly path: string }
  | { readonly op: 'move' | 'copy'; readonly path: string; readonly from: string }

function operationOf(entry: Json): Operation {
  if (!isJsonObject(entry)) throw badRequest('a JSON patch holds objects only')
  const { op, path, from, value } = entry
  if (typeof op !== 'string') throw badRequest('a JSON patch operation has no "op"')
  if (typeof path !== 'string') throw badRequest(`JSON patch operation ${op} has no "path"`)
  switch (op) {
    case 'add':
    case 'replace':
    case 'test':
      if (value === undefined) throw badRequest(`JSON patch operation ${op} has no "value"`)
      return { op, path, value }
    case 'remove':
      return { op, path }
    case 'move':
    case 'copy':
      if (typeof from !== 'string') throw badRequest(`JSON patch operation ${op} has no "from"`)
      return { op, path, from }
    default:
      throw badRequest(`unexpected kind of JSON patch operation: ${JSON.stringify(op)}`)
  }
}

function stepsOf(pointer: string): readonly string[] {
  if (pointer === '') return []
  if (!pointer.startsWith('/')) throw badRequest(`JSON pointer "${pointer}" must begin with "/"`)
  const steps = pointer.slice(1).split('/')
  if (steps.length > pointerDepthMax) throw badRequest('a JSON pointer is too long')
  return steps.map(step => step.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function missing(pointer: string): ApiErrorType {
  return doesNotApply(`the path "${pointer}" does not exist`)
}

function indexOf(step: string, length: number): number | null {
  if (!/^(?:0|[1-9][0-9]{0,8})$/.test(step)) return null
  const index = Number(step)
  return index < length ? index : null
}

function read(value: Json, steps: readonly string[], pointer: string): Json {
  return steps.reduce<Json>((current, step) => {
    const inner = childOf(current, step)
    if (inner === undefined) throw missing(pointer)
    return inner
  }, value)
}

function childOf(value: Json, step: string): Json | undefined {
  if (Array.isArray(value)) {
    const list = value as readonly Json[]
    const index = indexOf(step, list.length)
    return index === null ? undefined : list[index]
  }
  return isJsonObject(value) ? own(value, step) : undefined
}

type Change = (parent: Json, last: string) => Json

/** `value` with the container at the end of the path changed. */
function changeAt(
  value: Json,
  steps: readonly string[],
  pointer: string,
  budget: Budget,
  change: Change,
): Json {
  const [step, ...rest] = steps
  if (step === undefined) throw missing(pointer)
  spend(budget, value)
  if (rest.length === 0) return change(value, step)
  const inner = childOf(value, step)
  if (inner === undefined) throw missing(pointer)
  const changed = changeAt(inner, rest, pointer, budget, change)
  return withChild(value, step, changed)
}

function withChild(value: Json, step: string, child: Json): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).with(Number(step), child)
  const result: { [key: string]: Json } = { ...(value as { [key: string]: Json }) }
  put(result, step, child)
  return result
}

function withoutChild(value: JsonObject, step: string): JsonObject {
  return Object.fromEntries(Object.entries(value).filter(([key]) => key !== step))
}

function add(document: Json, pointer: string, value: Json, budget: Budget): Json {
  const steps = stepsOf(pointer)
  if (steps.length === 0) return value
  return changeAt(document, steps, pointer, budget, (parent, last) => {
    if (Array.isArray(parent)) {
      const list = parent as readonly Json[]
      const index = last === '-' ? list.length : indexOf(last, list.length + 1)
      if (index === null) throw doesNotApply(`the index of "${pointer}" is out of bounds`)
      return list.toSpliced(index, 0, value)
    }
    if (!isJsonObject(parent)) throw missing(pointer)
    return withChild(parent, last, value)
  })
}

function remove(document: Json, pointer: string, budget: Budget): Json {
  return changeAt(document, stepsOf(pointer), pointer, budget, (parent, last) => {
    if (childOf(parent, last) === undefined) throw missing(pointer)
    if (Array.isArray(parent)) return (parent as readonly Json[]).toSpliced(Number(last), 1)
    return withoutChild(parent as JsonObject, last)
  })
}

function replace(document: Json, pointer: string, value: Json, budget: Budget): Json {
  const steps = stepsOf(pointer)
  if (steps.length === 0) return value
  return changeAt(document, steps, pointer, budget, (parent, last) => {
    if (childOf(parent, last) === undefined) throw missing(pointer)
    return withChild(parent, last, value)
  })
}

/** Equality of RFC 6902: by value; unlike sameJson, absent and empty differ. */
function equal(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true
  if (Array.isArray(a) && Array.isArray(b)) {
    const right = b as readonly Json[]
    return a.length === b.length && a.every((item, index) => equal(item as Json, right[index]))
  }
  if (!isJsonObject(a) || !isJsonObject(b)) return false
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  return keys.every(key => Object.hasOwn(b, key) && equal(own(a, key), own(b, key)))
}

/**
 * `original` after all operations, in order.
 * @throws ApiError BadRequest for a patch that is malformed, RequestEntityTooLarge for one of too many
 * operations, Invalid (422) for one that does not apply
 */
export function jsonPatch(original: Json, patch: Json): Json {
  if (!Array.isArray(patch)) throw badRequest('a JSON patch must be a list of operations')
  if (patch.length > jsonPatchOperationsMax) {
    const text = `The allowed maximum operations in a JSON patch is ${jsonPatchOperationsMax}`
    throw tooLarge(`${text}, got ${patch.length}`)
  }
  const budget: Budget = { bytes: copiedBytesMax, fields: copiedFieldsMax }
  let document = original
  for (const operation of (patch as readonly Json[]).map(operationOf)) {
    switch (operation.op) {
      case 'add':
        document = add(document, operation.path, operation.value, budget)
        break
      case 'replace':
        document = replace(document, operation.path, operation.value, budget)
        break
      case 'remove':
        document = remove(document, operation.path, budget)
        break
      case 'test': {
        const actual = read(document, stepsOf(operation.path), operation.path)
        if (!equal(actual, operation.value)) {
          throw doesNotApply(`testing value ${operation.path} failed`)
        }
        break
      }
      case 'move': {
        if (operation.path.startsWith(`${operation.from}/`)) {
          throw badRequest('a JSON patch cannot move a value into itself')
        }
        const moved = read(document, stepsOf(operation.from), operation.from)
        document = add(remove(document, operation.from, budget), operation.path, moved, budget)
        break
      }
      case 'copy': {
        const source = read(document, stepsOf(operation.from), operation.from)
        budget.bytes -= encoder.encode(JSON.stringify(source)).length
        if (budget.bytes < 0) {
          const copied = copiedBytesMax - budget.bytes
          const text = `the accumulated size increase of copy is ${copied}`
          throw doesNotApply(
            `Unable to complete the copy, ${text}, exceeding the limit ${copiedBytesMax}`,
          )
        }
        document = add(document, operation.path, source, budget)
        break
      }
      default:
        throw badRequest('unexpected kind of JSON patch operation')
    }
  }
  return document
}
