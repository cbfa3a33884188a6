// Volumes and claims are held until nobody uses them: the finalizer is there from the start, and a
// controller takes it off. Counterpart: the plugin StorageObjectInUseProtection.

import type { KubeObject } from '../object.js'

export function withProtection(
  object: KubeObject,
  hold: 'pv-protection' | 'pvc-protection',
): KubeObject {
  const finalizer = `kubernetes.io/${hold}`
  const given = object.metadata.finalizers ?? []
  if (given.includes(finalizer)) return object
  return { ...object, metadata: { ...object.metadata, finalizers: [...given, finalizer] } }
}
