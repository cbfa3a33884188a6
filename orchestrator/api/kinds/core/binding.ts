// Bindings: the way to give a pod its node that is older than pods/binding. Counterpart: LegacyBindingREST of
// registry/core/pod.

import type { Kind } from '../../kind.js'
import { binding as schema } from '../../schema/core-pod.js'
import { review } from '../kind-parts.js'

/** Also what is sent to pods/binding. */
export const binding: Kind = {
  ...review,
  group: '',
  kind: 'Binding',
  plural: 'bindings',
  singular: 'binding',
  namespaced: true,
  schema,
}
