import { describe, expect, test } from 'vitest'
import { aggregatedDiscovery, apiGroup, apiGroupList } from '../discovery.js'
import { findKind, kinds } from '../kinds.js'
import type { JsonObject } from '../object.js'
import { serviceBackends } from '../service-backends.js'
import { checked, errorLines } from '../testing/checked-object.js'
import type { APIService } from '../types/apiregistration.js'
import type { Service } from '../types/core-service.js'
import type { EndpointSlice } from '../types/discovery.js'
import {
  backendProblem,
  failedDiscovery,
  isAvailable,
  passed,
  withVerdict,
} from './availability.js'
import {
  discoveredResources,
  withExtensionDiscovery,
  withExtensionGroups,
  withExtensionVersions,
} from './extension-discovery.js'
import type { ExtensionVersion } from './extension-discovery.js'
import { isReserved, localServiceSteps } from './local-services.js'

const extension = (
  group: string,
  version: string,
  changes: Partial<ExtensionVersion> = {},
): ExtensionVersion => ({
  group,
  version,
  groupPriority: 100,
  versionPriority: 15,
  resources: [{ resource: 'lions' }],
  available: true,
  ...changes,
})

const names = (list: unknown): unknown[] => (list as { name: string }[]).map(({ name }) => name)

describe('what others serve', () => {
  test('is told behind what is served here, the more important first', () => {
    const list = withExtensionGroups(apiGroupList(kinds), [
      extension('a.example.com', 'v1'),
      extension('z.example.com', 'v1', { groupPriority: 200 }),
      extension('z.example.com', 'v2', { groupPriority: 200, versionPriority: 20 }),
    ])
    expect(names(list['groups']).slice(-2)).toEqual(['z.example.com', 'a.example.com'])
    expect((list['groups'] as JsonObject[]).at(-2)).toEqual({
      name: 'z.example.com',
      versions: [
        { groupVersion: 'z.example.com/v2', version: 'v2' },
        { groupVersion: 'z.example.com/v1', version: 'v1' },
      ],
      preferredVersion: { groupVersion: 'z.example.com/v2', version: 'v2' },
    })
    expect(withExtensionGroups(apiGroupList(kinds), [])).toEqual(apiGroupList(kinds))
  })

  test('joins a group that is served here too, without taking its place', () => {
    const merged = withExtensionVersions(apiGroup(kinds, 'batch'), 'batch', [
      extension('batch', 'v1'),
      extension('batch', 'v7'),
    ])
    expect(merged).toMatchObject({
      versions: [{ version: 'v1' }, { version: 'v7' }],
      preferredVersion: { version: 'v1' },
    })
    expect(withExtensionVersions(null, 'none', [extension('batch', 'v7')])).toBeNull()
  })

  test('is told as stale while it does not answer, with what it last said', () => {
    const document = withExtensionDiscovery(aggregatedDiscovery(kinds, 'apis', 'v2'), [
      extension('up', 'v1'),
      extension('down', 'v1', { available: false }),
      extension('silent', 'v1', { resources: null }),
    ])
    const items = document['items'] as { metadata: { name: string }; versions: unknown[] }[]
    const versionsOf = (name: string) =>
      items.find(({ metadata }) => metadata.name === name)?.versions
    expect(versionsOf('up')).toMatchObject([{ freshness: 'Current', resources: [{}] }])
    expect(versionsOf('down')).toMatchObject([{ freshness: 'Stale', resources: [{}] }])
    expect(versionsOf('silent')).toEqual([{ version: 'v1', freshness: 'Stale', resources: [] }])
  })

  test('is understood from the older form, subresources below their resources', () => {
    const list = {
      groupVersion: 'zoo/v1',
      resources: [
        {
          name: 'lions',
          singularName: 'lion',
          namespaced: true,
          kind: 'Lion',
          verbs: ['get'],
          shortNames: ['li'],
        },
        { name: 'lions/scale', group: 'autoscaling', version: 'v1', kind: 'Scale', verbs: ['get'] },
        { name: 'cages', namespaced: false, kind: 'Cage', verbs: ['list', 7] },
        'nonsense',
      ],
    }
    expect(discoveredResources(list as unknown as JsonObject)).toEqual([
      {
        resource: 'lions',
        responseKind: { group: 'zoo', version: 'v1', kind: 'Lion' },
        scope: 'Namespaced',
        singularResource: 'lion',
        verbs: ['get'],
        shortNames: ['li'],
        subresources: [
          {
            subresource: 'scale',
            responseKind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
            verbs: ['get'],
          },
        ],
      },
      {
        resource: 'cages',
        responseKind: { group: 'zoo', version: 'v1', kind: 'Cage' },
        scope: 'Cluster',
        singularResource: '',
        verbs: ['list'],
      },
    ])
    expect(discoveredResources({})).toEqual([])
  })
})

