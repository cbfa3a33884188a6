// Names and identity of a Deployment's revisions: the hash of a pod template, and when two
// templates are the same. Pure. Counterpart: controller.ComputeHash and EqualIgnoreHash; the hash
// value differs from the original's, which depends on how Go prints structs.

import type { PodTemplateSpec } from '../../api/types/core-pod.js'
import { canonicalJson } from '../canonical-json.js'

export const hashLabel = 'pod-template-hash'

/** Without vowels and look-alikes, so that no hash spells a word. */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789'

/** FNV-1a over the canonical template; `collisionCount` makes room for another of the same hash. */
export function templateHash(template: PodTemplateSpec, collisionCount: number): string {
  let hash = 0x811c9dc5
  const text = `${templateIdentity(template)}#${collisionCount}`
  for (const byte of new TextEncoder().encode(text)) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  }
  let name = ''
  for (const digit of hash.toString(10)) name += alphabet[digit.charCodeAt(0) % alphabet.length]
  return name
}

export function sameTemplate(
  a: PodTemplateSpec | undefined,
  b: PodTemplateSpec | undefined,
): boolean {
  return templateIdentity(a ?? {}) === templateIdentity(b ?? {})
}

function templateIdentity(template: PodTemplateSpec): string {
  const { [hashLabel]: _hash, ...labels } = template.metadata?.labels ?? {}
  const metadata = {
    ...template.metadata,
    labels: Object.keys(labels).length === 0 ? null : labels,
    annotations:
      Object.keys(template.metadata?.annotations ?? {}).length === 0
        ? null
        : template.metadata?.annotations,
    creationTimestamp: null,
  }
  return canonicalJson({ metadata, spec: template.spec })
}
