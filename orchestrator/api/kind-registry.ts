// Which kinds there are at this moment: the built-in ones, and those that CustomResourceDefinitions
// add. The set of custom kinds changes as a whole; a Kind that is in it is never changed, so holding
// one tells whether it is still the one served. Counterpart: the handler table of apiextensions.

import type { Kind } from './kind.js'

export class KindRegistry {
  readonly #builtIn: readonly Kind[]
  #all: readonly Kind[]
  #byPlural: ReadonlyMap<string, Kind>
  #served: ReadonlySet<Kind>
  readonly #listeners = new Set<() => void>()

  constructor(builtIn: readonly Kind[]) {
    this.#builtIn = builtIn
    this.#all = builtIn
    this.#byPlural = byPlural(builtIn)
    this.#served = new Set(builtIn)
  }

  /** Built-in kinds first. A new array after every change. */
  get all(): readonly Kind[] {
    return this.#all
  }

  get builtIn(): readonly Kind[] {
    return this.#builtIn
  }

  /** `plural` as in the URL: "deployments". */
  find(group: string, version: string, plural: string): Kind | null {
    return this.#byPlural.get(`${group}/${version}/${plural}`) ?? null
  }

  serves(kind: Kind): boolean {
    return this.#served.has(kind)
  }

  /** Where two share a name the built-in kind stays. Nothing happens when nothing changed. */
  replaceCustom(custom: readonly Kind[]): void {
    const all = [...this.#builtIn, ...custom]
    if (all.length === this.#all.length && all.every((kind, at) => kind === this.#all[at])) return
    this.#all = all
    this.#served = new Set(all)
    this.#byPlural = byPlural([...custom, ...this.#builtIn])
    for (const listener of this.#listeners) listener()
  }

  /** Called after every change. The returned function takes the listener away. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

function byPlural(kinds: readonly Kind[]): ReadonlyMap<string, Kind> {
  return new Map(kinds.map(kind => [`${kind.group}/${kind.version}/${kind.plural}`, kind]))
}