describe('availability', () => {
  const reference = { namespace: 'a', name: 'zoo', port: 443 }
  const service: Service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'zoo', namespace: 'a' },
    spec: { ports: [{ name: 'https', port: 443 }] },
  }
  const slice = (ready: boolean, portName: string): EndpointSlice => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { namespace: 'a', labels: { 'kubernetes.io/service-name': 'zoo' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.0.0.7'], conditions: { ready } }],
    ports: [{ name: portName, port: 6443 }],
  })

  test.each<readonly [string, Service | undefined, readonly EndpointSlice[], string, string]>([
    ['no Service', undefined, [], 'ServiceNotFound', 'service/zoo in "a" is not present'],
    [
      'no such port',
      { ...service, spec: { ports: [{ port: 80 }] } },
      [],
      'ServicePortError',
      'service/zoo in "a" is not listening on port 443',
    ],
    [
      'no endpoints',
      service,
      [],
      'EndpointsNotFound',
      'cannot find endpointslices for service/zoo in "a"',
    ],
    [
      'none that is ready',
      service,
      [slice(false, 'https'), slice(true, 'other')],
      'MissingEndpoints',
      'endpoints for service/zoo in "a" have no addresses with port name "https"',
    ],
  ])('with %s it is said', (_, found, slices, reason, message) => {
    const verdict = backendProblem(reference, serviceBackends(found, slices, 443))
    expect(verdict).toEqual({ status: 'False', reason, message })
  })

  test('ready endpoints are taken, and other names outside', () => {
    const slices = [slice(true, 'https'), slice(false, 'https')]
    expect(serviceBackends(service, slices, 443)).toEqual({
      kind: 'ready',
      backends: [{ host: '10.0.0.7', port: 6443 }],
    })
    const outside = { ...service, spec: { type: 'ExternalName', externalName: 'zoo.example.com' } }
    expect(serviceBackends(outside, [], 444)).toEqual({
      kind: 'ready',
      backends: [{ host: 'zoo.example.com', port: 444 }],
    })
  })

  test('is written when it changes, with the time of its last change', () => {
    const bare = {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: {},
      spec: { groupPriorityMinimum: 1, versionPriority: 1 },
    } as APIService
    const down = withVerdict(bare, failedDiscovery('https://x', 'a'), 'then') as APIService
    expect(isAvailable(down)).toBe(false)
    expect(withVerdict(down, failedDiscovery('https://x', 'a'), 'now')).toBeNull()
    const still = withVerdict(down, failedDiscovery('https://x', 'b'), 'now') as APIService
    expect(still.status?.conditions).toMatchObject([{ lastTransitionTime: 'then' }])
    const up = withVerdict(still, passed, 'now') as APIService
    expect(up.status?.conditions).toMatchObject([{ lastTransitionTime: 'now', reason: 'Passed' }])
    expect(isAvailable(up)).toBe(true)
  })
})

