// A server of custom and external metrics for tests, over HTTPS, as adapters of monitoring systems are. What it answers is
// set by the test.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { issueCertificate, openAuthority } from '../../../../cli/pki/authority.js'
import type { JsonObject } from '../../../api/object.js'

export interface MetricsServer {
  readonly port: number
  /** Base64, as in caBundle of an APIService. */
  readonly caBundle: string
  /** Paths with queries that were asked for, discovery left out. */
  readonly asked: readonly string[]
  /** By path without its query: the items that are answered. */
  readonly items: Map<string, readonly JsonObject[]>
  close(): Promise<void>
}

export async function startMetricsServer(serviceName: string): Promise<MetricsServer> {
  const folder = mkdtempSync(join(tmpdir(), 'raftsman-metrics-'))
  const authority = await openAuthority(folder, 'metrics-ca')
  const files = await issueCertificate(authority, folder, 'serving', {
    commonName: serviceName,
    hosts: [serviceName],
    usages: ['server'],
  })
  const asked: string[] = []
  const items = new Map<string, readonly JsonObject[]>()
  const server = createServer({
    cert: readFileSync(files.certFile),
    key: readFileSync(files.keyFile),
  })
  server.on('request', (request, response) => {
    const url = new URL(request.url ?? '/', 'https://metrics')
    const send = (status: number, body: JsonObject) => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(body))
    }
    const [, , group = '', version = ''] = url.pathname.split('/')
    if (url.pathname === `/apis/${group}/${version}`) {
      const groupVersion = `${group}/${version}`
      return send(200, { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources: [] })
    }
    const found = items.get(decodeURIComponent(url.pathname))
    if (url.pathname.startsWith('/apis/')) asked.push(request.url ?? '')
    if (found !== undefined) return send(200, { kind: 'List', items: [...found] })
    return send(404, {
      kind: 'Status',
      apiVersion: 'v1',
      status: 'Failure',
      reason: 'NotFound',
      message: 'no such metric',
      code: 404,
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    caBundle: readFileSync(authority.certFile).toString('base64'),
    asked,
    items,
    async close() {
      server.closeAllConnections()
      await new Promise<void>(resolve => {
        server.close(() => resolve())
      })
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
