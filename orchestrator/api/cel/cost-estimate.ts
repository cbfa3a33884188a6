// What an expression costs at most for any value that its variable may have, told before there is one. Counterpart: the
// coster of cel-go's checker/cost.go, unit by unit, macros as cel-go expands them: which rules a definition may have
// depends on these numbers, and one that is accepted elsewhere shall be here.
//
// A value that is part of the variable has a path, by which its type says how large it may be. What functions make is
// as large as they say; what is neither may be of any size.

import { callCost, equalityCost, membershipCost, orderCost, sumCost } from './call-costs.js'
import type { Argument } from './call-costs.js'
import {
  boolType,
  bytesType,
  dynType,
  either,
  exactly,
  isScalar,
  listType,
  mapType,
  nullType,
  numberType,
  optionalType,
  stringType,
  unknownSize,
} from './cost-sizes.js'
import type { Size, SizedType } from './cost-sizes.js'
import { must } from '../../../platform/errors.js'
import { isNode } from './metering.js'
import type { Node } from './metering.js'
import { usersName } from './own-names.js'

/** How large keys (or places) and values of a list or map that an expression makes are. */
interface Entries {
  readonly key: Size
  readonly value: Size
}

interface Estimated {
  readonly cost: number
  readonly type: SizedType
  /** From the variable on; null where it is no part of it. */
  readonly path: readonly string[] | null
  /** What the expression says itself; else what its path leads to counts. */
  readonly size: Size | null
  readonly entries: Entries | null
  /** For a variable of a macro that no path leads to. */
  readonly otherwise: Size | null
}

/** A variable of a macro. */
type Local = Omit<Estimated, 'cost'>

type Scope = ReadonlyMap<string, Local>

const listCost = 10
const mapCost = 30

const namespaces: ReadonlySet<string> = new Set([
  'cel',
  'format',
  'ip',
  'jsonpatch',
  'optional',
  'sets',
  'strings',
])

/** `variables` by name, with their types; all are of the type `root` or optional ones of it. */
export function estimateCost(
  tree: Node,
  root: SizedType,
  variables: ReadonlyMap<string, SizedType>,
): number {
  return new Coster(root, variables).estimated(tree, new Map()).cost
}

class Coster {
  readonly #root: SizedType
  readonly #variables: ReadonlyMap<string, SizedType>

  constructor(root: SizedType, variables: ReadonlyMap<string, SizedType>) {
    this.#root = root
    this.#variables = variables
  }

  estimated(node: Node, scope: Scope): Estimated {
    const { op, args } = node
    switch (op) {
      case 'value':
        return literal(args)
      case 'id':
        return this.#name(String(args), scope)
      case '.':
        return this.#selected(node, scope)
      case '[]':
        return this.#indexed(node, scope)
      case '.?':
      case '[?]': {
        const [left, right] = operands(node)
        const whole = this.estimated(left, scope)
        const at = right === null || op === '.?' ? 0 : this.estimated(right, scope).cost
        const field = op === '.?' ? fieldOf(node) : null
        const inner = whole.type.kind === 'optional' ? (whole.type.item ?? dynType) : whole.type
        const type = field === null ? (inner.item ?? dynType) : partOf(inner, field)
        return made(1 + whole.cost + at, optionalType(type))
      }
      case 'list':
        return this.#list(nodesOf(args), scope)
      case 'map':
        return this.#map(args as readonly (readonly Node[])[], scope)
      case '?:':
        return this.#conditional(node, scope)
      case 'call':
      case 'rcall':
        return this.#call(node, scope)
      default:
        return this.#operator(node, scope)
    }
  }

