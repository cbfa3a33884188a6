// Tokens that say who a client is: user, auth revision and end, signed with the secret that all members
// have in their replicated state. So every member can read one that any other has made, whoever leads,
// and none has to remember them. Counterpart: etcd's JWT tokens, whose keys are files to be brought to
// every member.

import { createHmac, timingSafeEqual } from 'node:crypto'
import type { UnpackRules } from '../../../platform/msgpack.js'
import { MalformedFrame, packArray, unpackArray } from '../../../platform/msgpack.js'
import { authNameBytesMax } from '../../core/limits.js'
import type { Bytes, Revision } from '../../core/types.js'

export interface TokenClaims {
  readonly user: string
  /** Of the users and roles when the password was checked. */
  readonly authRevision: Revision
  /** Of the wall clock. */
  readonly expiresMs: number
}

const formatVersion = 1
const macBytes = 32
const textMax = 1024
/** Verified ones, so that a client's thousandth request costs no more hashing. */
const rememberedMax = 1024

const rules: UnpackRules = {
  itemsMax: 8,
  depthMax: 2,
  textBytesMax: authNameBytesMax,
  numbers: 'own',
  binaries: 'copies',
  error: (detail, cause) => new MalformedFrame(detail, cause),
}

export class Tokens {
  #secret: Bytes = new Uint8Array()
  #remembered = new Map<string, TokenClaims>()

  sign(secret: Bytes, { user, authRevision, expiresMs }: TokenClaims): string {
    const payload = packArray([formatVersion, user, authRevision, expiresMs])
    return `${base64url(payload)}.${base64url(macOf(secret, payload))}`
  }

  /** The claims of a token that was signed with the secret, expired or not; else null. */
  verify(secret: Bytes, token: string): TokenClaims | null {
    if (this.#secret !== secret) {
      this.#secret = secret
      this.#remembered = new Map()
    }
    const known = this.#remembered.get(token)
    if (known !== undefined) return known
    const claims = read(secret, token)
    if (claims === null) return null
    if (this.#remembered.size >= rememberedMax) {
      for (const oldest of this.#remembered.keys()) {
        this.#remembered.delete(oldest)
        break
      }
    }
    this.#remembered.set(token, claims)
    return claims
  }
}

function read(secret: Bytes, token: string): TokenClaims | null {
  // Without a secret everybody could sign.
  if (secret.length === 0 || token.length > textMax) return null
  const match = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/.exec(token)
  if (match === null) return null
  const payload = Buffer.from(match[1] ?? '', 'base64url')
  const mac = Buffer.from(match[2] ?? '', 'base64url')
  if (mac.length !== macBytes || !timingSafeEqual(mac, macOf(secret, payload))) return null
  let fields: readonly unknown[]
  try {
    fields = unpackArray(payload, rules)
  } catch (error) {
    if (!(error instanceof MalformedFrame)) throw error
    return null
  }
  const [version, user, authRevision, expiresMs] = fields
  const sound =
    version === formatVersion &&
    typeof user === 'string' &&
    typeof authRevision === 'number' &&
    typeof expiresMs === 'number'
  return sound ? { user, authRevision, expiresMs } : null
}

function macOf(secret: Bytes, payload: Uint8Array): Buffer {
  return createHmac('sha256', secret).update(payload).digest()
}

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')
