// Checks of resource requests and limits. Counterpart: ValidateResourceRequirements of
// pkg/apis/core/validation.

import type { FieldError } from '../kind.js'
import { compareQuantities, parseQuantity } from '../quantity.js'
import type { ResourceRequirements } from '../types/core-container.js'
import { forbiddenField, invalidFor, invalidValue } from './field-errors.js'
import { qualifiedName } from './names.js'

const containerResources: ReadonlySet<string> = new Set(['cpu', 'memory', 'ephemeral-storage'])

export const notNegative = 'must be greater than or equal to 0'

/** Names with a domain are extended resources; of the plain ones, containers know only a few. */
function validateResourceName(name: string, field: string): FieldError[] {
  const wrong = invalidFor(field, name, qualifiedName(name))
  if (wrong.length > 0 || name.includes('/')) return wrong
  if (containerResources.has(name) || name.startsWith('hugepages-')) return []
  return [
    invalidValue(field, name, 'must be a standard resource type or fully qualified'),
    invalidValue(field, name, 'must be a standard resource for containers'),
  ]
}

export function validateAmounts(
  amounts: { readonly [name: string]: string },
  field: string,
): FieldError[] {
  return Object.entries(amounts).flatMap(([name, text]) => {
    const at = `${field}[${name}]`
    const errors = validateResourceName(name, at)
    const quantity = parseQuantity(text)
    if (quantity === null || quantity.nanos < 0n) {
      errors.push(invalidValue(at, text, notNegative))
    } else if (name.includes('/') && quantity.nanos % 1_000_000_000n !== 0n) {
      errors.push(invalidValue(at, text, 'must be an integer'))
    }
    return errors
  })
}

export function validateResources(resources: ResourceRequirements, field: string): FieldError[] {
  const { limits = {}, requests = {} } = resources
  const errors = [
    ...validateAmounts(limits, `${field}.limits`),
    ...validateAmounts(requests, `${field}.requests`),
  ]
  for (const [name, text] of Object.entries(requests)) {
    const request = parseQuantity(text)
    const limitText = Object.hasOwn(limits, name) ? limits[name] : undefined
    const limit = limitText === undefined ? null : parseQuantity(limitText)
    if (request === null || limit === null) continue
    const order = compareQuantities(request, limit)
    if (name.includes('/') ? order !== 0 : order > 0) {
      const relation = name.includes('/') ? 'equal to' : 'less than or equal to'
      const why = `must be ${relation} ${name} limit of ${limitText}`
      errors.push(invalidValue(`${field}.requests`, text, why))
    }
  }
  for (const [index, claim] of (resources.claims ?? []).entries()) {
    if (claim.name === '') {
      errors.push(forbiddenField(`${field}.claims[${index}].name`, 'a claim needs a name'))
    }
  }
  return errors
}
