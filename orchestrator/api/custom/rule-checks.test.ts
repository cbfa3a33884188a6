import { describe, expect, test } from 'vitest'
import { customResourceDefinition } from '../kinds/apiextensions/custom-resource-definition.js'
import type { KubeObject } from '../object.js'
import type { JSONSchemaProps, ValidationRule } from '../types/apiextensions.js'
import { validateStructure } from './structural-rules.js'
import { validateRules } from './validation-rules.js'

const parts = {
  name: { type: 'string' },
  'a-b': { type: 'object', properties: { c: { type: 'string' } } },
  "it's so": { type: 'string' },
  labels: { type: 'object', additionalProperties: { type: 'string' } },
  list: { type: 'array', maxItems: 3, items: { type: 'string' } },
} satisfies Record<string, JSONSchemaProps>
const withRule = (rule: ValidationRule): JSONSchemaProps => ({
  type: 'object',
  properties: { spec: { type: 'object', properties: parts, 'x-kubernetes-validations': [rule] } },
})
const at = 'p.properties[spec].x-kubernetes-validations[0]'

describe('a rule', () => {
  const errors = (rule: ValidationRule) =>
    validateStructure(withRule(rule), 'p').map(({ field, message }) => `${field}: ${message}`)
  test.each<readonly [ValidationRule, readonly string[]]>([
    [{ rule: ' ' }, [`${at}.rule: Required value: rule is not specified`]],
    [
      { rule: 'true\n&& true' },
      [`${at}.message: Required value: message must be specified if rule contains line breaks`],
    ],
    [{ rule: 'true\n&& true', message: 'no' }, []],
    [
      { rule: 'true', message: ' ' },
      [`${at}.message: Invalid value: " ": must be non-empty if specified`],
    ],
    [
      { rule: 'true', message: 'a\nb' },
      [`${at}.message: Invalid value: "a\\nb": must not contain line breaks`],
    ],
    [
      { rule: 'true', messageExpression: ' ' },
      [`${at}.messageExpression: Required value: messageExpression must be non-empty if specified`],
    ],
    [
      { rule: 'true', messageExpression: '1' },
      [`${at}.messageExpression: Invalid value: "1": messageExpression must evaluate to a string`],
    ],
    [
      { rule: 'true', messageExpression: 'x' },
      [
        `${at}.messageExpression: Invalid value: "x": messageExpression compilation failed: ERROR: <input>:1:1: undeclared reference to 'x' (in container '')\n | x\n | ^`,
      ],
    ],
    [
      { rule: 'true', reason: 'Why' },
      [
        `${at}.reason: Unsupported value: "Why": supported values: "FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"`,
      ],
    ],
    [{ rule: 'true', fieldPath: '.name' }, []],
    [{ rule: 'true', fieldPath: ".a-b['c']" }, []],
    [{ rule: 'true', fieldPath: '.labels.x' }, []],
    [{ rule: 'true', fieldPath: ".it's so" }, []],
    [{ rule: 'true', fieldPath: "['it\\'s so']" }, []],
    [
      { rule: 'true', fieldPath: '. name' },
      [`${at}.fieldPath: Invalid value: ". name": must be a valid path`],
    ],
    [
      { rule: 'true', fieldPath: '.nothing' },
      [`${at}.fieldPath: Invalid value: ".nothing": must be a valid path`],
    ],
    [
      { rule: 'true', fieldPath: '.list[0]' },
      [`${at}.fieldPath: Invalid value: ".list[0]": must be a valid path`],
    ],
    [
      { rule: 'true', fieldPath: 'name' },
      [`${at}.fieldPath: Invalid value: "name": must be a valid path`],
    ],
    [
      { rule: 'true', optionalOldSelf: true },
      [`${at}.optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule`],
    ],
    [{ rule: 'oldSelf.hasValue()', optionalOldSelf: true }, []],
    [{ rule: 'has(self.list[0].size)' }, []],
    [
      { rule: 'has(self.nothing)' },
      [
        `${at}.rule: Invalid value: "has(self.nothing)": compilation failed: ERROR: <input>:1:9: undefined field 'nothing'\n | has(self.nothing)\n | ........^`,
      ],
    ],
  ])('%j', (rule, expected) => {
    expect(errors(rule)).toEqual(expected)
  })

  test('names the field that it is about', () => {
    const field = (fieldPath: string) =>
      validateRules(withRule({ rule: 'false', fieldPath }), { spec: {} }, undefined)[0]?.field
    expect(['.name', ".a-b['c']", '.labels.x', "['labels']['x']"].map(field)).toEqual([
      'spec.name',
      'spec.a-b.c',
      'spec.labels[x]',
      'spec.labels[x]',
    ])
  })
})

