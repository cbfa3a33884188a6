import { beforeAll, describe, expect, test } from 'vitest'
import { aggregatedRules } from '../api/rbac/aggregation.js'
import { rbacGroup } from '../api/rbac/attributes.js'
import { bootstrapPolicy } from '../api/rbac/bootstrap-policy.js'
import type { ClusterRole } from '../api/types/rbac.js'
import { anonymous, authenticate } from './authentication.js'
import type { User } from './authentication.js'
import { attributesOf, forbiddenError } from './authorization.js'
import { Authorizer } from './authorizer.js'
import type { RequestHead } from './exchange.js'
import { impersonated } from './impersonation.js'
import { parseRequestInfo } from './request-info.js'
import type { RequestInfo } from './request-info.js'
import { ObjectsInCache } from './testing/objects-in-cache.js'
import { objectOf } from './testing/objects.js'

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
  viewer: user('vera'),
  robot: user('system:serviceaccount:a:robot', 'system:serviceaccounts'),
  anonymous,
}

function request(method: string, url: string): RequestInfo {
  const parsed = parseRequestInfo(method, url)
  if ('problem' in parsed) throw new Error(parsed.problem)
  return parsed.info
}

const objects = new ObjectsInCache()
const authorizer = new Authorizer(objects, objects)

const binding = (name: string, roleRef: object, subject: object) =>
  objectOf(
    'RoleBinding',
    { name, namespace: 'a' },
    {
      roleRef: { apiGroup: rbacGroup, ...roleRef },
      subjects: [{ ...subject }],
    },
  )

beforeAll(() => {
  const { clusterRoles, clusterRoleBindings, roles, roleBindings } = bootstrapPolicy
  let made: readonly ClusterRole[] = clusterRoles
  for (let round = 0; round < 3; round++) {
    made = made.map(role => ({ ...role, rules: aggregatedRules(role, made) ?? role.rules ?? [] }))
  }
  for (const object of made) objects.put(rbacGroup, 'clusterroles', object)
  for (const object of roles) objects.put(rbacGroup, 'roles', object)
  for (const object of clusterRoleBindings) objects.put(rbacGroup, 'clusterrolebindings', object)
  for (const object of roleBindings) objects.put(rbacGroup, 'rolebindings', object)
  const view = binding('v', { kind: 'ClusterRole', name: 'view' }, { kind: 'User', name: 'vera' })
  objects.put(rbacGroup, 'rolebindings', view)
  const pod = objectOf(
    'Pod',
    { name: 'p', namespace: 'a' },
    {
      spec: {
        nodeName: 'n1',
        serviceAccountName: 'robot',
        volumes: [
          { name: 's', secret: { secretName: 's' } },
          { name: 'd', persistentVolumeClaim: { claimName: 'disk' } },
        ],
      },
    },
  )
  objects.put('', 'pods', pod)
  const spec = { claimRef: { namespace: 'a', name: 'disk' } }
  objects.put('', 'persistentvolumes', objectOf('PersistentVolume', { name: 'pv' }, { spec }))
  objects.put('', 'persistentvolumes', objectOf('PersistentVolume', { name: 'free' }))
  const local = (name: string, node: string, phase: string) => {
    const labels = { 'raftsman.dev/node': node }
    const metadata = { name, labels, finalizers: ['raftsman.dev/local-volume'] }
    const volume = objectOf('PersistentVolume', metadata, { status: { phase } })
    objects.put('', 'persistentvolumes', volume)
  }
  local('kept', 'n1', 'Bound')
  local('left', 'n1', 'Released')
  local('other', 'n2', 'Released')
})

const leases = '/apis/coordination.k8s.io/v1/namespaces'

