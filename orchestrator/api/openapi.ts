// The OpenAPI v3 document of a group and version, from the descriptions of its kinds. kubectl decides
// by it how to merge, whether the server checks fields, and what `explain` prints.
// Counterpart: /openapi/v3 of k8s.io/apiserver.

import { groupVersionsOf, subresourcesOf } from './discovery.js'
import type { GroupVersionKind, Kind } from './kind.js'
import { listSchema } from './list-schema.js'
import type { JsonObject } from './object.js'
import { Components } from './openapi/components.js'
import type { Descriptions } from './openapi/descriptions.js'
import { patchName, pathsOf, rootOf } from './openapi/operations.js'
import { deleteOptions, objectMeta, status } from './schema/meta.js'
import { wireTypes } from './wire-types.js'

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

/** The name of the component that objects of the kind are. What users define looks as they wrote it. */
function addKind(kind: Kind, components: Components): string {
  const { group, version, custom } = kind
  if (custom === undefined) return components.addStruct(kind.schema, [kind])
  components.addStruct(objectMeta)
  components.add(kind.schema.name, {
    ...custom.openApi,
    'x-kubernetes-group-version-kind': [{ group, version, kind: kind.kind }],
  })
  return kind.schema.name
}

/** The document of one group and version; of `kinds`, only those in it matter. */
export function openApiV3(
  group: string,
  version: string,
  kinds: readonly Kind[],
  descriptions: Descriptions = new Map(),
): JsonObject {
  const components = new Components(descriptions)
  const paths: { [path: string]: JsonObject } = {}
  components.add(patchName, { description: 'A patch, by its media type.', type: 'object' })
  components.addStruct(deleteOptions, [{ group, version, kind: 'DeleteOptions' }])
  components.addStruct(status, [{ group: '', version: 'v1', kind: 'Status' }])
  for (const kind of kinds) {
    if (kind.group !== group || kind.version !== version) continue
    const own = addKind(kind, components)
    const listKind = { group, version, kind: kind.listKind ?? `${kind.kind}List` }
    const list = kind.verbs.includes('list')
      ? components.addStruct(listSchema(kind.schema), [listKind])
      : own
    const kindPaths = pathsOf(kind, { own, list }, subresourcesOf(kind), subresource => {
      if (isSame(kind, subresource)) return own
      const wire =
        wireTypes.find(type => type.kind === subresource.kind) ??
        kinds.find(served => isSame(served, subresource))
      return wire === undefined ? own : components.addStruct(wire.schema, [wire])
    })
    Object.assign(paths, kindPaths)
  }
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'unversioned' },
    paths,
    components: { schemas: components.toJson() },
  }
}

const isSame = (one: GroupVersionKind, other: GroupVersionKind): boolean =>
  one.group === other.group && one.version === other.version && one.kind === other.kind
