// PriorityClasses. Counterpart: pkg/registry/scheduling/priorityclass and printPriorityClass.

import type { Kind } from '../../kind.js'
import type { KubeObject } from '../../object.js'
import { priorityClass as schema } from '../../schema/scheduling.js'
import type { PriorityClass } from '../../types/scheduling.js'
import { validatePriorityClass } from '../../validation/priority-class.js'
import { ageColumn, integer, nameColumn, text } from '../columns.js'
import { ordinary } from '../kind-parts.js'

function withDefaults(object: KubeObject): KubeObject {
  const priorityClass = object as PriorityClass
  const preemptionPolicy = priorityClass.preemptionPolicy ?? 'PreemptLowerPriority'
  const complete: PriorityClass = { ...priorityClass, preemptionPolicy }
  return complete
}

export const priorityClass: Kind = {
  ...ordinary,
  group: 'scheduling.k8s.io',
  version: 'v1',
  kind: 'PriorityClass',
  plural: 'priorityclasses',
  singular: 'priorityclass',
  shortNames: ['pc'],
  namespaced: false,
  schema,
  columns: [
    nameColumn,
    integer<PriorityClass>('Value', 'The higher, the more important.', p => p.value ?? 0),
    {
      ...text<PriorityClass>(
        'Global-Default',
        'Whether pods that name no class are of this one.',
        p => p.globalDefault ?? false,
      ),
      type: 'boolean',
    },
    ageColumn,
    text<PriorityClass>(
      'PreemptionPolicy',
      'Whether lesser pods make room for those of this class.',
      p => p.preemptionPolicy ?? '',
    ),
  ],
  withDefaults,
  validate: (object, old) => validatePriorityClass(object, old),
}
