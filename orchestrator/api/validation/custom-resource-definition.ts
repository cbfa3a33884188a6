// Counterpart: apiextensions/validation. The API server gathers per-version parts that all versions
// share before it checks them, and names them so: spec.validation, spec.subresources.

import { fieldNames, parseJsonPath } from '../custom/json-path.js'
import { propertyOf } from '../custom/schema-parts.js'
import { validateRuleCosts } from '../custom/rule-costs.js'
import { validateStructure } from '../custom/structural-rules.js'
import { sameJson } from '../equality.js'
import type { FieldError } from '../kind.js'
import type {
  CustomResourceColumnDefinition,
  CustomResourceConversion,
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionSpec,
  CustomResourceDefinitionVersion,
  JSONSchemaProps,
} from '../types/apiextensions.js'
import {
  duplicate,
  forbiddenField,
  invalidFor,
  invalidValue,
  notSupported,
  required,
} from './field-errors.js'
import { immutableText, validateObjectName } from './metadata.js'
import { dns1035, dns1123Subdomain } from './names.js'
import { validateWebhookClient } from './webhook-client.js'

const approvalAnnotation = 'api-approved.kubernetes.io'
const approvalPage = 'https://github.com/kubernetes/enhancements/pull/1111'
const columnTypes = ['boolean', 'date', 'integer', 'number', 'string'] as const
const columnFormats = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password']
const selectableFieldsMax = 8
const versionsMax = 64

export function validateDefinition(
  definition: CustomResourceDefinition,
  old: CustomResourceDefinition | null,
): readonly FieldError[] {
  const { metadata, spec } = definition
  const expected = `${spec.names.plural}.${spec.group}`
  const nameErrors = validateObjectName(definition, () =>
    metadata.name === expected ? [] : ['must be spec.names.plural+"."+spec.group'],
  )
  return [
    ...nameErrors,
    ...(old === null ? approval(definition) : []),
    ...validateSpec(spec, old?.spec ?? null),
    ...(old === null ? [] : validateUpdate(definition, old)),
    ...validateStored(definition),
  ]
}

/** Groups of the project's own domain need a word that somebody has looked at the API. */
function approval({ metadata, spec }: CustomResourceDefinition): FieldError[] {
  const isProtected = /(?:^|\.)(?:k8s|kubernetes)\.io$/.test(spec.group)
  if (!isProtected) return []
  const field = `metadata.annotations[${approvalAnnotation}]`
  const given = metadata.annotations?.[approvalAnnotation] ?? ''
  const see = `see ${approvalPage}`
  if (given === '') {
    const text = `protected groups must have approval annotation ${JSON.stringify(approvalAnnotation)}, ${see}`
    return [required(field, text)]
  }
  if (given.startsWith('unapproved') || /^https?:\/\/[^/\s]+\/?/.test(given)) return []
  const text = `protected groups must have approval annotation ${JSON.stringify(approvalAnnotation)} with either a URL or a reason starting with "unapproved", ${see}`
  return [invalidValue(field, given, text)]
}

function validateSpec(
  spec: CustomResourceDefinitionSpec,
  old: CustomResourceDefinitionSpec | null,
): FieldError[] {
  const errors: FieldError[] = []
  if (spec.group === '') errors.push(required('spec.group'))
  else {
    errors.push(...invalidFor('spec.group', spec.group, dns1123Subdomain(spec.group)))
    if (!spec.group.includes('.')) {
      errors.push(
        invalidValue('spec.group', spec.group, 'should be a domain with at least one dot'),
      )
    }
  }
  const scopes = ['Cluster', 'Namespaced']
  if (spec.scope === '') {
    errors.push(required('spec.scope'), notSupported('spec.scope', '', scopes))
  } else if (!scopes.includes(spec.scope)) {
    errors.push(notSupported('spec.scope', spec.scope, scopes))
  }
  if (spec.preserveUnknownFields === true) {
    const text = 'must be false in order to use defaults in the schema'
    errors.push(invalidValue('spec.preserveUnknownFields', true, text))
  }
  errors.push(...validateNames(spec.names), ...validateVersions(spec, old))
  if (spec.conversion !== undefined) errors.push(...validateConversion(spec.conversion))
  return errors
}

