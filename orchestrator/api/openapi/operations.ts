// What can be done at the paths of a kind, as operations of OpenAPI v3. kubectl looks among them for
// parameters that the server knows and for the media types of patches; generators make clients of them.
// Counterpart: endpoints/installer.go of k8s.io/apiserver. The old paths below /watch are not there.

import { groupVersionText } from '../discovery.js'
import type { GroupVersionKind, Kind, Subresource, Verb } from '../kind.js'
import type { Json, JsonObject } from '../object.js'
import { hasWireForm } from '../protobuf/layout.js'
import { deleteOptions, status } from '../schema/meta.js'
import { reference } from './components.js'

const patchTypes = [
  'application/apply-patch+yaml',
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
] as const

/** Of kinds that users define: there is nothing to merge by. */
const customPatchTypes = patchTypes.filter(type => !type.includes('strategic'))

const objectTypes = [
  'application/json',
  'application/yaml',
  'application/vnd.kubernetes.protobuf',
] as const

const listTypes = [
  ...objectTypes,
  'application/json;stream=watch',
  'application/vnd.kubernetes.protobuf;stream=watch',
] as const

export const patchName = 'io.k8s.apimachinery.pkg.apis.meta.v1.Patch'

function query(
  name: string,
  type: 'string' | 'integer' | 'boolean',
  description: string,
): JsonObject {
  return { name, in: 'query', description, schema: { type, uniqueItems: true } }
}

const dryRun = query('dryRun', 'string', 'All: do everything but store the result.')

const writeParameters: readonly JsonObject[] = [
  dryRun,
  query('fieldManager', 'string', 'Who is making the change.'),
  query('fieldValidation', 'string', 'Ignore, Warn or Strict: what unknown fields lead to.'),
]

const patchParameters: readonly JsonObject[] = [
  ...writeParameters,
  query('force', 'boolean', 'Take fields over from other managers.'),
]

const deleteParameters: readonly JsonObject[] = [
  dryRun,
  query('gracePeriodSeconds', 'integer', 'How long the object has to end in order; 0: none.'),
  query('orphanDependents', 'boolean', 'Deprecated: use propagationPolicy.'),
  query(
    'propagationPolicy',
    'string',
    'Orphan, Background or Foreground: what becomes of dependents.',
  ),
]

const selectionParameters: readonly JsonObject[] = [
  query('continue', 'string', 'Where the previous page ended.'),
  query('fieldSelector', 'string', 'Select by fields.'),
  query('labelSelector', 'string', 'Select by labels.'),
  query('limit', 'integer', 'Objects in a page at most.'),
  query('resourceVersion', 'string', 'Where a watch begins, or how fresh a list must be.'),
  query('resourceVersionMatch', 'string', 'How resourceVersion binds a list.'),
  query('sendInitialEvents', 'boolean', 'Begin the watch with what there is.'),
  query('timeoutSeconds', 'integer', 'How long the call may last.'),
]

const listParameters: readonly JsonObject[] = [
  query('allowWatchBookmarks', 'boolean', 'Let the watch send bookmarks.'),
  ...selectionParameters,
  query('watch', 'boolean', 'Send changes as they happen.'),
]

function pathParameter(name: string, description: string): JsonObject {
  const schema = { type: 'string', uniqueItems: true }
  return { name, in: 'path', description, required: true, schema }
}

function content(types: readonly string[], name: string): JsonObject {
  return Object.fromEntries(types.map(type => [type, { schema: reference(name) }]))
}

interface OperationParts {
  readonly id: string
  /** "apps_v1" */
  readonly tag: string
  readonly action: string
  readonly type: GroupVersionKind
  readonly parameters?: readonly JsonObject[]
  readonly body?: JsonObject
  readonly result: string
  readonly resultTypes?: readonly string[]
  /** Beside 200. */
  readonly codes?: readonly (keyof typeof codeTexts)[]
}

const codeTexts = { '201': 'Created', '202': 'Accepted' } as const

function operation(parts: OperationParts): JsonObject {
  const { group, version, kind } = parts.type
  const answer = content(parts.resultTypes ?? objectTypes, parts.result)
  const responses: { [code: string]: JsonObject } = {
    '200': { description: 'OK', content: answer },
  }
  for (const code of parts.codes ?? []) {
    responses[code] = { description: codeTexts[code], content: answer }
  }
  responses['401'] = { description: 'Unauthorized' }
  return {
    tags: [parts.tag],
    operationId: parts.id,
    ...(parts.parameters === undefined ? {} : { parameters: parts.parameters }),
    ...(parts.body === undefined
      ? {}
      : { requestBody: { content: parts.body, required: !parts.action.startsWith('delete') } }),
    responses,
    'x-kubernetes-action': parts.action,
    'x-kubernetes-group-version-kind': { group, version, kind },
  }
}

