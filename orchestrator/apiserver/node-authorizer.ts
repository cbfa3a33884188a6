// What a node may do: the rules of its role, and of Secrets, ConfigMaps, claims, volumes and tokens
// only those that a pod bound to it refers to. Counterpart: plugin/pkg/auth/authorizer/node. Which
// pods of a node refer to what is kept as counts, so a question is one look-up.

import type { Attributes, ResourceAttributes } from '../api/rbac/attributes.js'
import type { Verdict } from '../api/rbac/policy-index.js'
import { nodeNetworkRules, nodeRules, proxierRules } from '../api/rbac/component-roles.js'
import { ruleAllows } from '../api/rbac/rule.js'
import type { PolicyRule } from '../api/types/rbac.js'
import { isLocalVolume, nodeLabel } from '../api/local-volume.js'
import type { User } from './authentication.js'
import { CacheFollower } from './cache-follower.js'
import { resourceId } from './keys.js'
import { textAt } from './object-fields.js'
import type { ObjectReader } from './object-reader.js'
import { podReferences } from '../api/pod-references.js'
import type { RegistryCache } from './registry-cache.js'
import type { StoredObject } from './stored-object.js'

/** The node that a user is, or null: system:node:<name> in group system:nodes. */
export function nodeOf(user: User): string | null {
  if (!user.groups.includes('system:nodes') || !user.name.startsWith('system:node:')) return null
  const name = user.name.slice('system:node:'.length)
  return name === '' ? null : name
}

const allowed: Verdict = { allowed: true, reason: '' }

/** Answered by the graph or with a condition; the others by the rules of the role. */
const graphResources = new Set([
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'persistentvolumes',
  'serviceaccounts',
])

const reading = new Set(['get', 'list', 'watch'])

interface BoundPod {
  readonly node: string
  readonly references: readonly string[]
}

export class NodeAuthorizer {
  readonly #reader: Pick<ObjectReader, 'cachedAt'>
  readonly #pods: CacheFollower
  readonly #bound = new Map<string, BoundPod>()
  /** By node: how many of its pods refer to "<namespace>/<resource>/<name>". */
  readonly #counts = new Map<string, Map<string, number>>()

