// How what extension API servers serve is told together with what is served here. Counterpart:
// handler_apis.go and discovery/aggregated of kube-aggregator. Pure.

import { groupVersionText } from '../discovery.js'
import type { Json, JsonObject } from '../object.js'
import { isJsonObject } from '../record.js'

/** One group and version that somebody else serves. */
export interface ExtensionVersion {
  readonly group: string
  readonly version: string
  readonly groupPriority: number
  readonly versionPriority: number
  /** As in aggregated discovery, from when it last answered; null: it never has. */
  readonly resources: readonly JsonObject[] | null
  readonly available: boolean
}

/** The entries of an APIResourceList as those of aggregated discovery. What makes no sense is left out. */
export function discoveredResources(list: JsonObject): readonly JsonObject[] {
  const [group, version] = splitGroupVersion(textOf(list['groupVersion']))
  const entries = Array.isArray(list['resources']) ? list['resources'].filter(isJsonObject) : []
  const subresources = new Map<string, JsonObject[]>()
  for (const entry of entries) {
    const [parent = '', name] = textOf(entry['name']).split('/')
    if (name === undefined) continue
    const list = subresources.get(parent) ?? []
    list.push({
      subresource: name,
      responseKind: kindOf(entry, group, version),
      verbs: textsOf(entry['verbs']),
    })
    subresources.set(parent, list)
  }
  return entries
    .filter(entry => textOf(entry['name']) !== '' && !textOf(entry['name']).includes('/'))
    .map(entry => {
      const name = textOf(entry['name'])
      const below = subresources.get(name) ?? []
      return {
        resource: name,
        responseKind: kindOf(entry, group, version),
        scope: entry['namespaced'] === true ? 'Namespaced' : 'Cluster',
        singularResource: textOf(entry['singularName']),
        verbs: textsOf(entry['verbs']),
        ...some('shortNames', textsOf(entry['shortNames'])),
        ...some('categories', textsOf(entry['categories'])),
        ...some('subresources', below),
      }
    })
}

function kindOf(entry: JsonObject, group: string, version: string): JsonObject {
  const own = textOf(entry['version']) !== ''
  return {
    group: own ? textOf(entry['group']) : group,
    version: own ? textOf(entry['version']) : version,
    kind: textOf(entry['kind']),
  }
}

function some(name: string, list: readonly Json[]): JsonObject {
  return list.length === 0 ? {} : { [name]: list }
}

function splitGroupVersion(text: string): readonly [string, string] {
  const [first = '', second] = text.split('/')
  return second === undefined ? ['', first] : [first, second]
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : ''
}

function textsOf(value: Json | undefined): readonly string[] {
  return Array.isArray(value) ? value.filter(one => typeof one === 'string') : []
}

/** The more important groups first, and their more important versions. */
export function inOrder(extensions: readonly ExtensionVersion[]): readonly ExtensionVersion[] {
  return extensions.toSorted(
    (a, b) =>
      b.groupPriority - a.groupPriority ||
      (a.group < b.group ? -1 : a.group > b.group ? 1 : 0) ||
      b.versionPriority - a.versionPriority,
  )
}

/** The body of /apis/<group>, or an entry of /apis; `own` is what is served here of it. */
export function withExtensionVersions(
  own: JsonObject | null,
  group: string,
  extensions: readonly ExtensionVersion[],
): JsonObject | null {
  const more = inOrder(extensions)
    .filter(one => one.group === group)
    .map(({ version }) => ({ groupVersion: groupVersionText(group, version), version }))
  if (more.length === 0) return own
  const ours = own !== null && Array.isArray(own['versions']) ? own['versions'] : []
  const added = more.filter(
    one => !ours.some(other => isJsonObject(other) && other['version'] === one.version),
  )
  const versions = [...ours, ...added]
  return { ...own, name: group, versions, preferredVersion: versions[0] ?? null }
}

/** The body of /apis. */
export function withExtensionGroups(
  list: JsonObject,
  extensions: readonly ExtensionVersion[],
): JsonObject {
  if (extensions.length === 0) return list
  const groups = Array.isArray(list['groups']) ? list['groups'].filter(isJsonObject) : []
  const known = new Set(groups.map(group => group['name']))
  const names = new Set(inOrder(extensions).map(({ group }) => group))
  const added = [...names].filter(name => !known.has(name))
  return {
    ...list,
    groups: [
      ...groups.map(group => withExtensionVersions(group, textOf(group['name']), extensions)),
      ...added.map(name => withExtensionVersions(null, name, extensions)),
    ],
  }
}

/** The APIGroupDiscoveryList of /apis. What does not answer is told as it last was, as stale. */
export function withExtensionDiscovery(
  document: JsonObject,
  extensions: readonly ExtensionVersion[],
): JsonObject {
  if (extensions.length === 0) return document
  const own = Array.isArray(document['items']) ? document['items'].filter(isJsonObject) : []
  const items = new Map<string, JsonObject>(
    own.map(item => [isJsonObject(item['metadata']) ? textOf(item['metadata']['name']) : '', item]),
  )
  for (const { group, version, resources, available } of inOrder(extensions)) {
    const item = items.get(group) ?? { metadata: { name: group }, versions: [] }
    const versions = Array.isArray(item['versions']) ? item['versions'].filter(isJsonObject) : []
    const added = {
      version,
      resources: resources ?? [],
      freshness: available && resources !== null ? 'Current' : 'Stale',
    }
    const others = versions.filter(one => one['version'] !== version)
    items.set(group, { ...item, versions: [...others, added] })
  }
  return { ...document, items: [...items.values()] }
}