describe('our own', () => {
  const created = localServiceSteps([], kinds).flatMap(step =>
    step.kind === 'create' ? [step.object] : [],
  )

  test('groups and versions are all told of, and are good', () => {
    expect(created.map(({ metadata }) => metadata.name)).toEqual(
      expect.arrayContaining(['v1.', 'v1.apps', 'v2.autoscaling']),
    )
    for (const service of created) expect(errorLines(service)).toEqual([])
    expect(localServiceSteps(created, kinds)).toEqual([])
  })

  test('are kept, while what users put there stays', () => {
    const [first] = created as [APIService]
    const changed = { ...first, spec: { ...first.spec, versionPriority: 77 } }
    const others = created.slice(1)
    const name = first.metadata.name ?? ''
    expect(localServiceSteps([changed, ...others], kinds)).toEqual([
      { kind: 'update', name, spec: first.spec },
    ])
    const [metrics] = created.filter(({ spec }) => spec.group === 'metrics.k8s.io') as [APIService]
    const taken = { ...metrics, spec: { ...metrics.spec, service: { namespace: 'a', name: 'b' } } }
    expect(localServiceSteps([...created.filter(one => one !== metrics), taken], kinds)).toEqual([])
    const theirs = { ...changed, metadata: { name } }
    expect(localServiceSteps([theirs, ...others], kinds)).toEqual([])
    const gone = { ...first, metadata: { ...first.metadata, name: 'v1.gone.example.com' } }
    expect(localServiceSteps([...created, gone], kinds)).toEqual([
      { kind: 'remove', name: 'v1.gone.example.com' },
    ])
  })

  test('cannot be had served elsewhere', () => {
    expect(isReserved(kinds, 'apps', 'v1')).toBe(true)
    expect(isReserved(kinds, 'apps', 'v9')).toBe(false)
    expect(findKind('apps', 'v1', 'deployments')).not.toBeNull()
  })
})

describe('an APIService', () => {
  const good = {
    metadata: { name: 'v1.zoo' },
    spec: {
      group: 'zoo',
      version: 'v1',
      groupPriorityMinimum: 100,
      versionPriority: 10,
      service: { namespace: 'a', name: 'b' },
    },
  }
  const made = (patch: JsonObject) => checked('APIService', good, patch)

  test('has the usual port', () => {
    expect(errorLines(made({}))).toEqual([])
    expect(made({})).toMatchObject({ spec: { service: { port: 443 } } })
  })

  test.each<readonly [string, JsonObject, readonly string[]]>([
    [
      'has another name',
      { metadata: { name: 'v2.zoo' } },
      ['metadata.name: Invalid value: "v2.zoo": must be `spec.version+"."+spec.group`: "v1.zoo"'],
    ],
    [
      'is too important',
      { spec: { groupPriorityMinimum: 20_001, versionPriority: 0 } },
      [
        'spec.groupPriorityMinimum: Invalid value: 20001: must be positive and less than 20000',
        'spec.versionPriority: Invalid value: 0: must be positive and less than 1000',
      ],
    ],
    [
      'trusts and does not',
      { spec: { caBundle: 'AAAA', insecureSkipTLSVerify: true } },
      ['spec.insecureSkipTLSVerify: Invalid value: true: may not be true if caBundle is present'],
    ],
    [
      'is local, with an authority',
      { spec: { service: null, caBundle: 'AAAA' } },
      ['spec.caBundle: Invalid value: "3 bytes": local APIServices may not have a caBundle'],
    ],
    [
      'is nowhere',
      { spec: { service: { name: '', namespace: '', port: 70_000 } } },
      [
        'spec.service.namespace: Required value',
        'spec.service.name: Required value',
        'spec.service.port: Invalid value: 70000: port is not valid: must be between 1 and 65535, inclusive',
      ],
    ],
  ])('that %s is refused', (_, patch, expected) => {
    expect(errorLines(made(patch))).toEqual(expected)
  })
})
