// What a schema must keep to so that everything in an object is known to be of one form: a type for
// every field outside of the alternatives, and nothing but checks within them.
// Counterpart: apiserver/schema/validation.go and the schema checks of apiextensions/validation.

import type { FieldError } from '../kind.js'
import type { Json } from '../object.js'
import type { JSONSchemaProps } from '../types/apiextensions.js'
import { forbiddenField, invalidValue, notSupported, required } from '../validation/field-errors.js'
import { withSchemaDefaults } from './defaulting.js'
import { validateListTypes } from './list-types.js'
import { compilePattern } from '../pattern.js'
import { prunedValue } from './pruning.js'
import { RuleChecks } from './rule-checks.js'
import {
  furtherOf,
  isEmbedded,
  isIntOrString,
  itemsOf,
  preservesUnknown,
  propertiesOf,
  propertyOf,
} from './schema-parts.js'
import { validateValue } from './value-validation.js'

const errorsMax = 100
/** Schemas beyond this are refused: every object of the kind would be held against all of it. */
export const schemaNodesMax = 20_000
const depthMax = 100

const types = ['array', 'boolean', 'integer', 'number', 'object', 'string'] as const

const unsupported = [
  '$ref',
  'id',
  'definitions',
  'dependencies',
  'patternProperties',
  'additionalItems',
] as const

export function validateStructure(schema: JSONSchemaProps, path: string): readonly FieldError[] {
  const rules = new StructuralRules(schema)
  rules.root(schema, path)
  return rules.errors
}

class StructuralRules {
  readonly errors: FieldError[] = []
  readonly #rules: RuleChecks
  #nodes = 0

  constructor(root: JSONSchemaProps) {
    this.#rules = new RuleChecks(root)
  }

