import { describe, expect, test } from 'vitest'
import { CelError } from './cel-error.js'
import { celEnvironment } from './environment.js'
import { celOfJson, jsonOfCel } from './json-values.js'
import { Budget } from './metering.js'
import { Language } from './program.js'

const language = new Language(celEnvironment().registerVariable('self', 'dyn'))
const self = celOfJson({
  one: 1,
  half: 0.5,
  text: 'hello',
  list: [1, 2, 3],
  names: ['b', 'a'],
  map: { x: 1, y: 2 },
  nothing: null,
})
const answer = (expression: string) => jsonOfCel(language.compile(expression).run({ self }))

function problem(expression: string): string {
  try {
    return `no problem: ${JSON.stringify(answer(expression))}`
  } catch (error) {
    if (error instanceof CelError) return error.message
    throw error
  }
}

describe('functions', () => {
  test.each([
    // lists and sets
    ['self.list.sum()', 6],
    ['[0.5, 1.0].sum()', 1.5],
    ['self.names.isSorted()', false],
    ['self.names.min() + self.names.max()', 'ab'],
    ['[1, 2, 1].indexOf(1)', 0],
    ['[1, 2, 1].lastIndexOf(1)', 2],
    ['[[1], [2]].indexOf([2])', 1],
    ['sets.contains(self.list, [2, 3])', true],
    ['sets.contains([], [2])', false],
    ['sets.equivalent([1, 2, 2], [2, 1])', true],
    ['sets.intersects(self.list, [9, 3])', true],
    // strings
    ['"täst".charAt(1)', 'ä'],
    ['"😀b".indexOf("b")', 1],
    ['"😀b".substring(1)', 'b'],
    ['"abcabc".indexOf("c", 3)', 5],
    ['"abcabc".lastIndexOf("c")', 5],
    ['"abcabc".lastIndexOf("c", 3)', 2],
    ['"a-b-c".replace("-", "+")', 'a+b+c'],
    ['"a-b-c".replace("-", "+", 1)', 'a+b-c'],
    ['"a,b,c".split(",")', ['a', 'b', 'c']],
    ['"a,b,c".split(",", 2)', ['a', 'b,c']],
    ['self.names.join("/")', 'b/a'],
    ['"ÄB".lowerAscii()', 'Äb'],
    ['"ab".upperAscii()', 'AB'],
    ['" a ".trim()', 'a'],
    ['strings.quote("a\\"b")', '"a\\"b"'],
    [
      '"%s: %d, %.2f, %x, %b, %s %%".format(["n", 3, 1.5, 255, 5, [1, "a"]])',
      'n: 3, 1.50, ff, 101, [1, a] %',
    ],
    // regular expressions
    ['self.text.matches("^h.*o$")', true],
    ['matches(self.text, "l{3}")', false],
    ['"a1b22".find("[0-9]+")', '1'],
    ['"a1b22".findAll("[0-9]+")', ['1', '22']],
    ['"a1b22".findAll("[0-9]+", 1)', ['1']],
    // URLs
    ['has({"a": [{"b": 1}]}.a[0].b) && !has({"a": [{"b": 1}]}.a[0].c)', true],
    ['has([{"b": 1}].map(x, x)[0].b)', true],
    ['has({"a": {"b": 1}}.?a.b) && !has({"a": {"b": 1}}.?z.b)', true],
    ['[{"b": 1}, {"c": 1}].filter(x, has(x.b)).size()', 1],
    ['optional.none() == null || null == optional.of(1)', false],
    ['url("https://u@a.example:81/b c?q=1&q=2")', null],
    ['url("https://a.example:81/b?q=1&q=2").getQuery()', { q: ['1', '2'] }],
    ['url("https://[::1]:81/b").getHostname()', '::1'],
    ['url("https://a.example:81/b").getHost()', 'a.example:81'],
    ['url("https://a.example:81/b").getPort()', '81'],
    ['url("HTTPS://a.example").getScheme()', 'https'],
    ['url("HTTPS://a.example/b") == url("https://a.example/b") && url("/a") != url("/b")', true],
    ['url("/a%20b").getEscapedPath()', '/a%20b'],
    ['isURL("a.example/x") || isURL("https://a b")', false],
    // quantities
    ['quantity("1Gi").isGreaterThan(quantity("1G"))', true],
    ['quantity("1.5").isInteger()', false],
    ['quantity("2k").asInteger()', 2000],
    ['quantity("-1").sign()', -1],
    ['string(quantity("1Gi").add(quantity("1Gi")))', '2Gi'],
    ['string(quantity("3k").sub(1000))', '2k'],
    ['quantity("1000m") == quantity("1")', true],
    ['isQuantity("1x")', false],
    // addresses
    ['ip("10.0.0.1").family()', 4],
    ['ip("::1").isLoopback() && ip("0.0.0.0").isUnspecified()', true],
    ['ip("169.254.1.1").isLinkLocalUnicast() && ip("224.0.0.5").isLinkLocalMulticast()', true],
    ['ip("10.0.0.1").isGlobalUnicast() && !ip("224.0.1.1").isGlobalUnicast()', true],
    ['ip.isCanonical("2001:db8::abcd") && !ip.isCanonical("2001:DB8::ABCD")', true],
    ['isIP("10.0.0.256") || isIP("::ffff:10.0.0.1")', false],
    ['cidr("10.0.0.0/8").containsIP("10.1.2.3")', true],
    ['cidr("10.0.0.0/8").containsIP(ip("11.1.2.3"))', false],
    [
      'cidr("10.0.0.0/8").containsCIDR("10.1.0.0/16") && !cidr("10.0.0.0/16").containsCIDR(cidr("10.0.0.0/8"))',
      true,
    ],
    ['string(cidr("10.1.2.3/8").masked())', '10.0.0.0/8'],
    ['cidr("10.1.2.3/8").prefixLength()', 8],
    ['cidr("10.1.2.3/8").ip() == ip("10.1.2.3")', true],
    // formats
    ['format.dns1123Label().validate("a-b").hasValue()', false],
    ['format.dns1123LabelPrefix().validate("a-").hasValue()', false],
    ['format.named("uuid").value().validate("x").value()', ['does not match the UUID format']],
    ['format.named("nothing").hasValue()', false],
    // versions
    ['semver("1.2.3").isLessThan(semver("1.10.0"))', true],
    ['semver("1.0.0-alpha.2").compareTo(semver("1.0.0-alpha.10"))', -1],
    ['semver("1.0.0").isGreaterThan(semver("1.0.0-rc.1"))', true],
    ['semver("v1.02", true).minor()', 2],
    ['isSemver("v1.2") || isSemver("01.2.3")', false],
    // optional values
    ['self.?z.orValue(5)', 5],
    ['self.?one.optMap(x, x + 1).value()', 2],
    ['self.?z.optMap(x, x + 1).hasValue()', false],
    ['self.?map.optFlatMap(m, m.?x).orValue(0)', 1],
    ['optional.ofNonZeroValue("").hasValue()', false],
    // two variables
    ['self.list.all(i, v, i < v)', true],
    ['self.map.exists(k, v, k == "y" && v == 2)', true],
    ['self.map.existsOne(k, v, v > 0)', false],
    ['self.list.transformList(i, v, i > 0, v * 2)', [4, 6]],
    ['self.map.transformMap(k, v, v + 1)', { x: 2, y: 3 }],
    ['self.map.transformMapEntry(k, v, v > 1, {k + k: v})', { yy: 2 }],
    // objects by name
    ['Object{spec: Object.spec{replicas: 3, ?x: self.?z}}', { spec: { replicas: 3 } }],
    [
      '[JSONPatch{op: "add", path: "/a/" + jsonpatch.escapeKey("b/c"), value: 1}]',
      [{ op: 'add', path: '/a/b~1c', value: 1 }],
    ],
    ['true ? {"Object": "{"} : {}', { Object: '{' }],
    // equality over types
    ['self.one == 1.0 && self.one != "1" && self.nothing == null', true],
  ] as const)('%s', (expression, expected) => {
    if (expected === null) expect(problem(expression)).toMatch(/parse error/)
    else expect(answer(expression)).toEqual(expected)
  })
})

