// What DELETE does to an object: gone at once, marked and left to its kubelet, or marked and left
// to its finalizers. Counterpart: BeforeDelete and the finalizer handling of registry/generic.
// Pure.

import type { Kind } from '../api/kind.js'
import type { KubeObject } from '../api/object.js'
import { conflict } from '../api/status.js'
import { listAt, textAt, withField, withMetadata } from './object-fields.js'
import type { DeleteOptions, PropagationPolicy } from './query-options.js'

export const foregroundFinalizer = 'foregroundDeletion'
export const orphanFinalizer = 'orphan'

export type DeletePlan =
  | { readonly kind: 'remove' }
  | { readonly kind: 'update'; readonly object: KubeObject }
  /** It is on its way already; nothing to write. */
  | { readonly kind: 'pending' }

/** Throws ApiError Conflict when a precondition does not hold. */
export function checkPreconditions(kind: Kind, object: KubeObject, options: DeleteOptions): void {
  const { uid = '', resourceVersion = '', name = '' } = object.metadata
  const fail = (what: string, wanted: string, found: string) =>
    conflict(
      kind,
      name,
      `Precondition failed: ${what} in precondition: ${wanted}, ${what} in object meta: ${found}`,
    )
  if (options.uid !== null && options.uid !== uid) throw fail('UID', options.uid, uid)
  if (options.resourceVersion !== null && options.resourceVersion !== resourceVersion) {
    throw fail('ResourceVersion', options.resourceVersion, resourceVersion)
  }
}

/** `nowMs`: wall time. Preconditions have been checked. */
export function planDelete(
  kind: Kind,
  given: KubeObject,
  options: DeleteOptions,
  nowMs: number,
): DeletePlan {
  const begins = given.metadata.deletionTimestamp === undefined
  const object = begins ? (kind.writes?.onDelete?.(given, timestamp(nowMs)) ?? given) : given
  if (kind.group === '' && kind.plural === 'namespaces') return planNamespace(object, nowMs)
  const finalizers = finalizersAfter(kind, object, options.propagationPolicy)
  const grace = graceSeconds(kind, object, options.gracePeriodSeconds)
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = object.metadata
  if (deletionTimestamp !== undefined) {
    if (grace === 0 && finalizers.length === 0) return { kind: 'remove' }
    const shorter = grace < deletionGracePeriodSeconds
    const unchanged = sameSet(finalizers, object.metadata.finalizers ?? [])
    if (!shorter && unchanged) return { kind: 'pending' }
    return {
      kind: 'update',
      object: withMetadata(object, {
        ...(shorter ? deletionMarks(grace, nowMs, object) : {}),
        finalizers: finalizers.length === 0 ? undefined : finalizers,
      }),
    }
  }
  if (grace === 0 && finalizers.length === 0) return { kind: 'remove' }
  return {
    kind: 'update',
    object: withMetadata(object, {
      ...deletionMarks(grace, nowMs, object),
      finalizers: finalizers.length === 0 ? undefined : finalizers,
    }),
  }
}

/** True once nothing holds a marked object any more: an update that gets here removes it. */
export function deletionFinished(kind: Kind, object: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers } = object.metadata
  if (deletionTimestamp === undefined || (finalizers ?? []).length > 0) return false
  if (kind.group === '' && kind.plural === 'namespaces') {
    return listAt(object, 'spec.finalizers').length === 0
  }
  return (deletionGracePeriodSeconds ?? 0) === 0
}

function planNamespace(object: KubeObject, nowMs: number): DeletePlan {
  if (object.metadata.deletionTimestamp !== undefined) {
    const held = listAt(object, 'spec.finalizers').length > 0
    return held || (object.metadata.finalizers ?? []).length > 0
      ? { kind: 'pending' }
      : { kind: 'remove' }
  }
  const marked = withMetadata(object, deletionMarks(0, nowMs, object))
  return { kind: 'update', object: withField(marked, 'status.phase', 'Terminating') }
}

function deletionMarks(
  grace: number,
  nowMs: number,
  object: KubeObject,
): Pick<KubeObject['metadata'], 'deletionTimestamp' | 'deletionGracePeriodSeconds' | 'generation'> {
  const { generation } = object.metadata
  return {
    deletionTimestamp: timestamp(nowMs + grace * 1000),
    deletionGracePeriodSeconds: grace,
    // A deletion is a change of intent for the kinds that count them.
    ...(generation === undefined ? {} : { generation: generation + 1 }),
  }
}

/** RFC 3339 with whole seconds. */
export function timestamp(wallMs: number): string {
  return `${new Date(wallMs).toISOString().slice(0, 19)}Z`
}

function graceSeconds(kind: Kind, object: KubeObject, asked: number | null): number {
  if (kind.group === '' && kind.plural === 'pods') {
    const phase = textAt(object, 'status.phase')
    // Nobody runs it, so nobody needs time to stop it.
    if (textAt(object, 'spec.nodeName') === '') return 0
    if (phase === 'Succeeded' || phase === 'Failed') return 0
    return asked ?? kind.gracePeriodSeconds(object)
  }
  const own = kind.gracePeriodSeconds(object)
  return own === 0 ? 0 : (asked ?? own)
}

function finalizersAfter(
  kind: Kind,
  object: KubeObject,
  policy: PropagationPolicy | null,
): readonly string[] {
  const existing = object.metadata.finalizers ?? []
  const has = (finalizer: string) => existing.includes(finalizer)
  let orphan: boolean
  let foreground: boolean
  if (policy !== null) {
    orphan = policy === 'Orphan'
    foreground = policy === 'Foreground'
  } else {
    const untouched = !has(orphanFinalizer) && !has(foregroundFinalizer)
    orphan = has(orphanFinalizer) || (untouched && kind.writes?.orphansDependents === true)
    foreground = !orphan && has(foregroundFinalizer)
  }
  const others = existing.filter(f => f !== orphanFinalizer && f !== foregroundFinalizer)
  return [
    ...others,
    ...(orphan ? [orphanFinalizer] : []),
    ...(foreground ? [foregroundFinalizer] : []),
  ]
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every(value => b.includes(value))
}
