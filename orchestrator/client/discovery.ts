// Which kinds a server has, asked in two requests. Counterpart: client-go's discovery client with
// aggregated discovery. Of a group's versions the first, which the server prefers, is taken.

import type { Resource } from './resources.js'
import type { ApiClient } from './rest-client.js'

export interface DiscoveredResource extends Resource {
  readonly verbs: readonly string[]
}

interface GroupDiscoveryList {
  readonly items?: readonly {
    readonly metadata?: { readonly name?: string }
    readonly versions?: readonly {
      readonly version: string
      readonly freshness?: string
      readonly resources?: readonly {
        readonly resource: string
        readonly responseKind?: { readonly kind?: string }
        readonly scope: string
        readonly verbs?: readonly string[]
      }[]
    }[]
  }[]
}

const accept =
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json'

export async function discover(client: ApiClient): Promise<readonly DiscoveredResource[]> {
  const [core, named] = await Promise.all([
    client.getJson<GroupDiscoveryList>('/api', { accept }),
    client.getJson<GroupDiscoveryList>('/apis', { accept }),
  ])
  const found = [...resourcesOf(core), ...resourcesOf(named)]
  // Acting on a list without pods would be worse than not acting.
  if (!found.some(one => one.group === '' && one.plural === 'pods')) {
    throw new Error('the server does not answer aggregated discovery')
  }
  return found
}

function resourcesOf(list: GroupDiscoveryList): readonly DiscoveredResource[] {
  const found: DiscoveredResource[] = []
  for (const group of list.items ?? []) {
    const taken = new Set<string>()
    for (const { version, resources = [] } of group.versions ?? []) {
      for (const { resource, responseKind, scope, verbs = [] } of resources) {
        if (taken.has(resource)) continue
        taken.add(resource)
        found.push({
          group: group.metadata?.name ?? '',
          version,
          kind: responseKind?.kind ?? '',
          plural: resource,
          namespaced: scope === 'Namespaced',
          verbs,
        })
      }
    }
  }
  return found
}
