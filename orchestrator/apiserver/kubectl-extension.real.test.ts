import { readFileSync } from 'node:fs'
import { request as httpsRequest } from 'node:https'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ApiClient } from './testing/api-client.js'
import { startExtensionServer } from './testing/extension-server.js'
import type { ExtensionServer } from './testing/extension-server.js'
import { kubectlBinaries, kubectlWith } from './testing/kubectl.js'
import type { Kubectl } from './testing/kubectl.js'
import { startTestApiserver } from './testing/start-apiserver.js'
import type { TestApiserver } from './testing/start-apiserver.js'

const [, binary = ''] = kubectlBinaries(['1.33'])[0] ?? []

let server: TestApiserver
let extension: ExtensionServer
let kubectl: Kubectl
let client: ApiClient

const service = (port: number, caBundle: string) => `apiVersion: v1
kind: Service
metadata: {name: zoo, namespace: default}
spec: {type: ExternalName, externalName: localhost}
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.zoo.example.com}
spec:
  group: zoo.example.com
  version: v1
  groupPriorityMinimum: 1500
  versionPriority: 15
  caBundle: ${caBundle}
  service: {namespace: default, name: zoo, port: ${port}}
`

const authentication = ['get', 'cm', '-n', 'kube-system', 'extension-apiserver-authentication']

beforeAll(async () => {
  server = await startTestApiserver()
  kubectl = kubectlWith(binary, server.kubeconfig)
  client = new ApiClient(server.url, server.admin.caFile, server.admin)
  const path = 'jsonpath={.data.requestheader-client-ca-file}'
  const proxyCa = await kubectl.ok(...authentication, '-o', path)
  extension = await startExtensionServer('zoo.default.svc', proxyCa)
})

afterAll(async () => {
  client.close()
  await server.close()
  await extension.close()
})

const wait = (condition: string) =>
  kubectl.ok('wait', 'apiservice/v1.zoo.example.com', `--for=condition=${condition}`)

test('our own groups and versions are told of, those of custom kinds while they are there', async () => {
  const listed = await kubectl.ok('get', 'apiservices')
  expect(listed.replace(/ +/g, ' ')).toMatch(/^NAME SERVICE AVAILABLE AGE\nv1\. Local True \d+s\n/)
  expect(listed).toMatch(/\nv1\.apps +Local +True +\d+s\n/)
  expect(await kubectl.ok('get', 'apiservice', 'v2.autoscaling', '-o', 'yaml')).toContain(
    'message: Local APIServices are always available',
  )
})

test('an APIService whose Service is not there says so, and breaks nothing else', async () => {
  const [, registration = ''] = service(extension.port, extension.caBundle).split('---\n')
  await kubectl.ok('apply', '-f', kubectl.file('registration.yaml', registration))
  await wait('Available=False')
  expect(await kubectl.ok('get', 'apiservices')).toMatch(
    /\nv1\.zoo\.example\.com +default\/zoo +False \(ServiceNotFound\) +\d+s\n/,
  )
  const refused = await client.get('/apis/zoo.example.com/v1/namespaces/default/lions')
  expect([refused.status, refused.text]).toEqual([503, 'service unavailable\n'])
  expect((await kubectl.run('api-resources')).stdout).toContain('configmaps')
  expect(await kubectl.ok('get', 'cm')).toContain('kube-root-ca.crt')
})

test('kubectl gets, watches and explains what an extension API server serves', async () => {
  await kubectl.ok(
    'apply',
    '-f',
    kubectl.file('all.yaml', service(extension.port, extension.caBundle)),
  )
  await wait('Available')
  expect(await kubectl.ok('api-versions')).toContain('\nzoo.example.com/v1\n')
  expect(await kubectl.ok('api-resources', '--api-group=zoo.example.com')).toMatch(
    /\nlions +li +zoo\.example\.com\/v1 +true +Lion\n/,
  )
  expect(await kubectl.ok('get', 'lions', '-o', 'name')).toBe(
    'lion.zoo.example.com/nala\nlion.zoo.example.com/simba\n',
  )
  expect(await kubectl.ok('get', 'li', 'simba', '-o', 'jsonpath={.roar}')).toBe('loud')
  expect(extension.calls).toContain(
    'kubernetes-admin [system:masters system:authenticated] GET /apis/zoo.example.com/v1/namespaces/default/lions/simba',
  )
  const watch = client.watch('/apis/zoo.example.com/v1/namespaces/default/lions?watch=1')
  expect((await watch.next()).object.metadata?.['name']).toBe('simba')
  watch.stop()
  expect(await kubectl.ok('explain', 'lions.roar')).toContain('How it sounds.')
  const legacy = (await client.get('/apis/zoo.example.com')).json()
  expect(legacy).toMatchObject({ preferredVersion: { groupVersion: 'zoo.example.com/v1' } })
})

test('nobody can say in headers who they are', async () => {
  const joe = await server.identity('joe')
  const asJoe = new ApiClient(server.url, joe.caFile, joe)
  const path = '/apis/zoo.example.com/v1/namespaces/default/lions'
  expect((await asJoe.get(path)).status).toBe(403)
  asJoe.close()
  const before = extension.calls.length
  await client.request('GET', path, undefined, {
    'x-remote-user': 'root',
    'x-remote-group': 'wheel',
    'x-remote-extra-scope': 'all',
  })
  expect(extension.calls.slice(before)).toEqual([
    `kubernetes-admin [system:masters system:authenticated] GET ${path}`,
  ])
})

test('an upgraded connection goes through', async () => {
  const { port } = new URL(server.url)
  const text = await new Promise<string>((resolve, reject) => {
    const outgoing = httpsRequest({
      port,
      host: '127.0.0.1',
      path: '/apis/zoo.example.com/v1/namespaces/default/lions/simba/mane',
      ca: readFileSync(server.admin.caFile),
      cert: readFileSync(server.admin.certFile),
      key: readFileSync(server.admin.keyFile),
      headers: { connection: 'Upgrade', upgrade: 'roar' },
      agent: false,
    })
    outgoing.on('error', reject)
    outgoing.on('response', answer => reject(new Error(`answered ${answer.statusCode ?? 0}`)))
    outgoing.on('upgrade', (_, socket) => {
      socket.on('error', reject)
      socket.on('data', data => {
        resolve(String(data))
        socket.destroy()
      })
      socket.write('hello')
    })
    outgoing.end()
  })
  expect(text).toBe('echo hello')
})

test('one that breaks is told apart, and goes with its APIService', async () => {
  extension.fail(500)
  const patch = ['--type=merge', '-p', '{"spec":{"versionPriority":16}}']
  await kubectl.ok('patch', 'apiservice', 'v1.zoo.example.com', ...patch)
  await wait('Available=False')
  const yaml = await kubectl.ok('get', 'apiservice', 'v1.zoo.example.com', '-o', 'yaml')
  expect(yaml).toContain('reason: FailedDiscoveryCheck')
  expect(yaml).toMatch(/failing or missing response from https:\/\/localhost:\d+\/apis\/zoo/)
  expect((await kubectl.run('get', 'lions')).stderr).toContain(
    'the server is currently unable to handle the request',
  )
  await kubectl.ok('delete', 'apiservice', 'v1.zoo.example.com')
  expect((await client.get('/apis/zoo.example.com')).status).toBe(404)
  expect(await kubectl.ok('api-versions')).not.toContain('zoo')
})
