// The fieldPath of a rule: which field a refusal names. `.spec.a`, `['a-b'].c`; never into a list.
// Counterpart: ValidFieldPath of apiserver/schema/cel.

import type { JSONSchemaProps } from '../types/apiextensions.js'
import { furtherOf, propertyOf } from './schema-parts.js'

const stepsMax = 100

const escapes: ReadonlyMap<string, string> = new Map([
  ['a', '\x07'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['v', '\v'],
  ["'", "'"],
  ['\\', '\\'],
])

/** As it stands in causes, ".a.b" or ".a[key]" for a key of a map; null where the schema has no such field. */
export function shownFieldPath(schema: JSONSchemaProps, path: string): string | null {
  let rest = path
  let at: JSONSchemaProps = schema
  let shown = ''
  for (let steps = 0; rest !== '' || steps === 0; steps++) {
    const step = /^(?:\.([^.[\]]+)|\['((?:\\.|[^'\\])+)'\])/s.exec(rest)
    if (step === null || steps >= stepsMax) return null
    const name =
      step[1] ?? (step[2] ?? '').replace(/\\(.)/gs, (_, one: string) => escapes.get(one) ?? '')
    const property = propertyOf(at, name)
    const further = furtherOf(at)
    const next = property ?? (further === 'any' ? {} : further)
    if (next === null) return null
    shown += property === undefined ? `[${name}]` : `.${name}`
    at = next
    rest = rest.slice(step[0].length)
  }
  return shown
}
