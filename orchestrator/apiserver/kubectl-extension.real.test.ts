import { readFileSync } from 'node:fs'
import { request as httpsRequest } from 'node:https'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ApiClient } from './testing/api-client.js'
import { lionOpenApiV2, lionOpenApiV3, startExtensionServer } from './testing/extension-server.js'
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
  // What it says of its kinds is asked for once it has been found to be there.
  await expect
    .poll(async () => (await kubectl.run('explain', 'lions.roar')).stdout, { timeout: 20_000 })
    .toContain('How it sounds.')
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
  const asked = () => extension.calls.slice(before).filter(call => call.endsWith(` ${path}`))
  await client.request('GET', path, undefined, {
    'x-remote-user': 'root',
    'x-remote-group': 'wheel',
    'x-remote-extra-scope': 'all',
  })
  expect(asked()).toEqual([`kubernetes-admin [system:masters system:authenticated] GET ${path}`])
})

interface OpenApiV2 {
  readonly paths: Readonly<Record<string, unknown>>
  readonly definitions: Readonly<Record<string, unknown>>
}
const openApiV2 = async () =>
  (
    await client.request('GET', '/openapi/v2', undefined, { accept: 'application/json' })
  ).json<OpenApiV2>()
const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'
const lionSchema = 'com.example.zoo.v1.Lion'

/** It is asked again now and not in half a minute. */
const askAgain = (priority: number) =>
  kubectl.ok(
    'patch',
    'apiservice',
    'v1.zoo.example.com',
    '--type=merge',
    '--patch',
    `{"spec":{"versionPriority":${priority}}}`,
  )

test('what it says in OpenAPI v2 stands beside what we say, under names of its own', async () => {
  await expect
    .poll(async () => (await openApiV2()).definitions[lionSchema], { timeout: 20_000 })
    .toBeDefined()
  const { paths, definitions } = await openApiV2()
  expect(paths).toHaveProperty(['/apis/zoo.example.com/v1/namespaces/{namespace}/lions'])
  expect(paths).toHaveProperty(['/api/v1/namespaces/{namespace}/pods'])
  // Of its other paths it speaks for itself alone.
  expect(paths).not.toHaveProperty(['/version'])
  expect(definitions[`${meta}_v2`]).toMatchObject({ description: 'What every animal has.' })
  expect(definitions[meta]).toHaveProperty(['properties', 'uid'])
  expect(JSON.stringify(definitions[lionSchema])).toContain(`#/definitions/${meta}_v2`)
})

describe.each(kubectlBinaries(['1.27', '1.30', '1.33']))('kubectl %s', (version, path) => {
  test.each([[[]], [['--output=plaintext-openapiv2']]])('explains a lion (%s)', async flags => {
    const own = kubectlWith(path, server.kubeconfig)
    const text = await own.ok('explain', 'lions', ...flags)
    expect(text).toMatch(/^KIND: +Lion\n(GROUP: +zoo\.example\.com\n)?VERSION: /m)
    expect(text).toContain('A lion is a large cat.')
    expect(text).toMatch(/^ +roar\s+<string>\n\s+How it sounds\.$/m)
    expect(await own.ok('explain', 'pods', ...flags)).toMatch(/^KIND: +Pod$/m)
  })

  test('checks fields of a lion that it applies', async () => {
    const own = kubectlWith(path, server.kubeconfig)
    const name = `leo-${version.replaceAll(/[^0-9]/g, '')}`
    const lion = (field: string) => `apiVersion: zoo.example.com/v1
kind: Lion
metadata: {name: ${name}, namespace: default}
${field}
`
    const wrong = await own.run('apply', '-f', own.file('wrong.yaml', lion('raor: loud')))
    expect(wrong.stderr).toMatch(/unknown field "raor" in com\.example\.zoo\.v1\.Lion/)
    const type = await own.run('apply', '-f', own.file('type.yaml', lion('roar: [1]')))
    expect(type.stderr).toMatch(/invalid type for com\.example\.zoo\.v1\.Lion\.roar/)
    const file = own.file('lion.yaml', lion('roar: loud'))
    expect(await own.ok('apply', '-f', file)).toContain('created')
    expect(await own.ok('apply', '-f', file)).toMatch(/unchanged|configured/)
    const pod = `apiVersion: v1
kind: ConfigMap
metadata: {name: ${name}, namespace: default}
`
    expect(await own.ok('apply', '-f', own.file('cm.yaml', pod))).toContain('created')
  })
})

