// The documents that tell clients what is served: /api, /apis and below, aggregated or one by one,
// and OpenAPI. All are made when first asked for, kept until the kinds change, or what extension API servers
// say where that is in them, and answered with an ETag.

import { createHash } from 'node:crypto'
import {
  aggregatedDiscovery,
  aggregatedMediaType,
  apiGroup,
  apiGroupList,
  apiResourceList,
  apiVersions,
} from '../api/discovery.js'
import {
  withExtensionDiscovery,
  withExtensionGroups,
  withExtensionVersions,
} from '../api/aggregation/extension-discovery.js'
import type { Kind } from '../api/kind.js'
import type { KindRegistry } from '../api/kind-registry.js'
import type { JsonObject } from '../api/object.js'
import { openApiGroupVersions, openApiV3 } from '../api/openapi.js'
import type { Descriptions } from '../api/openapi/descriptions.js'
import { openApiV2 } from '../api/openapi/v2-document.js'
import { mergedOpenApiV2 } from '../api/openapi/v2-merge.js'
import { encodeOpenApiV2 } from '../api/openapi/v2-protobuf.js'
import { openApiV3FromV2 } from '../api/openapi/v3-from-v2.js'
import { notAcceptable, pathNotFound } from '../api/status.js'
import { bytesResponse } from './exchange.js'
import type { ApiResponse, RequestHead } from './exchange.js'
import type { ExtensionServers } from './extension-servers.js'
import { documentOffer, negotiate, offeredTypes, parseAccept } from './negotiation.js'
import { jsonResponse } from './rendering.js'

interface Document {
  readonly bytes: Uint8Array
  /** Upper-case hex SHA-512, as clients see it in hashed paths and ETags. */
  readonly hash: string
}

export interface DiscoveryOptions {
  readonly extensions: ExtensionServers
  readonly kinds: KindRegistry
  /** host:port for /api's serverAddressByClientCIDRs. */
  readonly serverAddress: string
  /** As in /version. */
  readonly gitVersion: string
  /** Asked for when the first OpenAPI document is made. */
  readonly descriptions: () => Descriptions
}

const openApiV2Type = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'

/** Names under which clients ask for it. */
const openApiV2Accepts: readonly string[] = [
  openApiV2Type,
  'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
]

const hashParameter = 'hash'
const yearSeconds = 365 * 24 * 60 * 60

export class DiscoveryEndpoints {
  readonly #registry: KindRegistry
  readonly #extensions: ExtensionServers
  readonly #serverAddress: string
  readonly #version: string
  readonly #describe: () => Descriptions
  #descriptions: Descriptions | null = null
  /** Of our own kinds alone. */
  readonly #documents = new Map<string, Document>()
  /** With what extension API servers say. */
  readonly #shared = new Map<string, Document>()

  constructor(options: DiscoveryOptions) {
    this.#registry = options.kinds
    options.kinds.onChange(() => {
      this.#documents.clear()
      this.#shared.clear()
    })
    this.#extensions = options.extensions
    options.extensions.onChange(() => this.#shared.clear())
    this.#serverAddress = options.serverAddress
    this.#version = options.gitVersion
    this.#describe = options.descriptions
  }

  get #kinds(): readonly Kind[] {
    return this.#registry.all
  }

