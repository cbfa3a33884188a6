// What calling each function costs at most, beside its arguments. Counterpart: EstimateCallCost of
// k8s.io/apiserver/pkg/cel/library, and functionCost of cel-go's checker. What a rule costs decides whether a definition is
// accepted, so these are the numbers of Kubernetes.

import {
  boolType,
  bytesType,
  costOf,
  durationType,
  dynType,
  exactly,
  listType,
  mapType,
  multiplied,
  numberType,
  optionalType,
  ownType,
  perCharacter,
  perPatternCharacter,
  stringType,
  timeType,
  together,
  unknownSize,
} from './cost-sizes.js'
import type { Size, SizedType } from './cost-sizes.js'

/** An argument as far as its cost matters. */
export interface Argument {
  readonly type: SizedType
  readonly size: Size
  /** Of an element, where it is a list. */
  readonly itemSize: Size
  /** The number that stands there, if one does. */
  readonly literal: number | null
}

export interface CallCost {
  readonly cost: number
  readonly type: SizedType
  /** Null where it follows from the type, or is not known. */
  readonly size: Size | null
}

type Estimate = (args: readonly Argument[]) => CallCost | null

const once = (type: SizedType): Estimate => {
  const known: CallCost = { cost: 1, type, size: null }
  return () => known
}

/** Looks through the text that comes first. `keeps`: what it makes is no longer than that. */
function scan(type: SizedType, factor = perCharacter, keeps = false): Estimate {
  return ([text]) =>
    text === undefined
      ? null
      : { cost: costOf(text.size, factor), type, size: keeps ? text.size : null }
}

const stretched = ({ min, max }: Size): Size => ({ min: min + 1, max: max + 1 })

/** A pattern, the second, against a text, the first. */
function patternCost(text: Argument, pattern: Argument): number {
  return costOf(stretched(text.size), perCharacter) * costOf(pattern.size, perPatternCharacter)
}

function found(type: SizedType): Estimate {
  return ([text, pattern]) =>
    text === undefined || pattern === undefined
      ? null
      : { cost: patternCost(text, pattern), type, size: { min: 0, max: text.size.max } }
}

/** Looks at every element of a list, or through a text. */
function searched(type: 'item' | SizedType): Estimate {
  return ([list]) => {
    if (list === undefined) return null
    const { item } = list.type
    if (item === undefined) {
      return {
        cost: costOf(list.size, perCharacter),
        type: type === 'item' ? dynType : type,
        size: null,
      }
    }
    const isText = item.kind === 'string' || item.kind === 'bytes'
    const each = 1 + (isText ? costOf(list.itemSize, perCharacter) : 0)
    return { cost: list.size.max * each, type: type === 'item' ? item : type, size: null }
  }
}

/** The longest and the shortest that comes of putting one text in the place of another. */
function replacedSize(text: Size, old: Size, by: Size): Size {
  const most =
    old.min === 0
      ? (text.max + 1) * by.max + text.max
      : by.max <= old.min
        ? text.max
        : Math.ceil(text.max / old.min) * by.max
  const least =
    old.max === 0
      ? (text.min + 1) * by.min + text.min
      : old.max <= by.min
        ? text.min
        : Math.ceil(text.min / old.max) * by.min
  return { min: least, max: most }
}

const replace: Estimate = ([text, old, by]) => {
  if (text === undefined || old === undefined || by === undefined) return null
  const size = replacedSize(text.size, old.size, by.size)
  return { cost: costOf(text.size, 2 * perCharacter), type: stringType, size }
}

const split: Estimate = ([text, , most]) => {
  if (text === undefined) return null
  const size = { min: 0, max: most?.literal ?? text.size.max }
  return { cost: costOf(text.size, 2 * perCharacter), type: listType(stringType), size }
}

const join: Estimate = ([list, separator]) => {
  if (list === undefined) return null
  const texts = list.type.item === undefined ? exactly(0) : multiplied(list.size, list.itemSize)
  const gaps = { min: Math.max(0, list.size.min - 1), max: Math.max(0, list.size.max - 1) }
  const size = separator === undefined ? texts : together(texts, multiplied(separator.size, gaps))
  return { cost: costOf(size, perCharacter), type: stringType, size }
}

const matches: Estimate = ([text, pattern]) =>
  text === undefined || pattern === undefined
    ? null
    : { cost: patternCost(text, pattern), type: boolType, size: null }

const contains: Estimate = ([text, sought]) =>
  text === undefined || sought === undefined
    ? null
    : {
        cost: costOf(text.size, perCharacter) * costOf(sought.size, perCharacter),
        type: boolType,
        size: null,
      }

