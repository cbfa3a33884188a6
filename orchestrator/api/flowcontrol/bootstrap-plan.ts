// What is to be done so that the stored flow schemas and levels are as a release has them: what must be
// there is put right, what is only suggested is left alone once somebody has made it their own.
// Counterpart: pkg/registry/flowcontrol/{rest,ensurer}. Pure.

import { sameJson } from '../equality.js'
import type { JsonObject, KubeObject } from '../object.js'
import type { FlowSchema, FlowSchemaCondition } from '../types/flowcontrol.js'
import { autoUpdateAnnotation } from './bootstrap-objects.js'

export interface Bootstrap {
  readonly mandatory: readonly KubeObject[]
  readonly suggested: readonly KubeObject[]
}

export type BootstrapStep =
  | { readonly kind: 'create'; readonly object: KubeObject }
  | { readonly kind: 'update'; readonly name: string }
  | { readonly kind: 'remove'; readonly name: string }

/** `stored`: all of the kind. The steps can be taken in any order. */
export function bootstrapSteps(
  stored: readonly KubeObject[],
  { mandatory, suggested }: Bootstrap,
): readonly BootstrapStep[] {
  const found = new Map(stored.map(object => [object.metadata.name ?? '', object]))
  const wanted = new Set<string>()
  const steps: BootstrapStep[] = []
  for (const [objects, must] of [
    [mandatory, true],
    [suggested, false],
  ] as const) {
    for (const expected of objects) {
      const { name = '' } = expected.metadata
      wanted.add(name)
      const current = found.get(name)
      if (current === undefined) steps.push({ kind: 'create', object: expected })
      else if (bootstrapped(current, expected, must) !== null) steps.push({ kind: 'update', name })
    }
  }
  for (const [name, { metadata }] of found) {
    // An earlier release had it, and nobody has claimed it.
    if (wanted.has(name) || metadata.annotations?.[autoUpdateAnnotation] !== 'true') continue
    steps.push({ kind: 'remove', name })
  }
  return steps
}

/** The object as it should be; null where it is. */
export function bootstrapped(
  current: KubeObject,
  expected: KubeObject,
  mandatory: boolean,
): KubeObject | null {
  const follows = mandatory || followsRelease(current)
  const spec = follows ? withSpecOf(current, expected) : specOf(current)
  const annotation = follows ? 'true' : 'false'
  const changed = !sameJson(spec, specOf(current))
  const marked = current.metadata.annotations?.[autoUpdateAnnotation] === annotation
  if (!changed && marked) return null
  const { generation = 1 } = current.metadata
  const metadata = {
    ...current.metadata,
    annotations: { ...current.metadata.annotations, [autoUpdateAnnotation]: annotation },
    ...(changed ? { generation: generation + 1 } : {}),
  }
  const object: KubeObject & { readonly spec: JsonObject } = { ...current, metadata, spec }
  return object
}

/** Without a mark it is our own as long as nobody has changed it. */
function followsRelease({ metadata }: KubeObject): boolean {
  const mark = metadata.annotations?.[autoUpdateAnnotation]
  return mark === 'true' || (mark !== 'false' && (metadata.generation ?? 1) <= 1)
}

function specOf(object: KubeObject): JsonObject {
  return (object as KubeObject & { readonly spec?: JsonObject }).spec ?? {}
}

/** How much of the exempt level is lent is for users to say. */
function withSpecOf(current: KubeObject, expected: KubeObject): JsonObject {
  const exempt = specOf(current)['exempt']
  const spec = specOf(expected)
  return spec['type'] === 'Exempt' && exempt !== undefined ? { ...spec, exempt } : spec
}

/** The condition that says whether the schema's level is there; `now`: RFC 3339. Null: it is said. */
export function danglingCondition(
  { spec, status }: FlowSchema,
  levelNames: ReadonlySet<string>,
  now: string,
): FlowSchemaCondition | null {
  const { name } = spec.priorityLevelConfiguration
  const dangling = !levelNames.has(name)
  const state = dangling ? 'True' : 'False'
  const reason = dangling ? 'NotFound' : 'Found'
  const tail = dangling ? 'but there is no such object' : 'and it exists'
  const message = `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(name)} ${tail}`
  const current = status?.conditions?.find(({ type }) => type === 'Dangling')
  const same = current?.status === state
  if (same && current.reason === reason && current.message === message) return null
  const lastTransitionTime = same ? (current.lastTransitionTime ?? now) : now
  return { type: 'Dangling', status: state, lastTransitionTime, reason, message }
}
