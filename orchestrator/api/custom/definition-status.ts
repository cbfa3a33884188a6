// What the system finds out about a definition: whether its names are free, whether its kind is served,
// how far its deletion is. Counterpart: controller/{status,establish,finalizer} of apiextensions. Pure.

import { sameJson } from '../equality.js'
import type { Kind } from '../kind.js'
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionStatus,
} from '../types/apiextensions.js'

export const cleanupFinalizer = 'customresourcecleanup.apiextensions.k8s.io'

type Conditions = readonly CustomResourceDefinitionCondition[]
type Finding = Omit<CustomResourceDefinitionCondition, 'lastTransitionTime'>

export function conditionIs(
  definition: CustomResourceDefinition,
  type: string,
  status: string,
): boolean {
  const found = definition.status?.conditions?.find(condition => condition.type === type)
  return found?.status === status
}

/** `now`: RFC 3339. The time stays where the status of the condition does. */
export function withCondition(
  conditions: Conditions,
  finding: Finding,
  now: string,
): readonly CustomResourceDefinitionCondition[] {
  const old = conditions.find(condition => condition.type === finding.type)
  const since = old?.status === finding.status ? (old.lastTransitionTime ?? now) : now
  const next = { ...finding, lastTransitionTime: since }
  return old === undefined
    ? [...conditions, next]
    : conditions.map(condition => (condition === old ? next : condition))
}

/** Names that are taken in a group, each by a kind or another definition. */
interface Taken {
  readonly resources: ReadonlySet<string>
  readonly kinds: ReadonlySet<string>
}

function takenNames(
  definition: CustomResourceDefinition,
  others: readonly CustomResourceDefinition[],
  builtIn: readonly Kind[],
): Taken {
  const resources = new Set<string>()
  const kinds = new Set<string>()
  const { group } = definition.spec
  for (const kind of builtIn) {
    if (kind.group !== group) continue
    for (const name of [kind.plural, kind.singular, ...kind.shortNames]) resources.add(name)
    kinds.add(kind.kind).add(kind.listKind ?? `${kind.kind}List`)
  }
  for (const other of others) {
    if (other.spec.group !== group || other.metadata.name === definition.metadata.name) continue
    const { plural, singular, shortNames = [], kind, listKind } = other.status?.acceptedNames ?? {}
    for (const name of [plural, singular, ...shortNames]) if (name) resources.add(name)
    for (const name of [kind, listKind]) if (name) kinds.add(name)
  }
  return { resources, kinds }
}

interface Acceptance {
  readonly names: CustomResourceDefinitionNames
  readonly condition: Finding
}

/** Each name by itself: what is free is accepted although something else is not. */
function acceptNames(definition: CustomResourceDefinition, taken: Taken): Acceptance {
  const wanted = definition.spec.names
  const had = definition.status?.acceptedNames ?? { plural: '', kind: '' }
  let condition: Finding = {
    type: 'NamesAccepted',
    status: 'True',
    reason: 'NoConflicts',
    message: 'no conflicts found',
  }
  const free = (names: readonly string[], set: ReadonlySet<string>, reason: string): boolean => {
    const conflicts = names.filter(name => set.has(name))
    const [first] = conflicts
    if (first === undefined) return true
    const message = conflicts.map(name => `${JSON.stringify(name)} is already in use`).join(', ')
    condition = {
      type: 'NamesAccepted',
      status: 'False',
      reason,
      message: bracketed(message, conflicts),
    }
    return false
  }
  const { singular = '', shortNames = [], listKind = '', categories } = wanted
  const names: CustomResourceDefinitionNames = {
    plural: free([wanted.plural], taken.resources, 'PluralConflict') ? wanted.plural : had.plural,
    ...pick(
      'singular',
      free([singular], taken.resources, 'SingularConflict') ? singular : had.singular,
    ),
    ...pick(
      'shortNames',
      free(shortNames, taken.resources, 'ShortNamesConflict') ? wanted.shortNames : had.shortNames,
    ),
    kind: free([wanted.kind], taken.kinds, 'KindConflict') ? wanted.kind : had.kind,
    ...pick(
      'listKind',
      free([listKind], taken.kinds, 'ListKindConflict') ? listKind : had.listKind,
    ),
    ...pick('categories', categories),
  }
  return { names, condition }
}

function bracketed(message: string, conflicts: readonly string[]): string {
  return conflicts.length > 1 ? `[${message}]` : message
}

function pick<K extends string, V>(key: K, value: V | undefined): { readonly [key in K]?: V } {
  return value === undefined || value === '' ? {} : ({ [key]: value } as { [key in K]: V })
}

/** The status as it should be; null when it already is. `others` may hold the definition itself. */
export function namedStatus(
  definition: CustomResourceDefinition,
  others: readonly CustomResourceDefinition[],
  builtIn: readonly Kind[],
  now: string,
): CustomResourceDefinitionStatus | null {
  const { names, condition } = acceptNames(definition, takenNames(definition, others, builtIn))
  const before = definition.status ?? {}
  const accepted = condition.status === 'True'
  let conditions = withCondition(before.conditions ?? [], condition, now)
  const established = conditionIs(definition, 'Established', 'True')
  // What was served once stays served, even under a conflict that came later.
  if (!established) {
    conditions = withCondition(
      conditions,
      accepted
        ? {
            type: 'Established',
            status: 'True',
            reason: 'InitialNamesAccepted',
            message: 'the initial names have been accepted',
          }
        : {
            type: 'Established',
            status: 'False',
            reason: 'NotAccepted',
            message: 'not all names are accepted',
          },
      now,
    )
  }
  const next = { ...before, conditions, acceptedNames: names }
  return sameJson(next, before) ? null : next
}

export function terminatingCondition(
  status: 'True' | 'False',
  reason: string,
  message: string,
): Finding {
  return { type: 'Terminating', status, reason, message }
}
