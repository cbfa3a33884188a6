// Label and field selectors: what `-l` and `--field-selector` say, what spec.selector says, and
// whether an object matches. Counterpart: pkg/labels and pkg/fields of k8s.io/apimachinery.
// Parsing is one pass over the text, and its length is limited.

import { unreachable } from '../../platform/errors.js'
import type { Kind } from './kind.js'
import type { KubeObject } from './object.js'
import { badRequest } from './status.js'
import { labelValue, qualifiedName } from './validation/names.js'

export type LabelOperator = 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt'

export interface LabelRequirement {
  readonly key: string
  readonly operator: LabelOperator
  /** Sorted, without duplicates; empty for Exists and DoesNotExist, one integer for Gt and Lt. */
  readonly values: readonly string[]
}

/** All requirements must hold, so an empty selector matches everything. */
export type LabelSelector = readonly LabelRequirement[]

export type Labels = { readonly [key: string]: string }

/** As in `spec.selector` of a Deployment. */
export interface LabelSelectorObject {
  readonly matchLabels?: Labels
  readonly matchExpressions?: readonly {
    readonly key: string
    readonly operator: string
    readonly values?: readonly string[]
  }[]
}

export const selectorCharactersMax = 64 * 1024

type Token =
  | { readonly kind: 'word'; readonly text: string; readonly end: number }
  | { readonly kind: 'symbol'; readonly text: string; readonly end: number }
  | { readonly kind: 'end'; readonly text: ''; readonly end: number }

const symbols = ['==', '!=', '=', '!', '(', ')', ',', '>', '<'] as const

