import { expect, test } from 'vitest'
import {
  aggregatedDiscovery,
  apiGroup,
  apiGroupList,
  apiResourceList,
  apiVersions,
  subresourcesOf,
} from './discovery.js'
import { kinds } from './kinds.js'
import type { JsonObject } from './object.js'

interface ResourceEntry {
  readonly name: string
  readonly kind: string
}

test('the core group has its own root', () => {
  expect(apiVersions('127.0.0.1:6443')).toEqual({
    kind: 'APIVersions',
    versions: ['v1'],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: '127.0.0.1:6443' }],
  })
})

test('all other groups are listed with their preferred versions', () => {
  const list = apiGroupList(kinds) as {
    groups?: { name: string; preferredVersion: { version: string } }[]
  }
  const groups = new Set(kinds.map(kind => kind.group).filter(group => group !== ''))
  expect(list.groups?.map(group => group.name)).toEqual([...groups])
  const autoscaling = list.groups?.find(group => group.name === 'autoscaling')
  expect(autoscaling?.preferredVersion.version).toBe('v2')
  const version = { groupVersion: 'apps/v1', version: 'v1' }
  expect(apiGroup(kinds, 'apps')).toEqual({
    kind: 'APIGroup',
    apiVersion: 'v1',
    name: 'apps',
    versions: [version],
    preferredVersion: version,
  })
  expect(apiGroup(kinds, 'nothing')).toBeNull()
  expect(apiGroup(kinds, '')).toBeNull()
})

test('older clients find resources and subresources in one list', () => {
  const list = apiResourceList(kinds, '', 'v1', text => text) as {
    resources?: readonly ResourceEntry[]
  } | null
  const byName = new Map(list?.resources?.map(entry => [entry.name, entry]))
  expect(byName.get('pods')).toEqual({
    name: 'pods',
    singularName: 'pod',
    storageVersionHash: '/v1/Pod',
    namespaced: true,
    kind: 'Pod',
    verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
    shortNames: ['po'],
    categories: ['all'],
  })
  // Without group and version here, drain passes every disruption budget by.
  expect(byName.get('pods/eviction')).toMatchObject({
    group: 'policy',
    version: 'v1',
    kind: 'Eviction',
    verbs: ['create'],
  })
  expect([...byName.keys()].filter(name => name.startsWith('pods/'))).toEqual([
    'pods/attach',
    'pods/binding',
    'pods/ephemeralcontainers',
    'pods/eviction',
    'pods/exec',
    'pods/log',
    'pods/portforward',
    'pods/proxy',
    'pods/resize',
    'pods/status',
  ])
  expect(apiResourceList(kinds, 'apps', 'v2', text => text)).toBeNull()
})

test('newer clients find everything in two documents', () => {
  const document = aggregatedDiscovery(kinds, 'apis', 'v2') as unknown as {
    apiVersion: string
    items: { metadata: JsonObject; versions: { resources: JsonObject[] }[] }[]
  }
  expect(document.apiVersion).toBe('apidiscovery.k8s.io/v2')
  const apps = document.items.find(item => item.metadata['name'] === 'apps')
  expect(apps?.versions[0]?.resources[0]).toEqual({
    resource: 'deployments',
    responseKind: { group: 'apps', version: 'v1', kind: 'Deployment' },
    scope: 'Namespaced',
    singularResource: 'deployment',
    verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
    shortNames: ['deploy'],
    categories: ['all'],
    subresources: [
      {
        subresource: 'scale',
        responseKind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
        verbs: ['get', 'patch', 'update'],
      },
      {
        subresource: 'status',
        responseKind: { group: 'apps', version: 'v1', kind: 'Deployment' },
        verbs: ['get', 'patch', 'update'],
      },
    ],
  })
  expect(aggregatedDiscovery(kinds, 'api', 'v2beta1')).toMatchObject({
    apiVersion: 'apidiscovery.k8s.io/v2beta1',
    items: [{ metadata: {} }],
  })
})

test('kinds without status or scale have neither endpoint', () => {
  const configMaps = kinds.find(kind => kind.plural === 'configmaps')
  expect(configMaps === undefined ? null : subresourcesOf(configMaps)).toEqual([])
})
