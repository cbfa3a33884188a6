// What the server has, as clients ask for it: the aggregated documents of newer clients and the lists
// of older ones. Counterpart: pkg/endpoints/discovery of k8s.io/apiserver.

import type { Kind, Subresource, Verb } from './kind.js'
import type { Json, JsonObject } from './object.js'
import { storedKind } from './stored-version.js'

const writeVerbs: readonly Verb[] = ['get', 'patch', 'update']

/** All that lies below an object, those included that follow from the kind's description. */
export function subresourcesOf(kind: Kind): readonly Subresource[] {
  const { group, version } = kind
  const status = { name: 'status', group, version, kind: kind.kind, verbs: writeVerbs }
  const scale = {
    name: 'scale',
    group: 'autoscaling',
    version: 'v1',
    kind: 'Scale',
    verbs: writeVerbs,
  }
  return [
    ...(kind.subresources ?? []),
    ...(kind.scale === null ? [] : [scale]),
    ...(kind.hasStatus ? [status] : []),
  ].toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

interface GroupVersion {
  readonly group: string
  readonly version: string
  readonly kinds: readonly Kind[]
}

/** "v1", "apps/v1". */
export function groupVersionText(group: string, version: string): string {
  return group === '' ? version : `${group}/${version}`
}

/** Groups and versions in the order in which `kinds` first names them. */
export function groupVersionsOf(kinds: readonly Kind[]): readonly GroupVersion[] {
  const found = new Map<string, { group: string; version: string; kinds: Kind[] }>()
  for (const kind of kinds) {
    const key = groupVersionText(kind.group, kind.version)
    const entry = found.get(key) ?? { group: kind.group, version: kind.version, kinds: [] }
    entry.kinds.push(kind)
    found.set(key, entry)
  }
  return [...found.values()]
}

/** The body of /api. `serverAddress` is host and port, as clients reach it. */
export function apiVersions(serverAddress: string): JsonObject {
  return {
    kind: 'APIVersions',
    versions: ['v1'],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
  }
}

function groupDocument(kinds: readonly Kind[], group: string): JsonObject | null {
  const versions = groupVersionsOf(kinds)
    .filter(entry => entry.group === group)
    .map(({ version }) => ({ groupVersion: groupVersionText(group, version), version }))
  const preferredVersion = versions[0]
  return preferredVersion === undefined ? null : { name: group, versions, preferredVersion }
}

/** The body of /apis: every group but the core one. */
export function apiGroupList(kinds: readonly Kind[]): JsonObject {
  const names = new Set(kinds.map(kind => kind.group).filter(group => group !== ''))
  const groups = [...names].map(group => groupDocument(kinds, group)).filter(g => g !== null)
  return { kind: 'APIGroupList', apiVersion: 'v1', groups }
}

/** The body of /apis/<group>; null when no kind is in it. */
export function apiGroup(kinds: readonly Kind[], group: string): JsonObject | null {
  const document = group === '' ? null : groupDocument(kinds, group)
  return document === null ? null : { kind: 'APIGroup', apiVersion: 'v1', ...document }
}

/** What tells clients that objects are kept in another form than before. */
function storageVersionHash(kind: Kind, digest: (text: string) => string): string {
  const stored = storedKind(kind)
  return digest(`${stored.group}/${stored.version}/${stored.kind}`)
}

function resourceEntries(kind: Kind, digest: (text: string) => string): readonly JsonObject[] {
  const subresources = subresourcesOf(kind).map(subresource => ({
    name: `${kind.plural}/${subresource.name}`,
    singularName: '',
    namespaced: kind.namespaced,
    // Said only where it differs: `drain` looks for it on pods/eviction.
    ...(subresource.group === kind.group && subresource.version === kind.version
      ? {}
      : { group: subresource.group, version: subresource.version }),
    kind: subresource.kind,
    verbs: subresource.verbs,
  }))
  return [
    {
      name: kind.plural,
      singularName: kind.singular,
      namespaced: kind.namespaced,
      kind: kind.kind,
      verbs: kind.verbs,
      ...namesAndCategories(kind),
      storageVersionHash: storageVersionHash(kind, digest),
    },
    ...subresources,
  ]
}

function namesAndCategories({ shortNames, categories }: Kind): JsonObject {
  return {
    ...(shortNames.length === 0 ? {} : { shortNames }),
    ...(categories.length === 0 ? {} : { categories }),
  }
}

/**
 * The body of /api/v1 or /apis/<group>/<version>; null when no kind is in it. `digest` answers the
 * first eight bytes of a SHA-256 in base64.
 */
export function apiResourceList(
  kinds: readonly Kind[],
  group: string,
  version: string,
  digest: (text: string) => string,
): JsonObject | null {
  const members = kinds.filter(kind => kind.group === group && kind.version === version)
  if (members.length === 0) return null
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: groupVersionText(group, version),
    resources: members.flatMap(kind => resourceEntries(kind, digest)),
  }
}

function discoveredResource(kind: Kind): JsonObject {
  const { group, version } = kind
  const subresources: readonly Json[] = subresourcesOf(kind).map(subresource => ({
    subresource: subresource.name,
    responseKind: {
      group: subresource.group,
      version: subresource.version,
      kind: subresource.kind,
    },
    verbs: subresource.verbs,
  }))
  return {
    resource: kind.plural,
    responseKind: { group, version, kind: kind.kind },
    scope: kind.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: kind.singular,
    verbs: kind.verbs,
    ...namesAndCategories(kind),
    ...(subresources.length === 0 ? {} : { subresources }),
  }
}

/** The media type of the aggregated document of a version. */
export function aggregatedMediaType(version: 'v2' | 'v2beta1'): string {
  return `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`
}

/** The APIGroupDiscoveryList of /api (the core group) or of /apis (all others). */
export function aggregatedDiscovery(
  kinds: readonly Kind[],
  root: 'api' | 'apis',
  version: 'v2' | 'v2beta1',
): JsonObject {
  const groups = new Map<string, Json[]>()
  for (const entry of groupVersionsOf(kinds)) {
    if ((entry.group === '') !== (root === 'api')) continue
    const versions = groups.get(entry.group) ?? []
    versions.push({
      version: entry.version,
      resources: entry.kinds.map(discoveredResource),
      freshness: 'Current',
    })
    groups.set(entry.group, versions)
  }
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: [...groups].map(([group, versions]) => ({
      metadata: group === '' ? {} : { name: group },
      versions,
    })),
  }
}
