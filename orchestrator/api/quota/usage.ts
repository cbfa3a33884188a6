// What one object uses of what quotas count. Counterpart: the evaluators of pkg/quota/v1. Left out:
// pods whose grace period has run out stay counted until they are gone.

import type { Kind } from '../kind.js'
import type { KubeObject } from '../object.js'
import { podLimits, podRequests } from '../pod-resources.js'
import type { ResourceTotals } from '../pod-resources.js'
import type { Quantity } from '../quantity.js'
import { parseQuantity } from '../quantity.js'
import type { PersistentVolumeClaim } from '../types/core-persistent-volume.js'
import type { Pod } from '../types/core-pod.js'
import type { Service } from '../types/core-service.js'

const whole = (count: number): Quantity => ({
  nanos: BigInt(count) * 1_000_000_000n,
  format: 'DecimalSI',
})

/** Kinds whose number had a name of its own before `count/` was invented. */
const countedByName: ReadonlySet<string> = new Set([
  'configmaps',
  'persistentvolumeclaims',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'services',
])

/** `count/deployments.apps`, `count/pods`. */
function countName({ group, plural }: Pick<Kind, 'group' | 'plural'>): string {
  return `count/${group === '' ? plural : `${plural}.${group}`}`
}

/** By the names that stand in `spec.hard` of a quota. */
export function usageOf(kind: Pick<Kind, 'group' | 'plural'>, object: KubeObject): ResourceTotals {
  const usage = new Map([[countName(kind), whole(1)]])
  if (kind.group !== '') return usage
  if (countedByName.has(kind.plural)) usage.set(kind.plural, whole(1))
  if (kind.plural === 'pods') addPod(usage, object as Pod)
  if (kind.plural === 'services') addService(usage, object)
  if (kind.plural === 'persistentvolumeclaims') addClaim(usage, object)
  return usage
}

const computeResources: ReadonlySet<string> = new Set(['cpu', 'memory', 'ephemeral-storage'])

function addPod(usage: Map<string, Quantity>, { spec, status }: Pod): void {
  // What has ended uses nothing; that it is there is counted all the same.
  if (status?.phase === 'Failed' || status?.phase === 'Succeeded') return
  usage.set('pods', whole(1))
  for (const [name, quantity] of podRequests(spec)) {
    if (computeResources.has(name) || name.startsWith('hugepages-')) usage.set(name, quantity)
    usage.set(`requests.${name}`, quantity)
  }
  for (const [name, quantity] of podLimits(spec)) {
    if (computeResources.has(name)) usage.set(`limits.${name}`, quantity)
  }
}

function addService(usage: Map<string, Quantity>, { spec }: Service): void {
  const ports = spec?.ports ?? []
  const balanced = spec?.type === 'LoadBalancer'
  if (balanced) usage.set('services.loadbalancers', whole(1))
  if (spec?.type !== 'NodePort' && !balanced) return
  const given = ports.filter(port => (port.nodePort ?? 0) !== 0)
  const unasked = balanced && spec.allocateLoadBalancerNodePorts === false
  usage.set('services.nodeports', whole(unasked ? given.length : ports.length))
}

function addClaim(usage: Map<string, Quantity>, { spec }: PersistentVolumeClaim): void {
  const storage = parseQuantity(spec?.resources?.requests?.['storage'] ?? '')
  const storageClass = spec?.storageClassName ?? ''
  const prefixes = ['', ...(storageClass === '' ? [] : [`${storageClass}${classSuffix}`])]
  for (const prefix of prefixes) {
    usage.set(`${prefix}persistentvolumeclaims`, whole(1))
    if (storage !== null) usage.set(`${prefix}requests.storage`, storage)
  }
}

const classSuffix = '.storageclass.storage.k8s.io/'

/** The resource whose objects use `name`; null for a name that nothing uses. */
export function countedResource(
  name: string,
): { readonly group: string; readonly plural: string } | null {
  if (name.startsWith('count/')) {
    const [plural = '', ...group] = name.slice('count/'.length).split('.')
    return { group: group.join('.'), plural }
  }
  const bare = name.includes(classSuffix) ? name.slice(name.indexOf('/') + 1) : name
  if (countedByName.has(bare)) return { group: '', plural: bare }
  if (bare.startsWith('services.')) return { group: '', plural: 'services' }
  if (bare === 'requests.storage') return { group: '', plural: 'persistentvolumeclaims' }
  const asked = bare.replace(/^(requests|limits)\./, '')
  const ofPods =
    bare === 'pods' ||
    computeResources.has(asked) ||
    asked.startsWith('hugepages-') ||
    (bare.startsWith('requests.') && asked.includes('/'))
  return ofPods ? { group: '', plural: 'pods' } : null
}
