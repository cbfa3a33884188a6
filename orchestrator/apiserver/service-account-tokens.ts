// Tokens of service accounts: JWTs that name the account, and perhaps a pod, by uid, so that they die
// with it; and those that Secrets hold. Counterpart: pkg/serviceaccount. Signing is the platform's;
// what a token must say to be believed is `claimsProblem` and `legacyProblem`, which are pure.

import { createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { RaftsmanError } from '../../platform/errors.js'
import { type LegacyClaims, legacyIssuer } from '../api/legacy-token.js'
import type { JsonObject } from '../api/object.js'
import type { TokenLookup, User } from './authentication.js'

export const tokenIssuer = 'https://kubernetes.default.svc.cluster.local'
const tokenCharactersMax = 16 * 1024
const leewaySeconds = 10

export interface BoundReference {
  readonly name: string
  readonly uid: string
}

export interface TokenClaims {
  readonly iss: string
  readonly sub: string
  readonly aud: readonly string[]
  /** Seconds since the Unix epoch, as are nbf and exp. */
  readonly iat: number
  readonly nbf: number
  readonly exp: number
  readonly jti: string
  readonly 'kubernetes.io': {
    readonly namespace: string
    readonly serviceaccount: BoundReference
    readonly pod?: BoundReference
    readonly secret?: BoundReference
    /** Of the token itself, or where its pod runs. */
    readonly node?: BoundReference
  }
}

/** What is there now; undefined for what is not. */
export type UidLookup = (
  plural: 'serviceaccounts' | 'pods' | 'secrets' | 'nodes',
  namespace: string,
  name: string,
) => string | undefined

/** The token that a Secret of that type holds now; null for none. */
export type HeldTokenLookup = (namespace: string, secret: string) => string | null

export interface TokenLookups {
  readonly uidOf: UidLookup
  readonly heldToken: HeldTokenLookup
  /** Told of each token of a Secret that was believed. */
  readonly onHeldToken: (namespace: string, secret: string) => void
  /** Wall time. */
  readonly nowMs: () => number
}

export interface TokenSigner {
  readonly algorithm: 'RS256' | 'ES256'
  /** As a JSON Web Key. */
  readonly publicKey: JsonObject
  sign(claims: TokenClaims | LegacyClaims): string
  /** For the authenticator. */
  lookup(lookups: TokenLookups): TokenLookup
}

type Algorithm = 'RS256' | 'ES256'

/** `pem`: a private key, RSA or EC P-256. Throws RaftsmanError for any other. */
export function tokenSigner(pem: string): TokenSigner {
  const privateKey = createPrivateKey(pem)
  const publicKey = createPublicKey(privateKey)
  const algorithm = algorithmOf(privateKey)
  const keyId = keyIdOf(publicKey)
  return {
    algorithm,
    publicKey: {
      use: 'sig',
      ...(publicKey.export({ format: 'jwk' }) as JsonObject),
      kid: keyId,
      alg: algorithm,
    },
    sign(claims) {
      const head = encode({ alg: algorithm, kid: keyId })
      const input = `${head}.${encode(claims)}`
      const signature = sign('sha256', Buffer.from(input), {
        key: privateKey,
        dsaEncoding: 'ieee-p1363',
      })
      return `${input}.${signature.toString('base64url')}`
    },
    lookup: lookups => (token, audiences) => {
      const claims = verified(token, publicKey, algorithm)
      if (claims === null) return null
      if (isLegacy(claims)) {
        // They say nothing of whom they are for: this server, and nobody else who asks.
        const own = audiences.filter(audience => audience === tokenIssuer)
        if (own.length === 0 || legacyProblem(claims, token, lookups) !== null) return null
        const { namespace, secret } = claimOf(claims)
        lookups.onHeldToken(namespace, secret)
        return { user: legacyUser(claims), audiences: own }
      }
      if (claimsProblem(claims, lookups.uidOf, lookups.nowMs()) !== null) return null
      const shared = audiences.filter(audience => claims.aud.includes(audience))
      return shared.length === 0 ? null : { user: userOf(claims), audiences: shared }
    },
  }
}

/** By which a verifier finds the key among others. */
function keyIdOf(key: KeyObject): string {
  const der = key.export({ type: 'spki', format: 'der' })
  return createHash('sha256').update(der).digest('base64url')
}

function algorithmOf(key: KeyObject): Algorithm {
  if (key.asymmetricKeyType === 'rsa') return 'RS256'
  const p256 = key.asymmetricKeyDetails?.namedCurve === 'prime256v1'
  if (key.asymmetricKeyType === 'ec' && p256) return 'ES256'
  throw new RaftsmanError('the service account key must be RSA or EC on the curve P-256', {
    code: 'apiserver-bad-signing-key',
    retryable: false,
    outcome: 'not-applied',
  })
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

/** Null unless the token is whole, of the one algorithm that the key is for, and signed by it. */
function verified(
  token: string,
  key: KeyObject,
  algorithm: Algorithm,
): TokenClaims | LegacyClaims | null {
  const parts = token.split('.')
  if (parts.length !== 3 || token.length > tokenCharactersMax) return null
  const [head = '', body = '', signature = ''] = parts
  try {
    const header = JSON.parse(Buffer.from(head, 'base64url').toString('utf8')) as { alg?: unknown }
    if (header.alg !== algorithm) return null
    const good = verify(
      'sha256',
      Buffer.from(`${head}.${body}`),
      { key, dsaEncoding: 'ieee-p1363' },
      Buffer.from(signature, 'base64url'),
    )
    if (!good) return null
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString('utf8')) as unknown
    return claims as TokenClaims | LegacyClaims
  } catch {
    return null
  }
}

/** Why signed claims are not good any more, or not for us; null when they are. */
export function claimsProblem(claims: TokenClaims, uidOf: UidLookup, nowMs: number): string | null {
  const now = nowMs / 1000
  if (claims.iss !== tokenIssuer) return 'another issuer'
  if (now > claims.exp + leewaySeconds) return 'expired'
  if (now < claims.nbf - leewaySeconds) return 'not valid yet'
  const { namespace, serviceaccount, pod, secret, node } = claims['kubernetes.io']
  if (uidOf('serviceaccounts', namespace, serviceaccount.name) !== serviceaccount.uid) {
    return 'the service account is gone'
  }
  if (pod !== undefined && uidOf('pods', namespace, pod.name) !== pod.uid) return 'the pod is gone'
  if (secret !== undefined && uidOf('secrets', namespace, secret.name) !== secret.uid) {
    return 'the secret is gone'
  }
  // That a pod's node goes ends the pod; only a token of the node itself depends on it alone.
  const ofNode = node !== undefined && pod === undefined
  if (ofNode && uidOf('nodes', '', node.name) !== node.uid) return 'the node is gone'
  return null
}

const isLegacy = (claims: TokenClaims | LegacyClaims): claims is LegacyClaims =>
  claims.iss === legacyIssuer

const claimOf = (claims: LegacyClaims) => ({
  namespace: claims['kubernetes.io/serviceaccount/namespace'],
  secret: claims['kubernetes.io/serviceaccount/secret.name'],
  name: claims['kubernetes.io/serviceaccount/service-account.name'],
  uid: claims['kubernetes.io/serviceaccount/service-account.uid'],
})

/** Why a token that was kept in a Secret is not good any more; null when it is. */
export function legacyProblem(
  claims: LegacyClaims,
  token: string,
  { uidOf, heldToken }: Pick<TokenLookups, 'uidOf' | 'heldToken'>,
): string | null {
  const { namespace, secret, name, uid } = claimOf(claims)
  if (claims.sub !== `system:serviceaccount:${namespace}:${name}`) return 'another subject'
  if (uidOf('serviceaccounts', namespace, name) !== uid) return 'the service account is gone'
  if (heldToken(namespace, secret) !== token) return 'the secret is gone, or has another token'
  return null
}

function legacyUser(claims: LegacyClaims): User {
  const { namespace, name, uid } = claimOf(claims)
  return accountUser(namespace, name, uid, {})
}

function accountUser(namespace: string, name: string, uid: string, extra: User['extra']): User {
  return {
    name: `system:serviceaccount:${namespace}:${name}`,
    uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
    extra,
  }
}

function userOf(claims: TokenClaims): User {
  const { namespace, serviceaccount, pod, node } = claims['kubernetes.io']
  return accountUser(namespace, serviceaccount.name, serviceaccount.uid, {
    'authentication.kubernetes.io/credential-id': [`JTI=${claims.jti}`],
    ...(pod === undefined
      ? {}
      : {
          'authentication.kubernetes.io/pod-name': [pod.name],
          'authentication.kubernetes.io/pod-uid': [pod.uid],
        }),
    ...(node === undefined
      ? {}
      : {
          'authentication.kubernetes.io/node-name': [node.name],
          'authentication.kubernetes.io/node-uid': [node.uid],
        }),
  })
}