describe('a rule about changes', () => {
  const text = { type: 'string', 'x-kubernetes-validations': [{ rule: 'self == oldSelf' }] }
  const inList = (list: JSONSchemaProps): readonly string[] =>
    validateStructure({ type: 'object', properties: { l: list } }, 'p').map(
      ({ field, message }) => `${field}: ${message}`,
    )
  const lost = (field: string, list = 'p.properties[l]') => [
    `${field}.x-kubernetes-validations[0].rule: Invalid value: "self == oldSelf": oldSelf cannot be used on the uncorrelatable portion of the schema within ${list}`,
  ]
  const item = { type: 'object', required: ['k'], properties: { k: { type: 'string' }, v: text } }
  const keyed = { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k'] }
  test('needs something to compare with', () => {
    expect(inList({ type: 'array', items: text })).toEqual(lost('p.properties[l].items'))
    expect(inList({ type: 'array', items: text, 'x-kubernetes-list-type': 'set' })).toEqual(
      lost('p.properties[l].items'),
    )
    expect(inList({ type: 'array', items: item, ...keyed })).toEqual([])
    const below = { type: 'array', items: { type: 'array', items: item, ...keyed } }
    expect(inList(below)).toEqual(lost('p.properties[l].items.items.properties[v]'))
    expect(inList({ type: 'object', additionalProperties: text })).toEqual([])
  })
})

describe('a definition with rules that are too dear', () => {
  const versions = (...schemas: readonly JSONSchemaProps[]) =>
    schemas.map((openAPIV3Schema, index) => ({
      name: `v${index + 1}`,
      served: true,
      storage: index === 0,
      schema: { openAPIV3Schema },
    }))
  const definition = (...schemas: readonly JSONSchemaProps[]): KubeObject =>
    customResourceDefinition.withDefaults({
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'things.x.example', resourceVersion: '1' },
      spec: {
        group: 'x.example',
        scope: 'Namespaced',
        names: { plural: 'things', singular: 'thing', kind: 'Thing', listKind: 'ThingList' },
        versions: versions(...schemas),
      },
      status: { storedVersions: ['v1'] },
    } as unknown as KubeObject)
  const rules = [{ rule: 'self.all(x, self.all(y, x == y))' }]
  const list = { type: 'array', items: { type: 'string' }, 'x-kubernetes-validations': rules }
  const dear = { type: 'object', properties: { l: list } }
  const cheap = { type: 'object', properties: { l: { type: 'string' } } }
  const fields = (next: KubeObject, old: KubeObject | null) =>
    customResourceDefinition.validate(next, old).map(({ field }) => field)
  const schema = 'spec.validation.openAPIV3Schema'
  const rule = `${schema}.properties[l].x-kubernetes-validations[0].rule`

  test('is refused, and kept where it was there before', () => {
    expect(fields(definition(dear), null)).toEqual([rule, rule, schema])
    expect(fields(definition(dear), definition(cheap))).toEqual([rule, rule, schema])
    expect(fields(definition(dear), definition(dear))).toEqual([])
    expect(fields(definition(cheap), definition(dear))).toEqual([])
  })

  test('by the version that has them', () => {
    const second = 'spec.versions[1].schema.openAPIV3Schema'
    expect(fields(definition(cheap, dear), definition(cheap))).toEqual([
      `${second}.properties[l].x-kubernetes-validations[0].rule`,
      `${second}.properties[l].x-kubernetes-validations[0].rule`,
      second,
    ])
  })
})