/** "rbacAuthorization" of rbac.authorization.k8s.io, "core" of the core group. */
function groupName(group: string): string {
  if (group === '') return 'core'
  const [first = '', ...rest] = group.replace(/\.k8s\.io$/, '').split(/[.-]/)
  return first + rest.map(capital).join('')
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** Names operations as client generators expect it: readAppsV1NamespacedDeploymentStatus. */
class Names {
  readonly tag: string
  readonly #place: string
  readonly #kind: string

  constructor({ group, version, kind, namespaced }: Kind) {
    this.tag = `${groupName(group)}_${version}`
    this.#place = `${capital(groupName(group))}${capital(version)}`
    this.#kind = `${namespaced ? 'Namespaced' : ''}${kind}`
  }

  of(verb: string, subresource = ''): string {
    const collection = verb === 'deleteCollection' ? 'Collection' : ''
    const short = collection === '' ? verb : 'delete'
    return `${short}${this.#place}${collection}${this.#kind}${capital(subresource)}`
  }

  everywhere(kind: string): string {
    return `list${this.#place}${kind}ForAllNamespaces`
  }
}

interface Shapes {
  /** Names of components: of the object and of its list. */
  readonly own: string
  readonly list: string
}

function collectionItem(kind: Kind, { own, list }: Shapes): JsonObject {
  const names = new Names(kind)
  const parts = { type: kind, tag: names.tag, result: own }
  const offered = (verb: Verb, method: string, made: () => JsonObject): JsonObject =>
    kind.verbs.includes(verb) ? { [method]: made() } : {}
  return {
    ...offered('list', 'get', () => listOperation(kind, list, names.of('list'))),
    ...offered('create', 'post', () =>
      operation({
        ...parts,
        id: names.of('create'),
        action: 'post',
        parameters: writeParameters,
        body: content(objectTypes, own),
        codes: ['201', '202'],
      }),
    ),
    ...offered('deletecollection', 'delete', () =>
      operation({
        ...parts,
        id: names.of('deleteCollection'),
        action: 'deletecollection',
        parameters: [...selectionParameters, ...deleteParameters],
        body: content(objectTypes, deleteOptions.name),
        result: status.name,
      }),
    ),
    ...(kind.namespaced ? { parameters: [namespaceParameter] } : {}),
  }
}

function listOperation(kind: Kind, result: string, id: string): JsonObject {
  const { tag } = new Names(kind)
  return operation({
    type: kind,
    tag,
    id,
    action: 'list',
    parameters: listParameters,
    result,
    resultTypes: listTypes,
  })
}

const namespaceParameter = pathParameter('namespace', 'The namespace of the object.')

function itemParameters(kind: Kind): readonly JsonObject[] {
  const name = pathParameter('name', `The name of the ${kind.kind}.`)
  return [name, ...(kind.namespaced ? [namespaceParameter] : [])]
}

interface Target {
  readonly kind: Kind
  /** What the body is. */
  readonly type: GroupVersionKind
  readonly verbs: readonly Verb[]
  /** Name of the component of bodies and answers. */
  readonly shape: string
  /** '' for the object itself. */
  readonly subresource: string
}

function itemPath({ kind, type, verbs, shape, subresource }: Target): JsonObject {
  const names = new Names(kind)
  const parts = { type, tag: names.tag, result: shape }
  const body = content(objectTypes, shape)
  const path: { [method: string]: Json } = {}
  for (const verb of verbs) {
    const id = (word: string) => names.of(word, subresource)
    if (verb === 'get') path['get'] = operation({ ...parts, id: id('read'), action: 'get' })
    if (verb === 'update') {
      path['put'] = operation({
        ...parts,
        id: id('replace'),
        action: 'put',
        parameters: writeParameters,
        body,
        codes: ['201'],
      })
    }
    if (verb === 'patch') {
      const types = hasWireForm(kind.schema) ? patchTypes : customPatchTypes
      path['patch'] = operation({
        ...parts,
        id: id('patch'),
        action: 'patch',
        parameters: patchParameters,
        body: content(types, patchName),
        codes: ['201'],
      })
    }
    if (verb === 'delete') {
      path['delete'] = operation({
        ...parts,
        id: id('delete'),
        action: 'delete',
        parameters: deleteParameters,
        body: content(objectTypes, deleteOptions.name),
        result: status.name,
        codes: ['202'],
      })
    }
    if (verb === 'create' && subresource !== '') {
      path['post'] = operation({
        ...parts,
        id: id('create'),
        action: 'post',
        parameters: writeParameters,
        body,
        codes: ['201', '202'],
      })
    }
  }
  path['parameters'] = itemParameters(kind)
  return path
}

/** "api/v1", "apis/apps/v1": also the names of the documents below /openapi/v3. */
export function rootOf(group: string, version: string): string {
  return `${group === '' ? 'api' : 'apis'}/${groupVersionText(group, version)}`
}

/** All paths of a kind. `shapeOf` names the component of a subresource. */
export function pathsOf(
  kind: Kind,
  shapes: Shapes,
  subresources: readonly Subresource[],
  shapeOf: (subresource: Subresource) => string,
): { readonly [path: string]: JsonObject } {
  const root = `/${rootOf(kind.group, kind.version)}`
  const collection = kind.namespaced
    ? `${root}/namespaces/{namespace}/${kind.plural}`
    : `${root}/${kind.plural}`
  const paths: { [path: string]: JsonObject } = {
    [collection]: collectionItem(kind, shapes),
  }
  const { verbs } = kind
  if (
    verbs.some(verb => verb === 'get' || verb === 'update' || verb === 'patch' || verb === 'delete')
  ) {
    const whole = { kind, type: kind, verbs, shape: shapes.own, subresource: '' }
    paths[`${collection}/{name}`] = itemPath(whole)
  }
  for (const subresource of subresources) {
    paths[`${collection}/{name}/${subresource.name}`] = itemPath({
      kind,
      type: subresource,
      verbs: subresource.verbs,
      shape: shapeOf(subresource),
      subresource: subresource.name,
    })
  }
  if (kind.namespaced && verbs.includes('list')) {
    const id = new Names(kind).everywhere(kind.kind)
    paths[`${root}/${kind.plural}`] = { get: listOperation(kind, shapes.list, id) }
  }
  return paths
}