describe('what is wrong reads as it does in Kubernetes', () => {
  test.each([
    [
      'foo == 1',
      "ERROR: <input>:1:1: undeclared reference to 'foo' (in container '')\n | foo == 1\n | ^",
    ],
    [
      '1 + "a"',
      "ERROR: <input>:1:3: found no matching overload for '_+_' applied to '(int, string)'\n | 1 + \"a\"\n | ..^",
    ],
    [
      'self.one.nope()',
      "ERROR: <input>:1:14: undeclared reference to 'nope' (in container '')\n | self.one.nope()\n | .............^",
    ],
    [
      '"a".size(1)',
      "ERROR: <input>:1:9: found no matching overload for 'size' applied to 'string.(int)'\n | \"a\".size(1)\n | ........^",
    ],
    [
      '!1',
      "ERROR: <input>:1:1: found no matching overload for '!_' applied to '(int)'\n | !1\n | ^",
    ],
    [
      'Foo{a: 1}',
      "ERROR: <input>:1:4: undeclared reference to 'Foo' (in container '')\n | Foo{a: 1}\n | ...^",
    ],
    [
      'Object{spec: foo}',
      "ERROR: <input>:1:14: undeclared reference to 'foo' (in container '')\n | Object{spec: foo}\n | .............^",
    ],
    [
      '1 in {"a": 2}',
      "ERROR: <input>:1:3: found no matching overload for '@in' applied to '(int, map(string, int))'\n | 1 in {\"a\": 2}\n | ..^",
    ],
  ])('%s', (expression, text) => {
    expect(problem(expression)).toBe(text)
  })

  test.each([
    ['self.z', 'no such key: z'],
    ['self.list[7] == 1', 'index out of bounds: 7'],
    ['self.one / 0', 'division by zero'],
    ['self.one % 0', 'modulus by zero'],
    ['self.one + self.text', 'no such overload'],
    ['9223372036854775807 + self.one', 'integer overflow'],
    ['self.text.matches("(")', 'Illegal regex: ('],
    ['JSONPatch{kind: 1}', "undefined field 'kind'"],
  ])('%s fails with: %s', (expression, text) => {
    expect(problem(expression)).toBe(text)
  })
})

