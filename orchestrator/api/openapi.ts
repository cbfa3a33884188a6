// The OpenAPI v3 document of a group and version, from the descriptions of its kinds. kubectl decides
// by it how to merge, whether the server checks fields, and what `explain` prints.
// Counterpart: /openapi/v3 of k8s.io/apiserver.

import { groupVersionsOf, subresourcesOf } from './discovery.js'
import type { GroupVersionKind, Kind, Subresource } from './kind.js'
import type { Json, JsonObject } from './object.js'
import { Components, reference } from './openapi/components.js'
import { deleteOptions, listMeta, status } from './schema/meta.js'
import { wireTypes } from './wire-types.js'

const patchTypes = [
  'application/apply-patch+yaml',
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
] as const

const bodyTypes = ['application/json', 'application/yaml'] as const

const patchName = 'io.k8s.apimachinery.pkg.apis.meta.v1.Patch'

/** Paths below /openapi/v3: "api/v1", "apis/apps/v1". */
export function openApiGroupVersions(
  kinds: readonly Kind[],
): readonly { readonly path: string; readonly group: string; readonly version: string }[] {
  return groupVersionsOf(kinds).map(({ group, version }) => ({
    path: rootOf(group, version),
    group,
    version,
  }))
}

function rootOf(group: string, version: string): string {
  return group === '' ? `api/${version}` : `apis/${group}/${version}`
}

function query(
  name: string,
  type: 'string' | 'integer' | 'boolean',
  description: string,
): JsonObject {
  return { name, in: 'query', description, schema: { type, uniqueItems: true } }
}

const writeParameters: readonly JsonObject[] = [
  query('dryRun', 'string', 'All: do everything but store the result.'),
  query('fieldManager', 'string', 'Who is making the change.'),
  query('fieldValidation', 'string', 'Ignore, Warn or Strict: what unknown fields lead to.'),
]

const listParameters: readonly JsonObject[] = [
  query('allowWatchBookmarks', 'boolean', 'Let the watch send bookmarks.'),
  query('continue', 'string', 'Where the previous page ended.'),
  query('fieldSelector', 'string', 'Select by fields.'),
  query('labelSelector', 'string', 'Select by labels.'),
  query('limit', 'integer', 'Objects in a page at most.'),
  query('resourceVersion', 'string', 'Where a watch begins, or how fresh a list must be.'),
  query('resourceVersionMatch', 'string', 'How resourceVersion binds a list.'),
  query('sendInitialEvents', 'boolean', 'Begin the watch with what there is.'),
  query('timeoutSeconds', 'integer', 'How long the call may last.'),
  query('watch', 'boolean', 'Send changes as they happen.'),
]

function pathParameter(name: string): JsonObject {
  return { name, in: 'path', required: true, schema: { type: 'string', uniqueItems: true } }
}

function content(types: readonly string[], name: string): JsonObject {
  return Object.fromEntries(types.map(type => [type, { schema: reference(name) }]))
}

interface OperationParts {
  readonly action: string
  readonly type: GroupVersionKind
  readonly parameters: readonly JsonObject[]
  readonly body: JsonObject | null
  readonly result: string
}

function operation({ action, type, parameters, body, result }: OperationParts): JsonObject {
  const { group, version, kind } = type
  return {
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === null ? {} : { requestBody: { content: body, required: action !== 'delete' } }),
    responses: { '200': { description: 'OK', content: content(bodyTypes, result) } },
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': { group, version, kind },
  }
}

function listName(kind: Kind): string {
  return `${kind.schema.name}List`
}

function collectionPath(kind: Kind): JsonObject {
  const own = kind.schema.name
  const parts = { type: kind, body: null }
  const { verbs } = kind
  return {
    ...(verbs.includes('list')
      ? {
          get: operation({
            ...parts,
            action: 'list',
            parameters: listParameters,
            result: listName(kind),
          }),
        }
      : {}),
    ...(verbs.includes('create')
      ? {
          post: operation({
            ...parts,
            action: 'post',
            parameters: writeParameters,
            body: content(bodyTypes, own),
            result: own,
          }),
        }
      : {}),
    ...(verbs.includes('deletecollection')
      ? {
          delete: operation({
            ...parts,
            action: 'deletecollection',
            parameters: listParameters,
            body: content(bodyTypes, deleteOptions.name),
            result: status.name,
          }),
        }
      : {}),
    ...(kind.namespaced ? { parameters: [pathParameter('namespace')] } : {}),
  }
}