  #name(name: string, scope: Scope): Estimated {
    const local = scope.get(name)
    if (local !== undefined) return { ...local, cost: 1 }
    const type = this.#variables.get(name)
    return { ...made(1, type ?? dynType), path: [name] }
  }

  #selected(node: Node, scope: Scope): Estimated {
    const [left] = operands(node)
    const field = fieldOf(node)
    const whole = this.estimated(left, scope)
    const { kind } = whole.type
    const step = kind === 'map' || kind === 'object' ? 1 : 0
    const path = [...(whole.path ?? []), field]
    const type = partOf(whole.type, field)
    return { ...made(whole.cost + step, type), path }
  }

  #indexed(node: Node, scope: Scope): Estimated {
    const [left, right] = operands(node)
    const whole = this.estimated(left, scope)
    const at = right === null ? 0 : this.estimated(right, scope).cost
    const below = whole.type.kind === 'list' ? '@items' : '@values'
    const found = made(1 + whole.cost + at, whole.type.item ?? dynType, whole.entries?.value)
    return { ...found, path: [...(whole.path ?? []), below] }
  }

  #list(nodes: readonly Node[], scope: Scope): Estimated {
    const items = nodes.map(node => this.estimated(node, scope))
    const value = items
      .map(item => this.#size(item))
      .reduce(either, nodes.length === 0 ? exactly(0) : none)
    const type = listType(items[0]?.type ?? dynType)
    const list = made(listCost + sum(items), type, exactly(nodes.length))
    return { ...list, entries: { key: exactly(1), value } }
  }

  #map(pairs: readonly (readonly Node[])[], scope: Scope): Estimated {
    const known = pairs.map(pair => pair.map(node => this.estimated(node, scope)))
    const sizeOf = (at: number) =>
      known
        .map(pair => this.#size(pair[at] ?? made(0, dynType)))
        .reduce(either, pairs.length === 0 ? exactly(0) : none)
    const cost = mapCost + known.reduce((total, pair) => total + sum(pair), 0)
    const map = made(cost, mapType(known[0]?.[1]?.type ?? dynType), exactly(pairs.length))
    return { ...map, entries: { key: sizeOf(0), value: sizeOf(1) } }
  }

  #conditional({ args }: Node, scope: Scope): Estimated {
    const [condition, yes, no] = nodesOf(args).map(node => this.estimated(node, scope))
    if (condition === undefined || yes === undefined || no === undefined) return made(0, dynType)
    const type = yes.type.kind === 'dyn' || yes.type.kind === 'null' ? no.type : yes.type
    const size = either(this.#size(yes), this.#size(no))
    const one = made(condition.cost + Math.max(yes.cost, no.cost), type, size)
    return { ...one, entries: eitherEntries(yes.entries, no.entries) }
  }

  #operator({ op, args }: Node, scope: Scope): Estimated {
    const parts = nodesOf(Array.isArray(args) ? args : [args])
    const known = parts.map(node => this.estimated(node, scope))
    const cost = sum(known)
    const [a, b] = known.map(one => this.#argument(one))
    if (op === '-_')
      return parts[0]?.op === 'value'
        ? made(0, numberType, exactly(1))
        : made(1 + cost, a?.type ?? dynType)
    if (a === undefined || b === undefined) return made(1 + cost, boolType)
    switch (op) {
      case '&&':
      case '||':
        return made(cost, boolType)
      case '==':
      case '!=':
        return made(cost + equalityCost(a, b, op === '=='), boolType)
      case '<':
      case '<=':
      case '>':
      case '>=':
        return made(cost + orderCost(a, b), boolType)
      case 'in':
        return made(cost + membershipCost(b), boolType)
      case '+': {
        const added = sumCost(a, b)
        const [left, right] = known
        const entries = eitherEntries(left?.entries ?? null, right?.entries ?? null)
        return { ...made(cost + added.cost, added.type, added.size), entries }
      }
      default:
        return made(1 + cost, a.type)
    }
  }

  #call(node: Node, scope: Scope): Estimated {
    const { receiver, given, name } = callOf(node, scope)
    if (name === 'has') {
      const [tested] = given
      return made(
        tested === undefined ? 0 : this.estimated(operands(tested)[0], scope).cost,
        boolType,
      )
    }
    const macro = receiver === null ? null : this.#macro(name, receiver, given, scope)
    if (macro !== null) return macro
    if (name === 'cel.bind') return this.#bound(given, scope)
    const args = given.map(one => this.estimated(one, scope))
    if (name === 'dyn') {
      const [value = made(0, dynType)] = args
      const { entries } = value
      return { ...made(1 + value.cost, dynType, this.#known(value)), entries }
    }
    const nodes = receiver === null ? given : [receiver, ...given]
    const all = receiver === null ? args : [this.estimated(receiver, scope), ...args]
    const known = all.map((one, at) => this.#argument(one, nodes[at]))
    const { cost, type, size } = callCost(name, known, receiver !== null)
    return made(sum(all) + cost, type, size)
  }

  /** cel.bind(name, value, expression) */
  #bound([name, value, expression]: readonly Node[], scope: Scope): Estimated {
    if (name === undefined || value === undefined || expression === undefined) {
      return made(0, dynType)
    }
    const known = this.estimated(value, scope)
    const local: Local = { ...known, size: null, otherwise: this.#known(known) }
    const result = this.estimated(expression, new Map(scope).set(String(name.args), local))
    const { type, entries } = result
    const bound = made(listCost + known.cost + result.cost, type, this.#known(result))
    return { ...bound, entries }
  }

  /** Null where the call is that of a function. */
  #macro(name: string, receiver: Node, given: readonly Node[], scope: Scope): Estimated | null {
    const ofOptional = name === 'optMap' || name === 'optFlatMap'
    if (ofOptional && given.length === 2) return this.#optional(name, receiver, given, scope)
    const form = forms.get(`${name} ${given.length}`)
    if (form === undefined || given[0]?.op !== 'id') return null
    const range = this.estimated(receiver, scope)
    const variables = this.#iterated(range, form.variables)
    const inner = new Map(scope)
    for (const [at, local] of variables.entries()) inner.set(String(given[at]?.args), local)
    const steps = given.slice(form.variables).map(node => this.estimated(node, inner))
    const step = steps.at(-1) ?? made(0, dynType)
    const count = this.#size(range)
    const cost = range.cost + form.base + count.max * (form.step + sum(steps))
    if (form.makes === 'bool') return made(cost, boolType, exactly(1))
    const [element] = variables
    // What filter() keeps is the element, not what it says of it.
    const result = name === 'filter' && element !== undefined ? { ...element, cost: 0 } : step
    const type = form.makes === 'list' ? listType(result.type) : mapType(result.type)
    const value = { min: 0, max: this.#size(result).max }
    return { ...made(cost, type, count), entries: { key: exactly(1), value } }
  }

  /** What the variables of a macro stand for: elements of a list, keys of a map; with two of them both. */
  #iterated({ type, path, entries }: Estimated, count: number): readonly Local[] {
    const below = (step: string, of: SizedType, size: Size | undefined): Local => ({
      ...made(0, of),
      path: [...(path ?? []), step],
      otherwise: size ?? null,
    })
    const item = type.item ?? dynType
    if (type.kind === 'list') {
      const items = below('@items', item, entries?.value)
      return count === 1 ? [items] : [below('@indices', numberType, entries?.key), items]
    }
    const keys = below('@keys', type.kind === 'map' ? stringType : dynType, entries?.key)
    return count === 1 ? [keys] : [keys, below('@values', item, entries?.value)]
  }

  /** optional.optMap(x, expression), which is asked for twice. */
  #optional(
    name: string,
    receiver: Node,
    [variable, expression]: readonly Node[],
    scope: Scope,
  ): Estimated {
    if (variable === undefined || expression === undefined) return made(0, dynType)
    const whole = this.estimated(receiver, scope)
    const value = made(0, whole.type.item ?? dynType)
    const inner = new Map(scope).set(String(variable.args), value)
    const step = this.estimated(expression, inner)
    const wraps = name === 'optMap'
    const bound = listCost + whole.cost + 1 + step.cost + (wraps ? 1 : 0)
    const type = wraps ? optionalType(step.type) : step.type
    return made(whole.cost + 1 + bound, type)
  }

  #argument(one: Estimated, node?: Node): Argument {
    const { type, path } = one
    const number = node?.op === 'value' ? node.args : null
    const item = path === null ? null : this.#declared([...path, '@items'])
    return {
      type,
      size: this.#size(one),
      itemSize: item ?? unknownSize,
      literal: typeof number === 'bigint' ? Number(number) : null,
    }
  }

  #size(one: Estimated): Size {
    return this.#known(one) ?? unknownSize
  }

  /** Null where nobody knows. */
  #known({ type, path, size, otherwise }: Estimated): Size | null {
    if (size !== null) return size
    const declared = path === null ? null : this.#declared(path)
    return declared ?? (isScalar(type) ? exactly(1) : otherwise)
  }

  /** Whatever a path begins with, it is followed from the root: so it is in Kubernetes. */
  #declared([, ...steps]: readonly string[]): Size | null {
    let type: SizedType | undefined = this.#root
    for (const step of steps) {
      if (step === '@items' || step === '@values') type = type.item
      else if (step === '@keys') type = type.kind === 'map' ? stringType : undefined
      else type = type.fields?.get(step)
      if (type === undefined) return null
    }
    return { min: 0, max: type.most }
  }
}

