import { describe, expect, test } from 'vitest'
import { anonymous, authenticate, impersonated } from './authentication.js'
import type { User } from './authentication.js'
import { authorize, forbiddenMessage } from './authorization.js'
import type { RequestHead } from './exchange.js'
import { parseRequestInfo } from './request-info.js'
import type { RequestInfo } from './request-info.js'

const user = (name: string, ...groups: string[]): User => ({
  name,
  uid: '',
  groups: [...groups, 'system:authenticated'],
  extra: {},
})

const users: Readonly<Record<string, User>> = {
  admin: user('kubernetes-admin', 'system:masters'),
  manager: user('system:kube-controller-manager'),
  scheduler: user('system:kube-scheduler'),
  proxy: user('system:kube-proxy'),
  node: user('system:node:n1', 'system:nodes'),
  stray: user('system:node:n1'),
  joe: user('joe'),
  anonymous,
}

function request(method: string, url: string): RequestInfo {
  const parsed = parseRequestInfo(method, url)
  if ('problem' in parsed) throw new Error(parsed.problem)
  return parsed.info
}

const table: readonly (readonly [string, string, string, 'allowed' | 'denied' | 'node'])[] = [
  ['admin', 'DELETE', '/api/v1/namespaces/a/secrets', 'allowed'],
  ['admin', 'GET', '/metrics', 'allowed'],
  ['manager', 'POST', '/api/v1/namespaces/a/pods', 'allowed'],
  ['manager', 'PUT', '/apis/apps/v1/namespaces/a/deployments/d/status', 'allowed'],
  ['manager', 'POST', '/api/v1/nodes', 'denied'],
  ['manager', 'POST', '/api/v1/namespaces/a/pods/p/binding', 'denied'],
  ['scheduler', 'POST', '/api/v1/namespaces/a/pods/p/binding', 'allowed'],
  ['scheduler', 'GET', '/api/v1/pods?watch=1', 'allowed'],
  ['scheduler', 'GET', '/api/v1/namespaces/a/secrets/s', 'denied'],
  ['scheduler', 'POST', '/api/v1/namespaces/a/pods', 'denied'],
  ['scheduler', 'PUT', '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/x', 'allowed'],
  [
    'scheduler',
    'PUT',
    '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/x',
    'denied',
  ],
  ['proxy', 'GET', '/api/v1/services?watch=1', 'allowed'],
  ['proxy', 'PUT', '/api/v1/namespaces/a/services/s', 'denied'],
  ['node', 'GET', '/api/v1/pods?watch=1&fieldSelector=spec.nodeName=n1', 'allowed'],
  ['node', 'PATCH', '/api/v1/nodes/n1/status', 'allowed'],
  ['node', 'GET', '/api/v1/namespaces/a/secrets/s', 'node'],
  ['node', 'GET', '/api/v1/namespaces/a/secrets?watch=1&fieldSelector=metadata.name=s', 'node'],
  ['node', 'GET', '/api/v1/namespaces/a/secrets', 'denied'],
  ['node', 'GET', '/api/v1/secrets', 'denied'],
  ['node', 'PUT', '/api/v1/namespaces/a/secrets/s', 'denied'],
  ['node', 'POST', '/api/v1/namespaces/a/serviceaccounts/default/token', 'node'],
  ['node', 'POST', '/apis/apps/v1/namespaces/a/deployments', 'denied'],
  ['stray', 'GET', '/api/v1/pods', 'denied'],
  ['joe', 'GET', '/api', 'allowed'],
  ['joe', 'GET', '/apis/apps/v1', 'allowed'],
  ['joe', 'GET', '/openapi/v3/api/v1', 'allowed'],
  ['joe', 'GET', '/metrics', 'denied'],
  ['joe', 'GET', '/api/v1/pods', 'denied'],
  ['joe', 'POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', 'allowed'],
  ['joe', 'POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', 'denied'],
  ['anonymous', 'GET', '/readyz', 'allowed'],
  ['anonymous', 'GET', '/version', 'allowed'],
  ['anonymous', 'GET', '/api', 'denied'],
  ['anonymous', 'GET', '/versions', 'denied'],
  ['anonymous', 'POST', '/version', 'denied'],
  ['anonymous', 'GET', '/api/v1/namespaces', 'denied'],
]

describe('who may do what', () => {
  test.each(table)('%s: %s %s is %s', (who, method, url, expected) => {
    expect(authorize(users[who] ?? anonymous, request(method, url)).kind).toBe(expected)
  })

  test('a refusal names the user, the verb and the place as kubectl users know it', () => {
    expect(
      forbiddenMessage(user('joe'), request('GET', '/apis/apps/v1/namespaces/a/deployments')),
    ).toBe('User "joe" cannot list resource "deployments" in API group "apps" in the namespace "a"')
    expect(forbiddenMessage(user('joe'), request('GET', '/api/v1/nodes/n'))).toBe(
      'User "joe" cannot get resource "nodes" in API group "" at the cluster scope',
    )
  })
})

describe('who is calling', () => {
  const head = (
    peer: RequestHead['peer'],
    headers: Readonly<Record<string, string>> = {},
  ): RequestHead => ({
    method: 'GET',
    url: '/',
    headers: new Map(Object.entries(headers)),
    peer,
    remote: '',
  })
  const token = (text: string) => (text === 'good' ? user('robot') : null)

  test('a verified certificate is its common name and its organizations', () => {
    const peer = { commonName: 'ann', organizations: ['dev', 'ops'] }
    expect(authenticate(head(peer), [])).toEqual({
      kind: 'user',
      user: { name: 'ann', uid: '', groups: ['dev', 'ops', 'system:authenticated'], extra: {} },
    })
  })

  test.each([
    ['a certificate that does not verify', head('invalid')],
    ['a certificate without a name', head({ commonName: '', organizations: ['system:masters'] })],
    ['an unknown token', head(null, { authorization: 'Bearer bad' })],
    ['another scheme', head(null, { authorization: 'Basic Z29vZA==' })],
    ['two tokens', head(null, { authorization: 'Bearer good good' })],
  ])('%s is refused, never taken for anonymous', (_, shown) => {
    expect(authenticate(shown, [token])).toEqual({ kind: 'refused' })
  })

  test('to be treated as somebody else takes their name, and groups only with it', () => {
    const asked = (headers: Record<string, string>) => impersonated(head(null, headers))
    expect(asked({})).toBeNull()
    expect(asked({ 'impersonate-group': 'system:masters' })).toBe('malformed')
    expect(asked({ 'impersonate-user': 'joe', 'impersonate-group': 'a, b' })).toMatchObject({
      name: 'joe',
      groups: ['a', 'b', 'system:authenticated'],
    })
    expect(asked({ 'impersonate-user': 'system:serviceaccount:ns:robot' })).toMatchObject({
      groups: ['system:serviceaccounts', 'system:serviceaccounts:ns', 'system:authenticated'],
    })
    expect(asked({ 'impersonate-user': 'system:anonymous' })).toEqual(anonymous)
  })

  test('a known token is its user; no credentials are anonymous', () => {
    const known = authenticate(head(null, { authorization: 'bearer good' }), [token])
    expect(known).toMatchObject({ kind: 'user', user: { name: 'robot' } })
    expect(authenticate(head(null), [token])).toEqual({ kind: 'user', user: anonymous })
  })
})
