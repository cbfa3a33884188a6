// What users of service accounts rely on, each by its name. Certificates that are signed on request need the files of
// an authority: orchestrator/controllers/certificates/certificates.real.test.ts.

import { createPublicKey, generateKeyPairSync, type JsonWebKey, verify } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { JsonObject } from '../../orchestrator/api/object.js'
import { configMaps, pods, serviceAccounts } from '../../orchestrator/client/resources.js'
import { must } from '../../platform/errors.js'
import { type Place, Scene } from './scene.js'

const rootCa = '-----BEGIN CERTIFICATE-----\nof the authority\n-----END CERTIFICATE-----\n'
let scene: Scene
let place: Place

beforeAll(async () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const accountKey = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  scene = await Scene.start(['a'], { rootCa, accountKey })
})

afterAll(async () => {
  await scene?.close()
})

const robot = '{apiVersion: v1, kind: ServiceAccount, metadata: {name: robot}}'
const pod = (more = '') => `
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  terminationGracePeriodSeconds: 1
  ${more}
  containers: [{name: c, image: "c:1"}]
`

interface TokenAnswer {
  readonly status: { readonly token: string; readonly expirationTimestamp: string }
}

async function tokenFor(spec: JsonObject): Promise<TokenAnswer['status']> {
  const path = `/api/v1/namespaces/${place.namespace}/serviceaccounts/robot/token`
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec }
  return (await scene.cluster.client.postJson<TokenAnswer>(path, body)).status
}

interface Review {
  readonly authenticated?: boolean
  readonly audiences?: readonly string[]
  readonly user?: { readonly username?: string; readonly groups?: readonly string[] }
}

async function review(token: string, ...audiences: readonly string[]): Promise<Review> {
  const answer = await scene.cluster.client.postJson<{ readonly status: Review }>(
    '/apis/authentication.k8s.io/v1/tokenreviews',
    {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token, ...(audiences.length === 0 ? {} : { audiences }) },
    },
  )
  return answer.status
}
const isKnown = async (token: string) => (await review(token)).authenticated === true
const untilUnknown = (token: string) =>
  scene.cluster.until(
    () => isKnown(token),
    known => !known,
  )

interface Claims {
  readonly iss: string
  readonly sub: string
  readonly aud: readonly string[]
  readonly exp: number
  readonly iat: number
}

const part = (token: string, index: number) => token.split('.')[index] ?? ''
const decoded = <T>(text: string) => JSON.parse(Buffer.from(text, 'base64url').toString()) as T

test('default account: every namespace has one, gets it back, and pods are by it', async () => {
  place = await scene.place()
  const { metadata } = await place.until(serviceAccounts, 'default', () => true)
  await place.create(pod())
  const { spec } = await place.get(pods, 'p')
  expect(spec.serviceAccountName).toBe('default')
  await place.delete(serviceAccounts, 'default')
  const again = await place.until(serviceAccounts, 'default', () => true)
  expect(again.metadata.uid).not.toBe(metadata.uid)
  await expect(place.create(pod('serviceAccountName: nobody'))).rejects.toMatchObject({
    httpStatus: 403,
    message: expect.stringContaining('serviceaccount "nobody" not found') as string,
  })
})

test('root CA publisher: every namespace has the certificate, and gets it back', async () => {
  place = await scene.place()
  const isRight = ({ data = {} }: { readonly data?: Readonly<Record<string, string>> }) =>
    data['ca.crt'] === rootCa && Object.keys(data).length === 1
  const right = () => place.until(configMaps, 'kube-root-ca.crt', isRight)
  const { metadata } = await right()
  await place.patch(configMaps, 'kube-root-ca.crt', { data: { 'ca.crt': 'forged', more: 'x' } })
  expect((await right()).metadata.uid).toBe(metadata.uid)
  await place.delete(configMaps, 'kube-root-ca.crt')
  expect((await right()).metadata.uid).not.toBe(metadata.uid)
})

