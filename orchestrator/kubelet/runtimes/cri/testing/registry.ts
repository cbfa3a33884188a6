// A registry of images for tests: reads alone, of one user. Only the containerd of the test reaches its address.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestImage } from './images.js'

export interface TestRegistry {
  /** Host and port, as names of its images begin. */
  readonly place: string
  /** Paths that were read. */
  readonly reads: readonly string[]
  close(): Promise<void>
}

export interface RegistryUser {
  readonly username: string
  readonly password: string
}

const manifestType = 'application/vnd.oci.image.manifest.v1+json'

/** Serves the image under every name and tag. */
export async function startRegistry(
  host: string,
  image: TestImage,
  { username, password }: RegistryUser,
): Promise<TestRegistry> {
  const reads: string[] = []
  const allowed = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  const blobs = new Map(
    [image.manifest, image.config, image.layer].map(blob => [blob.digest, blob.content]),
  )
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    if (request.headers.authorization !== allowed) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="test"' }).end()
      return
    }
    const path = request.url ?? ''
    reads.push(path)
    const [, kind, reference = ''] = /\/(manifests|blobs)\/([^/?]+)/.exec(path) ?? []
    const content = blobs.get(reference) ?? (kind === 'manifests' ? image.manifest.content : null)
    if (content === null) {
      response.writeHead(404).end()
      return
    }
    response.writeHead(200, {
      'content-type': kind === 'manifests' ? manifestType : 'application/octet-stream',
      'content-length': content.length,
      ...(kind === 'manifests' ? { 'docker-content-digest': image.manifest.digest } : {}),
    })
    response.end(request.method === 'HEAD' ? undefined : content)
  }
  const server = createServer(answer)
  await new Promise<void>(resolve => {
    server.listen(0, host, resolve)
  })
  return {
    place: `${host}:${(server.address() as AddressInfo).port}`,
    reads,
    async close() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