class SelectorParser {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  #peek(): Token {
    let at = this.#at
    while (at < this.#text.length && isSpace(this.#text.charCodeAt(at))) at++
    if (at >= this.#text.length) return { kind: 'end', text: '', end: at }
    for (const symbol of symbols) {
      if (this.#text.startsWith(symbol, at)) {
        return { kind: 'symbol', text: symbol, end: at + symbol.length }
      }
    }
    let end = at
    while (end < this.#text.length && !endsWord(this.#text.charCodeAt(end))) end++
    return { kind: 'word', text: this.#text.slice(at, end), end }
  }

  #next(): Token {
    const token = this.#peek()
    this.#at = token.end
    return token
  }

  parse(): LabelSelector {
    const requirements: LabelRequirement[] = []
    if (this.#peek().kind === 'end') return requirements
    for (;;) {
      requirements.push(this.#requirement())
      const token = this.#next()
      if (token.kind === 'end') return sortedRequirements(requirements)
      if (token.text !== ',') throw found(token, "',' or 'end of string'")
      const after = this.#peek()
      if (after.kind === 'end') throw found(after, "identifier after ','")
    }
  }

  #requirement(): LabelRequirement {
    const first = this.#next()
    if (first.text === '!') return requirement(this.#key(), 'DoesNotExist', [])
    if (first.kind !== 'word') throw found(first, "'!', identifier, or 'end of string'")
    const key = checkedKey(first.text)
    const operator = this.#peek()
    if (operator.kind === 'end' || operator.text === ',') return requirement(key, 'Exists', [])
    this.#next()
    switch (operator.text) {
      case '=':
      case '==':
        return requirement(key, 'In', [this.#value()])
      case '!=':
        return requirement(key, 'NotIn', [this.#value()])
      case 'in':
        return requirement(key, 'In', this.#values())
      case 'notin':
        return requirement(key, 'NotIn', this.#values())
      case '>':
        return requirement(key, 'Gt', [this.#value()])
      case '<':
        return requirement(key, 'Lt', [this.#value()])
      default:
        throw found(operator, 'in, notin, =, ==, !=, gt, lt')
    }
  }

  #key(): string {
    const token = this.#next()
    if (token.kind !== 'word') throw found(token, 'identifier')
    return checkedKey(token.text)
  }

  /** What follows `=`; nothing stands for the empty value. */
  #value(): string {
    const token = this.#peek()
    if (token.kind === 'end' || token.text === ',') return ''
    if (token.kind !== 'word') throw found(token, 'identifier')
    this.#next()
    return token.text
  }

  #values(): readonly string[] {
    const open = this.#next()
    if (open.text !== '(') throw found(open, "'('")
    const values: string[] = []
    let expectsValue = true
    for (;;) {
      const token = this.#next()
      if (token.kind === 'word') {
        if (!expectsValue) throw found(token, "',' or ')'")
        values.push(token.text)
        expectsValue = false
      } else if (token.text === ',' || token.text === ')') {
        if (expectsValue) values.push('')
        if (token.text === ')') return values
        expectsValue = true
      } else {
        throw found(token, "',', ')' or identifier")
      }
    }
  }
}

function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d)
}

function endsWord(code: number): boolean {
  return isSpace(code) || '=!(),><'.includes(String.fromCharCode(code))
}

function found(token: Token, expected: string): Error {
  return badRequest(`unable to parse requirement: found '${token.text}', expected: ${expected}`)
}

function checkedKey(key: string): string {
  const wrong = qualifiedName(key)[0]
  if (wrong === undefined) return key
  throw badRequest(`unable to parse requirement: key: Invalid value: "${key}": ${wrong}`)
}

function requirement(
  key: string,
  operator: LabelOperator,
  values: readonly string[],
): LabelRequirement {
  const wrong = values.flatMap(value => labelValue(value).map(text => [value, text] as const))[0]
  if (wrong !== undefined) {
    const [value, text] = wrong
    throw badRequest(`unable to parse requirement: values: Invalid value: "${value}": ${text}`)
  }
  if ((operator === 'Gt' || operator === 'Lt') && integerOf(values[0]) === null) {
    throw badRequest(
      `unable to parse requirement: values[0]: Invalid value: "${values[0] ?? ''}": ` +
        "for 'Gt', 'Lt' operators, the value must be an integer",
    )
  }
  return { key, operator, values: [...new Set(values)].sort() }
}

function sortedRequirements(requirements: readonly LabelRequirement[]): LabelSelector {
  return requirements.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
}

/**
 * The selector of `kubectl -l`: `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b)`, `a`, `!a`, `a>1`.
 * @throws ApiError BadRequest
 */
export function parseLabelSelector(text: string): LabelSelector {
  if (text.length > selectorCharactersMax) throw badRequest('label selector is too long')
  return new SelectorParser(text).parse()
}

/**
 * null and undefined select nothing, which the answer null stands for; `{}` selects everything.
 * The object must have passed validation.
 */
export function labelSelectorFromObject(
  selector: LabelSelectorObject | null | undefined,
): LabelSelector | null {
  if (selector === null || selector === undefined) return null
  const requirements: LabelRequirement[] = [...labelSelectorFromMap(selector.matchLabels ?? {})]
  for (const { key, operator, values } of selector.matchExpressions ?? []) {
    if (!isOperator(operator)) {
      throw badRequest(`"${operator}" is not a valid label selector operator`)
    }
    requirements.push({ key, operator, values: [...new Set(values ?? [])].sort() })
  }
  return sortedRequirements(requirements)
}

function isOperator(operator: string): operator is 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' {
  return ['In', 'NotIn', 'Exists', 'DoesNotExist'].includes(operator)
}

/** Of a plain map, as in `spec.selector` of a Service. */
export function labelSelectorFromMap(labels: Labels): LabelSelector {
  const requirements = Object.entries(labels).map(([key, value]) => ({
    key,
    operator: 'In' as const,
    values: [value],
  }))
  return sortedRequirements(requirements)
}

export function matchesLabels(selector: LabelSelector, labels: Labels | undefined): boolean {
  return selector.every(requirement => matchesRequirement(requirement, labels))
}

export function matchesRequirement(
  { key, operator, values }: LabelRequirement,
  labels: Labels | undefined,
): boolean {
  // Labels come from users: only own keys count, never what Object.prototype has.
  const value = labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotIn':
      return value === undefined || !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
    case 'Gt':
    case 'Lt': {
      const actual = integerOf(value)
      const limit = integerOf(values[0])
      if (actual === null || limit === null) return false
      return operator === 'Gt' ? actual > limit : actual < limit
    }
    default:
      return unreachable(operator)
  }
}

function integerOf(text: string | undefined): bigint | null {
  return text !== undefined && /^[-+]?[0-9]{1,19}$/.test(text)
    ? BigInt(text.replace('+', ''))
    : null
}

/** The text that parses back to the same selector, as status.selector of a Scale carries it. */
export function formatLabelSelector(selector: LabelSelector): string {
  return selector.map(formatRequirement).join(',')
}

function formatRequirement({ key, operator, values }: LabelRequirement): string {
  switch (operator) {
    case 'In':
      return values.length === 1 ? `${key}=${values[0]}` : `${key} in (${values.join(',')})`
    case 'NotIn':
      return values.length === 1 ? `${key}!=${values[0]}` : `${key} notin (${values.join(',')})`
    case 'Exists':
      return key
    case 'DoesNotExist':
      return `!${key}`
    case 'Gt':
      return `${key}>${values[0]}`
    case 'Lt':
      return `${key}<${values[0]}`
    default:
      return unreachable(operator)
  }
}

export interface FieldRequirement {
  readonly field: string
  readonly operator: '=' | '!='
  readonly value: string
}

/**
 * `a=b,c!=d`; `\,`, `\=` and `\\` stand for themselves.
 * @throws ApiError BadRequest
 */
export function parseFieldSelector(text: string): readonly FieldRequirement[] {
  if (text.length > selectorCharactersMax) throw badRequest('field selector is too long')
  return splitUnescaped(text)
    .filter(term => term !== '')
    .map(term => fieldRequirement(term, text))
}

function splitUnescaped(text: string): readonly string[] {
  const terms: string[] = []
  let start = 0
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === ',') {
      terms.push(text.slice(start, at))
      start = at + 1
    }
  }
  terms.push(text.slice(start))
  return terms
}

function fieldRequirement(term: string, whole: string): FieldRequirement {
  const match = /^([^=!]*)(==|!=|=)(.*)$/s.exec(term)
  const [, field, operator, value] = match ?? []
  if (field === undefined || operator === undefined || value === undefined) {
    throw badRequest(`invalid selector: '${whole}'; can't understand '${term}'`)
  }
  return { field, operator: operator === '!=' ? '!=' : '=', value: unescaped(value, whole) }
}

function unescaped(value: string, whole: string): string {
  let result = ''
  for (let at = 0; at < value.length; at++) {
    const char = value[at] ?? ''
    if (char === '\\') {
      const next = value[++at]
      if (next !== '\\' && next !== ',' && next !== '=') {
        throw badRequest(`invalid field selector '${whole}': invalid escape sequence`)
      }
      result += next
    } else if (char === '=') {
      throw badRequest(`invalid field selector '${whole}': unescaped character in value: =`)
    } else {
      result += char
    }
  }
  return result
}

function fieldReader(kind: Kind, field: string): (object: KubeObject) => string {
  if (field === 'metadata.name') return object => object.metadata.name ?? ''
  if (field === 'metadata.namespace') return object => object.metadata.namespace ?? ''
  const read = Object.hasOwn(kind.fieldSelectors, field) ? kind.fieldSelectors[field] : undefined
  if (read !== undefined) return read
  throw badRequest(`field label not supported: ${field}`)
}

/**
 * A test for objects of one kind; metadata.name and metadata.namespace work for all. `valueOf`: how `read`
 * is applied to what is tested, for those who keep what was read.
 * @throws ApiError BadRequest for a field that the kind cannot be selected by
 */
export function compileFieldSelector<T>(
  kind: Kind,
  requirements: readonly FieldRequirement[],
  valueOf: (subject: T, field: string, read: (object: KubeObject) => string) => string,
): (subject: T) => boolean {
  const tests = requirements.map(({ field, operator, value }) => {
    const read = fieldReader(kind, field)
    return (subject: T) => (valueOf(subject, field, read) === value) === (operator === '=')
  })
  return subject => tests.every(test => test(subject))
}
