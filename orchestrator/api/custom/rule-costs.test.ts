// Costs are those that Kubernetes has for the same schema and rule: a definition that is accepted there is accepted here.

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { estimateCost } from '../cel/cost-estimate.js'
import { dynType } from '../cel/cost-sizes.js'
import type { JSONSchemaProps } from '../types/apiextensions.js'
import { ruleLanguage } from './rule-language.js'
import { ruleCostMax, schemaCostMax, validateRuleCosts } from './rule-costs.js'
import { SchemaSizes } from './schema-sizes.js'

function costOf(schema: JSONSchemaProps, rule: string): number {
  // Not the root of an object, which has fields of its own.
  const type = new SchemaSizes({ type: 'object' }).of(schema) ?? dynType
  const variables = new Map([
    ['self', type],
    ['oldSelf', type],
  ])
  return estimateCost(ruleLanguage.compile(rule).tree, type, variables)
}

type Maker = (most?: number) => JSONSchemaProps

const limited = (name: 'maxItems' | 'maxLength' | 'maxProperties', most?: number) =>
  most === undefined ? {} : { [name]: most }
const formats: Readonly<Record<string, JSONSchemaProps>> = {
  date: { type: 'string', format: 'date' },
  'date-time': { type: 'string', format: 'date-time' },
  duration: { type: 'string', format: 'duration' },
  'int-or-string': { 'x-kubernetes-int-or-string': true },
}
const typed = (name: string): JSONSchemaProps => formats[name] ?? { type: name }

const text: Maker = most => ({ type: 'string', ...limited('maxLength', most) })
const listOf =
  (item: string | JSONSchemaProps): Maker =>
  most => ({
    type: 'array',
    items: typeof item === 'string' ? typed(item) : item,
    ...limited('maxItems', most),
  })
const mapOf =
  (item: string | JSONSchemaProps): Maker =>
  most => ({
    type: 'object',
    additionalProperties: typeof item === 'string' ? typed(item) : item,
    ...limited('maxProperties', most),
  })
const pair: JSONSchemaProps = {
  type: 'object',
  required: ['required'],
  properties: { required: { type: 'string' }, optional: { type: 'string' } },
}
const texts: Maker = most => ({ ...listOf(text(most))(most) })

/** Numbers that fit a request. */
const fitting = 1_572_863

