// How a volume can be mounted, by how many nodes, and as what. Counterpart: supportedAccessModes and
// supportedVolumeModes of pkg/apis/core/validation.

import type { FieldError } from '../kind.js'
import { forbiddenField, notSupported } from './field-errors.js'

const alone = 'ReadWriteOncePod'
const accessModes = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', alone] as const

export const volumeModes = ['Block', 'Filesystem'] as const

export function validateAccessModes(modes: readonly string[], field: string): FieldError[] {
  const errors = modes
    .filter(mode => !accessModes.some(known => known === mode))
    .map(mode => notSupported(field, mode, accessModes))
  const shared = modes.some(mode => mode !== alone && accessModes.some(known => known === mode))
  if (modes.includes(alone) && shared) {
    errors.push(forbiddenField(field, 'may not use ReadWriteOncePod with other access modes'))
  }
  return errors
}
