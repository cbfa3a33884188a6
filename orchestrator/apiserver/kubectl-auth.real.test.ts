import 'reflect-metadata'
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509'
import { webcrypto } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ApiClient } from './testing/api-client.js'
import { kubectlBinaries, kubectlWith } from './testing/kubectl.js'
import type { Kubectl } from './testing/kubectl.js'
import { startTestApiserver } from './testing/start-apiserver.js'
import type { TestApiserver } from './testing/start-apiserver.js'

async function certificateRequest(name: string): Promise<string> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const request = await Pkcs10CertificateRequestGenerator.create({
    name,
    keys,
    signingAlgorithm: algorithm,
  })
  return Buffer.from(request.toString('pem')).toString('base64')
}

describe.each(kubectlBinaries(['1.27', '1.33']))('kubectl %s, unmodified', (version, binary) => {
  let server: TestApiserver
  let admin: Kubectl
  let joe: Kubectl

  beforeAll(async () => {
    server = await startTestApiserver()
    admin = kubectlWith(binary, server.kubeconfig)
    joe = kubectlWith(binary, server.kubeconfigFor(await server.identity('joe', ['dev'])))
    await admin.ok('create', 'ns', 'a')
    await admin.ok('create', 'sa', 'robot', '-n', 'a')
  })

  afterAll(async () => {
    await server.close()
  })

  const canI = async (kubectl: Kubectl, ...args: readonly string[]) =>
    (await kubectl.run('auth', 'can-i', ...args)).stdout.trim()

  test('finds the roles that it knows, put together where they are made of others', async () => {
    const roles = await admin.ok('get', 'clusterroles')
    expect(roles).toMatch(/^NAME +CREATED AT\nadmin +\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n/)
    for (const name of ['cluster-admin', 'edit', 'view', 'system:basic-user', 'system:node']) {
      expect(roles).toMatch(new RegExp(`^${name} `, 'm'))
    }
    expect(await admin.ok('describe', 'clusterrole', 'view')).toMatch(
      / {2}pods\/log +\[\] +\[\] +\[get list watch\]/,
    )
    expect(await admin.ok('get', 'clusterrolebinding', 'cluster-admin', '-o', 'wide')).toMatch(
      /^NAME +ROLE +AGE +USERS +GROUPS +SERVICEACCOUNTS\ncluster-admin +ClusterRole\/cluster-admin +\d+m?\d*s +system:masters/,
    )
  })

  test('says who one is and what one may do', async () => {
    // 1.27 asks for the beta of the review only, which the original does not serve any more either.
    const known =
      version === '1.27'
        ? /API is not enabled/
        : /Username +joe\nGroups +\[dev system:authenticated\]/
    const { stdout, stderr } = await joe.run('auth', 'whoami')
    expect(stdout + stderr).toMatch(known)
    expect(await canI(joe, 'get', 'pods', '-n', 'a')).toBe('no')
    expect(await canI(admin, 'get', 'pods', '--as=joe', '--as-group=system:masters')).toBe('yes')
    const rules = await joe.ok('auth', 'can-i', '--list', '-n', 'a')
    expect(rules).toMatch(
      /selfsubjectaccessreviews\.authorization\.k8s\.io +\[\] +\[\] +\[create\]/,
    )
    expect(rules).toMatch(/ +\[\/healthz\] +\[\] +\[get\]/)
    expect((await joe.run('get', 'pods', '-n', 'a')).stderr).toBe(
      'Error from server (Forbidden): pods is forbidden: User "joe" cannot list resource "pods" in API group "" in the namespace "a"\n',
    )
  })

  test('gives and takes rights by roles and bindings', async () => {
    expect(
      await admin.ok('create', 'role', 'reader', '--verb=get,list', '--resource=pods', '-n', 'a'),
    ).toBe('role.rbac.authorization.k8s.io/reader created\n')
    expect(
      await admin.ok('create', 'rolebinding', 'r', '--role=reader', '--user=joe', '-n', 'a'),
    ).toBe('rolebinding.rbac.authorization.k8s.io/r created\n')
    expect(await joe.ok('get', 'pods', '-n', 'a')).toBe('')
    expect(await canI(joe, 'list', 'pods', '-n', 'a')).toBe('yes')
    expect(await canI(joe, 'list', 'pods')).toBe('no')
    expect(await canI(joe, 'delete', 'pods', '-n', 'a')).toBe('no')
    await admin.ok('create', 'clusterrole', 'metrics', '--verb=get', '--non-resource-url=/metrics')
    await admin.ok('create', 'clusterrolebinding', 'm', '--clusterrole=metrics', '--group=dev')
    expect(await joe.ok('get', '--raw', '/metrics')).toContain('apiserver_request_total')
    await admin.ok('delete', 'rolebinding', 'r', '-n', 'a')
    expect(await canI(joe, 'list', 'pods', '-n', 'a')).toBe('no')
    const other = '{"roleRef":{"name":"view"}}'
    const change = await admin.run('patch', 'clusterrolebinding', 'm', '-p', other)
    expect(change.stderr).toContain('cannot change roleRef')
  })

  test('reconciles roles from a file', async () => {
    const file = admin.file(
      'role.yaml',
      `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: metrics}
rules:
- {nonResourceURLs: [/metrics, /stats], verbs: [get]}
`,
    )
    const done = 'clusterrole.rbac.authorization.k8s.io/metrics reconciled'
    expect(await admin.ok('auth', 'reconcile', '-f', file)).toContain(done)
    expect(await canI(joe, 'get', '/stats')).toBe('yes')
  })

  test('lets nobody give more than they have', async () => {
    await admin.ok('create', 'rolebinding', 'boss', '--clusterrole=admin', '--user=joe', '-n', 'a')
    await joe.ok('create', 'role', 'own', '--verb=get', '--resource=secrets', '-n', 'a')
    await joe.ok('create', 'rolebinding', 'v', '--clusterrole=view', '--user=ann', '-n', 'a')
    const role = ['create', 'role', 'more', '--verb=get,list', '--resource=nodes', '-n', 'a']
    expect((await joe.run(...role)).stderr).toBe(
      `Error from server (Forbidden): roles.rbac.authorization.k8s.io "more" is forbidden: user "joe" (groups=["dev" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:
{APIGroups:[""], Resources:["nodes"], Verbs:["get" "list"]}
`,
    )
    const root = ['create', 'rolebinding', 'root', '--clusterrole=cluster-admin', '--user=joe']
    expect((await joe.run(...root, '-n', 'a')).stderr).toContain(
      'rolebindings.rbac.authorization.k8s.io "root" is forbidden: user "joe" (groups=["dev" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:["*"], Resources:["*"], Verbs:["*"]}\n{NonResourceURLs:["*"], Verbs:["*"]}',
    )
    await admin.ok('create', 'clusterrole', 'binder', '--verb=bind', '--resource=clusterroles')
    await admin.ok('create', 'clusterrolebinding', 'b', '--clusterrole=binder', '--user=joe')
    await joe.ok(...root, '-n', 'a')
  })

  test('acts as an account with its token, and as one that it may impersonate', async () => {
    const token = (await admin.ok('create', 'token', 'robot', '-n', 'a', '--duration=10m')).trim()
    const claims = JSON.parse(
      Buffer.from(token.split('.')[1] ?? '', 'base64url').toString(),
    ) as Record<string, unknown>
    expect(claims['kubernetes.io']).toMatchObject({
      namespace: 'a',
      serviceaccount: { name: 'robot' },
    })
    const client = new ApiClient(server.url, server.admin.caFile, null)
    const bearer = { authorization: `Bearer ${token}` }
    const configuration = await client.get('/.well-known/openid-configuration', bearer)
    expect(configuration.json()).toMatchObject({ issuer: claims['iss'] })
    const keys = await client.get('/openid/v1/jwks', bearer)
    const kid = (
      JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as {
        kid: string
      }
    ).kid
    expect(keys.json()).toMatchObject({ keys: [{ use: 'sig', kid }] })
    expect((await client.get('/openid/v1/jwks')).status).toBe(403)
    const adminClient = new ApiClient(server.url, server.admin.caFile, server.admin)
    const review = (spec: object) =>
      adminClient.request('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { spec })
    expect((await review({ token })).json()).toMatchObject({
      status: { authenticated: true, user: { username: 'system:serviceaccount:a:robot' } },
    })
    const elsewhere = await review({ token, audiences: ['vault'] })
    expect(elsewhere.json()).toMatchObject({ status: { error: 'invalid bearer token' } })
    client.close()
    adminClient.close()
    const as = '--as=system:serviceaccount:a:robot'
    expect(await canI(admin, 'get', '/openid/v1/jwks', as)).toBe('yes')
    // An admin of a namespace may act as its accounts, and as nobody else.
    expect((await joe.run('get', 'pods', '-n', 'a', as)).stderr).toContain(
      'User "system:serviceaccount:a:robot" cannot list',
    )
    expect((await joe.run('get', 'pods', '-n', 'a', '--as=ann')).stderr).toContain(
      'users "ann" is forbidden: User "joe" cannot impersonate resource "users" in API group "" at the cluster scope',
    )
  })

  test('asks for certificates, and approves and denies them', async () => {
    const request = async (
      name: string,
      signer: string,
      subject: string,
    ) => `apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: ${name}}
spec:
  request: ${await certificateRequest(subject)}
  signerName: ${signer}
  expirationSeconds: 3600
  usages: [client auth]
  username: forged
`
    const client = 'kubernetes.io/kube-apiserver-client'
    for (const name of ['good', 'bad']) {
      const text = await request(name, client, 'CN=ann, O=dev')
      await admin.ok('create', '-f', admin.file(`${name}.yaml`, text))
    }
    expect(await admin.ok('get', 'csr', 'good')).toMatch(
      /^NAME +AGE +SIGNERNAME +REQUESTOR +REQUESTEDDURATION +CONDITION\ngood +\d+s +kubernetes.io\/kube-apiserver-client +kubernetes-admin +60m +Pending\n$/,
    )
    expect(await admin.ok('certificate', 'approve', 'good')).toBe(
      'certificatesigningrequest.certificates.k8s.io/good approved\n',
    )
    expect(await admin.ok('certificate', 'deny', 'bad')).toContain('/bad denied')
    expect(await admin.ok('get', 'csr', 'good')).toMatch(/ Approved\n$/)
    expect(await admin.ok('get', 'csr', 'bad')).toMatch(/ Denied\n$/)
    expect((await admin.run('certificate', 'deny', 'good')).code).not.toBe(0)
    const root = admin.file('root.yaml', await request('root', client, 'CN=x, O=system:masters'))
    expect((await admin.run('create', '-f', root)).stderr).toContain(
      'use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed',
    )
    await admin.ok(
      'create',
      'clusterrole',
      'approver',
      '--verb=get,list,update,patch',
      '--resource=certificatesigningrequests,certificatesigningrequests/approval',
    )
    await admin.ok('create', 'clusterrolebinding', 'ap', '--clusterrole=approver', '--user=joe')
    const third = admin.file('third.yaml', await request('third', client, 'CN=x'))
    await admin.ok('create', '-f', third)
    expect((await joe.run('certificate', 'approve', 'third')).stderr).toContain(
      'user not permitted to approve requests with signerName "kubernetes.io/kube-apiserver-client"',
    )
  })
})
