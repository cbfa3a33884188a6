// Who may lead, decided from a Lease as it was last seen. Pure; leader-election.ts does the IO.
// Counterpart: tryAcquireOrRenew of client-go's leaderelection. The times in the Lease were
// written by other machines' clocks, so only our own count: a holder is dead when the Lease has
// not changed for its duration since we first saw it as it is.

import type { ObjectMeta } from '../api/object.js'
import type { Lease } from '../api/types/coordination.js'
import { formatMicroTime } from './timestamps.js'

export interface LeaseObservation {
  /** Null when there is none yet. */
  readonly lease: Lease | null
  /** Monotonic time at which we first saw it in this state. */
  readonly changedAtMs: number
}

export type LeaseDecision =
  | { readonly action: 'create'; readonly lease: Lease }
  | { readonly action: 'update'; readonly lease: Lease }
  | { readonly action: 'wait'; readonly holder: string }

export interface Candidate {
  readonly namespace: string
  readonly name: string
  readonly identity: string
  readonly leaseDurationMs: number
  /** Where others reach it while it leads, as in "https://10.0.0.1:10259"; null: nowhere. */
  readonly servingUrl: string | null
}

/** On the Lease, so that whoever finds the leader finds its port. */
export const servingUrlAnnotation = 'raftsman.dev/serving-url'

/** What a candidate or the leader does next. */
export function decideLease(
  seen: LeaseObservation,
  candidate: Candidate,
  now: { readonly monotonicMs: number; readonly wallMs: number },
): LeaseDecision {
  const { namespace, name, identity, leaseDurationMs } = candidate
  const renewTime = formatMicroTime(now.wallMs)
  // The field holds whole seconds; up, since followers must not come too soon.
  const leaseDurationSeconds = Math.ceil(leaseDurationMs / 1000)
  const held = { holderIdentity: identity, leaseDurationSeconds, renewTime }
  if (!seen.lease) {
    const spec = { ...held, acquireTime: renewTime, leaseTransitions: 0 }
    const metadata = atUrl({ namespace, name }, candidate.servingUrl)
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec }
    return { action: 'create', lease }
  }
  const spec = seen.lease.spec ?? {}
  const holder = spec.holderIdentity ?? ''
  const metadata = atUrl(seen.lease.metadata, candidate.servingUrl)
  if (holder === identity) {
    return { action: 'update', lease: { ...seen.lease, metadata, spec: { ...spec, ...held } } }
  }
  // The holder's own duration, which may differ from ours while versions are mixed.
  const durationMs = (spec.leaseDurationSeconds ?? leaseDurationSeconds) * 1000
  if (holder !== '' && now.monotonicMs < seen.changedAtMs + durationMs) {
    return { action: 'wait', holder }
  }
  const transitions = (spec.leaseTransitions ?? 0) + 1
  const taken = { ...spec, ...held, acquireTime: renewTime, leaseTransitions: transitions }
  return { action: 'update', lease: { ...seen.lease, metadata, spec: taken } }
}

/** Also where that of another holder stood. */
function atUrl(metadata: ObjectMeta, servingUrl: string | null): ObjectMeta {
  const { [servingUrlAnnotation]: _, ...others } = metadata.annotations ?? {}
  if (servingUrl !== null) {
    return { ...metadata, annotations: { ...others, [servingUrlAnnotation]: servingUrl } }
  }
  return metadata.annotations === undefined ? metadata : { ...metadata, annotations: others }
}

/** The Lease as a leader leaves it on an orderly stop: free for the next to take at once. */
export function releasedLease(lease: Lease, wallMs: number): Lease {
  const time = formatMicroTime(wallMs)
  const spec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: time }
  return { ...lease, spec }
}

export function observeLease(
  previous: LeaseObservation | null,
  lease: Lease | null,
  monotonicMs: number,
): LeaseObservation {
  const before = previous?.lease?.metadata.resourceVersion
  const unchanged = previous !== null && before === lease?.metadata.resourceVersion
  return { lease, changedAtMs: unchanged ? previous.changedAtMs : monotonicMs }
}