describe('the cost of a rule', () => {
  test.each<readonly [string, Maker, string, number, number, number]>([
    ['numbers', listOf('number'), 'self.all(x, true)', 4718591, 10, 32],
    ['texts', listOf('string'), 'self.all(x, true)', 3145727, 20, 62],
    ['booleans', listOf('boolean'), 'self.all(x, true)', 1887437, 5, 17],
    ['lists', listOf(listOf('number')()), 'self.all(x, true)', 3145727, 100, 302],
    ['objects', listOf(pair), 'self.all(x, true)', 555128, 50, 152],
    ['a map of numbers', mapOf('number'), 'self.all(x, true)', 1348169, 10, 32],
    ['a map of texts', mapOf('string'), 'self.all(x, true)', 1179647, 3, 11],
    ['a map of booleans', mapOf('boolean'), 'self.all(x, true)', 943718, 100, 302],
    ['a field that may be there', mapOf('number'), 'has(self.x)', 1, 100, 1],
    ['a text', text, "self.contains('test')", 314574, 10, 5],
    ['a text', text, "self.startsWith('test')", 2, 15, 2],
    ['a text', text, "self.endsWith('test')", 2, 30, 2],
    ['a text', text, 'size(self + "hello") > size("hello")', 314578, 4, 7],
    ['a number of a list', listOf('number'), 'self[1] == 0.0', 2, 5000, 2],
    ['texts of a list', listOf('string'), 'self[1] == self[1]', 314577, 8, 314577],
    [
      'loops in loops',
      listOf('number'),
      'self.all(x, self.all(y, true))',
      2 + fitting * (3 * fitting + 5),
      10,
      352,
    ],
    [
      'loops in loops in loops',
      listOf('number'),
      'self.all(x, self.all(y, self.all(z, true)))',
      2 + fitting * (5 + fitting * (3 * fitting + 5)),
      10,
      3552,
    ],
    ['a pattern', text, 'self.matches("x")', 314574, 50, 22],
    ['a pattern for nothing', text, '"".matches("(((((((((())))))))))[0-9]")', 7, 10, 7],
    ['no pattern', text, 'self.matches("")', 1, 100, 1],
    [
      'values by keys',
      most => mapOf(text(most))(most),
      'self.all(x, x.contains(self[x]))',
      2752507,
      10,
      72,
    ],
    ['an empty list', listOf('number'), 'self[3] == 0.0', 2, 0, 2],
    ['an empty map', mapOf('number'), 'self["x"] == 0.0', 2, 0, 2],
    ['an empty text', text, 'self == "x"', 2, 0, 1],
    [
      'more than fits',
      listOf('number'),
      'self.all(x, x == 0.0)',
      6291454,
      3 * 1024 * 2048,
      25165826,
    ],
    [
      'fields of values of a map',
      most => listOf(mapOf(pair)(most))(most),
      'self.all(x, x["y"].required == "z")',
      7340027,
      10,
      72,
    ],
    ['numbers or texts', listOf('int-or-string'), 'self.all(x, true)', 4718591, 10, 32],
    ['a number or text', listOf('int-or-string'), 'self[0] == 5', 3, 10, 3],
    ['a boolean of a list', listOf('boolean'), 'self[0] == false', 2, 25, 2],
    ['an object of a list', listOf(pair), 'self[0] == null', 2, 422, 2],
    ['a number below', listOf(listOf('number')()), 'self[0][0] == -1.0', 3, 51, 3],
    ['fields of maps', listOf(mapOf('number')()), 'self.all(x, x.y == 25.2)', 6291452, 12, 74],
    ['a field of a map', listOf(mapOf('number')()), 'self[0].x > 2.0', 4, 3000, 4],
    ['durations', listOf('duration'), 'self.all(x, true)', 2359295, 5, 17],
    ['hours of a duration', listOf('duration'), 'self[0].getHours() == 2', 4, 525, 4],
    ['dates', listOf('date'), 'self.all(x, true)', 725936, 15, 47],
    ['a day', listOf('date'), 'self[2].getDayOfMonth() == 13', 4, 42, 4],
    ['times', listOf('date-time'), 'self.all(x, true)', 428963, 25, 77],
    ['minutes', listOf('date-time'), 'self[2].getMinutes() == 45', 4, 99, 4],
    ['a map of either', mapOf('int-or-string'), 'self.all(x, true)', 1348169, 15, 47],
    ['a map of objects', mapOf(pair), 'self.all(x, true)', 428963, 20, 62],
    ['a map of maps', mapOf(mapOf('number')()), 'self.all(x, true)', 1179647, 10, 32],
    ['a map of lists', mapOf(listOf('number')()), 'self.all(x, true)', 1179647, 25, 77],
    ['a map of durations', mapOf('duration'), 'self.all(x, true)', 1048577, 5, 17],
    ['a map of dates', mapOf('date'), 'self.all(x, true)', 524288, 10, 32],
    ['a map of times', mapOf('date-time'), 'self.all(x, true)', 349526, 25, 77],
    ['what is found', text, "self.find('[0-9]+') == ''", 629147, 10, 11],
    ['what is joined', texts, "self.join(' ') == 'aa bb'", 329853068905, 10, 43],
    ['the order of texts', texts, 'self.isSorted() == true', 329854432052, 10, 52],
    [
      'what is replaced',
      most => ({
        type: 'object',
        properties: { str: text(most), before: text(2), after: text(4) },
      }),
      "self.str.replace(self.before, self.after) == 'does not matter'",
      629154,
      4,
      12,
    ],
    [
      'what is split',
      most => ({ type: 'object', properties: { str: text(most), separator: text(most) } }),
      'self.str.split(self.separator) == []',
      629160,
      10,
      22,
    ],
    ['small letters', text, "self.lowerAscii() == 'lower!'", 314575, 10, 6],
    ['how many there are', mapOf('integer'), 'oldSelf.size() == self.size()', 5, 10, 5],
    ['which time it is', mapOf('date-time'), 'self["a"] == self["b"]', 8, 7, 8],
    ['how long it takes', mapOf('duration'), 'self["c"] == self["d"]', 8, 42, 8],
    [
      'texts that there are',
      most => ({ ...text(most), enum: ['A', 'B', 'C', 'LongValue'] }),
      "self.contains('A')",
      2,
      1000,
      401,
    ],
    [
      'quantities',
      most => ({ 'x-kubernetes-int-or-string': true, ...limited('maxLength', most) }),
      'isQuantity(self)',
      314574,
      20,
      9,
    ],
  ])('about %s: %s', (_, schema, rule, free, most, bound) => {
    expect(costOf(schema(), rule)).toBe(free)
    expect(costOf(schema(most), rule)).toBe(bound)
  })

  // Worked out by hand from how macros are expanded: x ten times, a text of forty bytes.
  const ten = texts(10)
  test.each<readonly [string, number]>([
    ['self.exists(x, true)', 1 + 1 + 10 * 4],
    ['self.exists_one(x, true)', 1 + 2 + 10 * 2],
    ['self.map(x, x).size() == 1', 1 + 11 + 10 * 13 + 1 + 1],
    ['self.map(x, true, x).size() == 1', 1 + 11 + 10 * 13 + 1 + 1],
    ['self.filter(x, true).size() == 1', 1 + 11 + 10 * 13 + 1 + 1],
    ['self.filter(x, true).all(y, y == "a")', 1 + 11 + 130 + 1 + 10 * 5],
    ['self.map(x, x + x).all(y, y.contains("a"))', 1 + 11 + 10 * (12 + 2 + 8) + 1 + 10 * 5],
    ['self.all(i, x, i < 3)', 1 + 1 + 10 * (3 + 2)],
    ['self.exists(i, x, i < 3)', 1 + 1 + 10 * (4 + 2)],
    ['self.transformList(i, x, x).size() == 1', 1 + 11 + 10 * 13 + 2],
    ['self.transformMap(i, x, x).size() == 1', 1 + 31 + 10 * 4 + 2],
    ['cel.bind(n, self, n.size() == n.size())', 10 + 1 + 2 + 2 + 1],
    ['self[?0].optMap(x, x == "a").orValue(true)', 2 * 2 + 13 + (1 + 1) + 1],
    ['self.size() > 1 ? self[0] == "a" : self[1].contains("b")', 3 + (2 + 4)],
    ['"a" in self', 1 + 10],
    ['[1, 2, 3].all(x, x > 0)', 10 + 1 + 3 * (3 + 2)],
    ['sets.contains(self, ["a", "b"])', 1 + 10 + 20 + 1],
    ['!(self == oldSelf)', 1 + 2 + 1],
    ['type(self) == list', 1 + 1 + 1 + 1],
    ['url(self[0]) == url(self[1])', 2 + 4 + 2 + 4 + 4],
    ['quantity(self[0]) == quantity(self[1])', 2 + 4 + 2 + 4 + 1],
    ['ip(self[0]).family() == 4', 2 + 4 + 1 + 1],
    ['cidr(self[0]).containsIP(self[1])', 2 + 4 + 2 + 4 + 4],
    ['!format.dns1123Label().validate(self[0]).hasValue()', 1 + 2 + 4 * 32 + 1 + 1],
  ])('%s is %i', (rule, cost) => {
    expect(costOf(ten, rule)).toBe(cost)
  })
})

