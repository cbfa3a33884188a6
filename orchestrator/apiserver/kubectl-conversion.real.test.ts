// A webhook that converts objects of a kind of users, over TLS, with a real server of it and a real kubectl.

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { objectKey, resourceId } from './keys.js'
import type { ApiClient } from './testing/api-client.js'
import type { Kubectl } from './testing/kubectl.js'
import { ofMaps, startWebhookedApiserver } from './testing/webhooked-apiserver.js'
import type { WebhookedApiserver } from './testing/webhooked-apiserver.js'
import type { Hook, WebhookServer } from './testing/webhook-server.js'

type Fields = Readonly<Record<string, unknown>>

let whole: WebhookedApiserver
let hooks: WebhookServer
let api: ApiClient
let kubectl: Kubectl

const definition = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: doors.hooks.test}
spec:
  group: hooks.test
  scope: Namespaced
  names: {plural: doors, kind: Door}
  conversion:
    strategy: Webhook
    webhook:
      conversionReviewVersions: [v1]
      clientConfig: {url: "<url>/convert", caBundle: <ca>}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, properties: {host: {type: string}, port: {type: string}}}
  - name: v2
    served: true
    storage: false
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, properties: {address: {type: string}}}
`
const doors = (version: string) => `/apis/hooks.test/${version}/namespaces/default/doors`
const door = (version: string, name: string, spec: Fields) => ({
  apiVersion: `hooks.test/${version}`,
  kind: 'Door',
  metadata: { name },
  spec,
})

interface Door extends Fields {
  readonly spec: Readonly<Record<string, string>>
}

const converted = (object: Door, apiVersion: string) => {
  const { host = '', port = '', address = '' } = object.spec
  const [before = '', after = ''] = address.split(':')
  const spec = apiVersion.endsWith('v2')
    ? { address: `${host}:${port}` }
    : { host: before, port: after }
  return { ...object, apiVersion, spec }
}

const converting: Hook = ({ request }) => {
  const objects = request['objects'] as readonly Door[]
  const wanted = String(request['desiredAPIVersion'])
  return {
    result: { status: 'Success' },
    convertedObjects: objects.map(object => converted(object, wanted)),
  }
}

beforeAll(async () => {
  whole = await startWebhookedApiserver()
  ;({ hooks, api, kubectl } = whole)
  hooks.answer('/convert', converting)
  const text = definition.replace('<url>', hooks.url).replace('<ca>', hooks.caBundle)
  await kubectl.ok('apply', '-f', kubectl.file('doors.yaml', text))
  await kubectl.ok('wait', '--for=condition=established', '--timeout=10s', 'crd/doors.hooks.test')
})

afterEach(() => whole.unconfigure())
afterAll(() => whole.close())

test('lets both versions be written and read, and one is kept', async () => {
  const first = await api.request('POST', doors('v1'), door('v1', 'a', { host: 'h', port: '1' }))
  const second = await api.request('POST', doors('v2'), door('v2', 'b', { address: 'i:2' }))
  expect(first.json()).toMatchObject({ apiVersion: 'hooks.test/v1', spec: { host: 'h' } })
  expect(second.json()).toMatchObject({ apiVersion: 'hooks.test/v2', spec: { address: 'i:2' } })
  expect((await api.get(`${doors('v2')}/a`)).json()).toMatchObject({ spec: { address: 'h:1' } })
  expect((await api.get(`${doors('v1')}/b`)).json()).toMatchObject({
    apiVersion: 'hooks.test/v1',
    spec: { host: 'i', port: '2' },
  })
  const key = new TextEncoder().encode(objectKey(resourceId('hooks.test', 'doors'), 'default', 'b'))
  const stored = await whole.server.store.range({ key })
  expect(new TextDecoder().decode(stored.kvs[0]?.value)).toContain('"apiVersion":"hooks.test/v1"')
})

test('is asked for a whole list at once, and for changes in either version', async () => {
  const before = hooks.reviews('/convert').length
  const list = await api.get(doors('v2'))
  const addresses = list.json<{ items: readonly Door[] }>().items.map(({ spec }) => spec)
  expect(addresses).toEqual([{ address: 'h:1' }, { address: 'i:2' }])
  expect(hooks.reviews('/convert').length - before).toBeLessThanOrEqual(1)
  const merge = { 'content-type': 'application/merge-patch+json' }
  const patched = await api.request(
    'PATCH',
    `${doors('v2')}/a`,
    JSON.stringify({ spec: { address: 'new:9' } }),
    merge,
  )
  expect(patched.json()).toMatchObject({ spec: { address: 'new:9' } })
  const shown = await kubectl.ok('get', 'doors.v1.hooks.test', 'a', '-o', 'jsonpath={.spec}')
  expect(JSON.parse(shown)).toEqual({ host: 'new', port: '9' })
})

test('is asked for the version that a webhook of admission understands', async () => {
  hooks.answer('/old', () => ({ allowed: false, status: { message: 'old' } }))
  const ofDoors = { ...ofMaps, apiGroups: ['hooks.test'], resources: ['doors'] }
  await whole.configure('validating', 'old', { rules: [ofDoors] })
  const made = await api.request('POST', doors('v2'), door('v2', 'c', { address: 'j:3' }))
  expect(made.json()).toMatchObject({
    message: 'admission webhook "old.hooks.test" denied the request: old',
  })
  expect(hooks.reviews('/old').at(-1)?.request).toMatchObject({
    kind: { version: 'v1' },
    requestKind: { version: 'v2' },
    object: { apiVersion: 'hooks.test/v1', spec: { host: 'j', port: '3' } },
  })
})

test.each<[string, Hook, string]>([
  [
    'an error',
    () => 500,
    'failed: an error on the server ("not this time") has prevented the request from succeeding',
  ],
  [
    'a refusal',
    () => ({ result: { status: 'Failed', message: 'no such door' } }),
    'failed: no such door',
  ],
  [
    'too little',
    () => ({ result: { status: 'Success' }, convertedObjects: [] }),
    'returned 0 objects, expected 1',
  ],
  [
    'another object',
    ({ request }) => {
      const [object] = request['objects'] as readonly [Door]
      const other = { ...converted(object, 'hooks.test/v2'), metadata: { name: 'z' } }
      return { result: { status: 'Success' }, convertedObjects: [other] }
    },
    'returned invalid object: must have the same name: another-object != z',
  ],
])('is quoted where it answers with %s', async (what, hook, why) => {
  const name = what.replaceAll(' ', '-')
  await api.request('POST', doors('v1'), door('v1', name, { host: 'h', port: name }))
  hooks.answer('/convert', hook)
  expect((await kubectl.run('get', 'doors.v2.hooks.test', name)).stderr).toBe(
    `Error from server: conversion webhook for hooks.test/v1, Kind=Door ${why}\n`,
  )
  hooks.answer('/convert', converting)
  expect((await api.get(`${doors('v2')}/${name}`)).status).toBe(200)
})
