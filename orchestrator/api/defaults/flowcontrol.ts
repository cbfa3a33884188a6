// Defaults of FlowSchemas and PriorityLevelConfigurations. Counterpart: pkg/apis/flowcontrol/v1.

import type {
  FlowSchema,
  LimitedPriorityLevelConfiguration,
  PriorityLevelConfiguration,
  PriorityLevelConfigurationSpec,
  QueuingConfiguration,
} from '../types/flowcontrol.js'

export function flowSchemaDefaults(schema: FlowSchema): FlowSchema {
  const matchingPrecedence = orElse(schema.spec?.matchingPrecedence, 1_000)
  return { ...schema, spec: { ...schema.spec, matchingPrecedence } }
}

export function priorityLevelDefaults(
  level: PriorityLevelConfiguration,
): PriorityLevelConfiguration {
  return { ...level, spec: specDefaults(level.spec) }
}

function specDefaults(
  spec: PriorityLevelConfigurationSpec | undefined,
): PriorityLevelConfigurationSpec {
  const { type = '', limited } = spec ?? {}
  const exempt = spec?.exempt ?? (type === 'Exempt' ? {} : undefined)
  return {
    ...spec,
    type,
    ...(exempt === undefined
      ? {}
      : {
          exempt: {
            nominalConcurrencyShares: exempt.nominalConcurrencyShares ?? 0,
            lendablePercent: exempt.lendablePercent ?? 0,
          },
        }),
    ...(limited === undefined ? {} : { limited: limitedDefaults(limited) }),
  }
}

function limitedDefaults(
  limited: LimitedPriorityLevelConfiguration,
): LimitedPriorityLevelConfiguration {
  const { limitResponse } = limited
  const queuing = limitResponse?.queuing
  return {
    ...limited,
    nominalConcurrencyShares: limited.nominalConcurrencyShares ?? 30,
    lendablePercent: limited.lendablePercent ?? 0,
    ...(limitResponse === undefined || queuing === undefined
      ? {}
      : { limitResponse: { ...limitResponse, queuing: queuingDefaults(queuing) } }),
  }
}

/** A zero is no value here, as it comes from clients that always write the field. */
function queuingDefaults(queuing: QueuingConfiguration): QueuingConfiguration {
  return {
    queues: orElse(queuing.queues, 64),
    handSize: orElse(queuing.handSize, 8),
    queueLengthLimit: orElse(queuing.queueLengthLimit, 50),
  }
}

function orElse(value: number | undefined, otherwise: number): number {
  return value === undefined || value === 0 ? otherwise : value
}
