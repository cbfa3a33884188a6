// What a pod refers to by name: the objects that its node may read. Counterpart: the pod edges of
// plugin/pkg/auth/authorizer/node. Pure.

import type { Json, JsonObject, KubeObject } from './object.js'
import { isJsonObject, own } from './record.js'

const specDepthMax = 32

/** "secrets/x", "configmaps/y", "persistentvolumeclaims/z", "serviceaccounts/a", without repeats. */
export function podReferences(pod: KubeObject): ReadonlySet<string> {
  const found = new Set<string>()
  const { spec } = pod as KubeObject & { readonly spec?: Json }
  if (!isJsonObject(spec)) return found
  const account = textOf(spec, 'serviceAccountName')
  if (account !== '') found.add(`serviceaccounts/${account}`)
  collect(spec, found, 0)
  const podName = pod.metadata.name ?? ''
  for (const volume of Array.isArray(spec['volumes']) ? (spec['volumes'] as Json[]) : []) {
    // The claim of an ephemeral volume is named after pod and volume.
    if (isJsonObject(volume) && isJsonObject(volume['ephemeral'])) {
      found.add(`persistentvolumeclaims/${podName}-${textOf(volume, 'name')}`)
    }
  }
  return found
}

function textOf(object: JsonObject, field: string): string {
  const value = own(object, field)
  return typeof value === 'string' ? value : ''
}

/** Looks wherever the pod's schema may carry a reference, by the names of its fields. */
function collect(value: Json | undefined, found: Set<string>, depth: number): void {
  if (depth > specDepthMax || typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) {
    for (const item of value as readonly Json[]) collect(item, found, depth + 1)
    return
  }
  const object = value as JsonObject
  const add = (resource: string, field: string, key: string) => {
    const inner = object[field]
    const name = isJsonObject(inner) ? inner[key] : undefined
    if (typeof name === 'string' && name !== '') found.add(`${resource}/${name}`)
  }
  add('secrets', 'secret', 'secretName')
  add('secrets', 'secret', 'name')
  add('secrets', 'secretRef', 'name')
  add('secrets', 'secretKeyRef', 'name')
  add('secrets', 'nodePublishSecretRef', 'name')
  add('configmaps', 'configMap', 'name')
  add('configmaps', 'configMapRef', 'name')
  add('configmaps', 'configMapKeyRef', 'name')
  add('persistentvolumeclaims', 'persistentVolumeClaim', 'claimName')
  const pulls = object['imagePullSecrets']
  for (const pull of Array.isArray(pulls) ? (pulls as readonly Json[]) : []) {
    if (isJsonObject(pull)) found.add(`secrets/${textOf(pull, 'name')}`)
  }
  for (const inner of Object.values(object)) collect(inner, found, depth + 1)
}