interface Form {
  readonly variables: 1 | 2
  readonly makes: 'bool' | 'list' | 'map'
  /** For what it begins and ends with. */
  readonly base: number
  /** For every element, beside what users wrote. */
  readonly step: number
}

const one = { variables: 1 } as const
const two = { variables: 2 } as const
const all = { makes: 'bool', base: 1, step: 3 } as const
const exists = { makes: 'bool', base: 1, step: 4 } as const
const existsOne = { makes: 'bool', base: 2, step: 2 } as const
const list = { makes: 'list', base: listCost + 1, step: listCost + 2 } as const
const map = { makes: 'map', base: mapCost + 1 } as const

/** What macros are expanded to, by name and number of arguments. */
const forms: ReadonlyMap<string, Form> = new Map<string, Form>([
  ['all 2', { ...one, ...all }],
  ['exists 2', { ...one, ...exists }],
  ['exists_one 2', { ...one, ...existsOne }],
  ['existsOne 2', { ...one, ...existsOne }],
  ['map 2', { ...one, ...list }],
  ['map 3', { ...one, ...list }],
  ['filter 2', { ...one, ...list, step: list.step + 1 }],
  ['all 3', { ...two, ...all }],
  ['exists 3', { ...two, ...exists }],
  ['exists_one 3', { ...two, ...existsOne }],
  ['existsOne 3', { ...two, ...existsOne }],
  ['transformList 3', { ...two, ...list }],
  ['transformList 4', { ...two, ...list }],
  ['transformMap 3', { ...two, ...map, step: 3 }],
  ['transformMap 4', { ...two, ...map, step: 3 }],
  ['transformMapEntry 3', { ...two, ...map, step: 2 }],
  ['transformMapEntry 4', { ...two, ...map, step: 2 }],
])

