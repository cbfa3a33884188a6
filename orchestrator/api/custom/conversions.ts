// How an object of a custom kind is said in another version: the same but for the version, or as a
// webhook answers. Asking one takes time, and everything between store and client is synchronous; so
// what has not been asked is thrown as ConversionNeeded, and whoever may wait asks, tells the answer
// here, and does the work again. Counterpart: apiserver/conversion of apiextensions. Pure.

import type { KubeObject } from '../object.js'
import type { WebhookConversion } from '../types/apiextensions.js'

/** Answers kept for objects that are made anew at every attempt of a write. */
const answersMax = 200

export class ConversionNeeded extends Error {
  readonly conversions: Conversions
  readonly object: KubeObject
  readonly apiVersion: string

  constructor(conversions: Conversions, object: KubeObject, apiVersion: string) {
    super(`${object.apiVersion} is asked for as ${apiVersion}`)
    this.conversions = conversions
    this.object = object
    this.apiVersion = apiVersion
  }
}

export class Conversions {
  readonly webhook: WebhookConversion | null
  /** Of stored objects, which live as long as the cache holds them. */
  readonly #known = new WeakMap<KubeObject, Map<string, KubeObject>>()
  readonly #answers = new Map<string, KubeObject>()

  /** Null: versions differ in nothing but their name. */
  constructor(webhook: WebhookConversion | null) {
    this.webhook = webhook
  }

  /** Throws ConversionNeeded. */
  convert(object: KubeObject, apiVersion: string): KubeObject {
    const found = this.find(object, apiVersion)
    if (found === null) throw new ConversionNeeded(this, object, apiVersion)
    return found
  }

  find(object: KubeObject, apiVersion: string): KubeObject | null {
    if (object.apiVersion === apiVersion) return object
    if (this.webhook === null) return { ...object, apiVersion }
    const known = this.#known.get(object)?.get(apiVersion)
    return known ?? this.#answers.get(textOf(object, apiVersion)) ?? null
  }

  /** What the webhook said. Identity, owners and the like stay what they are. */
  learn(object: KubeObject, answer: KubeObject, apiVersion: string): void {
    const { labels, annotations } = answer.metadata
    const { labels: _, annotations: __, ...kept } = object.metadata
    const metadata = {
      ...kept,
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
    }
    const converted = { ...answer, apiVersion, kind: object.kind, metadata }
    const known = this.#known.get(object) ?? new Map<string, KubeObject>()
    known.set(apiVersion, converted)
    this.#known.set(object, known)
    const [oldest] = this.#answers.keys()
    if (this.#answers.size >= answersMax && oldest !== undefined) this.#answers.delete(oldest)
    this.#answers.set(textOf(object, apiVersion), converted)
  }
}

function textOf(object: KubeObject, apiVersion: string): string {
  return `${apiVersion} ${JSON.stringify(object)}`
}
