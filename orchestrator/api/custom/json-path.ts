// JSONPath as printer columns, selectable fields and the paths of subresources use it: fields, list
// places, wildcards and filters. No recursion and no scripts: the work is linear in what is looked at.
// Counterpart: client-go's util/jsonpath.

import { unreachable } from '../../../platform/errors.js'
import type { Json } from '../object.js'
import { isJsonObject, own } from '../record.js'
import { isList } from './schema-parts.js'

type Comparison = '==' | '!=' | '<=' | '>=' | '<' | '>'

type Step =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'all' }
  | { readonly kind: 'slice'; readonly from: number | null; readonly to: number | null }
  | { readonly kind: 'index'; readonly at: number }
  | {
      readonly kind: 'filter'
      readonly path: JsonPath
      readonly comparison: Comparison | null
      readonly literal: Json
    }

export type JsonPath = readonly Step[]

export const pathCharactersMax = 1_024
const stepsMax = 64

/** Null when it cannot be read. Paths begin with a dot or a bracket. */
export function parseJsonPath(text: string): JsonPath | null {
  if (text.length > pathCharactersMax) return null
  return stepsOf(text.startsWith('$') ? text.slice(1) : text, 0)
}

function stepsOf(text: string, filters: number): JsonPath | null {
  const steps: Step[] = []
  let rest = text
  while (rest !== '') {
    if (steps.length >= stepsMax) return null
    const taken = rest.startsWith('[') ? bracket(rest, filters) : dotted(rest)
    if (taken === null) return null
    if (taken.step !== null) steps.push(taken.step)
    rest = taken.rest
  }
  return steps
}

interface Taken {
  readonly step: Step | null
  readonly rest: string
}

function dotted(text: string): Taken | null {
  if (!text.startsWith('.')) return null
  if (text === '.') return { step: null, rest: '' }
  if (text.startsWith('.*')) return { step: { kind: 'all' }, rest: text.slice(2) }
  let name = ''
  let at = 1
  for (; at < text.length; at++) {
    const character = text[at] ?? ''
    if (character === '\\' && at + 1 < text.length) name += text[++at] ?? ''
    else if (/[\s.[\](){}'"=<>!,]/.test(character)) break
    else name += character
  }
  return name === '' ? null : { step: { kind: 'field', name }, rest: text.slice(at) }
}

function bracket(text: string, filters: number): Taken | null {
  const end = closing(text)
  if (end === -1) return null
  const inner = text.slice(1, end).trim()
  const rest = text.slice(end + 1)
  if (inner === '*') return { step: { kind: 'all' }, rest }
  const quoted = /^'([^']*)'$|^"([^"]*)"$/.exec(inner)
  if (quoted !== null) {
    return { step: { kind: 'field', name: quoted[1] ?? quoted[2] ?? '' }, rest }
  }
  if (/^-?\d{1,9}$/.test(inner)) return { step: { kind: 'index', at: Number(inner) }, rest }
  const slice = /^(-?\d{1,9})?:(-?\d{1,9})?$/.exec(inner)
  if (slice !== null) {
    const number = (digits: string | undefined) => (digits === undefined ? null : Number(digits))
    return { step: { kind: 'slice', from: number(slice[1]), to: number(slice[2]) }, rest }
  }
  const filter = /^\?\((.*)\)$/.exec(inner)
  if (filter === null || filters > 0) return null
  const step = filterOf((filter[1] ?? '').trim())
  return step === null ? null : { step, rest }
}

/** Where the bracket that the text begins with closes; quotes and inner brackets are passed over. */
function closing(text: string): number {
  let depth = 0
  let quote = ''
  for (let at = 0; at < text.length; at++) {
    const character = text[at] ?? ''
    if (quote !== '') {
      if (character === quote) quote = ''
    } else if (character === "'" || character === '"') quote = character
    else if (character === '[') depth++
    else if (character === ']' && --depth === 0) return at
  }
  return -1
}

function filterOf(text: string): Step | null {
  if (!text.startsWith('@')) return null
  const operator = /==|!=|<=|>=|<|>/.exec(text)
  const pathText = operator === null ? text : text.slice(0, operator.index)
  const path = stepsOf(pathText.slice(1).trim(), 1)
  if (path === null) return null
  if (operator === null) return { kind: 'filter', path, comparison: null, literal: null }
  const literal = literalOf(text.slice(operator.index + operator[0].length).trim())
  if (literal === undefined) return null
  return { kind: 'filter', path, comparison: operator[0] as Comparison, literal }
}

function literalOf(text: string): Json | undefined {
  const quoted = /^'([^']*)'$|^"([^"]*)"$/.exec(text)
  if (quoted !== null) return quoted[1] ?? quoted[2] ?? ''
  if (text === 'true' || text === 'false') return text === 'true'
  return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : undefined
}

/** Fields only, without lists: what paths of subresources and selectable fields may be. */
export function fieldNames(path: JsonPath): readonly string[] | null {
  const names = path.flatMap(step => (step.kind === 'field' ? [step.name] : []))
  return names.length === path.length ? names : null
}

/** All values that the path leads to. */
export function valuesAt(path: JsonPath, value: Json): readonly Json[] {
  let values: readonly Json[] = [value]
  for (const step of path) values = values.flatMap(inner => taken(step, inner))
  return values
}

function taken(step: Step, value: Json): readonly Json[] {
  switch (step.kind) {
    case 'field': {
      if (!isJsonObject(value)) return []
      const inner = own(value, step.name)
      return inner === undefined ? [] : [inner]
    }
    case 'all':
      return elementsOf(value)
    case 'index': {
      if (!isList(value)) return []
      const found = value.at(step.at)
      return found === undefined ? [] : [found]
    }
    case 'slice':
      return isList(value) ? value.slice(step.from ?? 0, step.to ?? undefined) : []
    case 'filter':
      return isList(value) ? value.filter(item => passes(step, item)) : []
    default:
      return unreachable(step)
  }
}

function elementsOf(value: Json): readonly Json[] {
  if (isList(value)) return value
  return isJsonObject(value) ? Object.values(value).filter(v => v !== undefined) : []
}

function passes(step: Extract<Step, { kind: 'filter' }>, item: Json): boolean {
  const found = valuesAt(step.path, item)[0]
  if (step.comparison === null) return found !== undefined
  if (found === undefined || typeof found !== typeof step.literal) return false
  const { literal } = step
  switch (step.comparison) {
    case '==':
      return found === literal
    case '!=':
      return found !== literal
    case '<=':
      return before(found, literal) || found === literal
    case '>=':
      return before(literal, found) || found === literal
    case '<':
      return before(found, literal)
    case '>':
      return before(literal, found)
    default:
      return unreachable(step.comparison)
  }
}

function before(a: Json, b: Json): boolean {
  if (typeof a === 'number' && typeof b === 'number') return a < b
  return typeof a === 'string' && typeof b === 'string' && a < b
}
