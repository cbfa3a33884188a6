// PriorityLevelConfigurations: how much of the server a level may take, and who waits.
// Counterpart: pkg/registry/flowcontrol/prioritylevelconfiguration and its printer.

import { priorityLevelDefaults } from '../../defaults/flowcontrol.js'
import { flowcontrolGroup } from '../../flowcontrol/bootstrap-objects.js'
import type { Kind } from '../../kind.js'
import type { Json } from '../../object.js'
import { priorityLevelConfiguration as schema } from '../../schema/flowcontrol.js'
import type { PriorityLevelConfiguration, QueuingConfiguration } from '../../types/flowcontrol.js'
import { validatePriorityLevel } from '../../validation/priority-level.js'
import { ageColumn, nameColumn, none, text } from '../columns.js'
import { ordinary } from '../kind-parts.js'

function ofQueuing(field: keyof QueuingConfiguration) {
  return ({ spec }: PriorityLevelConfiguration): Json =>
    spec.limited?.limitResponse?.queuing?.[field] ?? none
}

export const priorityLevelConfiguration: Kind = {
  ...ordinary,
  group: flowcontrolGroup,
  version: 'v1',
  kind: 'PriorityLevelConfiguration',
  plural: 'prioritylevelconfigurations',
  singular: 'prioritylevelconfiguration',
  namespaced: false,
  schema,
  hasStatus: true,
  hasGeneration: true,
  columns: [
    nameColumn,
    text<PriorityLevelConfiguration>('Type', 'Whether it is limited.', p => p.spec.type),
    text<PriorityLevelConfiguration>(
      'NominalConcurrencyShares',
      'Its part of what the server does at a time.',
      p => p.spec.limited?.nominalConcurrencyShares ?? none,
    ),
    text<PriorityLevelConfiguration>('Queues', 'How many queues it has.', ofQueuing('queues')),
    text<PriorityLevelConfiguration>(
      'HandSize',
      'How many of them a flow may use.',
      ofQueuing('handSize'),
    ),
    text<PriorityLevelConfiguration>(
      'QueueLengthLimit',
      'How many may wait in one of them.',
      ofQueuing('queueLengthLimit'),
    ),
    ageColumn,
  ],
  withDefaults: object => priorityLevelDefaults(object as PriorityLevelConfiguration),
  validate: object => validatePriorityLevel(object as PriorityLevelConfiguration),
}
