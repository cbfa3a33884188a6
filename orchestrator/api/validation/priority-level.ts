// Checks of PriorityLevelConfigurations. Counterpart: pkg/apis/flowcontrol/validation.

import { mandatoryLevels } from '../flowcontrol/bootstrap-objects.js'
import { requiredEntropyBits } from '../flowcontrol/shuffle-sharding.js'
import { sameJson } from '../equality.js'
import type { FieldError } from '../kind.js'
import type {
  LimitedPriorityLevelConfiguration,
  LimitResponse,
  PriorityLevelConfiguration,
  PriorityLevelConfigurationSpec,
  QueuingConfiguration,
} from '../types/flowcontrol.js'
import {
  forbiddenField,
  invalidField,
  invalidValue,
  notSupported,
  required,
} from './field-errors.js'
import { validateConditions } from './flow-schema.js'
import { validateObjectName } from './metadata.js'
import { dns1123Subdomain } from './names.js'

const queuesMax = 10_000_000
const entropyBitsMax = 60

export function validatePriorityLevel(level: PriorityLevelConfiguration): FieldError[] {
  const { name = '' } = level.metadata
  const errors = [...validateObjectName(level, dns1123Subdomain), ...validateSpec(level.spec, name)]
  const fixed = mandatoryLevels.find(one => one.metadata.name === name)
  if (fixed !== undefined && !sameJson(fixedPart(fixed.spec), fixedPart(level.spec))) {
    const text = `spec of '${name}' must equal the fixed value`
    errors.push(invalidField('spec', text))
  }
  return [...errors, ...validateConditions(level.status?.conditions)]
}

/** How much of the exempt level's share can be lent is for users to say. */
function fixedPart(spec: PriorityLevelConfigurationSpec) {
  return spec.type === 'Exempt' ? { ...spec, exempt: {} } : spec
}

function validateSpec(spec: PriorityLevelConfigurationSpec, name: string): FieldError[] {
  const { type, limited, exempt } = spec
  const errors: FieldError[] = []
  if ((name === 'exempt') !== (type === 'Exempt')) {
    const text = "type must be 'Exempt' if and only if name is 'exempt'"
    errors.push(invalidValue('spec.type', type, text))
  }
  switch (type) {
    case 'Exempt':
      if (limited !== undefined) {
        errors.push(forbiddenField('spec.limited', 'must be nil if the type is not Limited'))
      }
      if (exempt !== undefined) {
        errors.push(...shareErrors(exempt.nominalConcurrencyShares, 'spec.exempt'))
        errors.push(...lendableErrors(exempt.lendablePercent, 'spec.exempt'))
      }
      break
    case 'Limited':
      if (exempt !== undefined) {
        errors.push(forbiddenField('spec.exempt', 'must be nil if the type is Limited'))
      }
      if (limited === undefined) {
        errors.push(required('spec.limited', 'must not be empty when type is Limited'))
      } else errors.push(...limitedErrors(limited))
      break
    default:
      errors.push(notSupported('spec.type', type, ['Exempt', 'Limited']))
  }
  return errors
}

function shareErrors(shares: number | undefined, field: string): FieldError[] {
  if ((shares ?? 0) >= 0) return []
  const text = 'must be a non-negative integer'
  return [invalidValue(`${field}.nominalConcurrencyShares`, shares, text)]
}

function lendableErrors(percent: number | undefined, field: string): FieldError[] {
  if (percent === undefined || (percent >= 0 && percent <= 100)) return []
  const text = 'must be between 0 and 100, inclusive'
  return [invalidValue(`${field}.lendablePercent`, percent, text)]
}

function limitedErrors(limited: LimitedPriorityLevelConfiguration): FieldError[] {
  const field = 'spec.limited'
  const { borrowingLimitPercent } = limited
  const errors = shareErrors(limited.nominalConcurrencyShares, field)
  errors.push(...responseErrors(limited.limitResponse))
  errors.push(...lendableErrors(limited.lendablePercent, field))
  if (borrowingLimitPercent !== undefined && borrowingLimitPercent < 0) {
    const text = 'if specified, must be a non-negative integer'
    errors.push(invalidValue(`${field}.borrowingLimitPercent`, borrowingLimitPercent, text))
  }
  return errors
}

function responseErrors(response: LimitResponse | undefined): FieldError[] {
  const field = 'spec.limited.limitResponse'
  const { type = '', queuing } = response ?? {}
  switch (type) {
    case 'Reject': {
      if (queuing === undefined) return []
      const text = 'must be nil if limited.limitResponse.type is not Limited'
      return [forbiddenField(`${field}.queuing`, text)]
    }
    case 'Queue': {
      if (queuing !== undefined) return queuingErrors(queuing, `${field}.queuing`)
      const text = 'must not be empty if limited.limitResponse.type is Limited'
      return [required(`${field}.queuing`, text)]
    }
    default:
      return [notSupported(`${field}.type`, type, ['Queue', 'Reject'])]
  }
}

function queuingErrors(queuing: QueuingConfiguration, field: string): FieldError[] {
  const { queues = 0, handSize = 0, queueLengthLimit = 0 } = queuing
  const errors: FieldError[] = []
  if (queueLengthLimit <= 0) {
    errors.push(invalidValue(`${field}.queueLengthLimit`, queueLengthLimit, 'must be positive'))
  }
  if (queues <= 0) errors.push(invalidValue(`${field}.queues`, queues, 'must be positive'))
  else if (queues > queuesMax) {
    errors.push(invalidValue(`${field}.queues`, queues, `must not be greater than ${queuesMax}`))
  }
  const hand = (text: string) => errors.push(invalidValue(`${field}.handSize`, handSize, text))
  if (handSize <= 0) hand('must be positive')
  else if (handSize > queues) hand(`should not be greater than queues (${queues})`)
  else if (requiredEntropyBits(queues, handSize) > entropyBitsMax) {
    hand(
      `required entropy bits of deckSize ${queues} and handSize ${handSize} should not be greater than ${entropyBitsMax}`,
    )
  }
  return errors
}
