// LimitRanger: what the LimitRanges of a namespace give to containers that do not say, and the bounds
// they set for containers, pods and claims. Counterpart: plugin/pkg/admission/limitranger. Pure.

import type { KubeObject } from '../../api/object.js'
import { podLimits, podRequests } from '../../api/pod-resources.js'
import type { Quantity } from '../../api/quantity.js'
import { compareQuantities, formatQuantity, parseQuantity } from '../../api/quantity.js'
import { own } from '../../api/record.js'
import { forbidden } from '../../api/status.js'
import type { Container } from '../../api/types/core-container.js'
import type { Pod } from '../../api/types/core-pod.js'
import type { PersistentVolumeClaim } from '../../api/types/core-persistent-volume.js'
import type { LimitRange, LimitRangeItem } from '../../api/types/core-quota.js'
import type { AdmissionRequest, AdmissionView } from '../admission.js'
import { isKind } from './request.js'

type Amounts = { readonly [name: string]: string }

const annotation = 'kubernetes.io/limit-ranger'

function rangesOf(request: AdmissionRequest, view: AdmissionView): readonly LimitRange[] {
  return view.list('', 'limitranges', request.namespace) as readonly LimitRange[]
}

export function applyLimits(pod: Pod, request: AdmissionRequest, view: AdmissionView): Pod {
  return rangesOf(request, view).reduce(withDefaults, pod)
}

function withDefaults(pod: Pod, range: LimitRange): Pod {
  const items = range.spec.limits.filter(item => item.type === 'Container')
  const requests: Amounts = Object.assign({}, ...items.map(item => item.defaultRequest))
  const limits: Amounts = Object.assign({}, ...items.map(item => item.default))
  const notes: string[] = []
  const filled = (what: string) => (container: Container) => {
    const { resources = {} } = container
    const newRequests = missing(requests, resources.requests)
    const newLimits = missing(limits, resources.limits)
    for (const [kind, names] of [
      ['request', newRequests],
      ['limit', newLimits],
    ] as const) {
      if (names.length > 0) notes.push(`${names.join(', ')} ${kind} for ${what} ${container.name}`)
    }
    if (newRequests.length + newLimits.length === 0) return container
    return {
      ...container,
      resources: {
        ...resources,
        ...merged('limits', limits, resources.limits),
        ...merged('requests', requests, resources.requests),
      },
    }
  }
  const containers = pod.spec.containers.map(filled('container'))
  const initContainers = (pod.spec.initContainers ?? []).map(filled('init container'))
  if (notes.length === 0) return pod
  const note = `LimitRanger plugin set: ${notes.join('; ')}`
  return {
    ...pod,
    metadata: { ...pod.metadata, annotations: { ...pod.metadata.annotations, [annotation]: note } },
    spec: {
      ...pod.spec,
      containers,
      ...(initContainers.length === 0 ? {} : { initContainers }),
    },
  }
}

function missing(defaults: Amounts, given: Amounts | undefined): readonly string[] {
  return Object.keys(defaults)
    .filter(name => own(given ?? {}, name) === undefined)
    .sort()
}

function merged(
  field: 'limits' | 'requests',
  defaults: Amounts,
  given: Amounts | undefined,
): { readonly limits?: Amounts; readonly requests?: Amounts } {
  const amounts = { ...defaults, ...given }
  return Object.keys(amounts).length === 0 ? {} : { [field]: amounts }
}

/** Throws ApiError Forbidden for a pod or a claim outside of its bounds. */
export function checkLimits(request: AdmissionRequest, view: AdmissionView): void {
  const { kind, operation, object, subresource } = request
  if (object === null || subresource !== '') return
  const pod = isKind(kind, '', 'pods') && operation === 'create'
  const claim = isKind(kind, '', 'persistentvolumeclaims') && operation !== 'delete'
  if (!pod && !claim) return
  if (object.metadata.deletionTimestamp !== undefined) return
  for (const range of rangesOf(request, view)) {
    const problems = range.spec.limits.flatMap(item => {
      return pod ? podProblems(item, object as Pod) : claimProblems(item, object)
    })
    const [only = '', ...more] = [...new Set(problems)]
    if (problems.length === 0) continue
    throw forbidden(
      kind,
      request.name,
      more.length === 0 ? only : `[${[only, ...more].join(', ')}]`,
    )
  }
}