/** Looks through what is sought, which comes second. */
const begins: Estimate = ([, sought]) =>
  sought === undefined
    ? null
    : { cost: costOf(sought.size, perCharacter), type: boolType, size: null }

function sets(factor: number): Estimate {
  return ([a, b]) =>
    a === undefined || b === undefined
      ? null
      : { cost: costOf(multiplied(a.size, b.size), factor) + 1, type: boolType, size: null }
}

const prefixBytes = 16

/** Whether a network has an address, or another network; a text is read first. */
function within(steps: number, more: number): Estimate {
  return ([, inner]) => {
    if (inner === undefined) return null
    const reading = inner.type.kind === 'own' ? 0 : costOf(inner.size, perCharacter)
    const base = costOf(exactly(2 * prefixBytes), perCharacter)
    const again = steps * costOf(exactly(prefixBytes), perCharacter)
    return { cost: base + again + more + reading, type: boolType, size: null }
  }
}

const formatPattern = 128

const validate: Estimate = ([, text]) =>
  text === undefined
    ? null
    : {
        cost: costOf(text.size, perCharacter) * formatPattern * perPatternCharacter,
        type: optionalType(listType(stringType)),
        size: null,
      }

const toText: Estimate = ([value]) =>
  value?.type.kind === 'bytes' || value?.type.kind === 'dyn'
    ? {
        cost: costOf(value.size, perCharacter),
        type: stringType,
        size: { min: Math.floor(value.size.min / 4), max: value.size.max },
      }
    : { cost: 1, type: stringType, size: null }

const toBytes: Estimate = ([text]) =>
  text === undefined
    ? null
    : {
        cost: costOf(text.size, perCharacter),
        type: bytesType,
        size: { min: text.size.min, max: 4 * text.size.max },
      }

const quoted: Estimate = ([text]) =>
  text === undefined
    ? null
    : {
        cost: costOf(text.size, perCharacter),
        type: stringType,
        size: { min: text.size.min + 2, max: 2 * text.size.max + 2 },
      }

/** What an optional value is, if it is. */
const unwrapped: Estimate = ([value]) => ({
  cost: 1,
  type: value?.type.kind === 'optional' ? (value.type.item ?? dynType) : dynType,
  size: null,
})

const wrapped: Estimate = ([value]) => ({
  cost: 1,
  type: optionalType(value?.type ?? dynType),
  size: null,
})

const sameOptional: Estimate = ([value]) => ({ cost: 1, type: value?.type ?? dynType, size: null })

const ip = ownType('ip')
const cidr = ownType('cidr')
const quantity = ownType('quantity')

/** An address of a network is a part of it; one of a text is read. */
const address: Estimate = args =>
  args[0]?.type.kind === 'own' ? { cost: 1, type: ip, size: null } : scan(ip)(args)

