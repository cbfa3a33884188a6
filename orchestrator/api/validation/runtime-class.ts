// Checks of RuntimeClasses. Counterpart: pkg/apis/node/validation.

import { sameJson } from '../equality.js'
import type { FieldError } from '../kind.js'
import type { Json } from '../object.js'
import type { RuntimeClass } from '../types/node.js'
import { duplicate, invalidFor, invalidValue } from './field-errors.js'
import { immutableText, validateLabels, validateObjectName } from './metadata.js'
import { dns1123Label, dns1123Subdomain } from './names.js'
import { validateAmounts } from './resources.js'
import { validateToleration } from './scheduling.js'

export function validateRuntimeClass(
  runtimeClass: RuntimeClass,
  old: RuntimeClass | null,
): FieldError[] {
  const { handler, overhead, scheduling } = runtimeClass
  const errors = [
    ...validateObjectName(runtimeClass, dns1123Subdomain),
    ...invalidFor('handler', handler, dns1123Label(handler)),
    ...validateAmounts(overhead?.podFixed ?? {}, 'overhead.podFixed'),
    ...validateLabels(scheduling?.nodeSelector, 'scheduling.nodeSelector'),
  ]
  const tolerations = scheduling?.tolerations ?? []
  for (const [index, toleration] of tolerations.entries()) {
    const at = `scheduling.tolerations[${index}]`
    errors.push(...validateToleration(toleration, at))
    if (tolerations.slice(0, index).some(earlier => sameJson(earlier, toleration))) {
      errors.push(duplicate(at, toleration as unknown as Json))
    }
  }
  if (old !== null && old.handler !== handler) {
    errors.push(invalidValue('handler', handler, immutableText))
  }
  return errors
}
