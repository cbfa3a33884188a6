// What an applier is told when somebody else owns what it applies: one sentence, and a cause for
// every field. Counterpart: managedfields/internal/conflict of k8s.io/apimachinery.

import { applyConflict } from '../status.js'
import type { ApiError } from '../status.js'
import type { Conflict } from './field-ownership.js'
import type { ManagedEntry } from './managed-fields.js'
import { pathText } from './path-element.js'

/** `conflicts` are not empty. */
export function conflictError(conflicts: readonly Conflict[]): ApiError {
  const causes = conflicts.map(({ owner, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${ownerText(owner)}`,
    field: pathText(path),
  }))
  return applyConflict(`Apply failed with ${listOf(conflicts)}`, causes)
}

function listOf(conflicts: readonly Conflict[]): string {
  const [only, second] = conflicts
  if (only !== undefined && second === undefined) {
    return `1 conflict: conflict with ${ownerText(only.owner)}: ${pathText(only.path)}`
  }
  const owners = [...new Set(conflicts.map(({ owner }) => ownerText(owner)))].toSorted()
  const texts = owners.flatMap(owner => [
    `conflicts with ${owner}:`,
    ...conflicts
      .filter(conflict => ownerText(conflict.owner) === owner)
      .map(({ path }) => `- ${pathText(path)}`),
  ])
  return `${conflicts.length} conflicts: ${texts.join('\n')}`
}

function ownerText({ manager, subresource, operation, apiVersion }: ManagedEntry): string {
  const name = JSON.stringify(manager)
  const place =
    subresource === '' ? name : `${name} with subresource ${JSON.stringify(subresource)}`
  return operation === 'Update' ? `${place} using ${apiVersion}` : place
}
