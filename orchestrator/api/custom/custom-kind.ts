// The kinds that a CustomResourceDefinition stands for, one a served version, as descriptions like
// those of the built-in kinds. Counterpart: apiextensions' customresource_handler, which builds a
// storage for each. Pure: conversion by webhook is the API server's.

import { sameJson } from '../equality.js'
import type { CheckedShape, FieldError, Kind } from '../kind.js'
import { ordinary } from '../kinds/kind-parts.js'
import type { Json, JsonObject, KubeObject } from '../object.js'
import { dns1123Subdomain } from '../validation/names.js'
import { validateObjectName } from '../validation/metadata.js'
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
  JSONSchemaProps,
} from '../types/apiextensions.js'
import { Conversions } from './conversions.js'
import { withSchemaDefaults } from './defaulting.js'
import { conditionIs } from './definition-status.js'
import { fieldNames, parseJsonPath, valuesAt } from './json-path.js'
import { mergeSchema } from './merge-schema.js'
import { validateCustomObject } from './object-validation.js'
import { printerColumns } from './printer-columns.js'
import { prunedObject } from './pruning.js'
import { publishedSchema } from './published-schema.js'
import { byVersionPriority } from './version-priority.js'

/** Empty until the definition's names are accepted. The preferred version comes first. */
export function customKinds(definition: CustomResourceDefinition): readonly Kind[] {
  if (!conditionIs(definition, 'Established', 'True')) return []
  const storage = definition.spec.versions.find(version => version.storage)
  if (storage === undefined) return []
  const webhook = definition.spec.conversion?.webhook ?? null
  const shared: Shared = {
    definition,
    conversions: new Conversions(
      definition.spec.conversion?.strategy === 'Webhook' ? webhook : null,
    ),
    schemas: new Map(
      definition.spec.versions.map(version => [apiVersion(definition, version), schemaOf(version)]),
    ),
  }
  // As objects are kept. The version that they are written in has checked them.
  const kept: Kind = { ...bareKind(shared, storage), validate: () => [] }
  return definition.spec.versions
    .filter(version => version.served)
    .toSorted((a, b) => byVersionPriority(a.name, b.name))
    .map(version => servedKind(shared, version, kept))
}

interface Shared {
  readonly definition: CustomResourceDefinition
  readonly conversions: Conversions
  readonly schemas: ReadonlyMap<string, JSONSchemaProps>
}

function apiVersion(
  { spec }: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
): string {
  return `${spec.group}/${version.name}`
}

function schemaOf(version: CustomResourceDefinitionVersion): JSONSchemaProps {
  return version.schema?.openAPIV3Schema ?? { 'x-kubernetes-preserve-unknown-fields': true }
}

/** The same value where there was nothing to drop or to add. */
function asRead(schema: JSONSchemaProps | undefined, object: KubeObject): KubeObject {
  if (schema === undefined) return object
  const pruned = prunedObject(schema, asJson(object)).object
  const filled = withSchemaDefaults(schema, pruned)
  return sameJson(filled, object) ? object : asObject(filled)
}

function asJson(object: KubeObject): JsonObject {
  return object as unknown as JsonObject
}

function asObject(json: JsonObject): KubeObject {
  return json as unknown as KubeObject
}

function servedKind(shared: Shared, version: CustomResourceDefinitionVersion, kept: Kind): Kind {
  const { conversions, definition, schemas } = shared
  const own = apiVersion(definition, version)
  const stored = apiVersion(definition, { ...version, name: kept.version })
  const read = new WeakMap<KubeObject, KubeObject>()
  return {
    ...bareKind(shared, version),
    storedAs: {
      kind: kept,
      toStored: object => conversions.convert(object, stored),
      fromStored: object => {
        const known = read.get(object)
        if (known !== undefined) return known
        // Defaults may have come, and fields gone, since the object was written.
        const current = cachedRead(shared, object)
        const served = asRead(schemas.get(own), conversions.convert(current, own))
        read.set(object, served)
        return served
      },
    },
  }
}

const currentForms = new WeakMap<KubeObject, WeakMap<Shared, KubeObject>>()

/** One value for each stored object, so that what a webhook says of it is found again. */
function cachedRead(shared: Shared, object: KubeObject): KubeObject {
  const forms = currentForms.get(object) ?? new WeakMap<Shared, KubeObject>()
  currentForms.set(object, forms)
  const form = forms.get(shared) ?? asRead(shared.schemas.get(object.apiVersion), object)
  forms.set(shared, form)
  return form
}

function bareKind(shared: Shared, version: CustomResourceDefinitionVersion): Kind {
  const { definition, conversions } = shared
  const { group, scope } = definition.spec
  const names = definition.status?.acceptedNames ?? definition.spec.names
  const schema = schemaOf(version)
  const { scale, status } = version.subresources ?? {}
  const reversed = group.split('.').toReversed().join('.')
  return {
    ...ordinary,
    group,
    version: version.name,
    kind: names.kind,
    plural: names.plural,
    singular: names.singular ?? names.kind.toLowerCase(),
    listKind: names.listKind ?? `${names.kind}List`,
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    namespaced: scope === 'Namespaced',
    schema: mergeSchema(`${reversed}.${version.name}.${names.kind}`, schema),
    hasStatus: status !== undefined,
    hasGeneration: true,
    writes: {
      initialStatus: 'given',
      metadataWithStatus: [],
      ...(status === undefined ? {} : { onCreate: withoutStatus }),
    },
    scale:
      scale === undefined
        ? null
        : {
            specReplicasPath: dotted(scale.specReplicasPath),
            statusReplicasPath: dotted(scale.statusReplicasPath),
            selectorPath: dotted(scale.labelSelectorPath ?? ''),
          },
    columns: printerColumns(version.additionalPrinterColumns),
    fieldSelectors: Object.fromEntries(
      (version.selectableFields ?? []).map(({ jsonPath }) => {
        const path = parseJsonPath(jsonPath) ?? []
        return [
          dotted(jsonPath),
          (object: KubeObject) => scalarText(valuesAt(path, asJson(object))[0]),
        ]
      }),
    ),
    checkShape: (value: Json): CheckedShape => prunedObject(schema, value),
    withDefaults: (object: KubeObject) => asObject(withSchemaDefaults(schema, asJson(object))),
    validate: (object: KubeObject, old: KubeObject | null): readonly FieldError[] => [
      ...validateObjectName(object, dns1123Subdomain),
      ...validateCustomObject(schema, object, old),
    ],
    custom: {
      definition: definition.metadata.name ?? '',
      conversions,
      openApi: publishedSchema(schema),
      terminating: conditionIs(definition, 'Terminating', 'True'),
      deprecation:
        version.deprecated === true
          ? (version.deprecationWarning ?? `${group}/${version.name} ${names.kind} is deprecated`)
          : null,
    },
  }
}

function withoutStatus(object: KubeObject): KubeObject {
  const { status: _, ...rest } = asJson(object)
  return asObject(rest)
}

/** `.spec.replicas` as `spec.replicas`. */
function dotted(path: string): string {
  return (fieldNames(parseJsonPath(path) ?? []) ?? []).join('.')
}

function scalarText(value: Json | undefined): string {
  if (value === undefined || value === null) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}
