// Values of `Object.spec{…}` and `JSONPatch{…}`, which mutating policies answer with.
// Counterpart: k8s.io/apiserver/pkg/cel/mutation.

import { Optional } from '@marcbachmann/cel-js'
import type { Environment } from '@marcbachmann/cel-js'
import { messageFunction, patchFunction } from '../message-literals.js'

export class MessageValue {
  /** "Object", "Object.spec.template"; "JSONPatch" of steps. */
  readonly name: string
  readonly fields: ReadonlyMap<string, unknown>

  constructor(name: string, fields: ReadonlyMap<string, unknown>) {
    this.name = name
    this.fields = fields
  }
}

/** A step of a JSON patch. */
class PatchValue extends MessageValue {}

const patchFields: ReadonlySet<string> = new Set(['op', 'path', 'from', 'value'])

function fieldsOf(given: object): ReadonlyMap<string, unknown> {
  const fields = new Map<string, unknown>()
  const entries = given instanceof Map ? [...given] : Object.entries(given)
  for (const [key, value] of entries as readonly (readonly [string, unknown])[]) {
    if (!key.startsWith('?')) fields.set(key, value)
    else if (!(value instanceof Optional)) throw new Error('no such overload')
    else if (value.hasValue()) fields.set(key.slice(1), value.value())
  }
  return fields
}

function patchOf(name: string, given: object): PatchValue {
  const fields = fieldsOf(given)
  const unknown = [...fields.keys()].find(key => !patchFields.has(key))
  if (unknown !== undefined) throw new Error(`undefined field '${unknown}'`)
  return new PatchValue(name, fields)
}

class PatchNamespace {
  readonly name = 'jsonpatch'
}

export function withMessages(environment: Environment): Environment {
  return environment
    .registerType('Object', { ctor: MessageValue })
    .registerType('JSONPatch', { ctor: PatchValue })
    .registerFunction(
      `${messageFunction}(string, map): Object`,
      (name: string, given: object) => new MessageValue(name, fieldsOf(given)),
    )
    .registerFunction(`${patchFunction}(string, map): JSONPatch`, patchOf)
    .registerType('PatchNamespace', { ctor: PatchNamespace })
    .registerConstant('jsonpatch', 'PatchNamespace', new PatchNamespace())
    .registerFunction(
      'PatchNamespace.escapeKey(string): string',
      (_: PatchNamespace, key: string) => key.replaceAll('~', '~0').replaceAll('/', '~1'),
    )
}
/**
 * Where an object's name does not say the place at which it stands, as in
 * `Object.spec{selector: Object.spec.wrong{}}`; null when all do.
 */
export function misplacedMessage(value: MessageValue): string | null {
  return misplaced(value, 'Object')
}

function misplaced(value: unknown, place: string): string | null {
  if (Array.isArray(value)) return firstOf(value.map(inner => misplaced(inner, place)))
  if (!(value instanceof MessageValue)) return null
  if (value.name !== place) {
    return `unexpected type name ${JSON.stringify(value.name)}, expected ${JSON.stringify(place)}, which matches field name path from root Object type`
  }
  return firstOf([...value.fields].map(([name, inner]) => misplaced(inner, `${place}.${name}`)))
}

function firstOf(found: readonly (string | null)[]): string | null {
  return found.find(one => one !== null) ?? null
}
