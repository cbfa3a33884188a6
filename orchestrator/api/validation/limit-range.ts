// Checks of LimitRanges. Counterpart: ValidateLimitRange of pkg/apis/core/validation.

import type { FieldError } from '../kind.js'
import type { Quantity } from '../quantity.js'
import { compareQuantities, parseQuantity, zeroQuantity } from '../quantity.js'
import { own } from '../record.js'
import type { LimitRange, LimitRangeItem } from '../types/core-quota.js'
import { duplicate, forbiddenField, invalidFor, invalidValue, required } from './field-errors.js'
import { validateObjectName } from './metadata.js'
import { dns1123Subdomain, qualifiedName } from './names.js'
import { notNegative } from './resources.js'

type Amounts = { readonly [name: string]: string }
const parts = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const
const limitTypes = ['Pod', 'Container', 'PersistentVolumeClaim']
const standardResources = ['cpu', 'memory', 'ephemeral-storage', 'storage']

function validateAmounts(amounts: Amounts | undefined, field: string): FieldError[] {
  return Object.entries(amounts ?? {}).flatMap(([name, text]) => {
    const at = `${field}[${name}]`
    const errors = invalidFor(at, name, qualifiedName(name))
    const standard = standardResources.includes(name) || name.startsWith('hugepages-')
    if (!name.includes('/') && !standard) {
      errors.push(invalidValue(at, name, 'must be a standard resource type or fully qualified'))
    }
    if ((parseQuantity(text)?.nanos ?? -1n) < 0n) errors.push(invalidValue(at, text, notNegative))
    return errors
  })
}

/** The lesser must not exceed the greater: texts as the original has them. */
const orders = [
  ['min', 'max', 'min', 'min', 'min value %a is greater than max value %b'],
  [
    'min',
    'defaultRequest',
    'defaultRequest',
    'defaultRequest',
    'min value %a is greater than default request value %b',
  ],
  [
    'defaultRequest',
    'max',
    'defaultRequest',
    'defaultRequest',
    'default request value %a is greater than max value %b',
  ],
  [
    'defaultRequest',
    'default',
    'defaultRequest',
    'defaultRequest',
    'default request value %a is greater than default limit value %b',
  ],
  ['min', 'default', 'default', 'min', 'min value %a is greater than default value %b'],
  ['default', 'max', 'default', 'max', 'default value %a is greater than max value %b'],
] as const

function validateOrder(item: LimitRangeItem, name: string, field: string): FieldError[] {
  const errors: FieldError[] = []
  const textOf = (part: (typeof parts)[number]) => own(item[part] ?? {}, name)
  const quantity = (part: (typeof parts)[number]) => quantityOf(textOf(part))
  for (const [lesser, greater, at, shown, text] of orders) {
    const a = quantity(lesser)
    const b = quantity(greater)
    if (a === null || b === null || compareQuantities(a, b) <= 0) continue
    const why = text.replace('%a', textOf(lesser) ?? '').replace('%b', textOf(greater) ?? '')
    errors.push(invalidValue(`${field}.${at}[${name}]`, textOf(shown) ?? null, why))
  }
  const ratio = quantity('maxLimitRequestRatio')
  const ratioText = textOf('maxLimitRequestRatio') ?? ''
  const ratioField = `${field}.maxLimitRequestRatio[${name}]`
  if (ratio !== null && ratio.nanos < 1_000_000_000n) {
    errors.push(invalidValue(ratioField, ratioText, `ratio ${ratioText} is less than 1`))
  }
  const min = quantity('min') ?? zeroQuantity
  const max = quantity('max')
  if (ratio !== null && max !== null && min.nanos > 0n) {
    const largest = Number(max.nanos) / Number(min.nanos)
    if (Number(ratio.nanos) / 1e9 > largest) {
      const text = `ratio ${ratioText} is greater than max/min = ${largest.toFixed(6)}`
      errors.push(invalidValue(ratioField, ratioText, text))
    }
  }
  const [limit, request] = [quantity('default'), quantity('defaultRequest')]
  const divisible = !name.includes('/') && !name.startsWith('hugepages-')
  if (!divisible && limit !== null && request !== null && compareQuantities(limit, request) !== 0) {
    const [limitText = '', requestText = ''] = [textOf('default'), textOf('defaultRequest')]
    const text = `default value ${limitText} must equal to defaultRequest value ${requestText} in ${name}`
    errors.push(invalidValue(`${field}.default[${name}]`, limitText, text))
  }
  return errors
}

function quantityOf(text: string | undefined): Quantity | null {
  return text === undefined ? null : parseQuantity(text)
}

function validateItem(item: LimitRangeItem, field: string): FieldError[] {
  const { type } = item
  const errors = invalidFor(`${field}.type`, type, qualifiedName(type))
  if (!type.includes('/') && !limitTypes.includes(type)) {
    const text = 'must be a standard limit type or fully qualified'
    errors.push(invalidValue(`${field}.type`, type, text))
  }
  if (type === 'Pod') {
    for (const part of ['default', 'defaultRequest'] as const) {
      if (Object.keys(item[part] ?? {}).length > 0) {
        const text = "may not be specified when `type` is 'Pod'"
        errors.push(forbiddenField(`${field}.${part}`, text))
      }
    }
  }
  if (type === 'PersistentVolumeClaim') {
    const stated = [item.min, item.max].some(amounts => own(amounts ?? {}, 'storage') !== undefined)
    if (!stated) {
      const text = 'either minimum or maximum storage value is required, but neither was provided'
      errors.push(required(`${field}.limits`, text))
    }
  }
  errors.push(...parts.flatMap(part => validateAmounts(item[part], `${field}.${part}`)))
  const names = new Set(parts.flatMap(part => Object.keys(item[part] ?? {})))
  return [...errors, ...[...names].flatMap(name => validateOrder(item, name, field))]
}

export function validateLimitRange(range: LimitRange): FieldError[] {
  const errors = validateObjectName(range, dns1123Subdomain)
  const { limits } = range.spec
  for (const [index, item] of limits.entries()) {
    const field = `spec.limits[${index}]`
    errors.push(...validateItem(item, field))
    if (limits.slice(0, index).some(earlier => earlier.type === item.type)) {
      errors.push(duplicate(`${field}.type`, item.type))
    }
  }
  return errors
}
