// What plugins ask of every request.

import type { Kind } from '../../api/kind.js'

export function isKind(kind: Kind, group: string, plural: string): boolean {
  return kind.group === group && kind.plural === plural
}
