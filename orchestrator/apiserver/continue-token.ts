// The token that carries a paged list on: the revision all pages share and where the next begins.
// Counterpart: storage/continue.go. Pure; a token is the client's to send, so it is checked.

import { badRequest } from '../api/status.js'

export interface ContinueToken {
  /** -1: at the newest revision, after the one the list began at was compacted. */
  readonly revision: number
  /** First key of the next page, relative to the prefix of the list. */
  readonly start: string
}

const tokenCharactersMax = 4_096

export function encodeContinue(token: ContinueToken): string {
  const text = JSON.stringify({ v: 'meta.k8s.io/v1', rv: token.revision, start: token.start })
  return Buffer.from(text, 'utf8').toString('base64url')
}

/** Throws ApiError BadRequest. */
export function decodeContinue(text: string): ContinueToken {
  const refuse = () => badRequest('continue key is not valid')
  if (text.length > tokenCharactersMax) throw refuse()
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
  } catch {
    throw refuse()
  }
  if (typeof value !== 'object' || value === null) throw refuse()
  const { v, rv, start } = value as Record<string, unknown>
  if (v !== 'meta.k8s.io/v1' || typeof rv !== 'number' || typeof start !== 'string') throw refuse()
  const sane = Number.isSafeInteger(rv) && (rv === -1 || rv > 0)
  if (!sane || start === '' || start.startsWith('/') || start.includes('..')) throw refuse()
  return { revision: rv, start }
}