const table: readonly (readonly [string, string, string, 'allowed' | 'denied'])[] = [
  ['admin', 'DELETE', '/api/v1/namespaces/a/secrets', 'allowed'],
  ['admin', 'GET', '/metrics', 'allowed'],
  ['manager', 'POST', '/api/v1/namespaces/a/pods', 'allowed'],
  ['manager', 'PUT', '/apis/apps/v1/namespaces/a/deployments/d/status', 'allowed'],
  ['manager', 'POST', '/api/v1/nodes', 'denied'],
  ['manager', 'POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', 'denied'],
  ['manager', 'PUT', `${leases}/kube-system/leases/kube-controller-manager`, 'allowed'],
  ['scheduler', 'POST', '/api/v1/namespaces/a/pods/p/binding', 'allowed'],
  ['scheduler', 'GET', '/api/v1/pods?watch=1', 'allowed'],
  ['scheduler', 'GET', '/api/v1/namespaces/a/secrets/s', 'denied'],
  ['scheduler', 'POST', '/api/v1/namespaces/a/pods', 'denied'],
  ['scheduler', 'POST', `${leases}/kube-system/leases`, 'allowed'],
  ['scheduler', 'PUT', `${leases}/kube-system/leases/kube-scheduler`, 'allowed'],
  ['scheduler', 'PUT', `${leases}/kube-node-lease/leases/x`, 'denied'],
  ['proxy', 'GET', '/api/v1/services?watch=1', 'allowed'],
  ['proxy', 'PUT', '/api/v1/namespaces/a/services/s', 'denied'],
  ['node', 'GET', '/api/v1/pods?watch=1&fieldSelector=spec.nodeName=n1', 'allowed'],
  ['node', 'PATCH', '/api/v1/nodes/n1/status', 'allowed'],
  ['node', 'GET', '/apis/discovery.k8s.io/v1/endpointslices?watch=1', 'allowed'],
  ['node', 'GET', '/api/v1/namespaces/a/secrets/s', 'allowed'],
  ['node', 'GET', '/api/v1/namespaces/a/secrets?watch=1&fieldSelector=metadata.name=s', 'allowed'],
  ['node', 'GET', '/api/v1/namespaces/a/secrets/other', 'denied'],
  ['node', 'GET', '/api/v1/namespaces/b/secrets/s', 'denied'],
  ['node', 'GET', '/api/v1/namespaces/a/configmaps/s', 'denied'],
  ['node', 'GET', '/api/v1/namespaces/a/secrets', 'denied'],
  ['node', 'GET', '/api/v1/secrets', 'denied'],
  ['node', 'PUT', '/api/v1/namespaces/a/secrets/s', 'denied'],
  ['node', 'GET', '/api/v1/namespaces/a/persistentvolumeclaims/disk', 'allowed'],
  ['node', 'GET', '/api/v1/persistentvolumes/pv', 'allowed'],
  ['node', 'GET', '/api/v1/persistentvolumes/free', 'denied'],
  ['node', 'GET', '/api/v1/persistentvolumes', 'denied'],
  ['node', 'GET', '/api/v1/persistentvolumes?labelSelector=raftsman.dev%2Fnode%3Dn1', 'allowed'],
  ['node', 'GET', '/api/v1/persistentvolumes?labelSelector=raftsman.dev%2Fnode%3Dn2', 'denied'],
  ['node', 'GET', '/api/v1/persistentvolumes/kept', 'allowed'],
  ['node', 'GET', '/api/v1/persistentvolumes/other', 'denied'],
  ['node', 'DELETE', '/api/v1/persistentvolumes/kept', 'denied'],
  ['node', 'DELETE', '/api/v1/persistentvolumes/left', 'allowed'],
  ['node', 'PUT', '/api/v1/persistentvolumes/left', 'allowed'],
  ['node', 'PUT', '/api/v1/persistentvolumes/left/status', 'denied'],
  ['node', 'DELETE', '/api/v1/persistentvolumes/other', 'denied'],
  ['node', 'DELETE', '/api/v1/persistentvolumes/free', 'denied'],
  ['node', 'POST', '/api/v1/namespaces/a/serviceaccounts/robot/token', 'allowed'],
  ['node', 'POST', '/api/v1/namespaces/a/serviceaccounts/default/token', 'denied'],
  ['node', 'PUT', `${leases}/kube-node-lease/leases/n1`, 'allowed'],
  ['node', 'PUT', `${leases}/kube-node-lease/leases/n2`, 'denied'],
  ['node', 'PUT', `${leases}/kube-system/leases/n1`, 'denied'],
  ['node', 'POST', '/apis/apps/v1/namespaces/a/deployments', 'denied'],
  ['stray', 'GET', '/api/v1/pods', 'denied'],
  ['joe', 'GET', '/api', 'allowed'],
  ['joe', 'GET', '/apis/apps/v1', 'allowed'],
  ['joe', 'GET', '/openapi/v3/api/v1', 'allowed'],
  ['joe', 'GET', '/metrics', 'denied'],
  ['joe', 'GET', '/openid/v1/jwks', 'denied'],
  ['joe', 'GET', '/api/v1/pods', 'denied'],
  ['joe', 'POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', 'allowed'],
  ['joe', 'POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', 'denied'],
  ['viewer', 'GET', '/api/v1/namespaces/a', 'allowed'],
  ['viewer', 'GET', '/api/v1/namespaces/a/pods/p/log', 'allowed'],
  ['viewer', 'GET', '/api/v1/namespaces/a/secrets', 'denied'],
  ['viewer', 'GET', '/api/v1/namespaces/b/pods', 'denied'],
  ['viewer', 'GET', '/api/v1/pods', 'denied'],
  ['robot', 'GET', '/openid/v1/jwks', 'allowed'],
  ['anonymous', 'GET', '/readyz', 'allowed'],
  ['anonymous', 'GET', '/version', 'allowed'],
  ['anonymous', 'GET', '/api', 'denied'],
  ['anonymous', 'GET', '/versions', 'denied'],
  ['anonymous', 'POST', '/version', 'denied'],
  ['anonymous', 'GET', '/api/v1/namespaces', 'denied'],
]

