// One rule of the Pod Security Standards, and the words in which rules name what breaks them.
// Counterpart: the CheckResult and the helpers of k8s.io/pod-security-admission/policy.

import type { ObjectMeta } from '../object.js'
import type { Container, EphemeralContainer, SecurityContext } from '../types/core-container.js'
import type { PodSpec } from '../types/core-pod.js'

export interface Violation {
  readonly reason: string
  readonly detail: string
}

export type Rule = (spec: PodSpec, metadata: ObjectMeta) => Violation | null

export interface Check {
  /** Checks are done, and their findings named, in the order of these. */
  readonly id: string
  /** Ids of checks of the laxer level that this one makes needless. */
  readonly overrides?: readonly string[]
  /** From which minor version on which rule holds; ascending. */
  readonly rules: readonly (readonly [minor: number, rule: Rule])[]
}

type AnyContainer = Container | EphemeralContainer

export function allContainers(spec: PodSpec): readonly AnyContainer[] {
  return [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])]
}

export function containersWhere(
  spec: PodSpec,
  test: (context: SecurityContext, container: AnyContainer) => boolean,
): readonly string[] {
  return allContainers(spec)
    .filter(container => test(container.securityContext ?? {}, container))
    .map(container => container.name)
}

export function quoted(values: Iterable<string>): string {
  return [...values].map(value => JSON.stringify(value)).join(', ')
}

export function plural(one: string, many: string, count: number): string {
  return count === 1 ? one : many
}

/** `container "a"`, `containers "a", "b"`. */
export function containersText(names: readonly string[]): string {
  return `${plural('container', 'containers', names.length)} ${quoted(names)}`
}

/** `pod and container "a"`; null when neither set anything bad. */
export function setters(pod: boolean, containers: readonly string[]): string | null {
  const parts = [
    ...(pod ? ['pod'] : []),
    ...(containers.length === 0 ? [] : [containersText(containers)]),
  ]
  return parts.length === 0 ? null : parts.join(' and ')
}

export function sortedSet(values: Iterable<string>): readonly string[] {
  return [...new Set(values)].sort()
}
