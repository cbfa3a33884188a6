// Reads JSON text as the API needs it: keys that occur twice are reported, nesting is limited, and an
// integer that a JavaScript number cannot hold exactly is refused instead of rounded.
// Counterpart: sigs.k8s.io/json. One pass; every input either parses or throws JsonTextError.

import type { Json } from '../object.js'
import { put } from '../record.js'

export const nestingMax = 200
export const duplicateFieldsMax = 100

export interface ParsedText {
  readonly value: Json
  /** As in `spec.replicas`; at most duplicateFieldsMax of them. */
  readonly duplicateFields: readonly string[]
}

export class JsonTextError extends Error {}

const numberExpression = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const escapes: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
])

class JsonReader {
  readonly #text: string
  readonly #path: string[] = []
  readonly duplicates = new Set<string>()
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  document(): Json {
    const value = this.#value()
    this.#space()
    if (this.#at < this.#text.length) throw this.#unexpected('after top-level value')
    return value
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return
      this.#at += 1
    }
  }

  #unexpected(where: string): JsonTextError {
    const char = this.#text[this.#at]
    if (char === undefined) return new JsonTextError('unexpected end of JSON input')
    const shown = JSON.stringify(char).slice(1, -1)
    return new JsonTextError(`invalid character '${shown}' ${where}`)
  }

  #value(): Json {
    this.#space()
    switch (this.#text[this.#at] ?? '') {
      case '{':
        return this.#object()
      case '[':
        return this.#array()
      case '"':
        return this.#string()
      case 't':
        return this.#word('true', true)
      case 'f':
        return this.#word('false', false)
      case 'n':
        return this.#word('null', null)
      default:
        return this.#number()
    }
  }

  #word(word: string, value: Json): Json {
    if (!this.#text.startsWith(word, this.#at)) {
      throw this.#unexpected('looking for beginning of value')
    }
    this.#at += word.length
    return value
  }

  #number(): number {
    numberExpression.lastIndex = this.#at
    const literal = numberExpression.exec(this.#text)?.[0]
    if (literal === undefined) throw this.#unexpected('looking for beginning of value')
    this.#at += literal.length
    return exactNumber(literal)
  }

  #string(): string {
    this.#at += 1
    let result = ''
    for (;;) {
      const plain = this.#plain()
      const char = this.#text[this.#at]
      if (char === '"') {
        this.#at += 1
        return result === '' ? plain : wellFormed(result + plain)
      }
      if (char !== '\\') throw this.#unexpected('in string literal')
      result += plain + this.#escape()
    }
  }

  /** Up to a quote, a backslash, a control character or the end. */
  #plain(): string {
    const start = this.#at
    for (;;) {
      const code = this.#text.charCodeAt(this.#at)
      // NaN, past the end, fails the comparison too.
      if (!(code >= 0x20) || code === 0x22 || code === 0x5c) break
      this.#at += 1
    }
    return this.#text.slice(start, this.#at)
  }

  #escape(): string {
    this.#at += 1
    const char = this.#text[this.#at] ?? ''
    const simple = escapes.get(char)
    if (simple !== undefined) {
      this.#at += 1
      return simple
    }
    const hex = this.#text.slice(this.#at + 1, this.#at + 5)
    if (char !== 'u' || !/^[0-9a-fA-F]{4}$/.test(hex)) {
      throw this.#unexpected('in string escape code')
    }
    this.#at += 5
    return String.fromCharCode(Number.parseInt(hex, 16))
  }

  #enter(step: string): void {
    this.#path.push(step)
    if (this.#path.length > nestingMax) throw new JsonTextError('exceeded max depth')
  }

  #object(): Json {
    const object: { [key: string]: Json } = {}
    this.#at += 1
    this.#space()
    if (this.#text[this.#at] === '}') {
      this.#at += 1
      return object
    }
    for (;;) {
      this.#space()
      if (this.#text[this.#at] !== '"') {
        throw this.#unexpected('looking for beginning of object key string')
      }
      const key = this.#string()
      this.#space()
      if (this.#text[this.#at] !== ':') throw this.#unexpected('after object key')
      this.#at += 1
      this.#enter(this.#path.length === 0 ? key : `.${key}`)
      if (Object.hasOwn(object, key) && this.duplicates.size < duplicateFieldsMax) {
        this.duplicates.add(this.#path.join(''))
      }
      put(object, key, this.#value())
      this.#path.pop()
      if (this.#ends('}', 'after object key:value pair')) return object
    }
  }

  #array(): Json {
    const array: Json[] = []
    this.#at += 1
    this.#space()
    if (this.#text[this.#at] === ']') {
      this.#at += 1
      return array
    }
    for (;;) {
      this.#enter(`[${array.length}]`)
      array.push(this.#value())
      this.#path.pop()
      if (this.#ends(']', 'after array element')) return array
    }
  }

  /** Past a comma, or past the closing bracket, which returns true. */
  #ends(close: string, where: string): boolean {
    this.#space()
    const char = this.#text[this.#at]
    if (char !== ',' && char !== close) throw this.#unexpected(where)
    this.#at += 1
    return char === close
  }
}

/** Escapes can write half a surrogate pair, which no encoding has: it becomes U+FFFD, as in Go. */
function wellFormed(text: string): string {
  return /\p{Surrogate}/u.test(text) ? decoder.decode(encoder.encode(text)) : text
}

/**
 * The number of a literal. An integer must print as it was written, so that what is stored and
 * sent on is what the user said.
 */
export function exactNumber(literal: string): number {
  const value = Number(literal)
  if (!Number.isFinite(value))
    throw new JsonTextError(`number ${shortened(literal)} is out of range`)
  if (/^-?[0-9]+$/.test(literal) && !Number.isSafeInteger(value) && String(value) !== literal) {
    throw new JsonTextError(`number ${shortened(literal)} cannot be kept exactly`)
  }
  return Object.is(value, -0) ? 0 : value
}

const shownDigitsMax = 40

/** An error must not carry a megabyte of digits back. */
function shortened(literal: string): string {
  return literal.length <= shownDigitsMax ? literal : `${literal.slice(0, shownDigitsMax)}...`
}

/** @throws JsonTextError */
export function parseJsonText(text: string): ParsedText {
  const reader = new JsonReader(text)
  const value = reader.document()
  return { value, duplicateFields: [...reader.duplicates] }
}
