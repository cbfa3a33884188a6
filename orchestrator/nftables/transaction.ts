// From the table that is known to be in the kernel to the one that should be: the commands of one `nft -f`
// transaction, which holds as a whole or not at all. Only what differs is sent. Pure.
//
// The order is the kernel's: what is referred to is declared before, and nothing is deleted that something
// still refers to.
//
//   declare chains, sets -> empty and refill chains -> take and give elements -> delete sets, chains

import { type NftSet, type NftTable, ruleMark } from './table.js'

/** Elements of one command; a line of nft has no limit, a person who reads it does. */
const elementsPerCommand = 500

/** Null when there is nothing to do. `before` null stands for "whatever is there". */
export function transaction(before: NftTable | null, after: NftTable): string | null {
  const lines = before === null || !comparable(before, after) ? whole(after) : part(before, after)
  return lines.length === 0 ? null : `${lines.join('\n')}\n`
}

/** Takes the table away, if there is one. */
export const removal = (table: Pick<NftTable, 'family' | 'name'>): string => {
  const name = nameOf(table)
  return `add table ${name}\ndelete table ${name}\n`
}

const nameOf = ({ family, name }: Pick<NftTable, 'family' | 'name'>): string => `${family} ${name}`

/** Neither hooks nor types can be changed in place. */
function comparable(before: NftTable, after: NftTable): boolean {
  if (nameOf(before) !== nameOf(after)) return false
  for (const [name, chain] of after.chains) {
    const old = before.chains.get(name)
    if (old !== undefined && old.base !== chain.base) return false
  }
  for (const [name, set] of after.sets) {
    const old = before.sets.get(name)
    if (old !== undefined && (old.kind !== set.kind || old.declaration !== set.declaration)) {
      return false
    }
  }
  return true
}

function whole(after: NftTable): readonly string[] {
  const { family, name } = after
  const empty: NftTable = { family, name, sets: new Map(), chains: new Map() }
  return [
    ...removal(after).trimEnd().split('\n'),
    `add table ${nameOf(after)}`,
    ...part(empty, after),
  ]
}

function part(before: NftTable, after: NftTable): readonly string[] {
  const table = nameOf(after)
  const declared: string[] = []
  const filled: string[] = []
  const elements: string[] = []
  const deletedSets: string[] = []
  const deletedChains: string[] = []
  for (const [name, chain] of after.chains) {
    const old = before.chains.get(name)
    if (old === undefined) {
      declared.push(`add chain ${table} ${name}${chain.base === null ? '' : ` { ${chain.base} }`}`)
    }
    if (old !== undefined && sameTexts(old.rules, chain.rules)) continue
    if (old !== undefined && old.rules.length > 0) filled.push(`flush chain ${table} ${name}`)
    for (const rule of chain.rules) {
      filled.push(`add rule ${table} ${name} ${rule} comment "${ruleMark(rule)}"`)
    }
  }
  for (const [name, { rules }] of before.chains) {
    if (after.chains.has(name)) continue
    if (rules.length > 0) filled.push(`flush chain ${table} ${name}`)
    deletedChains.push(`delete chain ${table} ${name}`)
  }
  for (const [name, set] of after.sets) {
    const old = before.sets.get(name)
    if (old === undefined) declared.push(`add ${set.kind} ${table} ${name} { ${set.declaration} }`)
    elements.push(...elementCommands(table, name, old ?? null, set))
  }
  for (const [name, { kind }] of before.sets) {
    if (!after.sets.has(name)) deletedSets.push(`delete ${kind} ${table} ${name}`)
  }
  return [...declared, ...filled, ...elements, ...deletedSets, ...deletedChains]
}

function elementCommands(
  table: string,
  name: string,
  before: NftSet | null,
  { elements: wanted }: NftSet,
): readonly string[] {
  const had = before?.elements ?? null
  if (wanted === null || wanted === had) return []
  const gone: string[] = []
  const come: string[] = []
  for (const [key, value] of had ?? []) {
    // Without its value: an element of another value would not be found.
    if (wanted.get(key) !== value) gone.push(key)
  }
  for (const [key, value] of wanted) {
    if (had?.get(key) !== value) come.push(value === '' ? key : `${key} : ${value}`)
  }
  return [
    ...commands(`delete element ${table} ${name}`, gone),
    ...commands(`add element ${table} ${name}`, come),
  ]
}

function commands(command: string, elements: readonly string[]): readonly string[] {
  const lines: string[] = []
  for (let from = 0; from < elements.length; from += elementsPerCommand) {
    lines.push(`${command} { ${elements.slice(from, from + elementsPerCommand).join(', ')} }`)
  }
  return lines
}

const sameTexts = (a: readonly string[], b: readonly string[]): boolean =>
  a === b || (a.length === b.length && a.every((text, index) => text === b[index]))
