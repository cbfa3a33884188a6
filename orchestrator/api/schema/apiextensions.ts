// CustomResourceDefinitions: how a user adds a kind to the API, and the JSON schema that the kind's
// objects keep to, which contains itself. Counterpart: apiextensions.k8s.io/v1.

import type { FieldSchema, ListSchema, StructSchema, UnionSchema } from '../schema.js'
import {
  always,
  bool,
  bytes,
  field,
  int32,
  int64,
  json,
  keyed,
  list,
  map,
  pointer,
  recursive,
  string,
  struct,
  time,
  typeMeta,
} from '../schema.js'
import { objectMeta } from './meta.js'

const prefix = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1'

const double: FieldSchema['type'] = { type: 'double' }

export const customResourceColumnDefinition: StructSchema = struct(
  `${prefix}.CustomResourceColumnDefinition`,
  {
    name: always(1, string, { required: true }),
    type: always(2, string, { required: true }),
    format: field(3, string),
    description: field(4, string),
    priority: field(5, int32),
    jsonPath: always(6, string, { required: true }),
  },
)

export const serviceReference: StructSchema = struct(`${prefix}.ServiceReference`, {
  namespace: always(1, string, { required: true }),
  name: always(2, string, { required: true }),
  path: pointer(3, string),
  port: pointer(4, int32),
})

export const webhookClientConfig: StructSchema = struct(`${prefix}.WebhookClientConfig`, {
  service: pointer(1, serviceReference),
  caBundle: field(2, bytes),
  url: pointer(3, string),
})

export const webhookConversion: StructSchema = struct(`${prefix}.WebhookConversion`, {
  clientConfig: pointer(2, webhookClientConfig),
  conversionReviewVersions: always(3, list(string), { required: true }),
})

export const customResourceConversion: StructSchema = struct(`${prefix}.CustomResourceConversion`, {
  strategy: always(1, string, { required: true }),
  webhook: pointer(2, webhookConversion),
})

export const customResourceDefinitionNames: StructSchema = struct(
  `${prefix}.CustomResourceDefinitionNames`,
  {
    plural: always(1, string, { required: true }),
    singular: field(2, string),
    shortNames: field(3, list(string)),
    kind: always(4, string, { required: true }),
    listKind: field(5, string),
    categories: field(6, list(string)),
  },
)

export const validationRule: StructSchema = struct(`${prefix}.ValidationRule`, {
  rule: always(1, string, { required: true }),
  message: field(2, string),
  messageExpression: field(3, string),
  reason: pointer(4, string),
  fieldPath: field(5, string),
  optionalOldSelf: pointer(6, bool),
})

export const externalDocumentation: StructSchema = struct(`${prefix}.ExternalDocumentation`, {
  description: field(1, string),
  url: field(2, string),
})

export const jsonSchemaProps: StructSchema = recursive(`${prefix}.JSONSchemaProps`, () => {
  const schemas: ListSchema = list(jsonSchemaProps)
  return {
    id: field(1, string),
    $schema: field(2, string),
    $ref: pointer(3, string),
    description: field(4, string),
    type: field(5, string),
    format: field(6, string),
    title: field(7, string),
    default: pointer(8, json),
    maximum: pointer(9, double),
    exclusiveMaximum: field(10, bool),
    minimum: pointer(11, double),
    exclusiveMinimum: field(12, bool),
    maxLength: pointer(13, int64),
    minLength: pointer(14, int64),
    pattern: field(15, string),
    maxItems: pointer(16, int64),
    minItems: pointer(17, int64),
    uniqueItems: field(18, bool),
    multipleOf: pointer(19, double),
    enum: field(20, list(json)),
    maxProperties: pointer(21, int64),
    minProperties: pointer(22, int64),
    required: field(23, list(string)),
    items: pointer(24, union('JSONSchemaPropsOrArray', false, schemas)),
    allOf: field(25, schemas),
    oneOf: field(26, schemas),
    anyOf: field(27, schemas),
    not: pointer(28, jsonSchemaProps),
    properties: field(29, map(jsonSchemaProps)),
    additionalProperties: pointer(30, union('JSONSchemaPropsOrBool', true, null)),
    patternProperties: field(31, map(jsonSchemaProps)),
    dependencies: field(32, map(union('JSONSchemaPropsOrStringArray', false, list(string)))),
    additionalItems: pointer(33, union('JSONSchemaPropsOrBool', true, null)),
    definitions: field(34, map(jsonSchemaProps)),
    externalDocs: pointer(35, externalDocumentation),
    example: pointer(36, json),
    nullable: field(37, bool),
    'x-kubernetes-preserve-unknown-fields': pointer(38, bool),
    'x-kubernetes-embedded-resource': field(39, bool),
    'x-kubernetes-int-or-string': field(40, bool),
    'x-kubernetes-list-map-keys': field(41, list(string)),
    'x-kubernetes-list-type': pointer(42, string),
    'x-kubernetes-map-type': pointer(43, string),
    'x-kubernetes-validations': field(44, keyed(validationRule, 'rule'), { mergeKey: 'rule' }),
  }
})

