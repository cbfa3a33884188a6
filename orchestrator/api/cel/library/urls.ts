// URLs: url("https://a.example:1/x").getPort(). Counterpart: k8s.io/apiserver/pkg/cel/library urls,
// over net/url's ParseRequestURI: a URL with a scheme, or a path that begins with a slash.

import type { Environment } from '@marcbachmann/cel-js'

class UrlValue {
  readonly scheme: string
  readonly host: string
  readonly path: string
  readonly query: string
  /** As it was given, with the scheme in small letters. */
  readonly text: string

  constructor(text: string, scheme: string, host: string, path: string, query: string) {
    this.text = text
    this.scheme = scheme
    this.host = host
    this.path = path
    this.query = query
  }
}

function parsed(text: string): UrlValue | null {
  const parts =
    /^(?:([A-Za-z][-+.A-Za-z0-9]*):)?(?:\/\/(?:[^/?]*@)?([^/?]*))?([^?]*)(?:\?(.*))?$/s.exec(text)
  if (parts === null || /[\0-\x20\x7f]/.test(text)) return null
  const [, scheme = '', host = '', path = '', query = ''] = parts
  if (scheme === '' && !text.startsWith('/')) return null
  if (/%(?![0-9a-fA-F]{2})/.test(path) || !isHost(host)) return null
  const small = scheme.toLowerCase()
  return new UrlValue(`${small}${text.slice(scheme.length)}`, small, host, path, query)
}

function isHost(host: string): boolean {
  return /^(?:\[[0-9a-fA-F:.%]*\]|[^[\]:]*)(?::\d*)?$/.test(host)
}

function urlOf(text: string): UrlValue {
  const url = parsed(text)
  if (url === null)
    throw new Error(
      `URL parse error during conversion from string: parse ${JSON.stringify(text)}: invalid URI for request`,
    )
  return url
}

const hostname = ({ host }: UrlValue) => host.replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1')
const port = ({ host }: UrlValue) => /:(\d*)$/.exec(host)?.[1] ?? ''

function escapedPath({ path }: UrlValue): string {
  return path.replace(/[^%A-Za-z0-9\-._~!$&'()*+,;=:@/[\]]+/g, part => encodeURIComponent(part))
}

function queryOf({ query }: UrlValue): Map<string, string[]> {
  const result = new Map<string, string[]>()
  for (const [name, value] of new URLSearchParams(query)) {
    const values = result.get(name) ?? []
    values.push(value)
    result.set(name, values)
  }
  return result
}

export function withUrls(environment: Environment): Environment {
  return environment
    .registerType('kubernetes.URL', { ctor: UrlValue })
    .registerFunction('url(string): kubernetes.URL', urlOf)
    .registerOperator(
      'kubernetes.URL == kubernetes.URL',
      (a: UrlValue, b: UrlValue) => a.text === b.text,
    )
    .registerFunction('isURL(string): bool', (text: string) => parsed(text) !== null)
    .registerFunction('kubernetes.URL.getScheme(): string', ({ scheme }: UrlValue) => scheme)
    .registerFunction('kubernetes.URL.getHost(): string', ({ host }: UrlValue) => host)
    .registerFunction('kubernetes.URL.getHostname(): string', hostname)
    .registerFunction('kubernetes.URL.getPort(): string', port)
    .registerFunction('kubernetes.URL.getEscapedPath(): string', escapedPath)
    .registerFunction('kubernetes.URL.getQuery(): map<string, list<string>>', queryOf)
}