test('bound tokens by TokenRequest: one says who it is, to whom, and until when', async () => {
  place = await scene.place()
  await place.create(robot)
  const { token, expirationTimestamp } = await tokenFor({ expirationSeconds: 600 })
  const { namespace } = place
  const nowMs = scene.cluster.clock.wallMs()
  expect(Math.ceil((Date.parse(expirationTimestamp) - nowMs) / 1000)).toBe(600)
  expect((await review(token)).user).toMatchObject({
    username: `system:serviceaccount:${namespace}:robot`,
    groups: expect.arrayContaining([
      'system:serviceaccounts',
      `system:serviceaccounts:${namespace}`,
    ]) as string[],
  })
  const forVault = (await tokenFor({ audiences: ['vault'] })).token
  expect(await review(forVault, 'vault', 'bank')).toMatchObject({ audiences: ['vault'] })
  expect(await isKnown(forVault)).toBe(false)
  await scene.cluster.pass(590_000)
  expect(await isKnown(token)).toBe(true)
  await scene.cluster.pass(30_000)
  expect(await isKnown(token)).toBe(false)
})

test('bound tokens by TokenRequest: one ends with its pod, and with its account', async () => {
  place = await scene.place()
  await place.create(robot)
  await place.create(pod('serviceAccountName: robot'))
  const { metadata } = await place.get(pods, 'p')
  const { uid = '' } = metadata
  const reference = { kind: 'Pod', apiVersion: 'v1', name: 'p' }
  const ofPod = (await tokenFor({ boundObjectRef: { ...reference, uid } })).token
  const free = (await tokenFor({})).token
  expect(decoded<JsonObject>(part(ofPod, 1))['kubernetes.io']).toMatchObject({
    namespace: place.namespace,
    serviceaccount: { name: 'robot' },
    pod: { name: 'p', uid },
  })
  expect(await isKnown(ofPod)).toBe(true)
  const another = { ...reference, uid: '00000000-0000-4000-8000-000000000000' }
  await expect(tokenFor({ boundObjectRef: another })).rejects.toMatchObject({ httpStatus: 409 })
  await place.delete(pods, 'p')
  await place.untilGone(pods, 'p')
  await untilUnknown(ofPod)
  expect(await isKnown(free)).toBe(true)
  await place.delete(serviceAccounts, 'robot')
  await untilUnknown(free)
})

test('JWKS and OIDC discovery: others verify a token by what is published', async () => {
  place = await scene.place()
  await place.create(robot)
  const { token } = await tokenFor({ audiences: ['vault'] })
  const { client } = scene.cluster
  const configuration = await client.getJson<JsonObject>('/.well-known/openid-configuration')
  const claims = decoded<Claims>(part(token, 1))
  expect(configuration).toMatchObject({
    issuer: claims.iss,
    jwks_uri: 'https://127.0.0.1:6443/openid/v1/jwks',
    id_token_signing_alg_values_supported: ['ES256'],
  })
  expect(claims).toMatchObject({
    sub: `system:serviceaccount:${place.namespace}:robot`,
    aud: ['vault'],
  })
  const { keys } = await client.getJson<{
    readonly keys: readonly (JsonWebKey & { kid: string })[]
  }>('/openid/v1/jwks')
  const { kid, alg } = decoded<{ kid: string; alg: string }>(part(token, 0))
  expect(alg).toBe('ES256')
  const jwk = must(
    keys.find(one => one.kid === kid),
    'the key is published',
  )
  const key = createPublicKey({ key: jwk, format: 'jwk' })
  const isSigned = (text: string) =>
    verify(
      'sha256',
      Buffer.from(text.slice(0, text.lastIndexOf('.'))),
      { key, dsaEncoding: 'ieee-p1363' },
      Buffer.from(part(text, 2), 'base64url'),
    )
  expect(isSigned(token)).toBe(true)
  const forged = Buffer.from(JSON.stringify({ ...claims, aud: ['bank'] })).toString('base64url')
  expect(isSigned([part(token, 0), forged, part(token, 2)].join('.'))).toBe(false)
})