describe('hostile expressions end', () => {
  const list = Array.from({ length: 400 }, (_, at) => `${at}`)
  const long = 'a'.repeat(200_000)
  const big = celOfJson({ list, long })
  test.each([
    'self.list.all(a, self.list.all(b, self.list.all(c, a + b + c != "x")))',
    'self.list.all(i, a, self.list.all(j, b, self.list.all(k, c, a + b + c != "x")))',
    'self.list.map(a, self.list.map(b, self.list.map(c, 1))).size() == 1',
    'self.list.all(a, self.long.contains("b" + a) || self.long.replace("a", self.long).size() > 0)',
    'self.list.map(a, self.long).join(self.long).size() > 0',
    'self.list.all(a, self.long.matches("(a|b|ab)*c") || true)',
    'self.list.all(a, self.list.all(b, self.list.map(x, x) == self.list.map(x, x)))',
    'cel.bind(l, self.list.map(x, x), cel.bind(m, self.list.map(x, x), l.all(i, l.all(j, l == m))))',
    'self.list.all(a, self.list.all(b, sets.equivalent(self.list, self.list)))',
    'self.list.all(a, self.list.all(b, self.list.transformMap(i, v, v).size() > 0))',
    'self.?list.optMap(l, l.all(a, l.all(b, l.all(c, true)))).value()',
  ])('%s', expression => {
    const program = language.compile(expression)
    expect(() => program.run({ self: big })).toThrow('actual cost limit exceeded')
    // The next one has a budget of its own.
    expect(language.compile('self.list.size() == 400').run({ self: big })).toBe(true)
  })

  test('a list that was made is paid for whenever it is looked through', () => {
    const costOf = (inner: string) => {
      const budget = new Budget(1_000_000)
      const text = `cel.bind(l, self.list.map(x, x), [1,2,3,4,5,6,7,8,9,10].all(i, ${inner}))`
      language.compile(text).run({ self: big }, budget)
      return 1_000_000 - budget.left
    }
    expect(costOf('l == l') - costOf('true')).toBeGreaterThan(10 * 2 * list.length)
  })

  test('all evaluations together have a budget', () => {
    const budget = new Budget(1_000)
    const program = language.compile('self.list.all(a, a != "x")')
    expect(() => program.run({ self: big }, budget)).toThrow('running out of cost budget')
    expect(budget.left).toBeLessThanOrEqual(0)
  })

  test.each([
    `${'('.repeat(2_000)}1${')'.repeat(2_000)}`,
    `[${'1,'.repeat(6_000)}1]`,
    `${'!'.repeat(5_000)}true`,
    `self${'.a'.repeat(6_000)}`,
    `"${'a'.repeat(20_000)}"`,
  ])('what is too deep or too long is not compiled', expression => {
    expect(() => language.compile(expression)).toThrow(CelError)
  })

  test('keys of objects are plain keys', () => {
    expect(problem('{"__proto__": 1}.size() + {"constructor": 2}.size()')).toMatch(/^no problem/)
    expect(problem('self.constructor')).toBe('no such key: constructor')
    expect(problem('self.__proto__')).toBe('no such key: __proto__')
  })
})