function validateNames(names: CustomResourceDefinitionNames): FieldError[] {
  const field = 'spec.names'
  const errors: FieldError[] = []
  if (names.plural === '') errors.push(required(`${field}.plural`))
  else errors.push(...invalidFor(`${field}.plural`, names.plural, dns1035(names.plural)))
  const { singular = '', listKind = '' } = names
  if (singular !== '') errors.push(...invalidFor(`${field}.singular`, singular, dns1035(singular)))
  if (names.kind === '') errors.push(required(`${field}.kind`))
  else {
    const errorsOfKind = dns1035(names.kind.toLowerCase())
    errors.push(...kindErrors(`${field}.kind`, names.kind, errorsOfKind))
  }
  if (listKind === '' && names.kind !== '') errors.push(required(`${field}.listKind`))
  else if (listKind !== '') {
    errors.push(...kindErrors(`${field}.listKind`, listKind, dns1035(listKind.toLowerCase())))
    if (listKind === names.kind) {
      errors.push(
        invalidValue(`${field}.listKind`, listKind, 'kind and listKind may not be the same'),
      )
    }
  }
  for (const [list, values] of [
    ['shortNames', names.shortNames ?? []],
    ['categories', names.categories ?? []],
  ] as const) {
    for (const [index, name] of values.entries()) {
      errors.push(...invalidFor(`${field}.${list}[${index}]`, name, dns1035(name)))
    }
  }
  return errors
}

function kindErrors(field: string, value: string, details: readonly string[]): FieldError[] {
  return details.map(detail =>
    invalidValue(field, value, `may have mixed case, but should otherwise match: ${detail}`),
  )
}

function validateVersions(
  spec: CustomResourceDefinitionSpec,
  old: CustomResourceDefinitionSpec | null,
): FieldError[] {
  const { versions } = spec
  const errors: FieldError[] = []
  if (versions.length > versionsMax) {
    return [
      invalidValue('spec.versions', versions.length, `must have at most ${versionsMax} versions`),
    ]
  }
  const seen = new Set<string>()
  for (const [index, { name }] of versions.entries()) {
    const field = `spec.versions[${index}].name`
    if (seen.has(name)) errors.push(duplicate(field, name))
    seen.add(name)
    errors.push(...invalidFor(field, name, dns1035(name)))
  }
  const storage = versions.filter(version => version.storage).length
  if (storage !== 1) {
    const text = 'must have exactly one version marked as storage version'
    errors.push(invalidValue('spec.versions', shownVersions(versions), text))
  }
  const shared = {
    schema: shares(versions, version => version.schema),
    columns: shares(versions, version => version.additionalPrinterColumns),
    subresources: shares(versions, version => version.subresources),
  }
  for (const [index, version] of versions.entries()) {
    const own = `spec.versions[${index}]`
    const first = index === 0
    if (version.schema?.openAPIV3Schema === undefined) {
      errors.push(required(`${own}.schema.openAPIV3Schema`, 'schemas are required'))
    } else if (!shared.schema || first) {
      const field = shared.schema ? 'spec.validation' : `${own}.schema`
      errors.push(...validateSchema(version, old, `${field}.openAPIV3Schema`))
    }
    if (!shared.columns || first) {
      const field = shared.columns ? 'spec' : own
      errors.push(...validateColumns(version.additionalPrinterColumns ?? [], field))
    }
    if (!shared.subresources || first) {
      const field = shared.subresources ? 'spec.subresources' : `${own}.subresources`
      errors.push(...validateSubresources(version, field))
    }
    errors.push(...validateSelectable(version, `${own}.selectableFields`))
    const { deprecated = false, deprecationWarning } = version
    if (deprecationWarning !== undefined) {
      const field = `${own}.deprecationWarning`
      if (!deprecated) {
        errors.push(
          invalidValue(field, deprecationWarning, 'can only be set for deprecated versions'),
        )
      } else if (deprecationWarning === '') {
        errors.push(
          invalidValue(field, '', 'must not be empty, have leading or trailing whitespace'),
        )
      } else if (deprecationWarning.length > 256) {
        errors.push(invalidValue(field, deprecationWarning, 'must be <= 256 characters in length'))
      }
    }
  }
  return errors
}

