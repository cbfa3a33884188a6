import { expect, test } from 'vitest'
import { kinds } from './kinds.js'
import { openApiGroupVersions, openApiV3 } from './openapi.js'

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Record<string, unknown>>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Record<string, unknown>>> }
}

const documents = openApiGroupVersions(kinds).map(
  ({ path, group, version }) =>
    [path, openApiV3(group, version, kinds) as unknown as Document] as const,
)

const apps = new Map(documents).get('apis/apps/v1')

test('every group and version has a document', () => {
  const paths = kinds.map(({ group, version }) =>
    group === '' ? `api/${version}` : `apis/${group}/${version}`,
  )
  expect(documents.map(([path]) => path)).toEqual([...new Set(paths)])
})

test.each(documents)('%s refers only to what it has', (_, document) => {
  const references = [
    ...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g),
  ]
  const unknown = references.filter(
    ([, name]) => !Object.hasOwn(document.components.schemas, name ?? ''),
  )
  expect(references.length).toBeGreaterThan(10)
  expect(unknown).toEqual([])
})

test('a patch tells clients its kind, its types and that the server checks fields', () => {
  const patch = apps?.paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}']?.['patch']
  expect(patch).toMatchObject({
    'x-kubernetes-action': 'patch',
    'x-kubernetes-group-version-kind': { group: 'apps', version: 'v1', kind: 'Deployment' },
  })
  expect(patch).toHaveProperty([
    'requestBody',
    'content',
    'application/strategic-merge-patch+json',
    'schema',
  ])
  const parameters = patch?.['parameters'] as { name: string; in: string }[]
  expect(parameters.find(p => p.name === 'fieldValidation')?.in).toBe('query')
})

test('kinds, merge keys and list types are marked', () => {
  const schemas = apps?.components.schemas ?? {}
  expect(schemas['io.k8s.api.apps.v1.Deployment']).toMatchObject({
    'x-kubernetes-group-version-kind': [{ group: 'apps', version: 'v1', kind: 'Deployment' }],
  })
  const spec = schemas['io.k8s.api.core.v1.PodSpec'] as { properties: Record<string, unknown> }
  expect(spec.properties['containers']).toMatchObject({
    type: 'array',
    items: { $ref: '#/components/schemas/io.k8s.api.core.v1.Container' },
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['name'],
    'x-kubernetes-patch-strategy': 'merge',
    'x-kubernetes-patch-merge-key': 'name',
  })
  expect(spec.properties['volumes']).toMatchObject({
    'x-kubernetes-patch-strategy': 'merge,retainKeys',
  })
})

test.each([
  ['io.k8s.api.apps.v1.DeploymentStrategy', 'type', ['Recreate', 'RollingUpdate']],
  ['io.k8s.api.core.v1.PodSpec', 'restartPolicy', ['Always', 'Never', 'OnFailure']],
  ['io.k8s.api.core.v1.ContainerPort', 'protocol', ['SCTP', 'TCP', 'UDP']],
])('%s says what %s may be', (struct, field, values) => {
  expect(apps?.components.schemas[struct]).toMatchObject({
    properties: { [field]: { enum: values } },
  })
})
