// Keys, ranges and the transaction language as etcdctl spells them. Pure.

import type { Compare, KeyRange, RequestOp } from '../../store/core/types.js'
import { UserError } from '../user-error.js'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
/** The byte 0: as a range's end it means "everything from the key on". */
const unbounded = new Uint8Array([0])

export interface RangeFlags {
  readonly prefix?: boolean
  readonly fromKey?: boolean
}

/** The first key behind all keys with this prefix; unbounded where there is none (all bytes 255). */
export function prefixEnd(prefix: Uint8Array): Uint8Array {
  for (let position = prefix.length - 1; position >= 0; position -= 1) {
    const byte = prefix[position]
    if (byte === undefined || byte === 0xff) continue
    // Not `slice`, which for a Buffer is a view: the prefix itself would be changed.
    const end = new Uint8Array(prefix.subarray(0, position + 1))
    end[position] = byte + 1
    return end
  }
  return unbounded
}

export function keyRange(key: string, rangeEnd: string | undefined, flags: RangeFlags): KeyRange {
  if (flags.prefix === true && flags.fromKey === true) {
    throw new UserError('--prefix and --from-key exclude each other.')
  }
  if (rangeEnd !== undefined && (flags.prefix === true || flags.fromKey === true)) {
    throw new UserError('A range end goes without --prefix and --from-key.')
  }
  if (flags.prefix === true) {
    return key === ''
      ? { key: unbounded, end: unbounded }
      : { key: bytes(key), end: prefixEnd(bytes(key)) }
  }
  if (flags.fromKey === true) return { key: key === '' ? unbounded : bytes(key), end: unbounded }
  if (rangeEnd !== undefined) return { key: bytes(key), end: bytes(rangeEnd) }
  return { key: bytes(key) }
}

/** Words of a line; double quotes hold blanks and take backslash escapes. */
export function words(line: string): readonly string[] {
  const found: string[] = []
  const pattern = /"((?:[^"\\]|\\.)*)"|([^\s"]\S*)/gy
  let rest = 0
  while (rest < line.length) {
    const blank = /\s*/y
    blank.lastIndex = rest
    rest += blank.exec(line)?.[0].length ?? 0
    if (rest >= line.length) break
    pattern.lastIndex = rest
    const match = pattern.exec(line)
    if (match === null) throw new UserError(`A quote is not closed in: ${line}`)
    found.push(match[1] === undefined ? (match[2] ?? '') : unescape(match[1]))
    rest = pattern.lastIndex
  }
  return found
}

const escapes: ReadonlyMap<string, string> = new Map([
  ['n', '\n'],
  ['t', '\t'],
  ['r', '\r'],
])

const unescape = (text: string): string =>
  text.replaceAll(/\\(.)/g, (_, letter: string) => escapes.get(letter) ?? letter)

const results = new Map([
  ['=', 'equal'],
  ['!=', 'notEqual'],
  ['>', 'greater'],
  ['<', 'less'],
] as const)

/** As in `mod("key") > "0"` or `value("key") = "text"`. */
export function parseCompare(line: string): Compare {
  const match = /^\s*(\w+)\(("(?:[^"\\]|\\.)*"|[^)]*)\)\s*(=|!=|<|>)\s*(.+?)\s*$/.exec(line)
  const [, target, quotedKey, sign, quotedValue] = match ?? []
  const result = results.get((sign ?? '') as '=' | '!=' | '>' | '<')
  if (
    target === undefined ||
    quotedKey === undefined ||
    quotedValue === undefined ||
    result === undefined
  ) {
    throw new UserError(`Not a comparison: ${line.trim()} (as in mod("key") > "0")`)
  }
  const key = bytes(words(quotedKey)[0] ?? '')
  const text = words(quotedValue)[0] ?? ''
  const number = (): number => {
    const value = Number(text)
    if (!Number.isSafeInteger(value))
      throw new UserError(`${target} is compared with a number, not with "${text}".`)
    return value
  }
  switch (target) {
    case 'value':
    case 'val':
      return { key, result, target: 'value', value: bytes(text) }
    case 'version':
    case 'ver':
      return { key, result, target: 'version', version: number() }
    case 'create':
    case 'c':
      return { key, result, target: 'create', createRevision: number() }
    case 'mod':
    case 'm':
      return { key, result, target: 'mod', modRevision: number() }
    case 'lease':
      return { key, result, target: 'lease', lease: number() }
    default:
      throw new UserError(
        `"${target}" cannot be compared: there are value, version, create, mod and lease.`,
      )
  }
}

/** As in `put key "some value"`, `get key [end]`, `del key [end]`, each with --prefix. */
export function parseOperation(line: string): RequestOp {
  const all = words(line)
  const flags = new Set(all.filter(word => word.startsWith('--')))
  const [verb, key, third] = all.filter(word => !word.startsWith('--'))
  if (key === undefined) throw new UserError(`An operation needs a key: ${line.trim()}`)
  const range = (): KeyRange =>
    keyRange(key, third, { prefix: flags.has('--prefix'), fromKey: flags.has('--from-key') })
  switch (verb) {
    case 'put':
      if (third === undefined) throw new UserError(`put needs a value: ${line.trim()}`)
      return { kind: 'put', request: { key: bytes(key), value: bytes(third) } }
    case 'get':
      return { kind: 'range', request: range() }
    case 'del':
      return { kind: 'deleteRange', request: range() }
    case undefined:
    default:
      throw new UserError(`"${verb}" is not an operation: there are get, put and del.`)
  }
}

export interface ParsedTxn {
  readonly compare: readonly Compare[]
  readonly success: readonly RequestOp[]
  readonly failure: readonly RequestOp[]
}

/** Three blocks of lines with an empty line between them: comparisons, success, failure. */
export function parseTxn(text: string): ParsedTxn {
  const blocks: string[][] = [[]]
  for (const line of text.split('\n')) {
    if (line.trim() === '') {
      if (blocks.length < 3) blocks.push([])
    } else blocks.at(-1)?.push(line)
  }
  const [compare = [], success = [], failure = []] = blocks
  return {
    compare: compare.map(parseCompare),
    success: success.map(parseOperation),
    failure: failure.map(parseOperation),
  }
}
