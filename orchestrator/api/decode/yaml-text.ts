// Reads YAML bodies with the rules that Kubernetes users rely on: the booleans of YAML 1.1 (yes, no,
// on, off), merge keys, and times left as text. Counterpart: sigs.k8s.io/yaml.

import { isMap, isScalar, isSeq, parseAllDocuments } from 'yaml'
import type { Document, Node } from 'yaml'
import type { Json } from '../object.js'
import { put } from '../record.js'
import { duplicateFieldsMax, exactNumber, JsonTextError, nestingMax } from './json-text.js'
import type { ParsedText } from './json-text.js'

/** More would let a short text stand for a huge object. */
const aliasesMax = 100

/** Tags of YAML 1.1 that JSON has nothing for, and base-60 numbers, which bite ports ("22:22"). */
const unwanted = ['timestamp', 'binary', 'omap', 'pairs', 'set']

/** @throws JsonTextError */
export function parseYamlText(text: string): ParsedText {
  const documents = parseAllDocuments(text, {
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
  const [document, second] = documents
  if (document === undefined || !('contents' in document)) {
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
