// The APIServices that say of our own groups and versions that they are served here, and what is to be
// done to keep them. Counterpart: the autoregister controller of kube-aggregator and the priorities of
// kube-apiserver's aggregator. Pure.

import { groupVersionsOf } from '../discovery.js'
import { sameJson } from '../equality.js'
import type { Kind } from '../kind.js'
import type { APIService, APIServiceSpec } from '../types/apiregistration.js'

export const apiregistrationGroup = 'apiregistration.k8s.io'
const managedLabel = 'kube-aggregator.kubernetes.io/automanaged'

/** The higher, the more a group is preferred by clients that know only the name of a kind. */
const groupPriorities: ReadonlyMap<string, number> = new Map([
  ['', 18_000],
  ['apps', 17_800],
  ['events.k8s.io', 17_750],
  ['authentication.k8s.io', 17_700],
  ['authorization.k8s.io', 17_600],
  ['autoscaling', 17_500],
  ['batch', 17_400],
  ['certificates.k8s.io', 17_300],
  ['networking.k8s.io', 17_200],
  ['policy', 17_100],
  ['rbac.authorization.k8s.io', 17_000],
  ['storage.k8s.io', 16_800],
  ['apiextensions.k8s.io', 16_700],
  ['admissionregistration.k8s.io', 16_700],
  ['scheduling.k8s.io', 16_600],
  ['coordination.k8s.io', 16_500],
  ['node.k8s.io', 16_300],
  ['discovery.k8s.io', 16_200],
  ['flowcontrol.apiserver.k8s.io', 16_100],
  ['metrics.k8s.io', 100],
])

const versionPriorities: ReadonlyMap<string, number> = new Map([
  ['/v1', 1],
  ['autoscaling/v2', 30],
  ['flowcontrol.apiserver.k8s.io/v1', 21],
  ['metrics.k8s.io/v1beta1', 100],
])

const custom = { group: 1_000, version: 100 }
const usualVersionPriority = 15

export type LocalServiceStep =
  | { readonly kind: 'create'; readonly object: APIService }
  | { readonly kind: 'update'; readonly name: string; readonly spec: APIServiceSpec }
  | { readonly kind: 'remove'; readonly name: string }

function localService(group: string, version: string, mark: 'onstart' | 'true'): APIService {
  const isCustom = mark === 'true'
  return {
    apiVersion: `${apiregistrationGroup}/v1`,
    kind: 'APIService',
    metadata: { name: `${version}.${group}`, labels: { [managedLabel]: mark } },
    spec: {
      ...(group === '' ? {} : { group }),
      version,
      groupPriorityMinimum: isCustom ? custom.group : (groupPriorities.get(group) ?? custom.group),
      versionPriority: isCustom
        ? custom.version
        : (versionPriorities.get(`${group}/${version}`) ?? usualVersionPriority),
    },
  }
}

/** `kinds`: all that are served here. What somebody else has put in our place is left alone. */
export function localServiceSteps(
  stored: readonly APIService[],
  kinds: readonly Kind[],
): readonly LocalServiceStep[] {
  const found = new Map(stored.map(service => [service.metadata.name ?? '', service]))
  const wanted = new Set<string>()
  const steps: LocalServiceStep[] = []
  for (const { group, version, kinds: members } of groupVersionsOf(kinds)) {
    // Who serves APIServices is not itself one of them.
    if (group === apiregistrationGroup) continue
    const mark = members.some(kind => kind.custom === undefined) ? 'onstart' : 'true'
    const object = localService(group, version, mark)
    const name = object.metadata.name ?? ''
    wanted.add(name)
    const current = found.get(name)
    if (current === undefined) steps.push({ kind: 'create', object })
    else if (
      isManaged(current) &&
      !isTaken(kinds, current) &&
      !sameJson(current.spec, object.spec)
    ) {
      steps.push({ kind: 'update', name, spec: object.spec })
    }
  }
  for (const [name, service] of found) {
    if (!wanted.has(name) && isManaged(service)) steps.push({ kind: 'remove', name })
  }
  return steps
}

/** Somebody else serves what we serve only while nobody does. */
function isTaken(kinds: readonly Kind[], { spec }: APIService): boolean {
  const { group = '', version = '', service } = spec
  return service !== undefined && !isReserved(kinds, group, version)
}

function isManaged({ metadata }: APIService): boolean {
  return metadata.labels?.[managedLabel] !== undefined
}

/** Ours for good: nobody can have such a group and version served elsewhere. */
export function isReserved(kinds: readonly Kind[], group: string, version: string): boolean {
  return (
    group !== 'metrics.k8s.io' &&
    kinds.some(
      kind => kind.custom === undefined && kind.group === group && kind.version === version,
    )
  )
}
