// What a namespace has by itself, and tokens that Secrets hold, through a real API server.

import { createPublicKey, type JsonWebKey, verify } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ApiClient } from '../../apiserver/testing/api-client.js'
import { configMaps, namespaces, secrets, serviceAccounts } from '../../client/resources.js'
import { eventually } from '../testing/fake-kubelet.js'
import { type ControlPlaneForTests, startControlPlane } from '../testing/running-controllers.js'

let plane: ControlPlaneForTests
/** Nobody, but for the tokens that a request carries. */
let stranger: ApiClient

beforeAll(async () => {
  plane = await startControlPlane([])
  stranger = new ApiClient(plane.server.url, plane.server.authority.caFile, null)
  const metadata = { name: namespace }
  await plane.client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata })
})

afterAll(async () => {
  stranger?.close()
  await plane?.stop()
})

const namespace = 'robots'
const decoded = (text: string | undefined) => Buffer.from(text ?? '', 'base64').toString()

test('root CA publisher: the certificate comes back when it is edited, and when it is deleted', async () => {
  const { client, server } = plane
  const at = { namespace, name: 'kube-root-ca.crt' }
  const right = () =>
    eventually(
      () => client.get(configMaps, at),
      ({ data }) => data?.['ca.crt'] === server.authority.caPem && Object.keys(data).length === 1,
    )
  const { metadata } = await right()
  await client.patch(configMaps, at, 'merge', { data: { 'ca.crt': 'forged', more: 'x' } })
  expect((await right()).metadata.uid).toBe(metadata.uid)
  await client.delete(configMaps, at)
  expect((await right()).metadata.uid).not.toBe(metadata.uid)
})

test('bound tokens by TokenRequest: others verify them by JWKS and OIDC discovery, over HTTPS', async () => {
  const { client } = plane
  await client.create(serviceAccounts, {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { namespace, name: 'caller' },
  })
  const { status } = await client.postJson<{ readonly status: { readonly token: string } }>(
    `/api/v1/namespaces/${namespace}/serviceaccounts/caller/token`,
    {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { audiences: ['https://kubernetes.default.svc.cluster.local', 'vault'] },
    },
  )
  const { token } = status
  const [head = '', body = '', signature = ''] = token.split('.')
  const as = { authorization: `Bearer ${token}` }
  expect((await stranger.get('/.well-known/openid-configuration')).status).toBe(403)
  const configuration = (await stranger.get('/.well-known/openid-configuration', as)).json() as {
    readonly issuer: string
    readonly jwks_uri: string
  }
  const claims = JSON.parse(decoded(body)) as { readonly iss: string; readonly sub: string }
  expect(claims.iss).toBe(configuration.issuer)
  expect(claims.sub).toBe(`system:serviceaccount:${namespace}:caller`)
  const answer = await stranger.get(new URL(configuration.jwks_uri).pathname, as)
  expect(answer.headers['content-type']).toBe('application/jwk-set+json')
  const { keys } = answer.json() as { readonly keys: readonly (JsonWebKey & { kid: string })[] }
  const { kid } = JSON.parse(decoded(head)) as { readonly kid: string }
  const jwk = keys.find(one => one.kid === kid) ?? {}
  const key = createPublicKey({ key: jwk, format: 'jwk' })
  const isSigned = (text: string) =>
    verify(
      'sha256',
      Buffer.from(text),
      { key, dsaEncoding: 'ieee-p1363' },
      Buffer.from(signature, 'base64url'),
    )
  expect(isSigned(`${head}.${body}`)).toBe(true)
  expect(isSigned(`${head}.${body}x`)).toBe(false)
})

test('a Secret for an account gets a token that logs in, and goes with the account', async () => {
  const { client } = plane
  const account = { namespace, name: 'robot' }
  await client.create(serviceAccounts, {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: account,
  })
  const at = { namespace, name: 'robot-token' }
  const annotations = { 'kubernetes.io/service-account.name': 'robot' }
  await client.create(secrets, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { ...at, annotations },
    type: 'kubernetes.io/service-account-token',
  })
  const { data = {} } = await eventually(
    () => client.get(secrets, at),
    secret => (secret.data?.['token'] ?? '') !== '',
  )
  expect(decoded(data['namespace'])).toBe(namespace)
  expect(decoded(data['ca.crt'])).toBe(plane.server.authority.caPem)
  const as = { authorization: `Bearer ${decoded(data['token'])}` }
  const whoAmI = async () => {
    const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }
    return stranger.request('POST', path, body, as)
  }
  expect((await whoAmI()).json()).toMatchObject({
    status: { userInfo: { username: 'system:serviceaccount:robots:robot' } },
  })
  // It is noted that it was used, and it can be withdrawn and given back.
  const { metadata } = await eventually(
    () => client.get(secrets, at),
    secret => secret.metadata.labels?.['kubernetes.io/legacy-token-last-used'] !== undefined,
  )
  expect(metadata.labels?.['kubernetes.io/legacy-token-last-used']).toMatch(/^\d{4}-\d\d-\d\d$/)
  const withdrawn = (since: string | null) =>
    client.patch(secrets, at, 'merge', {
      metadata: { labels: { 'kubernetes.io/legacy-token-invalid-since': since } },
    })
  await withdrawn('2026-01-01')
  await eventually(whoAmI, ({ status }) => status === 401)
  await withdrawn(null)
  await eventually(whoAmI, ({ status }) => status === 201)
  await client.delete(serviceAccounts, account)
  await eventually(whoAmI, ({ status }) => status === 401)
  await eventually(
    () => client.list(secrets, { namespace }),
    ({ items }) => items.length === 0,
  )
})

test('a Secret for an account that is not there goes', async () => {
  const { client } = plane
  const annotations = { 'kubernetes.io/service-account.name': 'nobody' }
  await client.create(secrets, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace, name: 'stray', annotations },
    type: 'kubernetes.io/service-account-token',
  })
  await eventually(
    () => client.list(secrets, { namespace }),
    ({ items }) => items.length === 0,
  )
})

test('an account that names a Secret forgets it when that goes', async () => {
  const { client } = plane
  const account = { namespace, name: 'old-hand' }
  await client.create(serviceAccounts, {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: account,
    secrets: [{ name: 'old-hand-token' }, { name: 'other' }],
  })
  const at = { namespace, name: 'old-hand-token' }
  await client.create(secrets, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { ...at, annotations: { 'kubernetes.io/service-account.name': 'old-hand' } },
    type: 'kubernetes.io/service-account-token',
  })
  await eventually(
    () => client.get(secrets, at),
    secret => (secret.data?.['token'] ?? '') !== '',
  )
  await client.delete(secrets, at)
  await eventually(
    () => client.get(serviceAccounts, account),
    ({ secrets: named = [] }) => named.length === 1 && named[0]?.name === 'other',
  )
})
