// Keeps the kinds that are served in step with the definitions in the cache. Every master does so for
// itself, from the same events in the same order. Counterpart: apiextensions' discovery controller and
// the storage map of its handler.

import type { Logger } from '../../platform/logger.js'
import { customKinds } from '../api/custom/custom-kind.js'
import type { Kind } from '../api/kind.js'
import type { KindRegistry } from '../api/kind-registry.js'
import type { JsonObject, KubeObject } from '../api/object.js'
import type { CustomResourceDefinition } from '../api/types/apiextensions.js'
import { resourceId } from './keys.js'
import type { RegistryCache } from './registry-cache.js'

export const definitionGroup = 'apiextensions.k8s.io'
export const definitionPlural = 'customresourcedefinitions'

export interface CustomKindsOptions {
  readonly kinds: KindRegistry
  readonly cache: RegistryCache
  readonly logger: Logger
}

interface Made {
  /** All of the definition that its kinds follow from. */
  readonly text: string
  readonly kinds: readonly Kind[]
}

/** The returned function stops it. */
export function keepCustomKinds(options: CustomKindsOptions): () => void {
  const { kinds, cache } = options
  const id = resourceId(definitionGroup, definitionPlural)
  let made = new Map<string, Made>()

  const refresh = () => {
    const next = new Map<string, Made>()
    for (const stored of cache.resource(id).list(`/registry/${id}/`)) {
      const definition = stored.object as CustomResourceDefinition
      const name = definition.metadata.name ?? ''
      const text = relevantText(definition)
      const known = made.get(name)
      next.set(name, known?.text === text ? known : { text, kinds: kindsOf(options, definition) })
    }
    made = next
    kinds.replaceCustom(inOrder([...next.values()].flatMap(one => one.kinds)))
  }
  return cache.listen(id, { onChange: refresh, onReset: refresh })
}

/** What does not change the kinds, such as labels, must not end the watches on them. */
function relevantText({ spec, status, metadata }: CustomResourceDefinition): string {
  const conditions = (status?.conditions ?? [])
    .filter(({ type }) => type === 'Established' || type === 'Terminating')
    .map(condition => [condition.type, condition.status])
  return JSON.stringify([metadata.uid, spec, status?.acceptedNames, conditions])
}

function kindsOf(
  { logger }: CustomKindsOptions,
  definition: CustomResourceDefinition,
): readonly Kind[] {
  try {
    return customKinds(definition)
  } catch (error) {
    // One definition that nobody foresaw must not take all other kinds along.
    const { name } = definition.metadata
    logger.error({ definition: name, error: String(error) }, 'definition not understood')
    return []
  }
}

/** Groups by the alphabet; versions of one group as their definitions prefer them. */
function inOrder(kinds: readonly Kind[]): readonly Kind[] {
  return kinds.toSorted((a, b) => (a.group < b.group ? -1 : a.group > b.group ? 1 : 0))
}

export function asDefinition(object: KubeObject | JsonObject): CustomResourceDefinition {
  return object as CustomResourceDefinition
}
