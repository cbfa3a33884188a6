// A real extension API server for tests: one kind, Lion of zoo.example.com/v1, over HTTPS. Like all of
// them it reads from the cluster whose certificates may say in headers who asks. It checks no fields: that is
// left to kubectl, which does so by the OpenAPI document.

import { createHash } from 'node:crypto'
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
  /** Handshakes so far. */
  readonly handshakes: () => number
  /** Answers all that follows with this status; null: as it should. */
  fail(status: number | null): void
  /** From now on this is its OpenAPI document of a version; null: it has none. */
  say(version: 'v2' | 'v3', text: string | null): void
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

const lionKind = { group, version: 'v1', kind: 'Lion' }
const lionSchema = `com.example.zoo.v1.Lion`
const metaSchema = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'

/** References are to `at`. */
function schemasAt(at: string, roar: string) {
  return {
    [lionSchema]: {
      description: 'A lion is a large cat.',
      type: 'object',
      properties: {
        apiVersion: { type: 'string' },
        kind: { type: 'string' },
        metadata: { $ref: `${at}${metaSchema}` },
        roar: { type: 'string', description: roar },
      },
      'x-kubernetes-group-version-kind': [lionKind],
    },
    // Other servers have other words for it than we do, and fewer.
    [metaSchema]: {
      description: 'What every animal has.',
      type: 'object',
      properties: { name: { type: 'string' }, namespace: { type: 'string' } },
    },
  }
}

const operation = (action: string) => ({
  operationId: `${action}Lion`,
  responses: {},
  'x-kubernetes-action': action,
  'x-kubernetes-group-version-kind': lionKind,
})
const paths = {
  [`${root}/namespaces/{namespace}/lions`]: { get: operation('list'), post: operation('post') },
  [`${root}/namespaces/{namespace}/lions/{name}`]: { patch: operation('patch') },
}

/** `roar`: what is said of that field. */
export function lionOpenApiV2(roar: string): string {
  return JSON.stringify({
    swagger: '2.0',
    info: { title: 'zoo', version: '1' },
    paths: { '/version': { get: operation('get') }, ...paths },
    definitions: schemasAt('#/definitions/', roar),
  })
}

export function lionOpenApiV3(roar: string): string {
  return JSON.stringify({
    openapi: '3.0.0',
    info: { title: 'zoo', version: '1' },
    paths,
    components: { schemas: schemasAt('#/components/schemas/', roar) },
  })
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
  const lions = new Map(['nala', 'simba'].map(name => [name, lion(name)]))
  const documents = new Map([
    ['v2', lionOpenApiV2('How it sounds.')],
    ['v3', lionOpenApiV3('How it sounds.')],
  ])
  let handshakes = 0
  let failing: number | null = null
  const server = createServer({
    cert: readFileSync(files.certFile),
    key: readFileSync(files.keyFile),
    ca: proxyCaPem,
    requestCert: true,
    rejectUnauthorized: true,
  })
  server.on('secureConnection', () => {
    handshakes += 1
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
    const sendText = (text: string) => {
      const etag = JSON.stringify(createHash('sha256').update(text).digest('hex'))
      const same = request.headers['if-none-match'] === etag
      response.writeHead(same ? 304 : 200, { 'content-type': 'application/json', etag })
      response.end(same ? '' : text)
    }
    if (failing !== null) return send(failing, {})
    if (url.pathname === root) return send(200, resources)
    const v3 = documents.get('v3')
    if (url.pathname === '/openapi/v3' && v3 !== undefined) {
      const hash = createHash('sha256').update(v3).digest('hex')
      const path = { serverRelativeURL: `/openapi/v3${root}?hash=${hash}` }
      return send(200, { paths: { [`apis/${group}/v1`]: path } })
    }
    if (url.pathname === `/openapi/v3${root}` && v3 !== undefined) return sendText(v3)
    const v2 = documents.get('v2')
    if (url.pathname === '/openapi/v2' && v2 !== undefined) return sendText(v2)
    const place = `${root}/namespaces/default/lions`
    if (url.pathname === place && url.searchParams.get('watch') !== null) {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.write(`${JSON.stringify({ type: 'ADDED', object: lion('simba') })}\n`)
      return
    }
    if (url.pathname === place && request.method === 'GET') {
      return send(200, {
        apiVersion: `${group}/v1`,
        kind: 'LionList',
        metadata: { resourceVersion: '1' },
        items: [...lions.values()],
      })
    }
    if (
      url.pathname.startsWith(place) &&
      (request.method === 'POST' || request.method === 'PATCH')
    ) {
      return void bodyOf(request).then(body => {
        const name = url.pathname.slice(place.length + 1) || body.metadata?.name || ''
        const old = lions.get(name) ?? lion(name)
        const metadata = { ...old.metadata, ...body.metadata }
        const stored = { ...old, ...body, metadata }
        lions.set(name, stored)
        send(request.method === 'POST' ? 201 : 200, stored)
      })
    }
    const found = lions.get(url.pathname.slice(place.length + 1))
    if (url.pathname.startsWith(`${place}/`) && found !== undefined) return send(200, found)
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
    handshakes: () => handshakes,
    fail: status => {
      failing = status
    },
    say(version, text) {
      if (text === null) documents.delete(version)
      else documents.set(version, text)
    },
    close: () =>
      new Promise(resolve => {
        rmSync(folder, { recursive: true, force: true })
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

interface LionFields {
  readonly metadata?: { readonly name?: string }
}

async function bodyOf(request: IncomingMessage): Promise<LionFields> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as LionFields
}