/** By the names that users write. Functions of a namespace have it before their own. */
const estimates: ReadonlyMap<string, Estimate> = new Map<string, Estimate>([
  ['size', once(numberType)],
  ['string', toText],
  ['bytes', toBytes],
  ['strings.quote', quoted],
  ['int', once(numberType)],
  ['uint', once(numberType)],
  ['double', once(numberType)],
  ['bool', once(boolType)],
  ['duration', once(durationType)],
  ['timestamp', once(timeType)],
  ['startsWith', begins],
  ['endsWith', begins],
  ['contains', contains],
  ['format', scan(stringType)],
  ['charAt', once(stringType)],
  ['reverse', once(stringType)],
  ['find', found(stringType)],
  ['findAll', found(listType(stringType))],
  ['lowerAscii', scan(stringType, perCharacter, true)],
  ['upperAscii', scan(stringType, perCharacter, true)],
  ['substring', scan(stringType, perCharacter, true)],
  ['trim', scan(stringType, perCharacter, true)],
  ['replace', replace],
  ['split', split],
  ['join', join],
  ['isSorted', searched(boolType)],
  ['sum', searched('item')],
  ['min', searched('item')],
  ['max', searched('item')],
  ['indexOf', searched(numberType)],
  ['lastIndexOf', searched(numberType)],
  ['sets.contains', sets(1)],
  ['sets.intersects', sets(1)],
  ['sets.equivalent', sets(2)],
  ['url', scan(ownType('url'), perCharacter, true)],
  ['isURL', once(boolType)],
  ['getScheme', once(stringType)],
  ['getHost', once(stringType)],
  ['getHostname', once(stringType)],
  ['getPort', once(stringType)],
  ['getEscapedPath', once(stringType)],
  ['getQuery', once(mapType(listType(stringType)))],
  ['ip', address],
  ['isIP', scan(boolType)],
  ['ip.isCanonical', scan(boolType, 2 * perCharacter)],
  ['family', once(numberType)],
  ['cidr', scan(cidr)],
  ['isCIDR', scan(boolType)],
  ['masked', once(cidr)],
  ['prefixLength', once(numberType)],
  ['containsIP', within(0, 0)],
  ['containsCIDR', within(1, 1)],
  ['quantity', scan(quantity)],
  ['isQuantity', scan(boolType)],
  ['add', once(quantity)],
  ['sub', once(quantity)],
  ['sign', once(numberType)],
  ['asInteger', once(numberType)],
  ['asApproximateFloat', once(numberType)],
  ['compareTo', once(numberType)],
  ['semver', scan(ownType('semver'))],
  ['isSemver', scan(boolType)],
  ['major', once(numberType)],
  ['minor', once(numberType)],
  ['patch', once(numberType)],
  ['validate', validate],
  ['jsonpatch.escapeKey', scan(stringType, perCharacter, true)],
  ['optional.of', wrapped],
  ['optional.ofNonZeroValue', wrapped],
  ['optional.none', once(optionalType(dynType))],
  ['value', unwrapped],
  ['orValue', unwrapped],
  ['or', sameOptional],
  ['hasValue', once(boolType)],
  ...['getDate', 'getDayOfMonth', 'getDayOfWeek', 'getDayOfYear', 'getFullYear', 'getHours'].map(
    name => [name, once(numberType)] as const,
  ),
  ...['getMilliseconds', 'getMinutes', 'getMonth', 'getSeconds'].map(
    name => [name, once(numberType)] as const,
  ),
  ...['isGreaterThan', 'isInteger', 'isLessThan', 'isGlobalUnicast'].map(
    name => [name, once(boolType)] as const,
  ),
  ...['isLinkLocalMulticast', 'isLinkLocalUnicast', 'isLoopback', 'isUnspecified'].map(
    name => [name, once(boolType)] as const,
  ),
])

const usual: CallCost = { cost: 1, type: dynType, size: null }

/** `isMember`: the first argument stands before the name. */
export function callCost(name: string, args: readonly Argument[], isMember: boolean): CallCost {
  if (name === 'matches') {
    // Called as a plain function it has no cost of its own in Kubernetes.
    return (isMember ? matches(args) : null) ?? { ...usual, type: boolType }
  }
  if (name.startsWith('format.')) return { ...usual, type: ownType('format') }
  return estimates.get(name)?.(args) ?? usual
}

const cheapToCompare: ReadonlySet<string> = new Set(['cidr', 'ip', 'quantity', 'semver'])
const formatCharacters = 64

/** Of == and !=. */
export function equalityCost(a: Argument, b: Argument, isEqual: boolean): number {
  if (isEqual && a.type.kind === 'own' && a.type.name === b.type.name) {
    const { name = '' } = a.type
    if (cheapToCompare.has(name)) return 1
    if (name === 'format') return costOf(exactly(formatCharacters), perCharacter)
    if (name === 'url') return costOf(b.size === unknownSize ? exactly(1) : b.size, perCharacter)
  }
  return smallerCost(a, b)
}

function smallerCost(a: Argument, b: Argument): number {
  return costOf(exactly(Math.min(a.size.max, b.size.max)), perCharacter)
}

const texts: ReadonlySet<SizedType['kind']> = new Set(['bytes', 'string'])
/** Whether the operands may be texts, as far as is known. */
const mayBeTexts = (a: Argument, b: Argument): boolean =>
  [a, b].every(({ type }) => texts.has(type.kind) || type.kind === 'dyn')

/** Of <, <=, > and >=. */
export function orderCost(a: Argument, b: Argument): number {
  if (!mayBeTexts(a, b)) return 1
  const ofTexts = smallerCost(a, b)
  return texts.has(a.type.kind) || texts.has(b.type.kind) ? ofTexts : Math.max(1, ofTexts)
}

/** Of +, with what it makes. */
export function sumCost(a: Argument, b: Argument): CallCost {
  const size = together(a.size, b.size)
  const known = a.type.kind === 'dyn' ? b.type : a.type
  if (mayBeTexts(a, b)) {
    const cost = costOf(size, perCharacter)
    return { cost: known.kind === 'dyn' ? Math.max(1, cost) : cost, type: known, size }
  }
  return { cost: 1, type: known, size: known.kind === 'list' ? size : null }
}

/** Of `a in b`. */
export function membershipCost({ type, size }: Argument): number {
  return type.kind === 'map' ? 1 : type.kind === 'list' ? size.max : Math.max(1, size.max)
}
