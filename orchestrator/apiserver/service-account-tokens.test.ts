import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { heldToken, legacyClaims } from '../api/legacy-token.js'
import type { JsonObject } from '../api/object.js'
import type { Secret } from '../api/types/core-config.js'
import { tokenIssuer, tokenSigner } from './service-account-tokens.js'
import type { TokenClaims, UidLookup } from './service-account-tokens.js'

const pem = (type: 'ec' | 'rsa' | 'ed25519') => {
  const { privateKey } =
    type === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : type === 'rsa'
        ? generateKeyPairSync('rsa', { modulusLength: 2048 })
        : generateKeyPairSync('ed25519')
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

const claims: TokenClaims = {
  iss: tokenIssuer,
  sub: 'system:serviceaccount:ns:robot',
  aud: [tokenIssuer],
  iat: 1_000,
  nbf: 1_000,
  exp: 2_000,
  jti: 'j',
  'kubernetes.io': {
    namespace: 'ns',
    serviceaccount: { name: 'robot', uid: 'u1' },
    pod: { name: 'p', uid: 'u2' },
  },
}

const ofNode = (uid: string): TokenClaims => ({
  ...claims,
  'kubernetes.io': {
    namespace: 'ns',
    serviceaccount: { name: 'robot', uid: 'u1' },
    node: { name: 'n', uid },
  },
})

const uids: Readonly<Record<string, string>> = {
  'serviceaccounts/ns/robot': 'u1',
  'pods/ns/p': 'u2',
  'nodes//n': 'u3',
}
const uidOf: UidLookup = (plural, namespace, name) => uids[`${plural}/${namespace}/${name}`]

const lookups = (nowMs: number, uid = uidOf, held: string | null = null) => ({
  uidOf: uid,
  heldToken: () => held,
  onHeldToken: () => {},
  nowMs: () => nowMs,
})

describe('tokens of service accounts', () => {
  test.each(['ec', 'rsa'] as const)('signed with an %s key are believed', type => {
    const signer = tokenSigner(pem(type))
    const user = signer.lookup(lookups(1_500_000))(signer.sign(claims), [tokenIssuer])?.user
    expect(user).toMatchObject({
      name: 'system:serviceaccount:ns:robot',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:ns'],
    })
  })

  test('name the key that others can verify them with', () => {
    const signer = tokenSigner(pem('ec'))
    const [head = ''] = signer.sign(claims).split('.')
    const { kid, alg } = JSON.parse(Buffer.from(head, 'base64url').toString()) as JsonObject
    expect(signer.publicKey).toMatchObject({ kty: 'EC', use: 'sig', kid, alg })
    expect(Object.hasOwn(signer.publicKey, 'd')).toBe(false)
  })

  test('a key of another sort is refused at the start', () => {
    expect(() => tokenSigner(pem('ed25519'))).toThrow('must be RSA or EC')
  })

  const signer = tokenSigner(pem('ec'))
  const look = (token: string, nowMs = 1_500_000, uid = uidOf) =>
    signer.lookup(lookups(nowMs, uid))(token, [tokenIssuer])
  const good = signer.sign(claims)
  const [head = '', body = '', signature = ''] = good.split('.')
  const none = Buffer.from('{"alg":"none"}').toString('base64url')
  const others = Buffer.from(JSON.stringify({ ...claims, sub: 'x' })).toString('base64url')

  test.each([
    ['signed by another key', tokenSigner(pem('ec')).sign(claims)],
    ['with the signature left out', `${head}.${body}.`],
    ['that says it needs no signature', `${none}.${body}.`],
    ['whose claims were changed', `${head}.${others}.${signature}`],
    ['for another audience', signer.sign({ ...claims, aud: ['vault'] })],
    ['of another issuer', signer.sign({ ...claims, iss: 'https://x' })],
    ['of a node that has gone', signer.sign(ofNode('old'))],
    ['that is none', 'a.b.c'],
    ['that is empty', ''],
  ])('one %s is not', (_, token) => {
    expect(look(token)).toBeNull()
  })

  test('one dies with its time, its account and its pod', () => {
    expect(look(good)).not.toBeNull()
    expect(look(signer.sign(ofNode('u3')))?.user.extra).toMatchObject({
      'authentication.kubernetes.io/node-name': ['n'],
    })
    expect(look(good, 2_011_000)).toBeNull()
    expect(look(good, 900_000)).toBeNull()
    expect(look(good, 1_500_000, plural => (plural === 'pods' ? 'u2' : undefined))).toBeNull()
    expect(look(good, 1_500_000, plural => (plural === 'pods' ? 'new' : 'u1'))).toBeNull()
  })
  const secret: Secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace: 'ns', name: 'kept' },
    type: 'kubernetes.io/service-account-token',
  }
  const account = {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { namespace: 'ns', name: 'robot', uid: 'u1' },
  }
  const kept = signer.sign(legacyClaims(secret, account))
  const lookFor = (token: string, held: string | null, audience = tokenIssuer, uid = uidOf) =>
    signer.lookup(lookups(9e12, uid, held))(token, [audience])

  test('one that a Secret holds is believed for ever, as long as it is there', () => {
    expect(lookFor(kept, kept)).toEqual({
      user: {
        name: 'system:serviceaccount:ns:robot',
        uid: 'u1',
        groups: ['system:serviceaccounts', 'system:serviceaccounts:ns'],
        extra: {},
      },
      audiences: [tokenIssuer],
    })
    expect(lookFor(kept, null)).toBeNull()
    expect(lookFor(kept, 'another')).toBeNull()
    expect(lookFor(kept, kept, 'vault')).toBeNull()
    expect(lookFor(kept, kept, tokenIssuer, () => 'u2')).toBeNull()
    const forged = signer.sign({
      ...legacyClaims(secret, account),
      sub: 'system:serviceaccount:a:b',
    })
    expect(lookFor(forged, forged)).toBeNull()
  })

  test.each<readonly [string, Partial<Secret>, string | null]>([
    ['holds its token', { data: { token: 'dG9r' } }, 'tok'],
    ['that is empty holds none', {}, null],
    ['of another type holds none', { type: 'Opaque', data: { token: 'dG9r' } }, null],
    [
      'that is being deleted holds none any more',
      { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' }, data: { token: 'dG9r' } },
      null,
    ],
    [
      'whose token was withdrawn holds none',
      {
        metadata: { labels: { 'kubernetes.io/legacy-token-invalid-since': '2026-01-01' } },
        data: { token: 'dG9r' },
      },
      null,
    ],
  ])('a Secret %s', (_, more, token) => {
    expect(heldToken({ ...secret, ...more })).toBe(token)
  })
})
