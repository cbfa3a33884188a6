// FlowSchemas: which requests belong to which level. Counterpart: pkg/registry/flowcontrol/flowschema
// and printFlowSchema.

import { flowSchemaDefaults } from '../../defaults/flowcontrol.js'
import { flowcontrolGroup } from '../../flowcontrol/bootstrap-objects.js'
import type { Kind } from '../../kind.js'
import { flowSchema as schema } from '../../schema/flowcontrol.js'
import type { FlowSchema } from '../../types/flowcontrol.js'
import { validateFlowSchema } from '../../validation/flow-schema.js'
import { ageColumn, integer, nameColumn, none, text } from '../columns.js'
import { ordinary } from '../kind-parts.js'

export const flowSchema: Kind = {
  ...ordinary,
  group: flowcontrolGroup,
  version: 'v1',
  kind: 'FlowSchema',
  plural: 'flowschemas',
  singular: 'flowschema',
  namespaced: false,
  schema,
  hasStatus: true,
  hasGeneration: true,
  columns: [
    nameColumn,
    text<FlowSchema>(
      'PriorityLevel',
      'The level that its requests belong to.',
      f => f.spec.priorityLevelConfiguration.name,
    ),
    integer<FlowSchema>(
      'MatchingPrecedence',
      'Lower ones are asked first whether they match.',
      f => f.spec.matchingPrecedence ?? 0,
    ),
    text<FlowSchema>(
      'DistinguisherMethod',
      'What tells its flows apart.',
      f => f.spec.distinguisherMethod?.type ?? none,
    ),
    ageColumn,
    text<FlowSchema>('MissingPL', 'Whether its level does not exist.', missingLevel),
  ],
  withDefaults: object => flowSchemaDefaults(object as FlowSchema),
  validate: object => validateFlowSchema(object as FlowSchema),
}

function missingLevel({ status }: FlowSchema): string {
  return status?.conditions?.find(({ type }) => type === 'Dangling')?.status ?? '?'
}