describe('who may do what in a cluster that has just begun', () => {
  test.each(table)('%s: %s %s is %s', (who, method, url, expected) => {
    const asked = attributesOf(request(method, url))
    const { allowed } = authorizer.verdict(users[who] ?? anonymous, asked)
    expect(allowed ? 'allowed' : 'denied').toBe(expected)
  })

  test('a pod that has gone takes what its node could read along', () => {
    const own = new ObjectsInCache()
    const mine = new Authorizer(own, own)
    const asked = attributesOf(request('GET', '/api/v1/namespaces/a/secrets/s'))
    const may = () => mine.verdict(users['node'] ?? anonymous, asked).allowed
    const pod = (name: string) =>
      objectOf(
        'Pod',
        { name, namespace: 'a' },
        {
          spec: { nodeName: 'n1', volumes: [{ name: 's', secret: { secretName: 's' } }] },
        },
      )
    expect(may()).toBe(false)
    own.put('', 'pods', pod('p'))
    own.put('', 'pods', pod('q'))
    expect(may()).toBe(true)
    own.remove('', 'pods', 'a', 'p')
    expect(may()).toBe(true)
    own.restart()
    expect(may()).toBe(true)
    own.remove('', 'pods', 'a', 'q')
    expect(may()).toBe(false)
  })

  test('reasons name the binding that allows, the roles that are missing, and what nodes lack', () => {
    const reason = (who: string, url: string) =>
      authorizer.verdict(users[who] ?? anonymous, attributesOf(request('GET', url))).reason
    expect(reason('viewer', '/api/v1/namespaces/a/pods')).toBe(
      'RBAC: allowed by RoleBinding "v/a" of ClusterRole "view" to User "vera"',
    )
    expect(reason('node', '/api/v1/namespaces/a/secrets/x')).toBe(
      "no relationship found between node 'n1' and this object",
    )
    const joe = { kind: 'User', name: 'joe' }
    objects.put(rbacGroup, 'rolebindings', binding('b1', { kind: 'Role', name: 'gone' }, joe))
    expect(reason('joe', '/api/v1/namespaces/a/pods')).toBe(
      'RBAC: role.rbac.authorization.k8s.io "gone" not found',
    )
    objects.put(rbacGroup, 'rolebindings', binding('b2', { kind: 'ClusterRole', name: 'no' }, joe))
    expect(reason('joe', '/api/v1/namespaces/a/pods')).toBe(
      'RBAC: [role.rbac.authorization.k8s.io "gone" not found, clusterrole.rbac.authorization.k8s.io "no" not found]',
    )
    expect(reason('joe', '/api/v1/namespaces/b/pods')).toBe('')
  })
})

