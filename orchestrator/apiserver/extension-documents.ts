// What extension API servers say of their APIs in OpenAPI: fetched when they have answered, again as long as
// they do, and kept as it last was until their APIServices go. Nobody waits for it, and what is broken
// changes nothing. Counterpart: controllers/openapi and controllers/openapiv3 of kube-aggregator.

import { createHash } from 'node:crypto'
import type { Logger } from '../../platform/logger.js'
import type { Json } from '../api/object.js'
import { extensionOpenApi } from '../api/openapi/v2-extension.js'
import type { ExtensionOpenApi } from '../api/openapi/v2-extension.js'
import { isJsonObject } from '../api/record.js'

/** Of all that is kept, as JSON. */
const totalCharactersMax = 32 * 1024 * 1024

/** Asks one server. Rejects where it does not answer in time or too much. */
export type Ask = (path: string, etag: string) => Promise<Answer>

export interface Answer {
  readonly status: number
  /** '': none. */
  readonly etag: string
  readonly text: string
}

/** Where the OpenAPI v3 document of a group and version comes from. */
export type ExtensionV3 =
  | { readonly kind: 'passed'; readonly url: string }
  /** It has only one of v2. */
  | { readonly kind: 'made'; readonly from: ExtensionOpenApi }

interface Known {
  asking: boolean
  etag: string
  /** Of the text that was looked at last, whatever came of it. */
  hash: string
  v2: ExtensionOpenApi | null
  characters: number
  v3Url: string | null
}

export class ExtensionDocuments {
  readonly #logger: Logger
  readonly #changed: () => void
  readonly #known = new Map<string, Known>()

  /** `changed` is called when what they say has. */
  constructor(logger: Logger, changed: () => void) {
    this.#logger = logger
    this.#changed = changed
  }

  v2(group: string, version: string): ExtensionOpenApi | null {
    return this.#known.get(keyOf(group, version))?.v2 ?? null
  }

  v3(group: string, version: string): ExtensionV3 | null {
    const known = this.#known.get(keyOf(group, version))
    if (known === undefined) return null
    const { v3Url, v2 } = known
    if (v3Url !== null) return { kind: 'passed', url: v3Url }
    return v2 === null ? null : { kind: 'made', from: v2 }
  }

  /** Once at a time for each. Never rejects. */
  async refresh(group: string, version: string, ask: Ask): Promise<void> {
    const key = keyOf(group, version)
    const known = this.#known.get(key) ?? nothing()
    if (known.asking) return
    this.#known.set(key, known)
    known.asking = true
    const still = () => this.#known.get(key) === known
    const attempt = async (what: string, work: () => Promise<boolean>) => {
      try {
        if (await work()) this.#changed()
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error)
        this.#logger.warn({ api: key, what, error: why }, 'OpenAPI of an API not taken')
      }
    }
    await attempt('v3', async () => {
      const url = await v3Url(key, known.v3Url, ask)
      if (!still() || url === known.v3Url) return false
      known.v3Url = url
      return true
    })
    await attempt('v2', async () => {
      const answer = await ask('/openapi/v2', known.etag)
      return still() && this.#learn(known, answer, group, version)
    })
    known.asking = false
  }

  forget(group: string, version: string): void {
    if (this.#known.delete(keyOf(group, version))) this.#changed()
  }

  /** Whether something has changed. Throws Error for what cannot be taken. */
  #learn(known: Known, { status, etag, text }: Answer, group: string, version: string): boolean {
    if (status === notModified) return false
    if (status === notFound) {
      const had = known.v2 !== null
      Object.assign(known, { etag: '', hash: '', v2: null, characters: 0 })
      return had
    }
    if (status !== okay) throw new Error(`it answered ${status}`)
    const hash = createHash('sha256').update(text).digest('hex')
    if (hash === known.hash) return false
    Object.assign(known, { etag, hash })
    const v2 = extensionOpenApi(JSON.parse(text), group, version)
    const characters = JSON.stringify(v2).length
    const others = [...this.#known.values()].filter(other => other !== known)
    const total = others.reduce((sum, other) => sum + other.characters, characters)
    if (total > totalCharactersMax) {
      // There may be room another time.
      Object.assign(known, { etag: '', hash: '' })
      throw new Error('the documents of all APIs together are too long')
    }
    Object.assign(known, { v2, characters })
    return true
  }
}

const okay = 200
const notModified = 304
const notFound = 404

/** Where a server has its OpenAPI v3 document; null: it has none. Throws Error where it does not say. */
async function v3Url(key: string, known: string | null, ask: Ask): Promise<string | null> {
  const { status, text } = await ask('/openapi/v3', '')
  if (status === notFound) return null
  // Many of them serve no index to whom they do not know by now.
  if (status !== okay) return known
  const index = JSON.parse(text) as Json
  const paths: Json | undefined = isJsonObject(index) ? index['paths'] : undefined
  if (!isJsonObject(paths)) throw new Error('the index has no paths')
  const entry: Json | undefined = paths[`apis/${key}`]
  const url = isJsonObject(entry) ? entry['serverRelativeURL'] : undefined
  return typeof url === 'string' && url.startsWith(`/openapi/v3/apis/${key}`) ? url : null
}

function keyOf(group: string, version: string): string {
  return `${group}/${version}`
}

function nothing(): Known {
  return { asking: false, etag: '', hash: '', v2: null, characters: 0, v3Url: null }
}