test('more room never makes a rule cheaper', () => {
  const rules = [
    'self.all(x, self.exists(y, x == y))',
    'self.map(x, x + x).filter(x, x.contains("a")).size() > 0',
    'self.join(",").split(",").all(x, x.matches("a+"))',
    'self.isSorted() && sets.equivalent(self, oldSelf)',
    'self.exists_one(x, x.replace("a", "bb").find("b+") != "") ? self.size() > 1 : self[0] < self[1]',
    'self.transformMap(i, x, x.lowerAscii()).all(k, v, v in self && k < 3)',
  ]
  const size = fc.integer({ min: 0, max: 5_000 })
  fc.assert(
    fc.property(fc.constantFrom(...rules), size, size, size, size, (rule, a, b, c, d) => {
      const bounded = (items: number, characters: number) =>
        costOf(listOf(text(characters))(items), rule)
      const less = bounded(Math.min(a, b), Math.min(c, d))
      expect(less).toBeLessThanOrEqual(bounded(Math.max(a, b), Math.max(c, d)))
    }),
  )
})

describe('a definition', () => {
  const errors = (schema: JSONSchemaProps) =>
    validateRuleCosts(schema, 'p').map(({ field, message }) => `${field}: ${message}`)
  const object = (properties: Record<string, JSONSchemaProps>): JSONSchemaProps => ({
    type: 'object',
    properties,
  })
  const ruled = (schema: JSONSchemaProps, ...rules: readonly string[]): JSONSchemaProps => ({
    ...schema,
    'x-kubernetes-validations': rules.map(rule => ({ rule })),
  })
  const advice =
    '(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)'
  const nested = 'self.all(x, self.all(y, x == y))'
  const tooDear = (field: string, factor: string) =>
    `${field}: Forbidden: estimated rule cost exceeds budget by factor of ${factor} ${advice}`
  const contributed = (field: string) =>
    `${field}: Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema`
  const total = (factor: string) =>
    `p: Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of ${factor} ${advice}`

  test('with a rule that is too dear is refused, and says by how much', () => {
    const at = 'p.properties[l].x-kubernetes-validations[0].rule'
    expect(errors(object({ l: ruled(texts(), nested) }))).toEqual([
      tooDear(at, 'more than 100x'),
      contributed(at),
      total('more than 100x'),
    ])
    expect(errors(object({ l: ruled(texts(1000), nested) }))).toEqual([
      tooDear(at, '40.5x'),
      contributed(at),
      total('4.1x'),
    ])
    expect(errors(object({ l: ruled(listOf(text(10))(1200), nested) }))).toEqual([
      tooDear(at, '1.296600x'),
    ])
    expect(errors(object({ l: ruled(listOf(text(10))(900), nested) }))).toEqual([])
  })

  test('counts a rule for every value that an object may have', () => {
    const rule = 'self.contains("abc")'
    const many = (items: number, maps?: number) =>
      object({ l: listOf(mapOf(ruled(text(1_000), rule))(maps))(items) })
    expect(errors(many(100, 100))).toEqual([])
    const at = 'p.properties[l].items.additionalProperties.x-kubernetes-validations[0].rule'
    expect(errors(many(1_000, 100))).toEqual([tooDear(at, '4.0x')])
    // Where something is not bounded, as many as fit a request, by their size: even so.
    expect(errors(many(1))).toEqual([tooDear(at, '42.0x'), contributed(at), total('4.2x')])
    expect(errors(object({ l: listOf(ruled(text(1_000), 'self != "a"'))() }))).toEqual([])
  })

  test('has its messages estimated, once each', () => {
    const rules = [
      {
        rule: 'true',
        messageExpression:
          'self[0] + self[1] + self[2] + self[3] + self[4] + self[5] + self[6] + self[7]',
      },
    ]
    const list = { ...texts(), 'x-kubernetes-validations': rules }
    expect(errors(object({ l: list }))).toEqual([
      `p.properties[l].x-kubernetes-validations[0].messageExpression: Forbidden: estimated messageExpression cost exceeds budget by factor of 1.101006x ${advice}`,
    ])
  })

  test('may have rules that together are too many', () => {
    const one = (at: number) => ruled(listOf(text(10))(900 - at), nested)
    const many = (count: number) =>
      object(Object.fromEntries(Array.from({ length: count }, (_, at) => [`l${at}`, one(at)])))
    expect(errors(many(12))).toEqual([])
    const found = errors(many(14))
    expect(found).toEqual([
      ...[0, 1, 2, 3].map(at =>
        contributed(`p.properties[l${at}].x-kubernetes-validations[0].rule`),
      ),
      total('1.006557x'),
    ])
  })

  test('knows how long the names of objects are', () => {
    const rule =
      'self.metadata.name.contains(self.metadata.name) && self.metadata.generateName.contains(self.metadata.generateName)'
    expect(errors(ruled({ type: 'object' }, rule))).toEqual([])
    expect(errors(ruled({ type: 'object' }, 'self.kind.contains(self.kind)'))).toHaveLength(3)
  })

  test('limits are those of Kubernetes', () => {
    expect([ruleCostMax, schemaCostMax]).toEqual([10_000_000, 100_000_000])
  })
})
