// Our own OpenAPI v2 document together with those of extension API servers. What two of them call the same
// and is not the same gets another name: "Status_v2". Counterpart: aggregator.MergeSpecs of
// kube-openapi, which goes by the definition alone; here one is the same only if all that it refers to is. Pure.

import type { Json, JsonObject } from '../object.js'
import { isJsonObject, put } from '../record.js'
import { kindsOf } from './v2-extension.js'
import type { ExtensionOpenApi } from './v2-extension.js'
import { changedPath, changedSchema, definitionPrefix, referenceOf } from './v2-schemas.js'

/** `extensions`: the more important first. Of paths, what is there first stays. */
export function mergedOpenApiV2(
  own: JsonObject,
  extensions: readonly ExtensionOpenApi[],
): JsonObject {
  if (extensions.length === 0) return own
  const paths = mapOf(own['paths'])
  const definitions = mapOf(own['definitions'])
  const texts = new Texts()
  const ours = new Meanings(definitions, texts)
  /** By name and meaning: under which name it has been added. */
  const added = new Map<string, string>()
  for (const extension of extensions) {
    const theirs = mapOf(extension.definitions)
    const meanings = new Meanings(theirs, texts)
    const names = new Map<string, string>()
    for (const name of theirs.keys()) {
      const meaning = `${name} ${meanings.of(name)}`
      const known = added.get(meaning) ?? (ours.has(name, meanings.of(name)) ? name : undefined)
      names.set(name, known ?? freeName(name, definitions))
      if (known !== undefined) continue
      const chosen = names.get(name) ?? name
      added.set(meaning, chosen)
      // Its place: what it refers to may not have its name yet.
      definitions.set(chosen, {})
    }
    const renamed = (schema: JsonObject): JsonObject => {
      const reference = referenceOf(schema)
      const name = reference === null ? undefined : names.get(reference)
      return name === undefined ? schema : { ...schema, $ref: `${definitionPrefix}${name}` }
    }
    for (const [name, schema] of theirs) {
      const chosen = names.get(name) ?? name
      definitions.set(chosen, withKinds(definitions.get(chosen), changedSchema(schema, renamed)))
    }
    for (const [path, item] of mapOf(extension.paths)) {
      if (!paths.has(path)) paths.set(path, changedPath(item, renamed))
    }
  }
  const sorted = [...definitions].toSorted(([a], [b]) => (a < b ? -1 : 1))
  return { ...own, paths: objectOf(paths), definitions: objectOf(sorted) }
}

function freeName(name: string, taken: ReadonlyMap<string, JsonObject>): string {
  if (!taken.has(name)) return name
  let count = 2
  while (taken.has(`${name}_v${count}`)) count += 1
  return `${name}_v${count}`
}

/** What is shared is of the kinds of all who share it. */
function withKinds(known: JsonObject | undefined, schema: JsonObject): JsonObject {
  const all = [known?.[kindsOf], schema[kindsOf]].flatMap(kinds =>
    Array.isArray(kinds) ? (kinds as readonly Json[]) : [],
  )
  const byText = new Map(all.map(kind => [JSON.stringify(kind), kind]))
  return byText.size === 0 ? schema : { ...schema, [kindsOf]: [...byText.values()] }
}

/** Numbers in place of long texts. */
class Texts {
  readonly #numbers = new Map<string, number>()

  number(text: string): number {
    const known = this.#numbers.get(text)
    if (known !== undefined) return known
    this.#numbers.set(text, this.#numbers.size)
    return this.#numbers.size - 1
  }
}

/** What definitions mean: what they say and what all say that they refer to, but not of which kinds they are. */
class Meanings {
  readonly #definitions: ReadonlyMap<string, JsonObject>
  readonly #texts: Texts
  readonly #parts = new Map<string, { readonly text: number; readonly references: string[] }>()
  readonly #known = new Map<string, string>()

  /** The definitions as they are now. */
  constructor(definitions: ReadonlyMap<string, JsonObject>, texts: Texts) {
    this.#definitions = new Map(definitions)
    this.#texts = texts
  }

  has(name: string, meaning: string): boolean {
    return this.#definitions.has(name) && this.of(name) === meaning
  }

  of(name: string): string {
    const known = this.#known.get(name)
    if (known !== undefined) return known
    const seen = new Set([name])
    for (const one of seen) for (const next of this.#part(one).references) seen.add(next)
    const meaning = [...seen]
      .toSorted()
      .map(one => `${one}=${this.#part(one).text}`)
      .join()
    this.#known.set(name, meaning)
    return meaning
  }

  #part(name: string): { readonly text: number; readonly references: string[] } {
    const known = this.#parts.get(name)
    if (known !== undefined) return known
    const references: string[] = []
    const { [kindsOf]: _, ...schema } = this.#definitions.get(name) ?? {}
    const sorted = changedSchema(schema, inner => {
      const reference = referenceOf(inner)
      if (reference !== null) references.push(reference)
      return Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
    })
    const part = { text: this.#texts.number(JSON.stringify(sorted)), references }
    this.#parts.set(name, part)
    return part
  }
}

function mapOf(value: Json | undefined): Map<string, JsonObject> {
  if (!isJsonObject(value)) return new Map()
  return new Map(
    Object.entries(value).flatMap(([key, inner]) => (isJsonObject(inner) ? [[key, inner]] : [])),
  )
}

function objectOf(entries: Iterable<readonly [string, JsonObject]>): JsonObject {
  const result: { [key: string]: Json } = {}
  for (const [key, value] of entries) put(result, key, value)
  return result
}
