// What the API server itself does about definitions: finds out whether their names are free, and on
// deletion takes all objects along before it lets go. Every master does this; compare-and-swap makes
// sure that they do not undo one another's work. Counterpart: the naming, establishing and finalizing
// controllers of apiextensions-apiserver.

import type { Clock, Timer } from '../../platform/clock.js'
import type { Logger } from '../../platform/logger.js'
import {
  cleanupFinalizer,
  conditionIs,
  namedStatus,
  terminatingCondition,
  withCondition,
} from '../api/custom/definition-status.js'
import { customKinds } from '../api/custom/custom-kind.js'
import type { KindRegistry } from '../api/kind-registry.js'
import { customResourceDefinition } from '../api/kinds/apiextensions/custom-resource-definition.js'
import type { KubeObject } from '../api/object.js'
import { ApiError } from '../api/status.js'
import { storedKind } from '../api/stored-version.js'
import type { CustomResourceDefinition } from '../api/types/apiextensions.js'
import { asDefinition, definitionGroup, definitionPlural } from './custom-kinds.js'
import { planDelete, timestamp } from './deletion.js'
import { resourceId } from './keys.js'
import type { Change, ObjectWriter } from './object-writer.js'
import type { ObjectReader } from './object-reader.js'
import type { DeleteOptions } from './query-options.js'
import type { RegistryCache } from './registry-cache.js'
import type { StoredObject } from './stored-object.js'

const retryMs = 1_000
/** Objects that hold themselves back with finalizers are looked at again after this time. */
const recheckMs = 1_000

export interface DefinitionControllerOptions {
  readonly kinds: KindRegistry
  readonly cache: RegistryCache
  readonly reader: ObjectReader
  readonly writer: ObjectWriter
  readonly clock: Clock
  readonly logger: Logger
}

export class DefinitionController {
  readonly #options: DefinitionControllerOptions
  readonly #unlisten: () => void
  readonly #timers = new Map<string, Timer>()
  readonly #busy = new Set<string>()
  readonly #again = new Set<string>()
  #stopped = false

  constructor(options: DefinitionControllerOptions) {
    this.#options = options
    const id = resourceId(definitionGroup, definitionPlural)
    const lookAtAll = () => {
      for (const definition of this.#definitions()) this.#look(definition.metadata.name ?? '')
    }
    this.#unlisten = options.cache.listen(id, { onChange: lookAtAll, onReset: lookAtAll })
  }

  stop(): void {
    this.#stopped = true
    this.#unlisten()
    for (const timer of this.#timers.values()) timer.cancel()
  }

  #definitions(): readonly CustomResourceDefinition[] {
    return this.#options.reader
      .cachedList(definitionGroup, definitionPlural, '')
      .map(stored => asDefinition(stored.object))
  }

  #look(name: string): void {
    if (this.#stopped) return
    if (this.#busy.has(name)) {
      this.#again.add(name)
      return
    }
    this.#busy.add(name)
    this.#reconcile(name)
      .catch((error: unknown) => {
        const gone = error instanceof ApiError && error.status.reason === 'NotFound'
        if (gone || this.#stopped) return
        this.#options.logger.warn({ definition: name, error: String(error) }, 'not done yet')
        this.#later(name, retryMs)
      })
      .finally(() => {
        this.#busy.delete(name)
        if (this.#again.delete(name)) this.#look(name)
      })
  }

  #later(name: string, delayMs: number): void {
    if (this.#stopped) return
    this.#timers.get(name)?.cancel()
    this.#timers.set(
      name,
      this.#options.clock.setTimer(delayMs, () => {
        this.#timers.delete(name)
        this.#look(name)
      }),
    )
  }

  async #reconcile(name: string): Promise<void> {
    const found = this.#definitions().find(one => one.metadata.name === name)
    if (found === undefined) return
    if (this.#named(found) !== null) await this.#change(name, current => this.#named(current))
    if (found.metadata.deletionTimestamp === undefined) return
    if (!(found.metadata.finalizers ?? []).includes(cleanupFinalizer)) return
    await this.#finalize(found)
  }

