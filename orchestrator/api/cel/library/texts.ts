// Functions on strings, with characters counted as code points and costs known before the work, and
// regular expressions in time linear in the text. Counterpart: ext.Strings of cel-go, and
// k8s.io/apiserver/pkg/cel/library regex.

import type { Environment } from '@marcbachmann/cel-js'
import { compilePattern, matchesPattern } from '../../pattern.js'
import { spend } from '../metering.js'
import { formatted } from './string-format.js'

const charactersPerStep = 16
const findAllMost = 1_000

/** For texts of `length` characters that are about to be made. */
function spendOnText(length: number): void {
  spend(Math.floor(length / charactersPerStep))
}

const isAscii = (text: string) => !/[^\0-\x7f]/.test(text)

/** The text by characters. */
function characters(text: string): readonly string[] | string {
  return isAscii(text) ? text : Array.from(text)
}

function spendOnMatch(text: string, pattern: string): void {
  spend(Math.ceil(text.length / 10) * Math.ceil(pattern.length / 4))
}

function found(text: string, pattern: string, most: number): string[] {
  const expression = compilePattern(pattern)
  if (expression === null) throw new Error(`Illegal regex: ${pattern}`)
  spendOnMatch(text, pattern)
  const matcher = expression.matcher(text)
  const all: string[] = []
  while (all.length < most && matcher.find()) all.push(matcher.group() ?? '')
  return all
}

function matches(text: string, pattern: string): boolean {
  if (compilePattern(pattern) === null) throw new Error(`Illegal regex: ${pattern}`)
  spendOnMatch(text, pattern)
  return matchesPattern(pattern, text)
}

function slice(text: string, start: bigint, end: bigint): string {
  const all = characters(text)
  if (start > end) {
    throw new Error(`invalid substring range. start: ${start}, end: ${end}`)
  }
  if (start < 0n || start > all.length) throw new Error(`index out of range: ${start}`)
  if (end < 0n || end > all.length) throw new Error(`index out of range: ${end}`)
  const part = all.slice(Number(start), Number(end))
  return typeof part === 'string' ? part : part.join('')
}

function length(text: string): bigint {
  return BigInt(characters(text).length)
}

function characterAt(text: string, at: bigint): string {
  const all = characters(text)
  if (at < 0n || at > all.length) throw new Error(`index out of range: ${at}`)
  return all[Number(at)] ?? ''
}

/** From code units to characters. */
function place(text: string, at: number): bigint {
  return at <= 0 ? BigInt(at) : length(text.slice(0, at))
}

/** From characters to code units. */
function unitsBefore(text: string, at: bigint): number {
  if (at < 0n || at > length(text)) throw new Error(`index out of range: ${at}`)
  return slice(text, 0n, at).length
}

function spendOnSearch(text: string, sought: string): void {
  spend(Math.floor((text.length * Math.min(sought.length, 64)) / 256))
}

function indexOf(text: string, sought: string, from: bigint): bigint {
  spendOnSearch(text, sought)
  return place(text, text.indexOf(sought, unitsBefore(text, from)))
}

function lastIndexOf(text: string, sought: string, from: bigint | null): bigint {
  spendOnSearch(text, sought)
  const until = from === null ? text.length : unitsBefore(text, from)
  return place(text, text.lastIndexOf(sought, until))
}

function replaced(text: string, old: string, by: string, most: bigint): string {
  spendOnSearch(text, old)
  const parts = old === '' ? Array.from(text) : text.split(old)
  const many = most < 0n ? Infinity : Number(most)
  const pieces = old === '' ? ['', ...parts, ''] : parts
  const times = Math.min(many, pieces.length - 1)
  spendOnText(text.length + by.length * times + pieces.length * charactersPerStep)
  const result = pieces.slice(0, times + 1).join(by)
  return pieces.slice(times + 1).reduce((sum, piece) => sum + old + piece, result)
}

