// Objects as a request brings them to a kind's rules: decoded and with their defaults.

import { checkShape } from '../decode.js'
import { kinds } from '../kinds.js'
import type { Kind } from '../kind.js'
import { mergePatch } from '../merge/merge-patch.js'
import type { Json, JsonObject, KubeObject } from '../object.js'
import { validateObject } from '../validation/object.js'

/** By the name of the kind, which is unique among those that are served. */
export function kindNamed(name: string): Kind {
  const kind = kinds.find(candidate => candidate.kind === name)
  if (kind === undefined) throw new Error(`no kind ${name}`)
  return kind
}

/** Throws when a field has a wrong type. */
export function checked(kindName: string, rest: JsonObject, patch: Json = {}): KubeObject {
  const kind = kindNamed(kindName)
  const metadata = { name: 'x', ...(kind.namespaced ? { namespace: 'default' } : {}) }
  const apiVersion = kind.group === '' ? kind.version : `${kind.group}/${kind.version}`
  const whole = mergePatch({ apiVersion, kind: kindName, metadata, ...rest }, patch)
  const shape = checkShape(kind, whole)
  if (shape.typeErrors.length > 0) throw new Error(JSON.stringify(shape.typeErrors))
  return kind.withDefaults(shape.object as unknown as KubeObject)
}

/** What is wrong with an object, a line an error; `old` is null on create. */
export function errorLines(object: KubeObject, old: KubeObject | null = null): string[] {
  const errors = validateObject(kindNamed(object.kind), object, old)
  return errors.map(error => `${error.field}: ${error.message}`)
}