describe('a refusal reads as users know it', () => {
  const joe = user('joe')
  test.each([
    [
      'GET',
      '/apis/apps/v1/namespaces/a/deployments',
      '',
      'deployments.apps is forbidden: User "joe" cannot list resource "deployments" in API group "apps" in the namespace "a"',
    ],
    [
      'GET',
      '/api/v1/nodes/n',
      '',
      'nodes "n" is forbidden: User "joe" cannot get resource "nodes" in API group "" at the cluster scope',
    ],
    [
      'GET',
      '/api/v1/namespaces/x',
      '',
      'namespaces "x" is forbidden: User "joe" cannot get resource "namespaces" in API group "" in the namespace "x"',
    ],
    [
      'GET',
      '/api/v1/namespaces/a/pods/p/log',
      'RBAC: why',
      'pods "p" is forbidden: User "joe" cannot get resource "pods/log" in API group "" in the namespace "a": RBAC: why',
    ],
    ['GET', '/metrics', '', 'forbidden: User "joe" cannot get path "/metrics"'],
  ])('%s %s', (method, url, reason, expected) => {
    const { status } = forbiddenError(joe, attributesOf(request(method, url)), reason)
    expect(status).toMatchObject({ code: 403, reason: 'Forbidden', message: expected })
  })
})

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

describe('who is calling', () => {
  const token = (text: string, audiences: readonly string[]) =>
    text === 'good' ? { user: user('robot'), audiences } : null

  test('a verified certificate is its common name and its organizations', () => {
    const peer = { commonName: 'ann', organizations: ['dev', 'ops'] }
    expect(authenticate(head(peer), [], [])).toEqual({
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
    expect(authenticate(shown, [], [token])).toEqual({ kind: 'refused' })
  })

  test('a known token is its user; no credentials are anonymous', () => {
    const known = authenticate(head(null, { authorization: 'bearer good' }), [], [token])
    expect(known).toMatchObject({ kind: 'user', user: { name: 'robot' } })
    expect(authenticate(head(null), [], [token])).toEqual({ kind: 'user', user: anonymous })
  })
})

describe('being treated as somebody else', () => {
  const asked = (headers: Record<string, string>) => impersonated(head(null, headers))
  const needs = (headers: Record<string, string>) => {
    const impersonation = asked(headers)
    if (impersonation.kind !== 'asked') return impersonation.kind
    return impersonation.needs.map(({ group, resource, subresource, namespace, name }) =>
      [group, resource, subresource, namespace, name].join('|'),
    )
  }

  test('takes their name; the rest only with it', () => {
    expect(asked({})).toEqual({ kind: 'none' })
    expect(needs({ 'impersonate-group': 'system:masters' })).toBe('malformed')
    expect(needs({ 'impersonate-uid': 'u' })).toBe('malformed')
    expect(needs({ 'impersonate-extra-a': 'b' })).toBe('malformed')
  })

  test('needs the right to each part of it', () => {
    expect(
      needs({
        'impersonate-user': 'joe',
        'impersonate-group': 'a, b',
        'impersonate-uid': 'u1',
        'impersonate-extra-acme.com%2fproject': 'x,y',
      }),
    ).toEqual([
      '|users|||joe',
      '|groups|||a',
      '|groups|||b',
      'authentication.k8s.io|uids|||u1',
      'authentication.k8s.io|userextras|acme.com/project||x',
      'authentication.k8s.io|userextras|acme.com/project||y',
    ])
    expect(needs({ 'impersonate-user': 'system:serviceaccount:ns:robot' })).toEqual([
      '|serviceaccounts||ns|robot',
    ])
  })

  test('brings the groups that such a user has', () => {
    expect(asked({ 'impersonate-user': 'joe', 'impersonate-group': 'a, b' })).toMatchObject({
      user: { name: 'joe', groups: ['a', 'b', 'system:authenticated'] },
    })
    expect(asked({ 'impersonate-user': 'system:serviceaccount:ns:robot' })).toMatchObject({
      user: {
        groups: ['system:serviceaccounts', 'system:serviceaccounts:ns', 'system:authenticated'],
      },
    })
    expect(asked({ 'impersonate-user': 'system:anonymous' })).toMatchObject({ user: anonymous })
  })
})
