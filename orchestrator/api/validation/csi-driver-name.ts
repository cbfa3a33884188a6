// The name of a storage driver. Counterpart: ValidateCSIDriverName of pkg/apis/core/validation.

import type { FieldError } from '../kind.js'
import { invalidFor, required, tooLong } from './field-errors.js'
import { dns1123Subdomain } from './names.js'

const driverNameBytesMax = 63

export function validateDriverName(name: string, field: string): FieldError[] {
  if (name === '') return [required(field)]
  return [
    ...(name.length > driverNameBytesMax ? [tooLong(field, driverNameBytesMax)] : []),
    ...invalidFor(field, name, dns1123Subdomain(name.toLowerCase())),
  ]
}
