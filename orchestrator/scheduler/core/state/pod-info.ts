// A pod with what scheduling needs of it, worked out once for as long as the pod object lives.
// Counterpart: PodInfo of pkg/scheduler/framework. Quantities are plain numbers here: millicores of
// CPU, whole units else.

import { podRequests } from '../../../api/pod-resources.js'
import { parseQuantity, quantityMilliUnits, quantityUnits } from '../../../api/quantity.js'
import {
  labelSelectorFromObject,
  type LabelSelector,
  matchesLabels,
} from '../../../api/selectors.js'
import { msOfTime } from '../../../api/time.js'
import type { Labels } from '../../../api/selectors.js'
import type { Container } from '../../../api/types/core-container.js'
import type { Pod, PodSpec } from '../../../api/types/core-pod.js'
import type {
  PodAffinityTerm,
  WeightedPodAffinityTerm,
} from '../../../api/types/core-scheduling.js'

/** Of one pod. `others` has everything but CPU, memory and ephemeral storage; null for nothing. */
export interface Amounts {
  readonly milliCpu: number
  readonly memory: number
  readonly ephemeralStorage: number
  readonly others: ReadonlyMap<string, number> | null
}

export interface HostPort {
  readonly protocol: string
  readonly ip: string
  readonly port: number
}

/** A term of pod affinity or anti-affinity, ready to be matched. */
export interface AffinityTerm {
  /** Equal for terms that select the same pods over the same topology. */
  readonly key: string
  readonly topologyKey: string
  readonly namespaces: ReadonlySet<string>
  /** Null: only `namespaces` count. */
  readonly namespaceSelector: LabelSelector | null
  /** Null selects nothing. */
  readonly selector: LabelSelector | null
  /** 1..100 of a preferred term; 1 of a required one. */
  readonly weight: number
}

export interface AffinityTerms {
  readonly required: readonly AffinityTerm[]
  readonly preferred: readonly AffinityTerm[]
}

export interface PodInfo {
  readonly pod: Pod
  readonly uid: string
  /** "namespace/name". */
  readonly key: string
  readonly namespace: string
  readonly labels: Labels
  readonly priority: number
  readonly terminating: boolean
  /** Wall time; infinite before it has started. */
  readonly startedMs: number
  readonly requests: Amounts
  readonly hasPorts: boolean
  readonly hasVolumes: boolean
  /** What scores count: a container without requests does use something. */
  readonly scoredCpu: number
  readonly scoredMemory: number
  readonly bestEffort: boolean
  readonly ports: readonly HostPort[]
  readonly affinity: AffinityTerms
  readonly antiAffinity: AffinityTerms
  /** Names of the claims it mounts, those of its ephemeral volumes with them; in its namespace. */
  readonly claims: readonly string[]
  /** Equal for pods that no label selector can tell apart. */
  readonly classKey: string
}

/** For containers that do not say. */
const assumedRequests = { cpu: '100m', memory: '200Mi' } as const
const noTerms: AffinityTerms = { required: [], preferred: [] }
const noAmounts: Amounts = { milliCpu: 0, memory: 0, ephemeralStorage: 0, others: null }

const podInfos = new WeakMap<Pod, PodInfo>()

