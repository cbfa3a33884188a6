// ComponentStatuses: whether the parts of the control plane are well. They are made when asked for,
// and never written. Counterpart: pkg/registry/core/componentstatus and printComponentStatus.

import type { Kind } from '../../kind.js'
import { componentStatus as schema } from '../../schema/core-component-status.js'
import type { ComponentCondition, ComponentStatus } from '../../types/core-component-status.js'
import { nameColumn, text } from '../columns.js'
import { ordinary } from '../kind-parts.js'

function health({ conditions = [] }: ComponentStatus): ComponentCondition | undefined {
  return conditions.find(condition => condition.type === 'Healthy')
}

const words: ReadonlyMap<string, string> = new Map([
  ['True', 'Healthy'],
  ['False', 'Unhealthy'],
])

export const componentStatus: Kind = {
  ...ordinary,
  group: '',
  version: 'v1',
  kind: 'ComponentStatus',
  plural: 'componentstatuses',
  singular: 'componentstatus',
  shortNames: ['cs'],
  namespaced: false,
  verbs: ['get', 'list'],
  schema,
  columns: [
    nameColumn,
    text<ComponentStatus>('Status', 'Whether it is well.', c => {
      return words.get(health(c)?.status ?? '') ?? 'Unknown'
    }),
    text<ComponentStatus>('Message', 'What it says.', c => health(c)?.message ?? ''),
    text<ComponentStatus>('Error', 'What went wrong in asking it.', c => health(c)?.error ?? ''),
  ],
  validate: () => [],
}
