// Secrets. Counterpart: pkg/registry/core/secret and pkg/apis/core/v1/conversion.go.

import type { Kind } from '../../kind.js'
import type { KubeObject } from '../../object.js'
import { secret as schema } from '../../schema/core-config.js'
import type { Secret } from '../../types/core-config.js'
import { encodeBase64 } from '../../base64.js'
import { validateSecret } from '../../validation/core.js'
import { ageColumn, nameColumn, text } from '../columns.js'
import { ordinary } from '../kind-parts.js'

const encoder = new TextEncoder()

/** stringData is for writing only: it ends in data, over what stands there. */
function withDefaults(object: KubeObject): KubeObject {
  const { stringData, ...rest } = object as Secret
  const given = Object.entries(stringData ?? {})
  const complete: Secret = {
    ...rest,
    ...(given.length === 0
      ? {}
      : {
          data: Object.fromEntries([
            ...Object.entries(rest.data ?? {}),
            ...given.map(([key, value]) => [key, encodeBase64(encoder.encode(value))] as const),
          ]),
        }),
    type: rest.type || 'Opaque',
  }
  return complete
}

export const secret: Kind = {
  ...ordinary,
  group: '',
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  singular: 'secret',
  schema,
  columns: [
    nameColumn,
    text<Secret>('Type', 'What the secret is for.', s => s.type ?? ''),
    text<Secret>('Data', 'How many entries it has.', s => Object.keys(s.data ?? {}).length),
    ageColumn,
  ],
  fieldSelectors: { type: object => (object as Secret).type ?? '' },
  withDefaults,
  validate: (object, old) => validateSecret(object, old),
}