  #add(...errors: readonly FieldError[]): void {
    for (const error of errors) if (this.errors.length < errorsMax) this.errors.push(error)
  }

  root(schema: JSONSchemaProps, path: string): void {
    const { type = '' } = schema
    if (type === '') this.#add(required(`${path}.type`, 'must not be empty at the root'))
    else if (type !== 'object') {
      this.#add(invalidValue(`${path}.type`, type, 'must be object at the root'))
    }
    if (schema.nullable === true) {
      this.#add(forbiddenField(`${path}.nullable`, 'nullable cannot be true at the root'))
    }
    if (schema.default !== undefined) {
      this.#add(forbiddenField(`${path}.default`, 'must not be set at the root'))
    }
    this.#metadata(schema, path)
    this.#node(schema, path, 0, null)
    if (this.#nodes > schemaNodesMax) {
      this.#add(forbiddenField(path, `must not have more than ${schemaNodesMax} parts`))
    }
  }

  #metadata(schema: JSONSchemaProps, path: string): void {
    const metadata = propertyOf(schema, 'metadata')
    if (metadata === undefined) return
    const at = `${path}.properties[metadata]`
    if (metadata.type !== 'object') {
      this.#add(invalidValue(`${at}.type`, metadata.type ?? '', 'must be object'))
    }
    const others = propertiesOf(metadata).filter(
      ([name]) => name !== 'name' && name !== 'generateName',
    )
    if (others.length > 0 || (metadata.required ?? []).length > 0) {
      const text =
        'must not specify anything other than name and generateName, but metadata is implicitly specified'
      this.#add(forbiddenField(at, text))
    }
  }

  /** `uncorrelated`: see `RuleChecks`. */
  #node(schema: JSONSchemaProps, path: string, depth: number, uncorrelated: string | null): void {
    if (++this.#nodes > schemaNodesMax) return
    if (depth > depthMax) {
      this.#add(forbiddenField(path, `must not be nested deeper than ${depthMax}`))
      return
    }
    this.#unsupported(schema, path)
    this.#type(schema, path)
    this.#object(schema, path)
    this.#lists(schema, path)
    this.#checks(schema, path)
    this.#default(schema, path)
    this.#add(...this.#rules.errors(schema, path, uncorrelated))
    for (const [name, property] of propertiesOf(schema)) {
      const at = `${path}.properties[${name}]`
      if ((property.type ?? '') === '' && !typeless(property)) {
        this.#add(required(`${at}.type`, 'must not be empty for specified object fields'))
      }
      this.#node(property, at, depth + 1, uncorrelated)
    }
    const items = itemsOf(schema)
    if (items !== null) {
      if ((items.type ?? '') === '' && !typeless(items)) {
        this.#add(required(`${path}.items.type`, 'must not be empty for specified array items'))
      }
      // What is new in a list that has no keys cannot be told from what was there.
      const alone =
        schema['x-kubernetes-list-type'] === 'map' ? uncorrelated : (uncorrelated ?? path)
      this.#node(items, `${path}.items`, depth + 1, alone)
    }
    const further = furtherOf(schema)
    if (further !== null && further !== 'any') {
      if ((further.type ?? '') === '' && !typeless(further)) {
        const text = 'must not be empty for specified object fields'
        this.#add(required(`${path}.additionalProperties.type`, text))
      }
      this.#node(further, `${path}.additionalProperties`, depth + 1, uncorrelated)
    }
    this.#junctors(schema, schema, path, depth)
  }

  #type(schema: JSONSchemaProps, path: string): void {
    const { type = '' } = schema
    if (isIntOrString(schema)) {
      if (type !== '') {
        const text = 'must be empty if x-kubernetes-int-or-string is true'
        this.#add(invalidValue(`${path}.type`, type, text))
      }
      if (preservesUnknown(schema)) {
        const text = 'must be false if x-kubernetes-int-or-string is true'
        this.#add(invalidValue(`${path}.x-kubernetes-preserve-unknown-fields`, true, text))
      }
    } else if (type === 'null') {
      const text = 'type cannot be set to null, use nullable as an alternative'
      this.#add(forbiddenField(`${path}.type`, text))
    } else if (type !== '' && !types.some(one => one === type)) {
      this.#add(notSupported(`${path}.type`, type, types))
    }
  }

  #unsupported(schema: JSONSchemaProps, path: string): void {
    for (const name of unsupported) {
      if (schema[name] !== undefined) {
        this.#add(forbiddenField(`${path}.${name}`, `${name} is not supported`))
      }
    }
    if (schema.uniqueItems === true) {
      const text =
        'uniqueItems cannot be set to true since the runtime complexity becomes quadratic'
      this.#add(forbiddenField(`${path}.uniqueItems`, text))
    }
    if (Array.isArray(schema.items)) {
      const text = 'items must be a schema object and not an array'
      this.#add(forbiddenField(`${path}.items`, text))
    }
    if (schema.additionalProperties === false) {
      const text = 'additionalProperties cannot be set to false'
      this.#add(forbiddenField(`${path}.additionalProperties`, text))
    }
    if (furtherOf(schema) !== null && propertiesOf(schema).length > 0) {
      const text = 'additionalProperties and properties are mutual exclusive'
      this.#add(forbiddenField(`${path}.additionalProperties`, text))
    }
    if (schema['x-kubernetes-preserve-unknown-fields'] === false) {
      const text = 'must be true or undefined'
      this.#add(invalidValue(`${path}.x-kubernetes-preserve-unknown-fields`, false, text))
    }
  }

  #object(schema: JSONSchemaProps, path: string): void {
    const { type = '' } = schema
    if (isEmbedded(schema)) {
      const because = 'if x-kubernetes-embedded-resource is true'
      if (type !== 'object') {
        this.#add(invalidValue(`${path}.type`, type, `must be object ${because}`))
      }
      if (propertiesOf(schema).length === 0 && !preservesUnknown(schema)) {
        const text = `must not be empty ${because} without x-kubernetes-preserve-unknown-fields`
        this.#add(required(`${path}.properties`, text))
      }
    }
    const mapType = schema['x-kubernetes-map-type']
    if (mapType === undefined) return
    if (mapType !== 'granular' && mapType !== 'atomic') {
      const field = `${path}.x-kubernetes-map-type`
      this.#add(notSupported(field, mapType, ['granular', 'atomic']))
    }
    if (type !== 'object') {
      const text = 'must be object if x-kubernetes-map-type is specified'
      this.#add(invalidValue(`${path}.type`, type, text))
    }
  }

  #lists(schema: JSONSchemaProps, path: string): void {
    const { type = '' } = schema
    const listType = schema['x-kubernetes-list-type']
    const keys = schema['x-kubernetes-list-map-keys'] ?? []
    const items = itemsOf(schema)
    if (type === 'array' && schema.items === undefined) {
      this.#add(required(`${path}.items`, 'must be specified'))
    }
    if (keys.length > 0 && listType !== 'map') {
      const text = 'must be map if x-kubernetes-list-map-keys is non-empty'
      const field = `${path}.x-kubernetes-list-type`
      if (listType === undefined) this.#add(required(field, text))
      else this.#add(invalidValue(field, listType, text))
    }
    if (listType === undefined) return
    if (listType !== 'atomic' && listType !== 'set' && listType !== 'map') {
      const field = `${path}.x-kubernetes-list-type`
      this.#add(notSupported(field, listType, ['atomic', 'set', 'map']))
      return
    }
    if (type !== 'array') {
      const text = 'must be array if x-kubernetes-list-type is specified'
      this.#add(invalidValue(`${path}.type`, type, text))
    }
    if (listType === 'map') this.#listMap(items, keys, path)
    if (listType === 'set' && items !== null) this.#listSet(items, path)
  }

  #listSet(items: JSONSchemaProps, path: string): void {
    if (items.nullable === true) {
      const text = 'cannot be nullable when x-kubernetes-list-type is set'
      this.#add(forbiddenField(`${path}.items.nullable`, text))
    }
    if (items.type === 'object' && items['x-kubernetes-map-type'] !== 'atomic') {
      const text = 'must be atomic as item of a list with x-kubernetes-list-type=set'
      this.#add(invalidValue(`${path}.items.x-kubernetes-map-type`, null, text))
    }
    const inner = items['x-kubernetes-list-type']
    if (items.type === 'array' && inner !== undefined && inner !== 'atomic') {
      const text = 'must be atomic as item of a list with x-kubernetes-list-type=set'
      this.#add(invalidValue(`${path}.items.x-kubernetes-list-type`, inner, text))
    }
  }

  #listMap(items: JSONSchemaProps | null, keys: readonly string[], path: string): void {
    const field = `${path}.x-kubernetes-list-map-keys`
    if (keys.length === 0) {
      this.#add(required(field, 'must not be empty if x-kubernetes-list-type is map'))
    }
    if (items === null) return
    if (items.type !== 'object') {
      const text = "must be object if parent array's x-kubernetes-list-type is map"
      this.#add(invalidValue(`${path}.items.type`, items.type ?? '', text))
    }
    for (const [index, key] of keys.entries()) {
      const property = propertyOf(items, key)
      if (property === undefined) {
        const text = 'entries must all be names of item properties'
        this.#add(invalidValue(`${field}[${index}]`, key, text))
        continue
      }
      const at = `${path}.items.properties[${key}]`
      if (property.type === 'array' || property.type === 'object') {
        const text = "must be a scalar type if parent array's x-kubernetes-list-type is map"
        this.#add(invalidValue(`${at}.type`, property.type, text))
      }
      if (property.nullable === true) {
        const text = "cannot be nullable if parent array's x-kubernetes-list-type is map"
        this.#add(forbiddenField(`${at}.nullable`, text))
      }
      const present = (items.required ?? []).includes(key) || property.default !== undefined
      if (!present) {
        const text =
          'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property'
        this.#add(required(`${at}.default`, text))
      }
    }
  }

  #checks(schema: JSONSchemaProps, path: string): void {
    const { pattern = '', required: needed = [] } = schema
    if (pattern !== '' && compilePattern(pattern) === null) {
      const text = "must be a valid regular expression, but isn't: error parsing regexp"
      this.#add(invalidValue(`${path}.pattern`, pattern, text))
    }
    if (new Set(needed).size !== needed.length) {
      this.#add(invalidValue(`${path}.required`, needed, 'must not name a field twice'))
    }
  }

  /** A default is what an object may say: nothing to prune, nothing that its schema refuses. */
  #default(schema: JSONSchemaProps, path: string): void {
    const { default: given } = schema
    if (given === undefined) return
    const field = `${path}.default`
    const value: Json = given
    if (prunedValue(schema, value) !== value) {
      this.#add(invalidValue(field, value, 'must not have unknown fields'))
      return
    }
    const filled = withSchemaDefaults(schema, value)
    this.#add(...validateValue(schema, filled, field), ...validateListTypes(schema, filled, field))
  }

  /** `outer`: the schema outside of all alternatives that has the types of what they speak of. */
  #junctors(
    schema: JSONSchemaProps,
    outer: JSONSchemaProps | null,
    path: string,
    depth: number,
  ): void {
    for (const name of ['allOf', 'anyOf', 'oneOf'] as const) {
      for (const [index, one] of (schema[name] ?? []).entries()) {
        this.#alternative(one, outer, `${path}.${name}[${index}]`, depth + 1)
      }
    }
    if (schema.not !== undefined) this.#alternative(schema.not, outer, `${path}.not`, depth + 1)
  }

  #alternative(
    schema: JSONSchemaProps,
    outer: JSONSchemaProps | null,
    path: string,
    depth: number,
  ): void {
    if (++this.#nodes > schemaNodesMax) return
    if (depth > depthMax) {
      this.#add(forbiddenField(path, `must not be nested deeper than ${depthMax}`))
      return
    }
    this.#unsupported(schema, path)
    this.#checks(schema, path)
    const empty = 'must be empty to be structural'
    const typeMayStand = outer !== null && isIntOrString(outer) && /\.(any|all)Of\[/.test(path)
    const { type = '', description = '', title = '' } = schema
    if (type !== '' && !typeMayStand) this.#add(forbiddenField(`${path}.type`, empty))
    if (description !== '') this.#add(forbiddenField(`${path}.description`, empty))
    if (title !== '') this.#add(forbiddenField(`${path}.title`, empty))
    const undefinedText = 'must be undefined to be structural'
    if (schema.default !== undefined) {
      this.#add(forbiddenField(`${path}.default`, undefinedText))
    }
    if (schema.additionalProperties !== undefined) {
      this.#add(forbiddenField(`${path}.additionalProperties`, undefinedText))
    }
    const falseText = 'must be false to be structural'
    if (schema.nullable === true) this.#add(forbiddenField(`${path}.nullable`, falseText))
    for (const name of [
      'x-kubernetes-preserve-unknown-fields',
      'x-kubernetes-embedded-resource',
      'x-kubernetes-int-or-string',
    ] as const) {
      if (schema[name] === true) this.#add(forbiddenField(`${path}.${name}`, falseText))
    }
    for (const name of [
      'x-kubernetes-list-type',
      'x-kubernetes-map-type',
      'x-kubernetes-list-map-keys',
      'x-kubernetes-validations',
    ] as const) {
      if (schema[name] !== undefined) {
        this.#add(forbiddenField(`${path}.${name}`, undefinedText))
      }
    }
    for (const [name, property] of propertiesOf(schema)) {
      const at = `${path}.properties[${name}]`
      const known = outer === null ? undefined : propertyOf(outer, name)
      const further = outer === null ? null : furtherOf(outer)
      const outside = known ?? (further === 'any' ? null : further)
      if (outside === null && outer !== null && further !== 'any' && !preservesUnknown(outer)) {
        const where = outerPath(path, name)
        this.#add(required(where, `because it is defined in ${at}`))
      }
      this.#alternative(property, outside, at, depth + 1)
    }
    const items = itemsOf(schema)
    if (items !== null) {
      const outside = outer === null ? null : itemsOf(outer)
      if (outside === null && outer !== null) {
        const at = path.replace(/\.(?:allOf|anyOf|oneOf)\[\d+\]|\.not/g, '')
        this.#add(required(`${at}.items`, `because it is defined in ${path}.items`))
      }
      this.#alternative(items, outside, `${path}.items`, depth + 1)
    }
    this.#junctors(schema, outer, path, depth)
  }
}

function outerPath(path: string, name: string): string {
  return `${path.replace(/\.(?:allOf|anyOf|oneOf)\[\d+\]|\.not/g, '')}.properties[${name}]`
}

/** Fields whose type something else says, or that may be anything. */
function typeless(schema: JSONSchemaProps): boolean {
  return isIntOrString(schema) || preservesUnknown(schema)
}
