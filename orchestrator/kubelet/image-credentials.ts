// Which of a pod's pull secrets are for the registry of an image. Counterpart: pkg/credentialprovider. Pure.

import type { Secret } from '../api/types/core-config.js'

export interface RegistryCredentials {
  readonly username: string
  readonly password: string
  /** Instead of a password; '' without. */
  readonly identityToken: string
}

interface Entry {
  readonly place: string
  readonly credentials: RegistryCredentials
}

const defaultRegistry = 'index.docker.io'

/** Host and path of an image, without tag and digest, with the registry that stands for none. */
export function imagePlace(image: string): string {
  const bare = image.replace(/@.*$/, '').replace(/:[^/:]*$/, '')
  const [first = '', ...rest] = bare.split('/')
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost')
  const host = isHost ? first : defaultRegistry
  const path = isHost ? rest : [first, ...rest]
  return [host === 'docker.io' ? defaultRegistry : host, ...path].join('/')
}

/** Those of the most exact places first. Secrets that hold nothing readable say nothing. */
export function credentialsFor(
  image: string,
  secrets: readonly Secret[],
): readonly RegistryCredentials[] {
  const place = imagePlace(image)
  return secrets
    .flatMap(entriesOf)
    .filter(entry => covers(entry.place, place))
    .sort((a, b) => b.place.length - a.place.length)
    .map(({ credentials }) => credentials)
}

function covers(pattern: string, place: string): boolean {
  const [host = '', ...path] = pattern.split('/')
  const [wantedHost = '', ...wantedPath] = place.split('/')
  const parts = host.split('.')
  const wantedParts = wantedHost.split('.')
  if (parts.length !== wantedParts.length) return false
  const same = parts.every((part, at) => glob(part, wantedParts[at] ?? ''))
  return same && path.every((segment, at) => segment === wantedPath[at])
}

/** A star stands for any part of one label. */
function glob(pattern: string, text: string): boolean {
  const pieces = pattern.split('*')
  const [first = ''] = pieces
  const last = pieces.at(-1) ?? ''
  if (pieces.length === 1) return pattern === text
  if (!text.startsWith(first) || !text.endsWith(last)) return false
  let at = first.length
  for (const piece of pieces.slice(1, -1)) {
    const found = text.indexOf(piece, at)
    if (found === -1) return false
    at = found + piece.length
  }
  return at <= text.length - last.length
}

function entriesOf({ data = {} }: Secret): readonly Entry[] {
  const whole = parsed(data['.dockerconfigjson'])
  const auths = isRecord(whole) ? whole['auths'] : parsed(data['.dockercfg'])
  if (!isRecord(auths)) return []
  return Object.entries(auths).flatMap(([key, value]) => {
    const credentials = isRecord(value) ? credentialsOf(value) : null
    if (credentials === null) return []
    // Written as addresses too, in which case their versions of an interface say nothing.
    const place = key.replace(/^https?:\/\//, '').replace(/\/(v\d\/?)?$/, '')
    return [{ place: place === 'docker.io' ? defaultRegistry : place, credentials }]
  })
}

function credentialsOf(value: Readonly<Record<string, unknown>>): RegistryCredentials | null {
  const text = (name: string): string => {
    const field = value[name]
    return typeof field === 'string' ? field : ''
  }
  const pair = Buffer.from(text('auth'), 'base64').toString('utf8')
  const colon = pair.indexOf(':')
  const username = text('username') || pair.slice(0, Math.max(colon, 0))
  const password = text('password') || (colon === -1 ? '' : pair.slice(colon + 1))
  const identityToken = text('identitytoken')
  return username === '' && identityToken === '' ? null : { username, password, identityToken }
}

function parsed(base64: string | undefined): unknown {
  if (base64 === undefined) return null
  try {
    return JSON.parse(Buffer.from(base64, 'base64').toString('utf8'))
  } catch {
    return null
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