/** What rules cost is told once there is nothing else wrong. */
function validateSchema(
  { name, schema }: CustomResourceDefinitionVersion,
  old: CustomResourceDefinitionSpec | null,
  path: string,
): readonly FieldError[] {
  const { openAPIV3Schema } = schema ?? {}
  if (openAPIV3Schema === undefined) return []
  // What is stored may stay: an older server may have asked less of it.
  const before = old?.versions.find(version => version.name === name)?.schema?.openAPIV3Schema
  if (before !== undefined && sameJson(before, openAPIV3Schema)) return []
  const errors = validateStructure(openAPIV3Schema, path)
  return errors.length > 0 ? errors : validateRuleCosts(openAPIV3Schema, path)
}

function shownVersions(versions: readonly CustomResourceDefinitionVersion[]): readonly string[] {
  return versions.map(version => version.name)
}

function shares(
  versions: readonly CustomResourceDefinitionVersion[],
  part: (version: CustomResourceDefinitionVersion) => unknown,
): boolean {
  const [first] = versions
  return first !== undefined && versions.every(version => sameJson(part(version), part(first)))
}

function validateColumns(
  columns: readonly CustomResourceColumnDefinition[],
  field: string,
): FieldError[] {
  return columns.flatMap((column, index) => {
    const at = `${field}.additionalPrinterColumns[${index}]`
    const errors: FieldError[] = []
    if (column.name === '') errors.push(required(`${at}.name`))
    if (column.type === '') {
      const text = `must be one of ${columnTypes.join(',')}`
      errors.push(required(`${at}.type`, text))
    } else if (!columnTypes.some(type => type === column.type)) {
      const text = `must be one of ${columnTypes.join(',')}`
      errors.push(invalidValue(`${at}.type`, column.type, text))
    }
    const { format = '' } = column
    if (format !== '' && !columnFormats.includes(format)) {
      const text = `must be one of ${columnFormats.join(',')}`
      errors.push(invalidValue(`${at}.format`, format, text))
    }
    errors.push(...validatePath(column.jsonPath, `${at}.jsonPath`, false))
    return errors
  })
}

