// What a URL asks for: the verb, the resource, the name. Counterpart: apiserver's RequestInfo.
// Pure; knows nothing of which kinds exist.

export type RequestVerb =
  | 'get'
  | 'list'
  | 'watch'
  | 'create'
  | 'update'
  | 'patch'
  | 'delete'
  | 'deletecollection'

export interface ResourceRequest {
  readonly kind: 'resource'
  readonly verb: RequestVerb
  /** '' is the core group. */
  readonly group: string
  readonly version: string
  /** '' outside of namespaces. For a Namespace itself: its own name, as in Kubernetes. */
  readonly namespace: string
  /** Plural, as in the URL. */
  readonly resource: string
  /** '' for none. */
  readonly subresource: string
  /** The path behind a proxy as it was received, so that it can be passed on; '' for none. */
  readonly subpath: string
  /** '' for collections. */
  readonly name: string
  readonly path: string
  readonly query: URLSearchParams
}

export interface NonResourceRequest {
  readonly kind: 'non-resource'
  /** The HTTP method in lower case. */
  readonly verb: string
  readonly path: string
  readonly query: URLSearchParams
}

export type RequestInfo = ResourceRequest | NonResourceRequest

/** Longest URL that is looked at; longer ones are answered 414. */
export const urlCharactersMax = 16 * 1024

const verbOfMethod: ReadonlyMap<string, RequestVerb> = new Map([
  ['GET', 'get'],
  ['HEAD', 'get'],
  ['POST', 'create'],
  ['PUT', 'update'],
  ['PATCH', 'patch'],
  ['DELETE', 'delete'],
])

/** The parsed URL, or a sentence saying why it cannot be understood. */
export function parseRequestInfo(
  method: string,
  url: string,
): { readonly info: RequestInfo } | { readonly problem: string } {
  if (url.length > urlCharactersMax) return { problem: 'the request URL is too long' }
  const mark = url.indexOf('?')
  const rawPath = mark === -1 ? url : url.slice(0, mark)
  const query = new URLSearchParams(mark === -1 ? '' : url.slice(mark + 1))
  if (!rawPath.startsWith('/')) return { problem: 'the request path must start with /' }
  const proxied = proxiedPath(rawPath)
  const segments: string[] = []
  for (const raw of rawPath.slice(0, rawPath.length - proxied.length).split('/')) {
    if (raw === '') continue
    const segment = decodeSegment(raw)
    if (segment === null) return { problem: `the request path ${rawPath} is malformed` }
    segments.push(segment)
  }
  const path = rawPath.length > 1 && rawPath.endsWith('/') ? rawPath.slice(0, -1) : rawPath
  const nonResource: NonResourceRequest = {
    kind: 'non-resource',
    verb: method.toLowerCase(),
    path,
    query,
  }
  const root = segments[0]
  const behindVersion = root === 'api' ? 2 : root === 'apis' ? 3 : 0
  const verb = verbOfMethod.get(method)
  if (behindVersion === 0 || segments.length <= behindVersion || verb === undefined) {
    return { info: nonResource }
  }
  return {
    info: resourceInfo(
      verb,
      root === 'api' ? '' : (segments[1] ?? ''),
      (root === 'api' ? segments[1] : segments[2]) ?? '',
      segments.slice(behindVersion),
      proxied,
      path,
      query,
    ),
  }
}

function resourceInfo(
  methodVerb: RequestVerb,
  group: string,
  version: string,
  segments: readonly string[],
  subpath: string,
  path: string,
  query: URLSearchParams,
): ResourceRequest {
  let rest = segments
  let verb = methodVerb
  const legacyWatch = rest[0] === 'watch' && rest.length > 1
  if (legacyWatch) rest = rest.slice(1)
  let namespace = ''
  if (rest[0] === 'namespaces' && rest.length > 1) {
    namespace = rest[1] ?? ''
    const own = rest.length === 2 || rest[2] === 'status' || rest[2] === 'finalize'
    if (!(own && group === '')) rest = rest.slice(2)
  }
  const [resource = '', name = '', subresource = ''] = rest
  if (verb === 'get' && (legacyWatch || (name === '' && isTrue(query.get('watch'))))) {
    verb = 'watch'
  } else if (name === '') {
    if (verb === 'get') verb = 'list'
    if (verb === 'delete') verb = 'deletecollection'
  }
  return {
    kind: 'resource',
    verb,
    group,
    version,
    namespace,
    resource,
    subresource,
    subpath,
    name,
    path,
    query,
  }
}

const proxyRoot =
  /^\/+api\/+v1\/+(?:namespaces\/+[^/]+\/+(?:pods|services)|nodes)\/+[^/]+\/+proxy(?=\/|$)/

/** What is behind a proxy is for somebody else to understand. */
function proxiedPath(rawPath: string): string {
  const root = proxyRoot.exec(rawPath)?.[0]
  return root === undefined ? '' : rawPath.slice(root.length)
}

/** Query booleans as Go's ParseBool takes them, and a bare `?watch`. */
export function isTrue(value: string | null): boolean {
  return value !== null && ['', '1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)
}

function decodeSegment(raw: string): string | null {
  if (raw === '.' || raw === '..') return null
  try {
    const decoded = raw.includes('%') ? decodeURIComponent(raw) : raw
    // A name that holds a slash would reach another object's key.
    if (decoded === '.' || decoded === '..' || decoded.includes('/') || decoded.includes('\0')) {
      return null
    }
    return decoded
  } catch {
    return null
  }
}
