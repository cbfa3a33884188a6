// Whether the kernel still has what was put there: the list that nft gives of a table as JSON, held against
// the table that we know. Rules are known again by the mark in their comment, so somebody who changes a rule
// and leaves the mark is not found. Pure.

import { type NftTable, ruleMark } from './table.js'

/** The first difference that was found, as a sentence; null when there is none. */
export function audit(listed: unknown, table: NftTable): string | null {
  const found = readListing(listed)
  for (const [name, { rules }] of table.chains) {
    const marks = found.chains.get(name)
    if (marks === undefined) return `chain ${name} is gone`
    if (marks.join(' ') !== rules.map(ruleMark).join(' ')) return `chain ${name} has other rules`
  }
  for (const name of found.chains.keys()) {
    if (!table.chains.has(name)) return `chain ${name} is none of ours`
  }
  for (const [name, { elements }] of table.sets) {
    const keys = found.sets.get(name)
    if (keys === undefined) return `set ${name} is gone`
    if (elements !== null && !sameElements(keys, elements)) return `set ${name} has other elements`
  }
  for (const name of found.sets.keys()) {
    if (!table.sets.has(name)) return `set ${name} is none of ours`
  }
  return null
}

interface Listing {
  /** Marks of rules, '' for a rule without. */
  readonly chains: Map<string, string[]>
  readonly sets: Map<string, ReadonlyMap<string, string>>
}

type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

function readListing(listed: unknown): Listing {
  const listing: Listing = { chains: new Map(), sets: new Map() }
  const objects = isFields(listed) ? listed['nftables'] : null
  for (const object of Array.isArray(objects) ? objects : []) {
    if (!isFields(object)) continue
    const { chain, rule, set, map } = object
    if (isFields(chain) && !listing.chains.has(textOf(chain['name']))) {
      listing.chains.set(textOf(chain['name']), [])
    }
    if (isFields(rule)) {
      const name = textOf(rule['chain'])
      const marks = listing.chains.get(name) ?? []
      marks.push(textOf(rule['comment']))
      listing.chains.set(name, marks)
    }
    for (const one of [set, map]) {
      if (isFields(one)) listing.sets.set(textOf(one['name']), elementsOf(one['elem']))
    }
  }
  return listing
}

/** Of a map each element is a pair; of a set it is the key. */
function elementsOf(listed: unknown): ReadonlyMap<string, string> {
  const elements = new Map<string, string>()
  for (const element of Array.isArray(listed) ? listed : []) {
    if (Array.isArray(element)) elements.set(keyText(element[0]), verdictText(element[1]))
    else elements.set(keyText(element), '')
  }
  return elements
}

function keyText(key: unknown): string {
  if (isFields(key) && Array.isArray(key['concat'])) return key['concat'].map(String).join(' . ')
  if (isFields(key) && isFields(key['elem'])) return keyText(key['elem']['val'])
  return String(key)
}

function verdictText(verdict: unknown): string {
  if (!isFields(verdict)) return String(verdict)
  const [name] = Object.keys(verdict)
  const target = isFields(verdict[name ?? '']) ? verdict[name ?? ''] : null
  return isFields(target) ? `${name} ${textOf(target['target'])}` : (name ?? '')
}

function sameElements(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  if (a.size !== b.size) return false
  for (const [key, value] of b) if (a.get(key) !== value) return false
  return true
}