type Amount = (name: string) => Quantity | null

function amountOf(amounts: Amounts | undefined): Amount {
  return name => {
    const text = own(amounts ?? {}, name)
    return text === undefined ? null : parseQuantity(text)
  }
}

function podProblems(item: LimitRangeItem, pod: Pod): readonly string[] {
  if (item.type === 'Container') {
    const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers]
    return containers.flatMap(({ resources }) =>
      boundProblems(item, amountOf(resources?.requests), amountOf(resources?.limits)),
    )
  }
  if (item.type !== 'Pod') return []
  const requests = podRequests(pod.spec)
  const limits = podLimits(pod.spec)
  const requested: Amount = name => requests.get(name) ?? null
  return boundProblems(item, requested, name => limits.get(name) ?? null)
}

function boundProblems(item: LimitRangeItem, requested: Amount, limited: Amount): string[] {
  const { type } = item
  const problems: string[] = []
  const below = (a: Quantity | null, b: Quantity) => a !== null && compareQuantities(a, b) < 0
  const above = (a: Quantity | null, b: Quantity) => a !== null && compareQuantities(a, b) > 0
  for (const [name, text, bound] of boundsOf(item.min)) {
    const [request, limit] = [requested(name), limited(name)]
    const sentence = `minimum ${name} usage per ${type} is ${text}`
    if (request === null) problems.push(`${sentence}.  No request is specified`)
    else if (below(request, bound)) problems.push(`${sentence}, but request is ${shown(request)}`)
    else if (below(limit, bound)) problems.push(`${sentence}, but limit is ${shown(limit)}`)
  }
  for (const [name, text, bound] of boundsOf(item.max)) {
    const [request, limit] = [requested(name), limited(name)]
    const sentence = `maximum ${name} usage per ${type} is ${text}`
    if (limit === null) problems.push(`${sentence}.  No limit is specified`)
    else if (above(limit, bound)) problems.push(`${sentence}, but limit is ${shown(limit)}`)
    else if (above(request, bound)) problems.push(`${sentence}, but request is ${shown(request)}`)
  }
  for (const [name, text, bound] of boundsOf(item.maxLimitRequestRatio)) {
    const [request, limit] = [requested(name), limited(name)]
    const sentence = `${name} max limit to request ratio per ${type} is ${text}`
    if (request === null || request.nanos === 0n) {
      problems.push(`${sentence}, but no request is specified or request is 0`)
    } else if (limit === null || limit.nanos === 0n) {
      problems.push(`${sentence}, but no limit is specified or limit is 0`)
    } else if (limit.nanos * 1_000_000_000n > bound.nanos * request.nanos) {
      const ratio = Number(limit.nanos) / Number(request.nanos)
      problems.push(`${sentence}, but provided ratio is ${ratio.toFixed(6)}`)
    }
  }
  return problems
}

function boundsOf(
  amounts: Amounts | undefined,
): readonly (readonly [name: string, text: string, bound: Quantity])[] {
  return Object.entries(amounts ?? {})
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, text]) => {
      const bound = parseQuantity(text)
      return bound === null ? [] : [[name, text, bound] as const]
    })
}

function shown(quantity: Quantity | null): string {
  return quantity === null ? '' : formatQuantity(quantity)
}

function claimProblems(item: LimitRangeItem, object: KubeObject): readonly string[] {
  if (item.type !== 'PersistentVolumeClaim') return []
  const requested = amountOf((object as PersistentVolumeClaim).spec?.resources?.requests)
  const { type, min, max } = item
  const problems: string[] = []
  for (const [bounds, word, wrong] of [
    [min, 'minimum', -1],
    [max, 'maximum', 1],
  ] as const) {
    for (const [name, text, bound] of boundsOf(bounds)) {
      const request = requested(name)
      const sentence = `${word} ${name} usage per ${type} is ${text}`
      if (request === null) problems.push(`${sentence}.  No request is specified`)
      else if (compareQuantities(request, bound) * wrong > 0) {
        problems.push(`${sentence}, but request is ${shown(request)}`)
      }
    }
  }
  return problems
}
