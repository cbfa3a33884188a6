// How kinds that somebody names are called in paths, and whether they have a scale: asked of the server once and remembered.
// Counterpart: the RESTMapper and the scale kind resolver of client-go.

import type { JsonObject } from '../api/object.js'
import { isNotFound } from '../client/api-error.js'
import type { Resource } from '../client/resources.js'
import type { ApiClient } from '../client/rest-client.js'

export interface NamedKind extends Resource {
  readonly scalable: boolean
}

/** Kinds of users; what is not known any more is asked for again. */
const knownMax = 256

interface ListedResource {
  readonly name: string
  readonly kind: string
  readonly namespaced: boolean
}

export class KindNames {
  private readonly client: ApiClient
  private readonly known = new Map<string, NamedKind>()

  constructor(client: ApiClient) {
    this.client = client
  }

  /** Null for a kind that the server does not have. */
  async find(apiVersion: string, kind: string): Promise<NamedKind | null> {
    const key = `${apiVersion} ${kind}`
    const cached = this.known.get(key)
    if (cached !== undefined) return cached
    const list = await this.client
      .getJson<JsonObject>(rootOf(apiVersion))
      .catch((error: unknown): JsonObject => {
        if (isNotFound(error)) return {}
        throw error
      })
    const resources = (list['resources'] ?? []) as unknown as readonly ListedResource[]
    const own = resources.find(one => one.kind === kind && !one.name.includes('/'))
    if (own === undefined) return null
    const [version = '', group = ''] = apiVersion.split('/').reverse()
    const scalable = resources.some(({ name }) => name === `${own.name}/scale`)
    const { name: plural, namespaced } = own
    const found: NamedKind = { group, version, kind, plural, namespaced, scalable }
    if (this.known.size >= knownMax) this.known.clear()
    // It may get a scale: only what is there is remembered.
    if (scalable) this.known.set(key, found)
    return found
  }
}

/** As in "/api/v1" and "/apis/apps/v1". */
const rootOf = (apiVersion: string): string =>
  apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