function split(text: string, separator: string, most: bigint): string[] {
  spendOnSearch(text, separator)
  if (most === 0n) return []
  const parts = separator === '' ? Array.from(text) : text.split(separator)
  spend(parts.length)
  if (most < 0n || parts.length <= most) return parts
  const kept = parts.slice(0, Number(most) - 1)
  return [...kept, parts.slice(Number(most) - 1).join(separator)]
}

function joined(list: readonly unknown[], separator: string): string {
  let total = separator.length * list.length
  for (const one of list) {
    if (typeof one !== 'string') throw new Error('no such overload')
    total += one.length
  }
  spendOnText(total)
  return list.join(separator)
}

const lower = (text: string) => text.replace(/[A-Z]+/g, part => part.toLowerCase())
const upper = (text: string) => text.replace(/[a-z]+/g, part => part.toUpperCase())

const escapes: ReadonlyMap<string, string> = new Map([
  ['\u0007', '\\a'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  ['\v', '\\v'],
  ['\\', '\\\\'],
  ['"', '\\"'],
])

function quoted(text: string): string {
  spendOnText(2 * text.length)
  return `"${Array.from(text)
    .map(character => escapes.get(character) ?? character)
    .join('')}"`
}

export function withTexts(environment: Environment): Environment {
  return environment
    .registerFunction('string.matchesOwn(string): bool', matches)
    .registerFunction('matches(string, string): bool', matches)
    .registerFunction('string.find(string): string', (text: string, pattern: string) => {
      return found(text, pattern, 1)[0] ?? ''
    })
    .registerFunction('string.findAll(string): list<string>', (text: string, pattern: string) =>
      found(text, pattern, findAllMost),
    )
    .registerFunction(
      'string.findAll(string, int): list<string>',
      (text: string, pattern: string, most: bigint) =>
        found(text, pattern, most < 0n ? findAllMost : Number(most)),
    )
    .registerFunction('string.charAt(int): string', characterAt)
    .registerFunction('string.indexOfOwn(string): int', (text: string, sought: string) =>
      indexOf(text, sought, 0n),
    )
    .registerFunction('string.indexOfOwn(string, int): int', indexOf)
    .registerFunction('string.lastIndexOfOwn(string): int', (text: string, sought: string) =>
      lastIndexOf(text, sought, null),
    )
    .registerFunction('string.lastIndexOfOwn(string, int): int', lastIndexOf)
    .registerFunction('string.substringOwn(int): string', (text: string, start: bigint) =>
      slice(text, start, length(text)),
    )
    .registerFunction('string.substringOwn(int, int): string', slice)
    .registerFunction(
      'string.replace(string, string): string',
      (text: string, old: string, by: string) => replaced(text, old, by, -1n),
    )
    .registerFunction('string.replace(string, string, int): string', replaced)
    .registerFunction('string.splitOwn(string): list<string>', (text: string, by: string) =>
      split(text, by, -1n),
    )
    .registerFunction('string.splitOwn(string, int): list<string>', split)
    .registerFunction('list<string>.joinOwn(): string', (list: readonly unknown[]) =>
      joined(list, ''),
    )
    .registerFunction('list<string>.joinOwn(string): string', joined)
    .registerFunction('string.lowerAsciiOwn(): string', lower)
    .registerFunction('string.upperAsciiOwn(): string', upper)
    .registerFunction('string.trimOwn(): string', (text: string) => text.trim())
    .registerFunction('string.reverse(): string', (text: string) =>
      Array.from(text).reverse().join(''),
    )
    .registerFunction('string.format(list): string', formatted)
    .registerType('StringsNamespace', { ctor: StringsNamespace })
    .registerConstant('strings', 'StringsNamespace', new StringsNamespace())
    .registerFunction(
      'StringsNamespace.quote(string): string',
      (_: StringsNamespace, text: string) => quoted(text),
    )
}

class StringsNamespace {
  readonly name = 'strings'
}