export function podInfo(pod: Pod): PodInfo {
  const known = podInfos.get(pod)
  if (known) return known
  const { metadata, spec } = pod
  const { namespace = '', name = '', uid = '', labels = {} } = metadata
  const requests = amountsOf(spec)
  const scored = scoredAmounts(spec, requests)
  const terminating = metadata.deletionTimestamp !== undefined
  const startTime = pod.status?.startTime
  const { podAffinity, podAntiAffinity } = spec.affinity ?? {}
  const ports = hostPorts(spec)
  const info: PodInfo = {
    pod,
    uid,
    key: `${namespace}/${name}`,
    namespace,
    labels,
    priority: spec.priority ?? 0,
    terminating,
    startedMs: (startTime === undefined ? null : msOfTime(startTime)) ?? Number.POSITIVE_INFINITY,
    requests,
    scoredCpu: scored.milliCpu,
    scoredMemory: scored.memory,
    bestEffort: isBestEffort(requests),
    ports,
    hasPorts: ports.length > 0,
    hasVolumes: (spec.volumes ?? []).length > 0,
    affinity: podAffinity ? termsOf(podAffinity, pod) : noTerms,
    antiAffinity: podAntiAffinity ? termsOf(podAntiAffinity, pod) : noTerms,
    claims: claimsOf(spec, name),
    classKey: JSON.stringify([namespace, terminating, Object.entries(labels)]),
  }
  podInfos.set(pod, info)
  return info
}

/** Amounts by name, as a container or a node states them. Texts that are no quantities are left out. */
export function amountsFromTexts(texts: { readonly [name: string]: string }): Amounts {
  let milliCpu = 0
  let memory = 0
  let ephemeralStorage = 0
  let others: Map<string, number> | null = null
  for (const [name, text] of Object.entries(texts)) {
    const quantity = parseQuantity(text)
    if (!quantity) continue
    if (name === 'cpu') milliCpu = Number(quantityMilliUnits(quantity))
    else if (name === 'memory') memory = Number(quantityUnits(quantity))
    else if (name === 'ephemeral-storage') ephemeralStorage = Number(quantityUnits(quantity))
    else others = (others ?? new Map()).set(name, Number(quantityUnits(quantity)))
  }
  return { milliCpu, memory, ephemeralStorage, others }
}

/** By the name that users write. */
export function amountOf(amounts: Amounts, name: string): number {
  if (name === 'cpu') return amounts.milliCpu
  if (name === 'memory') return amounts.memory
  if (name === 'ephemeral-storage') return amounts.ephemeralStorage
  return amounts.others?.get(name) ?? 0
}

/** The same for nothing but the plainest pods: most pods of a cluster are copies of a few templates. */
const amountsByTexts = new Map<string, Amounts>()
const rememberedMax = 4096

function amountsOf(spec: PodSpec): Amounts {
  const plain = spec.containers.length === 1 && !spec.initContainers?.length && !spec.overhead
  const key = plain ? JSON.stringify(spec.containers[0]?.resources?.requests) : undefined
  if (plain && key === undefined) return noAmounts
  const known = key === undefined ? undefined : amountsByTexts.get(key)
  if (known) return known
  const amounts = amountsOfTotals(spec)
  if (key !== undefined) {
    if (amountsByTexts.size >= rememberedMax) amountsByTexts.clear()
    amountsByTexts.set(key, amounts)
  }
  return amounts
}

function amountsOfTotals(spec: PodSpec): Amounts {
  let milliCpu = 0
  let memory = 0
  let ephemeralStorage = 0
  let others: Map<string, number> | null = null
  for (const [name, quantity] of podRequests(spec)) {
    if (name === 'cpu') milliCpu = Number(quantityMilliUnits(quantity))
    else if (name === 'memory') memory = Number(quantityUnits(quantity))
    else if (name === 'ephemeral-storage') ephemeralStorage = Number(quantityUnits(quantity))
    else others = (others ?? new Map()).set(name, Number(quantityUnits(quantity)))
  }
  return { milliCpu, memory, ephemeralStorage, others }
}

function scoredAmounts(spec: PodSpec, requests: Amounts): Amounts {
  const says = ({ resources }: Container) =>
    resources?.requests?.['cpu'] !== undefined && resources.requests['memory'] !== undefined
  const { containers, initContainers = [] } = spec
  if (containers.every(says) && initContainers.every(says)) return requests
  const filled = (container: Container): Container => ({
    ...container,
    resources: {
      ...container.resources,
      requests: { ...assumedRequests, ...container.resources?.requests },
    },
  })
  return amountsOf({
    ...spec,
    containers: containers.map(filled),
    initContainers: initContainers.map(filled),
  })
}

