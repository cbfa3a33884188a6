// PodDisruptionBudgets. Counterpart: pkg/registry/policy/poddisruptionbudget and
// printPodDisruptionBudget.

import type { Kind } from '../../kind.js'
import { podDisruptionBudget as schema } from '../../schema/policy-disruption-budget.js'
import type { PodDisruptionBudget } from '../../types/policy-disruption-budget.js'
import { validateDisruptionBudget } from '../../validation/disruption-budget.js'
import { ageColumn, integer, nameColumn, text } from '../columns.js'
import { ordinary } from '../kind-parts.js'

const unstated = 'N/A'

export const podDisruptionBudget: Kind = {
  ...ordinary,
  group: 'policy',
  version: 'v1',
  kind: 'PodDisruptionBudget',
  plural: 'poddisruptionbudgets',
  singular: 'poddisruptionbudget',
  shortNames: ['pdb'],
  schema,
  hasStatus: true,
  hasGeneration: true,
  columns: [
    nameColumn,
    text<PodDisruptionBudget>('Min Available', 'How many pods must stay.', ({ spec }) =>
      String(spec?.minAvailable ?? unstated),
    ),
    text<PodDisruptionBudget>('Max Unavailable', 'How many pods may be missing.', ({ spec }) =>
      String(spec?.maxUnavailable ?? unstated),
    ),
    integer<PodDisruptionBudget>(
      'Allowed Disruptions',
      'How many pods may be taken away now.',
      ({ status }) => status?.disruptionsAllowed ?? 0,
    ),
    ageColumn,
  ],
  validate: object => validateDisruptionBudget(object),
}
