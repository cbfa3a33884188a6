// A real extension API server for tests: one kind, Lion of zoo.example.com/v1, over HTTPS. Like all of
// them it reads from the cluster whose certificates may say in headers who asks.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:https'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { issueCertificate, openAuthority } from '../../../cli/pki/authority.js'

export interface ExtensionServer {
  readonly port: number
  /** Of the authority that its certificate is by, in base64, as in caBundle. */
  readonly caBundle: string
  /** Who asked for what, as it was told: "joe [g1 g2] GET /apis/…". */
  readonly calls: readonly string[]
  /** Answers all that follows with this status; null: as it should. */
  fail(status: number | null): void
  close(): Promise<void>
}

const group = 'zoo.example.com'
const root = `/apis/${group}/v1`

const lion = (name: string) => ({
  apiVersion: `${group}/v1`,
  kind: 'Lion',
  metadata: { name, namespace: 'default', uid: name, resourceVersion: '1' },
  roar: 'loud',
})

const resources = {
  kind: 'APIResourceList',
  apiVersion: 'v1',
  groupVersion: `${group}/v1`,
  resources: [
    {
      name: 'lions',
      singularName: 'lion',
      namespaced: true,
      kind: 'Lion',
      shortNames: ['li'],
      verbs: ['get', 'list', 'watch'],
    },
    {
      name: 'lions/mane',
      singularName: '',
      namespaced: true,
      kind: 'Lion',
      verbs: ['get'],
    },
  ],
}

const lionSchema = `com.example.zoo.v1.Lion`
const openApi = {
  openapi: '3.0.0',
  info: { title: 'zoo', version: '1' },
  paths: {
    [`${root}/namespaces/{namespace}/lions`]: {
      get: {
        responses: {},
        'x-kubernetes-action': 'list',
        'x-kubernetes-group-version-kind': { group, version: 'v1', kind: 'Lion' },
      },
    },
  },
  components: {
    schemas: {
      [lionSchema]: {
        description: 'A lion is a large cat.',
        type: 'object',
        properties: {
          apiVersion: { type: 'string' },
          kind: { type: 'string' },
          roar: { type: 'string', description: 'How it sounds.' },
        },
        'x-kubernetes-group-version-kind': [{ group, version: 'v1', kind: 'Lion' }],
      },
    },
  },
}

/** `serviceName`: as in "zoo.default.svc", which its certificate is for. */
export async function startExtensionServer(
  serviceName: string,
  proxyCaPem: string,
): Promise<ExtensionServer> {
  const folder = mkdtempSync(join(tmpdir(), 'raftsman-extension-'))
  const authority = await openAuthority(folder, 'extension-ca')
  const files = await issueCertificate(authority, folder, 'serving', {
    commonName: serviceName,
    hosts: [serviceName],
    usages: ['server'],
  })
  const calls: string[] = []
  let failing: number | null = null
  const server = createServer({
    cert: readFileSync(files.certFile),
    key: readFileSync(files.keyFile),
    ca: proxyCaPem,
    requestCert: true,
    rejectUnauthorized: true,
  })
  const user = (request: IncomingMessage) => {
    const trusted = (request.socket as TLSSocket).getPeerCertificate().subject?.CN
    if (trusted !== 'front-proxy-client') return 'nobody []'
    const groups = request.headersDistinct['x-remote-group'] ?? []
    return `${request.headers['x-remote-user'] as string} [${groups.join(' ')}]`
  }
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    calls.push(`${user(request)} ${request.method ?? ''} ${request.url ?? ''}`)
    const url = new URL(request.url ?? '/', 'https://zoo')
    const send = (status: number, body: object) => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(body))
    }
    if (failing !== null) return send(failing, {})
    if (url.pathname === root) return send(200, resources)
    if (url.pathname === '/openapi/v3') {
      const path = { serverRelativeURL: `/openapi/v3${root}?hash=1` }
      return send(200, { paths: { [`apis/${group}/v1`]: path } })
    }
    if (url.pathname === `/openapi/v3${root}`) return send(200, openApi)
    const lions = `${root}/namespaces/default/lions`
    if (url.pathname === lions && url.searchParams.get('watch') !== null) {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.write(`${JSON.stringify({ type: 'ADDED', object: lion('simba') })}\n`)
      return
    }
    if (url.pathname === lions) {
      return send(200, {
        apiVersion: `${group}/v1`,
        kind: 'LionList',
        metadata: { resourceVersion: '1' },
        items: [lion('nala'), lion('simba')],
      })
    }
    if (url.pathname.startsWith(`${lions}/`)) {
      return send(200, lion(url.pathname.slice(lions.length + 1)))
    }
    send(404, {
      kind: 'Status',
      apiVersion: 'v1',
      status: 'Failure',
      reason: 'NotFound',
      code: 404,
    })
  })
  server.on('upgrade', (request, socket) => {
    calls.push(`${user(request)} upgrade ${request.url ?? ''}`)
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: roar\r\n\r\n')
    socket.on('data', data => socket.write(`echo ${String(data)}`))
    socket.on('error', () => socket.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    caBundle: readFileSync(authority.certFile).toString('base64'),
    calls,
    fail: status => {
      failing = status
    },
    close: () =>
      new Promise(resolve => {
        rmSync(folder, { recursive: true, force: true })
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
