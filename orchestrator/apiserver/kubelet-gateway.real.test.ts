import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { kubectlBinaries, kubectlWith } from './testing/kubectl.js'
import type { Kubectl } from './testing/kubectl.js'
import { ApiClient } from './testing/api-client.js'
import { startTestApiserver } from './testing/start-apiserver.js'
import type { TestApiserver } from './testing/start-apiserver.js'

let server: TestApiserver
let kubelet: Server
let kubectl: Kubectl
let client: ApiClient
let callers: string[]
let answer: (path: string, response: ServerResponse) => void

beforeAll(async () => {
  server = await startTestApiserver()
  const tls = await server.authority.issue('kubelet', { commonName: 'system:node:n1' })
  callers = []
  kubelet = createServer(
    {
      cert: readFileSync(tls.certFile),
      key: readFileSync(tls.keyFile),
      ca: readFileSync(tls.caFile),
      requestCert: true,
      rejectUnauthorized: true,
    },
    (request, response) => {
      callers.push(String((request.socket as TLSSocket).getPeerCertificate().subject.CN))
      answer(request.url ?? '', response)
    },
  )
  await new Promise<void>(resolve => kubelet.listen(0, '127.0.0.1', resolve))
  const { port } = kubelet.address() as AddressInfo
  client = new ApiClient(server.url, server.admin.caFile, server.admin)
  await client.request('POST', '/api/v1/nodes', {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'n1' },
    status: {
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      daemonEndpoints: { kubeletEndpoint: { Port: port } },
    },
  })
  await client.request('POST', '/api/v1/namespaces/default/pods', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: {
      nodeName: 'n1',
      containers: [
        { name: 'c', image: 'i' },
        { name: 'd', image: 'i' },
      ],
    },
  })
  const binaries = kubectlBinaries(['1.33'])
  kubectl = kubectlWith(binaries[0]?.[1] ?? 'kubectl', server.kubeconfig)
})

afterAll(async () => {
  client.close()
  kubelet.closeAllConnections()
  await new Promise(resolve => kubelet.close(resolve))
  await server.close()
})

test('logs come from the kubelet of the pod, asked with our own certificate', async () => {
  let asked = ''
  answer = (path, response) => {
    asked = path
    response.end('one\ntwo\n')
  }
  expect(await kubectl.ok('logs', 'p', '-c', 'c', '--tail=5', '--timestamps')).toBe('one\ntwo\n')
  expect(asked).toBe('/containerLogs/default/p/c?timestamps=true&tailLines=5')
  expect(callers.at(-1)).toBe('kube-apiserver-kubelet-client')
})

test('a followed log arrives line by line, and ends for the kubelet when the client goes', async () => {
  let open: ServerResponse | null = null
  answer = (_, response) => {
    open = response
    response.write('first\n')
  }
  const log = kubectl.follow('logs', '-f', 'p', '-c', 'c')
  await log.until(/^first$/m)
  const held = open as ServerResponse | null
  const closed = new Promise(resolve => held?.on('close', resolve))
  held?.write('second\n')
  await log.until(/^second$/m)
  await log.stop()
  await closed
})

test('a container must be named where there are several, and be one of the pod', async () => {
  expect((await kubectl.run('logs', 'p', '-c', 'x')).stderr).toContain(
    'container x is not valid for pod p',
  )
  const unnamed = await client.get('/api/v1/namespaces/default/pods/p/log')
  expect(unnamed.json()['message']).toBe(
    'a container name must be specified for pod p, choose one of: [c d]',
  )
})

test('a redirect is not followed but reported, and so is what the kubelet refuses', async () => {
  let calls = 0
  answer = (_, response) => {
    calls++
    response.writeHead(302, { location: `${server.url}/metrics` }).end('elsewhere')
  }
  const redirected = await client.get('/api/v1/namespaces/default/pods/p/log?container=c')
  expect([redirected.status, calls]).toEqual([500, 1])
  answer = (_, response) => response.writeHead(400).end('container "c" is waiting to start')
  const waiting = await client.get('/api/v1/namespaces/default/pods/p/log?container=c')
  expect(waiting.json()).toMatchObject({ code: 400, message: 'container "c" is waiting to start' })
})
