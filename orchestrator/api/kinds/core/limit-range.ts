// LimitRanges. Counterpart: pkg/registry/core/limitrange.

import { limitRangeDefaults } from '../../defaults/limit-range.js'
import type { Kind } from '../../kind.js'
import { limitRange as schema } from '../../schema/core-quota.js'
import type { LimitRange } from '../../types/core-quota.js'
import { validateLimitRange } from '../../validation/limit-range.js'
import { nameColumn, text } from '../columns.js'
import { ordinary } from '../kind-parts.js'

export const limitRange: Kind = {
  ...ordinary,
  group: '',
  version: 'v1',
  kind: 'LimitRange',
  plural: 'limitranges',
  singular: 'limitrange',
  shortNames: ['limits'],
  schema,
  columns: [
    nameColumn,
    {
      ...text('Created At', 'When it was created.', o => o.metadata.creationTimestamp ?? ''),
      type: 'date',
    },
  ],
  withDefaults: limitRangeDefaults,
  validate: object => validateLimitRange(object as LimitRange),
}
