// What a cloud knows of a node's machine, brought to the node; and what becomes of nodes whose machine is gone or
// switched off. Pure. Counterpart: controllers/node and controllers/nodelifecycle of k8s.io/cloud-provider.

import type { Json, JsonObject } from '../../api/object.js'
import type { Node } from '../../api/types/core-node.js'
import type { Taint } from '../../api/types/core-scheduling.js'
import type { Instance } from '../provider.js'

/** On a node that registered itself and that no cloud controller has looked at yet: no pods until then. */
export const uninitializedTaint = 'node.cloudprovider.kubernetes.io/uninitialized'
export const shutdownTaint = 'node.cloudprovider.kubernetes.io/shutdown'

export interface NodePatches {
  /** Of the node itself; null for nothing. */
  readonly node: JsonObject | null
  /** Of its status. */
  readonly status: JsonObject | null
}

export const isUninitialized = ({ spec }: Node): boolean =>
  (spec?.taints ?? []).some(({ key }) => key === uninitializedTaint)

/** What differs between the node and its machine. */
export function planNode(node: Node, instance: Instance): NodePatches {
  const { metadata, spec = {}, status = {} } = node
  const labels = Object.entries(labelsOf(instance)).filter(
    ([key, value]) => metadata.labels?.[key] !== value,
  )
  const providerId = (spec.providerID ?? '') === '' ? instance.providerId : null
  const initialized = isUninitialized(node) ? withoutTaint(spec.taints, uninitializedTaint) : null
  const specPatch: JsonObject = {
    ...(providerId === null ? {} : { providerID: providerId }),
    ...(initialized === null ? {} : { taints: asJson(initialized) }),
  }
  const changes: JsonObject = {
    ...(labels.length === 0 ? {} : { metadata: { labels: Object.fromEntries(labels) } }),
    ...(Object.keys(specPatch).length === 0 ? {} : { spec: specPatch }),
  }
  const sameAddresses =
    instance.addresses.length === 0 ||
    JSON.stringify(keyed(status.addresses ?? [])) === JSON.stringify(keyed(instance.addresses))
  return {
    node: Object.keys(changes).length === 0 ? null : changes,
    status: sameAddresses ? null : { addresses: asJson(instance.addresses) },
  }
}

function labelsOf({ zone, region, instanceType }: Instance): Readonly<Record<string, string>> {
  return {
    ...(zone === ''
      ? {}
      : both('topology.kubernetes.io/zone', 'failure-domain.beta.kubernetes.io/zone', zone)),
    ...(region === ''
      ? {}
      : both('topology.kubernetes.io/region', 'failure-domain.beta.kubernetes.io/region', region)),
    ...(instanceType === ''
      ? {}
      : both('node.kubernetes.io/instance-type', 'beta.kubernetes.io/instance-type', instanceType)),
  }
}

/** Today's name and the one before, which some still select by. */
const both = (name: string, former: string, value: string) => ({ [name]: value, [former]: value })

export type LifePlan =
  | { readonly kind: 'none' }
  | { readonly kind: 'delete' }
  | { readonly kind: 'taints'; readonly taints: readonly Taint[] }

/** For a node that does not answer; `instance` null: its machine is gone. `now`: RFC 3339. */
export function planSilentNode(node: Node, instance: Instance | null, now: string): LifePlan {
  if (instance === null) return { kind: 'delete' }
  return instance.shutdown ? withShutdown(node, now) : withoutShutdown(node)
}

/** For one that answers. */
export function withoutShutdown({ spec }: Node): LifePlan {
  const taints = withoutTaint(spec?.taints, shutdownTaint)
  if (taints.length === (spec?.taints ?? []).length) return { kind: 'none' }
  return { kind: 'taints', taints }
}

function withShutdown({ spec }: Node, now: string): LifePlan {
  const taints = spec?.taints ?? []
  if (taints.some(({ key }) => key === shutdownTaint)) return { kind: 'none' }
  return {
    kind: 'taints',
    taints: [...taints, { key: shutdownTaint, effect: 'NoSchedule', timeAdded: now }],
  }
}

export const isReady = ({ status }: Node): boolean =>
  (status?.conditions ?? []).some(({ type, status: value }) => type === 'Ready' && value === 'True')

const withoutTaint = (taints: readonly Taint[] = [], key: string): readonly Taint[] =>
  taints.filter(taint => taint.key !== key)

const keyed = (addresses: readonly { readonly type: string; readonly address: string }[]) =>
  addresses.map(({ type, address }) => `${type} ${address}`).sort()

export const asJson = (value: unknown): Json => JSON.parse(JSON.stringify(value)) as Json
