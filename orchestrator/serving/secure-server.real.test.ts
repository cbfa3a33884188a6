import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import https from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silentLogger } from '../../platform/logger.js'
import type { TlsFiles } from '../../platform/network.js'
import { VirtualClock } from '../../platform/testing/virtual-clock.js'
import { nodeClock } from '../../platform/node/clock.js'
import { startTestApiserver, type TestApiserver } from '../apiserver/testing/start-apiserver.js'
import { ApiClient as BareClient } from '../apiserver/testing/api-client.js'
import { HttpTransport } from '../client/http-transport.js'
import { ApiClient } from '../client/rest-client.js'
import { type TestAuthority, testAuthority } from '../../platform/testing/certificates.js'
import { DelegatedAccess } from './access.js'
import { type Question, type Reply, type SecureServer, startSecureServer } from './secure-server.js'

let apiserver: TestApiserver
let scheduler: HttpTransport
let admin: BareClient
let server: SecureServer
let other: TestAuthority
let folder = ''
let sick: string | null = null
/** Of the beliefs alone. */
const beliefs = new VirtualClock()

const transportOf = (identity: TlsFiles): HttpTransport => {
  const read = (file: string) => readFileSync(file, 'utf8')
  return new HttpTransport({
    servers: [apiserver.url],
    tls: { ca: read(identity.caFile), cert: read(identity.certFile), key: read(identity.keyFile) },
    userAgent: 'test',
    clock: nodeClock(),
    logger: silentLogger,
  })
}

beforeAll(async () => {
  apiserver = await startTestApiserver()
  folder = mkdtempSync(join(tmpdir(), 'raftsman-serving-'))
  other = await testAuthority(folder, 'other')
  scheduler = transportOf(await apiserver.identity('system:kube-scheduler'))
  admin = new BareClient(apiserver.url, apiserver.authority.caFile, apiserver.admin)
  server = await startSecureServer({
    host: '127.0.0.1',
    port: 0,
    tls: await apiserver.authority.issue('controllers'),
    logger: silentLogger,
    access: new DelegatedAccess(new ApiClient({ transport: scheduler }), beliefs),
    health: () => sick,
    metricsText: () => Promise.resolve({ text: 'up 1\n', contentType: 'text/plain' }),
    routes: new Map<string, (question: Question) => Promise<Reply>>([
      [
        '/echo',
        ({ method, query, body }) =>
          Promise.resolve({
            status: 200,
            contentType: 'text/plain',
            body: `${method} ${query.get('a') ?? ''} ${body.length}`,
          }),
      ],
      ['/broken', () => Promise.reject(new Error('on purpose'))],
    ]),
  })
})

afterAll(async () => {
  await server.close()
  scheduler.close()
  admin.close()
  await apiserver.close()
  rmSync(folder, { recursive: true, force: true })
})

interface Asking {
  readonly identity?: TlsFiles
  readonly token?: string
  readonly body?: Uint8Array
  readonly method?: string
}

function ask(
  path: string,
  { identity, token, body, method }: Asking = {},
): Promise<[number, string]> {
  return new Promise((resolve, reject) => {
    const request = https.request(
      {
        host: '127.0.0.1',
        port: server.port,
        path,
        method: method ?? (body === undefined ? 'GET' : 'POST'),
        agent: false,
        ca: apiserver.authority.caPem,
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
        ...(identity && {
          cert: readFileSync(identity.certFile),
          key: readFileSync(identity.keyFile),
        }),
      },
      response => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          text += chunk
        })
        response.on('end', () => resolve([response.statusCode ?? 0, text]))
      },
    )
    request.on('error', reject)
    request.end(body)
  })
}

const apiserverIdentity = () => apiserver.identity('kube-apiserver-kubelet-client')

describe('the port of a component', () => {
  it('tells everybody how it is', async () => {
    expect(await ask('/healthz')).toEqual([200, 'ok'])
    sick = 'the lease has run out'
    expect(await ask('/readyz?verbose')).toEqual([503, 'the lease has run out\n'])
    sick = null
  })

  it('tells nobody else anything', async () => {
    expect(await ask('/metrics')).toEqual([401, 'Unauthorized\n'])
    expect((await ask('/metrics', { token: 'wrong' }))[0]).toBe(401)
    const stranger = await other.issue('admin', {
      commonName: 'admin',
      organizations: ['system:masters'],
    })
    expect((await ask('/metrics', { identity: stranger }))[0]).toBe(401)
    const user = await apiserver.identity('somebody')
    expect(await ask('/metrics', { identity: user })).toEqual([
      403,
      'forbidden: User "somebody" cannot get path "/metrics"\n',
    ])
  })

  it('lets those in whom the rules of the cluster let in, by certificate and by token', async () => {
    expect(await ask('/metrics', { identity: apiserver.admin })).toEqual([200, 'up 1\n'])
    const accounts = '/api/v1/namespaces/default/serviceaccounts'
    await admin.request('POST', accounts, { metadata: { name: 'prometheus' } })
    const created = await admin.request('POST', `${accounts}/prometheus/token`, { spec: {} })
    const { token } = created.json<{ status: { token: string } }>().status
    expect((await ask('/metrics', { token }))[0]).toBe(403)
    await admin.request('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      metadata: { name: 'prometheus' },
      roleRef: {
        apiGroup: 'rbac.authorization.k8s.io',
        kind: 'ClusterRole',
        name: 'system:monitoring',
      },
      subjects: [{ kind: 'ServiceAccount', namespace: 'default', name: 'prometheus' }],
    })
    // What was believed is believed for ten seconds.
    expect((await ask('/metrics', { token }))[0]).toBe(403)
    beliefs.advance(10_001)
    expect(await ask('/metrics', { token })).toEqual([200, 'up 1\n'])
  })

  it('answers questions of its own, which have limits', async () => {
    const identity = await apiserverIdentity()
    expect(await ask('/echo?a=b', { identity })).toEqual([200, 'GET b 0'])
    expect(await ask('/echo', { identity, body: Buffer.alloc(1000) })).toEqual([200, 'POST  1000'])
    const long = Buffer.alloc(4 * 1024 * 1024 + 1)
    expect((await ask('/echo', { identity, body: long }))[0]).toBe(413)
    expect((await ask('/none', { identity }))[0]).toBe(404)
    expect((await ask('/echo', { identity, method: 'DELETE' }))[0]).toBe(405)
    expect(await ask('/broken', { identity })).toEqual([500, 'internal error\n'])
    expect(await ask('/healthz')).toEqual([200, 'ok'])
  })
})
