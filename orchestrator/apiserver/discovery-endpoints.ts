// The documents that tell clients what is served: /api, /apis and below, aggregated or one by one,
// and /openapi/v3. All are made once, when first asked for, and answered with an ETag.

import { createHash } from 'node:crypto'
import {
  aggregatedDiscovery,
  aggregatedMediaType,
  apiGroup,
  apiGroupList,
  apiResourceList,
  apiVersions,
} from '../api/discovery.js'
import type { Kind } from '../api/kind.js'
import type { Json, JsonObject } from '../api/object.js'
import { openApiGroupVersions, openApiV3 } from '../api/openapi.js'
import { notAcceptable, pathNotFound } from '../api/status.js'
import { bytesResponse } from './exchange.js'
import type { ApiResponse, RequestHead } from './exchange.js'
import { documentOffer, negotiate, offeredTypes, parseAccept } from './negotiation.js'
import { openApiV2, openApiV2Accepts, openApiV2Type } from './openapi-v2.js'
import { jsonResponse } from './rendering.js'

interface Document {
  readonly bytes: Uint8Array
  /** Upper-case hex SHA-512, as clients see it in hashed paths and ETags. */
  readonly hash: string
}

export interface DiscoveryOptions {
  readonly kinds: readonly Kind[]
  /** host:port for /api's serverAddressByClientCIDRs. */
  readonly serverAddress: string
  /** As in /version. */
  readonly gitVersion: string
}

export class DiscoveryEndpoints {
  readonly #kinds: readonly Kind[]
  readonly #serverAddress: string
  readonly #version: string
  readonly #documents = new Map<string, Document>()

  constructor(options: DiscoveryOptions) {
    this.#kinds = options.kinds
    this.#serverAddress = options.serverAddress
    this.#version = options.gitVersion
  }

  /** Null when the path is none of these. Throws ApiError: NotFound, NotAcceptable. */
  answer(path: string, query: URLSearchParams, head: RequestHead): ApiResponse | null {
    const segments = path.split('/').filter(segment => segment !== '')
    const [root = '', group, version, extra] = segments
    if (root === 'api' || root === 'apis') {
      if (segments.length === 1) return this.#root(root, head)
      if (root === 'api' && group !== undefined && version === undefined) {
        return this.#legacy(head, apiResourceList(this.#kinds, '', group))
      }
      if (root === 'apis' && group !== undefined && extra === undefined) {
        const document =
          version === undefined
            ? apiGroup(this.#kinds, group)
            : apiResourceList(this.#kinds, group, version)
        return this.#legacy(head, document)
      }
      return null
    }
    if (root === 'openapi' && group === 'v3') return this.#openApi(segments.slice(2), query, head)
    if (path === '/openapi/v2') return this.#openApiV2(head)
    return null
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
      const document = this.#document(`${root}:${version}`, () =>
        aggregatedDiscovery(this.#kinds, root, version),
      )
      return tagged(head, document, aggregatedMediaType(version), { vary: 'Accept' })
    }
    const body = root === 'api' ? apiVersions(this.#serverAddress) : apiGroupList(this.#kinds)
    return this.#legacy(head, body)
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
    const groupVersions = openApiGroupVersions(this.#kinds)
    if (segments.length === 0) {
      const paths = groupVersions.map(({ path }) => [
        path,
        { serverRelativeURL: `/openapi/v3/${path}?hash=${this.#openApiDocument(path).hash}` },
      ])
      return jsonResponse(200, { paths: Object.fromEntries(paths) as Json })
    }
    const path = segments.join('/')
    if (!groupVersions.some(known => known.path === path)) throw pathNotFound()
    const document = this.#openApiDocument(path)
    const named = query.get('hash') === document.hash
    const caching = named ? 'public, immutable' : 'no-cache, private'
    return tagged(head, document, 'application/json', { 'cache-control': caching, vary: 'Accept' })
  }

  /** Protobuf or nothing: a client that gets JSON here stumbles over it. */
  #openApiV2(head: RequestHead): ApiResponse {
    const asked = parseAccept(head.headers.get('accept'))
    if (!asked.some(({ type }) => openApiV2Accepts.includes(type))) throw pathNotFound()
    const document = this.#bytes('openapi-v2', () =>
      openApiV2(
        openApiGroupVersions(this.#kinds).map(({ group, version }) =>
          openApiV3(group, version, this.#kinds),
        ),
        this.#version,
      ),
    )
    return tagged(head, document, openApiV2Type, { vary: 'Accept' })
  }

  #openApiDocument(path: string): Document {
    return this.#document(`openapi:${path}`, () => {
      const known = openApiGroupVersions(this.#kinds).find(candidate => candidate.path === path)
      return openApiV3(known?.group ?? '', known?.version ?? '', this.#kinds)
    })
  }

  #document(key: string, make: () => JsonObject): Document {
    return this.#bytes(key, () => new TextEncoder().encode(JSON.stringify(make())))
  }

  #bytes(key: string, make: () => Uint8Array): Document {
    const known = this.#documents.get(key)
    if (known !== undefined) return known
    const bytes = make()
    const hash = createHash('sha512').update(bytes).digest('hex').toUpperCase()
    const document = { bytes, hash }
    this.#documents.set(key, document)
    return document
  }
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