  constructor(reader: Pick<ObjectReader, 'cachedAt'>, cache: Pick<RegistryCache, 'resource'>) {
    this.#reader = reader
    this.#pods = new CacheFollower(cache, resourceId('', 'pods'), {
      clear: () => {
        this.#bound.clear()
        this.#counts.clear()
      },
      put: stored => this.#put(stored),
      remove: key => this.#remove(key),
    })
  }

  verdict(user: User, asked: Attributes): Verdict {
    const node = nodeOf(user)
    if (node === null) return refused('')
    if (asked.kind === 'resource') {
      if (asked.group === '' && graphResources.has(asked.resource)) {
        return this.#byGraph(node, asked)
      }
      if (asked.group === 'coordination.k8s.io' && asked.resource === 'leases') {
        return leaseVerdict(node, asked)
      }
    }
    return rulesOfNodes.some(rule => ruleAllows(rule, asked)) ? allowed : refused('')
  }

  #byGraph(node: string, asked: ResourceAttributes): Verdict {
    const { resource, subresource, verb, name, namespace } = asked
    if (resource === 'persistentvolumes' && this.#isOwnVolume(node, asked)) return allowed
    switch (resource) {
      case 'serviceaccounts':
        if (verb !== 'create' || subresource !== 'token') {
          return refused('can only create tokens for individual service accounts')
        }
        break
      case 'persistentvolumeclaims':
        if (subresource === 'status') {
          if (verb !== 'get' && verb !== 'update' && verb !== 'patch') {
            return refused('can only get/update/patch this type')
          }
          break
        }
        if (verb !== 'get') return refused('can only read resources of this type')
        break
      default: {
        const single = resource === 'persistentvolumes' ? verb === 'get' : reading.has(verb)
        if (!single) return refused('can only read resources of this type')
      }
    }
    if (name === '') return refused('No Object name found')
    const subresourceKnown = resource === 'serviceaccounts' || subresource === 'status'
    if (subresource !== '' && !subresourceKnown) return refused('cannot read subresource')
    const related =
      resource === 'persistentvolumes'
        ? this.#usesVolume(node, name)
        : this.#refersTo(node, `${namespace}/${resource}/${name}`)
    return related
      ? allowed
      : refused(`no relationship found between node '${node}' and this object`)
  }

  /**
   * Volumes that are directories of the node are its own to look for, and to let go once nobody has
   * them; what of one it may change is admission's to say.
   */
  #isOwnVolume(
    node: string,
    { verb, subresource, name, labelSelector }: ResourceAttributes,
  ): boolean {
    if (subresource !== '') return false
    if (verb === 'list' || verb === 'watch') return labelSelector === `${nodeLabel}=${node}`
    if (verb !== 'get' && verb !== 'update' && verb !== 'delete') return false
    const volume = this.#reader.cachedAt('', 'persistentvolumes', '', name)?.object
    if (volume === undefined || !isLocalVolume(volume)) return false
    if (volume.metadata.labels?.[nodeLabel] !== node) return false
    return verb === 'get' || textAt(volume, 'status.phase') !== 'Bound'
  }

  #usesVolume(node: string, name: string): boolean {
    const volume = this.#reader.cachedAt('', 'persistentvolumes', '', name)?.object
    if (volume === undefined) return false
    const namespace = textAt(volume, 'spec.claimRef.namespace')
    const claim = textAt(volume, 'spec.claimRef.name')
    return this.#refersTo(node, `${namespace}/persistentvolumeclaims/${claim}`)
  }

  #refersTo(node: string, reference: string): boolean {
    this.#pods.catchUp()
    return this.#counts.get(node)?.has(reference) === true
  }

  #put(stored: StoredObject): void {
    this.#remove(stored.key)
    const pod = stored.object
    const node = textAt(pod, 'spec.nodeName')
    if (node === '') return
    const namespace = pod.metadata.namespace ?? ''
    const references = [...podReferences(pod)].map(reference => `${namespace}/${reference}`)
    this.#bound.set(stored.key, { node, references })
    let counts = this.#counts.get(node)
    if (counts === undefined) {
      counts = new Map()
      this.#counts.set(node, counts)
    }
    for (const reference of references) counts.set(reference, (counts.get(reference) ?? 0) + 1)
  }

  #remove(key: string): void {
    const bound = this.#bound.get(key)
    if (bound === undefined) return
    this.#bound.delete(key)
    const counts = this.#counts.get(bound.node)
    if (counts === undefined) return
    for (const reference of bound.references) {
      const count = (counts.get(reference) ?? 0) - 1
      if (count > 0) counts.set(reference, count)
      else counts.delete(reference)
    }
    if (counts.size === 0) this.#counts.delete(bound.node)
  }
}

/** Our node process is a kubelet, a proxy and what else the network of pods needs, in one. */
export const rulesOfNodes: readonly PolicyRule[] = [
  ...nodeRules,
  ...proxierRules,
  ...nodeNetworkRules,
]

const leaseVerbs = new Set(['get', 'create', 'update', 'patch', 'delete'])

/** Its own heartbeat, in the namespace of heartbeats. */
function leaseVerdict(node: string, asked: ResourceAttributes): Verdict {
  if (!leaseVerbs.has(asked.verb)) {
    return refused('can only get, create, update, patch, or delete a node lease')
  }
  if (asked.namespace !== 'kube-node-lease') {
    return refused('can only access leases in the "kube-node-lease" system namespace')
  }
  // The name of what is created stands in the body; admission looks there.
  if (asked.verb !== 'create' && asked.name !== node) {
    return refused('can only access node lease with the same name as the requesting node')
  }
  return allowed
}

function refused(reason: string): Verdict {
  return { allowed: false, reason }
}
