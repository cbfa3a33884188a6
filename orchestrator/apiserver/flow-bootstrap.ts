// Keeps the flow schemas and levels that every cluster begins with, and says of each schema whether its
// level exists. Every master does so; they come to the same. Counterpart: the start hook of
// pkg/registry/flowcontrol/rest, and the status part of apiserver's config consumer.

import type { Clock } from '../../platform/clock.js'
import type { Logger } from '../../platform/logger.js'
import {
  mandatoryLevels,
  mandatorySchemas,
  suggestedLevels,
  suggestedSchemas,
} from '../api/flowcontrol/bootstrap-objects.js'
import {
  bootstrapped,
  bootstrapSteps,
  danglingCondition,
} from '../api/flowcontrol/bootstrap-plan.js'
import type { Bootstrap, BootstrapStep } from '../api/flowcontrol/bootstrap-plan.js'
import type { Kind } from '../api/kind.js'
import { flowSchema } from '../api/kinds/flowcontrol/flow-schema.js'
import { priorityLevelConfiguration } from '../api/kinds/flowcontrol/priority-level-configuration.js'
import type { KubeObject } from '../api/object.js'
import { isStatusReason } from '../api/status.js'
import type { FlowSchema } from '../api/types/flowcontrol.js'
import { timestamp } from './deletion.js'
import { resourceOfKind } from './keys.js'
import type { ObjectReader } from './object-reader.js'
import type { Change, ObjectWriter } from './object-writer.js'
import type { RegistryCache } from './registry-cache.js'
import { repeatedWork } from './repeated-work.js'
import type { ResourceEndpoints } from './resource-endpoints.js'
import { serverUser } from './system-bootstrap.js'

export interface FlowBootstrapOptions {
  readonly endpoints: ResourceEndpoints
  readonly reader: ObjectReader
  readonly writer: ObjectWriter
  readonly cache: RegistryCache
  readonly clock: Clock
  readonly logger: Logger
}

const freshMs = 5_000

const parts: readonly { readonly kind: Kind; readonly bootstrap: Bootstrap }[] = [
  {
    kind: priorityLevelConfiguration,
    bootstrap: { mandatory: mandatoryLevels, suggested: suggestedLevels },
  },
  { kind: flowSchema, bootstrap: { mandatory: mandatorySchemas, suggested: suggestedSchemas } },
]

/** Rejects with ApiError when the store does not take part; call again, and from time to time. */
export async function ensureFlowControl(options: FlowBootstrapOptions): Promise<void> {
  await options.cache.waitUntilFresh(freshMs)
  for (const { kind, bootstrap } of parts) {
    const stored = objectsOf(options.reader, kind)
    const steps = bootstrapSteps(stored, bootstrap)
    await Promise.all(steps.map(step => take(options, kind, bootstrap, step)))
  }
}

function objectsOf(reader: ObjectReader, { group, plural }: Kind): readonly KubeObject[] {
  return reader.cachedList(group, plural, '').map(stored => stored.object)
}

async function take(
  { endpoints, writer }: FlowBootstrapOptions,
  kind: Kind,
  bootstrap: Bootstrap,
  step: BootstrapStep,
): Promise<void> {
  const change = (name: string, decide: (current: KubeObject) => Change) =>
    writer.change(kind, '', name, decide, false)
  try {
    switch (step.kind) {
      case 'create':
        await endpoints.createOwn(kind, step.object, serverUser)
        return
      case 'update':
        await change(step.name, current => updated(current, bootstrap))
        return
      case 'remove':
        await change(step.name, () => ({ kind: 'remove' }))
        return
    }
  } catch (error) {
    // Another master was faster.
    if (!isStatusReason(error, 'AlreadyExists') && !isStatusReason(error, 'NotFound')) throw error
  }
}

function updated(current: KubeObject, { mandatory, suggested }: Bootstrap): Change {
  const { name } = current.metadata
  const fixed = mandatory.find(one => one.metadata.name === name)
  const expected = fixed ?? suggested.find(one => one.metadata.name === name)
  const object =
    expected === undefined ? null : bootstrapped(current, expected, fixed !== undefined)
  return object === null ? { kind: 'none' } : { kind: 'put', object }
}

/** Keeps the condition of every schema. The returned function stops it. */
export function keepDanglingConditions(options: FlowBootstrapOptions): () => void {
  const { cache } = options
  const { look, stop } = repeatedWork(options, 'flow schemas not marked yet, trying again', () =>
    settleConditions(options),
  )
  const unlisten = parts.map(({ kind }) =>
    cache.listen(resourceOfKind(kind), { onChange: look, onReset: look }),
  )
  return () => {
    stop()
    for (const one of unlisten) one()
  }
}

async function settleConditions({ reader, writer, clock }: FlowBootstrapOptions): Promise<void> {
  const now = timestamp(clock.wallMs())
  const levels = () =>
    new Set(
      objectsOf(reader, priorityLevelConfiguration).map(({ metadata }) => metadata.name ?? ''),
    )
  const decide = (current: KubeObject): Change => {
    const schema = current as FlowSchema
    const condition = danglingCondition(schema, levels(), now)
    if (condition === null) return { kind: 'none' }
    const others = (schema.status?.conditions ?? []).filter(({ type }) => type !== condition.type)
    const object: FlowSchema = { ...schema, status: { conditions: [...others, condition] } }
    return { kind: 'put', object }
  }
  const known = levels()
  for (const schema of objectsOf(reader, flowSchema)) {
    if (danglingCondition(schema as FlowSchema, known, now) === null) continue
    try {
      await writer.change(flowSchema, '', schema.metadata.name ?? '', decide, false)
    } catch (error) {
      if (!isStatusReason(error, 'NotFound')) throw error
    }
  }
}