function patchOperation(type: GroupVersionKind, result: string): JsonObject {
  const force = query('force', 'boolean', 'Take fields over from other managers.')
  return operation({
    action: 'patch',
    type,
    parameters: [...writeParameters, force],
    body: content(patchTypes, patchName),
    result,
  })
}

function itemParameters(kind: Kind): readonly JsonObject[] {
  return [pathParameter('name'), ...(kind.namespaced ? [pathParameter('namespace')] : [])]
}

function itemPath(kind: Kind): JsonObject {
  const own = kind.schema.name
  const parts = { type: kind, parameters: [], body: null, result: own }
  return {
    get: operation({ ...parts, action: 'get' }),
    put: operation({
      ...parts,
      action: 'put',
      parameters: writeParameters,
      body: content(bodyTypes, own),
    }),
    patch: patchOperation(kind, own),
    delete: operation({
      ...parts,
      action: 'delete',
      body: content(bodyTypes, deleteOptions.name),
      result: status.name,
    }),
    parameters: itemParameters(kind),
  }
}

function subresourcePath(kind: Kind, subresource: Subresource, shape: string): JsonObject {
  const parts = { type: subresource, parameters: [], body: null, result: shape }
  const body = content(bodyTypes, shape)
  const path: { [method: string]: Json } = { parameters: itemParameters(kind) }
  for (const verb of subresource.verbs) {
    if (verb === 'get') path['get'] = operation({ ...parts, action: 'get' })
    if (verb === 'patch') path['patch'] = patchOperation(subresource, shape)
    if (verb === 'update') {
      path['put'] = operation({ ...parts, action: 'put', parameters: writeParameters, body })
    }
    if (verb === 'create') {
      path['post'] = operation({ ...parts, action: 'post', parameters: writeParameters, body })
    }
  }
  return path
}

function addList(kind: Kind, components: Components): void {
  const { group, version } = kind
  components.add(listName(kind), {
    description: `A list of ${kind.kind} objects.`,
    type: 'object',
    required: ['items'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: reference(components.addStruct(listMeta)),
      items: { type: 'array', items: reference(kind.schema.name) },
    },
    'x-kubernetes-group-version-kind': [{ group, version, kind: `${kind.kind}List` }],
  })
}

/** The document of one group and version; of `kinds`, only those in it matter. */
export function openApiV3(group: string, version: string, kinds: readonly Kind[]): JsonObject {
  const components = new Components()
  const paths: { [path: string]: JsonObject } = {}
  const root = `/${rootOf(group, version)}`
  components.add(patchName, { description: 'A patch, by its media type.', type: 'object' })
  components.addStruct(deleteOptions, [{ group, version, kind: 'DeleteOptions' }])
  components.addStruct(status, [{ group: '', version: 'v1', kind: 'Status' }])
  for (const kind of kinds) {
    if (kind.group !== group || kind.version !== version) continue
    components.addStruct(kind.schema, [kind])
    addList(kind, components)
    const collection = kind.namespaced
      ? `${root}/namespaces/{namespace}/${kind.plural}`
      : `${root}/${kind.plural}`
    paths[collection] = collectionPath(kind)
    paths[`${collection}/{name}`] = itemPath(kind)
    for (const subresource of subresourcesOf(kind)) {
      const wire = wireTypes.find(t => t.kind === subresource.kind)
      const shape = wire === undefined ? kind.schema : wire.schema
      components.addStruct(shape, [wire ?? kind])
      const path = `${collection}/{name}/${subresource.name}`
      paths[path] = subresourcePath(kind, subresource, shape.name)
    }
    if (kind.namespaced && kind.verbs.includes('list')) {
      const { parameters: _, post: _post, delete: _delete, ...everywhere } = collectionPath(kind)
      paths[`${root}/${kind.plural}`] = everywhere
    }
  }
  return {
    openapi: '3.0.0',
    info: { title: 'Raftsman', version: 'unversioned' },
    paths,
    components: { schemas: components.toJson() },
  }
}
