// Reads YAML bodies with the rules that Kubernetes users rely on: the booleans of YAML 1.1 (yes, no,
// on, off), merge keys, and times left as text. Counterpart: sigs.k8s.io/yaml.

import { Composer, isMap, isScalar, isSeq, Lexer, Parser } from 'yaml'
import type { CST, Document, Node } from 'yaml'
import type { Json } from '../object.js'
import { put } from '../record.js'
import {
  duplicateFieldsMax,
  exactNumber,
  JsonTextError,
  nestingMax,
  parseJsonText,
} from './json-text.js'
import type { ParsedText } from './json-text.js'

/** More would let a short text stand for a huge object. */
const aliasesMax = 100

/** Tags of YAML 1.1 that JSON has nothing for, and base-60 numbers, which bite ports ("22:22"). */
const unwanted = ['timestamp', 'binary', 'omap', 'pairs', 'set']

/**
 * What YAML costs to read is its lexemes, not its characters: each some microseconds, a file in a
 * block scalar next to nothing. This many must not hold the server up for longer than a moment.
 */
export const yamlLexemesMax = 64 * 1024

/** Nothing larger is stored; what it costs to read grows with it too, if slowly. */
export const yamlCharactersMax = 1_536 * 1024

/** Each is read slowly, and a document has two at most. */
const directivesMax = 8

/** The engine needs time in the square of the digits to make a number of them. */
const digitsMax = 1_000

/** @throws JsonTextError */
export function parseYamlText(text: string): ParsedText {
  const json = /^\s*\{/.test(text) ? jsonIfAny(text) : null
  if (json !== null) return json
  if (text.length > yamlCharactersMax) {
    throw new JsonTextError(`a YAML body may have ${yamlCharactersMax} characters`)
  }
  try {
    return parseDocument(text)
  } catch (error) {
    // The parser recurses, so deep nesting ends in a RangeError of the engine.
    if (error instanceof RangeError) throw new JsonTextError('exceeded max depth')
    throw error
  }
}

/** JSON is YAML too; server-side apply sends it under YAML's media type. */
function jsonIfAny(text: string): ParsedText | null {
  try {
    return parseJsonText(text)
  } catch (error) {
    if (error instanceof JsonTextError) return null
    throw error
  }
}

/** Tokens that stand open at one time: a level of nesting is up to two. */
const openTokensMax = 2 * nestingMax

/** Indicators that stack up in one line; the lexer recurses on each. */
const indicatorsMax = 256

/**
 * The library recurses once a level, and running out of stack inside it can end the process (the
 * engine gives up when it cannot compile a regular expression there). So nesting is limited while
 * the tokens come, before anything recurses over them.
 */
function* limitedTokens(text: string): Generator<CST.Token, void> {
  const parser = new Parser()
  let lexemes = 0
  let directives = 0
  for (const lexeme of new Lexer().lex(text)) {
    lexemes += 1
    if (lexeme.startsWith('%')) directives += 1
    if (lexemes > yamlLexemesMax || directives > directivesMax) {
      throw new JsonTextError('the YAML body has too many parts; send JSON instead')
    }
    if (lexeme.length > digitsMax && /^[-+]?[0-9][0-9a-fxob_]*$/i.test(lexeme)) {
      throw new JsonTextError('a number has too many digits')
    }
    yield* parser.next(lexeme)
    if (parser.stack.length > openTokensMax) throw new JsonTextError('exceeded max depth')
  }
  yield* parser.end()
}

function limitIndicators(text: string): void {
  let count = 0
  let atWordStart = true
  for (let index = 0; index < text.length; index++) {
    const char = text[index] ?? ''
    if (char === '\n' || char === '\r') count = 0
    else if (atWordStart && '-?:!&'.includes(char)) count += 1
    if (count > indicatorsMax) throw new JsonTextError('exceeded max depth')
    atWordStart = char === ' ' || char === '\t' || char === '\n' || char === '\r'
  }
}

function parseDocument(text: string): ParsedText {
  limitIndicators(text)
  const composer = new Composer({
    version: '1.1',
    intAsBigInt: true,
    uniqueKeys: false,
    logLevel: 'silent',
    customTags: tags =>
      tags.filter(tag => {
        if (typeof tag === 'string') return !unwanted.includes(tag)
        const name = tag.tag.slice(tag.tag.lastIndexOf(':') + 1)
        return !unwanted.includes(name) && !('format' in tag && tag.format === 'TIME')
      }),
  })
  const documents = composer.compose(limitedTokens(text), true, text.length)
  const [document, second] = documents
  if (document === undefined || text.trim() === '') {
    throw new JsonTextError('the YAML body is empty')
  }
  if (second !== undefined) throw new JsonTextError('the YAML body holds more than one document')
  const wrong = document.errors[0]
  if (wrong !== undefined) throw new JsonTextError(wrong.message)
  const duplicates = new Set<string>()
  inspect(document.contents, '', 0, duplicates)
  return { value: jsonOf(contentsOf(document), 0), duplicateFields: [...duplicates] }
}

function contentsOf(document: Document.Parsed): unknown {
  try {
    return document.toJS({ maxAliasCount: aliasesMax, mapAsMap: true })
  } catch (error) {
    throw new JsonTextError(error instanceof Error ? error.message : 'the YAML body cannot be read')
  }
}

/** Finds keys that a map names twice, and refuses to go too deep. */
function inspect(node: Node | null, path: string, depth: number, found: Set<string>): void {
  if (depth > nestingMax) throw new JsonTextError('exceeded max depth')
  if (isSeq(node)) {
    for (const [index, item] of node.items.entries()) {
      inspect(item as Node | null, `${path}[${index}]`, depth + 1, found)
    }
  } else if (isMap(node)) {
    const seen = new Set<string>()
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.value) : ''
      const at = path === '' ? name : `${path}.${name}`
      if (seen.has(name) && found.size < duplicateFieldsMax) found.add(at)
      seen.add(name)
      inspect(value as Node | null, at, depth + 1, found)
    }
  }
}

function jsonOf(value: unknown, depth: number): Json {
  if (depth > nestingMax) throw new JsonTextError('exceeded max depth')
  if (value === null || value === undefined) return null
  if (typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'bigint') return exactNumber(String(value))
  if (typeof value === 'number') return exactNumber(String(value))
  if (Array.isArray(value)) return value.map(item => jsonOf(item, depth + 1))
  if (!(value instanceof Map)) throw new JsonTextError('the YAML body holds a value JSON has not')
  const object: { [key: string]: Json } = {}
  for (const [key, inner] of value) {
    if (typeof key === 'object' && key !== null) {
      throw new JsonTextError('a YAML map has a key that is no text')
    }
    put(object, String(key), jsonOf(inner, depth + 1))
  }
  return object
}