/** Of nothing yet: whatever is put beside it is more and less. */
const none: Size = { min: unknownSize.max, max: 0 }

function made(cost: number, type: SizedType, size: Size | null = null): Estimated {
  return { cost, type, path: null, size, entries: null, otherwise: null }
}

function sum(parts: readonly Estimated[]): number {
  return parts.reduce((total, { cost }) => total + cost, 0)
}

function eitherEntries(a: Entries | null, b: Entries | null): Entries | null {
  if (a === null || b === null) return null
  return { key: either(a.key, b.key), value: either(a.value, b.value) }
}

function literal(value: unknown): Estimated {
  if (typeof value === 'string') return made(0, stringType, exactly(Array.from(value).length))
  if (value instanceof Uint8Array) return made(0, bytesType, exactly(value.length))
  const type = value === null ? nullType : typeof value === 'boolean' ? boolType : numberType
  return made(0, type, exactly(1))
}

function partOf(type: SizedType, field: string): SizedType {
  if (type.kind === 'optional') return optionalType(partOf(type.item ?? dynType, field))
  return type.fields?.get(field) ?? (type.kind === 'map' ? type.item : undefined) ?? dynType
}

function nodesOf(args: unknown): readonly Node[] {
  const parts: readonly unknown[] = Array.isArray(args) ? args : []
  return parts.filter(
    (part): part is Node => typeof part === 'object' && part !== null && isNode(part),
  )
}

function operands({ args }: Node): readonly [Node, Node | null] {
  const [left, right = null] = nodesOf(args)
  return [must(left, 'what is selected from stands before it'), right]
}

/** `field` of `left.field`. */
function fieldOf({ args }: Node): string {
  return Array.isArray(args) ? String(args[1]) : ''
}

interface Call {
  /** With the namespace before it, if it is in one. */
  readonly name: string
  readonly receiver: Node | null
  readonly given: readonly Node[]
}

function callOf({ op, args }: Node, scope: Scope): Call {
  const parts: readonly unknown[] = Array.isArray(args) ? args : []
  const name = usersName(String(parts[0]))
  if (op === 'call') return { name, receiver: null, given: nodesOf(parts[1]) }
  const [receiver = null] = nodesOf([parts[1]])
  const given = nodesOf(parts[2])
  const namespace = receiver?.op === 'id' ? String(receiver.args) : ''
  return namespaces.has(namespace) && !scope.has(namespace)
    ? { name: `${namespace}.${name}`, receiver: null, given }
    : { name, receiver, given }
}
