// Small objects for tests of the pure stages.

import { must } from '../../../platform/errors.js'
import type { Kind } from '../../api/kind.js'
import { findKind } from '../../api/kinds.js'
import type { JsonObject, KubeObject } from '../../api/object.js'

export function kindOf(plural: string, group = ''): Kind {
  return must(findKind(group, 'v1', plural), `${plural} are served`)
}

export function objectOf(
  kind: string,
  metadata: KubeObject['metadata'],
  rest: JsonObject = {},
  apiVersion = 'v1',
): KubeObject {
  const object = { apiVersion, kind, metadata }
  return { ...rest, ...object }
}