function union(name: string, ofBool: boolean, ofList: ListSchema | null): UnionSchema {
  return {
    type: 'union',
    name: `${prefix}.${name}`,
    bool: ofBool,
    list: ofList,
    struct: jsonSchemaProps,
  }
}

export const customResourceValidation: StructSchema = struct(`${prefix}.CustomResourceValidation`, {
  openAPIV3Schema: pointer(1, jsonSchemaProps),
})

export const customResourceSubresourceStatus: StructSchema = struct(
  `${prefix}.CustomResourceSubresourceStatus`,
  {},
)

export const customResourceSubresourceScale: StructSchema = struct(
  `${prefix}.CustomResourceSubresourceScale`,
  {
    specReplicasPath: always(1, string, { required: true }),
    statusReplicasPath: always(2, string, { required: true }),
    labelSelectorPath: pointer(3, string),
  },
)

export const customResourceSubresources: StructSchema = struct(
  `${prefix}.CustomResourceSubresources`,
  {
    status: pointer(1, customResourceSubresourceStatus),
    scale: pointer(2, customResourceSubresourceScale),
  },
)

export const selectableField: StructSchema = struct(`${prefix}.SelectableField`, {
  jsonPath: always(1, string, { required: true }),
})

export const customResourceDefinitionVersion: StructSchema = struct(
  `${prefix}.CustomResourceDefinitionVersion`,
  {
    name: always(1, string, { required: true }),
    served: always(2, bool, { required: true }),
    storage: always(3, bool, { required: true }),
    schema: pointer(4, customResourceValidation),
    subresources: pointer(5, customResourceSubresources),
    additionalPrinterColumns: field(6, list(customResourceColumnDefinition)),
    deprecated: field(7, bool),
    deprecationWarning: pointer(8, string),
    selectableFields: field(9, list(selectableField)),
  },
)

export const customResourceDefinitionSpec: StructSchema = struct(
  `${prefix}.CustomResourceDefinitionSpec`,
  {
    group: always(1, string, { required: true }),
    names: always(3, customResourceDefinitionNames, { required: true }),
    scope: always(4, string, { required: true }),
    versions: always(7, list(customResourceDefinitionVersion), { required: true }),
    conversion: pointer(9, customResourceConversion),
    preserveUnknownFields: field(10, bool),
  },
)

export const customResourceDefinitionCondition: StructSchema = struct(
  `${prefix}.CustomResourceDefinitionCondition`,
  {
    type: always(1, string, { required: true }),
    status: always(2, string, { required: true }),
    lastTransitionTime: field(3, time),
    reason: field(4, string),
    message: field(5, string),
    observedGeneration: field(6, int64),
  },
)

export const customResourceDefinitionStatus: StructSchema = struct(
  `${prefix}.CustomResourceDefinitionStatus`,
  {
    conditions: field(1, keyed(customResourceDefinitionCondition, 'type')),
    acceptedNames: field(2, customResourceDefinitionNames),
    storedVersions: field(3, list(string)),
    observedGeneration: field(4, int64),
  },
)

export const customResourceDefinition: StructSchema = struct(
  `${prefix}.CustomResourceDefinition`,
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: always(2, customResourceDefinitionSpec, { required: true }),
    status: field(3, customResourceDefinitionStatus),
  },
  { description: 'A kind that a user adds to the API.' },
)
