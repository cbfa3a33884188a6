// Values that most kind descriptions share.

import type { Kind, Verb } from '../kind.js'
import type { KubeObject } from '../object.js'
import { nameColumn } from './columns.js'

export const allVerbs: readonly Verb[] = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
]

/** What a kind is unless its description says otherwise. */
export const ordinary = {
  shortNames: [],
  categories: [],
  namespaced: true,
  verbs: allVerbs,
  hasStatus: false,
  scale: null,
  fieldSelectors: {},
  withDefaults: (object: KubeObject): KubeObject => object,
  gracePeriodSeconds: (): number => 0,
  hasGeneration: false,
} satisfies Partial<Kind>

/** A question that is answered at once: it can be created, and that is all. */
export const review = {
  ...ordinary,
  version: 'v1',
  namespaced: false,
  verbs: ['create'],
  columns: [nameColumn],
  validate: () => [],
} satisfies Partial<Kind>

/** Held back at its deletion until somebody takes the finalizer off. */
export function withFinalizer(object: KubeObject, finalizer: string): KubeObject {
  const given = object.metadata.finalizers ?? []
  if (given.includes(finalizer)) return object
  return { ...object, metadata: { ...object.metadata, finalizers: [...given, finalizer] } }
}