test('what it says anew is told anew, with another hash', async () => {
  const indexed = async () =>
    (await client.get('/openapi/v3')).json<{ paths: Record<string, unknown> }>().paths[
      'apis/zoo.example.com/v1'
    ]
  const before = await indexed()
  expect(before).toMatchObject({
    serverRelativeURL: expect.stringMatching(/^\/openapi\/v3\/apis\/zoo[^?]+\?hash=\w+$/) as string,
  })
  extension.say('v2', lionOpenApiV2('Not to be slept by.'))
  extension.say('v3', lionOpenApiV3('Not to be slept by.'))
  await askAgain(17)
  for (const flags of [[], ['--output=plaintext-openapiv2']]) {
    const explained = () => kubectl.ok('explain', 'lions.roar', ...flags)
    await expect.poll(explained, { timeout: 20_000 }).toContain('Not to be slept by.')
  }
  expect(await indexed()).not.toEqual(before)
})

test('what is broken of it is not told, and takes nothing away', async () => {
  extension.say('v2', lionOpenApiV2('Broken.').replaceAll(`/${meta}"`, '/Gone"'))
  const before = extension.calls.length
  await askAgain(18)
  const asked = () => extension.calls.slice(before).some(call => call.endsWith(' /openapi/v2'))
  await expect.poll(asked, { timeout: 20_000 }).toBe(true)
  const flag = '--output=plaintext-openapiv2'
  expect(await kubectl.ok('explain', 'lions.roar', flag)).toContain('Not to be slept by.')
  expect(await kubectl.ok('explain', 'pods', flag)).toMatch(/^KIND: +Pod$/m)
})

test('one that has only OpenAPI v2 is explained all the same', async () => {
  extension.say('v2', lionOpenApiV2('As of old.'))
  extension.say('v3', null)
  await askAgain(19)
  await expect
    .poll(() => kubectl.ok('explain', 'lions.roar'), { timeout: 20_000 })
    .toContain('As of old.')
})

test('calls share connections, also those of many clients', async () => {
  const path = '/apis/zoo.example.com/v1/namespaces/default/lions/simba'
  const before = extension.handshakes()
  for (let round = 0; round < 25; round++) expect((await client.get(path)).status).toBe(200)
  await Promise.all(Array.from({ length: 25 }, () => client.get(path)))
  expect(extension.handshakes() - before).toBeLessThan(30)
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
  const { paths, definitions } = await openApiV2()
  const left = [...Object.keys(paths), ...Object.keys(definitions)]
  expect(left.filter(name => /zoo|_v2$/.test(name))).toEqual([])
  expect((await client.get('/openapi/v3')).text).not.toContain('zoo')
})

test('whom it does not trust any more it does not talk to over an old connection', async () => {
  extension.fail(null)
  const all = service(extension.port, extension.caBundle)
  await kubectl.ok('apply', '-f', kubectl.file('again.yaml', all))
  await wait('Available')
  const path = '/apis/zoo.example.com/v1/namespaces/default/lions/simba'
  expect((await client.get(path)).status).toBe(200)
  const stranger = Buffer.from(server.authority.caPem).toString('base64')
  const patch = JSON.stringify({ spec: { caBundle: stranger } })
  await kubectl.ok('patch', 'apiservice', 'v1.zoo.example.com', '--type=merge', '-p', patch)
  await wait('Available=False')
  expect((await client.get(path)).status).toBe(503)
  expect(await kubectl.ok('get', 'apiservice', 'v1.zoo.example.com', '-o', 'yaml')).toContain(
    'unable to verify the first certificate',
  )
})
