// What the binder's rounds answer: one write and what is to be told. Each round looks anew and does the first thing that
// is missing, so that it does not matter between which two of them a process dies.

import type {
  PersistentVolume,
  PersistentVolumeClaim,
} from '../../api/types/core-persistent-volume.js'
import type { Pod } from '../../api/types/core-pod.js'

export type Step =
  | { readonly kind: 'update-claim'; readonly claim: PersistentVolumeClaim }
  | { readonly kind: 'claim-status'; readonly claim: PersistentVolumeClaim }
  | { readonly kind: 'create-volume'; readonly volume: PersistentVolume }
  | { readonly kind: 'update-volume'; readonly volume: PersistentVolume }
  | { readonly kind: 'volume-status'; readonly volume: PersistentVolume }
  | { readonly kind: 'delete-volume'; readonly volume: PersistentVolume }
  | { readonly kind: 'create-pod'; readonly pod: Pod }
  | { readonly kind: 'delete-pod'; readonly pod: Pod }

export interface BinderEvent {
  readonly about: PersistentVolume | PersistentVolumeClaim
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
}

export interface BinderPlan {
  /** Null: nothing is missing, or nothing can be done about it. */
  readonly step: Step | null
  /** Told once the step is done. */
  readonly events: readonly BinderEvent[]
}

export const nothing: BinderPlan = { step: null, events: [] }
export const doing = (step: Step, ...events: readonly BinderEvent[]): BinderPlan => ({
  step,
  events,
})
export const telling = (...events: readonly BinderEvent[]): BinderPlan => ({ step: null, events })

export const event = (
  about: BinderEvent['about'],
  type: BinderEvent['type'],
  reason: string,
  message: string,
): BinderEvent => ({ about, type, reason, message })