/** `simple`: fields only, no lists. */
function validatePath(path: string, field: string, simple: boolean): FieldError[] {
  if (path === '') return [required(field)]
  const parsed = parseJsonPath(path)
  if (parsed === null || !/^[.[$]/.test(path)) {
    return [invalidValue(field, path, 'must be a simple json path starting with .')]
  }
  if (simple && (fieldNames(parsed) === null || !path.startsWith('.'))) {
    return [invalidValue(field, path, 'must be a json path without array')]
  }
  return []
}

function validateSubresources(
  { subresources }: CustomResourceDefinitionVersion,
  field: string,
): FieldError[] {
  const scale = subresources?.scale
  if (scale === undefined) return []
  const under = (name: string, path: string, roots: readonly string[]): FieldError[] => {
    const at = `${field}.scale.${name}`
    const wrong = validatePath(path, at, true)
    if (wrong.length > 0) return wrong
    const root = roots.find(one => path.startsWith(`${one}.`))
    const text = `should be a json path under ${roots.join(' or ')}`
    return root === undefined ? [invalidValue(at, path, text)] : []
  }
  return [
    ...under('specReplicasPath', scale.specReplicasPath, ['.spec']),
    ...under('statusReplicasPath', scale.statusReplicasPath, ['.status']),
    ...(scale.labelSelectorPath === undefined || scale.labelSelectorPath === ''
      ? []
      : under('labelSelectorPath', scale.labelSelectorPath, ['.spec', '.status'])),
  ]
}

function validateSelectable(version: CustomResourceDefinitionVersion, field: string): FieldError[] {
  const fields = version.selectableFields ?? []
  const errors: FieldError[] = []
  if (fields.length > selectableFieldsMax) {
    const message = `Too many: ${fields.length}: must have at most ${selectableFieldsMax} items`
    errors.push({ reason: 'FieldValueTooMany', field, message })
  }
  const seen = new Set<string>()
  for (const [index, { jsonPath }] of fields.entries()) {
    const at = `${field}[${index}].jsonPath`
    const wrong = validatePath(jsonPath, at, true)
    errors.push(...wrong)
    if (wrong.length > 0) continue
    if (seen.has(jsonPath)) errors.push(duplicate(at, jsonPath))
    seen.add(jsonPath)
    const names = fieldNames(parseJsonPath(jsonPath) ?? []) ?? []
    if (names[0] === 'metadata') {
      errors.push(invalidValue(at, jsonPath, 'must not point to fields in metadata'))
      continue
    }
    const target = schemaAt(version.schema?.openAPIV3Schema, names)
    if (target === null) {
      errors.push(invalidValue(at, jsonPath, 'does not refer to a valid field'))
    } else if (!['string', 'integer', 'boolean'].includes(target.type ?? '')) {
      const text =
        'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.'
      errors.push(invalidValue(at, jsonPath, text))
    }
  }
  return errors
}

function schemaAt(
  root: JSONSchemaProps | undefined,
  names: readonly string[],
): JSONSchemaProps | null {
  let schema = root
  for (const name of names) schema = schema === undefined ? undefined : propertyOf(schema, name)
  return schema ?? null
}

function validateConversion(conversion: CustomResourceConversion): FieldError[] {
  const field = 'spec.conversion'
  const strategies = ['None', 'Webhook']
  const { strategy, webhook } = conversion
  if (strategy === '') return [required(`${field}.strategy`)]
  if (!strategies.includes(strategy)) {
    return [notSupported(`${field}.strategy`, strategy, strategies)]
  }
  if (strategy === 'None') {
    if (webhook === undefined) return []
    return [
      forbiddenField(`${field}.webhook`, 'should not be set when strategy is not set to Webhook'),
    ]
  }
  const config = webhook?.clientConfig
  if (webhook === undefined || config === undefined) {
    const text = 'required when strategy is set to Webhook'
    return [required(`${field}.webhook.clientConfig`, text)]
  }
  const at = `${field}.webhook.clientConfig`
  const errors = validateWebhookClient(config, at)
  return [...errors, ...validateReviewVersions(webhook.conversionReviewVersions)]
}

function validateReviewVersions(versions: readonly string[]): FieldError[] {
  const field = 'spec.conversion.conversionReviewVersions'
  if (versions.length === 0) return [required(field)]
  const errors: FieldError[] = []
  const seen = new Set<string>()
  for (const [index, version] of versions.entries()) {
    if (seen.has(version)) {
      errors.push(invalidValue(`${field}[${index}]`, version, 'duplicate version'))
    }
    seen.add(version)
    errors.push(...invalidFor(`${field}[${index}]`, version, dns1035(version)))
  }
  if (!versions.includes('v1') && !versions.includes('v1beta1')) {
    const text = 'must include at least one of v1, v1beta1'
    errors.push(invalidValue(field, versions, text))
  }
  return errors
}

function validateUpdate(
  { spec, status }: CustomResourceDefinition,
  old: CustomResourceDefinition,
): FieldError[] {
  const errors: FieldError[] = []
  const immutable = (field: string, value: string, before: string): void => {
    if (value !== before) errors.push(invalidValue(field, value, immutableText))
  }
  const established = (old.status?.conditions ?? []).some(
    condition => condition.type === 'Established' && condition.status === 'True',
  )
  if (established) {
    immutable('spec.scope', spec.scope, old.spec.scope)
    immutable('spec.names.kind', spec.names.kind, old.spec.names.kind)
  }
  immutable('spec.group', spec.group, old.spec.group)
  immutable('spec.names.plural', spec.names.plural, old.spec.names.plural)
  const served = new Set(spec.versions.map(version => version.name))
  for (const [index, name] of (status?.storedVersions ?? []).entries()) {
    if (served.has(name)) continue
    const text = `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`
    errors.push(invalidValue(`status.storedVersions[${index}]`, name, text))
  }
  return errors
}

function validateStored({ spec, status }: CustomResourceDefinition): FieldError[] {
  const stored = status?.storedVersions
  if (stored === undefined) return []
  const storage = spec.versions.find(version => version.storage)?.name
  if (storage === undefined || stored.includes(storage)) return []
  const text = `must have the storage version ${storage}`
  return [invalidValue('status.storedVersions', stored, text)]
}