  #named(definition: CustomResourceDefinition): CustomResourceDefinition | null {
    const { kinds, clock } = this.#options
    const now = timestamp(clock.wallMs())
    const status = namedStatus(definition, this.#definitions(), kinds.builtIn, now)
    return status === null ? null : { ...definition, status }
  }

  async #finalize(definition: CustomResourceDefinition): Promise<void> {
    const name = definition.metadata.name ?? ''
    const established = conditionIs(definition, 'Established', 'True')
    if (established && this.#remaining(definition) > 0) {
      await this.#report(
        name,
        'True',
        'InstanceDeletionInProgress',
        'CustomResource deletion is in progress',
      )
      await this.#deleteObjects(definition)
    }
    // What other masters took in before they heard of the deletion counts as well.
    await this.#options.cache.waitUntilFresh(freshMs)
    if (established && this.#remaining(definition) > 0) {
      this.#later(name, recheckMs)
      return
    }
    await this.#change(name, current => {
      const { metadata } = current
      if (metadata.deletionTimestamp === undefined) return null
      const finalizers = (metadata.finalizers ?? []).filter(one => one !== cleanupFinalizer)
      const { finalizers: _, ...rest } = metadata
      const completed = this.#terminating(
        current,
        'False',
        'InstanceDeletionCompleted',
        'removed all instances',
      )
      return { ...completed, metadata: finalizers.length === 0 ? rest : { ...rest, finalizers } }
    })
  }

  /** Those with finalizers are marked, and left to who put them there. */
  async #deleteObjects(definition: CustomResourceDefinition): Promise<void> {
    const { writer, clock } = this.#options
    const [kind] = customKinds(allServed(definition))
    if (kind === undefined) return
    for (const { object } of this.#objects(definition)) {
      const { namespace = '', name = '' } = object.metadata
      const decide = (current: KubeObject): Change => {
        const plan = planDelete(kind, current, deleteAtOnce, clock.wallMs())
        if (plan.kind === 'pending') return { kind: 'none' }
        return plan.kind === 'remove' ? plan : { kind: 'put', object: plan.object }
      }
      try {
        await writer.change(storedKind(kind), namespace, name, decide, false)
      } catch (error) {
        if (!(error instanceof ApiError) || error.status.reason !== 'NotFound') throw error
      }
    }
  }

  #objects({ spec }: CustomResourceDefinition): readonly StoredObject[] {
    return this.#options.reader.cachedList(spec.group, spec.names.plural, '')
  }

  #remaining(definition: CustomResourceDefinition): number {
    return this.#objects(definition).length
  }

  #terminating(
    definition: CustomResourceDefinition,
    status: 'True' | 'False',
    reason: string,
    message: string,
  ): CustomResourceDefinition {
    const now = timestamp(this.#options.clock.wallMs())
    const conditions = withCondition(
      definition.status?.conditions ?? [],
      terminatingCondition(status, reason, message),
      now,
    )
    return { ...definition, status: { ...definition.status, conditions } }
  }

  async #report(
    name: string,
    status: 'True' | 'False',
    reason: string,
    message: string,
  ): Promise<void> {
    await this.#change(name, current => this.#terminating(current, status, reason, message))
  }

  async #change(
    name: string,
    next: (current: CustomResourceDefinition) => CustomResourceDefinition | null,
  ): Promise<void> {
    const decide = (current: KubeObject): Change => {
      const object = next(asDefinition(current))
      return object === null ? { kind: 'none' } : { kind: 'put', object }
    }
    await this.#options.writer.change(customResourceDefinition, '', name, decide, false)
  }
}

/** Objects are there also where no version is served any more. */
function allServed(definition: CustomResourceDefinition): CustomResourceDefinition {
  const versions = definition.spec.versions.map(version => ({ ...version, served: true }))
  return { ...definition, spec: { ...definition.spec, versions } }
}

const deleteAtOnce: DeleteOptions = {
  gracePeriodSeconds: null,
  propagationPolicy: null,
  uid: null,
  resourceVersion: null,
  dryRun: false,
}

const freshMs = 5_000
