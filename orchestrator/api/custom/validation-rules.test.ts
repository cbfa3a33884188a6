import { describe, expect, test } from 'vitest'
import type { Json } from '../object.js'
import type { JSONSchemaProps, ValidationRule } from '../types/apiextensions.js'
import { ruleLanguage } from './rule-language.js'
import { validateStructure } from './structural-rules.js'
import { validateRules } from './validation-rules.js'

const schemaWith = (rule: ValidationRule): JSONSchemaProps => ({
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      'x-kubernetes-validations': [rule],
      properties: {
        min: { type: 'integer' },
        max: { type: 'integer' },
        name: { type: 'string' },
        'a-b': { type: 'string' },
        since: { type: 'string', format: 'date-time' },
        list: { type: 'array', items: { type: 'string' } },
      },
    },
  },
})
const errors = (rule: ValidationRule, spec: Json, old?: Json) =>
  validateRules(schemaWith(rule), { spec }, old === undefined ? undefined : { spec: old }).map(
    ({ field, message }) => `${field}: ${message}`,
  )

describe('rules', () => {
  test.each<readonly [string, Json]>([
    ['self.min <= self.max', { min: 1, max: 2 }],
    ['!has(self.name) || self.name.startsWith("x")', { name: 'xy' }],
    ['self.a__dash__b == "v"', { 'a-b': 'v' }],
    ['self.list.all(x, x.size() < 3)', { list: ['a', 'b'] }],
    ['self.list.isSorted() && self.list.max() == "b"', { list: ['a', 'b'] }],
    ['self.name.matches("^(a+)+$")', { name: 'aaa' }],
    ['self.name.find("[0-9]+") == "12"', { name: 'a12b3' }],
    ['self.name.findAll("[0-9]+").size() == 2', { name: 'a12b3' }],
    ['[1, 2, 3].sum() == 6', {}],
    ['quantity("1Gi").isGreaterThan(quantity("1G"))', {}],
    ['isIP("10.0.0.1") && !isCIDR("10.0.0.1") && isURL("https://a.example/x")', {}],
    ['url("https://a.example:1/x").getHostname() == "a.example"', {}],
    ['self.since < timestamp("2030-01-01T00:00:00Z")', { since: '2026-01-01T00:00:00Z' }],
  ])('%s holds for %j', (rule, spec) => {
    expect(errors({ rule }, spec)).toEqual([])
  })

  test('a broken one says so at its place', () => {
    const rule = 'self.min <= self.max'
    const spec = { min: 3, max: 2 }
    expect(errors({ rule }, spec)).toEqual([
      'spec: Invalid value: "object": failed rule: self.min <= self.max',
    ])
    expect(errors({ rule, message: 'too small', fieldPath: '.max' }, spec)).toEqual([
      'spec.max: Invalid value: "object": too small',
    ])
    const messageExpression = '"max is " + string(self.max)'
    expect(errors({ rule, messageExpression, reason: 'FieldValueForbidden' }, spec)).toEqual([
      'spec: Forbidden: max is 2',
    ])
    expect(errors({ rule: 'self.name == "x"' }, {})[0]).toMatch(
      /^spec: Invalid value: "object": no such key: name evaluating rule: /,
    )
  })

  test('rules about changes are for changes', () => {
    const rule = 'self.name == oldSelf.name'
    expect(errors({ rule }, { name: 'a' })).toEqual([])
    expect(errors({ rule }, { name: 'a' }, { name: 'a' })).toEqual([])
    expect(errors({ rule }, { name: 'b' }, { name: 'a' })).toHaveLength(1)
    const first = { rule: 'oldSelf.hasValue() || self.min == 1', optionalOldSelf: true }
    expect(errors(first, { min: 2 })).toHaveLength(1)
    expect(errors(first, { min: 2 }, { min: 1 })).toEqual([])
  })

  test('one that would never end is broken off', () => {
    const list = Array.from({ length: 400 }, (_, at) => `${at}`)
    const rule = 'self.list.all(a, self.list.all(b, self.list.all(c, a + b + c != "x")))'
    expect(errors({ rule }, { list })[0]).toContain('cost limit exceeded')
    // The next one has a budget of its own.
    expect(errors({ rule: 'self.list.size() == 400' }, { list })).toEqual([])
  })

  test('what is no rule is refused with its definition', () => {
    const found = (rule: string) =>
      validateStructure(schemaWith({ rule }), 'p').map(error => `${error.field}: ${error.message}`)
    const at = 'p.properties[spec].x-kubernetes-validations[0].rule'
    expect(found('self.min <')[0]).toMatch(/compilation failed: ERROR: /)
    expect(found('nothing == 1')[0]).toMatch(
      /compilation failed: ERROR: <input>:1:1: undeclared reference to 'nothing'/,
    )
    expect(found('1 + 1')).toEqual([
      `${at}: Invalid value: "1 + 1": cel expression must evaluate to a bool`,
    ])
    expect(found('self.min > 0')).toEqual([])
    expect(found('self.mim > 0')).toEqual([
      `${at}: Invalid value: "self.mim > 0": compilation failed: ERROR: <input>:1:5: undefined field 'mim'\n | self.mim > 0\n | ....^`,
    ])
    expect(found('self.min == self.name')[0]).toContain(
      "<input>:1:10: found no matching overload for '_==_' applied to '(int, string)'",
    )
    expect(found('self.list.all(x, x.size() > 0 && x != "a")')).toEqual([])
    expect(found('!has(self.since) || self.since > timestamp("2020-01-01T00:00:00Z")')).toEqual([])
    expect(ruleLanguage.compile('oldSelf == self').names.has('oldSelf')).toBe(true)
  })
})
