// A webhook as users run one: HTTPS with a certificate of the test's authority, one answer a path.

import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TestAuthority } from '../../../platform/testing/certificates.js'

type Fields = Readonly<Record<string, unknown>>

export interface Review extends Fields {
  readonly apiVersion: string
  readonly kind: string
  readonly request: Fields & { readonly uid: string }
}

/** The `response` without its uid; 'silence' never answers, a number is an HTTP status. */
export type Hook = (review: Review) => Fields | 'silence' | number

export interface WebhookServer {
  readonly url: string
  readonly port: number
  /** For clientConfig. */
  readonly caBundle: string
  /** Reviews that came in on a path, oldest first. */
  readonly reviews: (path: string) => readonly Review[]
  /** From now on `path` is answered so. */
  answer(path: string, hook: Hook): void
  close(): Promise<void>
}

/** `hosts` beside those of this machine are in its certificate. */
export async function startWebhookServer(
  authority: TestAuthority,
  hosts: readonly string[] = [],
): Promise<WebhookServer> {
  const tls = await authority.issue('webhook', { commonName: 'webhook', hosts })
  const hooks = new Map<string, Hook>()
  const reviews = new Map<string, Review[]>()
  const server = createServer(
    { cert: readFileSync(tls.certFile), key: readFileSync(tls.keyFile) },
    (incoming, outgoing) => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('end', () => {
        const [path = ''] = (incoming.url ?? '').split('?')
        const review = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Review
        reviews.set(path, [...(reviews.get(path) ?? []), review])
        const answer = hooks.get(path)?.(review) ?? 404
        if (answer === 'silence') return
        if (typeof answer === 'number') {
          outgoing.writeHead(answer, { 'content-type': 'text/plain' }).end('not this time')
          return
        }
        const { apiVersion, kind, request } = review
        const response = { uid: request.uid, ...answer }
        outgoing.writeHead(200, { 'content-type': 'application/json' })
        outgoing.end(JSON.stringify({ apiVersion, kind, response }))
      })
    },
  )
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `https://127.0.0.1:${port}`,
    port,
    caBundle: Buffer.from(authority.caPem).toString('base64'),
    reviews: path => reviews.get(path) ?? [],
    answer(path, hook) {
      hooks.set(path, hook)
    },
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
