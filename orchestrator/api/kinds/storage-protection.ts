// Volumes and claims are held until nobody uses them: the finalizer is there from the start, and a
// controller takes it off. Counterpart: the plugin StorageObjectInUseProtection.

import type { KubeObject } from '../object.js'
import { withFinalizer } from './kind-parts.js'

export function withProtection(
  object: KubeObject,
  hold: 'pv-protection' | 'pvc-protection',
): KubeObject {
  return withFinalizer(object, `kubernetes.io/${hold}`)
}