  /** Null when the path is none of these. Throws ApiError: NotFound, NotAcceptable. */
  answer(path: string, query: URLSearchParams, head: RequestHead): ApiResponse | null {
    const segments = path.split('/').filter(segment => segment !== '')
    const [root = '', group, version, extra] = segments
    if (root === 'api' || root === 'apis') {
      if (segments.length === 1) return this.#root(root, head)
      if (root === 'api' && group !== undefined && version === undefined) {
        return this.#legacy(head, apiResourceList(this.#kinds, '', group, shortDigest))
      }
      if (root === 'apis' && group !== undefined && extra === undefined) {
        const document =
          version === undefined
            ? this.#group(group)
            : apiResourceList(this.#kinds, group, version, shortDigest)
        return this.#legacy(head, document)
      }
      return null
    }
    if (root === 'openapi' && group === 'v3') return this.#openApi(segments.slice(2), query, head)
    if (path === '/openapi/v2') return this.#openApiV2(head)
    return null
  }

  /** All paths below which something is served by it, others' groups included. */
  get paths(): readonly string[] {
    const served = [
      ...this.#kinds.map(({ group, version }) => ({ group, version })),
      ...this.#extensions.versions,
    ]
    const groups = served.flatMap(({ group, version }) =>
      group === '' ? [`/api/${version}`] : [`/apis/${group}`, `/apis/${group}/${version}`],
    )
    return ['/api', '/apis', '/openapi/v2', '/openapi/v3', ...new Set(groups)]
  }

  #root(root: 'api' | 'apis', head: RequestHead): ApiResponse {
    for (const range of parseAccept(head.headers.get('accept'))) {
      const { parameters, type } = range
      const json = type === 'application/json' || type === '*/*' || type === 'application/*'
      if (!json) continue
      const as = parameters.get('as')
      if (as === undefined) break
      const version = parameters.get('v')
      const known = as === 'APIGroupDiscoveryList' && parameters.get('g') === 'apidiscovery.k8s.io'
      if (!known || (version !== 'v2' && version !== 'v2beta1')) continue
      const document = jsonDocument(this.#shared, `${root}:${version}`, () => {
        const own = aggregatedDiscovery(this.#kinds, root, version)
        return root === 'api' ? own : withExtensionDiscovery(own, this.#extensions.versions)
      })
      return tagged(head, document, aggregatedMediaType(version), { vary: 'Accept' })
    }
    if (root === 'api') return this.#legacy(head, apiVersions(this.#serverAddress))
    const groups = apiGroupList(this.#kinds)
    return this.#legacy(head, withExtensionGroups(groups, this.#extensions.versions))
  }

  #group(group: string): JsonObject | null {
    const own = apiGroup(this.#kinds, group)
    const whole = withExtensionVersions(own, group, this.#extensions.versions)
    return whole === null ? null : { kind: 'APIGroup', apiVersion: 'v1', ...whole }
  }

  #legacy(head: RequestHead, body: JsonObject | null): ApiResponse {
    if (body === null) throw pathNotFound()
    const negotiated = negotiate(head.headers.get('accept'), null, documentOffer)
    if (negotiated === null || negotiated.shape.kind !== 'object') {
      // Clients that only know protobuf or other shapes are told what there is.
      throw notAcceptable(offeredTypes(documentOffer))
    }
    return jsonResponse(200, body, negotiated.format, { vary: 'Accept' })
  }

  #openApi(segments: readonly string[], query: URLSearchParams, head: RequestHead): ApiResponse {
    const wantsJson = parseAccept(head.headers.get('accept')).some(({ type }) =>
      ['application/json', '*/*', 'application/*'].includes(type),
    )
    if (!wantsJson) throw notAcceptable(['application/json'])
    if (segments.length === 0) {
      const index = jsonDocument(this.#shared, 'openapi', () => this.#openApiIndex())
      return tagged(head, index, 'application/json', { 'cache-control': 'no-cache, private' })
    }
    const path = segments.join('/')
    const document = this.#openApiDocument(path)
    if (document === null) throw pathNotFound()
    const asked = query.get(hashParameter)
    if (asked !== null && asked !== document.hash) {
      // What was there then is gone; caches must not keep what is there now under that name.
      return redirect(openApiUrl(path, document))
    }
    const caching =
      asked === null ? 'no-cache, private' : `public, max-age=${yearSeconds}, immutable`
    return tagged(head, document, 'application/json', { 'cache-control': caching, vary: 'Accept' })
  }

  #openApiIndex(): JsonObject {
    const elsewhere = this.#extensions.openApiV3
    const paths = [...openApiGroupVersions(this.#kinds).map(one => one.path), ...elsewhere.keys()]
    const entries = paths.flatMap(path => {
      const other = elsewhere.get(path)
      if (other?.kind === 'passed') return [[path, { serverRelativeURL: other.url }] as const]
      const document = this.#openApiDocument(path)
      return document === null
        ? []
        : [[path, { serverRelativeURL: openApiUrl(path, document) }] as const]
    })
    return { paths: Object.fromEntries(entries) }
  }

  /**
   * Protobuf to all who name it, for they can read nothing else, and JSON to those who name JSON and
   * not protobuf.
   */
  #openApiV2(head: RequestHead): ApiResponse {
    const types = parseAccept(head.headers.get('accept')).map(({ type }) => type)
    const vary = { vary: 'Accept' }
    if (types.some(type => openApiV2Accepts.includes(type))) {
      const document = keptDocument(this.#shared, 'openapi-v2', () =>
        encodeOpenApiV2(this.#openApiV2Document()),
      )
      return tagged(head, document, openApiV2Type, vary)
    }
    if (!types.includes('application/json')) throw notAcceptable(openApiV2Accepts)
    const document = jsonDocument(this.#shared, 'openapi-v2-json', () => this.#openApiV2Document())
    return tagged(head, document, 'application/json', vary)
  }

  #openApiV2Document(): JsonObject {
    const documents = openApiGroupVersions(this.#kinds).map(entry => this.#openApiV3(entry))
    return mergedOpenApiV2(openApiV2(documents, this.#version), this.#extensions.openApiV2)
  }

  #openApiV3({ group, version }: { readonly group: string; readonly version: string }): JsonObject {
    this.#descriptions ??= this.#describe()
    return openApiV3(group, version, this.#kinds, this.#descriptions)
  }

  /** Of our own, or made for an extension API server that has none; null where neither is so. */
  #openApiDocument(path: string): Document | null {
    const known = openApiGroupVersions(this.#kinds).find(candidate => candidate.path === path)
    if (known !== undefined)
      return jsonDocument(this.#documents, path, () => this.#openApiV3(known))
    const other = this.#extensions.openApiV3.get(path)
    if (other?.kind !== 'made') return null
    return jsonDocument(this.#shared, path, () => openApiV3FromV2(other.from))
  }
}

type Kept = Map<string, Document>

function jsonDocument(kept: Kept, key: string, make: () => JsonObject): Document {
  return keptDocument(kept, key, () => new TextEncoder().encode(JSON.stringify(make())))
}

function keptDocument(kept: Kept, key: string, make: () => Uint8Array): Document {
  const known = kept.get(key)
  if (known !== undefined) return known
  const bytes = make()
  const hash = createHash('sha512').update(bytes).digest('hex').toUpperCase()
  const made = { bytes, hash }
  kept.set(key, made)
  return made
}

/** The first eight bytes of a SHA-256, as storage version hashes are written. */
function shortDigest(text: string): string {
  return createHash('sha256').update(text).digest().subarray(0, 8).toString('base64')
}

function openApiUrl(path: string, { hash }: Document): string {
  return `/openapi/v3/${path}?${hashParameter}=${hash}`
}

function redirect(location: string): ApiResponse {
  return { status: 301, headers: { location }, body: { kind: 'bytes', chunks: [] } }
}

function tagged(
  head: RequestHead,
  document: Document,
  contentType: string,
  headers: Readonly<Record<string, string>>,
): ApiResponse {
  const etag = `"${document.hash}"`
  const known = (head.headers.get('if-none-match') ?? '').split(',').map(tag => tag.trim())
  if (known.includes(etag)) {
    return { status: 304, headers: { etag, ...headers }, body: { kind: 'bytes', chunks: [] } }
  }
  return bytesResponse(200, contentType, [document.bytes], { etag, ...headers })
}