function isBestEffort({ milliCpu, memory, ephemeralStorage, others }: Amounts): boolean {
  return milliCpu === 0 && memory === 0 && ephemeralStorage === 0 && others === null
}

function hostPorts(spec: PodSpec): readonly HostPort[] {
  const ports: HostPort[] = []
  const sidecars = (spec.initContainers ?? []).filter(one => one.restartPolicy === 'Always')
  for (const container of [...spec.containers, ...sidecars]) {
    for (const { hostPort, hostIP, protocol } of container.ports ?? []) {
      if (!hostPort) continue
      ports.push({ protocol: protocol ?? 'TCP', ip: hostIP || '0.0.0.0', port: hostPort })
    }
  }
  return ports
}

function claimsOf(spec: PodSpec, podName: string): readonly string[] {
  const claims: string[] = []
  for (const { name, persistentVolumeClaim, ephemeral } of spec.volumes ?? []) {
    if (persistentVolumeClaim) claims.push(persistentVolumeClaim.claimName)
    else if (ephemeral) claims.push(`${podName}-${name}`)
  }
  return claims
}

function termsOf(
  affinity: {
    readonly requiredDuringSchedulingIgnoredDuringExecution?: readonly PodAffinityTerm[]
    readonly preferredDuringSchedulingIgnoredDuringExecution?: readonly WeightedPodAffinityTerm[]
  },
  owner: Pod,
): AffinityTerms {
  const required = affinity.requiredDuringSchedulingIgnoredDuringExecution ?? []
  const preferred = affinity.preferredDuringSchedulingIgnoredDuringExecution ?? []
  return {
    required: required.map(term => compiledTerm(term, owner, 1)),
    preferred: preferred.map(({ weight, podAffinityTerm }) =>
      compiledTerm(podAffinityTerm, owner, weight),
    ),
  }
}

function compiledTerm(term: PodAffinityTerm, owner: Pod, weight: number): AffinityTerm {
  const { topologyKey, namespaces = [], matchLabelKeys, mismatchLabelKeys } = term
  const own = owner.metadata.labels
  const base = labelSelectorFromObject(term.labelSelector)
  const selector = base && [
    ...withOwnLabels(base, matchLabelKeys, own, 'In'),
    ...withOwnLabels([], mismatchLabelKeys, own, 'NotIn'),
  ]
  const namespaceSelector = labelSelectorFromObject(term.namespaceSelector)
  // Neither names nor a selector of namespaces: the pod's own.
  const ownOnly = namespaces.length === 0 && namespaceSelector === null
  const names = ownOnly ? [owner.metadata.namespace ?? ''] : [...namespaces].sort()
  const key = JSON.stringify([topologyKey, names, namespaceSelector, selector, weight])
  return { key, topologyKey, namespaces: new Set(names), namespaceSelector, selector, weight }
}

/** `base` and the labels that the pod itself has under `keys`. */
export function withOwnLabels(
  base: LabelSelector,
  keys: readonly string[] | undefined,
  labels: Labels | undefined,
  operator: 'In' | 'NotIn',
): LabelSelector {
  if (!keys?.length || !labels) return base
  const more = keys.flatMap(key => {
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined
    return value === undefined ? [] : [{ key, operator, values: [value] }]
  })
  return [...base, ...more]
}

/** Labels of namespaces by name, for terms that select namespaces. */
export type NamespaceLabels = (name: string) => Labels | undefined

export function termSelects(
  term: AffinityTerm,
  namespace: string,
  labels: Labels,
  namespaceLabels: NamespaceLabels,
): boolean {
  if (term.selector === null) return false
  if (!term.namespaces.has(namespace)) {
    const { namespaceSelector } = term
    if (namespaceSelector === null) return false
    if (!matchesLabels(namespaceSelector, namespaceLabels(namespace))) return false
  }
  return matchesLabels(term.selector, labels)
}
